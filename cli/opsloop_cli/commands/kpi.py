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
IDENTITY = ("service", "operation", "kind", "resolution", "start", "complete", "state", "sources", "version", "hash")
COLUMNS = ("requests", "errors", "error_ratio", "p50_ms", "p95_ms", "p99_ms", "peak_per_minute", "availability_ratio")


def kpi(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service's name, as in opsloop services.")],
    operation: Annotated[str | None, typer.Option(help="One operation; without it, the whole service.")] = None,
    name: Annotated[
        str | None, typer.Option("--kpi", help="One KPI such as requests or p95_ms, or metric:<name>.")
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
    if operation is not None:
        query["operation"] = operation
    if name is not None:
        query["kpi"] = name
    rows = session.client().all_pages("/v1/kpis", "rows", scope="read", query=query)
    if as_json:
        show_json({"rows": rows})
    elif not rows:
        say("no rows in that time")
    else:
        _show(rows)


def _show(rows: list[dict[str, Any]]) -> None:
    columns = ["start"]
    columns += [name for name in ("operation", "metric", "kind") if len({row.get(name) for row in rows}) > 1]
    values = [name for name in COLUMNS if name in rows[0]]
    if not values:
        values = [name for name, value in rows[0].items() if name not in IDENTITY and isinstance(value, (int, float))]
    shown = [[*(_label(row, name) for name in columns), *(_cell(row, name) for name in values)] for row in rows]
    show_table(
        [*columns, *(name.replace("_", " ") for name in values)],
        shown,
        right=[name.replace("_", " ") for name in values],
    )


def _label(row: dict[str, Any], name: str) -> str:
    if name == "start":
        return f"{row['start']}{'' if row['complete'] else ' *'}"
    return str(row.get(name) or "")


def _cell(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if name.endswith("_ratio"):
        return percent(value)
    return number(value, digits=1 if isinstance(value, float) else 0)
