"""``opsloop kpi``: how is a service doing, per minute, hour or day?"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.output import number, percent, say, show_json, show_table


class Resolution(StrEnum):
    """The periods that KPIs exist for."""

    minute = "minute"
    hour = "hour"
    day = "day"


DEFAULT_FROM = {Resolution.minute: "-1h", Resolution.hour: "-1d", Resolution.day: "-30d"}
LABELS = ("operation", "kind", "attributes")
KPIS = ("requests", "errors", "error_ratio", "p50_ms", "p95_ms", "p99_ms", "peak_per_minute", "availability_ratio")
MEASURES = ("count", "sum", "mean", "minimum", "p50", "p95", "p99", "maximum")


def kpi(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service's name, as in opsloop services.")],
    operation: Annotated[
        str | None, typer.Option(help="One operation, or * for each; without it, the whole service.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="request (default), client, producer, internal, or *.")] = None,
    name: Annotated[
        str | None, typer.Option("--kpi", help="Such as p95_ms or requests,errors; or metric:<name>.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="Such as -2h, now, 2026-11-21, or ISO 8601.")] = None,
    end: Annotated[str, typer.Option("--to", help="Not included; as --from.")] = "now",
    resolution: Annotated[Resolution, typer.Option(help="One row per minute, hour or day.")] = Resolution.hour,
    as_json: JsonOption = False,
) -> None:
    """Show a service's requests, errors and durations over time.

    Without --from: the last hour by minute, the last day by hour,
    the last 30 days by day. A star marks a period that is still open.
    "unknown" means that nothing was heard, which is not the same as 0.

    Examples:

        opsloop kpi web

        opsloop kpi web --operation "GET /" --resolution minute --from -15m

        opsloop kpi orders --kpi p95_ms --from 2026-11-01 --resolution day --json
    """
    session = session_of(context)
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    query = {"service": service, "resolution": resolution.value}
    for option, text in (("from", start or DEFAULT_FROM[resolution]), ("to", end)):
        moment = read_moment(text, now=session.now, name=f"--{option}")
        query[option] = format_time(moment)
    query |= {key: text for key, text in (("operation", operation), ("kind", kind), ("kpi", name)) if text is not None}
    rows = session.client().all_pages("/v1/kpis", "rows", scope="read", query=query)
    if as_json:
        show_json({"rows": rows})
    elif not rows:
        say("no rows in that time")
    else:
        _show(rows, _wanted(rows, name or ""))


def _wanted(rows: list[dict[str, Any]], name: str) -> list[str]:
    """Return the values to show: those asked for, of a metric those that it has, or the usual ones."""
    if name.startswith("metric:"):
        return [measure for measure in MEASURES if any(row.get(measure) is not None for row in rows)] or ["count"]
    return [wanted for wanted in name.split(",") if wanted] or list(KPIS)


def _show(rows: list[dict[str, Any]], values: list[str]) -> None:
    labels = ["start", *(name for name in LABELS if len({str(row.get(name)) for row in rows}) > 1)]
    headings = [name.replace("_", " ") for name in values]
    cells = [
        [*(_label(row, name) for name in labels), *(_cell(row.get(name), name) for name in values)] for row in rows
    ]
    show_table([*labels, *headings], cells, right=headings)


def _label(row: dict[str, Any], name: str) -> str:
    if name == "start":
        return f"{row['start']}{'' if row['complete'] else ' *'}"
    value = row.get(name) or ""
    return " ".join(f"{key}={text}" for key, text in value.items()) if isinstance(value, dict) else str(value)


def _cell(value: Any, name: str) -> str:
    if name.endswith("_ratio"):
        return percent(value)
    if value is None or isinstance(value, (int, float)):
        return number(value, digits=1 if isinstance(value, float) else 0)
    return str(value)
