"""Rows of any metric: what the senders' instruments and logs said, in the metric's own unit.

Computed from blocks whenever asked, so they reach back as far as blocks are kept. Cumulative streams are differenced
here, each by itself: a stream's value rises from 0 at its start, and what counts is by how much it rose within the
period. Of a stream that started before what is read, the first value found is only where the next is measured from.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from opsloop.clock import MINUTES_PER_HOUR, hour_start
from opsloop.histogram import quantiles
from opsloop.kpi.model import MetricRow, State, sealed
from opsloop.kpi.period import MINUTES, Period, period_at, periods
from opsloop.kpi.rollup import PROBABILITIES, merge_sources
from opsloop.kpi.update import Blocks
from opsloop.telemetry.aggregate import EXPLICIT, Aggregate, merge, regroup
from opsloop.telemetry.model import Block, Series

METRIC_PREFIX = "metric:"
STREAM = "stream"
"""The attribute that keeps cumulative streams apart: ``<start in seconds since the epoch>-<hash>``. Rows add their
increases up and do not show it."""
LOOKBACK_MINUTES = MINUTES_PER_HOUR
"""How far before the range a stream's last value is looked for."""
_SUMS = {"delta_sum", "cumulative_sum"}


@dataclass(frozen=True)
class MetricQuestion:
    """Rows of one metric of a service from ``first_minute`` up to but not including ``end_minute``."""

    service: str
    metric: str
    resolution: str
    first_minute: int
    end_minute: int
    now_minute: int

    def periods(self) -> list[Period]:
        """Return the periods asked about that have begun, oldest first."""
        end = min(self.end_minute, self.now_minute + 1)
        return list(periods(self.resolution, self.first_minute, end, now_minute=self.now_minute))


@dataclass
class _Rise:
    """What cumulative streams of one series amount to in one period."""

    points: int = 0
    increase: float = 0.0


def read_metric_rows(question: MetricQuestion, *, blocks: Blocks) -> Iterator[MetricRow]:
    """Yield the rows of each period by start, kind, operation and attributes; an UNKNOWN one where there is nothing."""
    wanted = question.periods()
    if not wanted:
        return
    first, end = wanted[0].start_minute, wanted[-1].end_minute
    found = blocks.read(question.service, hour_start(first - LOOKBACK_MINUTES), hour_start(end - 1))
    rows = metric_rows(found, question.metric, question.resolution, first, end, now_minute=question.now_minute)
    by_start: dict[int, list[MetricRow]] = defaultdict(list)
    for row in rows:
        by_start[row.start_minute].append(row)
    for period in wanted:
        yield from sorted(by_start[period.start_minute], key=lambda row: row.position) or [_unknown(question, period)]


def metric_rows(
    blocks: Sequence[Block], metric: str, resolution: str, first_minute: int, end_minute: int, *, now_minute: int
) -> list[MetricRow]:
    """Return the rows of ``metric`` in the periods from ``first_minute`` to before ``end_minute``, in no order.

    ``blocks`` also hold the ``LOOKBACK_MINUTES`` before, in which the last values of cumulative streams are found.
    """
    first_read = hour_start(first_minute - LOOKBACK_MINUTES)
    cells = merge([block.cells for block in blocks])
    plain = regroup(cells, lambda one: one if one.metric == metric and not _is_cumulative(one) else None, 1)
    totals = regroup(plain, lambda one: one, MINUTES[resolution])
    rows = [
        _row(totals, cell, period_at(resolution, int(totals.minute[cell]), now_minute=now_minute))
        for cell in range(len(totals))
        if first_minute <= totals.minute[cell] < end_minute
    ]
    streams = regroup(cells, lambda one: one if one.metric == metric and _is_cumulative(one) else None, 1)
    for (series, start), rise in _rises(streams, first_read, resolution, first_minute, end_minute).items():
        rows.append(_cumulative_row(series, rise, period_at(resolution, start, now_minute=now_minute)))
    return [_sealed(row, blocks) for row in rows]


