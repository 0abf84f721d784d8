"""``opsloop telemetry``: what is in this file, and which attributes make too many series?"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1e4 else f"{value:.4g}"
