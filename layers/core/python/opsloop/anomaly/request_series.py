"""Requests of a service per operation and bucket: how many, how many failed, and how long they took.

Requests are server and consumer spans, as KPIs count them. The percentile is that of the merged histograms.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass
from opsloop.histogram import downscale, representatives
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.model import SPAN_DURATION, Block

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WHOLE_SERVICE = ""
REQUEST_KINDS = frozenset({"server", "consumer"})
NS_PER_MS = 1e6
SHARE = 0.95
_KEY_SPAN = 1 << 22  # more than there are bucket keys


@dataclass(frozen=True)
class Requests:
    """Row 0 is the whole service, the others are its operations by name; all arrays have a column per bucket.

    ``p95_ms`` is NaN where there were no requests.
    """

    operations: tuple[str, ...]
    count: Floats
    errors: Floats
    p95_ms: Floats


@dataclass(frozen=True)
class Durations:
    """Histogram buckets, each of one ``place`` (row times columns plus column): key at ``scale``, and count."""

    place: Ints
    key: NDArray[np.int32]
    count: Ints
    scale: int


@dataclass(frozen=True)
class Spans:
    """The cells of requests, of all blocks: place of each, its numbers, and the buckets of its histogram."""

    operations: tuple[str, ...]
    row: Ints
    column: Ints
    count: Ints
    errors: Ints
    maximum: Floats
    durations: Durations


def requests(blocks: Sequence[Block], first_minute: int, buckets: int, bucket_minutes: int) -> Requests | None:
    """Return the requests in the ``buckets`` that begin at ``first_minute``; None if there were none."""
    spans = spans_of(blocks, first_minute, buckets, bucket_minutes)
    if spans is None:
        return None
    rows = len(spans.operations)
    place = spans.row * buckets + spans.column
    size = rows * buckets

    def added(numbers: Ints) -> Floats:
        each: Floats = np.bincount(place, weights=numbers, minlength=size).reshape(rows, buckets).astype(np.float64)
        each[0] = each[1:].sum(axis=0)
        return each

    maximum = np.full(size, -np.inf)
    np.maximum.at(maximum, place, spans.maximum)
    highest = maximum.reshape(rows, buckets)
    highest[0] = highest[1:].max(axis=0)
    p95_ns = _p95(spans.durations, rows, buckets)
    return Requests(spans.operations, added(spans.count), added(spans.errors), np.minimum(p95_ns, highest) / NS_PER_MS)


def spans_of(blocks: Sequence[Block], first_minute: int, buckets: int, bucket_minutes: int) -> Spans | None:
    """Return the cells of requests in those buckets; None if there are none."""
    numbers: dict[str, int] = {}
    parts = [_part(block.cells, numbers, first_minute, buckets, bucket_minutes) for block in blocks]
    present = [part for part in parts if part is not None and len(part[0])]
    if not present:
        return None
    names = sorted(numbers)
    rank = np.empty(len(names), dtype=np.int64)
    rank[[numbers[name] for name in names]] = np.arange(1, len(names) + 1)
    row, column, count, errors, maximum, owner_row, owner_column, key, weight, scales = (
        np.concatenate(columns) for columns in zip(*present, strict=True)
    )
    scale = int(scales.min()) if len(scales) else 0
    durations = Durations(
        rank[owner_row] * buckets + owner_column, downscale(key, scales - scale), weight.astype(np.int64), scale
    )
    return Spans((WHOLE_SERVICE, *names), rank[row], column, count, errors, maximum, durations)


def _part(
    cells: Aggregate, numbers: dict[str, int], first_minute: int, buckets: int, bucket_minutes: int
) -> tuple[NDArray, ...] | None:  # type: ignore[type-arg]
    """Return the columns of one block's requests; ``numbers`` grows by the operations that it does not know."""
    row_of = np.array(
        [
            numbers.setdefault(one.operation, len(numbers))
            if one.metric == SPAN_DURATION and one.kind in REQUEST_KINDS
            else -1
            for one in cells.series
        ],
        dtype=np.int64,
    )
    if not len(row_of):
        return None
    column = (cells.minute - first_minute) // bucket_minutes
    row = row_of[cells.series_index]
    is_wanted = (row >= 0) & (column >= 0) & (column < buckets)
    chosen = np.flatnonzero(is_wanted)
    sizes = np.diff(cells.bucket_start)
    wanted_buckets = np.repeat(is_wanted, sizes)
    owner = np.repeat(chosen, sizes[chosen])
    return (
        row[chosen],
        column[chosen],
        cells.count[chosen],
        cells.errors[chosen],
        cells.maximum[chosen],
        row[owner],
        column[owner],
        cells.bucket_key[wanted_buckets],
        cells.bucket_count[wanted_buckets],
        cells.scale[owner].astype(np.int32),
    )


def _p95(durations: Durations, rows: int, buckets: int) -> Floats:
    """Return the nearest-rank percentile per place in ns, the whole service's from all operations together."""
    column = durations.place % buckets
    place = np.concatenate([durations.place, column])  # row 0: the whole service
    key = np.concatenate([durations.key, durations.key]).astype(np.int64)
    count = np.concatenate([durations.count, durations.count])
    order = np.argsort(place * _KEY_SPAN + key + (_KEY_SPAN >> 1), kind="stable")
    place, key, count = place[order], key[order], count[order]
    reached = np.cumsum(count)
    total = np.bincount(place, weights=count, minlength=rows * buckets).astype(np.int64)
    before = np.cumsum(total) - total
    known = np.flatnonzero(total)
    rank = before[known] + np.ceil(np.nextafter(SHARE * total[known], 0)).astype(np.int64)
    answer = np.full(rows * buckets, np.nan)
    answer[known] = representatives(key[np.searchsorted(reached, rank)].astype(np.int32), durations.scale)
    return answer.reshape(rows, buckets)
