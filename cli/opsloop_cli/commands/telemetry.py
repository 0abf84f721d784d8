"""``opsloop telemetry``: what is in this file, and which attributes make too many series?"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop_cli.context import JsonOption, session_of
from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.output import number, say, show_json, show_table

if TYPE_CHECKING:
    from opsloop.telemetry.explain import Explanation
    from opsloop.telemetry.series_minute import SeriesMinute

app = typer.Typer(help="Explain files of telemetry; find what makes too many series.", no_args_is_help=True)

MAX_INFLATED_BYTES = 64 * 1024 * 1024
ROWS_SHOWN = 60
STDIN = "-"
COLUMNS = ("series", "kind", "minute", "count", "errors", "sum", "min", "p50", "p90", "p95", "p99", "max", "unit")
NUMBERS = frozenset(COLUMNS[3:12])

DIMENSION_NUMBERS = ("values", "series", "alone", "after", "saves")
PATTERN_NUMBERS = ("operations", "after", "saves")

CatalogOption = Annotated[
    Path | None,
    typer.Option(help="The catalog, YAML or compiled; without it no attribute is a dimension.", exists=True),
]


@app.command("explain")
def explain(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(help="Files of any form that opsloop reads; - is standard input.")],
    catalog: CatalogOption = None,
    arrival: Annotated[
        str | None, typer.Option(help="When the data arrived, such as -2h or ISO 8601; else their newest time.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a file is, what is in it, and which series it would become.

    Reads records and bodies of any form and compression that opsloop
    takes in, events from Kinesis and deliveries from Firehose. Asks
    nobody: needs no key and no cloud. Times are judged as if the data
    had arrived at their newest time, unless --arrival says otherwise.
    Exits with 1 when anything was refused.

    Examples:

        opsloop telemetry explain traces.pb metrics.json.gz record.bin

        opsloop telemetry explain --catalog layers/catalog/services.yaml capture.bin

        cat event.json | opsloop telemetry explain - --json | jq '.[].services'
    """
    from opsloop.telemetry.explain import explain as explain_file
    from opsloop_cli.catalog_file import read_catalog
    from opsloop_cli.moment import read_moment

    session = session_of(context)
    known = read_catalog(catalog)
    contents = [(file, read_content(file)) for file in files]
    arrival_s = read_moment(arrival, now=session.now, name="--arrival").timestamp() if arrival else None
    found = [
        explain_file(
            file, data, known, now_s=session.now.timestamp(), arrival_s=arrival_s, max_bytes=MAX_INFLATED_BYTES
        )
        for file, data in contents
    ]
    if as_json:
        show_json([asdict(one) for one in found])
    else:
        for one in found:
            _show(one)
    if any(one.refused for one in found):
        raise typer.Exit(ExitCode.NO)


@app.command("cardinality")
def cardinality(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service's name, as in opsloop services.")],
    files: Annotated[
        list[str] | None,
        typer.Option("--file", help="Look at this file instead, as if every attribute were allowed; may be repeated."),
    ] = None,
    catalog: CatalogOption = None,
    hours: Annotated[int, typer.Option(help="How many of the last hours to look at.", min=1, max=24)] = 3,
    as_json: JsonOption = False,
) -> None:
    """Show which attributes make too many series, and what to drop.

    Told from the hour with the most series. "saves" is how many series
    fewer there would be without the attribute, counted, not estimated.
    With --file, asks nobody: all attributes of the items in the files
    are counted, also those that are no dimensions, without a limit.

    Examples:

        opsloop telemetry cardinality web

        opsloop telemetry cardinality web --file capture.bin --catalog layers/catalog/services.yaml
    """
    session = session_of(context)
    found: dict[str, Any]
    if files:
        found = _of_files(service, files, catalog, now_s=session.now.timestamp())
    else:
        query = {"service": service, "hours": str(hours)}
        found = session.client().call("GET", "/v1/telemetry/cardinality", scope="read", query=query)
    if as_json:
        show_json(found)
    else:
        _show_cardinality(found)


def _of_files(service: str, files: list[str], catalog: Path | None, *, now_s: float) -> dict[str, Any]:
    from opsloop.clock import format_time, time_of
    from opsloop.telemetry.cardinality import report
    from opsloop.telemetry.what_if import tallies_of_files
    from opsloop_cli.catalog_file import read_catalog

    known = read_catalog(catalog).service(service)
    contents = [read_content(file) for file in files]
    tallies, names = tallies_of_files(contents, known, now_s=now_s, max_bytes=MAX_INFLATED_BYTES)
    found = report(service, known.series_limit, tallies, allowed=known.dimensions)
    if found is None:
        there = f"there is {', '.join(names[:10])}" if names else "no item in them can be read"
        raise CommandError(f"the files have nothing of {service!r}; {there}", ExitCode.NO)
    document = asdict(found)
    for place in (document, *document["hours"]):
        key = "start" if "start" in place else "hour"
        place[key] = format_time(time_of(place[key]))
    return document


