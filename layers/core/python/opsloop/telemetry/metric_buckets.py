"""The buckets of OTLP histograms, explicit and exponential, as columns in our own keys."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass
from opsloop.histogram import MAX_INDEX, MIN_SCALE, NEGATIVE_BASE, SCALE, ZERO_KEY, bucket_keys
from opsloop.telemetry.aggregate import EXPLICIT
from opsloop.telemetry.columns import I64, LEN, VARINT, Fields, Ints, zigzag
from opsloop.telemetry.envelope import Messages, Requests

MAX_SOURCE_SCALE = 20  # OpenTelemetry's finest
_COUNTS, _BOUNDS = 6, 7
_SCALE, _ZERO_COUNT, _POSITIVE, _NEGATIVE = 6, 7, 8, 9
_OFFSET, _BUCKET_COUNTS = 1, 2


@dataclass(frozen=True)
class Buckets:
    """Buckets of ``n`` points. ``owner``, ``key`` and ``count`` are per bucket, the rest per point.

    ``bounds[bounds_id[i]]`` are the bounds of point ``i``. ``is_sound`` is false where buckets make no sense.
    """

    owner: Ints
    key: Ints
    count: Ints
    scale: Ints
    bounds_id: Ints
    bounds: list[tuple[float, ...]]
    is_sound: NDArray[np.bool_]


def no_buckets(points: int) -> Buckets:
    """Return the buckets of points that have none."""
    none = np.empty(0, dtype=np.int64)
    return _without_bounds(none, none, none, np.full(points, SCALE, dtype=np.int64), np.ones(points, dtype=bool))


def single_buckets(value: NDArray[np.float64], is_kept: NDArray[np.bool_]) -> Buckets:
    """Return one bucket per point, that of its value, for the points that are kept."""
    rows = np.flatnonzero(is_kept)
    scale = np.full(len(value), SCALE, dtype=np.int64)
    return _without_bounds(
        rows, bucket_keys(value[rows]).astype(np.int64), np.ones(len(rows), dtype=np.int64), scale, is_kept
    )


def explicit_buckets(requests: Requests, points: Messages, fields: Fields) -> Buckets:
    """Return the buckets of explicit histograms: bucket number ``i`` ends at, and includes, bound ``i``."""
    n = len(points)
    count_owner, counts, _ = _fixed64(requests, fields, _COUNTS, n)
    sizes = np.bincount(count_owner, minlength=n)
    bounds_id, bounds = _bounds(requests, fields, n)
    is_rising = np.array([all(np.isfinite(b)) and all(np.diff(b) > 0) for b in bounds], dtype=bool)
    lengths = np.array([len(b) for b in bounds], dtype=np.int64)
    is_sound = is_rising.take(bounds_id) & ((sizes == lengths.take(bounds_id) + 1) | (sizes == 0))
    rows = np.flatnonzero(counts > 0)
    owner = count_owner.take(rows)
    return Buckets(
        owner,
        rows - (np.cumsum(sizes) - sizes).take(owner),
        counts.take(rows),
        np.full(n, EXPLICIT, dtype=np.int64),
        bounds_id,
        bounds,
        is_sound & _is_countable(count_owner, counts, n),
    )


def _bounds(requests: Requests, fields: Fields, points: int) -> tuple[Ints, list[tuple[float, ...]]]:
    """Return for each point the number of its bounds, and the bounds."""
    owner, raw, ranges = _fixed64(requests, fields, _BOUNDS, points)
    if ranges:
        ids, contents = requests.buffer.distinct(*ranges)
    else:
        starts = np.searchsorted(owner, np.arange(points + 1)).tolist()
        numbers: dict[bytes, int] = {}
        ids = np.array(
            [numbers.setdefault(raw[a:b].tobytes(), len(numbers)) for a, b in pairwise(starts)], dtype=np.int64
        )
        contents = list(numbers)
    return ids, [tuple(np.frombuffer(one, dtype="<f8", count=len(one) // 8).tolist()) for one in contents]


def exponential_buckets(requests: Requests, points: Messages, fields: Fields) -> Buckets:
    """Return the buckets of exponential histograms, brought to scale 6 where they are finer."""
    n = len(points)
    source_scale = zigzag(fields.values(_SCALE, VARINT, n))
    is_sound = (source_scale >= MIN_SCALE) & (source_scale <= MAX_SOURCE_SCALE)
    scale = np.clip(source_scale, MIN_SCALE, SCALE)
    zeros = fields.values(_ZERO_COUNT, I64, n).view(np.int64)
    parts = [(np.arange(n), np.full(n, ZERO_KEY, dtype=np.int64), zeros)]
    finer = np.clip(source_scale - SCALE, 0, MAX_SOURCE_SCALE)
    for number in (_POSITIVE, _NEGATIVE):
        found = fields.of(number, LEN)
        if not len(found):
            continue
        owner, index, counts = _exponential_side(requests, points, found)
        if finer.any():
            index >>= finer.take(owner)
        index = np.clip(index, -MAX_INDEX, MAX_INDEX - 1)  # no float64 lies beyond
        parts.append((owner, index if number == _POSITIVE else NEGATIVE_BASE - index, counts))
    owner, key, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    is_sound &= _is_countable(owner, counts, n)
    rows = np.flatnonzero(counts > 0)
    rows = rows.take(np.argsort(owner.take(rows), kind="stable"))
    return _without_bounds(owner.take(rows), key.take(rows), counts.take(rows), scale, is_sound)


def _exponential_side(requests: Requests, points: Messages, found: Fields) -> tuple[Ints, Ints, Ints]:
    """Return owner, index and count of the positive or the negative buckets."""
    sides = points.of(found)
    fields = requests.scan(sides, (_OFFSET, _BUCKET_COUNTS))
    offset = zigzag(fields.values(_OFFSET, VARINT, len(sides)))
    packed, single = fields.of(_BUCKET_COUNTS, LEN), fields.of(_BUCKET_COUNTS, VARINT)
    place, values, is_bad = requests.buffer.packed_varints(packed.begin, packed.end)
    if is_bad.any():
        requests.is_bad[sides.record[packed.owner[is_bad]]] = True
    side, counts = packed.owner.take(place), values.view(np.int64)
    if len(single) or (len(side) and np.diff(side).min(initial=0) < 0):
        begin = np.concatenate([packed.begin.take(place), single.begin])
        side, counts = np.concatenate([side, single.owner]), np.concatenate([counts, single.value.view(np.int64)])
        order = np.lexsort((begin, side))
        side, counts = side[order], counts[order]
    sizes = np.bincount(side, minlength=len(sides))
    number = np.arange(len(side)) - (np.cumsum(sizes) - sizes).take(side)
    return found.owner.take(side), offset.take(side) + number, counts


def _fixed64(
    requests: Requests, fields: Fields, number: int, points: int
) -> tuple[Ints, Ints, tuple[Ints, Ints] | None]:
    """Return owner and raw value of a repeated 64-bit field, packed or not, by owner and in order.

    Where each point has it in one piece, as exporters write it, also where the pieces lie.
    """
    packed, single = fields.of(number, LEN), fields.of(number, I64)
    if not len(single) and np.bincount(packed.owner, minlength=1).max() <= 1:
        ranges = fields.ranges(number, points)
        owner, words = requests.buffer.packed_words(*ranges)
        return owner, words.view(np.int64), ranges
    place, words = requests.buffer.packed_words(packed.begin, packed.end)
    owner = np.concatenate([packed.owner[place], single.owner])
    raw = np.concatenate([words, single.value]).view(np.int64)
    order = np.lexsort((np.concatenate([packed.begin[place], single.begin]), owner))
    return owner[order], raw[order], None


def _is_countable(owner: Ints, counts: Ints, points: int) -> NDArray[np.bool_]:
    """Return for each point whether its bucket counts, as uint64, are small enough to be added up."""
    is_countable = np.ones(points, dtype=bool)
    if len(counts) and (counts.min() < 0 or counts.max() > 1 << 53):
        is_countable[owner[(counts < 0) | (counts > 1 << 53)]] = False
    return is_countable


def _without_bounds(owner: Ints, key: Ints, count: Ints, scale: Ints, is_sound: NDArray[np.bool_]) -> Buckets:
    return Buckets(owner, key, count, scale, np.zeros(len(scale), dtype=np.int64), [()], is_sound)
