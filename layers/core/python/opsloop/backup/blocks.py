"""The data of a custom archive: whether all of it is there, and the same archive without compression.

Behind the table of contents lies one block per table or group of large objects: a byte for its kind, the entry's
number, then chunks, each behind its length, up to one of length 0 (``pg_backup_custom.c``). A block of large objects
has the number of each before its chunks.
"""

import mmap
from collections.abc import Callable, Iterator
from typing import BinaryIO

from opsloop.backup.archive import DamagedError
from opsloop.backup.contents import Contents
from opsloop.dataclass import dataclass

_DATA, _LARGE_OBJECTS = 1, 3
_FLAG_SET = 2
MAX_CHUNK = 1 << 30
Inflate = Callable[[Iterator[bytes]], Iterator[bytes]]


@dataclass(frozen=True)
class Blocks:
    """What the walk over an archive's data found. ``missing`` are the entries without their data, by name;
    ``damage`` is in words where the data cannot be what pg_dump wrote, ``is_short`` if the file ends there."""

    entries: tuple[int, ...]
    bytes: int
    missing: tuple[str, ...] = ()
    damage: str = ""
    is_short: bool = False


def walk(data: "mmap.mmap | bytes", contents: Contents) -> Blocks:
    """Return which blocks of data the archive holds, from its first chunk to the last byte; nothing is inflated."""
    known = {one.entry_id: one for one in contents.entries if one.has_data}
    found: list[int] = []
    place = _Place(data, contents.end, contents.header.integer_bytes)
    damage, is_short = "", False
    total = 0
    try:
        while place.at < len(data):
            kind, entry_id = place.byte(), place.integer()
            if kind not in (_DATA, _LARGE_OBJECTS) or entry_id not in known:
                raise DamagedError(f"byte {place.at} begins no block of data that the archive lists", is_short=False)
            total += _skip(place, is_large_objects=kind == _LARGE_OBJECTS)
            found.append(entry_id)
    except DamagedError as error:
        damage, is_short = error.message, error.is_short
    held = set(found)
    missing = tuple(
        f"{one.schema}.{one.name}" if one.schema else one.name for key, one in known.items() if key not in held
    )
    return Blocks(tuple(found), total, missing, damage, is_short)


class _Place:
    """A place in an archive's bytes from which numbers are read."""

    def __init__(self, data: "mmap.mmap | bytes", at: int, integer_bytes: int) -> None:
        self.data, self.at, self.integer_bytes = data, at, integer_bytes

    def byte(self) -> int:
        """Return the next byte."""
        if self.at >= len(self.data):
            raise DamagedError(f"the archive ends at byte {self.at}, within its data", is_short=True)
        self.at += 1
        return self.data[self.at - 1]

    def integer(self) -> int:
        """Return the next number, which in the data is never negative."""
        end = self.at + 1 + self.integer_bytes
        if end > len(self.data):
            raise DamagedError(f"the archive ends at byte {len(self.data)}, within its data", is_short=True)
        sign, number = self.data[self.at], int.from_bytes(self.data[self.at + 1 : end], "little")
        if sign:
            raise DamagedError(f"the length at byte {self.at} cannot be", is_short=False)
        self.at = end
        return number

    def chunk(self) -> int:
        """Go past the next chunk; return its length, 0 for the last."""
        size = self.integer()
        if size > MAX_CHUNK:
            raise DamagedError(f"a chunk of {size} bytes at byte {self.at} cannot be", is_short=False)
        if self.at + size > len(self.data):
            raise DamagedError(f"the archive ends at byte {len(self.data)}, within its data", is_short=True)
        self.at += size
        return size


def _skip(place: _Place, *, is_large_objects: bool) -> int:
    """Go past a block's chunks; return the bytes in them."""
    total = 0
    while True:
        if is_large_objects and not place.integer():
            return total
        while size := place.chunk():
            total += size
        if not is_large_objects:
            return total


def uncompressed(source: BinaryIO, contents: Contents, inflate: Inflate) -> Iterator[bytes]:
    """Return the archive anew with data that is not compressed, for a pg_restore built without the compression.

    ``inflate`` takes what one table's chunks hold and returns it inflated. Where blocks lie is not written, as in an
    archive that pg_dump wrote to a pipe: pg_restore then looks for them.
    """
    header = contents.header
    source.seek(0)
    head = bytearray(source.read(contents.end))
    head[11] = 0  # PGDMP, version, revision, widths, format; then the compression
    for at in _offsets(contents):
        head[at] = 1  # K_OFFSET_POS_NOT_SET
    yield bytes(head)
    width = header.integer_bytes
    while kind := source.read(1):
        yield kind + source.read(1 + width)
        while True:
            if kind[0] == _LARGE_OBJECTS:
                number = source.read(1 + width)
                yield number
                if not int.from_bytes(number[1:], "little"):
                    break
            for part in inflate(_chunks(source, width)):
                yield _number(len(part), width) + part
            yield _number(0, width)
            if kind[0] != _LARGE_OBJECTS:
                break


def _offsets(contents: Contents) -> Iterator[int]:
    """Return where the flags lie that say that an entry's place in the file is known."""
    return (one.flag_at for one in contents.entries if one.position is not None)


def _chunks(source: BinaryIO, width: int) -> Iterator[bytes]:
    while size := int.from_bytes(source.read(1 + width)[1:], "little"):
        yield source.read(size)


def _number(value: int, width: int) -> bytes:
    return b"\x00" + value.to_bytes(width, "little")
