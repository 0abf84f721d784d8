"""Metric points -> series per service and instrument.

* gauge, delta_sum: each point's value, with histogram.
* A cumulative sum that may fall (an up-down counter) tells a state, not an amount: it is kept as a gauge.
* cumulative_sum, monotonic: one series per stream (attribute ``stream``), because differences need a stream's own
  order, which a sharded stream does not keep; minimum and maximum per minute are what a reader differences.
* histogram, exponential_histogram (delta): counts, sums, buckets add up; minimum and maximum where the point has them.
* cumulative_histogram, cumulative_exponential_histogram: one series per stream of its cumulative count, as for sums.
* summary: counts and sums add up; quantiles 0 and 1 are minimum and maximum; other quantiles cannot be merged.

Points that say "no recorded value", and points without a finite number, are dropped and counted.
Layout: opentelemetry-proto v1, metrics/v1/metrics.proto.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.telemetry.aggregate import select
from opsloop.telemetry.columns import I64, LEN, VARINT, Bits, Fields, Ints, signed
from opsloop.telemetry.envelope import Decoded, Messages, Requests, cells_of, series_of
from opsloop.telemetry.metric_buckets import Buckets, explicit_buckets, exponential_buckets, no_buckets, single_buckets
from opsloop.telemetry.model import Series

Names = tuple[Ints, list[str]]
"""For each message the number of its name, and the names."""

STREAM = "stream"
NS_PER_S = 1_000_000_000
MAX_COUNT = 1 << 53
"""Counts above this are not believed: they could not be added up exactly."""

_NAME, _UNIT = 1, 3
_GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY = 5, 7, 9, 10, 11
_POINTS, _TEMPORALITY, _IS_MONOTONIC = 1, 2, 3
_CUMULATIVE = 2
_NO_RECORDED_VALUE = np.uint64(1)


@dataclass(frozen=True)
class _Layout:
    """The field numbers of one kind of data point; 0 where it has no such field."""

    kind: str
    cumulative_kind: str
    attributes: int = 7
    start: int = 2
    time: int = 3
    count: int = 4
    total: int = 5
    minimum: int = 0
    maximum: int = 0
    flags: int = 8


_LAYOUTS = {
    _GAUGE: _Layout("gauge", "gauge"),
    _SUM: _Layout("delta_sum", "cumulative_sum"),
    _HISTOGRAM: _Layout("histogram", "cumulative_histogram", attributes=9, minimum=11, maximum=12, flags=10),
    _EXPONENTIAL: _Layout(
        "exponential_histogram", "cumulative_exponential_histogram", attributes=1, minimum=12, maximum=13, flags=10
    ),
    _SUMMARY: _Layout("summary", "summary"),
}
_AS_DOUBLE, _AS_INT = 4, 6
_QUANTILES, _QUANTILE, _QUANTILE_VALUE = 6, 1, 2


@dataclass(frozen=True)
class _Points:
    """Data points of one kind. ``metric`` is the number of each point's metric.

    ``is_cumulative`` and ``is_state`` exclude one another: a total since a start, or a level that rises and falls.
    """

    layout: _Layout
    messages: Messages
    fields: Fields
    metric: Ints
    is_cumulative: NDArray[np.bool_]
    is_state: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.messages)

    def bits(self, number: int) -> Bits:
        return self.fields.values(number, I64, len(self))

    def double(self, number: int) -> NDArray[np.float64]:
        """Return a double of each point, NaN where it is not given."""
        found = self.fields.of(number, I64)
        column = np.full(len(self), np.nan)
        column[found.owner] = found.value.view(np.float64)
        return column


@dataclass(frozen=True)
class _Measured:
    """What one kind of points amounts to, per point; ``is_kept`` is false for points without a usable number."""

    count: Ints
    total: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    buckets: Buckets
    is_kept: NDArray[np.bool_]


def read_metrics(bodies: Sequence[bytes], catalog: Catalog) -> tuple[list[Decoded], NDArray[np.bool_]]:
    """Return the data points of several metric requests, kind by kind, and which of the requests are malformed."""
    requests = Requests(bodies, catalog)
    metrics = requests.items()
    fields = requests.scan(metrics, (_NAME, _UNIT, *_LAYOUTS))
    names = requests.names(*fields.ranges(_NAME, len(metrics)))
    units = requests.names(*fields.ranges(_UNIT, len(metrics)))
    decoded = []
    for number, layout in _LAYOUTS.items():
        data = fields.of(number, LEN)
        if len(data):
            points = _points(requests, layout, metrics.of(data), data.owner)
            decoded.append(_decode(requests, points, _measure(requests, number, points), names, units))
    return decoded, requests.is_bad


def _points(requests: Requests, layout: _Layout, data: Messages, metric: Ints) -> _Points:
    fields = requests.scan(data, (_POINTS, _TEMPORALITY, _IS_MONOTONIC))
    is_cumulative = fields.values(_TEMPORALITY, VARINT, len(data)) == _CUMULATIVE
    if layout.kind == layout.cumulative_kind:
        is_cumulative[:] = False  # gauges and summaries have no temporality
    is_state = np.zeros(len(data), dtype=bool)
    if layout is _LAYOUTS[_SUM]:
        is_state = is_cumulative & (fields.values(_IS_MONOTONIC, VARINT, len(data)) == 0)
    found = fields.of(_POINTS, LEN)
    messages, owner = data.of(found), found.owner
    is_total = (is_cumulative & ~is_state)[owner]
    return _Points(layout, messages, requests.scan(messages), metric[owner], is_total, is_state[owner])


def _measure(requests: Requests, number: int, points: _Points) -> _Measured:
    if number in (_GAUGE, _SUM):
        measured = _numbers(points)
    elif number == _SUMMARY:
        measured = _summaries(requests, points)
    else:
        read = explicit_buckets if number == _HISTOGRAM else exponential_buckets
        measured = _histograms(points, read(requests, points.messages, points.fields))
    flags = points.fields.values(points.layout.flags, VARINT, len(points))
    return replace(measured, is_kept=measured.is_kept & ((flags & _NO_RECORDED_VALUE) == 0))


def _numbers(points: _Points) -> _Measured:
    integers = points.fields.of(_AS_INT, I64)
    value = points.double(_AS_DOUBLE)
    value[integers.owner] = signed(integers.value)
    is_kept = np.isfinite(value)
    once = np.ones(len(points), dtype=np.int64)
    buckets = single_buckets(value, is_kept & ~points.is_cumulative)
    return _Measured(once, value, value, value, buckets, is_kept)


def _summaries(requests: Requests, points: _Points) -> _Measured:
    found = points.fields.of(_QUANTILES, LEN)
    fields = requests.scan(points.messages.of(found), (_QUANTILE, _QUANTILE_VALUE))
    quantile = fields.values(_QUANTILE, I64, len(found)).view(np.float64)
    value = fields.values(_QUANTILE_VALUE, I64, len(found)).view(np.float64)
    minimum, maximum = np.full(len(points), np.nan), np.full(len(points), np.nan)
    for probability, column in ((0.0, minimum), (1.0, maximum)):
        rows = np.flatnonzero((quantile == probability) & np.isfinite(value))
        column[found.owner[rows]] = value[rows]
    total = np.nan_to_num(points.double(points.layout.total), nan=0.0)  # proto3: an absent number is 0
    count, is_kept = _count(points)
    return _Measured(count, total, minimum, maximum, no_buckets(len(points)), is_kept & np.isfinite(total))


def _histograms(points: _Points, buckets: Buckets) -> _Measured:
    """Return delta histograms as they are, and cumulative ones as the value of their count."""
    count, is_kept = _count(points)
    layout, is_cumulative = points.layout, points.is_cumulative
    reached = points.bits(layout.count).astype(np.float64)
    total, minimum, maximum = (
        np.where(count > 0, _finite(points.double(number)), of_nothing)  # a point without any value must add nothing
        for number, of_nothing in ((layout.total, 0.0), (layout.minimum, np.inf), (layout.maximum, -np.inf))
    )
    return _Measured(
        np.where(is_cumulative, 1, count),
        np.where(is_cumulative, reached, total),
        np.where(is_cumulative, reached, minimum),
        np.where(is_cumulative, reached, maximum),
        buckets.only(~is_cumulative),
        np.where(is_cumulative, reached <= MAX_COUNT, is_kept & buckets.is_sound),
    )


def _count(points: _Points) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the count of each point, and whether it can be believed; 0 is believed, and adds nothing."""
    count = points.bits(points.layout.count)
    is_kept = count <= MAX_COUNT
    return np.where(is_kept, count, 0).astype(np.int64), is_kept


