"""``opsloop backup take`` and ``verify``: a dump with its manifest, and the proof that it restores."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import number, say, show_json


class FormatName(StrEnum):
    """How a dump is written."""

    custom = "custom"
    sql_gz = "sql.gz"


def take(
    context: typer.Context,
    dsn: Annotated[str, typer.Argument(metavar="DSN", help="postgresql://user@host/database, or host=... dbname=...")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the dump and its manifest; made if need be.")],
    schemas: Annotated[list[str] | None, typer.Option("--schema", help="Only this schema; may be repeated.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude-schema", help="Not this schema; may be repeated.")
    ] = None,
    kind: Annotated[
        FormatName, typer.Option("--format", help="custom restores in parallel; sql.gz is text.")
    ] = FormatName.custom,
    name: Annotated[str | None, typer.Option(help="What to call it; without it, the database's own name.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a dump, with a manifest of what its snapshot held.

    Rows, schema, sequences and samples are read in the very snapshot that
    pg_dump writes, so that verify can compare exactly. Nothing half remains
    after a failure or Ctrl-C. The password: in the DSN, PGPASSWORD or
    PGPASSFILE, as PostgreSQL's own programs read it; it is never printed.

    Examples:

        opsloop backup take postgresql://backup@db.example/shop --out backups

        opsloop backup take "host=db.example dbname=shop user=backup" --out backups --format sql.gz --json
    """
    session = session_of(context)
    from opsloop.backup.model import Format
    from opsloop_cli import backup_engine
    from opsloop_cli.backup_failure import told_plainly
    from opsloop_cli.backup_progress import bars, stoppable

    filters = (tuple(schemas or ()), tuple(exclude or ()))
    with told_plainly(), stoppable(), bars() as shown:
        taken = backup_engine.take(dsn, out, Format(kind.value), filters, name, session.now, shown)
    if as_json:
        show_json(taken)
        return
    _show_taken(taken)


def _show_taken(taken: dict[str, Any]) -> None:
    from opsloop_cli.backup_text import line, size, span

    line("dump", taken["dump"])
    line("manifest", taken["manifest"])
    line("database", f"{taken['database']}, PostgreSQL {taken['server_version']}")
    line("held", f"{number(taken['tables'])} tables, {number(taken['rows'])} rows")
    line("bytes", f"{size(taken['bytes'])} in {span(taken['seconds'])}")
    line("sha256", taken["sha256"])
    say(f"a dump is no backup before it was restored: opsloop backup verify {taken['dump']}")


def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The dump: .dump, .sql, .sql.gz, .sql.zst, .tar.")],
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="Its manifest; without it, FILE.manifest.json if it is there.")
    ] = None,
    catalog: Annotated[Path | None, typer.Option("--catalog", help="With assertions: YAML or compiled JSON.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Its name in the catalog.")] = None,
    max_age: Annotated[str | None, typer.Option("--max-age", help="Older is stale: 36h, 7d.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep the result beside the dump.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Prove a dump: restore it for real, in a throw-away PostgreSQL, and compare.

    Nothing is asked of the database that was dumped. The restore has no
    network, and runs as an unprivileged user where that is possible.
    proven: restored whole, and equal to its manifest. restorable: restored
    whole; made elsewhere, so that there is nothing to compare with.

    Exit code 0 for these two only; 1 failed; 5 unknown: it could not be tried.

    Examples:

        opsloop backup verify backups/shop-20261121T060000Z.dump

        opsloop backup verify nightly.sql.gz --max-age 36h --json | jq -r .verdict
    """
    session = session_of(context)
    from opsloop_cli import backup_engine
    from opsloop_cli.backup_catalog import expected_of
    from opsloop_cli.backup_failure import told_plainly
    from opsloop_cli.backup_files import keep_attempt, manifest_path, read_manifest_file
    from opsloop_cli.backup_progress import bars, stoppable
    from opsloop_cli.backup_text import show_verification

    if file.is_dir():
        message = f"{file} is a folder; pack a dump in directory format first: tar -cf {file.name}.tar {file}"
        raise CommandError(message, ExitCode.USAGE)
    if not file.is_file():
        is_there = f"{file} is no regular file: a dump is read more than once"
        raise CommandError(is_there if file.exists() else f"there is no file {file}", ExitCode.USAGE)
    if database and catalog is None:
        raise CommandError("--database names an entry of --catalog FILE: give both", ExitCode.USAGE)
    known = read_manifest_file(manifest or manifest_path(file), is_needed=manifest is not None)
    expected = expected_of(catalog, database)
    wanted = backup_engine.wanted(file, expected, session.now, _age_s(max_age))
    with told_plainly(), stoppable(), bars() as shown:
        found = backup_engine.verify(file, known, wanted, shown)
    if keep:
        keep_attempt(file, found)
    document = backup_engine.verification_told(found)
    show_json(document) if as_json else show_verification(document, str(file))
    raise typer.Exit(int(backup_engine.exit_code(found.verdict)))


def _age_s(text: str | None) -> float | None:
    """Return the seconds of ``36h`` or ``1d12h``."""
    if text is None:
        return None
    from opsloop_cli.moment import UNITS_S, read_seconds

    seconds = read_seconds(text)
    if seconds is None:
        units = ", ".join(UNITS_S)
        raise CommandError(f"--max-age: {text!r} is not a time such as 36h or 1d12h ({units})", ExitCode.USAGE)
    return float(seconds)
