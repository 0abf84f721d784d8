"""Prometheus remote-write 1.0 and 2.0 as OTLP metrics; requests and results by protobuf's own classes."""

import math
import struct

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.fault import INVALID_ITEM
from opsloop.telemetry.formats import prometheus
from opsloop.telemetry.formats.prometheus import transcode_1, transcode_2
from opsloop.telemetry.payload import read_record
from tests.unit.telemetry.foreign_messages import WRITE_1, WRITE_2
from tests.unit.telemetry.test_snappy import literal, preamble

STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
T = 1_763_600_000_000
NS = 1_000_000


def series_1(request, name, *values, labels=(), **more):
    """Add a series with a value per second."""
    one = request.timeseries.add(**more)
    for key, value in (("__name__", name), ("instance", "h:9"), ("job", "shop/cart"), *labels):
        one.labels.add(name=key, value=value)
    for number, value in enumerate(values):
        one.samples.add(value=value, timestamp=T + 1000 * number)
    return one


def body_1(*adds):
    request = WRITE_1["WriteRequest"]()
    for add in adds:
        series_1(request, *add[:1], *add[1], labels=add[2] if len(add) > 2 else ())
    return request.SerializeToString()


def metrics_of(found):
    """Return the metrics of a request by name; the resource and scope of each are asserted to be one."""
    request = ExportMetricsServiceRequest.FromString(found.protobuf)
    return {m.name: m for group in request.resource_metrics for scope in group.scope_metrics for m in scope.metrics}


def attributes(pairs):
    return {one.key: one.value.string_value for one in pairs}


class TestSamples:
    def test_a_counter_is_a_cumulative_sum_and_a_gauge_a_gauge(self):
        found = transcode_1(body_1(("requests_total", (5.0, 7.0), (("code", "200"),)), ("temperature", (-3.5,))))
        assert (found.samples, found.refused) == (3, ())
        metrics = metrics_of(found)
        total = metrics["requests_total"].sum
        assert (total.is_monotonic, total.aggregation_temporality) == (True, 2)
        assert [(p.as_double, p.time_unix_nano, p.start_time_unix_nano) for p in total.data_points] == [
            (5.0, T * NS, 0),
            (7.0, (T + 1000) * NS, 0),
        ]
        assert attributes(total.data_points[0].attributes) == {"code": "200"}
        assert [p.as_double for p in metrics["temperature"].gauge.data_points] == [-3.5]

    def test_job_and_instance_are_the_resource(self):
        request = ExportMetricsServiceRequest.FromString(transcode_1(body_1(("up", (1.0,)))).protobuf)
        assert attributes(request.resource_metrics[0].resource.attributes) == {
            "service.name": "cart",
            "service.namespace": "shop",
            "service.instance.id": "h:9",
        }
        request = WRITE_1["WriteRequest"]()
        one = request.timeseries.add(samples=[{"value": 1.0, "timestamp": T}])
        for key, value in (
            ("__name__", "up"),
            ("job", "node"),
            ("otel_scope_name", "lib"),
            ("otel_scope_version", "2"),
        ):
            one.labels.add(name=key, value=value)
        (group,) = ExportMetricsServiceRequest.FromString(
            transcode_1(request.SerializeToString()).protobuf
        ).resource_metrics
        assert attributes(group.resource.attributes) == {"service.name": "node"}
        assert (group.scope_metrics[0].scope.name, group.scope_metrics[0].scope.version) == ("lib", "2")

    @pytest.mark.parametrize(
        ("name", "kind", "which", "is_monotonic"),
        [
            ("x_total", "", "sum", True),
            ("x_count", "", "sum", True),
            ("x_sum", "", "sum", True),
            ("x_bucket", "", "gauge", False),  # without le it is no bucket
            ("x", "", "gauge", False),
            ("x", "counter", "sum", True),
            ("x_total", "gauge", "gauge", False),
            ("x_count", "gauge", "gauge", False),
            ("x_count", "summary", "sum", True),
            ("x", "summary", "gauge", False),
            ("x_created", "counter", "gauge", False),
            ("x_info", "info", "sum", False),
            ("x", "stateset", "sum", False),
            ("x_sum", "gaugehistogram", "gauge", False),
        ],
    )
    def test_the_metadata_tell_the_type_and_without_them_the_name(self, name, kind, which, is_monotonic):
        types = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
        first = WRITE_1["WriteRequest"]()
        series_1(first, name, 1.0)
        if kind:
            family = name.removesuffix("_count").removesuffix("_created").removesuffix("_sum")
            first.metadata.add(type=types.index(kind), metric_family_name=family, help="says", unit="bytes_per_seconds")
        second = WRITE_2["Request"](symbols=["", "__name__", name, "says", "bytes_per_seconds"])
        one = second.timeseries.add(labels_refs=[1, 2], samples=[{"value": 1.0, "timestamp": T}])
        if kind:
            one.metadata.type, one.metadata.help_ref, one.metadata.unit_ref = types.index(kind), 3, 4
        for found in (transcode_1(first.SerializeToString()), transcode_2(second.SerializeToString())):
            metric = metrics_of(found)[name]
            assert metric.WhichOneof("data") == which
            assert not is_monotonic or metric.sum.is_monotonic
            assert which == "gauge" or metric.sum.is_monotonic == is_monotonic
            assert (metric.description, metric.unit) == (("says", "By/s") if kind else ("", ""))

    def test_a_stale_marker_has_no_value_and_another_nan_is_one(self):
        found = transcode_1(body_1(("x", (1.0, STALE, math.nan))))
        points = metrics_of(found)["x"].gauge.data_points
        assert [one.flags for one in points] == [0, 1, 0]
        assert [one.WhichOneof("value") for one in points] == ["as_double", None, "as_double"]

    def test_exemplars_go_to_the_last_point(self):
        request = WRITE_1["WriteRequest"]()
        one = series_1(request, "x_total", 1.0, 2.0)
        exemplar = one.exemplars.add(value=0.5, timestamp=T)
        for key, value in (
            ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
            ("span_id", "b7ad6b7169203331"),
            ("u", "7"),
        ):
            exemplar.labels.add(name=key, value=value)
        found = transcode_1(request.SerializeToString())
        first, last = metrics_of(found)["x_total"].sum.data_points
        assert (len(first.exemplars), found.exemplars) == (0, 1)
        (kept,) = last.exemplars
        assert (kept.trace_id.hex(), kept.span_id.hex()) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
        assert (kept.as_double, kept.time_unix_nano, attributes(kept.filtered_attributes)) == (0.5, T * NS, {"u": "7"})

    @pytest.mark.parametrize("place", ["series", "sample"])
    def test_the_start_of_a_series_of_version_2_is_kept(self, place):
        request = WRITE_2["Request"](symbols=["", "__name__", "x_total"])
        one = request.timeseries.add(labels_refs=[1, 2], samples=[{"value": 1.0, "timestamp": T}])
        if place == "series":
            one.created_timestamp = T - 5000
        else:
            one.samples[0].start_timestamp = T - 5000
        (point,) = metrics_of(transcode_2(request.SerializeToString()))["x_total"].sum.data_points
        assert point.start_time_unix_nano == (T - 5000) * NS


