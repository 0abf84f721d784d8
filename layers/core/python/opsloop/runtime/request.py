"""One HTTP request (API Gateway HTTP API, payload 2.0), and its parameters read with errors that name them."""

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from opsloop.access.model import ApiKey
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass, field
from opsloop.errors import InvalidInputError, TooLargeError, UnsupportedMediaError

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

FIRST_YEAR, LAST_YEAR = 1970, 9_000


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower case; ``now`` is when it arrived; ``key`` is set on routes with a scope.

    ``cookies`` are pairs ``name=value``; ``address`` is the network address that it came from;
    ``raw_query`` the query as it was sent. ``csrf_token`` is set
    where the key is a session, which came in a cookie. ``is_text``: the gateway handed the body over as text, so that
    bytes other than UTF-8 did not survive.
    What a route adds to ``facts`` is said in the request's log line.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    now: datetime
    request_id: str
    correlation_id: str
    body: bytes = b""
    is_text: bool = False
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    key: ApiKey | None = None
    cookies: tuple[str, ...] = ()
    csrf_token: str = ""
    address: str = ""
    raw_query: str = ""
    facts: dict[str, object] = field(default_factory=dict)

    def text(self, name: str, *, default: str | None = None) -> str:
        """Return a query parameter; without ``default`` it is required."""
        value = self.query.get(name)
        if value is not None:
            return value
        if default is None:
            raise InvalidInputError(f"{name}: this parameter is required")
        return default

    def choice(self, name: str, choices: Collection[str], *, default: str | None = None) -> str:
        """Return a query parameter that is one of ``choices``."""
        value = self.text(name, default=default)
        if value not in choices:
            raise InvalidInputError(f"{name}: {value!r} is not one of {', '.join(choices)}")
        return value

    def integer(self, name: str, *, default: int | None = None, least: int, most: int) -> int:
        """Return a query parameter that is a whole number from ``least`` to ``most``."""
        value = self.text(name, default=None if default is None else str(default))
        if not re.fullmatch(r"-?[0-9]{1,15}", value) or not least <= int(value) <= most:
            raise InvalidInputError(f"{name}: {value!r} is not a whole number from {least} to {most}")
        return int(value)

    def time(self, name: str, *, default: datetime | None = None) -> datetime:
        """Return a query parameter that is a time, as ``clock.parse_time`` reads it.

        Handlers count days from it in both directions, so the first and the last years that there are are refused.
        """
        if default is not None and name not in self.query:
            return default
        moment = parse_time(self.text(name), name=name)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise InvalidInputError(f"{name}: {self.text(name)!r} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
        return moment

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object."""
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise UnsupportedMediaError(f"content type {media or 'none'!r}: send application/json")
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"body: not JSON: {error}") from None
        if not isinstance(document, dict):
            raise InvalidInputError("body: expected a JSON object")
        return document


def read_request(event: Mapping[str, Any]) -> Request:
    """Return the request of a Lambda event, without query and body: those are read once the caller is known."""
    about = event["requestContext"]
    headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
    request_id = about["requestId"]
    return Request(
        method=about["http"]["method"].upper(),
        path=unquote(event["rawPath"]),
        query={},
        headers=headers,
        now=datetime.fromtimestamp(about["timeEpoch"] / 1_000, UTC),
        request_id=request_id,
        correlation_id=_correlation_id(headers, request_id),
        cookies=_cookies(event, headers),
        address=about["http"].get("sourceIp", ""),
        raw_query=event.get("rawQueryString", ""),
    )


def read_body(event: Mapping[str, Any], max_bytes: int) -> bytes:
    """Return the body's bytes; raise ``TooLargeError`` above ``max_bytes`` without decoding it."""
    text = event.get("body") or ""
    is_base64 = event.get("isBase64Encoded", False)
    if (len(text) * 3 // 4 - 2 if is_base64 else len(text)) > max_bytes:
        raise TooLargeError(f"body is larger than {max_bytes} bytes")
    try:
        body = base64.b64decode(text, validate=True) if is_base64 else text.encode()
    except (binascii.Error, ValueError):
        raise InvalidInputError("body is neither base64 nor UTF-8 as the gateway hands it on") from None
    if len(body) > max_bytes:
        raise TooLargeError(f"body is {len(body)} bytes, more than {max_bytes}")
    return body


def read_query(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the query parameters; raise ``InvalidInputError`` for one that is given twice."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True):
        if name in query:
            raise InvalidInputError(f"{name}: given twice")
        query[name] = value
    return query


def _cookies(event: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the cookies: API Gateway lists them beside the headers, the local cloud leaves them in theirs."""
    listed = event.get("cookies")
    if isinstance(listed, list):
        return tuple(one for one in listed if isinstance(one, str))
    return (headers["cookie"],) if "cookie" in headers else ()


def _correlation_id(headers: Mapping[str, str], request_id: str) -> str:
    if match := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        return match[1]
    given = headers.get("x-correlation-id", "")
    return given if _CORRELATION_ID.fullmatch(given) else request_id
