"""Custom archives, written field by field as PostgreSQL's ``pg_backup_archiver.c`` writes them."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBER = struct.Struct("<bI")


@dataclass(frozen=True)
class Item:
    """One entry; ``data`` None where it has none."""

    kind: str
    schema: str
    name: str
    definition: str = ""
    data: bytes | None = None
    owner: str = "shop"


def number(value: int) -> bytes:
    """Return an integer as ``WriteInt`` writes it."""
    return _NUMBER.pack(value < 0, abs(value))


def text(value: str | None) -> bytes:
    """Return a string as ``WriteStr`` writes it."""
    return number(-1) if value is None else number(len(value.encode())) + value.encode()


def archive(items: Iterable[Item], *, version: tuple[int, int] = (1, 16), compression: int = 1) -> bytes:
    """Return a whole archive of those entries, of a database called shop; data in chunks of 3 bytes."""
    every = list(items)
    made = b"PGDMP" + bytes([*version, 0, 4, 8, 1, compression])
    made += b"".join(number(one) for one in (0, 30, 20, 21, 10, 126, 0))
    made += text("shop") + text("15.18") + text("18.6") + number(len(every))
    rows = b""
    for place, one in enumerate(every, start=1):
        made += number(place) + number(one.data is not None) + text("0") + text("0") + text(one.name) + text(one.kind)
        made += number(1) + text(one.definition) + text("") + text("") + text(one.schema) + text("") + text("heap")
        made += number(0) + text(one.owner) + text("false") + text(None)
        made += bytes([1 if one.data is not None else 3]) + bytes(8)
        if one.data is not None:
            chunks = [one.data[at : at + 3] for at in range(0, len(one.data), 3)]
            rows += b"\1" + number(place) + b"".join(number(len(each)) + each for each in chunks) + number(0)
    return made + rows
