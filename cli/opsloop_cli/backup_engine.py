"""Where ``opsloop backup`` meets PostgreSQL: the one module that knows the adapters, so that tests may stand in for it.

Every function imports what it needs when it is called: the driver takes a tenth of a second to import.
"""

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from opsloop.backup.model import Finding, Format, Manifest, Verdict, Verification
from opsloop_cli.failure import CommandError, ExitCode

if TYPE_CHECKING:
    from opsloop.adapters.postgres_recover import Restored
    from opsloop.backup.plain import PlainFacts
    from opsloop.backup.restore_plan import Requirements, Target
    from opsloop.backup.wanted import Wanted
    from opsloop_cli.backup_catalog import Expected
    from opsloop_cli.backup_progress import Bars

CHUNK_BYTES = 1 << 20
NO_BOUND = 1 << 62
VERIFY_S, VERIFY_BYTES_PER_S = 600.0, 1e5  # a restore slower than a hundredth of what is usual never ends
VERIFY_MEMORY = 8 << 30
CODES = {
    Verdict.PROVEN: ExitCode.OK,
    Verdict.RESTORABLE: ExitCode.OK,
    Verdict.FAILED: ExitCode.NO,
    Verdict.UNKNOWN: ExitCode.UNKNOWN,
}


def exit_code(verdict: Verdict) -> ExitCode:
    """Return the exit code of a verdict."""
    return CODES[verdict]


def verification_told(found: Verification) -> dict[str, Any]:
    """Return a verification as the command's JSON: ``phases`` by name, in seconds."""
    from opsloop.backup.document import verification_json

    phases: dict[str, float] = {}
    for one in found.phases:
        phases[one.name] = phases.get(one.name, 0.0) + one.seconds
    return {**verification_json(found), "phases": phases}


def take(
    dsn: str, folder: Path, kind: Format, filters: tuple[tuple[str, ...], tuple[str, ...]], name: str | None,
    now: datetime, bars: "Bars",
) -> dict[str, Any]:  # fmt: skip
    """Dump a database into ``folder`` and return what was made; nothing half remains where that fails.

    ``filters`` are the schemas to take and those to leave out.
    """
    from opsloop.adapters.postgres_binaries import tools
    from opsloop.adapters.postgres_dump import DumpSource
    from opsloop.adapters.postgres_target import login_of
    from opsloop.backup.shelf import file_name
    from opsloop_cli.backup_files import FileSink

    begun = monotonic()
    login = login_of(dsn)
    path = folder / file_name(name or login.database, now, kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sink = FileSink(path)
        manifest = DumpSource(login, tools()).take(
            sink, schemas=filters[0], exclude_schemas=filters[1], format=kind, progress=bars.told
        )
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}; nothing was kept", ExitCode.NO) from None
    return taken_told(path, manifest, monotonic() - begun)


def taken_told(path: Path, manifest: Manifest, seconds: float) -> dict[str, Any]:
    """Return a dump that was taken as the command's JSON."""
    from opsloop.clock import format_time
    from opsloop_cli.backup_files import manifest_path

    return {
        "dump": str(path),
        "manifest": str(manifest_path(path)),
        "database": manifest.database,
        "taken_at": format_time(manifest.taken_at),
        "server_version": manifest.server_version,
        "format": manifest.dump_format.value,
        "bytes": manifest.dump_bytes,
        "sha256": manifest.sha256,
        "rows": manifest.rows,
        "tables": sum(one.kind in ("table", "partitioned") for one in manifest.tables.values()),
        "size_bytes": manifest.size_bytes,
        "wal_lsn": manifest.wal_lsn,
        "seconds": round(seconds, 3),
    }


def sha256(path: Path, bars: "Bars") -> str:
    """Return the SHA-256 of a file as hex."""
    import hashlib

    digest, total = hashlib.sha256(), path.stat().st_size
    done = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            bars.told("read", done, total)
    return digest.hexdigest()


