"""Spans, log records and data points against protobuf's own objects and plain loops: samples, generated, malformed."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry.aggregate import merge, select
from opsloop.telemetry.envelope import any_value_text, name_of
from opsloop.telemetry.ingest import _READERS, plan
from opsloop.telemetry.segment import StreamRecord
from opsloop.telemetry.shard_log import ShardLog
from opsloop.telemetry.values import Values, aggregate, joined
from tests.unit.telemetry.otlp_messages import messages
from tests.unit.telemetry.plain_decoder import as_dict, decode
from tests.unit.telemetry.plain_reader import read

ROOT = Path(__file__).resolve().parents[3]
SUFFIXES = (".pb", ".gz", ".bin", ".json", ".ndjson")
OURS = sorted(path for path in (ROOT / "tests/data/otlp").iterdir() if path.suffix in SUFFIXES)
SHARED = ROOT.parent / "shared/data/otlp"
DIMENSIONS = ("http.route", "service.version", "a")
CATALOG = Catalog({}, Service("", 4, "", "", "", DIMENSIONS, 100_000, 0.05))
ARRIVAL_S = 1_763_600_000.0  # near the samples' times
REQUESTS = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest}


def segment(bodies, arrival_s=ARRIVAL_S, catalog=CATALOG):
    """Return the segment of records with these bodies."""
    records = [StreamRecord(f"{i + 1:064}", "", body, arrival_s) for i, body in enumerate(bodies)]
    return plan(records, ShardLog("log", 900), catalog, max_bytes=1 << 26)


def same(found, expected):
    """Whether two aggregates are equal: integers exactly, sums to rounding."""
    assert found.keys() == expected.keys()
    for place, one in expected.items():
        assert found[place][:2] == one[:2], place
        assert found[place][2:5] == pytest.approx(one[2:5], rel=1e-12, nan_ok=True), place
        assert found[place][5:] == one[5:], place
    return True


def check_file(path):
    records, signal, request = read(path)
    expected = decode(signal, request, int(ARRIVAL_S) // 60, DIMENSIONS)
    assert expected
    found = segment(records)
    assert found.unreadable == ()
    assert same(as_dict(found.cells), expected)
    if signal != "metrics":
        assert found.items == sum(one[0] for one in expected.values())


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_each_sample_aggregates_as_plain_loops_say(path):
    check_file(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the larger set of samples is not beside this checkout")
@pytest.mark.parametrize(
    "path",
    sorted(path for path in SHARED.glob("*") if path.suffix in SUFFIXES),
    ids=lambda path: path.name,
)
def test_each_shared_sample_aggregates_as_plain_loops_say(path):
    check_file(path)


def sane(message):
    """Give the points of a metric request numbers that can be counted."""
    for group in getattr(message, "resource_metrics", ()):
        for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
            which = metric.WhichOneof("data")
            for point in getattr(metric, which).data_points if which else ():
                sensible(which, point)
    return message


def sensible(which, point):
    """Give a generated data point numbers that are within what OTLP allows; the others have tests of their own."""
    for name in ("sum", "min", "max"):
        if (
            which in ("histogram", "exponential_histogram")
            and point.HasField(name)
            and not (math.isfinite(getattr(point, name)) and point.count % 1000)
        ):
            point.ClearField(name)
    if which == "histogram":
        point.count %= 1000
        bounds = sorted({bound for bound in point.explicit_bounds if math.isfinite(bound)})
        counts = [count % 1000 for count in [*point.bucket_counts, *[3] * 10][: len(bounds) + 1]]
        point.ClearField("explicit_bounds")
        point.ClearField("bucket_counts")
        point.explicit_bounds.extend(bounds)
        point.bucket_counts.extend(counts)
    elif which == "exponential_histogram":
        point.count, point.zero_count = point.count % 1000, point.zero_count % 1000
        point.scale = point.scale % 31 - 10
        for side in (point.positive, point.negative):
            side.offset %= 1000
            counts = [count % 1000 for count in side.bucket_counts]
            side.ClearField("bucket_counts")
            side.bucket_counts.extend(counts)
    elif which == "summary":
        point.count %= 1000
        point.sum = point.sum if math.isfinite(point.sum) else 1.5
        for quantile in point.quantile_values:
            if not math.isfinite(quantile.value):
                quantile.value = 2.5


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_generated_requests_aggregate_as_plain_loops_say(signal):
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(messages(signal), min_size=1, max_size=4))
    def check(requests):
        bodies = [sane(request).SerializeToString() for request in requests]
        decoded, is_bad = _READERS[signal](bodies, CATALOG)
        assert not is_bad.any()
        arrival = int(ARRIVAL_S) // 60
        for number, body in enumerate(bodies):
            parts = []
            for one in decoded:
                minutes = (one.time_ns // np.uint64(60_000_000_000)).astype(np.int64)
                is_off = (minutes < arrival - 7 * 1440) | (minutes > arrival + 10)
                keep = one.record == number
                clamped = np.where(is_off, arrival, minutes)
                if isinstance(one.cells, Values):
                    parts.append(aggregate(joined([one.cells.only(keep)]), clamped[keep]))
                else:
                    parts.append(select(replace(one.cells, minute=clamped), keep))
            found = as_dict(merge(parts))
            expected = {
                (
                    replace(one, operation=name_of(one.operation.encode()), metric=name_of(one.metric.encode())),
                    *at,
                ): cell
                for (one, *at), cell in decode(signal, body, arrival, DIMENSIONS).items()
            }
            assert same(found, expected)

    check()


def test_the_comparison_sees_a_difference():
    body = (ROOT / "tests/data/otlp/shop-traces-0.pb").read_bytes()
    message = ExportTraceServiceRequest.FromString(body)
    message.resource_spans[0].scope_spans[0].spans[3].end_time_unix_nano += 10_000_000
    expected = decode("traces", message.SerializeToString(), int(ARRIVAL_S) // 60, DIMENSIONS)
    with pytest.raises(AssertionError):
        same(as_dict(segment([body]).cells), expected)


def spans(*changes, resource=()):
    """Return a trace request: one span per set of changes."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    for key, value in resource:
        group.resource.attributes.add(key=key).value.string_value = value
    for change in changes:
        span = group.scope_spans.add().spans.add(
            name="op",
            kind=2,
            start_time_unix_nano=int(ARRIVAL_S) * 10**9,
            end_time_unix_nano=int(ARRIVAL_S) * 10**9 + 5,
        )
        for name, value in change.items():
            if name == "status":
                span.status.code = value
            elif name == "http":
                span.attributes.add(key="http.response.status_code").value.int_value = value
            elif name == "old_http":
                span.attributes.add(key="http.status_code").value.string_value = value
            else:
                setattr(span, name, value)
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("change", "is_error"),
    [
        ({"status": 2}, 1),
        ({"status": 1}, 0),
        ({"http": 500}, 1),
        ({"http": 499}, 0),
        ({"old_http": "503"}, 1),
        ({"http": 503, "kind": 3}, 0),  # a client span: the other side's error, unless the status says so
        ({"http": 404, "status": 2}, 1),
        ({"old_http": "many"}, 0),
    ],
)
def test_what_an_error_is(change, is_error):
    assert segment([spans(change)]).cells.errors.tolist() == [is_error]


