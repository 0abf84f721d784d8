"""Dumps as files: read to their last byte, and unpacked into what PostgreSQL's programs can read.

Plain dumps are never unpacked to disk: they are inflated anew each time their text is needed. Everything that is
written lies in a folder of its own that is gone afterwards, and is bounded by the disk that may be used.
"""

import fcntl
import hashlib
import mmap
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, cast

from opsloop.backup.archive import HEAD_BYTES, DamagedError, Kind, kind_of, what_instead
from opsloop.backup.blocks import Blocks, uncompressed, walk
from opsloop.backup.contents import Contents, read_contents
from opsloop.backup.inflate import CHUNK, gunzipped, unzstd
from opsloop.backup.model import Reason
from opsloop.backup.plain import read_plain
from opsloop.backup.ports import FileFacts, NotTriedError, Told, Unpacked
from opsloop.backup.wanted import MIB, Limits

PREFIX = "opsloop-dump-"  # of folders, in the temporary one
MAX_FILES = 1_000_000
_PACKED = (Kind.GZIP, Kind.ZSTD)


class DumpFiles:
    """The port ``Files``. What is unpacked lies below ``scratch``, by default the temporary folder."""

    def __init__(self, scratch: Path | None = None) -> None:
        self._scratch = scratch

    def read(self, path: Path, told: Told) -> FileFacts:
        """Read a file to its last byte."""
        digest, head, total = hashlib.sha256(), b"", 0
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    head = head or chunk[:HEAD_BYTES]
                    digest.update(chunk)
                    total += len(chunk)
                    told(total, size)
        except FileNotFoundError:
            raise NotTriedError(Reason.NOT_FOUND, f"{path.name} is not there") from None
        except OSError as error:
            raise NotTriedError(Reason.NOT_STARTED, f"{path.name} cannot be read: {error.strerror}") from error
        return FileFacts(total, digest.hexdigest(), head)

    @contextmanager
    def unpacked(self, path: Path, head: bytes, limits: Limits, told: Told) -> Iterator[Unpacked]:
        """Return the dump unpacked, for as long as it is used; raise ``DamagedError`` where it cannot be."""
        _remove_stale(self._scratch or Path(tempfile.gettempdir()))
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=self._scratch) as name:
            folder = Path(name)
            with (folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                folder.chmod(0o755)  # pg_restore runs as another user
                yield _unpack(path, kind_of(head), folder, limits, told)


def _remove_stale(temporary: Path) -> None:
    """Remove what was unpacked by processes that were killed: the next invocation of a Lambda has the same disk."""
    for folder in temporary.glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _unpack(path: Path, kind: Kind, folder: Path, limits: Limits, told: Told) -> Unpacked:
    room, path = limits.disk_bytes, path.absolute()  # who restores it runs in another folder
    if kind in _PACKED:
        inner = _first(_inflated(path, kind, room))
        within = kind_of(inner)
        if within is Kind.EMPTY:
            raise DamagedError("packed, but nothing is in it", reason=Reason.EMPTY)
        if within is Kind.PLAIN:
            return _plain(path, lambda: _inflated(path, kind, room), told)
        if within not in (Kind.CUSTOM, Kind.TAR):
            raise DamagedError(f"packed, but within is {what_instead(inner)}", reason=Reason.NOT_A_DUMP)
        path, kind = _written(_inflated(path, kind, room), folder / "inflated"), within
    if kind is Kind.PLAIN:
        return _plain(path, lambda: _read(path), told)
    return _custom(path, folder, room) if kind is Kind.CUSTOM else _directory(path, folder, room)


def _plain(path: Path, chunks: Callable[[], Iterator[bytes]], told: Told) -> Unpacked:
    facts = read_plain(_telling(chunks(), told))
    return Unpacked(Kind.PLAIN, path, facts.bytes, plain=facts, chunks=chunks)


def _telling(chunks: Iterator[bytes], told: Told) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        done += len(chunk)
        told(done, 0)
        yield chunk


def _custom(path: Path, folder: Path, room: int) -> Unpacked:
    with path.open("rb") as file:
        contents = read_contents(file)
        blocks = _walked(file, contents)
        size = path.stat().st_size
        if contents.header.compression == "zstd" and not blocks.damage:
            parts = uncompressed(file, contents, unzstd)
            path = _written(_bounded(parts, room), folder / "uncompressed")
            size = path.stat().st_size
    return Unpacked(Kind.CUSTOM, path, size, contents, blocks)


def _walked(file: BinaryIO, contents: Contents) -> Blocks:
    if contents.header.is_too_new:
        return Blocks((), 0)
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        data.madvise(mmap.MADV_SEQUENTIAL)
        return walk(data, contents)


def _directory(path: Path, folder: Path, room: int) -> Unpacked:
    """Lay out the files of a directory or tar dump in one folder, whatever folder they had in the archive."""
    place = folder / "directory"
    place.mkdir()
    total, is_tar = 0, False
    try:
        with tarfile.open(path, "r:") as archive:
            for number, member in enumerate(archive):
                name = Path(member.name).name
                is_tar = is_tar or name == "restore.sql"  # pg_dump --format=tar; pg_restore reads it as it is
                if not member.isfile() or not name or number > MAX_FILES or (is_tar and name == "restore.sql"):
                    continue
                total += member.size
                if total > room:
                    raise NotTriedError(Reason.TOO_LARGE, _too_much(room))
                with cast(IO[bytes], archive.extractfile(member)) as source, (place / name).open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
        _check_end(path, archive.offset)
    except tarfile.ReadError as error:
        raise DamagedError(f"the tar archive: {error}", is_short=True) from error
    except (tarfile.TarError, OSError) as error:
        raise DamagedError(f"the tar archive: {error}") from error
    if not (place / "toc.dat").is_file():
        raise DamagedError("a tar archive without toc.dat", reason=Reason.NOT_A_DUMP)
    with (place / "toc.dat").open("rb") as toc:
        contents = read_contents(toc)
    if contents.header.compression == "zstd":
        _inflate_folder(place, room)
    missing = tuple(
        f"{one.schema}.{one.name}" if one.schema else one.name
        for one in contents.entries
        if one.has_data
        and one.file
        and one.kind != "BLOBS"
        and not any((place / f"{one.file}{end}").exists() for end in ("", ".gz", ".lz4"))
    )
    return Unpacked(Kind.TAR, path if is_tar else place, total, contents, Blocks((), total, missing))


def _check_end(path: Path, offset: int) -> None:
    """Raise ``DamagedError`` where a tar archive has not the two empty blocks of its end: it is cut between files."""
    with path.open("rb") as file:
        file.seek(offset)
        end = file.read(512)
    if len(end) < 512 or end.strip(b"\0"):
        raise DamagedError("the tar archive ends without its end", is_short=True)


def _inflate_folder(place: Path, room: int) -> None:
    """Inflate the data of a directory dump, for a pg_restore built without zstd."""
    for packed in place.glob("*.zst"):
        _written(_bounded(unzstd(_read(packed)), room), packed.with_suffix(""))
        packed.unlink()
    with (place / "toc.dat").open("r+b") as toc:
        toc.seek(11)  # the compression, behind PGDMP, version, revision, widths and format
        toc.write(b"\0")


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _inflated(path: Path, kind: Kind, room: int) -> Iterator[bytes]:
    """Return what a packed file holds, in chunks, at most ``room`` bytes of it."""
    if kind is Kind.ZSTD:
        yield from _bounded(unzstd(_read(path)), room)
        return
    with path.open("rb") as file:
        yield from _bounded(gunzipped(file), room)


def _bounded(chunks: Iterator[bytes], room: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > room:
            raise NotTriedError(Reason.TOO_LARGE, _too_much(room))
        yield chunk


def _too_much(room: int) -> str:
    return f"it unpacks to more than the {room / MIB:,.0f} MiB that may be used"


def _first(chunks: Iterator[bytes]) -> bytes:
    return next(chunks, b"")[:HEAD_BYTES]


def _written(chunks: Iterator[bytes], path: Path) -> Path:
    try:
        with path.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
    except OSError as error:
        raise NotTriedError(Reason.TOO_LARGE, f"no room to unpack: {os.strerror(error.errno or 0)}") from error
    return path
