"""An identity provider over HTTP: what it says of itself, and ID tokens for codes."""

import json
from collections.abc import Callable
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from opsloop.access.oidc import Client, Journey, Provider, SignInError, is_safe, provider_of, token_request
from opsloop.adapters.aws_http import Answer, Connection, Endpoint
from opsloop.errors import DependencyUnavailableError

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.0, 8.0
KEPT_S = 3_600.0  # of the discovery document
MAX_BYTES = 262_144


class OidcProvider:
    """The provider that ``client`` names. ``read_secret`` returns our secret there, empty if we have none."""

    def __init__(
        self, client: Client, read_secret: Callable[[], str], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._client, self._read_secret, self._clock = client, read_secret, clock
        self._kept: tuple[float, Provider] | None = None

    def described(self) -> Provider:
        """Return what the provider said of itself within the last hour, or earlier where it does not answer now.

        Raises ``DependencyUnavailableError``, and ``SignInError`` for what is no description of it.
        """
        if self._kept and self._clock() - self._kept[0] < KEPT_S:
            return self._kept[1]
        url = f"{self._client.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            answer = self._ask("GET", url, {}, b"")
            if answer.status != 200:
                raise DependencyUnavailableError(f"identity provider: {url} answered {answer.status}")
        except DependencyUnavailableError:
            if self._kept is None:
                raise
            return self._kept[1]
        found = provider_of(_object(answer.body), self._client.issuer)
        self._kept = (self._clock(), found)
        return found

    def redeem(self, code: str, journey: Journey) -> str:
        """Return the ID token for ``code``; raise ``SignInError`` if the provider refuses it (used twice, say)."""
        provider = self.described()
        form, authorization = token_request(provider, self._client, journey, code, self._read_secret())
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if authorization:
            headers["authorization"] = authorization
        answer = self._ask("POST", provider.token_endpoint, headers, form.encode())
        if answer.status >= 500:
            raise DependencyUnavailableError(f"identity provider: its token endpoint answered {answer.status}")
        document = _object(answer.body)
        if answer.status != 200:
            raise SignInError("failed", f"the provider refused the code: {str(document.get('error'))[:100]!r}")
        token = document.get("id_token")
        if not isinstance(token, str):
            raise SignInError("failed", "the provider sent no ID token")
        return token

    def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return the answer; redirects are not followed: what is asked here carries secrets."""
        if not is_safe(url, self._client.issuer):
            raise SignInError("failed", f"{url!r} is not asked: it is not https")
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        endpoint = Endpoint(is_tls, parts.hostname or "", parts.port or (443 if is_tls else 80))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = Connection(endpoint, connect_timeout_s=CONNECT_TIMEOUT_S, read_timeout_s=READ_TIMEOUT_S)
        sent = {"host": endpoint.authority, "accept": "application/json", "connection": "close", **headers}
        try:
            return connection.request(method, target, sent, body)
        except OSError as error:
            raise DependencyUnavailableError(f"identity provider: {type(error).__name__}") from error
        finally:
            connection.close()


def _object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one for anything else."""
    try:
        document = json.loads(body) if len(body) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {}