def needs(manifest: Manifest | None, path: Path | None) -> "Requirements":
    """Return what a dump needs of its server: by its manifest, else by what an archive says of itself."""
    from opsloop.backup.archive import HEAD_BYTES, DamagedError, Kind, kind_of
    from opsloop.backup.contents import read_contents
    from opsloop.backup.restore_plan import Requirements, requirements_of

    if manifest is not None:
        return requirements_of(manifest)
    if path is None:
        return Requirements()
    with path.open("rb") as stream:
        if kind_of(stream.read(HEAD_BYTES)) is not Kind.CUSTOM:
            return Requirements()
        stream.seek(0)
        try:
            contents = read_contents(stream)
        except DamagedError:
            return Requirements()
    extensions = frozenset(one.name for one in contents.of_kind("EXTENSION"))
    roles = frozenset(one.owner for one in contents.entries if one.owner)
    return Requirements(
        extensions=extensions,
        roles=roles,
        owners=roles,
        encoding=contents.encoding,
        server_version=contents.header.server_version,
    )


def wanted(file: Path, expected: "Expected", now: datetime, max_age_s: float | None) -> "Wanted":
    """Return what a dump in a file should be."""
    from opsloop.backup.model import Cause
    from opsloop.backup.shelf import named_in
    from opsloop.backup.wanted import Limits, Wanted

    seconds = VERIFY_S + file.stat().st_size / VERIFY_BYTES_PER_S
    return Wanted(
        database=expected.database or named_in(file.name)[0],
        source_name=expected.source_name,
        assertions=expected.assertions,
        now=now,
        max_age_s=max_age_s,
        cause=Cause.REQUEST,
        limits=Limits(seconds=seconds, statement_s=seconds, disk_bytes=_half_free(), memory_bytes=VERIFY_MEMORY),
        where="command",
        verification_id=f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:12]}",
        dump_id=file.name,
    )


def verify(file: Path, manifest: Manifest | None, wanted: "Wanted", bars: "Bars") -> Verification:
    """Return what became of restoring the dump in a file, in a throw-away PostgreSQL."""
    from opsloop.adapters.postgres_restore import verifier_here
    from opsloop.errors import OpsloopError

    with _without_libpq_settings():
        try:
            return verifier_here().verify(file, manifest, wanted, bars.told)
        except OpsloopError:
            raise
        except Exception as error:  # noqa: BLE001 -- the boundary to a stranger's dump: nobody foresaw it
            return _untried(wanted, f"{type(error).__name__}: {error}")


def _untried(wanted: "Wanted", why: str) -> Verification:
    """Return the verdict that nobody can say whether a dump restores."""
    from opsloop.backup.model import Reason
    from opsloop.backup.verdict import could_not

    named = (wanted.verification_id, wanted.dump_id, wanted.database, wanted.cause)
    facts = Verification(*named, Verdict.UNKNOWN, None, "", wanted.now, wanted.now, where=wanted.where)
    return could_not(facts, Reason.NOT_STARTED, why, wanted.now, wanted.now)


