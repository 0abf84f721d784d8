"""Zipkin and Jaeger spans as OpenTelemetry's rules for them say."""

import json
from typing import ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.telemetry.fault import INVALID_ITEM
from tests.unit.telemetry.foreign_messages import JAEGER
from tests.unit.telemetry.records import payload_of, read


class TestZipkin:
    SPAN: ClassVar = {
        "traceId": "5af7183fb1d4cf5f",
        "parentId": "6b221d5bc9e6496c",
        "id": "352bff9a74ca9ad2",
        "kind": "SERVER",
        "name": "get /api",
        "timestamp": 1556604172355737,
        "duration": 1431,
        "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306},
        "remoteEndpoint": {"serviceName": "db", "ipv6": "::1"},
        "annotations": [
            {"timestamp": 1556604172355800, "value": "cache miss"},
            {"timestamp": 1556604172355900, "value": 'exception|{"exception.type":"X","n":3}|0'},
            {"timestamp": 1556604172355901, "value": "a|b"},
        ],
        "tags": {
            "http.method": "GET",
            "otel.status_code": "ERROR",
            "otel.status_description": "boom",
            "error": "true",
            "otel.library.name": "lib",
            "telemetry.sdk.language": "go",
            "w3c.tracestate": "a=b",
            "otlp.link.0": '00000000000000010000000000000002|0000000000000003|x=y|{"k":"v"}|0',
        },
    }

    def spans(self, data):
        form, payload = payload_of(data)
        assert (form, payload.signal) == ("zipkin_json", "traces")
        return ExportTraceServiceRequest.FromString(payload.protobuf).resource_spans

    def test_a_span_becomes_what_it_was_made_of(self):
        (group,) = self.spans(json.dumps([self.SPAN]).encode())
        assert {one.key: one.value.string_value for one in group.resource.attributes} == {
            "service.name": "backend",
            "telemetry.sdk.language": "go",
        }
        (scope,) = group.scope_spans
        assert scope.scope.name == "lib"
        (span,) = scope.spans
        assert (span.trace_id.hex(), span.span_id.hex()) == ("0" * 16 + "5af7183fb1d4cf5f", "352bff9a74ca9ad2")
        assert (span.parent_span_id.hex(), span.name, span.kind) == ("6b221d5bc9e6496c", "get /api", 2)
        start = 1556604172355737 * 1000
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (start, start + 1_431_000)
        assert (span.status.code, span.status.message, span.trace_state) == (2, "boom", "a=b")
        attributes = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
        assert attributes == {
            "http.method": "GET",
            "net.host.ip": "192.168.99.1",
            "net.host.port": 3306,
            "peer.service": "db",
            "net.peer.ip": "::1",
        }
        assert [one.name for one in span.events] == ["cache miss", "exception", "a|b"]
        assert span.events[0].time_unix_nano == 1556604172355800 * 1000
        assert [one.key for one in span.events[1].attributes] == ["exception.type", "n"]
        assert span.links[0].span_id.hex() == "0000000000000003"

    def test_a_single_object_and_several_arrays_are_read_too(self):
        assert len(self.spans(json.dumps(self.SPAN).encode())[0].scope_spans[0].spans) == 1
        both = json.dumps([self.SPAN]).encode() + b"\n" + json.dumps([self.SPAN, self.SPAN]).encode()
        assert len(self.spans(both)[0].scope_spans[0].spans) == 3

    @pytest.mark.parametrize(
        ("tags", "code"),
        [({}, 0), ({"otel.status_code": "OK"}, 1), ({"error": ""}, 2), ({"error": "bad"}, 2), ({"error": "false"}, 0)],
    )
    def test_an_error_is_told_by_the_status_or_the_error_tag(self, tags, code):
        (group,) = self.spans(json.dumps([self.SPAN | {"tags": tags}]).encode())
        assert group.scope_spans[0].spans[0].status.code == code

    @pytest.mark.parametrize(
        "change",
        [{"traceId": "0"}, {"id": "xyz"}, {"timestamp": None}, {"tags": 5}, {"annotations": [1]}, {"duration": "1"}],
        ids=lambda change: next(iter(change)),
    )
    def test_a_bad_span_is_refused_alone_and_can_be_replayed(self, change):
        bad = self.SPAN | change
        reading = read(json.dumps([self.SPAN, bad]).encode())
        assert len(reading.payloads) == 1
        (refusal,) = reading.refused
        assert (json.loads(refusal.data), refusal.kind) == (bad, INVALID_ITEM)


