"""OTLP JSON -> OTLP protobuf, so that one decoder serves both (docs/adr/0005-plain-otlp-on-the-stream.md).

Read as protobuf's JSON mapping with OTLP's changes: trace and span ids are hex, enums are integers. As other parsers
do, enum names and the original field names are accepted too, 64-bit integers may be numbers or strings, null means
absent, and unknown fields are ignored. Errors name the path.
Sources: opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding"; https://protobuf.dev/programming-guides/json/
"""

import base64
import binascii
import json
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.fault import MALFORMED, TRUNCATED, MalformedError, UnreadableError
from opsloop.telemetry.otlp_schema import LEN, MESSAGES, REQUESTS, SIGNALS, Field, Message, Signal
from opsloop.telemetry.wire import MAX_DEPTH

MAX_PARTS = 1_000_000  # 16 MiB of real telemetry have half as many; each costs up to 250 bytes of memory
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "sint32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "fixed32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "sfixed64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "fixed64": (0, 2**64 - 1),
    "enum": (-(2**31), 2**31 - 1),
}
_NAMED_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class JsonError(MalformedError):
    """JSON that is not the message it should be."""


def parse(data: bytes) -> dict[str, Any]:
    """Return the JSON object that ``data`` holds.

    Raises ``InvalidInputError`` if it is something else, ``TooLargeError`` above ``MAX_PARTS`` objects and arrays.
    """
    check_parts(data)
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise json_fault(error) from None
    if not isinstance(document, dict):
        raise InvalidInputError(f"expected a JSON object, got {_name(document)}")
    return document


def check_parts(data: bytes, most: int | None = None) -> None:
    """Raise ``TooLargeError`` if JSON has more than ``most`` objects and arrays (usually ``MAX_PARTS``), unparsed."""
    most = MAX_PARTS if most is None else most
    # those within strings are counted, too: it is about the order of size
    if data.count(b"{") + data.count(b"[") > most or data.count(b",") > 2 * most:
        raise TooLargeError(f"more than {most} JSON objects and arrays, or {2 * most} values: send smaller batches")


def json_fault(error: ValueError | RecursionError) -> InvalidInputError:
    """Return what the parser's error says about somebody's JSON, with the byte where it can be told."""
    if isinstance(error, UnicodeDecodeError):
        return InvalidInputError(f"JSON is not UTF-8, at byte {error.start}")
    if isinstance(error, json.JSONDecodeError):
        at = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
        is_cut_off = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        reason = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}, at byte {at}"
        return UnreadableError(reason, TRUNCATED if is_cut_off else MALFORMED)
    if isinstance(error, RecursionError):
        return InvalidInputError("JSON is nested too deeply")
    return InvalidInputError("JSON holds an integer of more than 64 bits")  # the interpreter refuses 4,300 digits


def signal_of(document: Mapping[str, Any]) -> Signal:
    """Return the signal whose request ``document`` is; raise ``InvalidInputError`` if none is named."""
    for signal in SIGNALS:
        if not REQUESTS[signal].by_json_name.keys().isdisjoint(document):
            return signal
    raise InvalidInputError("expected resourceSpans, resourceMetrics or resourceLogs")


def encode(document: Mapping[str, Any], signal: Signal) -> bytes:
    """Return the protobuf form of an export request of ``signal``.

    Raises ``JsonError`` with the path of the first fault. A request of another signal is one, although unknown fields
    are ignored: acknowledging it would drop it silently.
    """
    if document and REQUESTS[signal].by_json_name.keys().isdisjoint(document):
        for other in SIGNALS:
            if other != signal and not REQUESTS[other].by_json_name.keys().isdisjoint(document):
                raise JsonError(f"this is a request for /v1/{other}, not /v1/{signal}")
    return _encode_message(document, REQUESTS[signal], MAX_DEPTH)


def encode_message(value: object, name: str) -> bytes:
    """Return the protobuf form of the message ``name`` (see ``otlp_schema``).

    Raises ``JsonError`` with the path of the first fault.
    """
    return _encode_message(value, MESSAGES[name], MAX_DEPTH)


def _encode_message(value: object, message: Message, depth: int) -> bytes:
    if not isinstance(value, dict):
        raise JsonError(f"expected an object ({message.name}), got {_name(value)}")
    if not depth:
        raise JsonError(f"more than {MAX_DEPTH} objects inside one another")
    parts: list[bytes] = []
    chosen: dict[str, str] = {}
    for name, item in value.items():
        field = message.by_json_name.get(name)
        if field is None or item is None:
            continue
        if field.oneof and chosen.setdefault(field.oneof, name) != name:
            raise JsonError(f"expected one of {chosen[field.oneof]} and {name}, got both")
        try:
            parts.append(_encode_repeated(item, field, depth) if field.repeated else _encode_field(item, field, depth))
        except JsonError as error:
            if not field.repeated:
                error.inside(field.json_name)
            raise
    return b"".join(parts)


