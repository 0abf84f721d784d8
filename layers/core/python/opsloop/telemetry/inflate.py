"""Decompression that a hostile body cannot make expensive: output, members and time are bounded."""

import zlib

from opsloop.errors import InvalidInputError, TooLargeError

GZIP, ZLIB, RAW_DEFLATE = 31, 15, -15  # zlib's window bits for the three framings
_NAMES = {GZIP: "gzip", ZLIB: "zlib", RAW_DEFLATE: "deflate"}
_CHUNK = 65_536
MAX_MEMBERS = 1_000  # of a gzip file; each costs a fresh decompressor


def inflate(data: bytes, framing: int, *, max_bytes: int, accept_unterminated: bool = False) -> bytes:
    """Return ``data`` inflated; at most ``max_bytes`` and one chunk are ever held before it is refused.

    A gzip body may have several members. ``accept_unterminated`` reads streams without a final block, as collectors
    before v0.101 wrote them.

    Raises ``TooLargeError`` above ``max_bytes``, ``InvalidInputError`` for broken, cut off, or trailing bytes.
    """
    name, view = _NAMES[framing], memoryview(data)
    parts: list[bytes] = []
    total = at = members = 0
    decompressor = zlib.decompressobj(framing)
    while at < len(data):
        piece: bytes | memoryview = view[at : at + _CHUNK]
        at += len(piece)
        while piece:
            try:
                part = decompressor.decompress(piece, max_bytes - total + 1)
            except zlib.error as error:
                raise InvalidInputError(f"{name} body is broken: {error}") from None
            total += len(part)
            if total > max_bytes:
                raise TooLargeError(f"body is larger than {max_bytes} bytes after inflation")
            parts.append(part)
            piece = decompressor.unconsumed_tail
        if decompressor.eof:
            at -= len(decompressor.unused_data)
            members += 1
            if at == len(data):
                return b"".join(parts)
            if framing != GZIP or data[at : at + 2] != b"\x1f\x8b":
                raise InvalidInputError(f"{len(data) - at} bytes follow the end of the {name} body")
            if members == MAX_MEMBERS:
                raise InvalidInputError(f"{name} body has more than {MAX_MEMBERS} members")
            decompressor = zlib.decompressobj(framing)
    if not accept_unterminated:
        raise InvalidInputError(f"{name} body is cut off")
    return b"".join(parts)
