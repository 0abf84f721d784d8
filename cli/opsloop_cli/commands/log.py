"""``opsloop log``: what did they say, line by line?"""

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from opsloop_cli.context import JsonOption, Session, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.log_line import bars, console, safe, safe_json, styled
from opsloop_cli.output import number, say, show_table

if TYPE_CHECKING:
    from opsloop_cli.client import Client

app = typer.Typer(help="Search and follow logs, see their patterns, bring old ones back.", no_args_is_help=True)

PAGE = 500
SHOWN_GAPS = 6
RETRY_S = 2.0
WHY = {
    "pending": "kept, but not searchable yet",
    "rebuilding": "not searchable while the index is made anew",
    "cold": "gone cold: opsloop log restore brings it back",
}

ServiceOption = Annotated[str | None, typer.Option("--service", "-s", help="One service; all without it.")]
SeverityOption = Annotated[str | None, typer.Option("--severity", help="Such as error, or warn,error.")]
LeastOption = Annotated[str | None, typer.Option("--min-severity", help="This class and those above it.")]
TemplateOption = Annotated[str | None, typer.Option("--template", help="The id of a pattern.")]
WholeOption = Annotated[bool, typer.Option("--whole", help="Show every line of long bodies.")]
FromOption = Annotated[str, typer.Option("--from", help="Such as -2h, 2026-11-21, or ISO 8601.")]
ToOption = Annotated[str, typer.Option("--to", help="Not included; as --from.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=90, help="For how long it is to be searchable.")]


class Order(StrEnum):
    """Which lines are shown first, if not all are."""

    newest = "newest"
    oldest = "oldest"
    relevance = "relevance"


class Tier(StrEnum):
    """How fast S3 fetches, at what price."""

    standard = "standard"
    bulk = "bulk"


@app.command("search")
def search(
    context: typer.Context,
    text: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help='Words, "words in order", -without, name=value.')
    ] = None,
    service: ServiceOption = None,
    severity: SeverityOption = None,
    min_severity: LeastOption = None,
    trace: Annotated[str | None, typer.Option("--trace", help="Lines of this trace.")] = None,
    template: TemplateOption = None,
    start: FromOption = "-1h",
    end: ToOption = "now",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many lines.")] = 50,
    order: Annotated[Order, typer.Option(help="Which, if there are more; the newest is shown last.")] = Order.newest,
    summary: Annotated[bool, typer.Option("--summary", help="Counts over time and patterns instead of lines.")] = False,
    is_whole: WholeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find lines, and say which part of the time could not be searched.

    Examples:

        opsloop log search "card declined" --service payments

        opsloop log search --min-severity error --from -2h --summary

        opsloop log search 'order.id=17 -timeout' --json | jq -r '.hits[].body'
    """
    session = session_of(context)
    query = _filters(service, severity, min_severity, text, trace, template) | _times(session, start, end)
    client = session.client()
    if summary:
        found = client.call(
            "GET", "/v1/logs", scope="read", query={**query, "include": "hits,counts,patterns", "limit": "1"}
        )
        _print_json(found) if as_json else _show_summary(found)
        return
    found = _pages(client, {**query, "order": order.value}, limit)
    if as_json:
        _print_json(found)
        return
    hits = found["hits"][::-1] if order is Order.newest else found["hits"]
    _print_lines(hits, is_whole=is_whole)
    least = "" if found["is_total_exact"] else "at least "
    shown = f"{len(hits):,} of " if len(hits) != found["total"] else ""
    say(f"{shown}{least}{found['total']:,} lines, {found['from']} to {found['to']}")
    _say_incomplete(found["incomplete"])


@app.command("tail")
def tail(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service.")],
    severity: SeverityOption = None,
    min_severity: LeastOption = None,
    text: Annotated[str | None, typer.Option("--q", help="As the query of opsloop log search.")] = None,
    template: TemplateOption = None,
    lines: Annotated[int, typer.Option(min=0, max=100, help="How many of the last lines first.")] = 10,
    is_whole: WholeOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Follow a service's lines as they arrive, until Ctrl-C. Late ones are shown when they come.

    Examples:

        opsloop log tail payments

        opsloop log tail payments --min-severity warn --q "card"
    """
    client = session_of(context).client()
    query = _filters(service, severity, min_severity, text, None, template)
    position = {"lines": str(lines)}
    printer, is_behind = console(), False
    try:
        while True:
            found = _patiently(client, {**query, **position})
            for one in found["hits"]:
                if as_json:
                    typer.echo(safe_json(one))
                else:
                    printer.print(styled(one, is_whole=is_whole))
            if found["steps_waiting"] and not found["hits"] and not is_behind:
                say(f"search is behind: {found['steps_waiting']:,} batches wait")
            is_behind = bool(found["steps_waiting"])
            position = {"after": found["after"]}
    except KeyboardInterrupt:
        return


@app.command("patterns")
def patterns(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service.")],
    start: FromOption = "-1d",
    end: ToOption = "now",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many patterns.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """Show what a service says most: patterns of its lines, counted per hour.

    "new" marks what was not seen in the 7 days before.

    Example:

        opsloop log patterns payments --from -6h
    """
    session = session_of(context)
    query = {"service": service, "limit": str(limit), **_times(session, start, end)}
    found = session.client().call("GET", "/v1/logs/patterns", scope="read", query=query)
    if as_json:
        _print_json(found)
        return
    rows = [
        [
            number(one["count"]),
            bars(one["counts"]),
            one["severity"],
            "new" if one["is_new"] else "",
            f"{one['last_seen'][:16]}Z",
            one["template"],
            safe(one["text"])[:200],
        ]
        for one in found["patterns"]
    ]
    if rows:
        show_table(["lines", "by hour", "severity", "", "last seen", "id", "pattern"], rows, right=["lines"])
    say(f"{len(rows):,} of {found['total']:,} patterns, {found['from']} to {found['to']}")


@app.command("trace")
def trace(
    context: typer.Context,
    trace_id: Annotated[str, typer.Argument(help="The id of the trace.")],
    service: ServiceOption = None,
    start: FromOption = "-1h",
    end: ToOption = "now",
    is_whole: WholeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the lines of one trace in all services, also those that cannot be searched (yet).

    They are read from where they were kept, which takes some seconds.

    Example:

        opsloop log trace 5b8efff798038103d269b633813fc60c --from -1d
    """
    session = session_of(context)
    query = _times(session, start, end) | ({"service": service} if service else {})
    path = f"/v1/logs/trace/{quote(trace_id, safe='')}"
    found = session.client().call("GET", path, scope="read", query=query)
    if as_json:
        _print_json(found)
        return
    _print_lines(found["lines"], is_whole=is_whole)
    say(f"{len(found['lines']):,} lines, from {found['objects_read']:,} of {found['objects_listed']:,} objects")
    for reason in sorted({one["reason"] for one in found["skipped"]}):
        some = [one for one in found["skipped"] if one["reason"] == reason]
        services = ", ".join(sorted({safe(one["service"]) for one in some}))
        say(f"not read: {len(some):,} objects that may have more ({reason}) of {services}")
    if not found["is_complete"] and not found["skipped"]:
        say("not all of that time was looked at: ask for less of it, or for one service")


@app.command("restore")
def restore(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service.")],
    start: FromOption,
    end: ToOption,
    tier: Annotated[Tier, typer.Option(help="bulk is slower, and costs less.")] = Tier.standard,
    days: DaysOption = 7,
    as_json: JsonOption = False,
) -> None:
    """Bring back lines that have gone cold, so that they can be searched for some days. S3 needs hours.

    Example:

        opsloop log restore payments --from 2026-07-01 --to 2026-07-02
    """
    session = session_of(context)
    wish = {"service": service, "tier": tier.value, "days": days, **_times(session, start, end)}
    found = session.client().call("POST", "/v1/logs/restore", scope="operate", document=wish)
    if as_json:
        _print_json(found)
        return
    _show_restores([found])
    if found["phase"] in ("asking", "waiting"):
        say(f"S3 needs up to {found['expected_hours']} hours; opsloop log restores says how far it is")


@app.command("restores")
def restores(context: typer.Context, as_json: JsonOption = False) -> None:
    """List what was asked to be brought back, the newest first.

    Example:

        opsloop log restores
    """
    found = session_of(context).client().call("GET", "/v1/logs/restores", scope="read")
    if as_json:
        _print_json(found)
    elif found["restores"]:
        _show_restores(found["restores"])
    else:
        say("nothing was asked to be brought back")


def _filters(
    service: str | None,
    severity: str | None,
    min_severity: str | None,
    text: str | None,
    trace_id: str | None,
    template: str | None,
) -> dict[str, str]:
    given = {"service": service, "severity": severity, "min_severity": min_severity, "q": text}
    given |= {"trace_id": trace_id, "template": template}
    return {name: value for name, value in given.items() if value}


def _times(session: Session, start: str, end: str) -> dict[str, str]:
    from opsloop.clock import format_time
    from opsloop_cli.moment import read_moment

    given = (("from", start), ("to", end))
    return {name: format_time(read_moment(text, now=session.now, name=f"--{name}")) for name, text in given}


def _pages(client: "Client", query: dict[str, str], limit: int) -> dict[str, Any]:
    """Return the first page with the hits of so many pages that there are ``limit``."""
    found: dict[str, Any] = {}
    cursor: dict[str, str] = {}
    while True:
        left = limit - len(found.get("hits", ()))
        given = {**query, **cursor, "include": "hits", "limit": str(min(left, PAGE))}
        page = client.call("GET", "/v1/logs", scope="read", query=given)
        if found:
            found["hits"] += page["hits"]
        found = found or page
        found["next"] = page["next"]
        if not page["next"] or len(found["hits"]) >= limit:
            return found
        cursor = {"cursor": page["next"]}


def _patiently(client: "Client", query: dict[str, str]) -> Any:
    """Return the answer of the tail, asking again while opsloop cannot be reached or asks to wait."""
    is_told = False
    while True:
        try:
            return client.call("GET", "/v1/logs/tail", scope="read", query=query)
        except CommandError as error:
            if error.code is not ExitCode.UNREACHABLE or "SEARCH_ENDPOINT" in error.message:
                raise
            if not is_told:
                say(f"{error.message}; trying again")
            is_told = True
            time.sleep(RETRY_S)


def _print_json(document: Any) -> None:
    typer.echo(safe_json(document))


def _print_lines(hits: list[dict[str, Any]], *, is_whole: bool) -> None:
    printer = console()
    for one in hits:
        printer.print(styled(one, is_whole=is_whole))


def _say_incomplete(incomplete: list[dict[str, Any]]) -> None:
    for one in incomplete[:SHOWN_GAPS]:
        of = f" of {safe(one['service'])}" if one["service"] else ""
        say(f"not searched{of}: {one['from'][:23]}Z to {one['to'][:23]}Z, {WHY[one['reason']]}")
    if len(incomplete) > SHOWN_GAPS:
        say(f"not searched: {len(incomplete) - SHOWN_GAPS} more parts of that time; --json has them")


def _show_summary(found: dict[str, Any]) -> None:
    counts = found["counts"]
    rows = [
        [
            one["start"],
            number(one["count"]),
            " ".join(f"{name} {count:,}" for name, count in reversed(one["severities"].items())),
        ]
        for one in counts["buckets"]
        if one["count"]
    ]
    if rows:
        show_table(["from", "lines", "by severity"], rows, right=["lines"])
    top = [
        [number(one["count"]), one["template"], safe(one["text"] or "not known any more")] for one in found["patterns"]
    ]
    if top:
        show_table(["lines", "id", "pattern"], top, right=["lines"])
    least = "" if found["is_total_exact"] else "at least "
    total = sum(one["count"] for one in counts["buckets"]) or found["total"]
    say(f"{'' if total > found['total'] else least}{total:,} lines, {found['from']} to {found['to']}")
    _say_incomplete(found["incomplete"])


def _show_restores(found: list[dict[str, Any]]) -> None:
    rows = [
        [
            safe(one["service"]),
            one["from"],
            one["to"],
            one["phase"],
            f"{one['objects_back']:,} of {max(one['objects_asked'], one['objects_back']):,}",
            number(one["bytes_cold"]),
            one["searchable_until"] or "",
        ]
        for one in found
    ]
    columns = ["service", "from", "to", "phase", "objects back", "bytes cold", "searchable until"]
    show_table(columns, rows, right=["objects back", "bytes cold"])
