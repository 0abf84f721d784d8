"""``opsloop graph``: who calls whom?"""

from typing import Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.output import number, percent, say, show_json, show_table

COLUMNS = ("service", "calls/min", "errors", "p50 ms", "p95 ms", "told from", "most frequent call")
NUMBERS = frozenset(COLUMNS[1:6])
INDENT = "  "
Key = tuple[str, str]
"""Kind and name of a node."""
Calls = dict[Key, list[dict[str, Any]]]


def graph(
    context: typer.Context,
    service: Annotated[
        str | None, typer.Option(help="Only who calls this service, and what it calls, however far.")
    ] = None,
    start: Annotated[str, typer.Option("--from", help="Such as -2h, 2026-11-21, or ISO 8601.")] = "-1h",
    end: Annotated[str, typer.Option("--to", help="Not included; as --from.")] = "now",
    as_json: JsonOption = False,
) -> None:
    """Show who calls whom, as the spans of the services tell.

    Each service stands under those that call it, with the rate, the
    errors and the latency of these calls; at the left are those that
    nobody calls, with their own requests. What stands elsewhere in
    full is followed by "...". A range is up to a day, of the last two.
    Numbers with a ~ are estimates from a sample of the traces.

    Examples:

        opsloop graph

        opsloop graph --service orders --from -15m

        opsloop graph --json | jq '.edges[] | select(.error_ratio > 0.01)'
    """
    session = session_of(context)
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    query = {
        option: format_time(read_moment(text, now=session.now, name=f"--{option}"))
        for option, text in (("from", start), ("to", end))
    }
    if service is not None:
        query["service"] = service
    found = session.client().call("GET", "/v1/graph", scope="read", query=query)
    if as_json:
        show_json(found)
        return
    if not found["nodes"]:
        say("no calls in that time")
        return
    show_table(COLUMNS, _tree(found), right=NUMBERS)
    if found["nodes_left_out"]:
        say(f"{number(found['nodes_left_out'])} nodes with fewer requests are left out: ask for --service")


def _tree(found: dict[str, Any]) -> list[list[str]]:
    """Return a row per node that nobody calls, and below each the calls that it makes; each node's only once."""
    nodes = {(node["kind"], node["name"]): node for node in found["nodes"]}
    calls: Calls = {}
    for edge in sorted(found["edges"], key=lambda edge: -edge["calls_per_minute"]):
        calls.setdefault(("service", edge["caller"]), []).append(edge)
    called = {(edge["callee_kind"], edge["callee"]) for edge in found["edges"]}
    rows: list[list[str]] = []
    shown: set[Key] = set()
    for key in [*(key for key in nodes if key not in called), *nodes]:  # those in circles come last
        if key not in shown:
            shown.add(key)
            rows.append(_node_row(nodes[key]))
            rows += _calls_of(key, 1, calls, shown)
    return rows


def _calls_of(key: Key, depth: int, calls: Calls, shown: set[Key]) -> list[list[str]]:
    rows = []
    for edge in calls.get(key, ()):
        callee = edge["callee_kind"], edge["callee"]
        rows.append(_edge_row(edge, depth, is_elsewhere=callee in shown and callee in calls))
        if callee not in shown:
            shown.add(callee)
            rows += _calls_of(callee, depth + 1, calls, shown)
    return rows


def _node_row(node: dict[str, Any]) -> list[str]:
    if not node["sampled"]:
        return [node["name"], *[""] * 6]
    values = [number(node["requests_per_minute"], digits=1), percent(node["error_ratio"]), "", _ms(node["p95_ms"])]
    return [node["name"], *_marked(values, node), number(node["sampled"]), ""]


def _edge_row(edge: dict[str, Any], depth: int, *, is_elsewhere: bool) -> list[str]:
    kind = "" if edge["callee_kind"] == "service" else f" ({edge['callee_kind']})"
    more = " ..." if is_elsewhere else ""
    arrow = "~> " if edge["kind"] == "message" else "-> "
    values = [number(edge["calls_per_minute"], digits=1), percent(edge["error_ratio"])]
    values += [_ms(edge["p50_ms"]), _ms(edge["p95_ms"])]
    most = edge["operations"][0]
    operation = " -> ".join(dict.fromkeys(one for one in (most["caller_operation"], most["callee_operation"]) if one))
    name = f"{INDENT * depth}{arrow}{edge['callee']}{kind}{more}"
    return [name, *_marked(values, edge), number(edge["sampled"]), operation]


def _marked(values: list[str], one: dict[str, Any]) -> list[str]:
    return values if one["is_exact"] else [f"~{value}" if value else "" for value in values]


def _ms(value: float | None) -> str:
    return "" if value is None else number(value, digits=1)
