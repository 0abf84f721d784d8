"""Cells as rows that people and scripts read: one series in one minute, with percentiles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from opsloop.clock import format_time, time_of
from opsloop.histogram import quantiles
from opsloop.telemetry.aggregate import EXPLICIT, Aggregate

PROBABILITIES = (0.5, 0.9, 0.95, 0.99)
CUMULATIVE = "cumulative_"
_SUMS = ("delta_sum", "cumulative_sum")


@dataclass(frozen=True)
class SeriesMinute:
    """One series in one minute, in the metric's unit. What is not known, or means nothing, is None.

    Of a cumulative stream ``min`` and ``max`` are values of its counter, and ``sum`` is by how much it rose since the
    point before; None for the first point, whose past is not in the data.
    """

    service: str
    operation: str
    kind: str
    metric: str
    unit: str
    attributes: Mapping[str, str]
    minute: str
    count: int
    errors: int
    sum: float | None
    min: float | None
    max: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


def series_minutes(cells: Aggregate) -> Iterator[SeriesMinute]:
    """Yield a row per cell, in order of series and minute."""
    last: dict[int, float] = {}
    for cell, index in enumerate(cells.series_index.tolist()):
        series = cells.series[index]
        low, high = float(cells.minimum[cell]), float(cells.maximum[cell])
        if series.kind.startswith(CUMULATIVE):
            total = _increase(last.get(index), low, high, int(cells.count[cell]))
            last[index] = high
        else:  # without a sum and a maximum it was only counted, as log records are
            total = float(cells.total[cell]) if cells.total[cell] or not np.isnan(high) else None
        p50, p90, p95, p99 = [None] * 4 if series.kind in _SUMS else _percentiles(cells, cell)
        yield SeriesMinute(
            service=series.service,
            operation=series.operation,
            kind=series.kind,
            metric=series.metric,
            unit=series.unit,
            attributes=dict(series.attributes),
            minute=format_time(time_of(int(cells.minute[cell]))),
            count=int(cells.count[cell]),
            errors=int(cells.errors[cell]),
            sum=_number(total),
            min=_number(low),
            max=_number(high),
            p50=p50,
            p90=p90,
            p95=p95,
            p99=p99,
        )


def _increase(before: float | None, low: float, high: float, points: int) -> float | None:
    """Return by how much a counter rose to ``high``; one that is below the point before began again at 0."""
    if before is None:
        return high - low if points > 1 else None
    if high < before:
        return high
    return high - before if low >= before else high - before + low


def _percentiles(cells: Aggregate, cell: int) -> list[float | None]:
    """Return the values at ``PROBABILITIES``; of explicit buckets the bound that the true value does not exceed."""
    buckets = slice(cells.bucket_start[cell], cells.bucket_start[cell + 1])
    keys, counts = cells.bucket_key[buckets], cells.bucket_count[buckets]
    if not len(keys):
        return [None] * len(PROBABILITIES)
    minimum, maximum = float(cells.minimum[cell]), float(cells.maximum[cell])
    if cells.scale[cell] != EXPLICIT:
        scale = int(cells.scale[cell])
        values = quantiles(keys, counts, PROBABILITIES, scale=scale, minimum=minimum, maximum=maximum)
        return [_number(value) for value in values]
    reached = np.cumsum(counts)
    ranks = np.ceil(np.array(PROBABILITIES) * reached[-1])
    bounds = np.array([*cells.series[cells.series_index[cell]].bounds, np.nan])
    return [_number(value) for value in np.fmin(bounds[keys[np.searchsorted(reached, ranks)]], maximum)]


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
