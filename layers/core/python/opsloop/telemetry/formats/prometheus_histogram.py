"""Histograms of Prometheus -> OTLP histogram points (without labels and exemplars).

* Native ones: scale is the schema; a bucket of Prometheus ends where it counts from, so index i is index i - 1 in
  OTLP. Spans and deltas become one dense list. Schema -53 (custom buckets) is an explicit histogram. Counts of float
  histograms are rounded: OTLP counts whole observations. A gauge histogram has no form in OTLP, and is refused.
* Classic ones are many series; see ``assemble``.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from opsloop.telemetry.fault import INVALID_ITEM, UnreadableError
from opsloop.telemetry.formats.otlp_writer import double, embed, fixed64, number, sint
from opsloop.telemetry.formats.prometheus_model import (
    EXPONENTIAL,
    HISTOGRAM,
    NO_RECORDED_VALUE,
    NS_PER_MS,
    STALE,
    Meta,
    Sample,
    Series,
)
from opsloop.telemetry.formats.proto import Value
from opsloop.telemetry.otlp_json import varint

MAX_BUCKETS = 20_000  # of one side, gaps between its spans included; 60 octaves at the finest schema are 15,360
_CUSTOM = -53
_LOWEST_SCHEMA, _HIGHEST_SCHEMA = -4, 8
_GAUGE_HINT = 3
_MAX_COUNT = 1 << 64
_INFINITIES = ("+Inf", "Inf", "+inf", "inf")


def native(histograms: Sequence[Value]) -> list[tuple[int, bytes]]:
    """Return each native histogram as the field of a metric that it goes to, and its point.

    Raises ``UnreadableError`` if one has buckets that cannot be.
    """
    return [_native(one) for one in histograms]


def _native(one: Value) -> tuple[int, bytes]:
    times = fixed64(2, one["start"] * NS_PER_MS) + fixed64(3, one["timestamp"] * NS_PER_MS)
    schema = one.get("schema", 0)
    kind = HISTOGRAM if schema == _CUSTOM else EXPONENTIAL
    if one.get("sum", 0) == STALE:
        return kind, times + number(10, NO_RECORDED_VALUE)
    if one.get("reset_hint", 0) == _GAUGE_HINT:
        raise UnreadableError("a gauge histogram, which has no form in OTLP", INVALID_ITEM)
    if schema != _CUSTOM and not _LOWEST_SCHEMA <= schema <= _HIGHEST_SCHEMA:
        raise UnreadableError(f"histogram schema {schema} is not between -4 and 8, nor -53", INVALID_ITEM)
    first, positive = _dense(one, "positive")
    of_total = double(5, struct.unpack("<d", one.get("sum", 0).to_bytes(8, "little"))[0])
    if schema == _CUSTOM:
        return kind, times + fixed64(4, _count(one, positive, 0)) + of_total + _explicit(one, first, positive)
    lowest, negative = _dense(one, "negative")
    zero = _whole(one.get("zero_count_int", one.get("zero_count_float", 0.0)) or 0)
    return kind, b"".join(
        (
            times,
            fixed64(4, _count(one, [*positive, *negative], zero)),
            of_total,
            sint(6, schema),
            fixed64(7, zero),
            embed(8, _buckets(first - 1, positive)) if positive else b"",
            embed(9, _buckets(lowest - 1, negative)) if negative else b"",
            double(14, one["zero_threshold"]) if one.get("zero_threshold") else b"",
        )
    )


def _dense(one: Value, side: str) -> tuple[int, list[int]]:
    """Return the index of the first bucket of a side, and the counts from there on without gaps."""
    spans = one.get(f"{side}_spans", [])
    deltas = one.get(f"{side}_deltas")
    counts = list(accumulate(deltas)) if deltas else [_whole(value) for value in one.get(f"{side}_counts", [])]
    if sum(span.get("length", 0) for span in spans) != len(counts):
        raise UnreadableError(f"{side} spans and {len(counts)} buckets do not fit", INVALID_ITEM)
    if any(not 0 <= count < _MAX_COUNT for count in counts):
        raise UnreadableError(f"a {side} bucket has a count below 0 or beyond 64 bits", INVALID_ITEM)
    found: list[int] = []
    taken = 0
    for place, span in enumerate(spans):
        gap, length = span.get("offset", 0), span.get("length", 0)
        if place and gap < 0:
            raise UnreadableError(f"{side} spans overlap", INVALID_ITEM)
        if len(found) + length + (gap if place else 0) > MAX_BUCKETS:
            raise UnreadableError(f"more than {MAX_BUCKETS} {side} buckets", INVALID_ITEM)
        found += [0] * (gap if place else 0) + counts[taken : taken + length]
        taken += length
    return (spans[0].get("offset", 0) if spans else 0), found


def _explicit(one: Value, first: int, counts: list[int]) -> bytes:
    bounds = one.get("custom_values", [])
    if first < 0 or first + len(counts) > len(bounds) + 1 or len(bounds) > MAX_BUCKETS:
        raise UnreadableError(f"buckets {first} to {first + len(counts)} of {len(bounds)} bounds", INVALID_ITEM)
    whole = [0] * first + counts + [0] * (len(bounds) + 1 - first - len(counts))
    return explicit(bounds, whole)


def explicit(bounds: Sequence[float], counts: Sequence[int]) -> bytes:
    """Return the bounds and the counts between them as fields of an OTLP histogram point."""
    if not all(math.isfinite(bound) for bound in bounds) or any(a >= b for a, b in pairwise(bounds)):
        raise UnreadableError("bounds do not rise", INVALID_ITEM)
    packed_counts = struct.pack(f"<{len(counts)}Q", *counts)
    return embed(6, packed_counts) + (embed(7, struct.pack(f"<{len(bounds)}d", *bounds)) if bounds else b"")


def _buckets(offset: int, counts: Sequence[int]) -> bytes:
    if not -(1 << 31) <= offset < 1 << 31:
        raise UnreadableError(f"bucket index {offset} does not fit 32 bits", INVALID_ITEM)
    return sint(1, offset) + embed(2, b"".join(map(varint, counts)))


def _count(one: Value, buckets: Sequence[int], zero: int) -> int:
    """Return the count; that of a float histogram is the sum of its rounded buckets, so that they agree."""
    if "count_float" in one:
        return sum(buckets) + zero
    return int(one.get("count_int", 0))


def _whole(value: float) -> int:
    if not math.isfinite(value) or value < 0:
        raise UnreadableError(f"{value} is no count", INVALID_ITEM)
    return round(value)


def assemble(series: Sequence[Series]) -> Iterator[tuple[Series, bytes]]:
    """Yield the classic histograms of a request: a series of the family's name, and a point for each time.

    At one time and under the same labels, a histogram is whole if there is a bucket ``+Inf``, a ``_count`` equal to
    it, and no bucket counts less than the one below. The samples that it is made of are marked as ``taken``.
    """
    parts: dict[tuple[str, frozenset[tuple[str, str]]], _Family] = {}
    for one in series:
        base, _, suffix = one.name.rpartition("_")
        if suffix == "bucket" and "le" in one.labels:
            labels = {name: value for name, value in one.labels.items() if name != "le"}
            parts.setdefault((base, frozenset(labels.items())), _Family(base, labels)).buckets.append(one)
    for one in series:
        base, _, suffix = one.name.rpartition("_")
        family = parts.get((base, frozenset(one.labels.items()))) if suffix in ("count", "sum") else None
        if family is not None:
            family.others[suffix] = one
    for family in parts.values():
        yield from family.points()


class _Family:
    """The series of one classic histogram."""

    def __init__(self, name: str, labels: dict[str, str]) -> None:
        self._name, self._labels = name, labels
        self.buckets: list[Series] = []
        self.others: dict[str, Series] = {}

    def points(self) -> Iterator[tuple[Series, bytes]]:
        """Yield a series to stand for the whole, and the point, of each time at which the histogram is whole."""
        count_series = self.others.get("count")
        if count_series is None or self.buckets[0].meta.type not in ("", "unknown", "histogram"):
            return
        bounds = {_bound(one.labels["le"]): one for one in self.buckets}
        if None in bounds or len(bounds) != len(self.buckets):
            return
        ordered = [bounds[bound] for bound in sorted(bound for bound in bounds if bound is not None)]
        exemplars = [exemplar for one in ordered for exemplar in one.exemplars]
        meta: Meta = ordered[0].meta
        for sample in count_series.samples:
            point = self._point(sorted(bound for bound in bounds if bound is not None), ordered, sample)
            if point is not None:
                yield Series(self._name, self._labels, [], [], exemplars, meta), point
                exemplars = []

    def _point(self, bounds: list[float], ordered: list[Series], count: Sample) -> bytes | None:
        found = [_at(one, count.time_ms) for one in ordered]
        total = _at(self.others["sum"], count.time_ms) if "sum" in self.others else None
        samples = [sample for sample in found if sample is not None]
        if len(samples) != len(ordered) or bounds[-1] != math.inf:
            return None
        values = [sample.value for sample in samples]
        times = fixed64(2, count.start_ms * NS_PER_MS) + fixed64(3, count.time_ms * NS_PER_MS)
        if count.is_stale and all(sample.is_stale for sample in samples):
            self._take(ordered, count.time_ms)
            return times + number(10, NO_RECORDED_VALUE)
        if not all(value.is_integer() and 0 <= value < 2**63 for value in (*values, count.value)):
            return None
        if values[-1] != count.value or any(a > b for a, b in pairwise(values)):
            return None
        counts = [int(b - a) for a, b in zip([0.0, *values], values, strict=False)]
        self._take(ordered, count.time_ms)
        of_total = double(5, total.value) if total is not None and not total.is_stale else b""
        return times + fixed64(4, int(count.value)) + of_total + explicit(bounds[:-1], counts)

    def _take(self, ordered: list[Series], time_ms: int) -> None:
        for one in (*ordered, *self.others.values()):
            one.taken.add(time_ms)


def _at(series: Series, time_ms: int) -> Sample | None:
    return next((sample for sample in series.samples if sample.time_ms == time_ms), None)


def _bound(text: str) -> float | None:
    if text in _INFINITIES:
        return math.inf
    try:
        bound = float(text)
    except ValueError:
        return None
    return bound if math.isfinite(bound) else None
