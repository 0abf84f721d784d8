"""The second method: the same aggregates by protobuf objects, plain loops, and exact arithmetic."""

import math
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.model import Series

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
SEVERITIES = ("unspecified", "trace", "debug", "info", "warn", "error", "fatal")
NAMES = [
    "service.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
    "k8s.pod.name",
    "faas.name",
    "container.name",
    "host.name",
    "k8s.node.name",
    "k8s.cluster.name",
]
EXPLICIT, ZERO = 127, -(1 << 19)


@dataclass
class Cell:
    """What one series and minute amounts to."""

    count: int = 0
    errors: int = 0
    totals: list[float] = field(default_factory=list)
    minima: list[float] = field(default_factory=list)
    maxima: list[float] = field(default_factory=list)
    buckets: list[tuple[int, Counter[int]]] = field(default_factory=list)

    def add(
        self, count: int, errors: int, low: float, high: float, total: float, scale: int, keys: Counter[int]
    ) -> None:
        self.count += count
        self.errors += errors
        self.totals.append(total)
        self.minima.append(low)
        self.maxima.append(high)
        self.buckets.append((scale, keys))

    def merged(self) -> tuple[int, int, float, float, float, int, dict[int, int]]:
        scale = min(scale for scale, _ in self.buckets)
        keys: Counter[int] = Counter()
        for own, counts in self.buckets:
            for key, count in counts.items():
                keys[coarser(key, own - scale) if scale != EXPLICIT else key] += count
        low = math.nan if any(map(math.isnan, self.minima)) else min(self.minima)
        high = math.nan if any(map(math.isnan, self.maxima)) else max(self.maxima)
        return self.count, self.errors, math.fsum(self.totals), low, high, scale, dict(sorted(keys.items()))


Cells = defaultdict[tuple[Any, ...], Cell]


@lru_cache(maxsize=100_000)
def index(value: float, scale: int = 6) -> int:
    """OTel's definition: the i for which base**i < value <= base**(i+1), found by rational arithmetic."""
    per_octave = 1 << scale
    guess = math.ceil(math.log2(value) * per_octave) - 1
    exact = Fraction(value) ** per_octave
    while exact > Fraction(2) ** (guess + 1):
        guess += 1
    while exact <= Fraction(2) ** guess:
        guess -= 1
    return guess


def key(value: float) -> int:
    """Our key of a value at scale 6."""
    if value == 0:
        return ZERO
    place = index(max(abs(value), 2.2250738585072014e-308))
    return place if value > 0 else -(1 << 20) - place


