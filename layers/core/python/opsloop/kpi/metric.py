"""Rows of any metric: what the senders' instruments and logs said, in the metric's own unit.

Computed from blocks whenever asked, so they reach back as far as blocks are kept. Cumulative streams are differenced
here (``kpi.increase``), and of replicas one counts (``kpi.replica``).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.clock import MINUTES_PER_HOUR, hour_start
from opsloop.dataclass import dataclass, replace
from opsloop.histogram import ZERO_KEY
from opsloop.kpi.exemplar import exemplar_json, greatest
from opsloop.kpi.increase import increases
from opsloop.kpi.model import MetricRow, State, sealed
from opsloop.kpi.period import MINUTES, Period, period_at, periods
from opsloop.kpi.replica import one_replica
from opsloop.kpi.rollup import PROBABILITIES, merge_sources
from opsloop.kpi.update import Blocks
from opsloop.telemetry.aggregate import Aggregate, merge, percentiles, regroup, select
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import CUMULATIVE_KINDS, LOG_RECORDS, REPLICA, STREAM, Block, Series

METRIC_PREFIX = "metric:"
LOOKBACK_MINUTES = MINUTES_PER_HOUR
"""How far before the range a stream's last value is looked for."""
_SUMS = {"delta_sum", "cumulative_sum"}
_INTERNAL = {STREAM, REPLICA}


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
    cells = merge(_only(block.cells, lambda one: one.metric == metric) for block in blocks)
    plain = _only(cells, lambda one: one.kind not in CUMULATIVE_KINDS)
    streams = _only(cells, lambda one: one.kind in CUMULATIVE_KINDS)
    added = replace(select(plain, one_replica(plain)), times=None)  # none of them is a state, nor is an increase
    amounts = merge([added, increases(streams, first_read)])
    totals = regroup(amounts, _shown, MINUTES[resolution])
    exemplars = _exemplars(blocks, metric)
    rows = []
    for cell in range(len(totals)):
        start, series = int(totals.minute[cell]), totals.series[totals.series_index[cell]]
        if first_minute <= start < end_minute:
            row = _row(totals, cell, period_at(resolution, start, now_minute=now_minute))
            example = exemplar_json(greatest(exemplars.get(series, ()), start, resolution))
            rows.append(_sealed(replace(row, exemplar=example), blocks))
    return rows


def _exemplars(blocks: Sequence[Block], metric: str) -> dict[Series, list[Exemplar]]:
    found: dict[Series, list[Exemplar]] = {}
    for one in (exemplar for block in blocks for exemplar in block.exemplars):
        if one.series.metric == metric:
            found.setdefault(_shown(one.series), []).append(one)
    return found


def _only(cells: Aggregate, wanted: Callable[[Series], bool]) -> Aggregate:
    return select(cells, np.array([wanted(one) for one in cells.series], dtype=bool)[cells.series_index])


def _shown(series: Series) -> Series:
    """Return the series without what keeps its streams and replicas apart: rows add these up, or choose."""
    return replace(series, attributes=tuple(pair for pair in series.attributes if pair[0] not in _INTERNAL))


def _row(totals: Aggregate, cell: int, period: Period) -> MetricRow:
    series = totals.series[totals.series_index[cell]]
    count, total = int(totals.count[cell]), _number(totals.total[cell])
    row = replace(_empty(series, period), count=count, errors=int(totals.errors[cell]))
    if series.metric == LOG_RECORDS:
        return row  # counted only
    row = replace(row, sum=total, minimum=_number(totals.minimum[cell]), maximum=_number(totals.maximum[cell]))
    if series.kind in _SUMS:
        return row  # percentiles and means of increases say more of the sender's interval than of what it measures
    p50, p90, p95, p99 = _percentiles(totals, cell)
    mean = None if total is None or not count else total / count
    return replace(row, mean=mean, p50=p50, p90=p90, p95=p95, p99=p99)


def _percentiles(totals: Aggregate, cell: int) -> list[float | None]:
    buckets = slice(totals.bucket_start[cell], totals.bucket_start[cell + 1])
    keys, counts = _whole(totals.bucket_key[buckets], totals.bucket_count[buckets])
    return percentiles(totals, cell, keys, counts, PROBABILITIES)


def _whole(keys: NDArray[np.int32], counts: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the buckets that hold something.

    A difference may have buckets with less than nothing: a sender that widened its zero threshold moved what was in
    them to the zero bucket, which has as much too much.
    """
    missing = -int(counts[counts < 0].sum())
    counts = np.where(keys == ZERO_KEY, counts - missing, counts)
    return keys[counts > 0], counts[counts > 0]


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
