"""One block of snappy, inflated: what Prometheus remote-write bodies are packed in.

A preamble says the length; then literals and copies of what came before. Source: google/snappy,
format_description.txt. (The framing format, with its "sNaPpY" stream identifier, is another one, and not read.)
"""

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.fault import COMPRESSION, UnreadableError
from opsloop.telemetry.wire import WireError, read_varint

MAX_ELEMENTS = 4_000_000  # literals and copies of a block: seconds; each holds up to 64 bytes, or more of a literal
_LITERAL, _COPY_1, _COPY_2 = 0, 1, 2
_INLINE_LENGTHS = 60  # longer literals give their length in the next one to four bytes


def decompress(block: bytes, *, max_bytes: int) -> bytes:
    """Return what a snappy block holds; nothing is inflated if its preamble says more than ``max_bytes``.

    Raises ``TooLargeError`` above ``max_bytes``, ``UnreadableError`` naming the byte for anything that is no block.
    """
    try:
        size, at = read_varint(block, 0, len(block))
    except WireError as error:
        raise _broken(str(error)) from None
    if size > max_bytes:
        raise TooLargeError(f"body is larger than {max_bytes} bytes after inflation")
    out = bytearray()
    elements = 0
    while at < len(block):
        elements += 1
        if elements > MAX_ELEMENTS:
            raise TooLargeError(f"snappy block has more than {MAX_ELEMENTS} literals and copies: send smaller batches")
        start, kind = at, block[at] & 3
        at = _literal(block, at, out) if kind == _LITERAL else _copy(block, at, kind, out)
        if len(out) > size:
            raise _broken(f"more than the {size} bytes it says, at byte {start}")
    if len(out) != size:
        raise _broken(f"{len(out)} of the {size} bytes it says, at byte {len(block)}")
    return bytes(out)


def _literal(block: bytes, at: int, out: bytearray) -> int:
    length, start = (block[at] >> 2) + 1, at
    at += 1
    if length > _INLINE_LENGTHS:
        width = length - _INLINE_LENGTHS
        length = int.from_bytes(block[at : at + width], "little") + 1
        at += width
    if at + length > len(block):
        raise _broken(f"a literal of {length} bytes is cut off, at byte {start}")
    out += block[at : at + length]
    return at + length


def _copy(block: bytes, at: int, kind: int, out: bytearray) -> int:
    tag, start = block[at], at
    width = 1 if kind == _COPY_1 else 2 if kind == _COPY_2 else 4
    low = block[at + 1 : at + 1 + width]
    if len(low) < width:
        raise _broken(f"a copy is cut off, at byte {start}")
    offset = int.from_bytes(low, "little")
    length = (tag >> 2) + 1
    if kind == _COPY_1:
        length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | offset
    if not 0 < offset <= len(out):
        raise _broken(f"a copy from {offset} bytes before the {len(out)} there are, at byte {start}")
    begin = len(out) - offset
    if offset >= length:
        out += out[begin : begin + length]
    else:  # it overlaps itself: what it copies repeats
        pattern = bytes(out[begin:])
        out += (pattern * (length // offset + 1))[:length]
    return at + 1 + width


def _broken(reason: str) -> InvalidInputError:
    return UnreadableError(f"snappy block is broken: {reason}", COMPRESSION)
