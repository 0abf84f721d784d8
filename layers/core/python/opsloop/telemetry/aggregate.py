"""Aggregates: count, errors, sum, minimum, maximum and histogram per series and minute, as columns.

Every aggregate made here is canonical: series, cells and buckets are sorted, each present once, none without use. So
the same data give the same integer columns whatever the order and the parts in which they were merged. Sums are
float64: exact while they are whole numbers below 2**53 (104 days in nanoseconds), else right to rounding.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass, replace
from opsloop.histogram import SCALE, bucket_keys, downscale, quantiles
from opsloop.telemetry.model import CUMULATIVE_KINDS, Series

EXPLICIT = 127
"""The "scale" of cells whose bucket keys are bucket numbers of the series' own ``bounds``."""

STATE_NS = 10_000_000_000
"""Of the states of one stream within ten seconds the last one stays."""

_KEY_SPAN = 1 << 22  # more than there are bucket keys
_IN_ORDER = attrgetter("service", "metric", "kind", "operation", "unit", "attributes", "bounds")


@dataclass(frozen=True)
class Aggregate:
    """Cells of one series and minute each, and their buckets.

    Cell ``i`` belongs to ``series[series_index[i]]`` and ``minute[i]`` (since the epoch). ``minimum`` and ``maximum``
    are NaN where unknown. Its buckets are ``bucket_key[bucket_start[i]:bucket_start[i + 1]]`` in ascending order, of
    scale ``scale[i]`` (see ``opsloop.histogram``) or ``EXPLICIT``.

    Cells of ``CUMULATIVE_KINDS`` are states: what a stream had counted since ``times[i, 0]`` at ``times[i, 1]``, both
    in ns since the epoch. Those of one series and minute do not add up: they stay side by side, one for each start and
    ten seconds. ``times`` is None where no cell is a state, and 0 for the others.
    """

    series: tuple[Series, ...]
    series_index: NDArray[np.int32]
    minute: NDArray[np.int64]
    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    total: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    scale: NDArray[np.int8]
    bucket_start: NDArray[np.int64]
    bucket_key: NDArray[np.int32]
    bucket_count: NDArray[np.int64]
    times: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.minute)

    def bucket_cell(self) -> NDArray[np.int64]:
        """Return for each bucket the number of its cell."""
        return np.repeat(np.arange(len(self)), np.diff(self.bucket_start))


@cache
def empty() -> Aggregate:
    """Return the aggregate of nothing."""
    return from_points((), _none(np.int32), _none(np.int64), _none(np.float64))


def from_points(
    series: Sequence[Series],
    series_index: NDArray[np.integer],
    minute: NDArray[np.integer],
    value: NDArray[np.float64] | None,
    *,
    weight: NDArray[np.int64] | None = None,
    errors: NDArray[np.integer] | NDArray[np.bool_] | None = None,
) -> Aggregate:
    """Return the aggregate of single measurements.

    Parameters
    ----------
    series : sequence of Series
        May repeat, and may hold some that no point has.
    series_index, minute : ndarray of shape (n_points,)
        Of each point: its series, by position, and its minute since the epoch.
    value : ndarray of shape (n_points,), optional
        Finite, in the series' unit. None for things that are only counted: their minima and maxima are NaN.
    weight : ndarray of shape (n_points,), optional
        How often each value was measured; 1 unless given.
    errors : ndarray of shape (n_points,), optional
        How many of each point's measurements were errors; 0 unless given.

    Raises
    ------
    InvalidInputError
        If a value is not finite.
    """
    value = None if value is None else value + 0.0  # minus 0 would make the minimum depend on the order
    n = len(minute)
    weights = np.ones(n, dtype=np.int64) if weight is None else weight
    return merge_cells(
        Aggregate(
            series=tuple(series),
            series_index=np.asarray(series_index, dtype=np.int32),
            minute=np.asarray(minute, dtype=np.int64),
            count=weights,
            errors=np.zeros(n, dtype=np.int64) if errors is None else np.asarray(errors, dtype=np.int64),
            total=np.zeros(n) if value is None else value * weights,
            minimum=np.full(n, np.nan) if value is None else value,
            maximum=np.full(n, np.nan) if value is None else value,
            scale=np.full(n, SCALE, dtype=np.int8),
            bucket_start=np.zeros(n + 1, dtype=np.int64) if value is None else np.arange(n + 1, dtype=np.int64),
            bucket_key=_none(np.int32) if value is None else bucket_keys(value),
            bucket_count=_none(np.int64) if value is None else weights,
        )
    )


