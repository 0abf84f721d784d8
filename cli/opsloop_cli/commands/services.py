"""``opsloop services``: who sends, and who has gone silent?"""

from typing import Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.output import UNKNOWN, say, show_json, show_table


def services(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the services of the catalog and those heard from, with their state.

    Examples:

        opsloop services

        opsloop services --json | jq '.services[] | select(.state != "OK")'
    """
    found = session_of(context).client().all_pages("/v1/services", "services", scope="read", query={})
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
