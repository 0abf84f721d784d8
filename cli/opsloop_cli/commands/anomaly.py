"""``opsloop anomaly``: what is unusual, why, and what people say of it."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.anomaly_text import clock, cut, lines, unknown_lines
from opsloop_cli.commands import anomaly_backtest
from opsloop_cli.context import JsonOption, Session, session_of
from opsloop_cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from opsloop_cli.client import Client

app = typer.Typer(help="List and show what is unusual, and say whether it was worth it.", no_args_is_help=True)

FromOption = Annotated[str, typer.Option("--from", help="Such as -2h, 2026-11-21, or ISO 8601.")]
ToOption = Annotated[str, typer.Option("--to", help="Not included; as --from.")]
app.command("backtest")(anomaly_backtest.backtest)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As in opsloop anomaly list.")]


class StateName(StrEnum):
    """Whether an anomaly goes on."""

    open = "open"
    ended = "ended"
    any = "any"


class Verdict(StrEnum):
    """Whether an anomaly was worth being told."""

    useful = "useful"
    noise = "noise"


@app.command("list")
def list_(
    context: typer.Context,
    service: Annotated[str | None, typer.Option(help="One service; without it, all.")] = None,
    state: Annotated[StateName, typer.Option(help="Those that go on, those that are over, or both.")] = StateName.any,
    start: FromOption = "-1d",
    end: ToOption = "now",
    as_json: JsonOption = False,
) -> None:
    """List what was unusual, newest first, and what cannot be judged.

    No anomaly is no proof of health: what has too little history or
    no data cannot be judged, and is told below the list.

    Examples:

        opsloop anomaly list --state open

        opsloop anomaly list --service payments --from -7d --json | jq -r '.anomalies[].reason'
    """
    session = session_of(context)
    query = {"state": state.value, **_times(session, start, end), **({"service": service} if service else {})}
    found, page = _pages(session.client(), query)
    if as_json:
        show_json({"anomalies": found, "judged_to": page["judged_to"], "unknown": page["unknown"]})
        return
    if found:
        columns = ["begun", "lasted", "state", "severity", "part", "reason", "id"]
        show_table(columns, [_row(one) for one in found], right=["lasted"])
    _say_standing(found, page)


@app.command("show")
def show(context: typer.Context, anomaly_id: IdArgument, as_json: JsonOption = False) -> None:
    """Show one anomaly: why, since when, what it hangs together with, and its series with what was expected.

    Example:

        opsloop anomaly show 20261121T0805-4f3a9c1e2b7d4f60
    """
    one = session_of(context).client().call("GET", _path(anomaly_id), scope="read")
    if as_json:
        show_json(one)
        return
    for line in lines(one):
        typer.echo(line)


@app.command("feedback")
def feedback(
    context: typer.Context,
    anomaly_id: IdArgument,
    verdict: Annotated[Verdict, typer.Argument(help="Was it worth being told?")],
    note: Annotated[str | None, typer.Option(help="What it was, in a sentence.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether an anomaly was worth being told. Said again, it replaces what this key said before.

    Example:

        opsloop anomaly feedback 20261121T0805-4f3a9c1e2b7d4f60 noise --note "load test"
    """
    document = {"verdict": verdict.value, **({"note": note} if note else {})}
    path = f"{_path(anomaly_id)}/feedback"
    said = session_of(context).client().call("POST", path, scope="operate", document=document)
    if as_json:
        show_json(said)
    else:
        say(f"{said['anomaly_id']}: {said['verdict']}")


@app.command("exclude")
def exclude(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service, or * for all.")],
    start: FromOption,
    end: ToOption,
    reason: Annotated[str, typer.Option(help="Why that time is no measure of the usual.")],
    as_json: JsonOption = False,
) -> None:
    """Keep a time out of baselines: nothing of it is learned as usual.

    Say it before that time is judged, as for a load test to come: what
    was learned stays learned.

    Example:

        opsloop anomaly exclude payments --from 2026-11-21T20:00:00Z --to 2026-11-21T22:00:00Z --reason "load test"
    """
    session = session_of(context)
    document = {"service": service, **_times(session, start, end), "reason": reason}
    window = session.client().call("POST", "/v1/anomalies/exclusions", scope="operate", document=document)
    if as_json:
        show_json(window)
    else:
        say(f"nothing is learned of {window['service']} from {window['from']} to {window['to']}")


def _path(anomaly_id: str) -> str:
    from urllib.parse import quote

    return f"/v1/anomalies/{quote(anomaly_id, safe='')}"


def _times(session: Session, start: str, end: str) -> dict[str, str]:
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    given = (("from", "--from", start), ("to", "--to", end))
    return {name: format_time(read_moment(text, now=session.now, name=option)) for name, option, text in given}


def _pages(client: "Client", query: dict[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """Return the anomalies of all pages, and the first page, which has what is said of all."""
    first = page = client.call("GET", "/v1/anomalies", scope="read", query=query)
    found = list(page["anomalies"])
    while page["next"]:
        page = client.call("GET", "/v1/anomalies", scope="read", query={**query, "cursor": page["next"]})
        found += page["anomalies"]
    return found, first


def _row(one: dict[str, Any]) -> list[str]:
    part = f"effect of {one['origin_service']}" if one["part"] == "effect" else one["part"]
    return [
        clock(one["first_minute"]),
        _lasted(one),
        one["state"],
        one["severity"],
        part,
        cut(one["reason"]),
        one["anomaly_id"],
    ]


def _lasted(one: dict[str, Any]) -> str:
    from opsloop.clock import parse_time

    first, last = (parse_time(one[name], name=name) for name in ("first_minute", "last_minute"))
    minutes = round((last - first).total_seconds() / 60) + 1
    return f"{minutes} min" if minutes < 600 else f"{minutes / 60:.0f} h"


def _say_standing(found: list[Any], page: dict[str, Any]) -> None:
    """Say how many there are, up to when that was judged, and what could not be."""
    opened = sum(one["state"] == "open" for one in found)
    until = f"judged up to {page['judged_to']}" if page["judged_to"] else "nothing was judged yet"
    say(f"{len(found):,} anomalies, {opened:,} of them open; {until}")
    for line in unknown_lines(page["unknown"]):
        say(line)
