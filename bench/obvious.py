"""The obvious ingest: json, base64, gzip, protobuf objects, one Python loop. A yardstick, and a second opinion.

It does the whole job of ``opsloop.telemetry.ingest.plan`` for traces and logs, and with ``bench.obvious_points`` for
metrics: duplicates by hash, dimensions by catalog under old and new names, errors, minutes, histograms, lineage,
exemplars, and the encoded body.
"""

import base64
import gzip
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.envelope import SERVICE_NAMES, UNKNOWN_SERVICE
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import LOG_RECORDS, SEVERITIES, SPAN_DURATION, SPAN_KINDS, Series
from opsloop.telemetry.payload import detect_signal
from opsloop.telemetry.segment import Share, encode_body
from opsloop.telemetry.semconv import RENAMED

SCALE, ZERO_KEY = 6, -(1 << 19)
STATUS_ERROR, SERVER = 2, 2
MAX_AGE_MINUTES, MAX_AHEAD_MINUTES = 7 * 24 * 60, 10
NS_PER_MINUTE = 60_000_000_000
REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


@dataclass
class Cell:
    """What a minute of a series adds up to; ``buckets`` of the histogram that has ``scale``."""

    scale: int = SCALE
    count: int = 0
    errors: int = 0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    buckets: dict[int, int] = field(default_factory=dict)


