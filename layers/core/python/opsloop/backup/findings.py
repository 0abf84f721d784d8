"""What is wrong with a dump, as far as its bytes tell: findings made before anything is restored."""

from collections.abc import Iterator
from datetime import timedelta

from opsloop.backup.archive import NEWEST_ARCHIVE, Header, Kind, kind_of, major, what_instead
from opsloop.backup.contents import Contents
from opsloop.backup.model import Finding, Manifest, Reason
from opsloop.backup.plain import PlainFacts
from opsloop.backup.ports import FileFacts, Unpacked
from opsloop.backup.wanted import MIB, Wanted

CLOCKS_APART = timedelta(hours=14)
"""An archive gives the wall clock of where it was made without its time zone: it may be this far from UTC."""
MAX_NAMED = 20
_OWN_DATABASES = {"postgres", "template0", "template1"}


def of_file(file: FileFacts, manifest: Manifest | None) -> Iterator[Finding]:
    """Yield what size, first bytes and checksum tell."""
    kind = kind_of(file.head)
    if kind is Kind.EMPTY and len(file.head) == file.size_bytes:
        yield Finding(Reason.EMPTY, "file", "a dump", f"{file.size_bytes} bytes with nothing in them")
        return
    if manifest is not None and manifest.dump_bytes and file.size_bytes < manifest.dump_bytes:
        yield Finding(Reason.TRUNCATED, "file", f"{manifest.dump_bytes} bytes", f"{file.size_bytes} bytes")
    elif is_changed(file, manifest) and manifest is not None:
        yield Finding(
            Reason.CHECKSUM_MISMATCH,
            "file",
            f"SHA-256 {manifest.sha256}, {manifest.dump_bytes} bytes",
            f"SHA-256 {file.sha256}, {file.size_bytes} bytes",
        )
    elif kind in (Kind.OTHER, Kind.EMPTY):
        yield Finding(Reason.NOT_A_DUMP, "file", "a dump of pg_dump", what_instead(file.head))


def is_changed(file: FileFacts, manifest: Manifest | None) -> bool:
    """Return whether the file is not, to the byte, what the manifest was written for."""
    if manifest is None or not manifest.sha256:
        return False
    return file.sha256 != manifest.sha256.lower()


def of_manifest(manifest: Manifest | None, wanted: Wanted) -> Iterator[Finding]:
    """Yield what the manifest alone tells: of whom the dump is, and when it was taken."""
    if manifest is None:
        return
    yield from _database(manifest.database, wanted, "manifest")
    if wanted.max_age_s is not None and (wanted.now - manifest.taken_at).total_seconds() > wanted.max_age_s:
        expected = f"taken after {(wanted.now - timedelta(seconds=wanted.max_age_s)).isoformat(timespec='seconds')}"
        yield Finding(Reason.STALE, "manifest", expected, manifest.taken_at.isoformat(timespec="seconds"))
    elif wanted.newer_than is not None and manifest.taken_at <= wanted.newer_than:
        expected = f"taken after the newest proven dump, {wanted.newer_than.isoformat(timespec='seconds')}"
        yield Finding(Reason.STALE, "manifest", expected, manifest.taken_at.isoformat(timespec="seconds"))


def of_header(header: Header, wanted: Wanted, manifest: Manifest | None) -> Iterator[Finding]:
    """Yield what an archive's header tells: of a newer pg_dump, of another database, too old."""
    if header.is_too_new:
        expected = f"an archive of version {NEWEST_ARCHIVE[0]}.{NEWEST_ARCHIVE[1]} or older"
        found = f"{header.version[0]}.{header.version[1]}, by pg_dump {header.dump_version or 'of unknown version'}"
        yield Finding(Reason.VERSION_TOO_NEW, "header", expected, found)
    if header.compression == "lz4":
        yield Finding(
            Reason.UNSUPPORTED,
            "header",
            "an archive compressed with gzip, zstd or not at all",
            f"{header.compression}; dump with pg_dump --compress=gzip",
        )
    yield from _database(header.database, wanted, "header")
    if manifest is not None or header.created_at is None:
        return
    made = header.created_at
    if wanted.max_age_s is not None and wanted.now - made > timedelta(seconds=wanted.max_age_s) + CLOCKS_APART:
        expected = f"made after {(wanted.now - timedelta(seconds=wanted.max_age_s)).isoformat(timespec='seconds')}"
        yield Finding(Reason.STALE, "header", expected, f"{made.isoformat(sep=' ', timespec='seconds')[:19]} there")
    elif wanted.newer_than is not None and made + CLOCKS_APART < wanted.newer_than:
        expected = f"made after the newest proven dump, {wanted.newer_than.isoformat(timespec='seconds')}"
        yield Finding(Reason.STALE, "header", expected, f"{made.isoformat(sep=' ', timespec='seconds')[:19]} there")


def _database(found: str, wanted: Wanted, where: str) -> Iterator[Finding]:
    if wanted.source_name and found and found != wanted.source_name:
        yield Finding(Reason.WRONG_DATABASE, where, wanted.source_name, found)


def of_dump(dump: Unpacked, wanted: Wanted, manifest: Manifest | None) -> Iterator[Finding]:
    """Yield what the unpacked dump tells of itself."""
    has_tables = manifest is None or bool(manifest.tables)
    if dump.contents is not None:
        yield from of_header(dump.contents.header, wanted, manifest)
        if not dump.contents.header.is_too_new:
            yield from _archive(dump, dump.contents, manifest, has_tables=has_tables)
    if dump.plain is not None:
        yield from _plain(dump.plain, wanted, manifest, has_tables=has_tables)


