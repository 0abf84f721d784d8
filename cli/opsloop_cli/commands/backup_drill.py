"""``opsloop backup drill``: is the verifier itself to be trusted?"""

from typing import Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import ExitCode
from opsloop_cli.output import say, show_json, show_table


def drill(context: typer.Context, as_json: JsonOption = False) -> None:
    """Make dumps that are bad on purpose, and see that each is rejected, and for the right reason.

    Needs nothing: a small database is made in a throw-away PostgreSQL, dumped,
    and damaged in every way that the verifier must notice; the good dump must
    be proven. A verifier that lets one pass is broken: exit code 1.

    Example:

        opsloop backup drill
    """
    session = session_of(context)
    from opsloop_cli import backup_engine
    from opsloop_cli.backup_failure import told_plainly
    from opsloop_cli.backup_progress import bars, stoppable

    with told_plainly(), stoppable(), bars() as shown:
        found: dict[str, Any] = backup_engine.drill(session.now, shown)
    show_json(found) if as_json else _show(found)
    if not found["passed"]:
        raise typer.Exit(int(ExitCode.NO))


def _show(found: dict[str, Any]) -> None:
    columns = ["control", "expected", "got", "seconds", ""]
    rows = [
        [one["name"], one["expected"], one["got"], f"{one['seconds']:.1f}", "right" if one["passed"] else "WRONG"]
        for one in found["controls"]
    ]
    show_table(columns, rows, right=["seconds"])
    wrong = sum(not one["passed"] for one in found["controls"])
    say("the verifier is broken: " + str(wrong) + " controls went wrong" if wrong else "every control was told right")
