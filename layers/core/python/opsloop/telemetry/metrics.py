"""Metric points -> series per service and instrument.

* gauge, delta_sum: each point's value, with histogram.
* A cumulative sum that may fall (an up-down counter) tells a level, not an amount: it is kept as a gauge.
* histogram, exponential_histogram (delta): counts, sums, buckets add up; minimum and maximum where the point has them.
* cumulative_sum, cumulative_histogram, cumulative_exponential_histogram, cumulative_summary: one series per stream,
  whose cells are states, the whole point each. Amounts are their differences, and differences need a stream's own
  order, which a sharded stream does not keep: so a reader takes them (``kpi.increase``).
* summary: those of CloudWatch, which are of one period each: counts and sums add up. Of every other summary the count
  and the sum are totals since its start, as OTLP says. Quantiles 0 and 1 are minimum and maximum; other quantiles
  cannot be merged.

Points that say "no recorded value", and points without a finite number, are dropped and counted.
Layout: opentelemetry-proto v1, metrics/v1/metrics.proto.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.dataclass import dataclass, replace
from opsloop.telemetry.aggregate import select
from opsloop.telemetry.columns import I64, LEN, VARINT, Bits, Fields, Ints, signed
from opsloop.telemetry.envelope import (
    UNKNOWN_SERVICE,
    Decoded,
    Messages,
    Pairs,
    Requests,
    cells_of,
    resource_attributes,
    series_of,
)
from opsloop.telemetry.metric_buckets import Buckets, explicit_buckets, exponential_buckets, no_buckets, single_buckets
from opsloop.telemetry.metric_exemplars import exemplars_of
from opsloop.telemetry.metric_streams import streams_of
from opsloop.telemetry.model import REPLICA, STREAM, Series

Names = tuple[Ints, list[str]]
"""For each message the number of its name, and the names."""

PER_PERIOD = "amazonaws.com/"
"""How the names of CloudWatch's metrics begin: their summaries are of one period each, not of all since a start."""
MAX_COUNT = 1 << 53
"""Counts above this are not believed: they could not be added up exactly."""

_NAME, _UNIT = 1, 3
_GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY = 5, 7, 9, 10, 11
_POINTS, _TEMPORALITY, _IS_MONOTONIC = 1, 2, 3
_CUMULATIVE = 2
_NO_RECORDED_VALUE = np.uint64(1)
_LAST_TIME = np.uint64((1 << 63) - 1)


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
    exemplars: int = 0


_LAYOUTS = {
    _GAUGE: _Layout("gauge", "gauge", exemplars=5),
    _SUM: _Layout("delta_sum", "cumulative_sum", exemplars=5),
    _HISTOGRAM: _Layout(
        "histogram", "cumulative_histogram", attributes=9, minimum=11, maximum=12, flags=10, exemplars=8
    ),
    _EXPONENTIAL: _Layout(
        "exponential_histogram",
        "cumulative_exponential_histogram",
        attributes=1,
        minimum=12,
        maximum=13,
        flags=10,
        exemplars=11,
    ),
    _SUMMARY: _Layout("summary", "cumulative_summary"),
}
_AS_DOUBLE, _AS_INT = 4, 6
_QUANTILES, _QUANTILE, _QUANTILE_VALUE = 6, 1, 2


@dataclass(frozen=True)
class _Points:
    """Data points of one kind. ``metric`` is the number of each point's metric.

    ``is_cumulative`` and ``is_level`` exclude one another: a total since a start, or a level that rises and falls.
    """

    layout: _Layout
    messages: Messages
    fields: Fields
    metric: Ints
    is_cumulative: NDArray[np.bool_]
    is_level: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.messages)

    def bits(self, number: int) -> Bits:
        return self.fields.values(number, I64, len(self))

    def double(self, number: int) -> NDArray[np.float64]:
        """Return a double of each point, NaN where it is not given; 0 where it is minus 0, so that equals are equal."""
        found = self.fields.of(number, I64)
        column = np.full(len(self), np.nan)
        column[found.owner] = found.value.view(np.float64) + 0.0
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
            points = _points(requests, layout, metrics.of(data), data.owner, names)
            decoded.append(_decode(requests, points, _measure(requests, number, points), names, units))
    return decoded, requests.is_bad


def _points(requests: Requests, layout: _Layout, data: Messages, metric: Ints, names: Names) -> _Points:
    fields = requests.scan(data, (_POINTS, _TEMPORALITY, _IS_MONOTONIC))
    is_cumulative = fields.values(_TEMPORALITY, VARINT, len(data)) == _CUMULATIVE
    is_level = np.zeros(len(data), dtype=bool)
    if layout is _LAYOUTS[_GAUGE]:
        is_cumulative[:] = False  # a gauge has no temporality, nor has a summary
    elif layout is _LAYOUTS[_SUMMARY]:
        is_cumulative = ~np.array([name.startswith(PER_PERIOD) for name in names[1]], dtype=bool)[names[0][metric]]
    elif layout is _LAYOUTS[_SUM]:
        is_level = is_cumulative & (fields.values(_IS_MONOTONIC, VARINT, len(data)) == 0)
    found = fields.of(_POINTS, LEN)
    messages, owner = data.of(found), found.owner
    is_total = (is_cumulative & ~is_level)[owner]
    return _Points(layout, messages, requests.scan(messages), metric[owner], is_total, is_level[owner])


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
    count, is_kept = _count(points)
    layout = points.layout
    total, minimum, maximum = (
        np.where(count > 0, _finite(points.double(number)), of_nothing)  # a point without any value must add nothing
        for number, of_nothing in ((layout.total, 0.0), (layout.minimum, np.inf), (layout.maximum, -np.inf))
    )
    return _Measured(count, total, minimum, maximum, buckets, is_kept & buckets.is_sound)