class TestJaeger:
    def span(self):
        span = JAEGER["Span"](
            trace_id=bytes(8) + bytes(range(1, 9)),
            span_id=bytes(range(8, 16)),
            operation_name="GET /",
            flags=1,
            start_time={"seconds": 1_700_000_000, "nanos": 5},
            duration={"seconds": 1, "nanos": 250},
            process={"service_name": "web", "tags": [{"key": "hostname", "v_str": "h1"}]},
        )
        for key, kind, field, value in (
            ("span.kind", 0, "v_str", "server"),
            ("retry", 1, "v_bool", True),
            ("http.status_code", 2, "v_int64", -503),
            ("share", 3, "v_float64", 0.5),
            ("raw", 4, "v_binary", b"\x00\xff"),
            ("otel.scope.name", 0, "v_str", "lib"),
        ):
            span.tags.add(key=key, v_type=kind, **{field: value})
        span.references.add(trace_id=b"\x02" * 16, span_id=b"\x03" * 8, ref_type=0)
        span.references.add(trace_id=span.trace_id, span_id=b"\x01" * 8, ref_type=0)
        span.references.add(trace_id=b"\x02" * 16, span_id=b"\x03" * 8, ref_type=1)
        log = span.logs.add(timestamp={"seconds": 1_700_000_000, "nanos": 9})
        log.fields.add(key="event", v_str="cache miss")
        log.fields.add(key="n", v_type=2, v_int64=3)
        return span

    def read_span(self, message):
        form, payload = payload_of(message.SerializeToString())
        assert (form, payload.signal) == ("jaeger_protobuf", "traces")
        (group,) = ExportTraceServiceRequest.FromString(payload.protobuf).resource_spans
        (scope,) = group.scope_spans
        (span,) = scope.spans
        return group.resource, scope.scope, span

    def test_a_span_becomes_what_it_was_made_of(self):
        resource, scope, span = self.read_span(self.span())
        assert {one.key: one.value.string_value for one in resource.attributes} == {
            "service.name": "web",
            "host.name": "h1",
        }
        assert scope.name == "lib"
        assert (span.trace_id, span.span_id) == (self.span().trace_id, self.span().span_id)
        assert (span.name, span.kind, span.parent_span_id) == ("GET /", 2, b"\x01" * 8)
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (
            1_700_000_000_000_000_005,
            1_700_000_001_000_000_255,
        )
        attributes = {one.key: one.value for one in span.attributes}
        assert attributes.keys() == {"retry", "http.status_code", "share", "raw"}
        assert attributes["retry"].bool_value is True
        assert attributes["http.status_code"].int_value == -503
        assert (attributes["share"].double_value, attributes["raw"].bytes_value) == (0.5, b"\x00\xff")
        assert [(link.trace_id, link.attributes[0].value.string_value) for link in span.links] == [
            (b"\x02" * 16, "child_of"),
            (b"\x02" * 16, "follows_from"),
        ]
        (event,) = span.events
        assert (event.name, event.time_unix_nano, event.attributes[0].key) == (
            "cache miss",
            1_700_000_000_000_000_009,
            "n",
        )
        assert span.status.code == 0

    @pytest.mark.parametrize(
        ("tags", "code"),
        [
            ([{"key": "error", "v_type": 1, "v_bool": True}], 2),
            ([{"key": "error", "v_type": 1, "v_bool": False}], 0),
            ([{"key": "otel.status_code", "v_str": "OK"}], 1),
            ([{"key": "otel.status_code", "v_str": "OK"}, {"key": "error", "v_type": 1, "v_bool": True}], 2),
            ([{"key": "otel.status_code", "v_str": "ERROR"}], 2),
        ],
    )
    def test_the_status_comes_from_the_error_tag_before_the_status_code(self, tags, code):
        message = self.span()
        message.tags.extend(JAEGER["KeyValue"](**tag) for tag in tags)
        assert self.read_span(message)[2].status.code == code

    def test_a_trace_id_that_could_be_a_resource_with_a_span_is_still_one(self):
        message = self.span()
        message.trace_id = b"\x12\x0e\x12\x0c\x30\x82\x00\x39" + bytes(range(1, 9))
        fields = ExportTraceServiceRequest.FromString(message.SerializeToString())  # protobuf's own class is misled
        assert fields.resource_spans[0].scope_spans[0].spans[0].kind == 2
        assert self.read_span(message)[2].trace_id == message.trace_id

    def test_ids_that_are_zero_are_refused(self):
        message = self.span()
        message.trace_id = bytes(16)
        (refusal,) = read(message.SerializeToString()).refused
        assert refusal.kind == INVALID_ITEM
