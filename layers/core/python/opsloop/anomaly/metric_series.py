"""Throughput and saturation of a service, out of the metrics that it sends.

Throughput is by how much a sum rose per minute: sums that only rise, of delta or cumulative temporality, over all
their attributes.

Saturation is a share in use, 0 to 1. A gauge tells it if its name ends in ``.utilization`` (the semantic conventions'
word, unit ``1``) or its unit is ``1`` and its name ends in ``.ratio`` or ``_ratio``. Of several series of one metric
(cores, disks, pools) the fullest counts. Where a level is split by state, the share is that of the used states:
``db.client.connection.count`` by ``db.client.connection.state``, file systems by ``system.filesystem.state``. The
attribute must be one of the service's dimensions, or the split is not kept.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import replace
from opsloop.kpi.increase import increases
from opsloop.kpi.replica import one_replica
from opsloop.telemetry.aggregate import Aggregate, merge, select
from opsloop.telemetry.model import Block, Series

Floats = NDArray[np.float64]

SUMS = frozenset({"delta_sum", "cumulative_sum"})
CUMULATIVE = "cumulative_sum"
GAUGE = "gauge"
UTILIZATION = (".utilization", "_utilization")
RATIO = (".ratio", "_ratio")
LEVELS = {
    "db.client.connection.count": ("db.client.connection.state", frozenset({"used"})),
    "db.client.connections.usage": ("db.client.connection.state", frozenset({"used"})),
    "system.filesystem.usage": ("system.filesystem.state", frozenset({"used"})),
    "system.memory.usage": ("system.memory.state", frozenset({"used"})),
}
"""Metric -> the attribute that splits it, and the values of it that are in use."""


def throughput(blocks: Sequence[Block], first_minute: int, buckets: int, bucket_minutes: int) -> dict[str, Floats]:
    """Return, per metric that is a rising sum, its increase per minute in each bucket; NaN where it says nothing."""
    cells = _cells(blocks, lambda one: one.kind in SUMS)
    if cells is None:
        return {}
    is_cumulative = _series_flags(cells, lambda one: one.kind == CUMULATIVE)[cells.series_index]
    plain, states = select(cells, ~is_cumulative), select(cells, is_cumulative)
    if len(plain):
        plain = select(plain, one_replica(plain))
    rises = merge([replace(plain, times=None), increases(states, int(cells.minute.min()))])
    names, place, column = _places(rises, first_minute, bucket_minutes)
    is_in = (column >= 0) & (column < buckets)
    where = (place * buckets + column)[is_in]
    size = len(names) * buckets
    total = np.bincount(where, weights=rises.total[is_in], minlength=size).reshape(-1, buckets)
    is_told = np.bincount(where, minlength=size).reshape(-1, buckets) > 0
    per_minute = np.where(is_told, total / bucket_minutes, np.nan)
    return {name: values for name, values in zip(names, per_minute, strict=True) if not np.isnan(values).all()}


def saturation(blocks: Sequence[Block], first_minute: int, buckets: int, bucket_minutes: int) -> dict[str, Floats]:
    """Return, per metric that tells one, the share in use in each bucket; NaN where it says nothing."""
    cells = _cells(blocks, lambda one: one.kind == GAUGE and (_is_share(one) or one.metric in LEVELS))
    if cells is None:
        return {}
    column = (cells.minute - first_minute) // bucket_minutes
    is_in = (column >= 0) & (column < buckets)
    where = (cells.series_index.astype(np.int64) * buckets + column)[is_in]
    size = len(cells.series) * buckets
    total = np.bincount(where, weights=cells.total[is_in], minlength=size)
    count = np.bincount(where, weights=cells.count[is_in], minlength=size)
    with np.errstate(invalid="ignore"):
        means = np.where(count > 0, total / count, np.nan).reshape(-1, buckets)
    shares: dict[str, list[Floats]] = {}
    levels: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[str, Floats]]] = {}
    for one, values in zip(cells.series, means, strict=True):
        if one.metric not in LEVELS:
            shares.setdefault(one.metric, []).append(values)
            continue
        attribute = LEVELS[one.metric][0]
        others = tuple(pair for pair in one.attributes if pair[0] != attribute)
        levels.setdefault((one.metric, others), []).append((dict(one.attributes).get(attribute, ""), values))
    for (metric, _), states in levels.items():
        share = _share_used(states, LEVELS[metric][1])
        if share is not None:
            shares.setdefault(metric, []).append(share)
    greatest = {metric: np.fmax.reduce(each) for metric, each in shares.items()}
    return {metric: values for metric, values in greatest.items() if not np.isnan(values).all()}


def _is_share(one: Series) -> bool:
    return one.metric.endswith(UTILIZATION) or (one.unit == "1" and one.metric.endswith(RATIO))


def _share_used(states: list[tuple[str, Floats]], used: frozenset[str]) -> Floats | None:
    """Return used / all of one pool or disk; None if its states are not told apart."""
    names = {name for name, _ in states}
    if not names & used or len(names) < 2:
        return None
    whole = np.nansum([values for _, values in states], axis=0)
    part = np.nansum([values for name, values in states if name in used], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = np.where(whole > 0, part / whole, np.nan)
    return share


def _cells(blocks: Sequence[Block], wanted: Callable[[Series], bool]) -> Aggregate | None:
    """Return the wanted cells of all blocks, None if there are none."""
    parts = []
    for block in blocks:
        flags = _series_flags(block.cells, wanted)
        if flags.any():
            parts.append(select(block.cells, flags[block.cells.series_index]))
    cells = merge(parts) if parts else None
    return cells if cells is not None and len(cells) else None


def _series_flags(cells: Aggregate, wanted: Callable[[Series], bool]) -> NDArray[np.bool_]:
    return np.array([wanted(one) for one in cells.series], dtype=bool)


def _places(
    cells: Aggregate, first_minute: int, bucket_minutes: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return the metrics' names, and of each cell the number of its metric and its bucket."""
    numbers: dict[str, int] = {}
    of_series = np.array([numbers.setdefault(one.metric, len(numbers)) for one in cells.series], dtype=np.int64)
    return list(numbers), of_series[cells.series_index], (cells.minute - first_minute) // bucket_minutes
