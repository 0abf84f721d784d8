"""A file explained: what it is, what is in it, and the series, against protobuf's own objects and plain arithmetic."""

import base64
import gzip
import json
import math
import zlib
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import pytest
from google.protobuf.internal.decoder import _DecodeVarint32
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry.explain import explain
from tests.fuzz.forms import delimited, kpl
from tests.unit.telemetry.otlp_messages import to_otlp_dict
from tests.unit.telemetry.plain_decoder import decode

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "tests/data/otlp"
SHARED = ROOT.parent / "shared/data/otlp"
NOW_S = 1_795_300_000.0  # after the samples were made
S = 10**9
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the larger set of samples is not beside this checkout")


def catalog(*dimensions, limit=2_000):
    return Catalog({}, Service("", 4, "", "", "", dimensions, limit, 0.05))


def explained(data, *dimensions, **options):
    return explain("file", data, catalog(*dimensions), **{"now_s": NOW_S, "max_bytes": 1 << 26, **options})


def traces(*spans, service="shop"):
    """Return a request with spans of (name, start in s, duration in s, attributes)."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    group.resource.attributes.add(key="telemetry.sdk.name").value.string_value = "opentelemetry"
    group.resource.attributes.add(key="telemetry.sdk.language").value.string_value = "python"
    group.resource.attributes.add(key="telemetry.sdk.version").value.string_value = "1.45.2"
    scope = group.scope_spans.add()
    scope.scope.name, scope.scope.version = "shop.http", "7"
    for number, (name, start_s, duration_s, attributes) in enumerate(spans):
        start = int(start_s * S)
        span = scope.spans.add(
            name=name, kind=2, start_time_unix_nano=start, end_time_unix_nano=start + int(duration_s * S)
        )
        span.trace_id, span.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
    return request


def log_request(count=2, at_s=NOW_S - 50):
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for _ in range(count):
        scope.log_records.add(time_unix_nano=int(at_s) * S, severity_number=17)
    return request


def counter(*values, start_s=NOW_S - 600, step_s=60):
    """Return a cumulative counter's request with a point per minute."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="requests", unit="1")
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
    for place, value in enumerate(values):
        point = metric.sum.data_points.add(as_int=value)
        point.start_time_unix_nano = int(start_s) * S
        point.time_unix_nano = int(start_s + place * step_s) * S
    return request


GOOD = traces(
    ("GET /", NOW_S - 100, 0.25, {"http.route": "/", "user": "a"}), ("GET /", NOW_S - 90, 0.75, {"user": "b"})
)


def minute_of(text):
    return int(datetime.fromisoformat(text).timestamp()) // 60


def check_rows(found, signal, bodies, *dimensions):
    """Compare the rows with those of protobuf's objects, the bodies' cells added up."""
    expected = defaultdict(list)
    for body in bodies:
        for (one, minute), cell in decode(signal, body, minute_of(found.arrival), dimensions).items():
            expected[one.service, one.metric, one.kind, one.operation, one.attributes, minute].append(cell)
    rows = {}
    for one in found.series:
        labels = tuple(sorted(one.attributes.items()))
        rows[one.service, one.metric, one.kind, one.operation, labels, minute_of(one.minute)] = one
    assert rows.keys() == expected.keys()
    for key, cells in expected.items():
        one = rows[key]
        counts, errors, totals, lows, highs = list(zip(*cells, strict=True))[:5]
        assert (one.count, one.errors) == (sum(counts), sum(errors))
        if signal != "logs" and not one.kind.startswith("cumulative"):
            assert one.sum == pytest.approx(math.fsum(totals), rel=1e-12)
        assert one.min == (None if any(map(math.isnan, lows)) else min(lows))
        assert one.max == (None if any(map(math.isnan, highs)) else max(highs))


