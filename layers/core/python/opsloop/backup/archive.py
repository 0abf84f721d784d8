"""What a file is, by its first bytes, and what an archive of pg_dump says of itself in its header.

The layout is that of PostgreSQL's ``pg_backup_archiver.c``: the bytes ``PGDMP``, the archive's version, the widths of
integers and offsets, the format, the compression, the time, the database's name and the versions of server and pg_dump.
It is the same at the beginning of a custom archive and in the ``toc.dat`` of the directory and tar formats.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import BinaryIO

from opsloop.backup.model import Reason
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

MAGIC = b"PGDMP"
NEWEST_ARCHIVE = (1, 16)  # of PostgreSQL 16 to 18
HEAD_BYTES = 1 << 16  # enough to tell what a file is
MAX_STRING = 1 << 28  # a definition longer than this is no definition: the file is damaged
_GZIP, _ZSTD, _LZ4, _XZ, _BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\xfd7zXZ", b"BZh"
_FORMATS = {1: "custom", 3: "tar", 5: "directory"}
_COMPRESSIONS = {0: "none", 1: "gzip", 2: "lz4", 3: "zstd"}
_SAID = re.compile(rb"^-- PostgreSQL database (cluster )?dump\r?$", re.M)
_STATEMENT = re.compile(
    rb"^\s*(SET|CREATE|COPY|INSERT|BEGIN|ALTER|DROP|SELECT|COMMENT|GRANT|\\connect|\\restrict)\b", re.M | re.I
)
_FOREIGN = re.compile(rb"^(-- (MySQL|MariaDB) dump|PRAGMA foreign_keys)", re.M)


class Kind(StrEnum):
    """What a file is, as its first bytes say."""

    EMPTY = "empty"
    CUSTOM = "custom"
    TAR = "tar"
    PLAIN = "plain"
    GZIP = "gzip"  # something else within
    ZSTD = "zstd"
    OTHER = "other"


class DamagedError(InvalidInputError):
    """The file ends early (``is_short``) or says what cannot be; the message says where, ``reason`` what it makes
    of the dump."""

    def __init__(self, message: str, *, is_short: bool = False, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.is_short = is_short
        self.reason = reason or (Reason.TRUNCATED if is_short else Reason.CORRUPT)


@dataclass(frozen=True)
class Header:
    """What an archive says of itself.

    ``created_at`` is the wall clock of the machine that dumped, which the archive gives without its time zone; None
    where it is no time. ``compression`` is ``none``, ``gzip``, ``lz4`` or ``zstd``.
    """

    version: tuple[int, int]
    integer_bytes: int
    offset_bytes: int
    format: str
    compression: str
    created_at: datetime | None
    database: str
    server_version: str
    dump_version: str

    @property
    def is_too_new(self) -> bool:
        """Return whether a newer pg_dump wrote it than any that we know."""
        return self.version > NEWEST_ARCHIVE


def kind_of(head: bytes) -> Kind:
    """Return what begins with ``head``, the first ``HEAD_BYTES`` of a file or all of it."""
    if not head.strip(b" \t\r\n\x00"):
        return Kind.EMPTY
    if head.startswith(MAGIC):
        return Kind.CUSTOM
    if head.startswith(_GZIP):
        return Kind.GZIP
    if head.startswith(_ZSTD):
        return Kind.ZSTD
    if head[257:262] == b"ustar":
        return Kind.TAR
    return Kind.PLAIN if is_sql(head) else Kind.OTHER


def is_sql(head: bytes) -> bool:
    """Return whether text begins like a plain dump: by pg_dump's own words, or with a statement that a dump has."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    if b"\x00" in text or _FOREIGN.search(text):
        return False
    return _SAID.search(text) is not None or _STATEMENT.search(text) is not None