def _show_cardinality(found: dict[str, Any]) -> None:
    over = f"; {number(found['overflowed'])} measurements went to the overflow" if found["overflowed"] else ""
    typer.echo(
        f"{found['service']}: {number(found['series'])} series in the hour of {found['hour']}, the limit is "
        f"{number(found['limit'])}{over}; without attributes {number(found['without_attributes'])}"
    )
    if found["dimensions"]:
        typer.echo("")
        rows = [
            [one["name"], "yes" if one["is_allowed"] else "no", *(number(one[key]) for key in DIMENSION_NUMBERS),
             ", ".join(one["examples"][:3])]
            for one in found["dimensions"]
        ]  # fmt: skip
        show_table(["attribute", "dimension", *DIMENSION_NUMBERS, "examples"], rows, right=DIMENSION_NUMBERS)
    if found["patterns"]:
        typer.echo("\nOperation names that differ in ids only: name spans by the route, not by the path.\n")
        rows = [[one["pattern"], *(number(one[key]) for key in PATTERN_NUMBERS), one["examples"][0]]
                for one in found["patterns"]]  # fmt: skip
        show_table(["operation", *PATTERN_NUMBERS, "example"], rows, right=PATTERN_NUMBERS)
    typer.echo("")
    groups = [[one["metric"], one["kind"], number(one["series"])] for one in found["metrics"][:10]]
    show_table(["metric", "kind", "series"], groups, right=["series"])
    if found["steps"]:
        typer.echo("\nTo drop, one after the other:")
    for step in found["steps"]:
        typer.echo(f"  {step['drop']}: from {number(step['before'])} series to {number(step['after'])}")


def read_content(file: str) -> bytes:
    """Return the bytes of a file, or of standard input."""
    try:
        return sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror or error}", ExitCode.USAGE) from None


def _show(found: "Explanation") -> None:
    typer.echo(f"\n{found.file}: {_what(found)}")
    for refused in found.refused[:ROWS_SHOWN]:
        where = "" if refused.byte is None or "at byte" in refused.reason else f", at byte {refused.byte}"
        typer.echo(f"  refused, {refused.kind}: {refused.reason}{where} ({refused.size} bytes)")
    for service, items in found.services.items():
        typer.echo(f"  {service}: {number(items)} items")
    for sdk in found.sdks:
        typer.echo(f"  sent by {sdk['name']} {sdk['language']} {sdk['version']}: {number(sdk['items'])} items")
    scopes = [f"{one['name']} {one['version']}".strip() or "(no name)" for one in found.scopes]
    if scopes:
        typer.echo(f"  scopes: {', '.join(scopes[:10])}{', ...' if len(scopes) > 10 else ''}")
    if found.dimensions_dropped:
        typer.echo(f"  attributes that are no dimensions: {', '.join(found.dimensions_dropped)}")
    for example in found.exemplars[:5]:
        typer.echo(f"  exemplar of {example['metric']}: {example['value']}, trace {example['trace_id']}")
    if found.series:
        typer.echo("")
        rows = [_row(one) for one in found.series[:ROWS_SHOWN]]
        show_table(COLUMNS, rows, right=NUMBERS)
    if len(found.series) > ROWS_SHOWN:
        say(f"{len(found.series) - ROWS_SHOWN} more rows: --json has them all")


def _what(found: "Explanation") -> str:
    """Return form, compression, signal and counts in one sentence."""
    if found.error is not None:
        return f"cannot be read: {found.error}"
    inner = f" of {', '.join(found.forms)}" if found.forms and found.forms != (found.format,) else ""
    pressed = "not compressed" if found.compression == "none" else found.compression
    parts = [f"{found.format}{inner}", pressed, found.signal, f"{number(found.items)} items"]
    if found.records != 1:
        parts.append(f"{found.records} records")
    notes = {"rejected": found.rejected, "requests sent twice": found.duplicates, "with a time too far": found.clamped}
    return ", ".join([*parts, *(f"{number(count)} {name}" for name, count in notes.items() if count)])


def _row(one: "SeriesMinute") -> list[str]:
    labels = " ".join(f"{key}={text}" for key, text in one.attributes.items())
    name = " ".join(part for part in (one.service, one.metric, one.operation, labels) if part)
    values = [one.sum, one.min, one.p50, one.p90, one.p95, one.p99, one.max]
    return [name, one.kind, one.minute, number(one.count), number(one.errors), *map(_short, values), one.unit]


def _short(value: float | None) -> str:
    if value is None:
        return ""
    is_long = 1e4 <= abs(value) < 1e15 or value == int(value)
    return f"{value:,.0f}" if is_long and abs(value) < 1e15 else f"{value:.4g}"