FILES = {
    "kinesis-collector-gzip.bin": ("otlp_protobuf", "gzip", "traces"),
    "kinesis-collector-zlib.bin": ("otlp_protobuf", "zlib", "traces"),
    "kinesis-collector-flate.bin": ("otlp_protobuf", "deflate", "traces"),
    "kinesis-collector-gzip-unterminated.bin": ("otlp_protobuf", "gzip", "traces"),
    "shop-traces-0.pb": ("otlp_protobuf", "none", "traces"),
    "shop-metrics-0.pb": ("otlp_protobuf", "none", "metrics"),
    "shop-logs-0.pb": ("otlp_protobuf", "none", "logs"),
    "shop-collector-style-logs-0.json": ("otlp_json", "none", "logs"),
    "shop-collector-style-metrics-0.json": ("otlp_json", "none", "metrics"),
    "shop-collector-style-traces-0.json": ("otlp_json", "none", "traces"),
    "kinesis-kpl-aggregated.bin": ("kpl", "none", "logs"),
    "cloudwatch-otel1.bin": ("otlp_delimited", "none", "metrics"),
}


def requests_in(name):
    """Return the protobuf requests that a shared sample holds, found without our code."""
    data = (SHARED / name).read_bytes()
    if name.startswith("kinesis-collector"):
        return [(SHARED / "kinesis-collector.expected.pb").read_bytes()]
    if name.endswith("-0.json"):
        return [(SHARED / name.replace("collector-style-", "").replace(".json", ".pb")).read_bytes()]
    bodies, at = [], 0
    if name == "cloudwatch-otel1.bin":
        while at < len(data):
            size, at = _DecodeVarint32(data, at)
            bodies.append(data[at : at + size])
            at += size
        return bodies
    if name == "kinesis-kpl-aggregated.bin":
        message = data[4:-16]
        while at < len(message):
            tag, at = _DecodeVarint32(message, at)
            size, at = _DecodeVarint32(message, at)
            if tag == 3 << 3 | 2:
                bodies += inner_data(message[at : at + size])
            at += size
        return bodies
    return [data]


def inner_data(record):
    at = 0
    while at < len(record):
        tag, at = _DecodeVarint32(record, at)
        size, at = _DecodeVarint32(record, at)
        if tag & 7 == 2:
            if tag >> 3 == 3:
                yield record[at : at + size]
            at += size


@needs_shared
@pytest.mark.parametrize("name", FILES)
def test_each_shared_sample_is_named_and_its_series_are_those_of_protobufs_own_objects(name):
    found = explained((SHARED / name).read_bytes(), "http.route")
    assert (found.format, found.compression, found.signal) == FILES[name]
    assert (found.rejected, found.refused, found.error) == (0, (), None)
    if name != "cloudwatch-otel1.bin":  # whose services follow from more than its resources
        check_rows(found, found.signal, requests_in(name), "http.route")


@needs_shared
def test_the_three_ways_of_a_metric_stream_give_the_same_counts_and_sums():
    with (SHARED / "cloudwatch-json.ndjson").open(encoding="utf-8") as lines:
        values = [json.loads(line)["value"] for line in lines]
    expected = (len(values), sum(v["count"] for v in values), pytest.approx(sum(v["sum"] for v in values)))
    for name in ("cloudwatch-json.ndjson", "cloudwatch-otel1.bin", "firehose-http-delivery.json"):
        found = explained((SHARED / name).read_bytes())
        assert (found.items, sum(one.count for one in found.series), sum(one.sum for one in found.series)) == expected
        assert min(one.min for one in found.series) == min(v["min"] for v in values)
        assert max(one.max for one in found.series) == max(v["max"] for v in values)
    assert (found.format, found.forms, found.records) == ("firehose_delivery", ("otlp_delimited",), 2)


def test_the_comparison_sees_a_difference():
    body = (SAMPLES / "shop-traces-0.pb").read_bytes()
    request = ExportTraceServiceRequest.FromString(body)
    request.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano += 1
    with pytest.raises(AssertionError):
        check_rows(explained(body), "traces", [request.SerializeToString()])


def test_percentiles_are_those_of_the_sorted_durations():
    durations = [0.001 * (number % 97 + 1) ** 1.5 for number in range(500)]
    request = traces(*(("GET /", NOW_S - 100, duration, {}) for duration in durations))
    (row,) = {(one.operation): one for one in explained(request.SerializeToString()).series}.values()
    ns = sorted(int(duration * S) for duration in durations)
    for shown, share in ((row.p50, 0.5), (row.p90, 0.9), (row.p95, 0.95), (row.p99, 0.99)):
        assert shown == pytest.approx(ns[math.ceil(share * len(ns)) - 1], rel=0.00542)