def _finite(column: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(column), column, np.nan)


def _decode(requests: Requests, points: _Points, measured: _Measured, names: Names, units: Names) -> Decoded:
    attributes = points.fields.of(points.layout.attributes, LEN)
    owners = points.messages.of(attributes)
    dimension, dimensions = requests.dimensions(points.messages, requests.pairs(owners, attributes.owner))
    stream, streams = _streams(requests, points, attributes)
    buckets = measured.buckets
    (name_id, name), (unit_id, unit) = names, units
    columns = (points.messages.resource, name_id[points.metric], unit_id[points.metric])
    index, combinations = series_of((*columns, dimension, stream, buckets.bounds_id, points.is_state.astype(np.int64)))
    layout = points.layout
    series = [
        Series(
            requests.services[a],
            name[b],
            _LAYOUTS[_GAUGE].kind if is_state else layout.kind if e < 0 else layout.cumulative_kind,
            unit=unit[c],
            attributes=dimensions[d] if e < 0 else tuple(sorted((*dimensions[d], (STREAM, streams[e])))),
            bounds=buckets.bounds[f],
        )
        for a, b, c, d, e, f, is_state in combinations
    ]
    cells = cells_of(
        series,
        index,
        count=measured.count,
        errors=np.zeros(len(points), dtype=np.int64),
        total=measured.total,
        minimum=measured.minimum,
        maximum=measured.maximum,
        scale=buckets.scale.astype(np.int8),
        bucket_start=np.searchsorted(buckets.owner, np.arange(len(points) + 1)).astype(np.int64),
        bucket_key=buckets.key.astype(np.int32),
        bucket_count=buckets.count,
    )
    kept = measured.is_kept
    dropped = np.bincount(points.messages.record[~kept], minlength=len(requests.is_bad))
    rows = np.flatnonzero(kept)
    time = points.bits(layout.time)
    return Decoded(select(cells, kept), points.messages.record[rows], time[rows], dropped)