def _encode_field(item: object, field: Field, depth: int) -> bytes:
    """Return tag and value; nothing for a default value in a field where that means the same as absent."""
    tag = field.number << 3 | field.wire
    if field.kind == "message":
        return _delimited(tag, _encode_message(item, MESSAGES[field.message], depth - 1))
    if field.wire == LEN:
        data = _BYTES[field.kind](item)
        return _delimited(tag, data) if data or field.presence else b""
    data = _scalar(item, field)
    return varint(tag) + data if field.presence or data.strip(b"\0") else b""


def _encode_repeated(items: object, field: Field, depth: int) -> bytes:
    if not isinstance(items, list):
        error = JsonError(f"expected an array, got {_name(items)}")
        error.inside(field.json_name)
        raise error
    parts: list[bytes] = []
    tag = field.number << 3 | LEN
    for place, item in enumerate(items):
        try:
            if field.kind == "message":
                parts.append(_delimited(tag, _encode_message(item, MESSAGES[field.message], depth - 1)))
            elif field.wire == LEN:
                parts.append(_delimited(tag, _BYTES[field.kind](item)))
            else:
                parts.append(_scalar(item, field))
        except JsonError as error:
            error.inside(f"{field.json_name}[{place}]")
            raise
    data = b"".join(parts)
    return _delimited(tag, data) if field.is_packable and data else data


def varint(value: int) -> bytes:
    """Return ``value`` (0 to 2**64 - 1) as a varint."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _delimited(tag: int, data: bytes) -> bytes:
    return varint(tag) + varint(len(data)) + data


def _scalar(item: object, field: Field) -> bytes:
    kind = field.kind
    if kind == "double":
        return struct.pack("<d", _double(item))
    if kind == "bool":
        if not isinstance(item, bool):
            raise JsonError(f"expected true or false, got {_name(item)}")
        return b"\1" if item else b"\0"
    if field.numbers is not None and isinstance(item, str) and item in field.numbers:
        return varint(field.numbers[item])
    number = _integer(item, field)
    match kind:
        case "fixed64":
            return struct.pack("<Q", number)
        case "sfixed64":
            return struct.pack("<q", number)
        case "fixed32":
            return struct.pack("<I", number)
        case "sint32":
            return varint((number << 1 ^ number >> 31) & 0xFFFFFFFF)
    return varint(number & 0xFFFFFFFFFFFFFFFF)  # negative int32, int64 and enums are sign-extended to 64 bits


def _integer(item: object, field: Field) -> int:
    lowest, highest = _RANGES[field.kind]
    number: int | None = None
    if isinstance(item, int) and not isinstance(item, bool):
        number = item
    elif (isinstance(item, str) and _INTEGER.fullmatch(item)) or (isinstance(item, float) and item.is_integer()):
        number = int(item)
    if number is None:
        wanted = "an integer" if field.numbers is None else f"an integer or a name such as {list(field.numbers)[1]}"
        raise JsonError(f"expected {wanted}, got {_name(item)}")
    if not lowest <= number <= highest:
        raise JsonError(f"{number} is not between {lowest} and {highest} ({field.kind})")
    return number


def _double(item: object) -> float:
    if isinstance(item, str) and item in _NAMED_NUMBERS:
        return _NAMED_NUMBERS[item]
    if isinstance(item, float) or (isinstance(item, str) and _NUMBER.fullmatch(item)):
        return float(item)
    if isinstance(item, int) and not isinstance(item, bool) and abs(item) < 2**1023:
        return float(item)
    raise JsonError(f"expected a number, got {_name(item)}")


def _string(item: object) -> bytes:
    if not isinstance(item, str):
        raise JsonError(f"expected a string, got {_name(item)}")
    try:
        return item.encode("utf-8")
    except UnicodeEncodeError:
        raise JsonError("string holds half of a surrogate pair") from None


def _base64(item: object) -> bytes:
    if not isinstance(item, str):
        raise JsonError(f"expected a base64 string, got {_name(item)}")
    text = item.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise JsonError(f"expected base64, got {_name(item)}") from None


def _hex(item: object) -> bytes:
    if isinstance(item, str):
        try:
            data = bytes.fromhex(item)
        except ValueError:
            data = b""
        if 2 * len(data) == len(item):  # fromhex skips spaces
            return data
    raise JsonError(f"expected hex digits, two per byte, got {_name(item)}")


_BYTES: dict[str, Callable[[object], bytes]] = {"string": _string, "bytes": _base64, "hex": _hex}


def _name(item: object) -> str:
    """Return what ``item`` is for an error text, cut short."""
    if isinstance(item, dict | list):
        return "an object" if isinstance(item, dict) else "an array"
    text = json.dumps(item)
    return text if len(text) <= 40 else f"{text[:40]}..."