def what_instead(head: bytes) -> str:
    """Return in words what a file that is not a dump seems to be, and what would be right."""
    if head.startswith(_LZ4):
        return "an lz4 file; pack dumps with gzip or zstd"
    if head.startswith((_XZ, _BZIP2)):
        return "an xz or bzip2 file; pack dumps with gzip or zstd"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text in UTF-16, as an older PowerShell's > writes it; let pg_dump write the file with --file"
    if head.startswith(b"PK\x03\x04"):
        return "a zip file; pg_dump writes none"
    if _FOREIGN.search(head):
        return "a dump of another database system"
    if head[:1] in (b"{", b"["):
        return "JSON"
    if head[:1] == b"<":
        return "XML or HTML, perhaps the error page of a download"
    return f"something that begins with {head[:16]!r}"


class Reader:
    """Integers and strings of an archive, as ``ReadInt`` and ``ReadStr`` of PostgreSQL read them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.integer_bytes = 4
        self.offset_bytes = 8

    def bytes(self, size: int) -> bytes:
        """Return the next ``size`` bytes; raise ``DamagedError`` where there are fewer."""
        read = self.stream.read(size)
        if len(read) < size:
            raise DamagedError(f"the archive ends at byte {self.stream.tell()}, in the middle", is_short=True)
        return read

    def byte(self) -> int:
        """Return the next byte."""
        return self.bytes(1)[0]

    def integer(self) -> int:
        """Return the next integer: a byte for its sign, then the lowest byte first."""
        read = self.bytes(1 + self.integer_bytes)
        size = int.from_bytes(read[1:], "little")
        if read[0] > 1:
            raise DamagedError(f"byte {self.stream.tell() - len(read)} is no sign of a number", is_short=False)
        return -size if read[0] else size

    def text(self) -> str | None:
        """Return the next string, whatever its encoding; None where the archive has none."""
        size = self.integer()
        if size < 0:
            return None
        if size > MAX_STRING:
            raise DamagedError(
                f"a string of {size} bytes at byte {self.stream.tell()}: the archive is damaged", is_short=False
            )
        return self.bytes(size).decode("utf-8", "surrogateescape")


def read_header(stream: BinaryIO) -> tuple[Header, Reader]:
    """Return the header at the stream's place and the reader that stands behind it.

    Raises
    ------
    DamagedError
        If it ends early or says what cannot be.
    """
    reader = Reader(stream)
    if reader.bytes(len(MAGIC)) != MAGIC:
        raise DamagedError("an archive begins with PGDMP, this one does not", is_short=False)
    version = (reader.byte(), reader.byte())
    reader.byte()  # the revision
    reader.integer_bytes, reader.offset_bytes = reader.byte(), reader.byte()
    form = _FORMATS.get(reader.byte())
    if version < (1, 10) or form is None or reader.integer_bytes > 8 or not 4 <= reader.offset_bytes <= 8:
        raise DamagedError(f"the header of the archive (version {version[0]}.{version[1]}) is damaged", is_short=False)
    try:
        return _rest(reader, version, form), reader
    except DamagedError:
        if version <= NEWEST_ARCHIVE:
            raise
        # what newer archives have behind their version is not known
        return Header(version, reader.integer_bytes, reader.offset_bytes, form, "unknown", None, "", "", ""), reader


def _rest(reader: Reader, version: tuple[int, int], form: str) -> Header:
    if version >= (1, 15):
        compression = _COMPRESSIONS.get(reader.byte(), "unknown")
    else:
        compression = "gzip" if reader.integer() else "none"
    numbers = [reader.integer() for _ in range(7)]
    database, server, dump = (reader.text() or "" for _ in range(3))
    return Header(
        version, reader.integer_bytes, reader.offset_bytes, form, compression, _time(numbers), database, server, dump
    )


def _time(numbers: list[int]) -> datetime | None:
    """Return the time that C's ``struct tm`` gives, read as UTC."""
    second, minute, hour, day, month, year, _daylight = numbers
    try:
        return datetime(year + 1900, month + 1, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def major(version: str) -> int | None:
    """Return the major version in ``15.18 (Debian 15.18-0+deb12u1)``, None where there is none."""
    found = re.match(r"\D{0,40}?(\d{1,3})", version)
    return int(found.group(1)) if found else None
