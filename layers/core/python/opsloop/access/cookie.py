"""The cookie that carries a session: its name, how it is read, and how it is set (RFC 6265).

Over https its name begins with ``__Host-``: browsers then take it from this very host alone, with ``Secure`` and for
all paths, so no other host of the domain can plant one. Over plain http, which is the local cloud on loopback, browsers
would refuse that name.
"""

from collections.abc import Iterable, Iterator, Mapping

from opsloop.errors import UnauthenticatedError

SESSION = "opsloop_session"
MAX_VALUE_LENGTH = 4_096  # what browsers keep of one cookie
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_ATTRIBUTES = "Path=/; HttpOnly; SameSite="


def is_encrypted(headers: Mapping[str, str]) -> bool:
    """Return whether the browser speaks https: as the gateway says, else anywhere but on loopback."""
    scheme = headers.get("x-forwarded-proto", "")
    if scheme:
        return scheme.lower() != "http"
    host = headers.get("host", "").lower()
    return (host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host) not in _LOOPBACK


def cookie_name(name: str, headers: Mapping[str, str]) -> str:
    """Return the name under which the cookie ``name`` travels on a request with those ``headers``."""
    return f"__Host-{name}" if is_encrypted(headers) else name


def read_cookie(cookies: Iterable[str], name: str) -> str:
    """Return the value of the cookie ``name``, empty if there is none.

    ``cookies`` are pairs ``name=value``, or several in one string as in the header. Raises ``UnauthenticatedError``
    where the name comes twice: of two, nobody can say which one is ours.
    """
    found = [value for one in cookies for key, value in _pairs(one) if key == name]
    if len(found) > 1:
        raise UnauthenticatedError(
            f"the cookie {name} came {len(found)} times: delete this site's cookies, sign in again"
        )
    return found[0] if found and len(found[0]) <= MAX_VALUE_LENGTH else ""


def set_cookie(name: str, value: str, headers: Mapping[str, str], *, max_age_s: int, same_site: str = "Strict") -> str:
    """Return the ``Set-Cookie`` that gives the browser ``value`` for ``max_age_s``; 0 takes the cookie away."""
    secure = "; Secure" if is_encrypted(headers) else ""
    return f"{cookie_name(name, headers)}={value}; Max-Age={max_age_s}; {_ATTRIBUTES}{same_site}{secure}"


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            yield name.strip(" \t"), value.strip(" \t")
