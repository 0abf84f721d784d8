"""``opsloop backup request``, ``hold`` and ``release``: asks the deployed opsloop for a dump, or that one is kept."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.output import say, show_json


def request(
    context: typer.Context,
    database: Annotated[str, typer.Argument(help="A database of the catalog.")],
    as_json: JsonOption = False,
) -> None:
    """Ask for a dump now. It is taken within seconds, and verified when it has arrived.

    Example:

        opsloop backup request orders
    """
    client = session_of(context).client()
    asked: dict[str, Any] = client.call("POST", f"/v1/backups/{quote(database, safe='')}/take", scope="operate")
    if as_json:
        show_json(asked)
        return
    typer.echo(f"{asked['state']}  {asked['id']}")
    say(f"what became of it: opsloop backup history --database {database}")


def hold(
    context: typer.Context,
    dump_id: Annotated[str, typer.Argument(help="The dump, as opsloop backup list --database shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Put a dump under legal hold: nobody deletes it, nor does the clock, until it is released.

    Example:

        opsloop backup hold orders/2026/11/orders-20261121T060000Z.dump
    """
    _change(context, dump_id, "hold", as_json=as_json)


def release(
    context: typer.Context,
    dump_id: Annotated[str, typer.Argument(help="The dump, as opsloop backup list --database shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Take the legal hold of a dump away: its retention class counts again.

    Example:

        opsloop backup release orders/2026/11/orders-20261121T060000Z.dump
    """
    _change(context, dump_id, "release", as_json=as_json)


def _change(context: typer.Context, dump_id: str, what: str, *, as_json: bool) -> None:
    database = dump_id.partition("/")[0]
    path = f"/v1/backups/{quote(database, safe='')}/{what}"
    client = session_of(context).client()
    found: dict[str, Any] = client.call("POST", path, scope="operate", document={"dump_id": dump_id})
    show_json(found) if as_json else typer.echo(f"{'held' if found['legal_hold'] else 'not held'}  {found['dump_id']}")