def classic(bounds=("0.1", "1", "+Inf"), values=(2.0, 3.0, 7.0), count=7.0, total=4.5):
    buckets = [
        ("lat_bucket", (value,), (("le", bound), ("r", "a"))) for bound, value in zip(bounds, values, strict=True)
    ]
    others = [("lat_count", (count,), (("r", "a"),)), ("lat_sum", (total,), (("r", "a"),))]
    return [*buckets, *(one for one in others if one[1][0] is not None)]


class TestClassicHistograms:
    def test_one_that_is_whole_is_put_together(self):
        metrics = metrics_of(transcode_1(body_1(*classic())))
        assert metrics.keys() == {"lat"}
        (point,) = metrics["lat"].histogram.data_points
        assert metrics["lat"].histogram.aggregation_temporality == 2
        assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([0.1, 1.0], [2, 1, 4])
        assert (point.count, point.sum, point.time_unix_nano) == (7, 4.5, T * NS)
        assert attributes(point.attributes) == {"r": "a"}

    def test_its_buckets_may_come_in_any_order(self):
        points = [
            metrics_of(transcode_1(body_1(*parts)))["lat"]
            .histogram.data_points[0]
            .SerializeToString(deterministic=True)
            for parts in (classic(), classic()[::-1])
        ]
        assert points[0] == points[1]

    @pytest.mark.parametrize(
        "change",
        [
            {"bounds": ("0.1", "1", "2")},
            {"count": None},
            {"count": 8.0},
            {"values": (3.0, 2.0, 7.0)},
            {"values": (0.5, 3.0, 7.0)},
            {"bounds": ("x", "1", "+Inf")},
            {"bounds": ("1", "1.0", "+Inf")},
        ],
        ids=["no infinity", "no count", "another count", "falls", "not whole", "no number", "the same bound twice"],
    )
    def test_one_that_is_not_stays_sums_of_its_own(self, change):
        metrics = metrics_of(transcode_1(body_1(*classic(**change))))
        assert "lat" not in metrics
        points = metrics["lat_bucket"].sum.data_points
        assert metrics["lat_bucket"].sum.is_monotonic
        assert len(points) == 3
        assert {attributes(one.attributes)["le"] for one in points} == set(change.get("bounds", ("0.1", "1", "+Inf")))

    def test_each_time_is_judged_on_its_own(self):
        parts = classic()
        parts[0] = ("lat_bucket", (2.0, 3.0), parts[0][2])  # the second time has one bucket alone
        metrics = metrics_of(transcode_1(body_1(*parts)))
        assert [one.time_unix_nano for one in metrics["lat"].histogram.data_points] == [T * NS]
        assert [one.as_double for one in metrics["lat_bucket"].sum.data_points] == [3.0]

    def test_the_end_of_one_is_a_point_without_value(self):
        metrics = metrics_of(transcode_1(body_1(*classic(values=(STALE,) * 3, count=STALE, total=STALE))))
        assert metrics.keys() == {"lat"}
        assert [one.flags for one in metrics["lat"].histogram.data_points] == [1]

    def test_exemplars_of_its_buckets_are_its_own(self):
        request = WRITE_1["WriteRequest"]()
        for number, (name, values, labels) in enumerate(classic()):
            one = series_1(request, name, *values, labels=labels)
            if number == 1:
                one.exemplars.add(value=0.7, timestamp=T)
        (point,) = metrics_of(transcode_1(request.SerializeToString()))["lat"].histogram.data_points
        assert [one.as_double for one in point.exemplars] == [0.7]


