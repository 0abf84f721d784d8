"""Packed bytes inflated in chunks: gzip and zstd, over as many members or frames as there are."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

from opsloop.backup.archive import DamagedError
from opsloop.backup.model import Reason
from opsloop.backup.ports import NotTriedError

CHUNK = 1 << 20


def gunzipped(file: BinaryIO) -> Iterator[bytes]:
    """Return what a gzip file holds; raise ``DamagedError`` where it ends early or its checksum is not right."""
    try:
        with gzip.open(file, "rb") as inflated:
            while chunk := inflated.read(CHUNK):
                yield chunk
    except EOFError as error:
        raise DamagedError("the gzip file ends early", is_short=True) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DamagedError(f"the gzip file: {error}") from error


def unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return zstd data inflated; raise ``DamagedError`` where it ends early or cannot be."""
    zstd = _zstd()
    inflater, is_begun = zstd.ZstdDecompressor(), False
    try:
        for chunk in chunks:
            while chunk or not inflater.needs_input:
                if inflater.eof:
                    inflater = zstd.ZstdDecompressor()
                part = inflater.decompress(chunk, CHUNK)
                is_begun, chunk = True, inflater.unused_data if inflater.eof else b""
                if part:
                    yield part
                if inflater.eof and not chunk:
                    break
    except zstd.ZstdError as error:
        raise DamagedError(f"the zstd data: {error}") from error
    if is_begun and not inflater.eof:
        raise DamagedError("the zstd data ends early", is_short=True)


def _zstd() -> ModuleType:
    """Return the zstd module: few dumps need it, and not every machine has it."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise NotTriedError(Reason.UNSUPPORTED, "zstd is not installed here: pip install backports.zstd") from None
    module: ModuleType = zstd
    return module
