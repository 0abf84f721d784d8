"""May this caller do this? Every refusal costs the same time, whether the key exists or not."""

import hmac
import re
from datetime import datetime

from opsloop.access.issue import KEY_ID_BYTES, SECRET_BYTES, TOKEN_PREFIX, hash_secret
from opsloop.access.model import ApiKey, Scope
from opsloop.errors import ForbiddenError, UnauthenticatedError

_TOKEN = re.compile(rf"{TOKEN_PREFIX}_([0-9a-f]{{{2 * KEY_ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")
_NOBODY = hash_secret("")  # compared with when there is no such key
_HOW = f"send the header 'Authorization: Bearer {TOKEN_PREFIX}_<key id>_<secret>'"


def parse_authorization(header: str) -> tuple[str, str]:
    """Return key id and secret of an ``Authorization`` header; raise ``UnauthenticatedError`` if it holds none."""
    if not header:
        raise UnauthenticatedError(f"no key: {_HOW}")
    scheme, _, token = header.strip().partition(" ")
    parts = parse_token(token.strip())
    if scheme.lower() != "bearer" or parts is None:
        raise UnauthenticatedError(f"the key has the wrong form: {_HOW}")
    return parts


def parse_token(token: str) -> tuple[str, str] | None:
    """Return key id and secret of a token, None if it has another form."""
    match = _TOKEN.fullmatch(token)
    return (match[1], match[2]) if match else None


def authenticate(key: ApiKey | None, secret: str, now: datetime) -> ApiKey:
    """Return ``key`` if ``secret`` opens it at ``now``; raise ``UnauthenticatedError`` if not."""
    matches = hmac.compare_digest(hash_secret(secret), key.secret_sha256 if key else _NOBODY)
    if key is None or not matches:
        raise UnauthenticatedError("this key is not known here")
    what = "session" if key.origin else "key"
    if key.revoked_at is not None:  # whoever has the secret may know what became of the key
        raise UnauthenticatedError(f"{what} {key.key_id} was revoked at {key.revoked_at.isoformat()}")
    if not key.is_valid(now):
        raise UnauthenticatedError(f"{what} {key.key_id} expired")
    return key


def authorize(key: ApiKey, scope: Scope) -> None:
    """Raise ``ForbiddenError`` unless ``key`` may do what ``scope`` stands for."""
    if not key.has_scope(scope):
        has = ", ".join(sorted(key.scopes))
        raise ForbiddenError(f"key {key.key_id} has the scope {has}; this needs {scope.value}")
