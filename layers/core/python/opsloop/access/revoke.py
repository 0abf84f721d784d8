"""Which keys may be revoked: never the last one that can make others."""

from collections.abc import Iterable
from datetime import UTC, datetime

from opsloop.access.model import ApiKey, Scope
from opsloop.errors import ConflictError

_NEVER = datetime.max.replace(tzinfo=UTC)


def surviving_admin(key: ApiKey, keys: Iterable[ApiKey], now: datetime) -> ApiKey | None:
    """Return the admin key that must stay valid while ``key`` is revoked; None where none is needed.

    Of several, the one that lasts longest. A session is neither needed nor enough: it ends by itself.
    Raises ``ConflictError`` if ``key`` is the last valid admin key.
    """
    if not _is_admin(key, now):
        return None
    others = [other for other in keys if other.key_id != key.key_id and _is_admin(other, now)]
    if not others:
        raise ConflictError(f"key {key.key_id} is the last admin key: create another before you revoke it")
    return max(others, key=lambda other: (other.expires_at or _NEVER, other.key_id))


def _is_admin(key: ApiKey, now: datetime) -> bool:
    return key.origin is None and Scope.ADMIN in key.scopes and key.is_valid(now)
