"""``opsloop search``: whether logs can be searched; make their index anew, and see how far it is."""

from typing import Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import ExitCode
from opsloop_cli.output import number, show_json

app = typer.Typer(help="See whether logs can be searched; make their index anew.", no_args_is_help=True)

PATH = "/v1/search/rebuild"


@app.command("status")
def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show whether logs can be searched, how many, and what waits. Exit code 1 if they cannot.

    Example:

        opsloop search status
    """
    found = session_of(context).client().call("GET", "/v1/search", scope="read")
    if as_json:
        show_json(found)
    else:
        waiting = f"{found['objects_waiting']:,}{'' if found['is_waiting_exact'] else ' or more'}"
        since = f", since {found['waiting_since']}" if found["waiting_since"] else ""
        typer.echo(f"{'ready' if found['is_ready'] else 'not ready'}: {found['detail']}")
        typer.echo(f"{number(found['documents'])} documents, {waiting} objects wait{since}")
        typer.echo(f"older than {found['searchable_since']}: gone from search, see opsloop log restore")
    if not found["is_ready"]:
        raise typer.Exit(int(ExitCode.NO))


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
    _show(session_of(context).client().call("POST", PATH, scope="operate", document=document), as_json=as_json)


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
