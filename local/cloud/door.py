"""The front door: `http://127.0.0.1:PORT/...` is the deployed HTTP API, at the root as on AWS."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 10 * 1024 * 1024  # the limit of an HTTP API's payload
DRAIN_BYTES = 64 * 1024 * 1024
RETRY_AFTER_S = 5
# Headers by which the emulator would take the request for a call to another AWS service.
ROUTING_HEADERS = {b"host", b"x-amz-target", b"x-amz-request-route", b"x-forwarded-host"}


async def answer(send: Send, status: int, body: object, *, kind: str, headers: dict[str, str] | None = None) -> None:
    """Send a whole JSON response."""
    payload = json.dumps(body).encode()
    pairs = {"content-type": kind, "content-length": str(len(payload)), **(headers or {})}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in pairs.items()],
        }
    )
    await send({"type": "http.response.body", "body": payload})


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """Return the request's body, or None when it is longer than ``limit`` or the client went away.

    A body beyond the limit is read on, but not kept, up to DRAIN_BYTES: a client that is still sending does not
    read its answer.
    """
    chunks: list[bytes] = []
    length = 0
    while length <= DRAIN_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        length += len(chunk)
        if length <= limit:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if length <= limit else None
    return None


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives ``body`` once and then what ``receive`` gives (the client going away)."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def channel() -> Message:
        return waiting.pop() if waiting else await receive()

    return channel


class Door:
    """ASGI application that hands requests to one HTTP API of the emulator."""

    def __init__(self, emulator: App, address_file: Path) -> None:
        self._emulator = emulator
        self._address_file = address_file
        self._api_id: str | None = None
        self._read_at_ns = -1

    def api_id(self) -> str | None:
        """Return the id of the API behind the door, None before the first deployment."""
        try:
            changed_ns = self._address_file.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if changed_ns != self._read_at_ns:
            self._api_id = json.loads(self._address_file.read_text())["api_id"]
            self._read_at_ns = changed_ns
        return self._api_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        api_id = self.api_id()
        if api_id is None:
            problem = {
                "type": "about:blank",
                "title": "Service Unavailable",
                "status": 503,
                "detail": "The local cloud runs, but nothing is deployed yet.",
                "instance": scope["path"],
            }
            retry = {"retry-after": str(RETRY_AFTER_S)}
            await answer(send, 503, problem, kind="application/problem+json", headers=retry)
            return
        body = await read_body(receive, MAX_BODY_BYTES)
        if body is None:
            closing = {"connection": "close"}
            too_large = {"message": "Request Entity Too Large"}  # word for word what an HTTP API says
            await answer(send, 413, too_large, kind="application/json", headers=closing)
            return
        await self._emulator(inner_scope(scope, api_id, len(body)), replay(body, receive), send)


def inner_scope(scope: Scope, api_id: str, body_bytes: int) -> Scope:
    """Return the scope under which the emulator serves ``scope`` by the API ``api_id``.

    The emulator chooses a service by host and by headers; ours must not confuse it. A chunked body has been
    collected by now, so its length is known and the header that said chunked would be wrong.
    """
    prefix = f"/_aws/execute-api/{api_id}/$default"
    _, port = scope["server"]
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if name.lower() not in ROUTING_HEADERS | {b"transfer-encoding", b"content-length"}
    ]
    headers = [*kept, (b"host", f"127.0.0.1:{port}".encode())]
    if body_bytes or scope["method"] in {"POST", "PUT", "PATCH"}:
        headers.append((b"content-length", str(body_bytes).encode()))
    return {
        **scope,
        "path": prefix + scope["path"],
        "raw_path": prefix.encode() + scope.get("raw_path", scope["path"].encode()),
        "headers": headers,
    }
