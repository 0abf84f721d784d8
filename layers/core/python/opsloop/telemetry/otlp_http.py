"""OTLP/HTTP as the specification has it: bodies in, answers out, in the content type of the request.

Source: opentelemetry-proto docs/specification.md, "OTLP/HTTP".
"""

import json
from collections import Counter

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, OpsloopError, TooLargeError, UnsupportedMediaError
from opsloop.telemetry.fault import MalformedError
from opsloop.telemetry.inflate import GZIP, RAW_DEFLATE, ZLIB, ZSTD, inflate
from opsloop.telemetry.otlp_json import encode, parse, varint
from opsloop.telemetry.otlp_schema import Signal
from opsloop.telemetry.payload import detect_signal
from opsloop.telemetry.reading import JSON_SHARE
from opsloop.telemetry.wire import WireError, validate

PROTOBUF, JSON = "application/x-protobuf", "application/json"
COMPRESSED = ("gzip", "x-gzip", "deflate", "zstd")
ENCODINGS = ("gzip", "deflate", "zstd", "identity")
_REJECTED: dict[Signal, str] = {
    "traces": "rejectedSpans",
    "metrics": "rejectedDataPoints",
    "logs": "rejectedLogRecords",
}
# google.rpc.Code by HTTP status, https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 415: 3, 429: 8, 503: 14}
_INTERNAL = 13
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class UnsupportedEncodingError(UnsupportedMediaError):
    """A content encoding that cannot be undone here; ``accepted`` are those that can."""

    def __init__(self, message: str, *, accepted: tuple[str, ...] = ENCODINGS) -> None:
        super().__init__(message)
        self.accepted = accepted


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer, and its type."""

    body: bytes
    content_type: str


def media_type(content_type: str) -> str:
    """Return ``PROTOBUF`` or ``JSON``; raise ``UnsupportedMediaError`` for any other type."""
    media, _, parameters = content_type.partition(";")
    media = media.strip().lower()
    if media not in (PROTOBUF, JSON):
        raise UnsupportedMediaError(f"content type {media or 'none'!r}: send {PROTOBUF} or {JSON}")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "').lower()
    if media == JSON and charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaError(f"charset {charset!r}: send UTF-8")
    return media


def answer_type(content_type: str) -> str:
    """Return the content type to answer in: that of the request, JSON where it is unclear."""
    return PROTOBUF if content_type.partition(";")[0].strip().lower() == PROTOBUF else JSON


def decode_body(
    body: bytes, *, content_type: str, content_encoding: str, signal: Signal, max_bytes: int, is_text: bool = False
) -> bytes:
    """Return the body of a request as checked protobuf, inflated to ``max_bytes`` at most.

    ``is_text``: the gateway took the body for text, which compressed bytes do not survive.

    Raises ``UnsupportedMediaError``, ``TooLargeError`` or ``InvalidInputError``, saying what would be right.
    """
    media = media_type(content_type)
    most = max_bytes // JSON_SHARE if media == JSON else max_bytes
    plain = inflate_text(body, content_encoding, max_bytes=most, is_text=is_text)
    if media == JSON:
        return encode(parse(plain), signal)
    try:
        validate(plain, signal)
    except WireError:
        _check_signal(plain, signal)
        raise
    return plain


def inflate_text(body: bytes, content_encoding: str, *, max_bytes: int, is_text: bool) -> bytes:
    """Return a body without its content encoding, of which it may have one.

    Raises ``UnsupportedEncodingError``, ``TooLargeError`` or ``InvalidInputError``.
    """
    encoding = content_encoding.strip().lower()
    if body and is_text and encoding in COMPRESSED:
        encoding = _encoding_of_text(body, encoding)
    plain = _inflated(body, encoding, max_bytes) if body else body
    if len(plain) > max_bytes:
        raise TooLargeError(f"body is {len(plain)} bytes, more than {max_bytes}")
    return plain


def success(content_type: str, signal: Signal, rejected: int = 0, reasons: Counter[str] | None = None) -> Answer:
    """Return the answer to an accepted request; with ``rejected`` items, a partial success that says why."""
    media = answer_type(content_type)
    if not rejected:
        return Answer(b"" if media == PROTOBUF else b"{}", media)
    message = "; ".join(f"{count} x {reason}" for reason, count in (reasons or Counter()).most_common())
    if media == JSON:  # 64-bit integers are strings in protobuf's JSON
        partial = {_REJECTED[signal]: str(rejected), "errorMessage": message}
        return Answer(json.dumps({"partialSuccess": partial}).encode(), media)
    partial_success = varint(1 << 3) + varint(rejected) + _text(2, message)
    return Answer(_delimited(1, partial_success), media)


def failure(content_type: str, error: OpsloopError) -> Answer:
    """Return ``error`` as a google.rpc.Status; one about bad data has a google.rpc.BadRequest with the place."""
    media, code = answer_type(content_type), _CODES.get(error.status, _INTERNAL)
    where, why = (error.path, error.reason) if isinstance(error, MalformedError) else ("", error.message)
    if media == JSON:
        status: dict[str, object] = {"code": code, "message": error.message}
        if isinstance(error, InvalidInputError):
            violation = {"field": where, "description": why}
            status["details"] = [{"@type": _BAD_REQUEST, "fieldViolations": [violation]}]
        return Answer(json.dumps(status).encode(), media)
    body = varint(1 << 3) + varint(code) + _text(2, error.message)
    if isinstance(error, InvalidInputError):
        violations = _delimited(1, _text(1, where) + _text(2, why))
        body += _delimited(3, _text(1, _BAD_REQUEST) + _delimited(2, violations))
    return Answer(body, media)


def _encoding_of_text(body: bytes, encoding: str) -> str:
    """Return the encoding that is left of a body that came as text: none if the gateway has inflated it."""
    if body.lstrip().startswith(b"{"):
        return ""
    raise UnsupportedEncodingError(
        f"the gateway took this {encoding} body for text, because its content type is JSON, and so destroyed it: send "
        f"JSON without compression, or {PROTOBUF} with it",
        accepted=("identity",),
    )


def _check_signal(request: bytes, signal: Signal) -> None:
    """Raise ``MalformedError`` if ``request`` looks like one of another signal: a wrong path is a frequent mistake."""
    try:
        seen = detect_signal(request)
    except InvalidInputError:
        return
    if seen != signal:
        raise MalformedError(f"this is a request for /v1/{seen}, not /v1/{signal}")


def _inflated(body: bytes, encoding: str, max_bytes: int) -> bytes:
    match encoding:
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return inflate(body, GZIP, max_bytes=max_bytes)
        case "deflate":  # zlib by the standard, bare by some clients
            try:
                return inflate(body, ZLIB, max_bytes=max_bytes)
            except InvalidInputError:
                return inflate(body, RAW_DEFLATE, max_bytes=max_bytes)
        case "zstd":
            return inflate(body, ZSTD, max_bytes=max_bytes)
    if "," in encoding:
        raise UnsupportedEncodingError(f"content encodings {encoding!r}: send one of {', '.join(ENCODINGS)}")
    raise UnsupportedEncodingError(f"content encoding {encoding!r}: send {', '.join(ENCODINGS)}")


def _text(number: int, text: str) -> bytes:
    return _delimited(number, text.encode("utf-8", "replace"))


def _delimited(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data