def merge(parts: Iterable[Aggregate]) -> Aggregate:
    """Return the aggregate of everything in ``parts``.

    Cells of one series and minute become one; where their histograms differ in scale, the coarser one is kept, which
    loses nothing but resolution. A minimum or maximum that one part does not know is not known of the whole.
    """
    present = [part for part in parts if len(part)]
    if not present:
        return empty()
    if len(present) == 1:
        return merge_cells(present[0])
    first_series = np.cumsum([0, *(len(part.series) for part in present)])
    first_bucket = np.cumsum([0, *(len(part.bucket_key) for part in present)])
    return merge_cells(
        Aggregate(
            series=tuple(series for part in present for series in part.series),
            series_index=np.concatenate(
                [part.series_index + np.int32(at) for part, at in zip(present, first_series, strict=False)]
            ),
            bucket_start=np.concatenate(
                [part.bucket_start[:-1] + at for part, at in zip(present, first_bucket, strict=False)]
                + [first_bucket[-1:]]
            ),
            **{
                name: np.concatenate([getattr(part, name) for part in present])
                for name in (*_CELL_COLUMNS, "bucket_key", "bucket_count")
            },
            times=_joined_times(present),
        )
    )


def merge_cells(cells: Aggregate) -> Aggregate:
    """Return ``cells``, where series may repeat and cells may lie in any order, in canonical form."""
    series, place = _sorted_series(cells)
    if cells.times is not None:
        cells = _last_states(cells, series, place[cells.series_index])
    n = len(cells)
    index = place[cells.series_index]
    moments = () if cells.times is None else (cells.times[:, 1], cells.times[:, 0])
    order = np.lexsort((cells.total, *moments, cells.minute, index))  # by sum last: equal data add up in one order
    index, minute = index[order], cells.minute[order]
    is_first = np.ones(n, dtype=bool)
    is_first[1:] = (index[1:] != index[:-1]) | (minute[1:] != minute[:-1])
    for moment in moments:
        is_first[1:] |= moment[order[1:]] != moment[order[:-1]]
    first = np.flatnonzero(is_first)
    scale = _reduce(np.minimum, cells.scale[order], first)
    new_cell = np.empty(n, dtype=np.int64)
    new_cell[order] = np.cumsum(is_first) - 1
    bucket_start, bucket_key, bucket_count = _merge_buckets(cells, new_cell, scale)
    return Aggregate(
        series=series,
        series_index=index[first],
        minute=minute[first],
        count=_reduce(np.add, cells.count[order], first),
        errors=_reduce(np.add, cells.errors[order], first),
        total=_reduce(np.add, cells.total[order], first),
        minimum=_reduce(np.minimum, cells.minimum[order], first),
        maximum=_reduce(np.maximum, cells.maximum[order], first),
        scale=scale,
        bucket_start=bucket_start,
        bucket_key=bucket_key,
        bucket_count=bucket_count,
        times=None if cells.times is None else cells.times[order][first],
    )


def regroup(aggregate: Aggregate, series: Callable[[Series], Series | None], minutes_per_cell: int = 1) -> Aggregate:
    """Return the cells under other series and over longer times.

    Parameters
    ----------
    aggregate : Aggregate
    series : callable
        The series that each series becomes part of; None leaves it out. Where the bounds of an explicit histogram
        change with it, its buckets are dropped, for they could not be merged.
    minutes_per_cell : int
        Cells begin at multiples of this since the epoch: 60 gives UTC hours, 1440 UTC days.
    """
    wanted = [series(one) for one in aggregate.series]
    kept = select(aggregate, np.array([one is not None for one in wanted], dtype=bool)[aggregate.series_index])
    lost = np.array(
        [new is not None and new.bounds != old.bounds for new, old in zip(wanted, aggregate.series, strict=True)],
        dtype=bool,
    )
    if lost.any():
        kept = without_buckets(kept, lost[kept.series_index])
    return merge_cells(
        replace(
            kept,
            series=tuple(one or old for one, old in zip(wanted, aggregate.series, strict=True)),
            minute=kept.minute - kept.minute % minutes_per_cell,
        )
    )


def percentiles(
    cells: Aggregate, cell: int, keys: NDArray[np.int32], counts: NDArray[np.int64], probabilities: Sequence[float]
) -> list[float | None]:
    """Return the values of one cell at ``probabilities``, None where nothing is known.

    ``keys`` and ``counts`` are its buckets, in order, those that hold something. Of explicit buckets it is the bound
    that the true value does not exceed.
    """
    if not len(keys):
        return [None] * len(probabilities)
    scale, minimum, maximum = int(cells.scale[cell]), float(cells.minimum[cell]), float(cells.maximum[cell])
    if scale != EXPLICIT:
        values = quantiles(keys, counts, probabilities, scale=scale, minimum=minimum, maximum=maximum)
    else:
        reached = np.cumsum(counts)
        ranks = np.ceil(np.array(probabilities) * reached[-1])
        bounds = np.array([*cells.series[cells.series_index[cell]].bounds, np.nan])
        values = np.fmin(bounds[keys[np.searchsorted(reached, ranks)]], maximum)
    return [float(value) if np.isfinite(value) else None for value in values]


