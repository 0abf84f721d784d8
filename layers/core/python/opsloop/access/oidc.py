"""Signing in with an identity provider: OpenID Connect's code flow with PKCE, state and nonce.

What has to be remembered between the way there and the way back is one secret in a cookie of the browser; state, nonce
and verifier follow from it, so nothing is stored for people who never come back.
Sources: OpenID Connect Core 1.0, RFC 7636 (PKCE), RFC 9207 (who answered), RFC 9700 (best current practice).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from opsloop.dataclass import dataclass
from opsloop.errors import PermanentError

COOKIE = "opsloop_sign_in"
MINUTES = 10  # within which people come back
SECRET_BYTES = 32
HOME = "/console"
_SECRET = re.compile(r"[0-9a-f]{64}")
_PLACE = re.compile(r"/console(?:[/?][\x21-\x7e]*)?")
_MAX_PLACE_LENGTH = 1_500  # with its cookie's attributes well below what browsers keep
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SignInError(PermanentError):
    """Nobody was signed in. ``reason`` is told to the person, the message to the log alone."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Client:
    """Who we are to the provider ``issuer``. ``redirect_url`` is where it sends people back to."""

    issuer: str
    client_id: str
    redirect_url: str
    scopes: str


@dataclass(frozen=True)
class Provider:
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    takes_basic: bool  # our secret in the Authorization header, else in the form
    tells_issuer: bool  # its answers say whose they are (RFC 9207)


@dataclass(frozen=True)
class Journey:
    """One way to the provider and back. ``secret`` and ``place`` (a page of the console) travel in the cookie."""

    secret: str
    place: str = HOME

    @property
    def state(self) -> str:
        """What the provider must hand back."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the provider must put into the token."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What proves to the provider that who redeems the code asked for it."""
        return self._derived("verifier")

    @property
    def cookie(self) -> str:
        """The cookie's value."""
        return f"{self.secret}.{base64.urlsafe_b64encode(self.place.encode()).decode().rstrip('=')}"

    def _derived(self, what: str) -> str:
        return hmac.new(self.secret.encode(), what.encode(), hashlib.sha256).hexdigest()


def journey_to(place: str, *, randomness: bytes) -> Journey:
    """Return a new journey that ends at ``place``, or at the overview if that is no page of the console."""
    return Journey(randomness.hex(), place if is_ours(place) else HOME)


def journey_of(cookie: str) -> Journey:
    """Return the journey that a cookie remembers; raise ``SignInError`` for any other text."""
    secret, _, place = cookie.partition(".")
    try:
        text = base64.urlsafe_b64decode(place + "=" * (-len(place) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not _SECRET.fullmatch(secret) or not is_ours(text):
        raise SignInError("expired", "no sign-in was begun in this browser, or more than ten minutes ago")
    return Journey(secret, text)


def is_ours(place: str) -> bool:
    """Return whether ``place`` is a path of the console: nothing that a browser could read as another host."""
    return len(place) <= _MAX_PLACE_LENGTH and _PLACE.fullmatch(place) is not None and "\\" not in place


def provider_of(document: Mapping[str, object], issuer: str) -> Provider:
    """Return the provider that a discovery document describes; raise ``SignInError`` if that is not ``issuer``."""
    if document.get("issuer") != issuer:
        raise SignInError("failed", f"the discovery document is that of {document.get('issuer')!r}, not of {issuer!r}")
    found = {}
    for name in ("authorization_endpoint", "token_endpoint"):
        url = document.get(name)
        if not isinstance(url, str) or not is_safe(url, issuer):
            raise SignInError("failed", f"the discovery document has no usable {name}: {url!r}")
        found[name] = url
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    takes_basic = not isinstance(methods, list) or "client_secret_basic" in methods
    tells = document.get("authorization_response_iss_parameter_supported") is True
    return Provider(issuer, takes_basic=takes_basic, tells_issuer=tells, **found)


def is_safe(url: str, issuer: str) -> bool:
    """Return whether secrets may go to ``url``: by TLS, or on loopback where the issuer itself is there (for tests)."""
    try:
        parts, home = urlsplit(url), urlsplit(issuer)
        _ = parts.port  # raises for what is none
    except ValueError:
        return False
    if not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (
        parts.scheme == home.scheme == "http" and parts.hostname in _LOOPBACK and home.hostname in _LOOPBACK
    )


def way_there(provider: Provider, client: Client, journey: Journey) -> str:
    """Return the URL at the provider where a person signs in."""
    challenge = hashlib.sha256(journey.verifier.encode()).digest()
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_url,
            "scope": client.scopes,
            "state": journey.state,
            "nonce": journey.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        },
        quote_via=quote,
    )
    return f"{provider.authorization_endpoint}{'&' if '?' in provider.authorization_endpoint else '?'}{query}"


def code_of(query: Mapping[str, str], provider: Provider, journey: Journey) -> str:
    """Return the code with which the provider sent a person back; raise ``SignInError`` if it is not for us."""
    if not hmac.compare_digest(query.get("state", "").encode(), journey.state.encode()):
        raise SignInError("expired", "the state is not that of this browser's sign-in")
    issuer = query.get("iss")
    if issuer != provider.issuer and (issuer is not None or provider.tells_issuer):
        raise SignInError("failed", f"the answer is that of {issuer!r}, not of {provider.issuer!r}")
    if "error" in query:
        reason = "refused" if query["error"] == "access_denied" else "failed"
        raise SignInError(reason, f"the provider refused: {query['error'][:100]!r}")
    if not query.get("code"):
        raise SignInError("failed", "the provider sent no code")
    return query["code"]


def token_request(provider: Provider, client: Client, journey: Journey, code: str, secret: str) -> tuple[str, str]:
    """Return the form that redeems ``code``, and the ``Authorization`` header with which it goes (empty: none)."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_url,
        "code_verifier": journey.verifier,
    }
    if secret and provider.takes_basic:
        pair = f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
        return urlencode(form), f"Basic {base64.b64encode(pair.encode()).decode()}"
    form["client_id"] = client.client_id
    return urlencode(form | ({"client_secret": secret} if secret else {})), ""
