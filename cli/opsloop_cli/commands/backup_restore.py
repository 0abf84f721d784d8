"""``opsloop backup restore``: the newest proven dump, into an empty database, compared with its manifest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import say, show_json

if TYPE_CHECKING:
    from opsloop_cli.backup_choice import Chosen
    from opsloop_cli.backup_recovery import Recovery

JOBS = 4
DONE = ("equal", "restored")
SENTENCES = {
    "equal": "restored, and equal to the manifest of its snapshot",
    "restored": "restored; there is no manifest to compare with",
    "differs": "restored, and not equal to its manifest: look before you use it",
    "incomplete": "restored, but the server refused parts of it: look before you use it",
    "failed": "it broke off: what there is now is no database to use",
}


WhatArgument = Annotated[str, typer.Argument(metavar="DB|FILE", help="A database's name, or the file of one dump.")]
ToOption = Annotated[str, typer.Option("--to", metavar="DSN", help="Where to; created if it does not exist.")]
AtOption = Annotated[str, typer.Option("--at", help="The newest dump not later than that: now, -2h, ISO 8601.")]
FromOption = Annotated[Path | None, typer.Option("--from", help="The folder of dumps; without it, the API.")]
BucketOption = Annotated[
    str | None, typer.Option(envvar="OPSLOOP_BACKUP_BUCKET", help="The bucket, where dumps come by the API.")
]
KeepOption = Annotated[Path | None, typer.Option("--download-to", help="Keep the downloaded dump in this folder.")]
RestorableOption = Annotated[
    bool, typer.Option("--accept-restorable", help="Also a dump that restores, but was compared with nothing.")
]
UnprovenOption = Annotated[
    bool, typer.Option("--accept-unproven", help="Also a dump that nobody has restored: it may not restore.")
]
FailedOption = Annotated[
    bool, typer.Option("--accept-failed", help="Also a dump known to be bad: get out of it what can be had.")
]
NonEmptyOption = Annotated[
    bool, typer.Option("--into-non-empty", help="Also beside what the target holds; nothing of it is removed.")
]
RolesOption = Annotated[bool, typer.Option("--create-roles", help="Create missing roles, without password or login.")]
NoOwnerOption = Annotated[
    bool, typer.Option("--no-owner", help="Everything becomes yours; no privileges are restored.")
]
JobsOption = Annotated[int, typer.Option(min=1, max=64, help="How many connections restore at once.")]
PlanOption = Annotated[bool, typer.Option("--plan", help="Only say what would be done.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask; --json does not.")]


def restore(
    context: typer.Context,
    what: WhatArgument,
    to: ToOption,
    at: AtOption = "now",
    folder: FromOption = None,
    bucket: BucketOption = None,
    keep: KeepOption = None,
    restorable: RestorableOption = False,
    unproven: UnprovenOption = False,
    failed: FailedOption = False,
    into_non_empty: NonEmptyOption = False,
    create_roles: RolesOption = False,
    no_owner: NoOwnerOption = False,
    jobs: JobsOption = JOBS,
    plan_only: PlanOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a database: choose the dump, say what is lost, restore, compare.

    The newest proven dump is taken; a target that holds anything is refused.
    The database is created if there is none by that name, and removed again
    if the restore breaks off. Owners and privileges are restored.

    Exit code 0 if the target is equal to the manifest (or, of a dump made
    elsewhere, was restored whole); 1 if not, or if nothing was done.

    Examples:

        opsloop backup restore orders --to postgresql://admin@db2.example/orders_restored --plan

        opsloop backup restore orders --from backups --to postgresql://admin@db2.example/orders --at -2h

        opsloop backup restore backups/shop-20261121T060000Z.dump --to "host=db2.example dbname=shop" --yes --json
    """
    if as_json and into_non_empty and not (yes or plan_only):
        message = "--json asks nothing: add --yes to change what is in use, or --plan to only see what would be done"
        raise CommandError(message, ExitCode.USAGE)
    session = session_of(context)
    from opsloop_cli.backup_choice import Asked, accepted, find
    from opsloop_cli.backup_recovery import Options, Recovery

    asked = Asked(what, at, folder, bucket, keep, accepted(restorable, unproven, failed))
    chosen = find(asked, session)
    options = Options(into_non_empty, create_roles, no_owner, jobs)
    recovery = Recovery(chosen, to, options)
    if not as_json:
        _show(recovery)
    if plan_only or recovery.obstacles:
        _end_early(recovery, as_json=as_json)
    if not (yes or as_json):
        typer.confirm(f"Restore into {recovery.target.where}?", abort=True, err=True)
    outcome = _run(recovery, chosen)
    show_json(outcome) if as_json else _show_outcome(outcome)
    if outcome["outcome"] not in DONE:
        raise typer.Exit(int(ExitCode.NO))


def _run(recovery: "Recovery", chosen: "Chosen") -> dict[str, Any]:
    from opsloop_cli.backup_progress import bars, stoppable

    with stoppable(), bars() as shown, chosen.fetched(shown) as path:
        return recovery.run(path, shown)


def _show(recovery: "Recovery") -> None:
    from opsloop_cli.backup_text import show_plan

    show_plan(recovery.chosen.plan, recovery.chosen.name, recovery.target, recovery.obstacles)


def _end_early(recovery: "Recovery", *, as_json: bool) -> None:
    """End with what would be done: 1 where something stands in the way."""
    if as_json:
        show_json({"outcome": "refused" if recovery.obstacles else "planned", **recovery.document()})
    elif recovery.obstacles:
        say("opsloop: nothing was done")
    raise typer.Exit(int(ExitCode.NO if recovery.obstacles else ExitCode.OK))


def _show_outcome(outcome: dict[str, Any]) -> None:
    from opsloop_cli.backup_text import counts, line, show_findings, span

    line(outcome["outcome"], SENTENCES[outcome["outcome"]])
    if outcome["compared"]:
        line("compared", counts(outcome["compared"]))
    line("took", ", ".join(f"{phase} {span(seconds)}" for phase, seconds in outcome["phases"].items()))
    for remark in outcome["remarks"]:
        line("note", remark)
    show_findings(outcome["findings"], outcome["messages"])