def test_a_span_that_ends_before_it_starts_lasts_nothing():
    cells = segment([spans({"end_time_unix_nano": 5})]).cells
    assert cells.total.tolist() == [0.0]
    assert cells.count.tolist() == [1]


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ([("host.name", "h1"), ("service.name", "web")], "web"),
        ([("host.name", "h1"), ("k8s.deployment.name", "d1")], "d1"),
        ([("host.name", "h1")], "h1"),
        ([("service.name", ""), ("os.type", "linux")], "unknown_service"),
        ([], "unknown_service"),
    ],
)
def test_a_resource_without_service_name_is_named_by_what_is_there(resource, name):
    assert segment([spans({}, resource=resource)]).cells.series[0].service == name


def test_times_7_days_old_or_10_minutes_ahead_are_clamped_to_arrival_and_counted():
    minute = int(ARRIVAL_S) // 60
    times = [minute - 7 * 1440, minute - 7 * 1440 - 1, minute + 10, minute + 11, 0, 2**63 // (60 * 10**9)]
    found = segment([spans(*({"start_time_unix_nano": at * 60 * 10**9} for at in times))])
    assert found.clamped == 4
    assert found.items == 6
    by_minute = dict(zip(found.cells.minute.tolist(), found.cells.count.tolist(), strict=True))
    assert by_minute == {minute - 7 * 1440: 1, minute + 10: 1, minute: 4}


def test_long_names_are_cut_and_still_told_apart():
    names = ["x" * 5000 + "1", "x" * 5000 + "2"]
    operations = [one.operation for one in segment([spans(*({"name": name} for name in names))]).cells.series]
    assert len(set(operations)) == 2
    assert max(map(len, operations)) < 220


def metrics(add):
    """Return a metric request with one metric, filled by ``add``."""
    message = ExportMetricsServiceRequest()
    add(message.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="1"))
    return message.SerializeToString()


