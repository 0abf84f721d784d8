"""``opsloop keys``: create, list and revoke the keys that callers use."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from opsloop.errors import OpsloopError

app = typer.Typer(help="Create, list and revoke the keys that callers use.", no_args_is_help=True)


class ScopeName(StrEnum):
    """What a key may do; operate includes read, admin includes them all."""

    ingest = "ingest"
    read = "read"
    operate = "operate"
    admin = "admin"


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who or what will use the key.")],
    scopes: Annotated[list[ScopeName], typer.Option("--scope", help="What it may do; may be repeated.")],
    expires: Annotated[
        str | None, typer.Option(help="When it ends: a date or ISO 8601. Without it: when revoked.")
    ] = None,
    bootstrap: Annotated[
        bool, typer.Option("--bootstrap", help="Write to the table with AWS credentials: for the first key.")
    ] = False,
    table: Annotated[str | None, typer.Option(help="The access table, with --bootstrap.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key and print it. It is shown this once and cannot be shown again.

    Examples:

        opsloop keys create collector-eu --scope ingest

        opsloop keys create on-call --scope operate

        opsloop keys create first-admin --scope admin --bootstrap --table opsloop-prod-access
    """
    session = session_of(context)
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    expires_at = read_moment(expires, now=session.now, name="--expires") if expires else None
    names = [scope.value for scope in scopes]
    if bootstrap != (table is not None):
        raise CommandError("--bootstrap and --table NAME go together", ExitCode.USAGE)
    if table is not None:
        made = _write_first_key(table, name, names, expires_at)
    else:
        document: dict[str, Any] = {"name": name, "scopes": names}
        if expires_at:
            document["expires_at"] = format_time(expires_at)
        made = session.client().call("POST", "/v1/keys", scope="admin", document=document)
    if as_json:
        show_json(made)
    else:
        typer.echo(made["token"])
        say(f"created key {made['key_id']} for {name} with {', '.join(names)}: keep it now, it is not shown again")


@app.command("list")
def list_(
    context: typer.Context,
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Who is signed in to the console, instead of keys.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List all keys, or who is signed in to the console, without secrets.

    Examples:

        opsloop keys list

        opsloop keys list --sessions
    """
    query = {"kind": "session"} if sessions else {}
    found = session_of(context).client().all_pages("/v1/keys", "keys", scope="admin", query=query)
    if as_json:
        show_json({"keys": found})
    else:
        columns = ["key id", "name", "scopes", "state", "created", "expires", "revoked"]
        behind = ["opened by"] if sessions else []
        show_table(columns + behind, [[*_row(key), *(_behind(key) for _ in behind)] for key in found])


@app.command("revoke")
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="The id, as in opsloop keys list; not the key itself.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a key at once and for good.

    Example:

        opsloop keys revoke 5f1c08d9a2b4
    """
    if "_" in key_id:  # a whole key would end up in access logs as part of the path
        raise CommandError("give the key's id, the part between the underscores, not the key itself", ExitCode.USAGE)
    from urllib.parse import quote

    answer = session_of(context).client().call("DELETE", f"/v1/keys/{quote(key_id, safe='')}", scope="admin")
    if as_json:
        show_json(answer if answer is not None else {"key_id": key_id})
    else:
        typer.echo(f"revoked key {key_id}")


def _row(key: dict[str, Any]) -> list[str]:
    return [
        str(key["key_id"]),
        str(key["name"]),
        ", ".join(key["scopes"]),
        str(key["state"]),
        *(str(key.get(name) or "") for name in ("created_at", "expires_at", "revoked_at")),
    ]


def _behind(session: dict[str, Any]) -> str:
    """Return the key that opened a session, or whom the identity provider says it is."""
    return str(session.get("parent_id") or session.get("subject") or "")


def _write_first_key(table: str, name: str, scopes: list[str], expires_at: datetime | None) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError

    from opsloop.adapters.access_table import AccessTable
    from opsloop.clock import format_time
    from opsloop.errors import OpsloopError

    try:
        key, token = AccessTable(table).create(name, scopes, expires_at=expires_at)
    except OpsloopError as error:
        raise CommandError(*_reason(error, table)) from None
    except BotoCoreError as error:
        raise CommandError(f"AWS cannot be reached: {error}", ExitCode.UNREACHABLE) from None
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": scopes,
        "created_at": format_time(key.created_at),
        "token": token,
    }


def _reason(error: "OpsloopError", table: str) -> tuple[str, ExitCode]:
    from opsloop.errors import TransientError

    if not isinstance(error, TransientError):
        return error.message, ExitCode.USAGE
    cause = str(error.__cause__) if error.__cause__ else error.message
    is_forbidden = "AccessDenied" in cause or "UnrecognizedClient" in cause
    return f"table {table}: {cause}", ExitCode.NOT_ALLOWED if is_forbidden else ExitCode.UNREACHABLE
