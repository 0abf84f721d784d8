"""States of cumulative streams -> by how much each stream rose, per minute: differences of successive states.

A stream's states of one start are put in order of time, wherever they came from; a state counts by what it has more
than the one before. The first one found counts whole if its start lies within what is read, for it rose from 0 since;
else it is only where the next is measured from. So is a state at the very time of its start, which says that nothing
is known of before [1]_. A state that has less than the one before is a restart from 0 that nobody announced: it counts
whole. What is subtracted from a histogram are its count, its sum, and its buckets at the coarser of both scales.

References
----------
.. [1] OpenTelemetry, *Metrics Data Model*, "Resets and gaps", and "Cumulative streams: handling unknown start time".
       https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps
"""

import numpy as np
from numpy.typing import NDArray

from opsloop.clock import NS_PER_MINUTE
from opsloop.dataclass import replace
from opsloop.kpi.replica import Places, counted, others_between
from opsloop.telemetry.aggregate import Aggregate, merge

Ints = NDArray[np.int64]
SUM = "cumulative_sum"
_WHOLE = -1  # as the place of the state before: there is none, and all counts


def increases(states: Aggregate, first_minute: int) -> Aggregate:
    """Return what each stream gained per minute, as amounts of the streams' own series.

    Parameters
    ----------
    states : Aggregate
        Cells of ``CUMULATIVE_KINDS``, of ``first_minute`` and after.
    first_minute : int
        Since the epoch; a stream that started before it counts from its first state.

    Returns
    -------
    Aggregate
        Counts of sums are states; all else is what was measured in between. Minimum and maximum are known only where a
        whole state counts, or nothing was measured.
    """
    if not len(states):
        return states
    since, at = (np.zeros((len(states), 2), dtype=np.int64) if states.times is None else states.times).T
    order = np.lexsort((at, states.minute, since, states.series_index))
    states = _take(states, order)
    since, at = since[order], at[order]
    is_sum = np.array([one.kind == SUM for one in states.series], dtype=bool)[states.series_index]
    places = Places.of(states)
    before = _before(states, since, at, is_sum, first_minute)
    if places.has_replicas:
        is_counted = counted(places, np.ones(len(states), dtype=np.int64))
        before = _without_repetitions(places, is_counted, states.minute, since, before)
        rows = np.flatnonzero(is_counted)
        return _differences(states, rows, before[rows], is_sum)
    return _differences(states, np.arange(len(states)), before, is_sum)


def _before(states: Aggregate, since: Ints, at: Ints, is_sum: NDArray[np.bool_], first_minute: int) -> Ints:
    """Return for each state, in order, the place of the one to subtract: ``_WHOLE`` for none, itself to count 0."""
    n = len(states)
    level = np.where(is_sum, states.total, states.count)
    follows, falls = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    follows[1:] = (states.series_index[1:] == states.series_index[:-1]) & (since[1:] == since[:-1])
    falls[1:] = level[1:] < level[:-1]
    is_known = (since >= first_minute * NS_PER_MINUTE) & (since != at)
    place = np.arange(n)
    return np.where(follows, np.where(falls, _WHOLE, place - 1), np.where(is_known, _WHOLE, place))


def _without_repetitions(
    places: Places, is_counted: NDArray[np.bool_], minute: Ints, since: Ints, before: Ints
) -> Ints:
    """Return ``before`` so that a replica that comes back does not count what another one counted meanwhile."""
    place = np.arange(len(before))
    is_whole = before == _WHOLE
    first = np.where(is_whole, np.minimum(since // NS_PER_MINUTE, minute), minute[before] + 1)
    meanwhile = others_between(places, is_counted, minute, first, None)
    of_same_start = others_between(places, is_counted, minute, first, since)
    return np.where(np.where(is_whole, of_same_start, meanwhile), place, before)


def _differences(states: Aggregate, rows: Ints, before: Ints, is_sum: NDArray[np.bool_]) -> Aggregate:
    later, is_whole = _take(states, rows), before == _WHOLE
    earlier = _take(states, before[~is_whole])
    count, total = later.count.copy(), later.total.copy()
    count[~is_whole] -= earlier.count
    total[~is_whole] -= earlier.total
    unknown = is_sum[rows] | (~is_whole & (count > 0))
    none_measured = ~is_whole & ~unknown
    nothing = len(earlier)
    return merge(
        [
            replace(
                later,
                count=np.where(is_sum[rows], 1, count),
                total=total,
                minimum=np.where(unknown, np.nan, np.where(none_measured, np.inf, later.minimum)),
                maximum=np.where(unknown, np.nan, np.where(none_measured, -np.inf, later.maximum)),
                times=None,
            ),
            replace(
                earlier,
                minute=later.minute[~is_whole],
                count=np.zeros(nothing, dtype=np.int64),
                total=np.zeros(nothing),
                minimum=np.full(nothing, np.inf),
                maximum=np.full(nothing, -np.inf),
                bucket_count=-earlier.bucket_count,
                times=None,
            ),
        ]
    )


def _take(cells: Aggregate, rows: Ints) -> Aggregate:
    """Return the cells at ``rows``, which may repeat."""
    lengths = np.diff(cells.bucket_start)[rows]
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    buckets = np.arange(start[-1]) + np.repeat(cells.bucket_start[rows] - start[:-1], lengths)
    columns = ("series_index", "minute", "count", "errors", "total", "minimum", "maximum", "scale")
    return replace(
        cells,
        bucket_start=start,
        bucket_key=cells.bucket_key[buckets],
        bucket_count=cells.bucket_count[buckets],
        times=None if cells.times is None else cells.times[rows],
        **{name: getattr(cells, name)[rows] for name in columns},
    )
