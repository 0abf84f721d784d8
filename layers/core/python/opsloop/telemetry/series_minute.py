"""Cells as rows that people and scripts read: one series in one minute, with percentiles."""

from collections.abc import Iterator, Mapping
from itertools import groupby

import numpy as np

from opsloop.clock import format_time, time_of
from opsloop.dataclass import dataclass
from opsloop.telemetry.aggregate import Aggregate, percentiles
from opsloop.telemetry.model import CUMULATIVE_KINDS, Series

PROBABILITIES = (0.5, 0.9, 0.95, 0.99)
_SUMS = ("delta_sum",)  # percentiles of increases say more of the sender's interval than of what it measures
_UNKNOWN: list[float | None] = [None] * len(PROBABILITIES)


@dataclass(frozen=True)
class SeriesMinute:
    """One series in one minute, in the metric's unit. What is not known, or means nothing, is None.

    Of a cumulative stream ``count`` is how many points there are, ``min`` and ``max`` are the least and the greatest
    total that these told, and ``sum`` is by how much the total rose since the point before: within the data alone, so
    None where there is no point before.
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
    """Yield a row per series and minute, in their order."""
    last: dict[int, _State] = {}
    rows = zip(range(len(cells)), cells.series_index.tolist(), cells.minute.tolist(), strict=True)
    for (index, minute), group in groupby(rows, key=lambda row: row[1:]):
        places = [cell for cell, *_ in group]
        if cells.series[index].kind in CUMULATIVE_KINDS:
            row = _of_states(cells, places, last)
        else:
            (cell,) = places  # all but states are added up
            row = _of_cell(cells, cell)
        yield _row(cells.series[index], minute, row)


@dataclass(frozen=True)
class _State:
    """A total since ``since``."""

    since: int
    total: float


@dataclass(frozen=True)
class _Numbers:
    count: int
    errors: int
    total: float | None
    low: float
    high: float
    percentiles: list[float | None]


def _row(series: Series, minute: int, numbers: _Numbers) -> SeriesMinute:
    p50, p90, p95, p99 = numbers.percentiles
    return SeriesMinute(
        service=series.service,
        operation=series.operation,
        kind=series.kind,
        metric=series.metric,
        unit=series.unit,
        attributes=dict(series.attributes),
        minute=format_time(time_of(minute)),
        count=numbers.count,
        errors=numbers.errors,
        sum=_number(numbers.total),
        min=_number(numbers.low),
        max=_number(numbers.high),
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
    )


def _of_cell(cells: Aggregate, cell: int) -> _Numbers:
    kind = cells.series[cells.series_index[cell]].kind
    total, high = float(cells.total[cell]), float(cells.maximum[cell])
    is_measured = total != 0 or not np.isnan(high)  # else it was only counted, as log records are
    return _Numbers(
        count=int(cells.count[cell]),
        errors=int(cells.errors[cell]),
        total=total if is_measured else None,
        low=float(cells.minimum[cell]),
        high=high,
        percentiles=_UNKNOWN if kind in _SUMS else _percentiles(cells, cell),
    )


def _of_states(cells: Aggregate, places: list[int], last: dict[int, _State]) -> _Numbers:
    """Return the numbers of one stream's points in one minute; ``last`` keeps the last state of each stream."""
    increase: float | None = None
    index = int(cells.series_index[places[0]])
    for cell in places:
        since = 0 if cells.times is None else int(cells.times[cell, 0])
        state = _State(since, float(cells.total[cell]))
        before = last.get(index)
        if before is not None:  # a total of another start, or one that fell, has begun again at 0
            is_new = state.since != before.since or state.total < before.total
            increase = (increase or 0.0) + state.total - (0.0 if is_new else before.total)
        last[index] = state
    totals = cells.total[places]
    return _Numbers(len(places), 0, increase, float(totals.min()), float(totals.max()), _UNKNOWN)


def _percentiles(cells: Aggregate, cell: int) -> list[float | None]:
    buckets = slice(cells.bucket_start[cell], cells.bucket_start[cell + 1])
    return percentiles(cells, cell, cells.bucket_key[buckets], cells.bucket_count[buckets], PROBABILITIES)


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
