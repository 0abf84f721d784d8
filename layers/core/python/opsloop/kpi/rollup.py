"""KPI rows from blocks: rates, errors, duration and availability per operation, and what the service logged.

One pure function makes the rows of every resolution: an hour from its block, a day from the blocks of its 24 hours.
Counts, sums and histograms merge exactly, so the row of a day equals the one computed from all its minutes at once, and
percentiles come from merged histograms. A day costs the reading of 24 blocks; nothing else has to be kept for it.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Service
from opsloop.dataclass import dataclass, replace
from opsloop.histogram import quantiles
from opsloop.kpi.model import KIND_OF_SPAN, WHOLE_SERVICE, KpiRow, State, sealed, unknown_row
from opsloop.kpi.period import MINUTES, Period
from opsloop.telemetry.aggregate import Aggregate, merge, regroup
from opsloop.telemetry.model import LOG_RECORDS, SPAN_DURATION, Block, Series, Source

NS_PER_MS = 1e6
PROBABILITIES = (0.5, 0.9, 0.95, 0.99)
_MINUTE_SPAN = 1 << 40  # more than there are minutes

Wanted = Callable[[str, str], bool]
"""Whether the rows of that operation and KPI kind are wanted."""


@dataclass(frozen=True)
class Minutes:
    """What the single minutes of one period say: the busiest, and how many were up and down."""

    peak: int
    available: int
    unavailable: int


def hour_rows(block: Block, period: Period, service: Service) -> list[KpiRow]:
    """Return the rows of one hour; ``period`` is the block's hour."""
    return day_rows([block], period, service)


def day_rows(
    blocks: Sequence[Block], period: Period, service: Service, *, wanted: Wanted | None = None
) -> list[KpiRow]:
    """Return the rows of ``period`` from the blocks of its hours, those that there are, in any order.

    There is always one for the whole service and kind ``request``; its state is UNKNOWN if no span is a request, and
    it still tells what was logged. ``wanted`` leaves out the rows of other operations and kinds.
    """
    rows = compute_rows(blocks, period.resolution, service, now_minute=period.now_minute, wanted=wanted)
    is_wanted = wanted is None or wanted(WHOLE_SERVICE, "request")
    if is_wanted and not any(_has_logs(row) for row in rows):
        rows.append(unknown_row(service.name, WHOLE_SERVICE, "request", period))
    sources = merge_sources(source for block in blocks for source in block.sources)
    version = sum(block.version for block in blocks)
    records, errors = log_counts(blocks) if is_wanted else (None, None)
    finished = [replace(row, sources=sources, version=version) for row in rows]
    return [
        sealed(replace(row, log_records=records, log_errors=errors) if _has_logs(row) else row)
        for row in sorted(finished, key=lambda row: row.position)
    ]


def minute_rows(block: Block, service: Service, *, now_minute: int, wanted: Wanted) -> list[KpiRow]:
    """Return the rows of each minute of ``block`` that has spans of a wanted operation and kind.

    Their sources are the block's: what of them lies in which minute is not kept.
    """
    rows = compute_rows([block], "minute", service, now_minute=now_minute, wanted=wanted)
    return [sealed(replace(row, sources=block.sources, version=block.version)) for row in rows]


def compute_rows(
    blocks: Sequence[Block], resolution: str, service: Service, *, now_minute: int, wanted: Wanted | None = None
) -> list[KpiRow]:
    """Return the rows of every operation, kind and period that has spans, without lineage, logs and hash."""
    cells = merge([block.cells for block in blocks])

    def by_operation(series: Series) -> Series | None:
        kind = KIND_OF_SPAN.get(series.kind) if series.metric == SPAN_DURATION else None
        if kind is None or (wanted and not wanted(series.operation, kind)):
            return None
        return Series(service.name, SPAN_DURATION, kind, series.operation, "ns")

    def by_service(series: Series) -> Series | None:
        kind = KIND_OF_SPAN.get(series.kind) if series.metric == SPAN_DURATION else None
        if kind is None or (wanted and not wanted(WHOLE_SERVICE, kind)):
            return None
        return Series(service.name, SPAN_DURATION, kind, WHOLE_SERVICE, "ns")

    rows: list[KpiRow] = []
    for series in (by_service, by_operation):
        rows += _rows_of(regroup(cells, series, 1), resolution, service, now_minute)
    return rows


