"""HTTP answers: JSON, RFC 9457 problems, and documents that caches may keep."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opsloop.clock import format_time
from opsloop.dataclass import dataclass, field
from opsloop.errors import OpsloopError, TransientError, UnauthenticatedError
from opsloop.runtime.request import Request

_DEFAULT_HEADERS = {
    "cache-control": "no-store",
    # the API shares its address with the console: whatever an answer holds, a browser that opens it runs nothing of it
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Response:
    """One answer. ``body`` is sent as text where it is UTF-8 text of ours (JSON), in base64 otherwise.

    ``cookies`` are values of ``Set-Cookie``, a header each.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()

    def to_event(self, method: str, correlation_id: str) -> dict[str, Any]:
        """Return what API Gateway (payload 2.0) expects from a function."""
        headers = {**_DEFAULT_HEADERS, **self.headers, "x-correlation-id": correlation_id}
        body = b"" if method == "HEAD" else self.body
        is_text = "json" in headers.get("content-type", "json") and "content-encoding" not in headers
        event: dict[str, Any] = {
            "statusCode": self.status,
            "headers": headers,
            "body": body.decode() if is_text else base64.b64encode(body).decode(),
            "isBase64Encoded": not is_text and bool(body),
        }
        return event | {"cookies": list(self.cookies)} if self.cookies else event


def json_response(document: object, *, status: int = 200, content_type: str = "application/json") -> Response:
    """Return ``document`` as JSON; times become ISO 8601 in UTC."""
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=_json_default).encode()
    return Response(status, body, {"content-type": content_type})


def document_response(request: Request, body: bytes, *, content_type: str, max_age_s: int) -> Response:
    """Return a document with its ETag, or 304 without it if the caller has it already."""
    return tagged_response(
        request, body, {"content-type": content_type, "cache-control": f"public, max-age={max_age_s}"}
    )


def tagged_response(request: Request, body: bytes, headers: Mapping[str, str]) -> Response:
    """Return ``body`` and ``headers`` with an ETag, or 304 without the body if the caller has it already."""
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    tagged = {**headers, "etag": etag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return Response(304, b"", tagged) if known & {etag, "*"} else Response(200, body, tagged)


def problem(error: OpsloopError, request: Request, extra: Mapping[str, Any] | None = None) -> Response:
    """Return ``error`` as an RFC 9457 problem, with ``extra`` members if a route has more to say."""
    return json_response(
        {
            "type": "about:blank",
            "title": error.title,
            "status": error.status,
            "detail": error.message,
            "instance": f"urn:opsloop:request:{request.request_id}",
            "correlation_id": request.correlation_id,
            **(extra or {}),
        },
        status=error.status,
        content_type="application/problem+json",
    )


def error_headers(error: OpsloopError) -> dict[str, str]:
    """Return the headers that an error's status asks for, whatever the form of its body."""
    if isinstance(error, TransientError) and error.status in (429, 503):
        return {"retry-after": str(error.retry_after_s)}
    if isinstance(error, UnauthenticatedError):
        return {"www-authenticate": "Bearer"}
    return {}


def _json_default(value: object) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