def _rises(
    streams: Aggregate, first_read: int, resolution: str, first: int, end: int
) -> dict[tuple[Series, int], _Rise]:
    """Return by how much the streams of each series rose in each period, streams added up.

    A stream rose from 0 if it started at ``first_read`` or later, else from its first value. A value below the one
    before is a restart from 0.
    """
    rises: dict[tuple[Series, int], _Rise] = defaultdict(_Rise)
    last: dict[int, float] = {}
    columns = (streams.series_index, streams.minute, streams.count, streams.minimum, streams.maximum)
    for index, minute, points, low, high in zip(*(column.tolist() for column in columns), strict=True):
        before = last.get(index)
        if before is None:
            before = 0.0 if _start_minute(streams.series[index]) >= first_read else low
        if low >= before:
            increase, last[index] = high - before, high
        elif high < before:
            increase, last[index] = high, high
        else:  # restarted within the minute: up to high, then from 0 to at least low
            increase, last[index] = high - before + low, low
        if first <= minute < end:
            series = streams.series[index]
            shown = replace(series, attributes=tuple(pair for pair in series.attributes if pair[0] != STREAM))
            rise = rises[shown, minute - minute % MINUTES[resolution]]
            rise.points += points
            rise.increase += increase
    return rises


def _cumulative_row(series: Series, rise: _Rise, period: Period) -> MetricRow:
    row = _empty(series, period)
    if series.kind in _SUMS:
        return replace(row, count=rise.points, sum=rise.increase)
    return replace(row, count=round(rise.increase))


def _row(totals: Aggregate, cell: int, period: Period) -> MetricRow:
    series = totals.series[totals.series_index[cell]]
    count, is_measured = int(totals.count[cell]), not np.isnan(totals.maximum[cell]) or totals.total[cell] != 0
    row = replace(_empty(series, period), count=count, errors=int(totals.errors[cell]))
    if not is_measured:
        return row  # counted only, such as log records
    row = replace(row, sum=float(totals.total[cell]), minimum=_number(totals.minimum[cell]))
    row = replace(row, maximum=_number(totals.maximum[cell]))
    if series.kind in _SUMS:
        return row  # percentiles and means of increases say more of the sender's interval than of what it measures
    p50, p90, p95, p99 = _percentiles(totals, cell, series)
    return replace(row, mean=float(totals.total[cell]) / count if count else None, p50=p50, p90=p90, p95=p95, p99=p99)


def _percentiles(totals: Aggregate, cell: int, series: Series) -> list[float | None]:
    """Return the values at ``PROBABILITIES``; of explicit buckets the bound that the true value does not exceed."""
    buckets = slice(totals.bucket_start[cell], totals.bucket_start[cell + 1])
    keys, counts = totals.bucket_key[buckets], totals.bucket_count[buckets]
    if not len(keys):
        return [None] * len(PROBABILITIES)
    minimum, maximum = float(totals.minimum[cell]), float(totals.maximum[cell])
    if totals.scale[cell] != EXPLICIT:
        scale = int(totals.scale[cell])
        values = quantiles(keys, counts, PROBABILITIES, scale=scale, minimum=minimum, maximum=maximum)
        return [_number(value) for value in values]
    reached = np.cumsum(counts)
    ranks = np.ceil(np.array(PROBABILITIES) * reached[-1])
    bounds = np.array([*series.bounds, np.nan])[keys[np.searchsorted(reached, ranks)]]
    return [_number(value) for value in np.fmin(bounds, maximum)]


def _start_minute(stream: Series) -> int:
    return int(dict(stream.attributes)[STREAM].partition("-")[0]) // 60


def _is_cumulative(series: Series) -> bool:
    return series.kind.startswith("cumulative_")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None  # infinite: the extremes of no values


def _empty(series: Series, period: Period) -> MetricRow:
    return MetricRow(
        service=series.service,
        metric=series.metric,
        kind=series.kind,
        operation=series.operation,
        unit=series.unit,
        attributes=dict(series.attributes),
        resolution=period.resolution,
        start_minute=period.start_minute,
        complete=period.is_complete,
        state=State.OK,
    )


def _unknown(question: MetricQuestion, period: Period) -> MetricRow:
    return sealed(replace(_empty(Series(question.service, question.metric, ""), period), state=State.UNKNOWN))


def _sealed(row: MetricRow, blocks: Sequence[Block]) -> MetricRow:
    end = row.start_minute + MINUTES[row.resolution]
    parts = [one for one in blocks if one.hour < end and row.start_minute < one.hour + MINUTES_PER_HOUR]
    sources = merge_sources(source for block in parts for source in block.sources)
    return sealed(replace(row, sources=sources, version=sum(block.version for block in parts)))
