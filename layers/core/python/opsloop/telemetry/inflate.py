"""Decompression that a hostile body cannot make expensive: output, members, windows and time are bounded.

A complete gzip body of one member goes through libdeflate, twice as fast as zlib; all else is streamed.
"""

import sys
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import deflate

from opsloop.errors import TooLargeError
from opsloop.telemetry.fault import CHECKSUM, COMPRESSION, TRUNCATED, UnreadableError

GZIP, ZLIB, RAW_DEFLATE, ZSTD = 31, 15, -15, 0  # zlib's window bits for its three framings
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_NAMES = {GZIP: "gzip", ZLIB: "zlib", RAW_DEFLATE: "deflate", ZSTD: "zstd"}
_CHUNK = 65_536
MAX_MEMBERS = 1_000  # of a gzip file, or frames of zstd; each costs a fresh decompressor
_ZSTD_WINDOW_LOG = 23  # 8 MiB: the most that RFC 9659 lets a sender over HTTP ask for
_SMALLEST_GZIP = 18  # a header of 10 bytes, and 8 of checksum and size


def inflate(data: bytes, framing: int, *, max_bytes: int, accept_unterminated: bool = False) -> bytes:
    """Return ``data`` inflated; at most ``max_bytes`` and one chunk are ever held before it is refused.

    A gzip body may have several members, a zstd body several frames. ``accept_unterminated`` reads streams without a
    final block, as collectors before v0.101 wrote them.

    Raises ``TooLargeError`` above ``max_bytes``, ``InvalidInputError`` for broken, cut off, or trailing bytes.
    """
    if framing == GZIP:
        whole = _whole_gzip(data, max_bytes)
        if whole is not None:
            return whole
    return _stream(data, framing, max_bytes, accept_unterminated)


def framing_of(data: bytes) -> int | None:
    """Return the framing that the first bytes of ``data`` name; None for plain bytes, and for raw deflate."""
    if data.startswith(GZIP_MAGIC):
        return GZIP
    if data.startswith(ZSTD_MAGIC):
        return ZSTD
    # RFC 1950: method 8, a window of at most 32 KiB, and a checksum of both bytes
    is_zlib = len(data) > 2 and data[0] & 0x8F == 0x08 and (data[0] << 8 | data[1]) % 31 == 0
    return ZLIB if is_zlib else None


def name_of_framing(framing: int) -> str:
    """Return what people call a framing."""
    return _NAMES[framing]


def _whole_gzip(data: bytes, max_bytes: int) -> bytes | None:
    """Return a gzip body of one member inflated by libdeflate; None if it may be anything else.

    libdeflate stops silently after the first member. Its checksum and size must be those at the end, and nowhere
    before: else there may be more members, which are left to zlib. The size bounds what is allocated.
    """
    size = int.from_bytes(data[-4:], "little")
    if len(data) < _SMALLEST_GZIP or not 0 < size <= max_bytes:
        return None
    try:
        body = bytes(deflate.gzip_decompress(data, size))
    except deflate.DeflateError:  # cut off, broken or followed by something: zlib says which
        return None
    is_exact = len(body) == size and deflate.crc32(body) == int.from_bytes(data[-8:-4], "little")
    is_alone = data.find(data[-8:]) == len(data) - 8  # an equal member after the first ends like that one
    return body if is_exact and is_alone else None


def _stream(data: bytes, framing: int, max_bytes: int, accept_unterminated: bool) -> bytes:
    name, view = _NAMES[framing], memoryview(data)
    parts: list[bytes] = []
    total = at = members = 0
    new = _zstd_frame if framing == ZSTD else _zlib_member(framing)
    decompressor = new()
    while at < len(data):
        piece: bytes | memoryview = view[at : at + _CHUNK]
        start, at = at, at + len(piece)
        is_hungry = False
        while not is_hungry and not decompressor.eof:
            try:
                part = decompressor.decompress(piece, max_bytes - total + 1)
            except _errors(framing) as error:
                kind = CHECKSUM if "incorrect data check" in str(error) else COMPRESSION
                raise UnreadableError(f"{name} body is broken near byte {start}: {error}", kind) from None
            total += len(part)
            if total > max_bytes:
                raise TooLargeError(f"body is larger than {max_bytes} bytes after inflation")
            parts.append(part)
            piece, is_hungry = _rest(decompressor)
        if decompressor.eof:
            at -= len(decompressor.unused_data)
            members += 1
            if at == len(data):
                return b"".join(parts)
            if framing not in (GZIP, ZSTD) or framing_of(bytes(view[at : at + 4])) != framing:
                raise UnreadableError(
                    f"{len(data) - at} bytes follow the end of the {name} body, at byte {at}", COMPRESSION
                )
            if members == MAX_MEMBERS:
                raise UnreadableError(f"{name} body has more than {MAX_MEMBERS} members", COMPRESSION)
            decompressor = new()
    if not accept_unterminated:
        raise UnreadableError(f"{name} body is cut off, at byte {len(data)}", TRUNCATED)
    return b"".join(parts)


def _rest(decompressor: Any) -> tuple[bytes, bool]:
    """Return what of the input is still to be given, and whether all that was given has been used."""
    tail: bytes | None = getattr(decompressor, "unconsumed_tail", None)
    if tail is not None:
        return tail, not tail
    return b"", bool(decompressor.needs_input)  # zstd keeps the rest itself


def _zlib_member(framing: int) -> Callable[[], Any]:
    return lambda: zlib.decompressobj(framing)


def _zstd() -> ModuleType:
    """Return the zstd module: imported at the first zstd body, for most functions never see one."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    module: ModuleType = zstd
    return module


def _zstd_frame() -> Any:
    zstd = _zstd()
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


def _errors(framing: int) -> tuple[type[Exception], ...]:
    return (_zstd().ZstdError,) if framing == ZSTD else (zlib.error,)