def _archive(dump: Unpacked, contents: Contents, manifest: Manifest | None, *, has_tables: bool) -> Iterator[Finding]:
    if contents.is_empty and has_tables:
        yield Finding(Reason.EMPTY, "contents", "a database's objects", f"{len(contents.entries)} settings alone")
    if blocks := dump.blocks:
        if blocks.missing or blocks.is_short:
            found = blocks.damage or "the data ends before"
            yield Finding(
                Reason.TRUNCATED, "data", "the data of every table listed", f"{found}; without: {_some(blocks.missing)}"
            )
        elif blocks.damage:
            yield Finding(Reason.CORRUPT, "data", "blocks of data", blocks.damage)
    if manifest is None:
        yield from _partial(
            has_definitions=contents.has_definitions,
            tables=len(contents.of_kind("TABLE")),
            has_data=any(one.has_data for one in contents.entries),
        )


def _plain(facts: PlainFacts, wanted: Wanted, manifest: Manifest | None, *, has_tables: bool) -> Iterator[Finding]:
    for line, text in facts.refused:
        yield Finding(Reason.RESTORE_ERROR, f"line {line}", "SQL", f"a command of psql, which is not run: {text}")
    if not facts.statements and has_tables and not facts.is_cut:
        yield Finding(Reason.EMPTY, "contents", "a database's objects", "no statement but settings")
    if facts.is_cut:
        yield Finding(Reason.TRUNCATED, "end", "the line with which pg_dump ends", "the text ends before")
    own = [one for one in facts.databases if one not in _OWN_DATABASES] or facts.databases
    if own and wanted.source_name and wanted.source_name not in own:
        yield Finding(Reason.WRONG_DATABASE, "connect", wanted.source_name, ", ".join(own[:MAX_NAMED]))
    elif len(own) > 1 and not wanted.source_name:
        found = f"a dump of {len(own)}: {', '.join(own[:MAX_NAMED])}"
        yield Finding(Reason.WRONG_DATABASE, "connect", "one database, or the name of the one that is meant", found)
    if facts.statements and manifest is None:
        yield from _partial(
            has_definitions=facts.tables > 0 or not facts.has_data,
            tables=facts.tables,
            has_data=facts.has_data,
        )


def chosen_database(dump: Unpacked, wanted: Wanted) -> str | None:
    """Return which part of a plain dump is restored, by the name that it connects to; None: all of it."""
    if dump.plain is None or not dump.plain.databases:
        return None
    if wanted.source_name:
        return wanted.source_name
    own = [one for one in dump.plain.databases if one not in _OWN_DATABASES]
    return (own or dump.plain.databases)[0]


def _partial(*, has_definitions: bool, tables: int, has_data: bool) -> Iterator[Finding]:
    """Yield that a dump is not whole: one of data alone, or of definitions alone."""
    if has_data and not has_definitions:
        found = "rows alone (--data-only): by itself it restores nothing"
        yield Finding(Reason.RESTORE_ERROR, "contents", "definitions and rows", found)
    elif tables and not has_data:
        found = f"{tables} tables without any rows' section (--schema-only)"
        yield Finding(Reason.EMPTY, "contents", "definitions and rows", found)


def _some(names: tuple[str, ...]) -> str:
    rest = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return (", ".join(names[:MAX_NAMED]) or "nothing that is listed") + rest


def server_version(dump: Unpacked) -> str:
    """Return the version of the server that was dumped, as far as the dump says."""
    if dump.contents is not None:
        return dump.contents.header.server_version
    return dump.plain.server_version if dump.plain else ""


def is_from_newer(dump: Unpacked, engine_version: str) -> bool:
    """Return whether the server that was dumped is of a newer major version than the one that restores."""
    source, ours = major(server_version(dump)), major(engine_version)
    return source is not None and ours is not None and source > ours


_GROWTH = {"none": 2.5, "gzip": 7.0, "zstd": 8.0, "lz4": 5.0}
"""Bytes on disk per byte of a custom archive, by its compression, and 2.5 per byte of plain text: a 399 MB archive of
1,082 MB of text took 2,574 MB with indexes and write-ahead log."""
_BASE = 96 * MIB  # an empty cluster, its log and a little room
_TEXT_PER_S = 15e6  # bytes of text restored in a second on a core as slow as we expect


def too_large(dump: Unpacked, file: FileFacts, manifest: Manifest | None, wanted: Wanted) -> str | None:
    """Return in words why the restore cannot fit into the limits, by what such dumps take; None if it may."""
    if dump.contents is None:
        need = dump.inflated_bytes * _GROWTH["none"]
        text = float(dump.inflated_bytes)
    else:
        need = dump.inflated_bytes * _GROWTH.get(dump.contents.header.compression, 7.0)
        text = need / _GROWTH["none"]
    if manifest is not None and manifest.size_bytes:
        need = min(need, manifest.size_bytes * 1.5)
    need += _BASE
    if need > wanted.limits.disk_bytes:
        return f"{file.size_bytes / MIB:,.0f} MiB of dump need about {need / MIB:,.0f} MiB of disk, and {_room(wanted)}"
    if text / _TEXT_PER_S > wanted.limits.seconds:
        return (
            f"about {text / MIB:,.0f} MiB of rows take some {text / _TEXT_PER_S:,.0f} s to restore, "
            f"and there are {wanted.limits.seconds:,.0f}"
        )
    return None


def _room(wanted: Wanted) -> str:
    return f"{wanted.limits.disk_bytes / MIB:,.0f} MiB may be used"
