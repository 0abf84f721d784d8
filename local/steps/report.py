"""What `make run` prints at its end: addresses, keys, and the comparison."""

from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from local.console import console
from local.demo.compare import Line
from local.steps.compare import Comparison


def show_addresses(stack: dict[str, Any], folder: str) -> None:
    """Print where everything is and the keys to use."""
    table = Table(title="opsloop runs on this machine", show_header=False, title_justify="left")
    table.add_row("API and OTLP", stack["api_url"])
    table.add_row("OpenAPI", f"{stack['api_url']}/openapi.json")
    table.add_row("AWS endpoint", stack["aws_endpoint_url"])
    for name in ("ingest_key", "read_key", "admin_key"):
        table.add_row(name.replace("_", " "), stack[name])
    table.add_row("for scripts", f"{folder}/stack.json")
    print_whole(table)


def show_comparison(comparison: Comparison) -> None:
    """Print what the demo sent beside what the KPI API counts."""
    first, end = (
        datetime.fromtimestamp(minute * 60, UTC).strftime("%H:%M")
        for minute in (comparison.first_minute, comparison.end_minute)
    )
    table = Table(title=f"What the demo sent and what the KPI API counts, {first} to {end} UTC", title_justify="left")
    for heading in ("service", "what"):
        table.add_column(heading)
    for heading in ("sent", "counted", "errors sent", "counted"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for line in comparison.lines:
        counts = (line.sent, line.counted, line.sent_errors, line.counted_errors)
        table.add_row(line.service, line.subject, *(f"{count:,}" for count in counts), mark(line))
    print_whole(table)


def mark(line: Line) -> str:
    """Return the verdict on one line."""
    return "[green]equal[/]" if line.is_equal else f"[bold red]DIFFERENT in {len(line.differing)} min[/]"


def print_whole(table: Table) -> None:
    """Print ``table`` without cutting keys and names, however narrow the output is (80 columns when piped)."""
    needed = console.measure(table).maximum
    console.print(table, width=max(needed, console.width), soft_wrap=True)
