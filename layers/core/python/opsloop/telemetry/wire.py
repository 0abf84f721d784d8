"""Protobuf's wire format, read by hand: a strict check of OTLP bytes, and a scanner of one message's fields.

Known fields must have their wire type, lengths must stay inside their message, strings must be UTF-8. Fields that the
table does not know are skipped, so that senders may be newer than we are; groups are none that proto3 has, and are
refused. Errors name the path and the byte.
Format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

from opsloop.errors import TooLargeError
from opsloop.telemetry.fault import MalformedError
from opsloop.telemetry.otlp_schema import (
    I64,
    LEN,
    MESSAGES,
    REQUESTS,
    VARINT,
    WIRE_NAMES,
    Field,
    Message,
    Signal,
)

MAX_DEPTH = 100  # messages inside messages, as other protobuf parsers allow
MAX_FIELDS = 10_000_000  # of a body; 64 MiB of real telemetry have fewer, 64 MiB of empty fields cost a minute
_MAX_TAG = 2**32 - 1
_MAX_VARINT = 2**64 - 1


class WireError(MalformedError):
    """Bytes that are not the message they should be, with the position of the fault."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(f"{reason}, at byte {at}")


def validate(data: bytes, signal: Signal) -> None:
    """Walk ``data`` as an export request of ``signal``.

    Raises ``WireError`` at the first fault, ``TooLargeError`` above ``MAX_FIELDS`` fields.
    """
    _check(data, 0, len(data), REQUESTS[signal], MAX_DEPTH, MAX_FIELDS)


def check_message(data: bytes, at: int, end: int, name: str) -> None:
    """Walk what lies between two positions as the message ``name`` (see ``otlp_schema``), or as some fields of it.

    Raises ``WireError`` at the first fault, ``TooLargeError`` above ``MAX_FIELDS`` fields.
    """
    _check(data, at, end, MESSAGES[name], MAX_DEPTH, MAX_FIELDS)


def is_message(data: bytes, at: int, end: int, name: str) -> bool:
    """Whether the bytes between two positions are a message called ``name``."""
    try:
        check_message(data, at, end, name)
    except (WireError, TooLargeError):
        return False
    return True


def read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the varint at ``at`` and the position after it."""
    value = shift = 0
    start = at
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            if value > _MAX_VARINT:
                raise WireError("varint above 64 bits", start)
            return value, at
    raise WireError("varint longer than 10 bytes" if shift >= 70 else "bytes end inside a varint", start)


def scan(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield ``(number, wire type, start of its tag, start of its value, end)`` of each field between two positions.

    The value of a length-delimited field starts after its length; that of a group is empty.
    """
    while at < end:
        start = at
        tag, value = _read_tag(data, at, end)
        if tag & 7 == LEN:
            size, value = read_varint(data, value, end)
            at = _inside(value + size, end, start)
        else:
            at = _skip(data, tag, value, end)
        yield tag >> 3, tag & 7, start, value, at


def _check(data: bytes, at: int, end: int, message: Message, depth: int, fields_left: int) -> int:
    """Check one message and all inside it; return how many fields the body may still have."""
    if not depth:
        raise WireError(f"more than {MAX_DEPTH} messages inside one another", at)
    by_tag, first = message.by_tag, at
    while at < end:
        if not fields_left:
            raise TooLargeError(f"body has more than {MAX_FIELDS} fields: send smaller batches")
        fields_left -= 1
        start = at
        tag = data[at]
        if tag < 0x80:
            at += 1
        else:
            tag, at = read_varint(data, at, end)
        field = by_tag.get(tag)
        if field is None:
            at = _skip_unknown(data, tag, start, end, message)
            continue
        try:
            if tag & 7 == LEN:
                if at < end and data[at] < 0x80:
                    size, at = data[at], at + 1
                else:
                    size, at = read_varint(data, at, end)
                stop = at + size
                if stop > end:
                    raise WireError(f"length {size} reaches {stop - end} bytes past the end of {message.name}", start)
                if field.kind == "message":
                    fields_left = _check(data, at, stop, MESSAGES[field.message], depth - 1, fields_left)
                else:
                    _check_bytes(data, at, stop, field)
                at = stop
            elif tag & 7 == VARINT:
                at = at + 1 if at < end and data[at] < 0x80 else read_varint(data, at, end)[1]
            else:
                at = _inside(at + (8 if tag & 7 == I64 else 4), end, start)
        except WireError as error:
            error.inside(_step(data, first, start, field))
            raise
    return fields_left


def _check_bytes(data: bytes, at: int, stop: int, field: Field) -> None:
    kind = field.kind
    if kind == "string":
        try:
            str(memoryview(data)[at:stop], "utf-8")
        except UnicodeDecodeError as error:
            raise WireError("string is not UTF-8", at + error.start) from None
    elif field.wire == I64:
        if (stop - at) % 8:
            raise WireError(f"{stop - at} bytes of packed {kind} are no multiple of 8", at)
    elif field.wire == VARINT:
        while at < stop:
            at = read_varint(data, at, stop)[1]


def _skip_unknown(data: bytes, tag: int, start: int, end: int, message: Message) -> int:
    """Return the position after a field that ``message`` does not have, or not with this wire type."""
    if field := message.fields.get(tag >> 3):
        error = WireError(
            f"expected {WIRE_NAMES[field.wire]} ({field.message or field.kind}), "
            f"got {WIRE_NAMES.get(tag & 7, f'wire type {tag & 7}')}",
            start,
        )
        error.inside(field.name)
        raise error
    tag, at = _read_tag(data, start, end)
    return _skip(data, tag, at, end)


def _read_tag(data: bytes, at: int, end: int) -> tuple[int, int]:
    tag, after = read_varint(data, at, end)
    if tag < 8 or tag > _MAX_TAG:
        raise WireError(f"field number {tag >> 3} is not possible", at)
    return tag, after


def _skip(data: bytes, tag: int, at: int, end: int) -> int:
    """Return the position after the value of ``tag`` that starts at ``at``."""
    match tag & 7:
        case 0:
            return read_varint(data, at, end)[1]
        case 1:
            return _inside(at + 8, end, at)
        case 2:
            size, after = read_varint(data, at, end)
            return _inside(after + size, end, at)
        case 5:
            return _inside(at + 4, end, at)
    raise WireError(f"wire type {tag & 7} is not possible here", at)


def _inside(at: int, end: int, start: int) -> int:
    if at > end:
        raise WireError(f"a field reaches {at - end} bytes past the end", start)
    return at


def _step(data: bytes, first: int, start: int, field: Field) -> str:
    """Return the name of the field at ``start`` for an error, with its place among its repetitions."""
    if not field.repeated:
        return field.name
    place = sum(number == field.number for number, *_ in scan(data, first, start))
    return f"{field.name}[{place}]"
