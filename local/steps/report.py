"""What `make run` prints at its end: addresses, keys, and the comparison."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from local.console import console
from local.demo.compare import Line
from local.steps.compare import Comparison

SHORTENED = ("log", "metric")  # the table has one row for all subjects of a service that begin so


@dataclass(frozen=True)
class Row:
    """One row of the table: what was sent and counted, and in how many lines the two differ."""

    service: str
    subject: str
    sent: int
    counted: int
    sent_errors: int
    counted_errors: int
    differing: int

    def cells(self) -> list[str]:
        """Return the row as text."""
        counts = (self.sent, self.counted, self.sent_errors, self.counted_errors)
        verdict = "[bold red]DIFFERENT[/]" if self.differing else "[green]equal[/]"
        return [self.service, self.subject, *(f"{count:,}" for count in counts), verdict]


def rows_of(lines: Iterable[Line]) -> list[Row]:
    """Return one row per operation, and one each for the logs and the metrics of a service."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        kind = line.subject.partition(" ")[0]
        groups.setdefault((line.service, f"{kind}s" if kind in SHORTENED else line.subject), []).append(line)
    return [
        Row(
            service,
            subject if len(group) == 1 else f"{subject} ({len(group)} series)",
            sum(line.sent for line in group),
            sum(line.counted for line in group),
            sum(line.sent_errors for line in group),
            sum(line.counted_errors for line in group),
            sum(not line.is_equal for line in group),
        )
        for (service, subject), group in groups.items()
    ]


def show_comparison(comparison: Comparison | None) -> None:
    """Print what the demo sent beside what the KPI API counts, or that it is too early for that."""
    if comparison is None:
        console.print("The demo has started again and has no whole minute yet; `make run` in two minutes compares.")
        return
    first, end = (
        datetime.fromtimestamp(minute * 60, UTC).strftime("%H:%M")
        for minute in (comparison.first_minute, comparison.end_minute)
    )
    table = Table(title=f"What the demo sent and what the KPI API counts, {first} to {end} UTC", title_justify="left")
    for heading in ("service", "what"):
        table.add_column(heading)
    for heading in ("sent", "counted", "errors", "counted"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in rows_of(comparison.lines):
        table.add_row(*row.cells())
    console.print(table)


def show_addresses(stack: dict[str, Any], folder: str) -> None:
    """Print where everything is and the keys to use, each on a line that no terminal cuts."""
    console.print("opsloop runs on this machine:", style="bold")
    places = {
        "console": f"{stack['api_url']}/console (sign in with a key of these: the read key looks, the admin key acts)",
        "API and OTLP": stack["api_url"],
        "OpenAPI": f"{stack['api_url']}/openapi.json",
        "AWS endpoint": stack["aws_endpoint_url"],
        "ingest key": stack["ingest_key"],
        "read key": stack["read_key"],
        "admin key": stack["admin_key"],
        "for scripts": f"{folder}/stack.json",
    }
    for name, value in places.items():
        console.print(f"  {name:13} {value}", soft_wrap=True, markup=False)
