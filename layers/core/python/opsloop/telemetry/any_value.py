"""OTLP's values and attributes as JSON: whole and nested, whatever a stranger's bytes hold.

Bytes are base64, numbers that JSON has no form for are text (``NaN``, ``Infinity``), text that is not UTF-8 keeps what
can be read of it. A value that is no message, or nested too deeply, stays bytes: ``{"unreadable": <base64>}``.
"""

import math
import struct
from binascii import b2a_base64
from collections.abc import Iterator
from typing import Any

from opsloop.telemetry.otlp_schema import I64, LEN, VARINT
from opsloop.telemetry.wire import WireError, read_varint, scan

MAX_DEPTH = 32  # of lists and maps inside one another; deeper ones are kept as bytes
_KEY, _VALUE = 1, 2
_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _MAP, _BYTES = range(1, 8)
_DOUBLE_BITS = struct.Struct("<d")

Field = tuple[int, int, int, int]
"""Number, wire type, and where the value lies."""


def fields(data: bytes, at: int, end: int) -> Iterator[Field]:
    """Yield the fields between two positions; as ``wire.scan``, with a short way for short ones.

    Raises ``WireError`` where they break off.
    """
    while at < end:
        tag = data[at]
        if tag & 7 == LEN and 8 <= tag < 0x80 and at + 1 < end and data[at + 1] < 0x80:
            stop = at + 2 + data[at + 1]
            if stop <= end:
                yield tag >> 3, LEN, at + 2, stop
                at = stop
                continue
        number, wire, _, value, stop = next(scan(data, at, end))
        yield number, wire, value, stop
        at = stop


def attributes(data: bytes, places: list[tuple[int, int]]) -> dict[str, Any]:
    """Return the attributes whose pairs lie at ``places``; of several with one key the last counts."""
    found: dict[str, Any] = {}
    for at, end in places:
        _add_pair(found, data, at, end, MAX_DEPTH)
    return found


def any_value(data: bytes, at: int, end: int, depth: int = MAX_DEPTH) -> Any:
    """Return the AnyValue between two positions as what ``json`` takes; None for an empty one."""
    if not depth:
        return _unreadable(data, at, end)
    value: Any = None
    try:
        for number, wire, begin, stop in fields(data, at, end):
            if wire == LEN and number in _OF_LENGTH:
                value = _OF_LENGTH[number](data, begin, stop, depth)
            elif wire == VARINT and number in (_BOOL, _INT):
                bits = read_varint(data, begin, stop)[0]
                value = bool(bits) if number == _BOOL else bits - (1 << 64) if bits >> 63 else bits
            elif wire == I64 and number == _DOUBLE:
                value = _number(_DOUBLE_BITS.unpack_from(data, begin)[0])
    except WireError:
        return _unreadable(data, at, end)
    return value


def text(data: bytes, at: int, end: int) -> str:
    """Return a string field; what is not UTF-8 of it is replaced."""
    return data[at:end].decode("utf-8", "replace")


def _add_pair(found: dict[str, Any], data: bytes, at: int, end: int, depth: int) -> None:
    key, value = "", None
    try:
        for number, wire, begin, stop in fields(data, at, end):
            if wire == LEN and number == _KEY:
                key = text(data, begin, stop)
            elif wire == LEN and number == _VALUE:
                value = any_value(data, begin, stop, depth)
    except WireError:
        value = _unreadable(data, at, end)
    found[key] = value


def _list(data: bytes, at: int, end: int, depth: int) -> list[Any]:
    return [
        any_value(data, begin, stop, depth - 1)
        for number, wire, begin, stop in fields(data, at, end)
        if (number, wire) == (1, LEN)
    ]


def _map(data: bytes, at: int, end: int, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, wire, begin, stop in fields(data, at, end):
        if (number, wire) == (1, LEN):
            _add_pair(found, data, begin, stop, depth - 1)
    return found


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _base64(data: bytes, at: int, end: int, _: int = 0) -> str:
    return b2a_base64(data[at:end], newline=False).decode()


def _unreadable(data: bytes, at: int, end: int) -> dict[str, str]:
    return {"unreadable": _base64(data, at, end)}


_OF_LENGTH = {
    _STRING: lambda data, at, end, _: text(data, at, end),
    _ARRAY: _list,
    _MAP: _map,
    _BYTES: _base64,
}
