"""Kinesis events for ``bench.ingest``, about as large as Lambda delivers them: 6 MB, or as many items if compressed."""

import base64
import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

EVENT_BYTES = 6_000_000
START_NS = 1_763_712_000 * 1_000_000_000
ARRIVAL_S = START_NS / 1e9 + 120
SERVICES, ROUTES = 5, 6
BOUNDS_MS = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0)


@dataclass(frozen=True)
class Case:
    """Records of ``items`` each; ``records`` of them, or as many as fit into an event."""

    name: str
    make: Callable[[random.Random, int], bytes]
    items: int
    is_gzipped: bool = False
    records: int = 0


def make_event(case: Case, *, seed: int = 1) -> bytes:
    """Return the bytes of a Kinesis event."""
    chance = random.Random(seed)
    records: list[dict[str, Any]] = []
    size = 0
    while len(records) < case.records or not case.records:
        body = case.make(chance, case.items)
        record = kinesis_record(gzip.compress(body, 1) if case.is_gzipped else body, len(records) + 1)
        size += len(json.dumps(record))
        if not case.records and size > EVENT_BYTES:
            break
        records.append(record)
    return json.dumps({"Records": records}).encode()


def kinesis_record(data: bytes, number: int) -> dict[str, Any]:
    """Return one record as Lambda delivers it."""
    sequence = str(49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898 + number)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"key-{number}",
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": ARRIVAL_S,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/ingest",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/telemetry",
    }


def spans(chance: random.Random, count: int) -> bytes:
    """Return a trace request: spans of one service over two minutes, 461 bytes and eight attributes each."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    _describe(group.resource, chance)
    scope = group.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.asgi"
    for _ in range(count):
        route = chance.randrange(ROUTES)
        start = START_NS + chance.randrange(120_000_000_000)
        span = scope.spans.add(
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            parent_span_id=chance.randbytes(8),
            name=f"GET /shop/v1/route-{route}/{{id}}",
            kind=chance.choice([2, 2, 3, 1]),
            start_time_unix_nano=start,
            end_time_unix_nano=start + int(chance.lognormvariate(17, 1)) + 1,
            flags=257,
        )
        status = chance.choice([200] * 17 + [404, 404, 503])
        _attribute(span, "http.request.method", "GET")
        _attribute(span, "url.path", f"/shop/v1/route-{route}/{chance.randrange(10**9):09}")
        _attribute(span, "server.address", f"ip-10-0-{chance.randrange(4)}-17.eu-west-1.compute.internal")
        _attribute(
            span,
            "user_agent.original",
            f"shop-mobile/{chance.randrange(9)}.3 (linux; arm64; build 20261121.114) okhttp/4.12",
        )
        _attribute(span, "network.peer.address", f"10.0.3.{chance.randrange(100, 250)}")
        _attribute(span, "tenant", f"tenant-{chance.randrange(50):03}")
        span.attributes.add(key="http.response.status_code").value.int_value = status
        _attribute(span, "http.route", f"/shop/v1/route-{route}/{{id}}")
        if status == 503:
            span.status.code = 2
    body: bytes = request.SerializeToString()
    return body


def logs(chance: random.Random, count: int) -> bytes:
    """Return a log request of one service: records of some 195 bytes with two attributes each."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    _describe(group.resource, chance)
    scope = group.scope_logs.add()
    for _ in range(count):
        time_ns = START_NS + chance.randrange(120_000_000_000)
        severity = chance.choice([9, 9, 9, 9, 5, 13, 17])
        record = scope.log_records.add(
            time_unix_nano=time_ns,
            observed_time_unix_nano=time_ns + 1_000,
            severity_number=severity,
            severity_text="INFO",
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            flags=1,
        )
        record.body.string_value = f"order {chance.randrange(10**6)} was handled in {chance.randrange(900)} ms"
        _attribute(record, "logger.name", f"shop.orders.worker-{chance.randrange(20)}")
        _attribute(record, "http.route", f"/shop/v1/route-{chance.randrange(ROUTES)}/{{id}}")
    body: bytes = request.SerializeToString()
    return body


def points(chance: random.Random, count: int) -> bytes:
    """Return a metric request of one service: gauges, delta sums, delta histograms of both kinds, by turns."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    _describe(group.resource, chance)
    scope = group.scope_metrics.add()
    for place in range(count):
        kind = ("gauge", "sum", "histogram", "exponential_histogram")[place % 4]
        if place < 4:
            scope.metrics.add(name=f"http.server.{kind}", unit="ms", description=f"A {kind} of the shop.")
        data = getattr(scope.metrics[place % 4], kind)
        if kind != "gauge":
            data.aggregation_temporality = 1
        time_ns = START_NS + chance.randrange(120_000_000_000)
        point = data.data_points.add(time_unix_nano=time_ns, start_time_unix_nano=time_ns - 10_000_000_000)
        _attribute(point, "http.request.method", "GET")
        _attribute(point, "http.route", f"/shop/v1/route-{chance.randrange(ROUTES)}/{{id}}")
        point.attributes.add(key="http.response.status_code").value.int_value = chance.choice([200, 200, 404, 503])
        _measure(kind, point, chance)
    body: bytes = request.SerializeToString()
    return body


def _measure(kind: str, point: Any, chance: random.Random) -> None:
    values = [chance.lognormvariate(4, 1) for _ in range(12)]
    if kind == "gauge":
        point.as_double = values[0]
        return
    if kind == "sum":
        point.as_int = int(values[0])
        return
    point.count, point.sum, point.min, point.max = len(values), sum(values), min(values), max(values)
    if kind == "histogram":
        point.explicit_bounds.extend(BOUNDS_MS)
        places = [sum(bound < value for bound in BOUNDS_MS) for value in values]
        point.bucket_counts.extend(places.count(place) for place in range(len(BOUNDS_MS) + 1))
    else:
        point.scale, point.positive.offset = 3, 20
        point.positive.bucket_counts.extend(chance.randrange(3) for _ in range(16))
        point.count = sum(point.positive.bucket_counts)


def _describe(resource: Any, chance: random.Random) -> None:
    _attribute(resource, "service.name", f"service-{chance.randrange(SERVICES)}")
    _attribute(resource, "service.version", "1.4.2")
    _attribute(resource, "telemetry.sdk.name", "opentelemetry")


def _attribute(owner: Any, key: str, text: str) -> None:
    owner.attributes.add(key=key).value.string_value = text


CASES = (
    Case("spans raw 20", spans, 20),
    Case("spans gzip 20", spans, 20, is_gzipped=True, records=480),
    Case("spans gzip 800", spans, 800, is_gzipped=True, records=12),
    Case("logs raw 20", logs, 20),
    Case("points raw 20", points, 20),
)
