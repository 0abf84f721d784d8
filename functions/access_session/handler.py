"""HTTP GET, POST, DELETE /v1/session -> people signed in to the console by a cookie, told who they are, signed out."""

import secrets
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access.attempts import refuse_too_many
from opsloop.access.authorize import authenticate, parse_token
from opsloop.access.cookie import SESSION, set_cookie
from opsloop.access.issue import KEY_ID_BYTES, SECRET_BYTES
from opsloop.access.model import ApiKey, Scope, role_of
from opsloop.access.session import csrf_token, refuse_foreign, session_of_key
from opsloop.adapters.access_table import AccessTable
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError, OpsloopError, UnauthenticatedError
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response, problem
from opsloop.runtime.settings import read_settings


@dataclass(frozen=True)
class Settings:
    access_table: str
    session_hours: int = 12  # after which people sign in again, whatever they do
    sign_in_failures_per_minute: int = 10  # from one network address


def refuse(error: OpsloopError, request: Request) -> Response:
    """Return the problem; to whom is not signed in, with the ways to sign in."""
    extra = {"sign_in": ways_to_sign_in()} if isinstance(error, UnauthenticatedError) else {}
    return problem(error, request, extra)


settings = read_settings(Settings)
table = AccessTable(settings.access_table)
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(table.find), logger, metrics, render_error=refuse)
lambda_handler = api.lambda_handler


@api.route("GET", "/v1/session", scope=Scope.READ, query=())
def show(request: Request) -> Response:
    """Answer who the caller is and may be, and what proves that a page of ours asks; 401 tells how to sign in."""
    return json_response(describe(_of(request), request.csrf_token))


@api.route("POST", "/v1/session", scope=None, query=())
def sign_in(request: Request) -> Response:
    """Open a session with a key and set its cookie, the only place where its token is."""
    refuse_foreign(request.headers)
    refuse_too_many(
        table.failures(request.address, request.now), request.now, limit=settings.sign_in_failures_per_minute
    )
    wish = request.json()
    if wish.keys() != {"key"} or not isinstance(wish["key"], str):
        raise InvalidInputError('body: expected {"key": "opsloop_..."} and nothing else')
    try:
        parent = _opened(wish["key"].strip(), request)
    except UnauthenticatedError:
        table.add_failure(request.address, request.now)
        metrics.add_metric(name="SignInsRefused", unit=MetricUnit.Count, value=1)
        raise
    session, token = session_of_key(
        parent,
        randomness=secrets.token_bytes(KEY_ID_BYTES + SECRET_BYTES),
        now=request.now,
        lasts=timedelta(hours=settings.session_hours),
    )
    return _begun(session, token, request, status=201)


@api.route("DELETE", "/v1/session", scope=Scope.READ, query=())
def sign_out(request: Request) -> Response:
    """End the caller's session and take its cookie away."""
    session = _of(request)
    if session.origin is None:
        raise InvalidInputError("this is a key, not a session: DELETE /v1/keys/{key_id} revokes keys")
    table.end_session(session.key_id, request.now)
    metrics.add_metric(name="SessionsEnded", unit=MetricUnit.Count, value=1)
    return Response(204, cookies=(set_cookie(SESSION, "", request.headers, max_age_s=0),))


def ways_to_sign_in() -> dict[str, bool]:
    """Return how people can sign in here."""
    return {"key": True, "oidc": False}


def describe(key: ApiKey, csrf: str) -> dict[str, Any]:
    """Return what the API tells a caller of itself; ``csrf_token`` is None for a key in a header, which needs none."""
    role = role_of(key.scopes)
    return {
        "role": role.value if role else None,
        "scopes": sorted(key.scopes),
        "name": key.name,
        "key_id": key.key_id,
        "parent_id": key.origin.parent_id or None if key.origin else None,
        "expires_at": format_time(key.expires_at) if key.expires_at else None,
        "csrf_token": csrf or None,
        "sign_in": ways_to_sign_in(),
    }


def _of(request: Request) -> ApiKey:
    assert request.key is not None  # noqa: S101 -- the route has a scope
    return request.key


def _opened(token: str, request: Request) -> ApiKey:
    """Return the valid key of ``token``, read afresh; a session opens no other."""
    parts = parse_token(token)
    if parts is None:
        raise UnauthenticatedError("this is no key of ours: one looks like opsloop_<12 letters>_<64 letters>")
    found = table.find(parts[0])
    return authenticate(found if found and found.origin is None else None, parts[1], request.now)


def _begun(session: ApiKey, token: str, request: Request, *, status: int) -> Response:
    """Store a session and answer with it and its cookie."""
    table.add(session)
    metrics.add_metric(name="SessionsBegun", unit=MetricUnit.Count, value=1)
    logger.info("session begun", session_id=session.key_id, holder_id=session.holder_id, scopes=sorted(session.scopes))
    lasts_s = int((session.expires_at - request.now).total_seconds()) if session.expires_at else 0
    cookie = set_cookie(SESSION, token, request.headers, max_age_s=lasts_s)
    answer = json_response(describe(session, csrf_token(token.rpartition("_")[2])), status=status)
    return replace(answer, cookies=(cookie,))