def coarser(one: int, by: int) -> int:
    """A key at a scale coarser by ``by``: floor division of the index."""
    if one == ZERO:
        return ZERO
    return -(1 << 20) - ((-(1 << 20) - one) // 2**by) if one < ZERO else one // 2**by


def as_dict(aggregate: Aggregate) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """An aggregate in the form of ``Cell.merged``; states also by their start and time."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for i in range(len(aggregate)):
        buckets = slice(aggregate.bucket_start[i], aggregate.bucket_start[i + 1])
        series = aggregate.series[aggregate.series_index[i]]
        place = series, int(aggregate.minute[i])
        if series.kind.startswith("cumulative"):
            place = (*place, *map(int, aggregate.times[i]))
        assert place not in found
        found[place] = (
            int(aggregate.count[i]),
            int(aggregate.errors[i]),
            float(aggregate.total[i]),
            float(aggregate.minimum[i]),
            float(aggregate.maximum[i]),
            int(aggregate.scale[i]),
            dict(zip(aggregate.bucket_key[buckets].tolist(), aggregate.bucket_count[buckets].tolist(), strict=True)),
        )
    return found


def text(value: Any) -> str | None:
    """A scalar attribute as text."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return repr(value.double_value)
    return None


def scalars(pairs: Any) -> dict[str, str]:
    """Attributes that have a text."""
    return {pair.key: found for pair in pairs if (found := text(pair.value)) is not None}


def service(resource: Any) -> str:
    """The name that a resource is counted under."""
    attributes = scalars(resource.attributes)
    return next((attributes[name] for name in NAMES if attributes.get(name)), "unknown_service")


def owner(resource: Any, metric: str) -> str:
    """The service of a metric: of a resource without a name, CloudWatch's namespace."""
    domain, _, path = metric.partition("/")
    is_cloudwatch = domain == "amazonaws.com" and "/" in path
    return path[: path.rindex("/")] if is_cloudwatch and service(resource) == "unknown_service" else service(resource)


def chosen(dimensions: tuple[str, ...], own: Any, resource: Any) -> tuple[tuple[str, str], ...]:
    """The allowed attributes."""
    both = scalars(resource.attributes) | scalars(own)
    return tuple((name, both[name]) for name in sorted(dimensions) if name in both)


def minute(time_ns: int, arrival: int) -> int:
    """The minute of a time, that of arrival if it is 7 days older or 10 minutes newer."""
    found = time_ns // 60_000_000_000
    return found if arrival - 7 * 1440 <= found <= arrival + 10 else arrival


def decode(signal: str, body: bytes, arrival: int, dimensions: tuple[str, ...] = ()) -> dict[Any, Any]:
    """Every series and minute of one request."""
    cells: Cells = defaultdict(Cell)
    {"traces": _traces, "logs": _logs, "metrics": _metrics}[signal](cells, body, arrival, dimensions)
    return last_states({place: cell.merged() for place, cell in cells.items()})


def last_states(found: dict[tuple[Any, ...], tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Of the states of one stream, start, minute and ten seconds the last; one at its own start stays besides."""
    kept: dict[Any, Any] = {}
    for place, cell in found.items():
        slot = place
        if len(place) > 2:
            series, minute, since, at = place
            slot = (series, minute, since, "start" if at == since else at // 10**10)
        if slot not in kept or len(place) == 2 or place[3] > kept[slot][0][3]:
            kept[slot] = place, cell
    return dict(kept.values())


def _traces(cells: Cells, body: bytes, arrival: int, dimensions: tuple[str, ...]) -> None:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        for span in (span for scope in group.scope_spans for span in scope.spans):
            kind = KINDS[span.kind] if 0 <= span.kind < 6 else "unspecified"
            duration = float(max(span.end_time_unix_nano - span.start_time_unix_nano, 0))
            attributes = scalars(span.attributes)
            codes = [attributes.get(name, "") for name in ("http.response.status_code", "http.status_code")]
            is_error = span.status.code == 2 or (
                kind == "server" and any(code.isdecimal() and int(code) >= 500 for code in codes)
            )
            own = chosen(dimensions, span.attributes, group.resource)
            one = Series(service(group.resource), "span.duration", kind, span.name, "ns", own)
            cells[one, minute(span.start_time_unix_nano, arrival)].add(
                1, int(is_error), duration, duration, duration, 6, Counter([key(duration)])
            )


def _logs(cells: Cells, body: bytes, arrival: int, dimensions: tuple[str, ...]) -> None:
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        for record in (record for scope in group.scope_logs for record in scope.log_records):
            number = record.severity_number if 1 <= record.severity_number <= 24 else 0
            own = chosen(dimensions, record.attributes, group.resource)
            one = Series(service(group.resource), "log.records", SEVERITIES[(number + 3) // 4], attributes=own)
            at = minute(record.time_unix_nano or record.observed_time_unix_nano, arrival)
            cells[one, at].add(1, int(number >= 17), math.nan, math.nan, 0.0, 6, Counter())


def _metrics(cells: Cells, body: bytes, arrival: int, dimensions: tuple[str, ...]) -> None:
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
            which = metric.WhichOneof("data")
            for point in getattr(metric, which).data_points if which else ():
                if point.flags & 1:
                    continue
                for kind, bounds, numbers in _point(which, metric, point):
                    own = chosen(dimensions, point.attributes, group.resource)
                    at: tuple[int, ...] = (minute(point.time_unix_nano, arrival),)
                    if is_cumulative := kind.startswith("cumulative"):
                        own = tuple(sorted([*own, ("opsloop.stream", stream(group.resource, point))]))
                        last = 2**63 - 1
                        at = (*at, min(point.start_time_unix_nano, last), min(point.time_unix_nano, last))
                    one = Series(owner(group.resource, metric.name), metric.name, kind, "", metric.unit, own, bounds)
                    cell = cells[one, *at]
                    if is_cumulative and cell.totals:
                        there = (cell.count, cell.totals[0], cell.minima[0], cell.maxima[0])
                        if rank(there) > rank((numbers[0], numbers[3], numbers[1], numbers[2])):
                            continue
                        cells[one, *at] = cell = Cell()
                    cell.add(numbers[0], 0, *numbers[1:])


def rank(numbers: tuple[float, ...]) -> tuple[tuple[bool, float], ...]:
    """An order of states of one time, in which NaN is the greatest."""
    return tuple((math.isnan(one), 0.0 if math.isnan(one) else one) for one in numbers)


def stream(resource: Any, point: Any) -> str:
    """The name of a cumulative stream: a hash of its resource and its attributes in any order."""
    digest = blake2b(digest_size=8)
    for part in (resource.SerializeToString(), *sorted(pair.SerializeToString() for pair in point.attributes)):
        digest.update(struct.pack(">I", len(part)) + part)
    return digest.hexdigest()


def _point(which: str, metric: Any, point: Any) -> Iterator[tuple[str, tuple[float, ...], tuple[Any, ...]]]:
    """Yield kind, bounds and numbers of a point: count, minimum, maximum, sum, scale, buckets."""
    data = getattr(metric, which)
    has_temporality = which in ("sum", "histogram", "exponential_histogram")
    is_cumulative = has_temporality and data.aggregation_temporality == 2
    is_state = is_cumulative and which == "sum" and not data.is_monotonic
    prefix = "cumulative_" if is_cumulative else ""
    if is_cumulative and which == "sum" and not is_state:
        value = float(point.as_int or point.as_double)
        if point.WhichOneof("value") and math.isfinite(value):
            yield "cumulative_sum", (), (1, value, value, value, 6, Counter())
    elif which in ("gauge", "sum"):
        value = float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)
        if point.WhichOneof("value") and math.isfinite(value):
            yield (
                "gauge" if is_state or which == "gauge" else "delta_sum",
                (),
                (1, value, value, value, 6, Counter([key(value)])),
            )
    elif which == "summary":
        ends = {quantile.quantile: quantile.value for quantile in point.quantile_values}
        low, high = ends.get(0.0, math.nan), ends.get(1.0, math.nan)
        kind = "summary" if metric.name.startswith("amazonaws.com/") else "cumulative_summary"
        yield kind, (), (point.count, low, high, point.sum, 6, Counter())
    else:
        low, high = (
            getattr(point, side) if point.HasField(side) else (math.nan if point.count else empty)
            for side, empty in (("min", math.inf), ("max", -math.inf))
        )
        total = point.sum if point.HasField("sum") else (math.nan if point.count else 0.0)
        if which == "histogram":
            buckets = Counter({i: count for i, count in enumerate(point.bucket_counts) if count})
            yield prefix + "histogram", tuple(point.explicit_bounds), (point.count, low, high, total, EXPLICIT, buckets)
        else:
            buckets = Counter({ZERO: point.zero_count} if point.zero_count else {})
            finer = max(point.scale - 6, 0)
            for i, count in enumerate(point.positive.bucket_counts):
                buckets[(point.positive.offset + i) // 2**finer] += count
            for i, count in enumerate(point.negative.bucket_counts):
                buckets[-(1 << 20) - (point.negative.offset + i) // 2**finer] += count
            scale = min(point.scale, 6)
            yield prefix + "exponential_histogram", (), (point.count, low, high, total, scale, +buckets)
