"""A latency heat map: how many spans of each duration there were at each point, merged exactly from the histograms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass
from opsloop.histogram import MIN_SCALE, ZERO_KEY, downscale
from opsloop.kpi.columns import Relabel, span_cells
from opsloop.kpi.grid import Grid
from opsloop.kpi.rollup import NS_PER_MS
from opsloop.telemetry.model import Block

MOST_ROWS = 48
FINEST_SCALE = 4
"""Sixteen rows to a doubling: finer ones would be thinner than a finger's line."""


@dataclass(frozen=True)
class Heatmap:
    """``counts[point][row]`` spans lasted over ``bounds_ms[row]`` and up to ``bounds_ms[row + 1]``.

    A point of which nothing was heard is None. Where a span took no time at all, the first row begins at 0.
    """

    bounds_ms: list[float]
    counts: list[list[int] | None]


def heatmap(blocks: Sequence[Block], relabel: Relabel, grid: Grid) -> Heatmap:
    """Return the heat map of the spans that ``relabel`` leaves, all of them put together.

    Rows are buckets of the histograms, at the finest scale with at most ``MOST_ROWS`` rows from the shortest span to
    the longest: between 24 and 48 where durations differ much. Each row's bounds are those of whole buckets, so every
    count is exact.
    """
    cells = span_cells(blocks, relabel, start=grid.first_minute, end=grid.end_minute, step=grid.step_minutes)
    if not len(cells):
        return Heatmap([], [None] * grid.points)
    owner = cells.bucket_cell()
    finest = min(FINEST_SCALE, int(cells.scale.min()))
    keys = downscale(cells.bucket_key, cells.scale[owner].astype(np.int32) - finest)
    is_zero = keys <= ZERO_KEY  # and what ended before it began, by clocks that differ
    scale, rows = _rows(keys, is_zero, finest)
    first = int(rows[~is_zero].min()) if not is_zero.all() else 0
    row = np.where(is_zero, 0, rows - first + bool(is_zero.any()))
    size = int(row.max()) + 1
    point = (cells.minute - grid.first_minute) // grid.step_minutes
    flat = np.bincount(point[owner] * size + row, weights=cells.bucket_count, minlength=grid.points * size)
    table = flat.astype(np.int64).reshape(grid.points, size).tolist()
    heard = set(point.tolist())
    bounds = _bounds(first, size, scale, has_zero=bool(is_zero.any()), has_more=not is_zero.all())
    return Heatmap(bounds, [counts if at in heard else None for at, counts in enumerate(table)])


def _rows(keys: NDArray[np.int32], is_zero: NDArray[np.bool_], scale: int) -> tuple[int, NDArray[np.int32]]:
    """Return the finest scale at which the positive keys span at most ``MOST_ROWS`` rows, and the keys at it."""
    positive = keys[~is_zero]
    while len(positive) and int(positive.max()) - int(positive.min()) >= MOST_ROWS and scale > MIN_SCALE:
        positive, keys, scale = positive >> 1, np.where(is_zero, keys, keys >> 1), scale - 1
    return scale, keys


def _bounds(first: int, size: int, scale: int, *, has_zero: bool, has_more: bool) -> list[float]:
    """Return the bounds of ``size`` rows, the first of which is that of zero if there is one, in milliseconds."""
    if not has_more:
        return [0.0, 1 / NS_PER_MS]
    lowest = first - has_zero
    bounds = np.exp2(np.arange(lowest, lowest + size + 1) * 2.0**-scale) / NS_PER_MS
    if has_zero:
        bounds[0] = 0.0
    return [float(one) for one in bounds]