def _rows_of(by_minute: Aggregate, resolution: str, service: Service, now_minute: int) -> list[KpiRow]:
    totals = regroup(by_minute, lambda series: series, MINUTES[resolution])
    minutes = _minutes(by_minute, totals, MINUTES[resolution], service.availability_error_ratio)
    rows = []
    for cell in range(len(totals)):
        period = Period(resolution, int(totals.minute[cell]), now_minute)
        rows.append(_row(totals, cell, totals.series[totals.series_index[cell]], period, minutes[cell]))
    return rows


def _row(totals: Aggregate, cell: int, series: Series, period: Period, minutes: Minutes) -> KpiRow:
    requests, errors = int(totals.count[cell]), int(totals.errors[cell])
    p50, p90, p95, p99 = (value / NS_PER_MS for value in cell_quantiles(totals, cell))
    known = minutes.available + minutes.unavailable
    return KpiRow(
        service=series.service,
        operation=series.operation,
        kind=series.kind,
        resolution=period.resolution,
        start_minute=period.start_minute,
        complete=period.is_complete,
        state=State.OK,
        requests=requests,
        errors=errors,
        error_ratio=errors / requests,
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        mean_ms=float(totals.total[cell]) / requests / NS_PER_MS,
        peak_per_minute=minutes.peak,
        available_minutes=minutes.available,
        unavailable_minutes=minutes.unavailable,
        unknown_minutes=max(0, period.elapsed_minutes - known),
        availability_ratio=minutes.available / known,
    )


def cell_quantiles(cells: Aggregate, cell: int) -> list[float]:
    """Return the values at ``PROBABILITIES`` of one cell's histogram, in the series' unit."""
    buckets = slice(cells.bucket_start[cell], cells.bucket_start[cell + 1])
    return [
        float(value)
        for value in quantiles(
            cells.bucket_key[buckets],
            cells.bucket_count[buckets],
            PROBABILITIES,
            scale=int(cells.scale[cell]),
            minimum=float(cells.minimum[cell]),
            maximum=float(cells.maximum[cell]),
        )
    ]


def _minutes(by_minute: Aggregate, totals: Aggregate, length: int, error_limit: float) -> list[Minutes]:
    """Return the facts of the single minutes for each cell of ``totals``, in its order."""
    where = _positions(by_minute, totals, length)
    is_down = by_minute.errors > by_minute.count * error_limit
    known = np.bincount(where, minlength=len(totals.minute))
    down = np.bincount(where, weights=is_down, minlength=len(totals.minute)).astype(np.int64)
    peak = np.zeros(len(totals.minute), dtype=np.int64)
    np.maximum.at(peak, where, by_minute.count)
    return [Minutes(int(p), int(k - d), int(d)) for p, k, d in zip(peak, known, down, strict=True)]


def _positions(by_minute: Aggregate, totals: Aggregate, length: int) -> NDArray[np.int64]:
    """Return for each cell of ``by_minute`` the index of the cell of ``totals`` that it went into."""
    assert by_minute.series == totals.series  # noqa: S101 - both are canonical and of the same cells
    started = by_minute.minute - by_minute.minute % length
    of_totals = totals.series_index.astype(np.int64) * _MINUTE_SPAN + totals.minute
    return np.searchsorted(of_totals, by_minute.series_index.astype(np.int64) * _MINUTE_SPAN + started)


def log_counts(blocks: Iterable[Block]) -> tuple[int | None, int | None]:
    """Return how many log records there are, and how many of severity ERROR and above; ``None`` if none at all."""
    records = errors = 0
    for block in blocks:
        is_log = np.array([series.metric == LOG_RECORDS for series in block.cells.series], dtype=bool)
        if is_log.any():
            of_logs = is_log[block.cells.series_index]
            records += int(block.cells.count[of_logs].sum())
            errors += int(block.cells.errors[of_logs].sum())
    return (records, errors) if records else (None, None)


def merge_sources(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return one source per log: the whole range, and the sums of what its parts held."""
    merged: dict[str, Source] = {}
    for source in sources:
        there = merged.get(source.log)
        merged[source.log] = source if there is None else _joined(there, source)
    return tuple(merged[log] for log in sorted(merged))


def _joined(one: Source, other: Source) -> Source:
    return Source(
        one.log,
        min(one.first, other.first),
        max(one.last, other.last),
        one.segments + other.segments,
        one.records + other.records,
        one.items + other.items,
    )


def _has_logs(row: KpiRow) -> bool:
    return row.operation == WHOLE_SERVICE and row.kind == "request"