def test_an_old_file_counts_in_its_own_minutes_unless_its_arrival_is_given():
    old = traces(("GET /", 1_600_000_000, 1, {}), ("GET /", 1_600_000_060, 1, {}))
    as_new = explained(old.SerializeToString())
    assert [one.minute for one in as_new.series] == ["2020-09-13T12:26:00Z", "2020-09-13T12:27:00Z"]
    late = explained(old.SerializeToString(), arrival_s=1_795_249_800.0)
    assert [(one.minute, one.count) for one in late.series] == [("2026-11-21T08:30:00Z", 2)]
    assert (as_new.clamped, late.clamped) == (0, 2)


def test_a_time_in_the_far_future_does_not_make_the_others_old():
    request = traces(("GET /", NOW_S - 100, 1, {}), ("GET /", NOW_S + 10**9, 1, {}))
    found = explained(request.SerializeToString())
    assert found.clamped == 1
    assert {one.minute[:4] for one in found.series} == {"2026"}


def test_what_is_around_the_items_is_told():
    found = explained(GOOD.SerializeToString(), "http.route")
    assert found.services == {"shop": 2}
    assert found.scopes == ({"name": "shop.http", "version": "7", "items": 2},)
    assert found.sdks == ({"name": "opentelemetry", "language": "python", "version": "1.45.2", "items": 2},)
    assert found.dimensions_dropped == {"user": 2}
    assert {one.attributes.get("http.route") for one in found.series} == {"/", None}
    assert found.resources[0]["attributes"]["service.name"] == "shop"


def test_without_a_catalog_every_attribute_is_dropped():
    found = explained(GOOD.SerializeToString())
    assert found.dimensions_dropped == {"http.route": 1, "user": 2}
    assert [one.count for one in found.series if one.attributes] == []


def kinesis_event(*bodies):
    records = [
        {
            "kinesis": {
                "data": base64.b64encode(body).decode(),
                "partitionKey": f"k{place}",
                "sequenceNumber": str(place),
            }
        }
        for place, body in enumerate(bodies)
    ]
    return json.dumps({"Records": records}).encode()


def test_an_event_of_kinesis_tells_of_all_its_records():
    logs = gzip.compress(log_request(3).SerializeToString())
    found = explained(kinesis_event(GOOD.SerializeToString(), logs, b"rubbish"))
    assert (found.format, found.compression, found.signal, found.records) == ("kinesis_event", "mixed", "mixed", 3)
    assert (found.items, found.rejected, found.services) == (5, 1, {"shop": 2, "unknown_service": 3})
    assert [one.size for one in found.refused] == [len(b"rubbish")]
    assert found.error is None


@pytest.mark.parametrize("is_base64", [True, False])
def test_an_event_of_api_gateway_tells_of_its_body(is_base64):
    body = json.dumps(to_otlp_dict(GOOD)).encode()
    text = base64.b64encode(gzip.compress(body)).decode() if is_base64 else body.decode()
    event = {"requestContext": {}, "headers": {}, "isBase64Encoded": is_base64, "body": text}
    found = explained(json.dumps(event).encode())
    assert (found.format, found.forms, found.items) == ("http_event", ("otlp_json",), 2)
    assert found.compression == ("gzip" if is_base64 else "none")


def test_signals_mixed_in_an_aggregate_are_told_as_such():
    bodies = [GOOD.SerializeToString(), log_request(3).SerializeToString()]
    found = explained(kpl(bodies))
    assert (found.format, found.signal, found.items) == ("kpl", "mixed", 5)
    check_rows(explained(delimited([bodies[0]])), "traces", [bodies[0]])


def test_json_lines_as_a_collector_writes_them_are_read_line_by_line():
    lines = [json.dumps(to_otlp_dict(request)) for request in (GOOD, log_request(3))]
    found = explained("\n".join(lines).encode() + b"\n")
    assert (found.format, found.signal, found.items) == ("otlp_json", "mixed", 5)


def test_a_request_that_is_there_twice_counts_once():
    body = GOOD.SerializeToString()
    found = explained(kinesis_event(body, body))
    assert (found.items, found.duplicates) == (2, 1)


