"""OTLP protobuf, written by hand: fields, attribute values, and the shape that the three requests share."""

import struct
from collections.abc import Iterable, Mapping, Sequence

from opsloop.telemetry.fault import INVALID_ITEM, UnreadableError
from opsloop.telemetry.otlp_json import varint
from opsloop.telemetry.otlp_schema import I64, LEN

MAX_NESTING = 30  # of attribute values
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_MAX_FIXED = (1 << 64) - 1


def embed(number: int, data: bytes) -> bytes:
    """Return a message, or bytes, as field ``number``."""
    return varint(number << 3 | LEN) + varint(len(data)) + data


def text(number: int, value: str) -> bytes:
    """Return a string as field ``number``; nothing for an empty one."""
    if not value:
        return b""
    try:
        return embed(number, value.encode("utf-8"))
    except UnicodeEncodeError:
        raise UnreadableError("string holds half of a surrogate pair", INVALID_ITEM) from None


def number(field: int, value: int) -> bytes:
    """Return a varint as field ``field``; nothing for 0."""
    return varint(field << 3) + varint(value & _MAX_FIXED) if value else b""


def sint(field: int, value: int) -> bytes:
    """Return a zigzag varint of 32 bits as field ``field``; nothing for 0."""
    return number(field, (value << 1 ^ value >> 31) & 0xFFFFFFFF)


def fixed64(field: int, value: int) -> bytes:
    """Return a fixed64 as field ``field``; nothing for 0."""
    if not 0 <= value <= _MAX_FIXED:
        raise UnreadableError(f"{value} does not fit 64 bits", INVALID_ITEM)
    return varint(field << 3 | I64) + value.to_bytes(8, "little") if value else b""


def double(field: int, value: float) -> bytes:
    """Return a double as field ``field``, also if it is 0."""
    return varint(field << 3 | I64) + struct.pack("<d", value)


def attributes(field: int, pairs: Iterable[tuple[str, object]]) -> bytes:
    """Return key-value pairs as repeated field ``field``."""
    return b"".join(embed(field, text(1, key) + embed(2, any_value(value))) for key, value in pairs)


def any_value(value: object, depth: int = MAX_NESTING) -> bytes:
    """Return an AnyValue: text, bool, integer, float, bytes, list, mapping, or nothing for None.

    Integers beyond 64 bits become floats, as other JSON readers take them.
    """
    if not depth:
        raise UnreadableError(f"value is nested deeper than {MAX_NESTING}", INVALID_ITEM)
    match value:
        case str():
            return text(1, value) or embed(1, b"")
        case bool():
            return b"\x10\x01" if value else b"\x10\x00"
        case int() if _LOWEST <= value <= _HIGHEST:
            return b"\x18" + varint(value & _MAX_FIXED)
        case int() | float():
            return double(4, _float(value))
        case bytes():
            return embed(7, value)
        case None:
            return b""
        case Mapping():
            pairs = ((str(key), any_value(item, depth - 1)) for key, item in value.items())
            return embed(6, b"".join(embed(1, text(1, key) + embed(2, item)) for key, item in pairs))
        case Sequence():
            return embed(5, b"".join(embed(1, any_value(item, depth - 1)) for item in value))
    raise UnreadableError(f"no attribute value: {type(value).__name__}", INVALID_ITEM)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class Groups:
    """Items in the order they come, gathered by their resource and scope; ``request`` is the OTLP request of them."""

    def __init__(self) -> None:
        self._scopes: dict[bytes, dict[bytes, list[bytes]]] = {}

    def add(self, resource: bytes, scope: bytes, item: bytes) -> None:
        """Add an item (a span, log record or metric) under its resource and scope, all of them bare messages."""
        self._scopes.setdefault(resource, {}).setdefault(scope, []).append(item)

    def request(self) -> bytes:
        """Return the request; empty if nothing was added."""
        return b"".join(
            embed(1, embed(1, resource) + b"".join(_scope(scope, items) for scope, items in scopes.items()))
            for resource, scopes in self._scopes.items()
        )


def _scope(scope: bytes, items: list[bytes]) -> bytes:
    header = embed(1, scope) if scope else b""
    return embed(2, header + b"".join(embed(2, item) for item in items))