def native(version=1, **fields):
    """Return the point of a series with one native histogram."""
    whole = {"timestamp": T, "schema": 3, "sum": 12.5, **fields}
    if version == 1:
        request = WRITE_1["WriteRequest"]()
        request.timeseries.add(labels=[{"name": "__name__", "value": "n"}], histograms=[whole])
        found = transcode_1(request.SerializeToString())
    else:
        request = WRITE_2["Request"](symbols=["", "__name__", "n"])
        request.timeseries.add(labels_refs=[1, 2], histograms=[whole])
        found = transcode_2(request.SerializeToString())
    assert found.histograms == 1
    return metrics_of(found)["n"]


class TestNativeHistograms:
    @pytest.mark.parametrize("version", [1, 2])
    def test_an_integer_one_keeps_each_bucket_between_its_bounds(self, version):
        metric = native(
            version,
            count_int=17,
            zero_count_int=2,
            zero_threshold=0.001,
            positive_spans=[{"offset": -2, "length": 2}, {"offset": 1, "length": 2}],
            positive_deltas=[1, 2, -1, 3],  # 1, 3, 2, 5 in buckets -2, -1, 1, 2
            negative_spans=[{"offset": 4, "length": 1}],
            negative_deltas=[4],
        )
        assert metric.exponential_histogram.aggregation_temporality == 2
        (point,) = metric.exponential_histogram.data_points
        assert (point.scale, point.count, point.sum, point.zero_count) == (3, 17, 12.5, 2)
        assert point.zero_threshold == 0.001
        growth = 2 ** (2**-3)
        upper = {  # OTLP's bucket i ends at growth^(i + 1), Prometheus' bucket i at growth^i
            growth ** (point.positive.offset + i + 1): count
            for i, count in enumerate(point.positive.bucket_counts)
            if count
        }
        assert upper == pytest.approx({growth**-2: 1, growth**-1: 3, growth**1: 2, growth**2: 5})
        assert (point.negative.offset, list(point.negative.bucket_counts)) == (3, [4])

    def test_a_float_one_is_rounded_to_whole_observations(self):
        metric = native(
            count_float=7.4,
            zero_count_float=0.6,
            positive_spans=[{"offset": 0, "length": 3}],
            positive_counts=[1.2, 3.5, 2.1],
        )
        (point,) = metric.exponential_histogram.data_points
        assert (list(point.positive.bucket_counts), point.zero_count, point.count) == ([1, 4, 2], 1, 8)

    def test_one_with_buckets_of_its_own_is_an_explicit_histogram(self):
        metric = native(
            schema=-53,
            count_int=6,
            custom_values=[0.1, 1.0, 10.0],
            positive_spans=[{"offset": 1, "length": 1}, {"offset": 1, "length": 1}],
            positive_deltas=[2, 2],
        )
        (point,) = metric.histogram.data_points
        assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([0.1, 1.0, 10.0], [0, 2, 0, 4])
        assert (point.count, point.sum) == (6, 12.5)

    def test_the_end_of_one_is_a_point_without_value(self):
        (point,) = native(sum=STALE).exponential_histogram.data_points
        assert (point.flags, point.count) == (1, 0)

    @pytest.mark.parametrize(
        "fields",
        [
            {"schema": 9},
            {"schema": -5},
            {"positive_spans": [{"offset": 0, "length": 2}], "positive_deltas": [1]},
            {"positive_spans": [{"offset": 0, "length": 2}], "positive_deltas": [1, -2]},
            {"positive_spans": [{"offset": 0, "length": 1}] * 2, "positive_deltas": [1, 1], "schema": -53},
            {"positive_spans": [{"length": 1}, {"offset": 2**30, "length": 1}], "positive_deltas": [1, 1]},
            {"positive_spans": [{"length": 1}, {"offset": -1, "length": 1}], "positive_deltas": [1, 1]},
            {"positive_spans": [{"length": 1}], "positive_counts": [math.nan]},
            {"positive_spans": [{"length": 2**32 - 1}]},
            {"reset_hint": 3},
            {"timestamp": -1},
        ],
        ids=[
            "too fine",
            "too coarse",
            "spans do not fit",
            "falls below 0",
            "beyond the bounds",
            "too wide",
            "overlaps",
            "no count",
            "too long",
            "gauge",
            "before 1970",
        ],
    )
    def test_one_that_cannot_be_is_refused_alone(self, fields):
        request = WRITE_1["WriteRequest"]()
        series_1(request, "good", 1.0)
        request.timeseries.add(
            labels=[{"name": "__name__", "value": "n"}], histograms=[{"timestamp": T, "count_int": 1, **fields}]
        )
        found = transcode_1(request.SerializeToString())
        assert metrics_of(found).keys() == {"good"}
        (refusal,) = found.refused
        del request.timeseries[0]
        assert (refusal.data, refusal.kind) == (request.SerializeToString(), INVALID_ITEM)