def _count(points: _Points) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the count of each point, and whether it can be believed; 0 is believed, and adds nothing."""
    count = points.bits(points.layout.count)
    is_kept = count <= MAX_COUNT
    return np.where(is_kept, count, 0).astype(np.int64), is_kept


def _finite(column: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(column), column, np.nan)


def _decode(requests: Requests, points: _Points, measured: _Measured, names: Names, units: Names) -> Decoded:
    time = points.bits(points.layout.time)
    series, index = _series(requests, points, measured.buckets, names, units)
    buckets = measured.buckets
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
    cells = replace(cells, times=_times(points, time))
    kept = measured.is_kept
    dropped = np.bincount(points.messages.record[~kept], minlength=len(requests.is_bad))
    found = points.fields.of(points.layout.exemplars, LEN)
    exemplars = exemplars_of(requests, points.messages, found, time, series, np.where(kept, index, -1))
    rows = np.flatnonzero(kept)
    return Decoded(select(cells, kept), points.messages.record[rows], time[rows], dropped, exemplars)


def _times(points: _Points, time: Bits) -> Ints | None:
    """Return start and time of each cumulative point; None if there is none."""
    if not points.is_cumulative.any():
        return None
    both = np.stack([points.bits(points.layout.start), time], axis=1)
    return np.where(points.is_cumulative[:, np.newaxis], np.minimum(both, _LAST_TIME).astype(np.int64), 0)


def _series(
    requests: Requests, points: _Points, buckets: Buckets, names: Names, units: Names
) -> tuple[list[Series], Ints]:
    """Return the series, which may repeat, and the place of each point's."""
    messages, layout = points.messages, points.layout
    attributes = points.fields.of(layout.attributes, LEN)
    pairs = requests.pairs(messages, attributes)
    dimension, dimensions = requests.dimensions(messages, pairs)
    keys = [requests.service(name).replica_attribute for name in requests.services]
    cumulative = np.flatnonzero(points.is_cumulative)
    stream, streams = streams_of(requests, messages, attributes, cumulative, keys)
    replica, replicas = _replicas(requests, messages, pairs, keys)
    (name_id, name), (unit_id, unit) = names, units
    columns = (messages.resource, name_id[points.metric], unit_id[points.metric], dimension, stream, replica)
    index, combinations = series_of((*columns, buckets.bounds_id, points.is_level.astype(np.int64)))
    series = []
    for a, b, c, d, e, f, g, is_level in combinations:
        own = [pair for pair in dimensions[d] if pair[0] != keys[a]]
        own += [(STREAM, streams[e])] if e >= 0 else []
        own += [(REPLICA, replicas[f])] if f >= 0 else []
        kind = _LAYOUTS[_GAUGE].kind if is_level else layout.kind if e < 0 else layout.cumulative_kind
        series.append(
            Series(
                _service_of(requests.services[a], name[b]),
                name[b],
                kind,
                unit=unit[c],
                attributes=tuple(sorted(own)),
                bounds=buckets.bounds[g],
            )
        )
    return series, index


def _service_of(service: str, metric: str) -> str:
    """Return the service that a metric is of: CloudWatch's resources name none, but its metrics their namespace."""
    if service == UNKNOWN_SERVICE and metric.startswith(PER_PERIOD):
        return metric.removeprefix(PER_PERIOD).rpartition("/")[0] or service
    return service


def _replicas(requests: Requests, points: Messages, pairs: Pairs, keys: Sequence[str]) -> tuple[Ints, list[str]]:
    """Return for each point the number of the replica that sent it, -1 if unknown, and the replicas' names.

    ``keys`` names the attribute that tells them, for each resource: a point's own, else its resource's.
    """
    ids = np.full(len(points), -1, dtype=np.int64)
    names: list[str] = []
    for key in sorted({key for key in keys if key}):
        (own,), texts = pairs.columns([key], len(points))
        resources = [(resource_attributes(content) or {}).get(key) for content in requests.resource_bytes]
        inherited = np.array([len(texts) + i if text else -1 for i, text in enumerate(resources)], dtype=np.int64)
        found = np.where(own >= 0, own, inherited[points.resource])
        is_theirs = np.array([one == key for one in keys], dtype=bool)[points.resource] & (found >= 0)
        ids = np.where(is_theirs, found + len(names), ids)
        names += [*texts, *(text or "" for text in resources)]
    return ids, names
