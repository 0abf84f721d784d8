"""``opsloop services``: who sends, with what, and who has gone silent?"""

from typing import Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.output import UNKNOWN, number, say, show_json, show_table


def services(
    context: typer.Context,
    senders: Annotated[
        bool, typer.Option("--senders", help="Instead, the clients that send: product, version, signal, encoding.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the services of the catalog and those heard from, with their state.

    Examples:

        opsloop services

        opsloop services --senders

        opsloop services --json | jq '.services[] | select(.state != "OK")'
    """
    client = session_of(context).client()
    if senders:
        _show_senders(client.all_pages("/v1/senders", "senders", scope="read", query={}), as_json=as_json)
        return
    found = client.all_pages("/v1/services", "services", scope="read", query={})
    if as_json:
        show_json({"services": found})
    elif not found:
        say("no services yet: the catalog is empty and nothing was sent")
    else:
        columns = ["service", "state", "tier", "owner", "environment", "last seen"]
        show_table(columns, [_row(service) for service in found])


def _row(service: dict[str, Any]) -> list[str]:
    return [
        str(service["service"]),
        str(service.get("state", UNKNOWN)),
        *(str(service.get(name) or "") for name in ("tier", "owner", "environment")),
        str(service.get("last_seen") or UNKNOWN),
    ]


def _show_senders(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json({"senders": found})
    elif not found:
        say("no senders yet: nothing was sent over HTTP")
    else:
        columns = ["product", "version", "signal", "form", "encoding", "requests", "first seen", "last seen", "key"]
        show_table(columns, [_sender_row(sender) for sender in found], right=["requests"])


def _sender_row(sender: dict[str, Any]) -> list[str]:
    return [
        str(sender.get("product") or sender.get("user_agent") or UNKNOWN),
        *(str(sender.get(name) or "") for name in ("version", "signal", "form", "encoding")),
        number(sender.get("requests")),
        *(str(sender.get(name) or "") for name in ("first_seen", "last_seen", "key_id")),
    ]
