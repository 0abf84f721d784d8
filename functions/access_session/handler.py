"""HTTP /v1/session, /v1/session/oidc... -> people signed in to the console by a cookie, told who they are, or out."""

import secrets
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access import oidc
from opsloop.access.attempts import refuse_too_many
from opsloop.access.authorize import authenticate, parse_token
from opsloop.access.cookie import SESSION, cookie_name, read_cookie, set_cookie
from opsloop.access.id_token import Person, parse_roles, person_of
from opsloop.access.issue import KEY_ID_BYTES, SECRET_BYTES
from opsloop.access.model import ApiKey, Scope, role_of
from opsloop.access.session import csrf_token, refuse_foreign, session_of_key, session_of_person
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.oidc_provider import OidcProvider
from opsloop.adapters.secret_store import Secrets
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import (
    InvalidInputError,
    NotFoundError,
    OpsloopError,
    ThrottledError,
    TransientError,
    UnauthenticatedError,
)
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request, read_query
from opsloop.runtime.response import Response, json_response, problem
from opsloop.runtime.settings import read_settings


@dataclass(frozen=True)
class Settings:
    access_table: str
    session_hours: int = 12  # after which people sign in again, whatever they do
    sign_in_failures_per_minute: int = 10  # from one network address
    oidc_issuer: str = ""  # the identity provider, as it names itself; empty: people sign in with keys alone
    oidc_client_id: str = ""  # what it calls us
    oidc_redirect_url: str = ""  # where it sends people back to: the API's own /v1/session/oidc/callback
    oidc_secret: str = ""  # the name of the secret that holds our client secret; empty: we have none
    oidc_scopes: str = "openid profile email"  # what we ask it for
    oidc_role_claim: str = "groups"  # the claim that makes the role, or its path such as realm_access.roles
    oidc_roles: str = ""  # which value makes which role, such as on-call=operator,admins=admin; * is everybody


def refuse(error: OpsloopError, request: Request) -> Response:
    """Return the problem; to whom is not signed in, with the ways to sign in."""
    extra = {"sign_in": ways_to_sign_in()} if isinstance(error, UnauthenticatedError) else {}
    return problem(error, request, extra)


settings = read_settings(Settings)
table = AccessTable(settings.access_table)
logger, metrics = Logger(), Metrics()
authenticator = Authenticator(table.find)
api = Api(authenticator, logger, metrics, render_error=refuse)
lambda_handler = api.lambda_handler
client = oidc.Client(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_redirect_url, settings.oidc_scopes)
roles = parse_roles(settings.oidc_role_claim, settings.oidc_roles)
secret_store = Secrets("")
provider = OidcProvider(client, lambda: secret_store.read(settings.oidc_secret) if settings.oidc_secret else "")


@api.route("GET", "/v1/session", scope=Scope.READ, query=())
def show(request: Request) -> Response:
    """Answer who the caller is and may be, and what proves that a page of ours asks; 401 tells how to sign in."""
    return json_response(describe(_of(request), request.csrf_token))


@api.route("POST", "/v1/session", scope=None, query=())
def sign_in(request: Request) -> Response:
    """Open a session with a key and set its cookie, the only place where its token is."""
    refuse_foreign(request.headers)
    _refuse_many(request)
    wish = request.json()
    if wish.keys() != {"key"} or not isinstance(wish["key"], str):
        raise InvalidInputError('body: expected {"key": "opsloop_..."} and nothing else')
    try:
        parent = _opened(wish["key"].strip(), request)
    except UnauthenticatedError:
        _count_refusal(request)
        raise
    session, token = session_of_key(parent, **_fresh(request))
    answer = json_response(describe(session, csrf_token(token.rpartition("_")[2])), status=201)
    return replace(answer, cookies=(_begun(session, token, request),))


@api.route("DELETE", "/v1/session", scope=Scope.READ, query=())
def sign_out(request: Request) -> Response:
    """End the caller's session and take its cookie away."""
    session = _of(request)
    if session.origin is None:
        raise InvalidInputError("this is a key, not a session: DELETE /v1/keys/{key_id} revokes keys")
    table.end_session(session.key_id, request.now)
    authenticator.forget(session.key_id)
    metrics.add_metric(name="SessionsEnded", unit=MetricUnit.Count, value=1)
    return Response(204, cookies=(set_cookie(SESSION, "", request.headers, max_age_s=0),))


