"""KPL aggregates, length-delimited requests and CloudWatch records, by protobuf's own classes."""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import ClassVar

import pytest
from google.protobuf.internal.encoder import _VarintBytes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.telemetry.fault import CHECKSUM, INVALID_ITEM, TOO_LARGE, TRUNCATED, UNSUPPORTED_FORMAT
from opsloop.telemetry.formats.cloudwatch_logs import severity_word
from opsloop.telemetry.payload import fingerprint
from tests.unit.telemetry.foreign_messages import KPL, OLD_OTLP
from tests.unit.telemetry.otlp_messages import REQUESTS, captured
from tests.unit.telemetry.records import LIMIT, payload_of, read

DATA = Path(__file__).resolve().parents[2] / "data/otlp"
SIGNALS = ("traces", "metrics", "logs")


def aggregate(*parts, keys=("k0", "k1")):
    message = KPL["AggregatedRecord"](partition_keys=keys)
    for number, data in enumerate(parts):
        message.records.add(partition_key_index=number % len(keys), data=data)
    body = message.SerializeToString()
    return b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body, usedforsecurity=False).digest()


def delimited(*requests):
    return b"".join(_VarintBytes(len(request)) + request for request in requests)


class TestKpl:
    def test_each_record_is_read_like_one_of_its_own(self):
        parts = [captured("traces"), gzip.compress(captured("logs")), captured("metrics")]
        reading = read(aggregate(*parts))
        assert (reading.form, reading.refused) == ("kpl", ())
        assert [one.signal for one in reading.payloads] == ["traces", "logs", "metrics"]
        assert [one.protobuf for one in reading.payloads] == [captured(s) for s in ("traces", "logs", "metrics")]
        assert [one.fingerprint for one in reading.payloads] == [read(part).payloads[0].fingerprint for part in parts]

    def test_a_bad_record_harms_no_other(self):
        reading = read(aggregate(captured("traces"), b"\xff" * 9, captured("logs")))
        assert [one.signal for one in reading.payloads] == ["traces", "logs"]
        (refusal,) = reading.refused
        assert refusal.data == b"\xff" * 9
        assert refusal.reason.startswith("record 1 of a KPL aggregate")

    def test_a_changed_byte_is_found_by_the_checksum_and_the_whole_is_kept(self):
        data = bytearray(aggregate(captured("logs")))
        data[99] ^= 1
        (refusal,) = read(bytes(data)).refused
        assert (refusal.kind, refusal.data) == (CHECKSUM, bytes(data))
        assert f"at byte {len(data) - 16}" in refusal.reason

    def test_one_inside_another_is_refused_and_its_neighbour_is_not(self):
        inner = aggregate(captured("logs"))
        reading = read(aggregate(captured("traces"), inner, gzip.compress(inner)))
        assert [one.signal for one in reading.payloads] == ["traces"]
        assert {one.kind for one in reading.refused} == {UNSUPPORTED_FORMAT}
        assert [one.data for one in reading.refused] == [inner, gzip.compress(inner)]

    def test_an_index_beyond_the_keys_still_gives_the_data(self):
        message = KPL["AggregatedRecord"](records=[{"partition_key_index": 7, "data": captured("logs")}])
        body = message.SerializeToString()
        data = b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body, usedforsecurity=False).digest()
        assert payload_of(data)[1].protobuf == captured("logs")

    def test_bombs_inside_count_together(self):
        bomb = gzip.compress(bytes(LIMIT + 1))
        reading = read(aggregate(*[bomb] * 40, captured("logs")))
        assert [one.signal for one in reading.payloads] == ["logs"]
        assert [one.kind for one in reading.refused] == [TOO_LARGE] * 40
        assert "other parts" in reading.refused[4].reason
        assert "other parts" not in reading.refused[3].reason

    def test_a_part_that_is_nothing_leaves_its_room_to_the_others(self):
        nothing, part = gzip.compress(bytes(LIMIT)), gzip.compress(captured("logs"))
        assert len(read(aggregate(nothing, part)).payloads) == 1

    def test_what_its_records_inflate_to_is_bounded_as_a_whole(self):
        part = gzip.compress(captured("logs"))
        reading = read(aggregate(*[part] * 3), limit=2 * len(captured("logs")))
        assert (len(reading.payloads), [one.kind for one in reading.refused]) == (2, [TOO_LARGE])