def test_numbers_that_are_none_are_dropped_and_counted():
    def add(metric):
        for value in (1.0, math.nan, math.inf, -math.inf):
            metric.gauge.data_points.add(as_double=value, time_unix_nano=int(ARRIVAL_S) * 10**9)
        metric.gauge.data_points.add(as_double=3.0, flags=1)  # no recorded value
        metric.gauge.data_points.add()  # no value at all

    found = segment([metrics(add)])
    assert (found.items, found.dropped) == (1, 5)
    assert found.cells.total.tolist() == [1.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"explicit_bounds": [2.0, 1.0], "bucket_counts": [1, 1, 1]},
        {"explicit_bounds": [1.0], "bucket_counts": [1, 1, 1]},
        {"explicit_bounds": [math.nan], "bucket_counts": [1, 1]},
        {"count": 2**60},
        {"explicit_bounds": [1.0], "bucket_counts": [2**63, 1]},
    ],
    ids=[
        "bounds fall",
        "bounds do not fit counts",
        "a bound is no number",
        "count beyond belief",
        "bucket beyond belief",
    ],
)
def test_histograms_that_make_no_sense_are_dropped_and_counted(wrong):
    def add(metric):
        metric.histogram.aggregation_temporality = 1
        metric.histogram.data_points.add(**{"count": 3, "sum": 4.0, **wrong})
        metric.histogram.data_points.add(count=2, sum=1.0, explicit_bounds=[1.0], bucket_counts=[1, 1])

    found = segment([metrics(add)])
    assert (found.items, found.dropped) == (1, 1)
    assert found.cells.count.tolist() == [2]


def test_an_exponential_histogram_finer_than_scale_6_is_brought_down_and_one_out_of_range_dropped():
    def add(metric):
        metric.exponential_histogram.aggregation_temporality = 1
        for scale in (8, 21, -11):
            point = metric.exponential_histogram.data_points.add(count=6, sum=1.0, scale=scale, zero_count=1)
            point.positive.offset, point.negative.offset = -3, 5
            point.positive.bucket_counts.extend([1, 1, 1])  # indexes -3, -2, -1: all in bucket -1 of scale 6
            point.negative.bucket_counts.extend([2])  # index 5: in bucket 1 of scale 6

    found = segment([metrics(add)])
    assert found.dropped == 2
    (cell,) = as_dict(found.cells).values()
    assert cell[5:] == (6, {-(1 << 20) - 1: 2, -(1 << 19): 1, -1: 3})


