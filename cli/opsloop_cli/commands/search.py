"""``opsloop search``: make the search index of logs anew, and see how far it is."""

from typing import Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.output import show_json

app = typer.Typer(help="Make the search index of logs anew, and see how far it is.", no_args_is_help=True)

PATH = "/v1/search/rebuild"


@app.command("rebuild")
def rebuild(
    context: typer.Context,
    index: Annotated[str, typer.Option(help="Which index.")] = "logs",
    first: Annotated[str | None, typer.Option("--from", help="The first day (UTC), as 2026-11-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day (UTC).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an index anew from what was kept: without days the whole of it is dropped first.

    Examples:

        opsloop search rebuild

        opsloop search rebuild --index logs --from 2026-11-01 --to 2026-11-03
    """
    document: dict[str, Any] = {"index": index}
    document |= {name: day for name, day in (("from", first), ("to", last)) if day}
    _show(session_of(context).client().call("POST", PATH, scope="admin", document=document), as_json=as_json)


@app.command("progress")
def progress(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show how far the rebuild is that was asked for last.

    Example:

        opsloop search progress
    """
    _show(session_of(context).client().call("GET", PATH, scope="read"), as_json=as_json)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    waiting = f"{found['objects_waiting']}{'' if found['is_waiting_exact'] else ' or more'}"
    typer.echo(f"{found['index']} of {found['from']} to {found['to']}: {found['phase']}")
    typer.echo(f"asked for at {found['requested_at']}; {found['objects_marked']} objects marked, {waiting} wait")