class TestDelimited:
    def test_several_requests_of_any_signal_are_told_apart(self):
        requests = [captured(signal) for signal in SIGNALS]
        reading = read(delimited(*requests))
        assert (reading.form, reading.refused) == ("otlp_delimited", ())
        assert [(one.signal, one.protobuf) for one in reading.payloads] == list(zip(SIGNALS, requests, strict=True))
        assert [one.fingerprint for one in reading.payloads] == [fingerprint(one) for one in requests]

    @pytest.mark.parametrize("size", [8, 10, 13, 24, 31, 32, 40, 91, 123, 125, 127, 128, 0x5B0A, 20_000])
    def test_a_length_that_looks_like_something_else_is_still_a_length(self, size):
        request = REQUESTS["logs"]()
        record = request.resource_logs.add().scope_logs.add().log_records.add(severity_number=9)
        for _ in range(3):
            record.severity_text = "x" * max(0, len(record.severity_text) + size - len(request.SerializeToString()))
        data = request.SerializeToString()
        assert abs(len(data) - size) <= 2
        assert [one.protobuf for one in read(delimited(data, captured("traces"))).payloads] == [
            data,
            captured("traces"),
        ]

    def test_one_that_is_cut_off_keeps_those_before_it(self):
        whole = delimited(captured("logs"), captured("traces"))
        reading = read(whole[:-5])
        assert [one.signal for one in reading.payloads] == ["logs"]
        (refusal,) = reading.refused
        assert (refusal.kind, refusal.data) == (TRUNCATED, delimited(captured("traces"))[:-5])

    def test_a_bad_request_harms_no_other(self):
        reading = read(delimited(captured("logs"), b"\n\x05abc", captured("traces")))
        assert [one.signal for one in reading.payloads] == ["logs", "traces"]
        assert [one.data for one in reading.refused] == [b"\n\x05abc"]

    def test_opentelemetry_07_is_refused_with_what_to_switch_on(self):
        request = OLD_OTLP["Request"]()
        metric = request.resource_metrics.add().instrumentation_library_metrics.add().metrics.add(name="m", unit="1")
        point = metric.double_summary.data_points.add(time_unix_nano=5, start_time_unix_nano=1, count=3, sum=2.5)
        point.labels.add(key="Namespace", value="AWS/EC2")
        body = request.SerializeToString()
        for data in (delimited(body), delimited(body, body), body, gzip.compress(delimited(body))):
            (refusal,) = read(data).refused
            assert (refusal.kind, refusal.data) == (UNSUPPORTED_FORMAT, data)
            assert "choose OpenTelemetry 1.0" in refusal.reason