def _streams(requests: Requests, points: _Points, attributes: Fields) -> tuple[Ints, list[str]]:
    """Return for each point the number of its stream, -1 unless it is cumulative, and the streams' names.

    A stream is what one process counts under one set of attributes since one start. Its name begins with that start,
    in seconds since the epoch: a reader of its first value has to know whether it rose from 0 in the time it reads.
    """
    ids = np.full(len(points), -1, dtype=np.int64)
    rows = np.flatnonzero(points.is_cumulative)
    if not len(rows):
        return ids, []
    data = requests.buffer.data
    pairs: dict[int, list[bytes]] = {int(row): [] for row in rows}
    for owner, begin, end in zip(
        attributes.owner.tolist(), attributes.begin.tolist(), attributes.end.tolist(), strict=True
    ):
        if owner in pairs:
            pairs[owner].append(data[begin:end])
    start = points.bits(points.layout.start)
    numbers: dict[str, int] = {}
    for row, parts in pairs.items():
        resource = requests.resource_bytes[points.messages.resource[row]]
        whole = b"".join(len(part).to_bytes(4, "big") + part for part in (resource, *sorted(parts)))
        name = f"{int(start[row]) // NS_PER_S}-{blake2b(whole + start[row].tobytes(), digest_size=8).hexdigest()}"
        ids[row] = numbers.setdefault(name, len(numbers))
    return ids, list(numbers)
