"""What items may hold besides the usual: each shape counts as its plain twin does, or as the definition says."""

import json
import math
import struct
from collections import Counter
from dataclasses import replace

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry.encoding import encode
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import StreamRecord
from opsloop.telemetry.shard_log import ShardLog
from tests.unit.telemetry.plain_decoder import as_dict, coarser, index

NOW_S = 1_763_600_000
NOW_NS = NOW_S * 10**9
CATALOG = Catalog({}, Service("", 4, "", "", "", ("a", "naïve.größe"), 1000, 0.05))


def segment(*bodies):
    records = [StreamRecord(f"{i + 1:064}", "", body, float(NOW_S)) for i, body in enumerate(bodies)]
    return plan(records, ShardLog("log", 0), CATALOG, max_bytes=1 << 26)


def metric_request(fill, **more):
    message = ExportMetricsServiceRequest()
    fill(message.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s", **more))
    return message


def trace_request():
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add(name="op", kind=2)
    span.start_time_unix_nano, span.end_time_unix_nano = NOW_NS, NOW_NS + 5
    return message, span


def test_events_links_and_composite_attributes_change_nothing():
    plain, _ = trace_request()
    rich, span = trace_request()
    for n in range(3):
        event = span.events.add(name="exception", time_unix_nano=1)
        event.attributes.add(key="a").value.string_value = "of the event"
        span.links.add(trace_id=bytes(16), span_id=bytes(8)).attributes.add(key="a").value.int_value = n
    span.attributes.add(key="a").value.array_value.values.add().string_value = "x"
    nested = span.attributes.add(key="nested").value.kvlist_value.values.add(key="a")
    nested.value.kvlist_value.values.add(key="a").value.double_value = 1.5
    found = segment(rich.SerializeToString())
    assert encode(found.cells) == encode(segment(plain.SerializeToString()).cells)
    assert found.cells.series[0].attributes == ()


@pytest.mark.parametrize("kind", ["array_value", "kvlist_value", "bytes_value", None])
def test_lists_maps_bytes_and_nothing_are_no_dimensions(kind):
    message, span = trace_request()
    value = span.attributes.add(key="a").value
    if kind == "bytes_value":
        value.bytes_value = b"x"
    elif kind:
        getattr(value, kind).SetInParent()
    assert segment(message.SerializeToString()).cells.series[0].attributes == ()
    span.attributes.add(key="a").value.string_value = "x"
    assert segment(message.SerializeToString()).cells.series[0].attributes == (("a", "x"),)


@pytest.mark.parametrize("name", ["", "GET /größe/日本語/🚀", "x" * 100_000, "a\nb\0c"])
def test_any_name_is_an_operation(name):
    message, span = trace_request()
    span.name = name
    span.attributes.add(key="naïve.größe").value.string_value = "ü"
    (series,) = segment(message.SerializeToString()).cells.series
    assert series.operation[:200] == name[:200]
    assert len(series.operation) <= 210
    assert series.attributes == (("naïve.größe", "ü"),)


@pytest.mark.parametrize("time_ns", [0, 1, NOW_NS - 8 * 86_400 * 10**9, NOW_NS + 3600 * 10**9, 2**64 - 1])
def test_points_without_a_time_or_of_a_far_one_count_at_their_arrival(time_ns):
    def fill(metric):
        metric.gauge.data_points.add(as_double=2.5, time_unix_nano=time_ns)
        metric.gauge.data_points.add(as_double=1.0, time_unix_nano=NOW_NS)

    found = segment(metric_request(fill).SerializeToString())
    assert (found.clamped, found.dropped) == (1, 0)
    assert (found.cells.minute.tolist(), found.cells.total.tolist()) == ([NOW_S // 60], [3.5])


def test_cumulative_states_without_times_stay_one_state():
    def fill(metric):
        metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
        for value in (3, 9, 5):
            metric.sum.data_points.add(as_int=value)

    found = segment(metric_request(fill).SerializeToString())
    assert (found.cells.total.tolist(), found.clamped) == ([9.0], 3)


def test_numbers_in_json_may_be_numbers_or_strings():
    def fill(metric):
        metric.histogram.aggregation_temporality = 1
        point = metric.histogram.data_points.add(count=3, sum=1.5, bucket_counts=[1, 2], explicit_bounds=[0.5])
        point.time_unix_nano = NOW_NS
        point.attributes.add(key="a").value.int_value = 2**53 + 1

    message = metric_request(fill)
    strings = MessageToDict(message, use_integers_for_enums=True)
    numbers = json.loads(
        json.dumps(strings).replace(f'"{NOW_NS}"', str(NOW_NS)).replace(f'"{2**53 + 1}"', str(2**53 + 1))
    )
    point = numbers["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["histogram"]["dataPoints"][0]
    point["count"], point["bucketCounts"] = 3, [1, "2"]
    assert isinstance(point["timeUnixNano"], int)
    bodies = [message.SerializeToString(), json.dumps(strings).encode(), json.dumps(numbers).encode()]
    found = [segment(body) for body in bodies]
    assert found[0].cells.series[0].attributes == (("a", str(2**53 + 1)),)
    assert {encode(one.cells) for one in found} == {encode(found[0].cells)}


def histogram(**fields):
    def fill(metric):
        metric.histogram.aggregation_temporality = 1
        metric.histogram.data_points.add(time_unix_nano=NOW_NS, **fields)

    return metric_request(fill).SerializeToString()


def test_histograms_without_buckets_with_one_and_with_other_bounds_stay_apart_and_whole():
    found = segment(
        histogram(count=4, sum=8.0),
        histogram(count=5, sum=9.0, bucket_counts=[5]),
        histogram(count=3, sum=3.0, bucket_counts=[1, 2], explicit_bounds=[1.0]),
        histogram(count=2, sum=4.0, bucket_counts=[0, 2], explicit_bounds=[1.0]),
        histogram(count=1, sum=1.0, bucket_counts=[1, 0], explicit_bounds=[2.0]),
        histogram(),
    )
    cells = {one.bounds: cell for (one, _), cell in as_dict(found.cells).items()}
    assert {bounds: (cell[0], cell[2], cell[6]) for bounds, cell in cells.items()} == {
        (): (9, 17.0, {0: 5}),
        (1.0,): (5, 7.0, {0: 1, 1: 4}),
        (2.0,): (1, 1.0, {0: 1}),
    }
    assert (found.items, found.dropped) == (6, 0)


def field(number, wire, content):
    return bytes([number << 3 | wire]) + content


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_repeated_numbers_may_be_packed_in_pieces_or_not_at_all(cut):
    counts, bounds = (1, 2, 3), (0.5, 1.5)
    point = (
        field(3, 1, struct.pack("<Q", NOW_NS)) + field(4, 1, struct.pack("<Q", 6)) + field(5, 1, struct.pack("<d", 7.0))
    )
    for number, form, values in ((6, "<Q", counts), (7, "<d", bounds)):
        if cut:  # the first numbers by themselves, the others packed
            point += b"".join(field(number, 1, struct.pack(form, value)) for value in values[:cut])
        packed = b"".join(struct.pack(form, value) for value in values[cut:])
        point += field(number, 2, bytes([len(packed)]) + packed)
    body = histogram(count=6, sum=7.0, bucket_counts=counts, explicit_bounds=bounds)
    own = ExportMetricsServiceRequest.FromString(body)
    own.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0].MergeFromString(b"")
    data = field(1, 2, bytes([len(point)]) + point) + b"\x10\x01"
    metric = field(1, 2, b"\x01m") + field(3, 2, b"\x01s") + field(9, 2, bytes([len(data)]) + data)
    for number in (2, 2, 1):
        metric = field(number, 2, bytes([len(metric)]) + metric)
    assert ExportMetricsServiceRequest.FromString(metric) == own
    assert encode(segment(metric, body).cells) == encode(segment(body, body).cells)
    assert segment(metric, body).cells.count.tolist() == [12]


@pytest.mark.parametrize("scale", range(-10, 21))
def test_exponential_histograms_of_any_scale_hold_what_was_measured(scale):
    values = [1e-7, 0.3, 1.0, 1.0000001, 2.0, 900.0, 4e8, -0.5, -1.0, -7e5]
    widest = 6 if scale > 6 else scale
    near = [1.02, 1.0201, -1.02] if scale > 6 else values  # fine scales hold few octaves

    def place(value):
        value = abs(value)
        if scale <= 0:
            return coarser(index(value, 0), -scale)
        return index(value, scale) if scale <= 6 else math.ceil(math.log2(value) * 2**scale) - 1

    def fill(metric):
        metric.exponential_histogram.aggregation_temporality = 1
        point = metric.exponential_histogram.data_points.add(count=len(near) + 2, sum=1.0, scale=scale, zero_count=2)
        point.time_unix_nano, point.zero_threshold = NOW_NS, 1e-9
        for side, chosen in (
            (point.positive, [v for v in near if v > 0]),
            (point.negative, [v for v in near if v < 0]),
        ):
            places = Counter(place(value) for value in chosen)
            side.offset = min(places)
            side.bucket_counts.extend(places[i] for i in range(min(places), max(places) + 1))

    (cell,) = as_dict(segment(metric_request(fill).SerializeToString()).cells).values()
    expected = Counter({-(1 << 19): 2})
    for value in near:
        at = coarser(index(abs(value)), 6 - widest)
        expected[at if value > 0 else -(1 << 20) - at] += 1
    assert cell[5] == widest
    assert cell[6] == dict(sorted(expected.items()))


def test_a_stream_is_the_same_however_its_attributes_lie():
    def point(*fields):
        return b"".join(fields)

    def pair(key, value):
        content = field(1, 2, bytes([len(key)]) + key) + field(
            2, 2, bytes([len(value) + 2]) + b"\x0a" + bytes([len(value)]) + value
        )
        return field(7, 2, bytes([len(content)]) + content)

    time, value = field(3, 1, struct.pack("<Q", NOW_NS)), field(4, 1, struct.pack("<d", 5.0))
    a, b = pair(b"a", b"1"), pair(b"b", b"2")
    points = [point(a, b, time, value), point(b, a, time, value), point(a, time, b, value), point(time, value, a, b)]
    other = point(a, time, pair(b"b", b"3"), value)

    def request(points):
        data = b"".join(field(1, 2, bytes([len(one)]) + one) for one in points) + b"\x10\x02\x18\x01"
        metric = field(1, 2, b"\x01m") + field(
            7, 2, struct.pack("B", len(data) & 127 | 128) + bytes([len(data) >> 7]) + data
        )
        for number in (2, 2, 1):
            size = len(metric)
            metric = field(number, 2, bytes([size & 127 | 128, size >> 7]) + metric)
        return metric

    ExportMetricsServiceRequest.FromString(request(points))
    assert len(segment(request(points)).cells.series) == 1
    assert len(segment(request([*points, other])).cells.series) == 2


def test_summaries_of_cloudwatch_add_up_and_others_are_states():
    def fill(metric):
        for start, count in ((0, 3), (60, 4)):
            point = metric.summary.data_points.add(count=count, sum=2.0 * count, time_unix_nano=NOW_NS)
            point.start_time_unix_nano = NOW_NS - (120 - start) * 10**9
            for quantile, value in ((0.0, 1.0 + start), (0.99, 50.0), (1.0, 80.0 - start)):
                point.quantile_values.add(quantile=quantile, value=value)

    aws = metric_request(fill)
    aws.resource_metrics[0].scope_metrics[0].metrics[0].name = "amazonaws.com/AWS/EC2/CPUUtilization"
    ((series, cell),) = ((one, cell) for (one, _), cell in as_dict(segment(aws.SerializeToString()).cells).items())
    assert (series.kind, series.attributes) == ("summary", ())
    assert cell[:5] == (7, 0, 14.0, 1.0, 80.0)
    other = segment(metric_request(fill).SerializeToString()).cells
    assert {one.kind for one in other.series} == {"cumulative_summary"}
    assert sorted(other.count.tolist()) == [3, 4]


def test_a_series_limit_of_one_service_does_not_touch_another():
    crowd = Catalog({"x": replace(CATALOG.undeclared, name="x", series_limit=1)}, CATALOG.undeclared)
    message = ExportTraceServiceRequest()
    for name in ("x", "y"):
        group = message.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = name
        for operation in ("p", "q", "r"):
            group.scope_spans.add().spans.add(name=operation, start_time_unix_nano=NOW_NS)
    records = [StreamRecord(f"{1:064}", "", message.SerializeToString(), float(NOW_S))]
    found = plan(records, ShardLog("log", 0), crowd, max_bytes=1 << 26)
    names = Counter(one.service for one in found.cells.series)
    assert names == {"x": 2, "y": 3}