def drill(now: datetime, bars: "Bars") -> dict[str, Any]:
    """Return what becomes of dumps that are bad on purpose, as JSON; a verifier that lets one pass is broken."""
    from opsloop.adapters.postgres_drill import make_specimens
    from opsloop.adapters.postgres_restore import verifier_here
    from opsloop.backup.drill import drill_json, run

    with _without_libpq_settings(), tempfile.TemporaryDirectory(prefix="opsloop-drill-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the restore runs as another user
        bars.told("make", 0.0)
        found = run(
            f"{now:%Y%m%dT%H%M%SZ}",
            now,
            lambda: make_specimens(folder),
            verifier_here(),
            monotonic,
            told=lambda done, total: bars.told("drill", done, total),
        )
    return drill_json(found)


def compare(dsn: str, manifest: Manifest, ignored: Collection[str]) -> tuple[tuple[Finding, ...], dict[str, int]]:
    """Return what in the restored database is not as the manifest says, and what was counted as equal."""
    import psycopg

    from opsloop.adapters.postgres_facts import read_facts
    from opsloop.backup.compare import compare as compared

    with psycopg.connect(dsn, autocommit=True) as connection:
        facts = read_facts(
            connection, schemas=manifest.schemas, exclude_schemas=manifest.exclude_schemas, like=manifest
        )
    return compared(manifest, facts, ignore=ignored)


@contextmanager
def _without_libpq_settings() -> Iterator[None]:
    """Take PGPORT, PGOPTIONS and their like out of the environment: they are of the person's server, not of ours."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(taken)


def _half_free() -> int:
    """Return how much of the temporary folder's disk a restore may take, and leave as much to the others."""
    return shutil.disk_usage(tempfile.gettempdir()).free // 2


def read_target(dsn: str) -> "Target":
    """Return what is known of the database to restore into."""
    from opsloop.adapters import postgres_target

    return postgres_target.read_target(dsn)


def create_database(dsn: str, manifest: Manifest | None) -> str:
    """Make the database that ``dsn`` names; return a remark, or ""."""
    from opsloop.adapters import postgres_target

    return postgres_target.create_database(dsn, manifest)


def drop_database(dsn: str) -> None:
    """Remove a database that ``create_database`` made."""
    from opsloop.adapters import postgres_target

    postgres_target.drop_database(dsn)


def create_roles(dsn: str, names: Iterable[str]) -> None:
    """Make roles that may not log in."""
    from opsloop.adapters import postgres_target

    postgres_target.create_roles(dsn, names)


def analyze(dsn: str) -> None:
    """Count values anew for the planner."""
    from opsloop.adapters import postgres_recover

    postgres_recover.analyze(dsn)


def restore(path: Path, dsn: str, *, jobs: int, no_owner: bool, bars: "Bars") -> "Restored":
    """Restore the dump in a file, of whatever form, into the database that ``dsn`` names."""
    from opsloop.adapters import postgres_recover
    from opsloop.adapters.postgres_binaries import tools
    from opsloop.adapters.postgres_files import DumpFiles
    from opsloop.adapters.postgres_restore import SECTIONS
    from opsloop.backup.archive import HEAD_BYTES, Kind
    from opsloop.backup.wanted import Limits

    programs = tools()
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    everything = Limits(disk_bytes=NO_BOUND)
    with DumpFiles().unpacked(path, head, everything, lambda _done, _all: None) as dump:
        if dump.plain is not None and dump.chunks is not None:
            _refuse(dump.plain)
            chunks = _counted(dump.chunks(), dump.inflated_bytes, bars)
            return postgres_recover.restore_plain(
                programs.psql, chunks, dsn, variables=programs.environment, no_owner=no_owner
            )
        entries, done = len(dump.contents.entries) if dump.contents else 0, iter(range(1, sys.maxsize))
        is_tar = dump.kind is Kind.TAR and dump.path.is_file()
        is_split = jobs > 1 and not is_tar and dump.contents is not None and dump.contents.fires_early
        return postgres_recover.restore_archive(
            programs.pg_restore,
            dump.path,
            dsn,
            variables=programs.environment,
            jobs=1 if is_tar else jobs,
            no_owner=no_owner,
            sections=SECTIONS if is_split else ((),),
            step=lambda _what: bars.told("restore", next(done), entries),
        )


def _refuse(facts: "PlainFacts") -> None:
    """Refuse text that is not one database's dump, before anything of it ran."""
    if facts.is_cluster:
        names = ", ".join(facts.databases) or "several databases"
        raise CommandError(f"a dump of a whole server ({names}): cut out the part that you need", ExitCode.NO)
    if facts.refused:
        line, text = facts.refused[0]
        raise CommandError(f"line {line} is a command to psql, which no dump may have: {text}", ExitCode.NO)


def _counted(chunks: Iterator[bytes], total: int, bars: "Bars") -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        done += len(chunk)
        bars.told("restore", done, total)
        yield chunk