def select(aggregate: Aggregate, is_wanted: NDArray[np.bool_]) -> Aggregate:
    """Return the cells for which ``is_wanted`` is true; ``series`` stays as it is, used or not."""
    if is_wanted.all():
        return aggregate
    bucket_wanted = np.repeat(is_wanted, np.diff(aggregate.bucket_start))
    lengths = np.diff(aggregate.bucket_start)[is_wanted]
    return replace(
        aggregate,
        series_index=aggregate.series_index[is_wanted],
        bucket_start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        bucket_key=aggregate.bucket_key[bucket_wanted],
        bucket_count=aggregate.bucket_count[bucket_wanted],
        times=None if aggregate.times is None else aggregate.times[is_wanted],
        **{name: getattr(aggregate, name)[is_wanted] for name in _CELL_COLUMNS},
    )


def in_order(series: Iterable[Series]) -> list[Series]:
    """Return series in the order that canonical aggregates have them in."""
    return sorted(series, key=_IN_ORDER)


_CELL_COLUMNS = ("minute", "count", "errors", "total", "minimum", "maximum", "scale")


def _none(kind: type) -> NDArray:  # type: ignore[type-arg]
    return np.empty(0, dtype=kind)


def _sorted_series(cells: Aggregate) -> tuple[tuple[Series, ...], NDArray[np.int32]]:
    """Return the used series in order, once each, and for each old position the new one."""
    used = np.flatnonzero(np.bincount(cells.series_index)).tolist()  # np.unique would import numpy.ma, 10 ms
    series = in_order({cells.series[i] for i in used})
    position = {one: at for at, one in enumerate(series)}
    place = np.zeros(len(cells.series), dtype=np.int32)
    place[used] = [position[cells.series[i]] for i in used]
    return tuple(series), place


def _joined_times(parts: Sequence[Aggregate]) -> NDArray[np.int64] | None:
    if all(part.times is None for part in parts):
        return None
    return np.concatenate(
        [np.zeros((len(part), 2), dtype=np.int64) if part.times is None else part.times for part in parts]
    )


def _last_states(cells: Aggregate, series: Sequence[Series], index: NDArray[np.int32]) -> Aggregate:
    """Return ``cells``, of ``series[index]``, without the states for which a later one of the same ten seconds stands.

    At one time the state with the greatest numbers stays: any choice would do that is the same in every order. A state
    at the very time of its start stays beside others, for it says that the start is not known (see ``kpi.increase``).
    """
    is_state = np.array([one.kind in CUMULATIVE_KINDS for one in series], dtype=bool)[index]
    if cells.times is None or not is_state.any():
        return replace(cells, times=None)
    rows = np.flatnonzero(is_state)
    since, at = cells.times[rows].T
    where = (np.where(at == since, -1, at // STATE_NS), since, cells.minute[rows], index[rows])
    numbers = (cells.maximum[rows], cells.minimum[rows], cells.total[rows], cells.count[rows])
    order = np.lexsort((*numbers, at, *where))
    is_last = np.ones(len(rows), dtype=bool)
    is_last[:-1] = np.any([column[order[1:]] != column[order[:-1]] for column in where], axis=0)
    kept = ~is_state
    kept[rows[order[is_last]]] = True
    return select(replace(cells, times=np.where(is_state[:, np.newaxis], cells.times, 0)), kept)


def _merge_buckets(
    cells: Aggregate, new_cell: NDArray[np.int64], scale: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Return start, key and count of the buckets, brought to their new cell's scale and added up."""
    old_cell = cells.bucket_cell()
    owner = new_cell[old_cell]
    finer = cells.scale[old_cell].astype(np.int32) - scale[owner]
    key = downscale(cells.bucket_key, finer) if finer.any() else cells.bucket_key
    sorting = owner * _KEY_SPAN + (key.astype(np.int64) + (_KEY_SPAN >> 1))
    order = np.argsort(sorting, kind="stable")
    sorting = sorting[order]
    first = np.flatnonzero(np.concatenate([[True], sorting[1:] != sorting[:-1]])[: len(sorting)])
    counts = _reduce(np.add, cells.bucket_count[order], first)
    owners = owner[order][first]
    start = np.searchsorted(owners, np.arange(len(scale) + 1))
    return start.astype(np.int64), key[order][first], counts


def without_buckets(aggregate: Aggregate, is_bare: NDArray[np.bool_]) -> Aggregate:
    """Return the cells, those for which ``is_bare`` is true without their histograms."""
    lengths = np.where(is_bare, 0, np.diff(aggregate.bucket_start))
    kept = np.repeat(~is_bare, np.diff(aggregate.bucket_start))
    return replace(
        aggregate,
        scale=np.where(is_bare, SCALE, aggregate.scale).astype(np.int8),
        bucket_start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        bucket_key=aggregate.bucket_key[kept],
        bucket_count=aggregate.bucket_count[kept],
    )


def _reduce(operation: np.ufunc, column: NDArray, first: NDArray[np.int64]) -> NDArray:  # type: ignore[type-arg]
    """Return ``operation`` over the runs of ``column`` that begin at ``first``."""
    return operation.reduceat(column, first) if len(first) else column[:0]
