"""``opsloop backup list`` and ``history``: which dumps there are, and what became of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import say, show_json

if TYPE_CHECKING:
    from opsloop.backup.model import Dump, Verification
    from opsloop.backup.shelf import Shelved

DirArgument = Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A folder of dumps; without it, the API.")]
DatabaseOption = Annotated[str | None, typer.Option("--database", help="Only dumps of this database.")]
LimitOption = Annotated[int, typer.Option(min=1, help="How many to show, the newest ones.")]


def list_(
    context: typer.Context,
    folder: DirArgument = None,
    database: DatabaseOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List dumps, newest first, with what is known of each: proven, restorable, failed, unknown, not verified.

    With neither DIR nor --database: every database of the catalog, with
    what could be had back now against its objectives. Where no opsloop is
    known, DIR is the current folder or its backups.

    Examples:

        opsloop backup list backups

        opsloop backup list

        opsloop backup list --database orders --json | jq '.dumps[0]'
    """
    session = session_of(context)
    from opsloop.backup.shelf import dumps_of
    from opsloop_cli.backup_files import folder_here, read_shelf

    folder = folder or folder_here(session)
    if folder is not None:
        _show_dumps(list(dumps_of(read_shelf(folder), database=database or "")), limit, as_json=as_json)
        return
    from opsloop_cli.backup_remote import remote_databases, remote_dumps

    if database is not None:
        _show_dumps(remote_dumps(session.client(), database), limit, as_json=as_json)
        return
    found = remote_databases(session.client())
    show_json({"backups": found}) if as_json else _show_databases(found)


def _show_dumps(dumps: "list[Dump]", limit: int, *, as_json: bool) -> None:
    from opsloop.backup.document import dump_json
    from opsloop_cli.backup_text import show_dumps

    standing = [one for one in dumps if one.deleted_at is None]
    shown, more = [dump_json(one) for one in standing[:limit]], len(standing) - limit
    if as_json:
        show_json({"dumps": shown, "has_more": more > 0})
        return
    if shown:
        show_dumps(shown)
    proven = sum(one.verdict is not None and one.verdict.value == "proven" for one in standing)
    dumps_told = "1 dump" if len(standing) == 1 else f"{len(standing):,} dumps"
    say(f"{dumps_told}, {proven:,} proven" + (f"; the newest {limit} are shown" if more > 0 else ""))


def _show_databases(found: list[dict[str, Any]]) -> None:
    from opsloop_cli.backup_text import span
    from opsloop_cli.output import show_table

    columns = ["database", "standing", "would lose", "of", "takes", "of ", "newest proof", "what"]
    rows = []
    for one in found:
        checks, proof = one["checks"], one["newest_proof"]
        rpo, rto = (checks.get(name, {}).get("measured") for name in ("rpo", "rto"))
        taken = proof["taken_at"][:16] + "Z" if proof else "none"
        figures = [span(rpo), span(one["rpo_s"]), span(rto), span(one["rto_s"])]
        rows.append([one["database"], one["standing"], *figures, taken, one["summary"]])
    show_table(columns, rows, right=columns[2:6])


def history(
    context: typer.Context,
    folder: DirArgument = None,
    database: DatabaseOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Tell what was taken and verified, and with which result, newest first.

    Examples:

        opsloop backup history backups

        opsloop backup history --database orders
    """
    session = session_of(context)
    from opsloop_cli.backup_files import folder_here, read_shelf
    from opsloop_cli.backup_text import show_history

    folder = folder or folder_here(session)
    if folder is not None:
        events = _of_shelf(read_shelf(folder), database or "")
    else:
        from opsloop_cli.backup_remote import remote_history

        if database is None:
            raise CommandError("whose? give a folder, or --database NAME", ExitCode.USAGE)
        events = remote_history(session.client(), database, limit)
    events = sorted(events, key=lambda one: (one["at"], one["what"]), reverse=True)[:limit]
    show_json({"events": events}) if as_json else show_history(events)


def _of_shelf(shelf: "list[Shelved]", database: str) -> list[dict[str, Any]]:
    """Return what happened to the dumps of a folder: taken, and each verification."""
    from opsloop.backup.shelf import dump_of, names_of
    from opsloop_cli.backup_text import event, size

    events = []
    for one in shelf:
        if database and database not in names_of(one):
            continue
        dump = dump_of(one)
        rows = f", {dump.rows:,} rows" if dump.rows is not None else ", made elsewhere"
        events.append(event(dump.taken_at, "taken", dump.dump_id, f"{size(dump.bytes)}{rows}"))
        events += [attempt_event(attempt, dump.dump_id) for attempt in one.attempts]
    return events


def attempt_event(attempt: "Verification", dump_id: str) -> dict[str, Any]:
    """Return a verification as one thing that happened."""
    from opsloop_cli.backup_text import event, span

    why = f"{attempt.reason.value}: {attempt.detail}" if attempt.reason else f"restored in {span(attempt.restore_s)}"
    return {
        **event(attempt.ended_at, attempt.verdict.value, dump_id, why),
        "verification_id": attempt.verification_id,
        "reason": attempt.reason.value if attempt.reason else None,
        "restore_s": attempt.restore_s,
    }
