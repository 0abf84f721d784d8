"""The log requests of one batch as one object: compressed, each with the arrival of its record."""

import struct
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from opsloop.errors import InvalidInputError

MAX_BYTES = 1 << 30  # of a batch after inflation; ingest takes in no more of one than its memory holds
_MAGIC = b"OLR1"
_FRAME = struct.Struct("<dI")  # arrival, s since the epoch; length of the request
_LEVEL = 1  # the hot path pays for it; level 3 is a twentieth smaller at half the speed


class RawRequest(NamedTuple):
    """One OTLP log request in protobuf, all of it readable, and when its record arrived."""

    arrival_s: float
    protobuf: bytes


def pack(requests: Iterable[RawRequest]) -> bytes:
    """Return ``requests`` as bytes; the same requests give the same."""
    parts = [_MAGIC]
    for arrival_s, protobuf in requests:
        parts += (_FRAME.pack(arrival_s, len(protobuf)), protobuf)
    compressed: bytes = _zstd().compress(b"".join(parts), _LEVEL)
    return compressed


def unpack(body: bytes, *, max_bytes: int = MAX_BYTES) -> list[RawRequest]:
    """Return what ``pack`` made ``body`` from; raise ``InvalidInputError`` for anything else."""
    zstd = _zstd()
    decompressor = zstd.ZstdDecompressor()
    try:
        data: bytes = decompressor.decompress(body, max_bytes + 1)
    except (zstd.ZstdError, EOFError) as error:
        raise InvalidInputError(f"raw log requests: {error}") from None
    if len(data) > max_bytes:
        raise InvalidInputError(f"raw log requests: more than {max_bytes} bytes")
    if not decompressor.eof or decompressor.unused_data or data[: len(_MAGIC)] != _MAGIC:
        raise InvalidInputError("raw log requests: not a whole object of them")
    found, at = [], len(_MAGIC)
    while at < len(data):
        if at + _FRAME.size > len(data):
            raise InvalidInputError(f"raw log requests: cut off at byte {at}")
        arrival_s, size = _FRAME.unpack_from(data, at)
        at += _FRAME.size
        if at + size > len(data):
            raise InvalidInputError(f"raw log requests: cut off at byte {at}")
        found.append(RawRequest(arrival_s, data[at : at + size]))
        at += size
    return found


def _zstd() -> ModuleType:
    """Return the zstd module, imported when a batch has logs: most functions never see one."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    module: ModuleType = zstd
    return module
