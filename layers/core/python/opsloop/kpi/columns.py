"""KPIs of many cells at once: one array per KPI, read from merged histograms by whole columns."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import replace
from opsloop.histogram import representatives
from opsloop.kpi.model import KIND_OF_SPAN, WHOLE_SERVICE
from opsloop.kpi.rollup import NS_PER_MS
from opsloop.telemetry.aggregate import Aggregate, merge, select
from opsloop.telemetry.model import SPAN_DURATION, Block, Series

PERCENTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}
COLUMNS = ("requests", "errors", "error_ratio", *PERCENTILES, "mean_ms")
"""The KPIs that a chart can be asked for."""
BLOCKS_AT_ONCE = 48
"""So many blocks are merged at a time: what those of a month have in common is merged before all is put together."""

Relabel = Callable[[str, str], tuple[str, str] | None]
"""From a span's operation and KPI kind to the operation and kind that it counts under; None leaves it out."""


def span_cells(blocks: Sequence[Block], relabel: Relabel, *, start: int, end: int, step: int) -> Aggregate:
    """Return the span durations of ``blocks`` in minutes ``start`` to before ``end``, in cells of ``step`` minutes.

    Cells begin at multiples of ``step`` since the epoch (of days: at UTC midnights). Their series have the kinds of
    KPIs, not those of spans. Exact: counts and buckets are added up.
    """
    parts = []
    for at in range(0, len(blocks), BLOCKS_AT_ONCE):
        some = [_relabelled(one.cells, relabel, start, end, step) for one in blocks[at : at + BLOCKS_AT_ONCE]]
        parts.append(merge(some))
    return parts[0] if len(parts) == 1 else merge(parts)


def whole_service(wanted_kind: str | None) -> Relabel:
    """Return the relabelling that puts all operations of one kind (of each kind, without it) together."""
    return lambda _, kind: (WHOLE_SERVICE, kind) if wanted_kind in (None, kind) else None


def of_operation(wanted: str | None, wanted_kind: str | None) -> Relabel:
    """Return the relabelling that leaves one operation (or, with None, each of them) and one kind (or each)."""
    return lambda operation, kind: (
        (operation, kind) if wanted in (None, operation) and wanted_kind in (None, kind) else None
    )


def columns_of(cells: Aggregate, names: Iterable[str]) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """Return of each cell (all have spans) the KPIs ``names``: counts as int64, ratios and milliseconds as float64."""
    wanted = tuple(names)
    quantiles = [name for name in wanted if name in PERCENTILES]
    found = cell_quantiles(cells, [PERCENTILES[name] for name in quantiles]) / NS_PER_MS
    columns: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {
        "requests": cells.count,
        "errors": cells.errors,
        "error_ratio": cells.errors / cells.count,
        "mean_ms": cells.total / cells.count / NS_PER_MS,
        **dict(zip(quantiles, found, strict=True)),
    }
    return {name: columns[name] for name in wanted}


def cell_quantiles(cells: Aggregate, probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Return the nearest-rank quantiles of every cell, shape (n_probabilities, n_cells), in the unit of the data.

    The same values as ``histogram.quantiles`` has for each cell by itself; NaN where nothing was measured.
    """
    reached = np.cumsum(cells.bucket_count)
    ends = np.concatenate([[0], reached])[cells.bucket_start]
    before, total = ends[:-1], np.diff(ends)
    if not len(reached):
        return np.full((len(probabilities), len(cells)), np.nan)
    answer = np.empty((len(probabilities), len(cells)))
    for row, probability in enumerate(probabilities):
        # p * n may come out a hair above the whole number that it is (0.07 * 100): that must not skip a rank
        rank = np.maximum(np.ceil(np.nextafter(probability * total, 0)), 1).astype(np.int64)
        keys = cells.bucket_key[np.minimum(np.searchsorted(reached, before + rank), len(reached) - 1)]
        for scale in set(cells.scale.tolist()):
            of_scale = cells.scale == scale
            answer[row, of_scale] = representatives(keys[of_scale], scale)
    return np.where(total == 0, np.nan, np.fmin(np.fmax(answer, cells.minimum), cells.maximum))


def _relabelled(cells: Aggregate, relabel: Relabel, start: int, end: int, step: int) -> Aggregate:
    """Return those cells that are wanted, under their new series and starts; both may repeat."""
    series = [_series(one, relabel) for one in cells.series]
    is_wanted = np.array([one is not None for one in series], dtype=bool)[cells.series_index]
    kept = select(cells, is_wanted & (cells.minute >= start) & (cells.minute < end))
    named = tuple(one or old for one, old in zip(series, cells.series, strict=True))
    return replace(kept, series=named, minute=kept.minute - kept.minute % step, times=None)


def _series(one: Series, relabel: Relabel) -> Series | None:
    kind = KIND_OF_SPAN.get(one.kind) if one.metric == SPAN_DURATION else None
    place = relabel(one.operation, kind) if kind else None
    return Series(one.service, SPAN_DURATION, place[1], place[0], "ns") if place else None
