"""The table of contents of an archive: what is in it, by exact names.

``pg_restore --list`` prints the same entries, but with spaces between names that may hold spaces, and without
definitions; so the entries are read as ``ReadToc`` of PostgreSQL reads them.
"""

from collections.abc import Iterable
from typing import BinaryIO

from opsloop.backup.archive import DamagedError, Header, Reader, read_header
from opsloop.dataclass import dataclass

MAX_ENTRIES = 5_000_000
_NOTHING = {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"}
_DATA = {"TABLE DATA", "BLOBS", "SEQUENCE SET", "MATERIALIZED VIEW DATA", "STATISTICS DATA"}


@dataclass(frozen=True)
class Entry:
    """One object of an archive. ``position`` is where its data lies in a custom archive, None where it has none or
    the archive does not say, ``flag_at`` the byte that tells which; ``file`` its file in a directory."""

    entry_id: int
    kind: str  # desc: TABLE, TABLE DATA, INDEX, EXTENSION ...
    schema: str
    name: str
    owner: str
    definition: str
    has_data: bool
    copy: str = ""
    position: int | None = None
    file: str = ""
    flag_at: int = 0


@dataclass(frozen=True)
class Contents:
    """An archive's header and entries; ``end`` is the byte at which the data of a custom archive begins."""

    header: Header
    entries: tuple[Entry, ...]
    end: int

    @property
    def is_empty(self) -> bool:
        """Return whether it holds nothing but settings."""
        return all(one.kind in _NOTHING for one in self.entries)

    @property
    def has_definitions(self) -> bool:
        """Return whether anything is created; a dump of data only creates nothing."""
        return any(one.kind not in _NOTHING | _DATA for one in self.entries)

    @property
    def encoding(self) -> str:
        """Return the encoding of the database that was dumped, ``UTF8`` where it is not said."""
        return next((_quoted(one.definition) for one in self.entries if one.kind == "ENCODING"), "UTF8")

    @property
    def fires_early(self) -> bool:
        """Return whether several workers of pg_restore may make triggers before the rows that must not fire them.

        What is made behind rows waits for those of its own table. A partitioned one has none, so that its triggers,
        which are its partitions' as well, wait for nothing.
        """
        is_partitioned = any("PARTITION BY" in one.definition for one in self.of_kind("TABLE"))
        return is_partitioned and bool(self.of_kind("TRIGGER"))

    def of_kind(self, *kinds: str) -> list[Entry]:
        """Return the entries of the kinds."""
        return [one for one in self.entries if one.kind in kinds]

    def tables_without_data(self) -> list[str]:
        """Return ``schema.name`` of tables whose data the archive does not hold, as of a dump of the schema only."""
        held = {(one.schema, one.name) for one in self.of_kind("TABLE DATA")}
        return [
            f"{one.schema}.{one.name}"
            for one in self.of_kind("TABLE")
            if (one.schema, one.name) not in held and "PARTITION BY" not in one.definition
        ]


def _quoted(definition: str) -> str:
    """Return what stands between the first two apostrophes."""
    parts = definition.split("'")
    return parts[1] if len(parts) > 2 else "UTF8"


def read_contents(stream: BinaryIO) -> Contents:
    """Return header and entries of an archive, from its first byte or from that of a ``toc.dat``.

    Raises
    ------
    DamagedError
        If it ends early or says what cannot be. An archive newer than ``NEWEST_ARCHIVE`` gives no entries.
    """
    header, reader = read_header(stream)
    if header.is_too_new:
        return Contents(header, (), stream.tell())
    number = reader.integer()
    if not 0 <= number <= MAX_ENTRIES:
        raise DamagedError(f"an archive of {number} entries: it is damaged", is_short=False)
    entries = tuple(_read_entry(reader, header) for _ in range(number))
    return Contents(header, entries, stream.tell())


def _read_entry(reader: Reader, header: Header) -> Entry:
    version = header.version
    entry_id, has_data = reader.integer(), reader.integer() != 0
    reader.text(), reader.text()  # the object's own ids at the source
    name, kind = reader.text() or "", reader.text() or ""
    if version >= (1, 11):
        reader.integer()  # the section
    definition, _drop, copy = (reader.text() or "" for _ in range(3))
    schema, _tablespace = reader.text() or "", reader.text()
    if version >= (1, 14):
        reader.text()  # the access method
    if version >= (1, 16):
        reader.integer()  # the kind of relation
    owner, _with_oids = reader.text() or "", reader.text()
    while reader.text() is not None:
        pass  # what it depends on
    position, file, flag_at = None, "", 0
    if header.format == "custom":
        flag_at = reader.stream.tell()
        flag, offset = reader.byte(), int.from_bytes(reader.bytes(header.offset_bytes), "little")
        position = offset if flag == 2 else None
        has_data = has_data or flag == 2
    else:
        file = reader.text() or ""
    return Entry(entry_id, kind, schema, name, owner, definition, has_data, copy, position, file, flag_at)


def list_lines(entries: Iterable[Entry]) -> str:
    """Return the text for ``pg_restore --use-list`` that restores these entries: it reads nothing but the numbers."""
    return "".join(f"{one.entry_id};\n" for one in entries)