class TestLimits:
    @pytest.mark.parametrize(
        "labels",
        [[], [("a", "b")], [("__name__", "x"), ("a", "1"), ("a", "2")], [("__name__", ""), ("a", "1")]],
        ids=["no label", "no name", "a label twice", "an empty name"],
    )
    def test_a_series_with_bad_labels_is_refused_alone_and_can_be_replayed(self, labels):
        symbols = ["", "__name__", "good", *sorted({text for pair in labels for text in pair} - {"", "__name__"})]
        request = WRITE_2["Request"](symbols=symbols)
        request.timeseries.add(labels_refs=[1, 2], samples=[{"value": 1.0, "timestamp": T}])
        references = [symbols.index(text) for pair in labels for text in pair]
        request.timeseries.add(labels_refs=references, samples=[{"value": 2.0, "timestamp": T}])
        found = transcode_2(request.SerializeToString())
        assert metrics_of(found).keys() == {"good"}
        del request.timeseries[0]
        assert [one.data for one in found.refused] == [request.SerializeToString()]

    def test_references_beyond_the_symbols_are_refused(self):
        request = WRITE_2["Request"](symbols=["", "__name__", "x"])
        for references in ([1, 99], [1], [1, 2**32 - 1]):
            request.timeseries.add(labels_refs=references, samples=[{"value": 1.0, "timestamp": T}])
        with pytest.raises(InvalidInputError, match="reference 99 beyond 3 symbols"):
            transcode_2(request.SerializeToString())

    def test_too_many_series_symbols_or_labels_are_refused(self, monkeypatch):
        monkeypatch.setattr(prometheus, "MAX_SERIES", 2)
        with pytest.raises(TooLargeError):
            transcode_1(body_1(*[("x", (1.0,))] * 3))
        monkeypatch.setattr(prometheus, "MAX_SYMBOLS", 2)
        with pytest.raises(TooLargeError):
            transcode_2(WRITE_2["Request"](symbols=["", "a", "b"]).SerializeToString())
        monkeypatch.setattr(prometheus, "MAX_LABELS", 3)
        with pytest.raises(InvalidInputError, match="more than 3 labels"):
            transcode_1(body_1(("x", (1.0,), (("a", "b"),))))

    def test_metadata_alone_give_nothing_and_are_no_fault(self):
        request = WRITE_1["WriteRequest"](metadata=[{"type": 1, "metric_family_name": "x"}])
        found = transcode_1(request.SerializeToString())
        assert (found.protobuf, found.refused, found.samples) == (b"", (), 0)

    @pytest.mark.parametrize("transcode", [transcode_1, transcode_2])
    def test_other_bytes_are_refused(self, transcode):
        for data in (b"\xff\xff", b"\n\x05ab", b"\x22\x02ab\x2a\x00"):
            with pytest.raises(InvalidInputError):
                transcode(data)


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "snappy"])
def test_a_record_may_hold_a_write_request_of_either_version(is_packed):
    second = WRITE_2["Request"](symbols=["", "__name__", "x"])
    second.timeseries.add(labels_refs=[1, 2], samples=[{"value": 1.0, "timestamp": T}])
    for number, body in ((1, body_1(("x", (1.0,)))), (2, second.SerializeToString())):
        data = preamble(len(body)) + literal(body) if is_packed else body
        reading = read_record(data, "", max_bytes=1 << 20)
        assert (reading.form, reading.refused) == (f"prometheus_remote_write_{number}", ())
        assert [one.signal for one in reading.payloads] == ["metrics"]