def test_cumulative_streams_are_kept_apart_and_keep_their_states():
    def add(metric):
        metric.sum.aggregation_temporality = 2
        metric.sum.is_monotonic = True
        for host, start, second, value in (("a", 1, 0, 10), ("a", 1, 10, 14), ("b", 1, 0, 100), ("a", 2, 0, 3)):
            point = metric.sum.data_points.add(as_int=value, start_time_unix_nano=start)
            point.time_unix_nano = (int(ARRIVAL_S) + second) * 10**9
            point.attributes.add(key="host").value.string_value = host

    cells = segment([metrics(add)]).cells
    assert {series.kind for series in cells.series} == {"cumulative_sum"}
    assert len(cells.series) == 2  # a start is no series of its own
    at = [int(ARRIVAL_S) * 10**9, (int(ARRIVAL_S) + 10) * 10**9]
    assert sorted(zip(cells.total.tolist(), cells.times.tolist(), strict=True)) == [
        (3.0, [2, at[0]]),
        (10.0, [1, at[0]]),
        (14.0, [1, at[1]]),
        (100.0, [1, at[0]]),
    ]
    assert len(cells.bucket_key) == 0


def test_a_cumulative_sum_that_may_fall_is_a_gauge():
    def add(metric):
        metric.sum.aggregation_temporality = 2
        for value in (3, -1):
            metric.sum.data_points.add(as_int=value, time_unix_nano=int(ARRIVAL_S) * 10**9)

    cells = segment([metrics(add)]).cells
    assert [(series.kind, series.attributes) for series in cells.series] == [("gauge", ())]
    assert (cells.minimum.tolist(), cells.maximum.tolist(), cells.count.tolist()) == ([-1.0], [3.0], [2])


def test_a_cumulative_histogram_keeps_the_last_state_whole_and_a_repetition_adds_nothing():
    def add(metric):
        metric.histogram.aggregation_temporality = 2
        for count, second in ((9, 5), (5, 1), (9, 5)):
            metric.histogram.data_points.add(
                count=count,
                sum=2.0 * count,
                explicit_bounds=[1.0],
                bucket_counts=[count - 1, 1],
                time_unix_nano=(int(ARRIVAL_S) + second) * 10**9,
            )

    cells = segment([metrics(add)]).cells
    assert cells.series[0].kind == "cumulative_histogram"
    assert cells.series[0].bounds == (1.0,)
    assert (cells.count.tolist(), cells.total.tolist()) == ([9], [18.0])
    assert (cells.bucket_key.tolist(), cells.bucket_count.tolist()) == ([0, 1], [8, 1])


def test_dimensions_come_from_the_catalog_of_the_service_alone():
    message = ExportTraceServiceRequest()
    for name in ("web", "other"):
        group = message.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = name
        span = group.scope_spans.add().spans.add(name="op", start_time_unix_nano=1)
        span.attributes.add(key="tenant").value.int_value = 7
        span.attributes.add(key="user").value.string_value = "u"
    declared = Service("web", 1, "", "", "", ("tenant",), 10, 0.05)
    catalog = Catalog({"web": declared}, replace(declared, name="", dimensions=("user",)))
    series = segment([message.SerializeToString()], catalog=catalog).cells.series
    assert {one.service: one.attributes for one in series} == {"web": (("tenant", "7"),), "other": (("user", "u"),)}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x0a\x02hi", "hi"),
        (b"\x10\x01", "true"),
        (b"\x18" + b"\xff" * 9 + b"\x01", "-1"),
        (b"\x21" + np.float64(0.5).tobytes(), "0.5"),
        (b"\x2a\x00", None),
        (b"\x0a\x09x", None),
        (b"", None),
        (b"\x0a\x01\xff", "\ufffd"),
    ],
)
def test_attribute_values_become_text(content, text):
    assert any_value_text(content) == text