class TestCloudWatchMetrics:
    POINT: ClassVar = {
        "metric_stream_name": "S",
        "account_id": "123456789012",
        "region": "us-east-1",
        "namespace": "AWS/EC2",
        "metric_name": "DiskWriteOps",
        "dimensions": {"InstanceId": "i-1", "Größe": "ü"},
        "timestamp": 1611929698000,
        "value": {"count": 3.0, "sum": 20.0, "max": 18.0, "min": 0.0, "p99": 17.56, "p99.9": 17.8, "TM(25%:75%)": 16.4},
        "unit": "Bytes/Second",
    }

    def test_a_point_becomes_the_summary_of_the_opentelemetry_form(self):
        form, payload = payload_of(json.dumps(self.POINT).encode())
        assert (form, payload.signal) == ("cloudwatch_metrics_json", "metrics")
        request = ExportMetricsServiceRequest.FromString(payload.protobuf)
        (group,) = request.resource_metrics
        assert {one.key: one.value.string_value for one in group.resource.attributes} == {
            "cloud.provider": "aws",
            "cloud.account.id": "123456789012",
            "cloud.region": "us-east-1",
            "aws.exporter.arn": "arn:aws:cloudwatch:us-east-1:123456789012:metric-stream/S",
        }
        (metric,) = group.scope_metrics[0].metrics
        assert (metric.name, metric.unit) == ("amazonaws.com/AWS/EC2/DiskWriteOps", "By/s")
        (point,) = metric.summary.data_points
        assert (point.count, point.sum) == (3, 20.0)
        assert (point.start_time_unix_nano, point.time_unix_nano) == (1611929698 * 10**9, 1611929758 * 10**9)
        assert [one.quantile for one in point.quantile_values] == pytest.approx([0.0, 0.99, 0.999, 1.0])
        assert [one.value for one in point.quantile_values] == [0.0, 17.56, 17.8, 18.0]
        attributes = {one.key: one.value for one in point.attributes}
        assert attributes["Namespace"].string_value == "AWS/EC2"
        assert attributes["MetricName"].string_value == "DiskWriteOps"
        nested = {one.key: one.value.string_value for one in attributes["Dimensions"].kvlist_value.values}
        assert nested == self.POINT["dimensions"]

    @pytest.mark.parametrize("between", ["\n", "", " ", "\r\n", ",\n"])
    def test_objects_need_no_newline_between_them(self, between):
        text = between.join(json.dumps(self.POINT | {"timestamp": 1611929698000 + i}) for i in range(5))
        _, payload = payload_of(text.encode())
        request = ExportMetricsServiceRequest.FromString(payload.protobuf)
        assert sum(len(s.metrics) for g in request.resource_metrics for s in g.scope_metrics) == 5

    @pytest.mark.parametrize(
        "change",
        [{"namespace": 5}, {"value": None}, {"timestamp": -1}, {"value": {"count": "x"}}, {"dimensions": []}],
        ids=["namespace", "value", "timestamp", "count", "dimensions"],
    )
    def test_a_bad_point_is_refused_alone_and_can_be_replayed(self, change):
        if change == {"dimensions": []}:
            change = {"dimensions": [1]}
        bad = self.POINT | change
        reading = read("\n".join(map(json.dumps, (self.POINT, bad, self.POINT))).encode())
        assert len(reading.payloads) == 1
        (refusal,) = reading.refused
        assert (json.loads(refusal.data), refusal.kind) == (bad, INVALID_ITEM)
        assert refusal.reason.startswith("point 1: ")

    def test_a_broken_line_is_refused_alone_with_its_place(self):
        line = json.dumps(self.POINT)
        reading = read(f"{line}\n{line[:40]}\n{line}\n".encode())
        request = ExportMetricsServiceRequest.FromString(reading.payloads[0].protobuf)
        assert len(request.resource_metrics[0].scope_metrics[0].metrics) == 2
        assert [one.data for one in reading.refused] == [line[:40].encode()]


