"""HTTP GET, POST /v1/keys, DELETE /v1/keys/{key_id} -> keys listed, created, revoked in the access table."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access.model import ApiKey, Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.clock import format_time, parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings


@dataclass(frozen=True)
class Settings:
    access_table: str


settings = read_settings(Settings)
table = AccessTable(settings.access_table)
logger, metrics = Logger(), Metrics()
authenticator = Authenticator(table.find)
api = Api(authenticator, logger, metrics)
lambda_handler = api.lambda_handler


@api.route("GET", "/v1/keys", scope=Scope.ADMIN, query=("kind", "cursor", "limit"))
def list_keys(request: Request) -> Response:
    """Answer a page of all keys, or all sessions, oldest first, revoked and expired ones too; never a secret."""
    kind = request.choice("kind", ("key", "session"), default="key")
    found = table.sessions() if kind == "session" else table.list()
    page = page_of(found, request, position=lambda key: f"{key.created_at.isoformat()} {key.key_id}")
    return json_response({"keys": [describe(key, request) for key in page.items], "next": page.next})


@api.route("POST", "/v1/keys", scope=Scope.ADMIN, query=())
def create_key(request: Request) -> Response:
    """Create a key; its token is in this answer and nowhere else."""
    wish = request.json()
    if unknown := wish.keys() - {"name", "scopes", "expires_at"}:
        raise InvalidInputError(f"{min(unknown)}: not a field of a key; there are: name, scopes, expires_at")
    name, scopes, expires_at = wish.get("name"), wish.get("scopes"), wish.get("expires_at")
    if not isinstance(name, str):
        raise InvalidInputError("name: expected a string that says whose key it is")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise InvalidInputError('scopes: expected an array such as ["ingest"]')
    if not isinstance(expires_at, str | None):
        raise InvalidInputError("expires_at: expected an ISO 8601 time such as 2027-01-31T00:00:00Z")
    expiry = None if expires_at is None else parse_time(expires_at, name="expires_at")
    key, token = table.create(name, scopes, now=request.now, expires_at=expiry)
    logger.info("key created", created_key_id=key.key_id, scopes=sorted(key.scopes))
    metrics.add_metric(name="KeysCreated", unit=MetricUnit.Count, value=1)
    return json_response({**describe(key, request), "token": token}, status=201)


@api.route("DELETE", "/v1/keys/{key_id}", scope=Scope.ADMIN, query=())
def revoke_key(request: Request) -> Response:
    """Revoke a key, and with it the sessions that it opened, or one session, for good. The last admin key stays."""
    key = table.revoke(request.path_parameters["key_id"], request.now)
    authenticator.forget(key.key_id)
    logger.info("key revoked", revoked_key_id=key.key_id)
    metrics.add_metric(name="KeysRevoked", unit=MetricUnit.Count, value=1)
    return json_response(describe(key, request))


def describe(key: ApiKey, request: Request) -> dict[str, Any]:
    """Return what the API tells of a key."""
    state = "revoked" if key.revoked_at else "valid" if key.is_valid(request.now) else "expired"
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": state,
        "created_at": format_time(key.created_at),
        "expires_at": format_time(key.expires_at) if key.expires_at else None,
        "revoked_at": format_time(key.revoked_at) if key.revoked_at else None,
        "kind": "session" if key.origin else "key",
        "parent_id": key.origin.parent_id or None if key.origin else None,
        "subject": key.origin.subject or None if key.origin else None,
    }