@api.route("GET", "/v1/session/oidc", scope=None, query=("to",))
def leave(request: Request) -> Response:
    """Send a browser to the identity provider; it comes back to the page of the console that ``to`` names."""
    _refuse_unconfigured()
    journey = oidc.journey_to(request.text("to", default=oidc.HOME), randomness=secrets.token_bytes(oidc.SECRET_BYTES))
    try:
        there = oidc.way_there(provider.described(), client, journey)
    except OpsloopError as error:
        return _not_signed_in(error, journey.place, request)
    return Response(302, headers={"location": there}, cookies=(_remembered(journey.cookie, request),))


@api.route("GET", "/v1/session/oidc/callback", scope=None)
def come_back(request: Request) -> Response:
    """Open a session for whom the provider says this is, and send the browser on; or to the page that says why not."""
    _refuse_unconfigured()
    place = oidc.HOME
    try:
        _refuse_many(request)
        journey = oidc.journey_of(read_cookie(request.cookies, cookie_name(oidc.COOKIE, request.headers)))
        place = journey.place
        person = _person(request, journey)
    except OpsloopError as error:
        return _not_signed_in(error, place, request)
    session, token = session_of_person(
        person.name, person.role, issuer=client.issuer, subject=person.subject, **_fresh(request)
    )
    cookies = (_begun(session, token, request), _remembered("", request))
    return Response(302, headers={"location": place}, cookies=cookies)


def ways_to_sign_in() -> dict[str, bool]:
    """Return how people can sign in here."""
    return {"key": True, "oidc": bool(settings.oidc_issuer)}


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


def _person(request: Request, journey: oidc.Journey) -> Person:
    """Return whom the provider sent back; raise ``SignInError`` where that is nobody."""
    query = read_query({"rawQueryString": request.raw_query})  # providers send parameters that we do not know
    code = oidc.code_of(query, provider.described(), journey)
    token = provider.redeem(code, journey)
    return person_of(token, client, roles, nonce=journey.nonce, now=request.now)


def _not_signed_in(error: OpsloopError, place: str, request: Request) -> Response:
    """Send a person to ``place``, which says in words why nobody was signed in; the log says it in full."""
    request.facts["refused_because"] = error.message[:500]
    reason = "failed"
    if isinstance(error, oidc.SignInError):
        reason = error.reason
        _count_refusal(request)
    elif isinstance(error, ThrottledError):
        reason = "too_many"
    elif isinstance(error, TransientError):
        reason = "unavailable"
    told = {"location": f"{place}{'&' if '?' in place else '?'}sign_in={reason}"}
    return Response(302, headers=told, cookies=(_remembered("", request),))


def _fresh(request: Request) -> dict[str, Any]:
    """Return what every new session is made with."""
    return {
        "randomness": secrets.token_bytes(KEY_ID_BYTES + SECRET_BYTES),
        "now": request.now,
        "lasts": timedelta(hours=settings.session_hours),
    }


def _begun(session: ApiKey, token: str, request: Request) -> str:
    """Store a session and return its cookie."""
    table.add(session)
    metrics.add_metric(name="SessionsBegun", unit=MetricUnit.Count, value=1)
    logger.info("session begun", session_id=session.key_id, holder_id=session.holder_id, scopes=sorted(session.scopes))
    lasts_s = int((session.expires_at - request.now).total_seconds()) if session.expires_at else 0
    return set_cookie(SESSION, token, request.headers, max_age_s=lasts_s)


def _remembered(value: str, request: Request) -> str:
    """Return the cookie for the way to the provider and back: from there browsers send no ``Strict`` one."""
    lasts_s = 60 * oidc.MINUTES if value else 0
    return set_cookie(oidc.COOKIE, value, request.headers, max_age_s=lasts_s, same_site="Lax")


def _refuse_unconfigured() -> None:
    if not settings.oidc_issuer:
        raise NotFoundError("no identity provider is configured here; sign in with a key")


def _refuse_many(request: Request) -> None:
    failures = table.failures(request.address, request.now)
    refuse_too_many(failures, request.now, limit=settings.sign_in_failures_per_minute)


def _count_refusal(request: Request) -> None:
    table.add_failure(request.address, request.now)
    metrics.add_metric(name="SignInsRefused", unit=MetricUnit.Count, value=1)
