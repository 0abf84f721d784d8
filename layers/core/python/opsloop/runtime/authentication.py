"""Who calls? One lookup per key and minute; the answer is kept in the warm environment.

Why the function asks, and not the gateway: docs/adr/0003-access-capability.md.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from opsloop.access.authorize import authenticate, parse_authorization, parse_token
from opsloop.access.model import ApiKey
from opsloop.errors import UnauthenticatedError

FOUND_TTL = timedelta(seconds=60)  # a revoked key works this long in warm environments
MISSED_TTL = timedelta(seconds=5)  # a new key is refused this long where it was tried too early
MAX_KEPT = 1_000  # of each; a flood of made-up ids cannot push known keys out, nor grow without end

_Kept = dict[str, tuple[ApiKey | None, datetime]]


class Authenticator:
    """Finds keys by ``find(key_id)`` and checks secrets against them."""

    def __init__(self, find: Callable[[str], ApiKey | None]) -> None:
        self._find = find
        self._found: _Kept = {}
        self._missed: _Kept = {}

    def authenticate(self, header: str, now: datetime) -> ApiKey:
        """Return the valid key of an ``Authorization`` header; raise ``UnauthenticatedError`` for any other."""
        key_id, secret = parse_authorization(header)
        return _of_kind(authenticate(self._lookup(key_id, now), secret, now), is_session=False)

    def authenticate_session(self, token: str, now: datetime) -> tuple[ApiKey, str]:
        """Return the valid session of the token that a cookie held, and its secret.

        Raises ``UnauthenticatedError`` for any other token, and where the key that opened the session is valid no more.
        """
        parts = parse_token(token)
        if parts is None:
            raise UnauthenticatedError("the session cookie is not one of ours: sign in again")
        session = _of_kind(authenticate(self._lookup(parts[0], now), parts[1], now), is_session=True)
        parent_id = session.origin.parent_id if session.origin else ""
        if parent_id:
            parent = self._lookup(parent_id, now)
            if parent is None or not parent.is_valid(now):
                raise UnauthenticatedError(
                    f"key {parent_id}, with which this session was opened, is not valid any more"
                )
        return session, parts[1]

    def forget(self, key_id: str) -> None:
        """Look ``key_id`` up afresh the next time it comes: this very process has just ended it."""
        self._found.pop(key_id, None)

    def _lookup(self, key_id: str, now: datetime) -> ApiKey | None:
        for kept in (self._found, self._missed):
            if key_id in kept and kept[key_id][1] > now:
                return kept[key_id][0]
        key = self._find(key_id)
        kept, ttl = (self._found, FOUND_TTL) if key else (self._missed, MISSED_TTL)
        if len(kept) >= MAX_KEPT:
            kept.clear()
        kept[key_id] = (key, now + ttl)
        return key


def _of_kind(key: ApiKey, *, is_session: bool) -> ApiKey:
    """Return ``key``; a session is taken from a cookie alone, a key from a header alone."""
    if (key.origin is not None) != is_session:
        raise UnauthenticatedError("this key is not known here")
    return key


def bearer(headers: Mapping[str, str]) -> str:
    """Return the ``Authorization`` header."""
    return headers.get("authorization", "")


def firehose_key(headers: Mapping[str, str]) -> str:
    """Return Firehose's access key as an ``Authorization`` header: it can send no other."""
    key = headers.get("x-amz-firehose-access-key", "")
    return f"Bearer {key}" if key else ""


def bearer_or_password(headers: Mapping[str, str]) -> str:
    """Return the ``Authorization`` header; of HTTP basic authentication the password, whoever the user is."""
    header = headers.get("authorization", "")
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return header
    try:
        _, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return header
    return f"Bearer {password}"
