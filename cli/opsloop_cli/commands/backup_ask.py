"""``opsloop backup request``: asks the deployed opsloop for a dump now."""

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
