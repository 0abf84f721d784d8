"""Sessions: opened with a key or by who a provider says one is; and requests that other sites forged.

A session is a key of its own: it has a secret, scopes and an end, and can be revoked. Its end is fixed when it begins.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from opsloop.access.issue import MAX_NAME_LENGTH, issue
from opsloop.access.model import ApiKey, Origin, Role, role_of, scopes_of
from opsloop.dataclass import replace
from opsloop.errors import ForbiddenError

CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_CSRF = b"opsloop csrf token of the session"


def session_of_key(parent: ApiKey, *, randomness: bytes, now: datetime, lasts: timedelta) -> tuple[ApiKey, str]:
    """Return a session with the scopes of ``parent``, and its token; it ends with ``parent`` at the latest.

    Raises ``ForbiddenError`` where the key's scopes show nothing.
    """
    if role_of(parent.scopes) is None:
        raise ForbiddenError(f"key {parent.key_id} only sends telemetry; sign in with a read, operate or admin key")
    end = min(now + lasts, parent.expires_at) if parent.expires_at else now + lasts
    key, token = issue(parent.name, parent.scopes, randomness=randomness, now=now, expires_at=end)
    return replace(key, origin=Origin(parent_id=parent.key_id)), token


def session_of_person(
    name: str, role: Role, *, issuer: str, subject: str, randomness: bytes, now: datetime, lasts: timedelta
) -> tuple[ApiKey, str]:
    """Return a session of whom ``issuer`` knows as ``subject``, in that role, and its token."""
    shown = "".join(letter for letter in name if letter.isprintable()).strip()[:MAX_NAME_LENGTH].strip()
    end = now + lasts
    key, token = issue(shown or "unnamed", scopes_of(role), randomness=randomness, now=now, expires_at=end)
    return replace(key, origin=Origin(issuer=issuer, subject=subject)), token


def csrf_token(secret: str) -> str:
    """Return what proves that a request was made by a page that could ask about its session."""
    return hmac.new(secret.encode(), _CSRF, hashlib.sha256).hexdigest()


def refuse_forged(method: str, headers: Mapping[str, str], secret: str) -> None:
    """Raise ``ForbiddenError`` if a request by cookie that changes something may be another site's doing."""
    if method in SAFE_METHODS:
        return
    refuse_foreign(headers)
    given = headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(secret).encode()):
        missing = "is missing" if not given else "is not this session's"
        raise ForbiddenError(f"the header {CSRF_HEADER} {missing}: send what GET /v1/session tells as csrf_token")


def refuse_foreign(headers: Mapping[str, str]) -> None:
    """Raise ``ForbiddenError`` if the browser says that another site's page made the request.

    ``Sec-Fetch-Site`` is the browser's own word, which no page can write, and holds behind proxies that change
    ``Host``; browsers too old to send it send ``Origin``. What is no browser sends neither.
    """
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if site:
        if site not in ("same-origin", "none"):
            raise ForbiddenError(f"a page of another site ({site}) made this request")
    elif origin and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        raise ForbiddenError("a page of another origin made this request")
