"""Making a key. The randomness is passed in, so that a test knows the token."""

import hashlib
from datetime import datetime

from opsloop.access.model import ApiKey, Scope
from opsloop.errors import InvalidInputError

TOKEN_PREFIX = "opsloop"  # noqa: S105 (a prefix by which leaked tokens are found, not a secret)
KEY_ID_BYTES = 6
SECRET_BYTES = 32  # 256 random bits: nothing to guess, so one SHA-256 is enough
MAX_NAME_LENGTH = 100


def issue(
    name: str, scopes: frozenset[Scope], *, randomness: bytes, now: datetime, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Return a new key and its token ``opsloop_<key id>_<secret>``, which is told once and never stored.

    ``randomness`` is ``KEY_ID_BYTES + SECRET_BYTES`` bytes from the system's generator. Raises ``InvalidInputError``
    for an empty or over-long name, no scope, or an expiry that is not after ``now``.
    """
    if len(randomness) != KEY_ID_BYTES + SECRET_BYTES:
        raise ValueError(f"need {KEY_ID_BYTES + SECRET_BYTES} random bytes, got {len(randomness)}")
    name = name.strip()
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidInputError(f"name: expected 1 to {MAX_NAME_LENGTH} printable characters")
    if not scopes:
        raise InvalidInputError("scopes: name at least one")
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError(f"expires_at: {expires_at.isoformat()} is in the past")
    key_id, secret = randomness[:KEY_ID_BYTES].hex(), randomness[KEY_ID_BYTES:].hex()
    key = ApiKey(key_id, name, scopes, hash_secret(secret), created_at=now, expires_at=expires_at)
    return key, f"{TOKEN_PREFIX}_{key_id}_{secret}"


def hash_secret(secret: str) -> str:
    """Return what is stored of ``secret``: its SHA-256, as hex."""
    return hashlib.sha256(secret.encode()).hexdigest()