@dataclass
class Found:
    """Everything that one event holds."""

    cells: dict[tuple[Series, int], Cell] = field(default_factory=lambda: defaultdict(Cell))
    shares: dict[tuple[str, int], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    exemplars: dict[tuple[Series, int], tuple[float, int, str, str]] = field(default_factory=dict)
    fingerprints: dict[bytes, None] = field(default_factory=dict)
    duplicates: int = 0
    clamped: int = 0
    dropped: int = 0

    @property
    def items(self) -> int:
        """How many spans, log records and data points were counted."""
        return sum(sum(records.values()) for records in self.shares.values())

    def minute(self, service: str, time_ns: int, arrival: int, record: int) -> int:
        """Note one item, and return the minute that it counts in."""
        minute = time_ns // NS_PER_MINUTE
        if not arrival - MAX_AGE_MINUTES <= minute <= arrival + MAX_AHEAD_MINUTES:
            self.clamped += 1
            minute = arrival
        records = self.shares[service, minute - minute % 60]
        records[record] = records.get(record, 0) + 1
        return minute

    def body(self) -> bytes:
        """Return the body of the segment."""
        shares = [
            Share(service, hour, len(records), sum(records.values()))
            for (service, hour), records in self.shares.items()
        ]
        exemplars = tuple(
            Exemplar(series, hour, *one) for (series, hour), one in sorted(self.exemplars.items()) if one[2]
        )
        return encode_body(self.aggregate(), tuple(sorted(shares)), exemplars)

    def aggregate(self) -> Aggregate:
        """Return the cells in canonical form."""
        places = sorted(self.cells)
        cells = [self.cells[place] for place in places]
        series = list(dict.fromkeys(one for one, _ in places))
        number = {one: at for at, one in enumerate(series)}
        buckets = [bucket for cell in cells for bucket in sorted(cell.buckets.items())]
        return Aggregate(
            series=tuple(series),
            series_index=np.array([number[one] for one, _ in places], dtype=np.int32),
            minute=np.array([minute for _, minute in places], dtype=np.int64),
            count=np.array([cell.count for cell in cells], dtype=np.int64),
            errors=np.array([cell.errors for cell in cells], dtype=np.int64),
            total=np.array([cell.total for cell in cells], dtype=np.float64),
            minimum=np.array([cell.minimum for cell in cells], dtype=np.float64),
            maximum=np.array([cell.maximum for cell in cells], dtype=np.float64),
            scale=np.array([cell.scale for cell in cells], dtype=np.int8),
            bucket_start=np.cumsum([0, *(len(cell.buckets) for cell in cells)], dtype=np.int64),
            bucket_key=np.array([key for key, _ in buckets], dtype=np.int32),
            bucket_count=np.array([count for _, count in buckets], dtype=np.int64),
        )


def ingest(event: bytes, catalog: Catalog) -> tuple[Found, bytes]:
    """Return what a Kinesis event holds, and the body of its segment."""
    from bench.obvious_points import add_point, points_of

    found = Found()
    for number, record in enumerate(json.loads(event)["Records"]):
        data = base64.b64decode(record["kinesis"]["data"])
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        mark = hashlib.sha256(data).digest()
        if mark in found.fingerprints:
            found.duplicates += 1
            continue
        found.fingerprints[mark] = None
        arrival = int(record["kinesis"]["approximateArrivalTimestamp"]) // 60
        signal = detect_signal(data)
        request = REQUESTS[signal].FromString(data)
        if signal == "traces":
            for service, resource, span in _items(request.resource_spans, "scope_spans", "spans"):
                _add_span(found, catalog, service, resource, span, arrival, number)
        elif signal == "logs":
            for service, resource, one in _items(request.resource_logs, "scope_logs", "log_records"):
                _add_log(found, catalog, service, resource, one, arrival, number)
        else:
            for service, resource, metric in _items(request.resource_metrics, "scope_metrics", "metrics"):
                for kind, data_of_kind, point in points_of(metric):
                    add_point(found, catalog, (service, resource), metric, kind, data_of_kind, point, arrival, number)
    return found, found.body()


def _items(groups: Any, scopes: str, items: str) -> Iterator[tuple[str, dict[str, str], Any]]:
    for group in groups:
        resource = texts(group.resource.attributes)
        service = next((resource[name] for name in SERVICE_NAMES if resource.get(name)), UNKNOWN_SERVICE)
        for scope in getattr(group, scopes):
            for item in getattr(scope, items):
                yield service, resource, item


def _add_span(
    found: Found, catalog: Catalog, service: str, resource: dict[str, str], span: Any, arrival: int, record: int
) -> None:
    attributes = texts(span.attributes)
    kind = span.kind if 0 <= span.kind < len(SPAN_KINDS) else 0
    declared = catalog.service(service)
    is_error = span.status.code == STATUS_ERROR
    if kind == SERVER and not is_error:
        status = attributes.get("http.response.status_code", "")
        is_error = status.isdecimal() and int(status) >= (400 if declared.counts_4xx_as_errors else 500)
    start = span.start_time_unix_nano
    duration = float(max(span.end_time_unix_nano - start, 0))
    own = chosen(declared.dimensions, attributes, resource)
    series = Series(service, SPAN_DURATION, SPAN_KINDS[kind], span.name, "ns", own)
    minute = found.minute(service, start, arrival, record)
    cell = found.cells[series, minute]
    cell.count += 1
    cell.errors += is_error
    cell.total += duration
    cell.minimum, cell.maximum = min(cell.minimum, duration), max(cell.maximum, duration)
    key = bucket_key(duration)
    cell.buckets[key] = cell.buckets.get(key, 0) + 1
    place = series, minute - minute % 60
    if place not in found.exemplars or (duration, start) >= found.exemplars[place][:2]:
        is_known = len(span.trace_id) == 16 and len(span.span_id) == 8
        ids = (span.trace_id.hex(), span.span_id.hex()) if is_known else ("", "")
        found.exemplars[place] = max(found.exemplars.get(place, (-1.0, 0, "", "")), (duration, start, *ids))


def _add_log(
    found: Found, catalog: Catalog, service: str, resource: dict[str, str], one: Any, arrival: int, record: int
) -> None:
    number = one.severity_number if 1 <= one.severity_number <= 24 else 0
    own = chosen(catalog.service(service).dimensions, texts(one.attributes), resource)
    series = Series(service, LOG_RECORDS, SEVERITIES[(number + 3) // 4], attributes=own)
    minute = found.minute(service, one.time_unix_nano or one.observed_time_unix_nano, arrival, record)
    cell = found.cells[series, minute]
    cell.count += 1
    cell.errors += number >= 17
    cell.minimum = cell.maximum = math.nan


def texts(pairs: Any) -> dict[str, str]:
    """Return the scalar attributes as text, under their new names; an attribute of a new name wins."""
    found, old = {}, {}
    for pair in pairs:
        which = pair.value.WhichOneof("value")
        if which == "string_value":
            text = pair.value.string_value
        elif which == "int_value":
            text = str(pair.value.int_value)
        elif which == "bool_value":
            text = "true" if pair.value.bool_value else "false"
        elif which == "double_value":
            text = repr(pair.value.double_value)
        else:
            continue
        if pair.key in RENAMED:
            old[RENAMED[pair.key]] = text
        else:
            found[pair.key] = text
    return {**old, **found} if old else found


def chosen(dimensions: tuple[str, ...], own: dict[str, str], resource: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the attributes by which the service's series are told apart."""
    pairs = []
    for name in sorted({RENAMED.get(name, name) for name in dimensions}):
        text = own.get(name, resource.get(name))
        if text is not None:
            pairs.append((name, text))
    return tuple(pairs)


def bucket_key(value: float) -> int:
    """Return the bucket of a value that is not negative, at scale 6."""
    return math.ceil(math.log2(value) * 64) - 1 if value else ZERO_KEY