class TestCloudWatchLogs:
    MESSAGE: ClassVar = {
        "messageType": "DATA_MESSAGE",
        "owner": "111111111111",
        "logGroup": "/aws/lambda/checkout",
        "logStream": "2026/11/21/[$LATEST]abc",
        "subscriptionFilters": ["f"],
        "logEvents": [
            {"id": "1", "timestamp": 1432826855000, "message": "[ERROR] it broke"},
            {"id": "2", "timestamp": 1432826855001, "message": '{"level": "warn", "m": "hüh"}'},
            {"id": "3", "timestamp": 1432826855002, "message": "an error, says the text"},
        ],
    }

    def test_a_data_message_becomes_log_records(self):
        form, payload = payload_of(gzip.compress(json.dumps(self.MESSAGE).encode()))
        assert (form, payload.signal) == ("cloudwatch_logs", "logs")
        (group,) = ExportLogsServiceRequest.FromString(payload.protobuf).resource_logs
        attributes = {one.key: one.value for one in group.resource.attributes}
        assert attributes["faas.name"].string_value == "checkout"
        assert attributes["cloud.account.id"].string_value == "111111111111"
        assert [v.string_value for v in attributes["aws.log.group.names"].array_value.values] == [
            "/aws/lambda/checkout"
        ]
        assert [v.string_value for v in attributes["aws.log.stream.names"].array_value.values] == [
            "2026/11/21/[$LATEST]abc"
        ]
        records = group.scope_logs[0].log_records
        assert [one.time_unix_nano for one in records] == [1432826855000 * 10**6 + i * 10**6 for i in range(3)]
        assert [one.severity_number for one in records] == [17, 13, 0]
        assert [one.body.string_value for one in records] == [e["message"] for e in self.MESSAGE["logEvents"]]

    @pytest.mark.parametrize(
        ("group", "service"),
        [("/ecs/shop/cart", "cart"), ("CloudTrail/logs", "logs"), ("audit", "audit"), ("/aws/lambda/", "lambda")],
    )
    def test_another_group_is_named_by_its_last_part(self, group, service):
        _, payload = payload_of(json.dumps(self.MESSAGE | {"logGroup": group}).encode())
        (found,) = ExportLogsServiceRequest.FromString(payload.protobuf).resource_logs
        assert {one.key: one.value.string_value for one in found.resource.attributes}["service.name"] == service

    def test_a_control_message_is_accepted_and_holds_nothing(self):
        control = self.MESSAGE | {"messageType": "CONTROL_MESSAGE"}
        reading = read(gzip.compress(json.dumps(control).encode()))
        assert (reading.form, reading.payloads, reading.refused) == ("cloudwatch_logs", (), ())

    def test_a_bad_event_is_refused_alone_inside_its_message(self):
        bad = {"id": "x", "timestamp": "now", "message": "m"}
        message = self.MESSAGE | {"logEvents": [*self.MESSAGE["logEvents"], bad]}
        reading = read(json.dumps(message).encode())
        (group,) = ExportLogsServiceRequest.FromString(reading.payloads[0].protobuf).resource_logs
        assert len(group.scope_logs[0].log_records) == 3
        (refusal,) = reading.refused
        assert json.loads(refusal.data) == self.MESSAGE | {"logEvents": [bad]}
        assert read(refusal.data).payloads == ()

    def test_messages_follow_one_another_as_firehose_writes_them_to_s3(self):
        one = json.dumps(self.MESSAGE).encode()
        other = one.replace(b"checkout", b"cart")
        for data in (one + other, gzip.compress(one) + gzip.compress(other)):
            _, payload = payload_of(data)
            request = ExportLogsServiceRequest.FromString(payload.protobuf)
            assert sum(len(s.log_records) for g in request.resource_logs for s in g.scope_logs) == 6

    @pytest.mark.parametrize(
        ("message", "word"),
        [
            ("ERROR: disk", "ERROR"),
            ("2026-11-21 10:00:00,123 WARNING pool is full", "WARNING"),
            ("2026-11-21T10:00:00.000Z\t3f2a\tERROR\tInvoke Error", "ERROR"),
            ("2026-11-21T10:00:00Z 3f2a [FATAL] gone", "FATAL"),
            ('{"severity":"Critical"}', "Critical"),
            ('{"level":30}', ""),
            ('{"level":"verbose"', ""),
            ("no errors, no WARN in brackets", ""),
            ("ERROR-42 is a code", ""),
            ("INFORMED consent", ""),
            ("x" * 200 + "[ERROR]", ""),
            ("", ""),
        ],
    )
    def test_severity_is_guessed_only_where_it_is_said_plainly(self, message, word):
        assert severity_word(message) == word


@pytest.mark.parametrize("name", ["kinesis-kpl-aggregated.bin", "cloudwatch-otel1.bin", "cloudwatch-json.ndjson"])
def test_the_samples_of_other_formats_are_read_in_full(name):
    reading = read((DATA / name).read_bytes())
    assert reading.refused == ()
    assert len(reading.payloads) == {"kinesis-kpl-aggregated.bin": 5, "cloudwatch-otel1.bin": 12}.get(name, 1)


def test_a_firehose_delivery_holds_records_of_these_formats():
    records = json.loads((DATA / "firehose-http-delivery.json").read_text())["records"]
    readings = [read(base64.b64decode(one["data"])) for one in records]
    assert {one.form for one in readings} == {"otlp_delimited"}
    assert sum(len(one.payloads) for one in readings) == 12
