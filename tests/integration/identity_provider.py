"""A small identity provider on loopback: it signs everybody in at once, and lies as it is told to."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

CLIENT_ID, SECRET = "opsloop client", "s:e/c ret"  # with what must be escaped


class IdentityProvider:
    """What it knows. ``claims`` change the ID token, ``said`` the discovery document, ``broken`` its answers."""

    def __init__(self) -> None:
        self.url = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {"groups": ["everyone", "on-call"], "name": "Ada Lovelace"}
        self.said: dict[str, Any] = {}
        self.broken: dict[str, tuple[int, bytes]] = {}
        self.now = 0.0
        self.asked: list[str] = []
        self.authorizations: list[str] = []

    def discovery(self) -> dict[str, Any]:
        """Return what the provider says of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=t",
            "token_endpoint": f"{self.url}/token",
            **self.said,
        }

    def sign_in(self, location: str, **changes: str) -> str:
        """Follow a redirect as a browser whose user agrees; return the query with which it is sent back."""
        parts = urlsplit(location)
        asked = dict(parse_qsl(parts.query, strict_parsing=True))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.url}/authorize"
        assert (asked["response_type"], asked["client_id"], asked["tenant"]) == ("code", CLIENT_ID, "t")
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return urlencode({"code": code, "state": asked["state"], "session_state": "unknown to us", **changes})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Redeem a code, once, for who has the secret and the verifier."""
        self.authorizations.append(authorization)
        kind, _, encoded = authorization.partition(" ")
        pair = base64.b64decode(encoded).decode() if kind == "Basic" else ":"
        name, secret = (unquote(part) for part in pair.split(":"))
        if authorization == "":
            name, secret = form.get("client_id", ""), form.get("client_secret", "")
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        if (name, secret) != (CLIENT_ID, SECRET):
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != challenge.rstrip("="):
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "user-17",
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        return 200, {"token_type": "Bearer", "access_token": "a", "id_token": unsigned(claims)}


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token of those claims, None leaving one out, whose signature is nonsense."""
    kept = {name: value for name, value in claims.items() if value is not None}
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "1"}, kept))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2ln"])


@contextmanager
def serving(provider: IdentityProvider) -> Iterator[IdentityProvider]:
    """Serve ``provider`` on a port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, provider.discovery() if self.path == "/.well-known/openid-configuration" else {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text, strict_parsing=True).items()}
            self._answer(*provider.token(form, self.headers.get("authorization", "")))

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            provider.asked.append(self.path)
            status, body = provider.broken.get(self.path, (status, json.dumps(document).encode()))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        provider.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield provider
        server.shutdown()
        thread.join()
