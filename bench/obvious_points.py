"""The obvious ingest of metric points, see ``bench.obvious``: gauges, sums, histograms of both kinds, summaries."""

import math
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from bench.obvious import SCALE, ZERO_KEY, Found, bucket_key, chosen, texts
from opsloop.catalog import Catalog
from opsloop.telemetry.aggregate import EXPLICIT
from opsloop.telemetry.model import Series

CUMULATIVE, NO_RECORDED_VALUE, NEGATIVE_BASE = 2, 1, -(1 << 20)
Measured = tuple[str, tuple[float, ...], int, float, float, float, int, dict[int, int]]
"""Kind, bounds, count, sum, minimum, maximum, scale and buckets of a point."""


def points_of(metric: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the points of a metric, each with its kind and what holds it."""
    kind = metric.WhichOneof("data")
    if kind:
        data = getattr(metric, kind)
        for point in data.data_points:
            yield kind, data, point


def add_point(
    found: Found,
    catalog: Catalog,
    source: tuple[str, dict[str, str]],
    metric: Any,
    kind: str,
    data: Any,
    point: Any,
    arrival: int,
    record: int,
) -> None:
    """Add one data point to its cell; one without a usable number is dropped."""
    measured = None if point.flags & NO_RECORDED_VALUE else _measured(kind, data, point)
    if measured is None:
        found.dropped += 1
        return
    kind, bounds, count, total, minimum, maximum, scale, buckets = measured
    service, resource = source
    own = chosen(catalog.service(service).dimensions, texts(point.attributes), resource)
    if kind.startswith("cumulative"):
        own = tuple(sorted((*own, ("stream", _stream(resource, point)))))
    minute = found.minute(service, point.time_unix_nano, arrival, record)
    cell = found.cells[Series(service, metric.name, kind, "", metric.unit, own, bounds), minute]
    if not cell.count:
        cell.scale = scale
    elif scale < cell.scale and scale != EXPLICIT:
        cell.buckets = _coarser(cell.buckets, cell.scale - scale)
        cell.scale = scale
    elif scale > cell.scale:
        buckets = _coarser(buckets, scale - cell.scale)
    cell.count += count
    cell.total += total
    cell.minimum, cell.maximum = min(cell.minimum, minimum), max(cell.maximum, maximum)
    for key, number in buckets.items():
        cell.buckets[key] = cell.buckets.get(key, 0) + number


def _measured(kind: str, data: Any, point: Any) -> Measured | None:
    if kind in ("gauge", "sum"):
        return _number(kind, data, point)
    if kind == "summary":
        ends = {one.quantile: one.value for one in point.quantile_values}
        return "summary", (), point.count, point.sum, ends.get(0.0, math.nan), ends.get(1.0, math.nan), SCALE, {}
    if data.aggregation_temporality == CUMULATIVE:
        value = float(point.count)
        return f"cumulative_{kind}", (), 1, value, value, value, SCALE, {}
    minimum = point.min if point.HasField("min") else (math.nan if point.count else math.inf)
    maximum = point.max if point.HasField("max") else (math.nan if point.count else -math.inf)
    total = point.sum if point.HasField("sum") else math.nan
    if kind == "histogram":
        buckets = {place: count for place, count in enumerate(point.bucket_counts) if count}
        return kind, tuple(point.explicit_bounds), point.count, total, minimum, maximum, EXPLICIT, buckets
    buckets = {}
    if point.zero_count:
        buckets[ZERO_KEY] = point.zero_count
    finer = max(point.scale - SCALE, 0)
    for place, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        if count:
            buckets[place >> finer] = buckets.get(place >> finer, 0) + count
    for place, count in enumerate(point.negative.bucket_counts, point.negative.offset):
        if count:
            key = NEGATIVE_BASE - (place >> finer)
            buckets[key] = buckets.get(key, 0) + count
    return kind, (), point.count, total, minimum, maximum, min(point.scale, SCALE), buckets


def _number(kind: str, data: Any, point: Any) -> Measured | None:
    which = point.WhichOneof("value")
    value = float(point.as_int if which == "as_int" else point.as_double)
    if not which or not math.isfinite(value):
        return None
    if kind == "sum" and data.aggregation_temporality == CUMULATIVE:
        if data.is_monotonic:
            return "cumulative_sum", (), 1, value, value, value, SCALE, {}
        kind = "gauge"
    key = bucket_key(value) if value >= 0 else NEGATIVE_BASE - bucket_key(-value)
    return "delta_sum" if kind == "sum" else kind, (), 1, value, value, value, SCALE, {key: 1}


def _coarser(buckets: dict[int, int], by: int) -> dict[int, int]:
    merged: dict[int, int] = {}
    for key, count in buckets.items():
        if key < ZERO_KEY:
            key = NEGATIVE_BASE - ((NEGATIVE_BASE - key) >> by)
        elif key != ZERO_KEY:
            key >>= by
        merged[key] = merged.get(key, 0) + count
    return merged


def _stream(resource: dict[str, str], point: Any) -> str:
    """Return the name of what one process counts under one set of attributes since one start."""
    start = point.start_time_unix_nano
    parts = [*sorted(resource.items()), *sorted(pair.SerializeToString() for pair in point.attributes), start]
    return f"{start // 1_000_000_000}-{blake2b(repr(parts).encode(), digest_size=8).hexdigest()}"
