"""Which trace is an example of a row: of its series and hours the exemplar with the greatest value.

Exemplars are kept per hour, so a row of a minute names that of its hour. They are no part of a row's hash, nor of
stored pages: a row stays what it is, whoever looks for an example of it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from opsloop.clock import MINUTES_PER_HOUR, format_time, hour_start
from opsloop.kpi.model import KIND_OF_SPAN, WHOLE_SERVICE, KpiRow
from opsloop.kpi.period import MINUTES
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import SPAN_DURATION

NS_PER_MS = 1e6
NS_PER_US = 1000


def greatest(exemplars: Iterable[Exemplar], start_minute: int, resolution: str) -> Exemplar | None:
    """Return the exemplar with the greatest value among those of the hours of a period."""
    first, end = hour_start(start_minute), start_minute + MINUTES[resolution]
    inside = [one for one in exemplars if first <= one.hour < end]
    return max(inside, key=lambda one: one.rank, default=None)


def exemplar_json(one: Exemplar | None, *, divisor: float = 1.0) -> dict[str, Any] | None:
    """Return an exemplar as the API answers it; ``divisor`` brings its value to the unit of the row."""
    if one is None:
        return None
    moment = datetime.fromtimestamp(one.time_ns // 1_000_000_000, UTC)
    return {
        "trace_id": one.trace_id,
        "span_id": one.span_id,
        "value": one.value / divisor,
        "time": format_time(moment.replace(microsecond=one.time_ns // NS_PER_US % 1_000_000)),
    }


def span_exemplars(rows: Iterable[KpiRow], exemplars: Iterable[Exemplar]) -> list[dict[str, Any] | None]:
    """Return for each KPI row the slowest span of its operation and kind, in milliseconds, or None."""
    by_place: dict[tuple[str, str], list[Exemplar]] = {}
    for one in exemplars:
        kind = KIND_OF_SPAN.get(one.series.kind) if one.series.metric == SPAN_DURATION else None
        if kind:
            by_place.setdefault((one.series.operation, kind), []).append(one)
            by_place.setdefault((WHOLE_SERVICE, kind), []).append(one)
    found = []
    for row in rows:
        candidates = by_place.get((row.operation, row.kind), [])
        found.append(exemplar_json(greatest(candidates, row.start_minute, row.resolution), divisor=NS_PER_MS))
    return found


def hours_of(rows: Iterable[KpiRow]) -> tuple[int, int] | None:
    """Return the first and the last hour, by their first minutes, that the rows are about; None without rows."""
    spans = [(hour_start(row.start_minute), row.start_minute + MINUTES[row.resolution] - 1) for row in rows]
    if not spans:
        return None
    last = max(end for _, end in spans)
    return min(first for first, _ in spans), last - last % MINUTES_PER_HOUR
