"""A shop for the pages to show: three services and one that was never heard; payments fails since 08:05.

Everything follows from the time alone, so every page is the same in every run. ``NOW`` is its present.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from opsloop.clock import parse_time

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=25)
SILENT_FROM, SILENT_TO = NOW - timedelta(hours=5), NOW - timedelta(hours=4)  # nothing was heard of web
HEARD = ("orders", "payments", "web")
NEVER_HEARD = "ledger"
OPERATIONS = {
    "web": ("GET /", "GET /products/{id}", "POST /checkout"),
    "orders": ("POST /orders", "GET /orders/{id}"),
    "payments": ("POST /payments", "GET /payments/{id}/status"),
}
TIERS = {"web": 1, "orders": 1, "payments": 2, NEVER_HEARD: 3}
PER_MINUTE = {"web": 240.0, "orders": 60.0, "payments": 55.0}
USUAL_P95_MS = {"web": 180.0, "orders": 95.0, "payments": 70.0}
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
FAILED_LINE = "no connection from the pool within 2000 ms: 8 of 8 in use"
PATTERN = "p4f1c2d3"
Point = Callable[[datetime], float | None]


def iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC, as the API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str | None, fallback: datetime) -> datetime:
    """Return what a query's ``from`` or ``to`` means."""
    return parse_time(text, name="time") if text else fallback


def is_silent(service: str, at: datetime) -> bool:
    """Return whether nothing was heard of ``service`` then."""
    return service not in HEARD or (service == "web" and SILENT_FROM <= at < SILENT_TO)


def is_failing(service: str, at: datetime) -> bool:
    """Return whether the fault shows in ``service`` then."""
    return service == "payments" and at >= BEGAN


def rhythm(at: datetime) -> float:
    """Return the load as a multiple of its mean, with its peak at 14:00."""
    seconds = (at - at.replace(hour=14, minute=0, second=0, microsecond=0)).total_seconds()
    ripple = 0.03 * math.sin(at.timestamp() / 977)
    return 1 + 0.4 * math.cos(2 * math.pi * seconds / 86_400) + ripple


def requests(service: str, at: datetime, step_s: int) -> int | None:
    """Return how many requests there were from ``at`` on; None where nothing was heard."""
    return None if is_silent(service, at) else round(PER_MINUTE[service] * rhythm(at) * step_s / 60)


def error_ratio(service: str, at: datetime) -> float | None:
    """Return the share of them that failed."""
    if is_silent(service, at):
        return None
    return 0.29 if is_failing(service, at) else round(0.006 + 0.003 * math.sin(at.timestamp() / 1_303), 5)


def p95_ms(service: str, at: datetime) -> float | None:
    """Return the 95th percentile of their durations."""
    if is_silent(service, at):
        return None
    usual = USUAL_P95_MS[service] * (1 + 0.06 * math.sin(at.timestamp() / 811))
    return round(usual * (4 if is_failing(service, at) else 1), 2)


class Grid:
    """The regular points of a chart's question."""

    def __init__(self, query: dict[str, str]) -> None:
        self.step_s = int(query.get("step_s", "300"))
        step = timedelta(seconds=self.step_s)
        last = min(moment_of(query.get("to"), NOW), NOW)
        first = moment_of(query.get("from"), last - timedelta(days=1))
        self.first = datetime.fromtimestamp(first.timestamp() // self.step_s * self.step_s, UTC)
        points = max(0, math.ceil((last - self.first) / step))
        self.starts = [self.first + number * step for number in range(points)]

    def head(self) -> dict[str, Any]:
        """Return what every answer on a grid begins with."""
        end = self.first + len(self.starts) * timedelta(seconds=self.step_s)
        return {"from": iso(self.first), "to": iso(end), "step_s": self.step_s, "points": len(self.starts)}

    def column(self, value: Point) -> list[float | None]:
        """Return ``value`` at every point."""
        return [value(start) for start in self.starts]
