"""``opsloop status``: is the platform well?"""

from typing import Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import UNKNOWN, say, show_json, show_table

GOOD = frozenset({"pass", "warn"})


def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Is the platform well, and are services heard from?

    Exits with 0 when the platform passes (warnings included),
    with 1 when it fails or its state is unknown.

    Examples:

        opsloop status

        opsloop --profile prod status --json | jq .health.status
    """
    client = session_of(context).client()
    answer = client.send("GET", "/health/ready")
    health = _health(answer.json())
    services, reason = None, ""
    if client.target.find_key("read"):
        try:
            services = client.all_pages("/v1/services", "services", scope="read", query={})
        except CommandError as error:
            reason = error.message
    else:
        reason = f"{client.target.origin} has no key with the scope read"
    if as_json:
        show_json({"url": client.target.url, "health": health, "services": services})
    else:
        typer.echo(f"{client.target.url}: {health['status']}{_because(health)}")
        show_table(["component", "status", "observed", "what it says"], _checks(health))
        if services is not None:
            typer.echo(_summary(services))
    if reason:
        say(f"services not shown: {reason}")
    if health["status"] not in GOOD:
        raise typer.Exit(ExitCode.NO)


def _health(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("status") not in {"pass", "warn", "fail"}:
        return {"status": UNKNOWN, "output": "the answer is not a health report", "checks": {}}
    return document


def _because(health: dict[str, Any]) -> str:
    return f" ({health['output']})" if health.get("output") else ""


def _checks(health: dict[str, Any]) -> list[list[str]]:
    return [
        [component, str(check.get("status", UNKNOWN)), _observed(check), str(check.get("output", ""))]
        for component, checks in sorted(health.get("checks", {}).items())
        for check in checks
    ]


def _observed(check: dict[str, Any]) -> str:
    if "observedValue" not in check:
        return ""
    return f"{check['observedValue']} {check.get('observedUnit', '')}".strip()


def _summary(services: list[dict[str, Any]]) -> str:
    silent = [str(service["service"]) for service in services if service.get("state") != "OK"]
    text = f"{len(services)} services, {len(services) - len(silent)} heard from"
    return f"{text}; unknown: {', '.join(silent)}" if silent else text
