"""The bodies of OTLP/HTTP answers, protobuf or JSON: partial success, and google.rpc.Status."""

import json
from typing import TYPE_CHECKING, Any

from opsloop.errors import InvalidInputError
from opsloop.telemetry.otlp_schema import LEN, VARINT
from opsloop.telemetry.wire import read_varint, scan

if TYPE_CHECKING:
    from opsloop_cli.client import Answer

PARTIAL_SUCCESS, REJECTED, ERROR_MESSAGE, STATUS_MESSAGE = 1, 1, 2, 2  # field numbers


def read_rejection(answer: "Answer") -> tuple[int, str]:
    """Return how many items a 200 answer rejects, and why; ``(0, "")`` for a full success."""
    if "json" in answer.content_type:
        partial = _json(answer.body).get("partialSuccess") or {}
        rejected = next((int(value) for name, value in partial.items() if name.startswith("rejected")), 0)
        return rejected, str(partial.get("errorMessage", ""))
    for number, wire, start, end in _fields(answer.body):
        if (number, wire) == (PARTIAL_SUCCESS, LEN):
            partial_body = answer.body[start:end]
            return _varint(partial_body, REJECTED), _text(partial_body, ERROR_MESSAGE)
    return 0, ""


def read_status_message(answer: "Answer") -> str:
    """Return the message of a google.rpc.Status; an empty text when the body is none."""
    if "json" in answer.content_type:
        return str(_json(answer.body).get("message", ""))
    return _text(answer.body, STATUS_MESSAGE) if "protobuf" in answer.content_type else ""


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _fields(body: bytes) -> list[tuple[int, int, int, int]]:
    try:
        return [(number, wire, start, end) for number, wire, _, start, end in scan(body, 0, len(body))]
    except InvalidInputError:
        return []


def _varint(body: bytes, wanted: int) -> int:
    for number, wire, start, end in _fields(body):
        if (number, wire) == (wanted, VARINT):
            return read_varint(body, start, end)[0]
    return 0


def _text(body: bytes, wanted: int) -> str:
    for number, wire, start, end in _fields(body):
        if (number, wire) == (wanted, LEN):
            return body[start:end].decode("utf-8", "replace")
    return ""