@pytest.mark.parametrize(
    ("wrapped", "compression"),
    [
        (lambda body: body, "none"),
        (gzip.compress, "gzip"),
        (zlib.compress, "zlib"),
        (lambda body: (pack := zlib.compressobj(wbits=-15)).compress(body) + pack.flush(), "deflate"),
    ],
    ids=["none", "gzip", "zlib", "deflate"],
)
def test_each_content_coding_is_named(wrapped, compression):
    found = explained(wrapped(GOOD.SerializeToString()))
    assert (found.compression, found.items) == (compression, 2)


def test_a_zstd_body_is_named():
    zstd = pytest.importorskip("backports.zstd")
    found = explained(zstd.compress(GOOD.SerializeToString()))
    assert (found.compression, found.items) == ("zstd", 2)


def test_the_increase_of_a_cumulative_stream_is_told_and_its_first_value_is_not():
    rows = explained(counter(100, 130, 7).SerializeToString()).series
    assert [(one.kind, one.sum, one.min, one.max) for one in rows] == [
        ("cumulative_sum", None, 100, 100),
        ("cumulative_sum", 30, 130, 130),
        ("cumulative_sum", 7, 7, 7),  # it began again at 0
    ]


def test_two_values_of_a_counter_in_one_minute_give_its_increase():
    (row,) = explained(counter(100, 104, start_s=NOW_S - 60 - NOW_S % 60, step_s=30).SerializeToString()).series
    assert (row.count, row.sum) == (2, 4)


def test_what_has_no_number_is_null_in_json():
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="amazonaws.com/m")
    point = metric.summary.data_points.add(time_unix_nano=int(NOW_S) * S, count=2, sum=3.0)
    point.quantile_values.add(quantile=0.5, value=1.0)
    (row,) = explained(request.SerializeToString()).series
    assert (row.sum, row.min, row.max, row.p99) == (3.0, None, None, None)
    (row,) = explained(log_request().SerializeToString()).series
    assert (row.count, row.errors, row.sum, row.min) == (2, 2, None, None)


def test_an_unreadable_file_says_why_and_at_which_byte():
    found = explained(b"Good morning.\n")
    assert (found.items, found.series, found.services) == (0, (), {})
    assert found.rejected >= 1
    assert found.refused[0].size == 14
    assert found.refused[0].byte == 0
    assert found.error == found.refused[0].reason


def test_a_fault_inside_is_found_at_its_byte():
    body = b"\n\x06\x12\x04\x12\x02\x2a\x09"  # a request of one span, whose name has 9 bytes more than there are
    found = explained(body)
    assert (found.items, [one.byte for one in found.refused]) == (0, [6])


def test_a_file_that_is_cut_off_tells_its_whole_items_and_where_it_ends():
    body = GOOD.SerializeToString()
    found = explained(body[:-3])
    assert (found.items, found.rejected, found.error) == (1, 1, None)


def test_broken_compression_is_found_at_its_byte():
    packed = bytearray(gzip.compress(b"\n" + bytes(5_000)))
    packed[10] |= 0b110  # the type of the first deflate block, behind the header of 10 bytes: 3 is none there is
    found = explained(bytes(packed))
    assert (found.refused[0].kind, found.refused[0].byte) == ("compression", 10)


def test_the_good_part_of_a_partly_bad_request_is_told_with_the_rest():
    good, bad = traces(("GET /", NOW_S - 100, 1, {})), traces(("x", NOW_S - 90, 1, {}))
    broken = bad.SerializeToString()
    group = ExportTraceServiceRequest.FromString(broken).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    wrong = b"\x3d" + group[1:]  # another wire type where a span begins
    found = explained(good.SerializeToString() + broken.replace(group, wrong))
    assert found.items == 1
    assert found.rejected == 1
    assert len(found.refused) == 1
    assert found.error is None


def test_an_empty_file_is_refused_and_not_a_surprise():
    found = explained(b"")
    assert (found.items, found.series) == (0, ())


def test_the_series_limit_holds_as_in_ingest():
    request = traces(*((f"GET /{number}", NOW_S - 100, 1, {}) for number in range(9)))
    found = explain("f", request.SerializeToString(), catalog(limit=5), now_s=NOW_S, max_bytes=1 << 20)
    counts = Counter(one.operation == "otel.metric.overflow" for one in found.series)
    assert counts == {False: 5, True: 1}
    assert sum(one.count for one in found.series) == 9
