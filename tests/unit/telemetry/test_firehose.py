"""Firehose's contract: what is a delivery, what is answered, and what a delivery tried again comes to."""

import base64
import gzip
import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.errors import InvalidInputError, ThrottledError, TooLargeError, UnsupportedMediaError
from opsloop.telemetry.firehose import Delivery, failure, read_delivery, success, unpack
from opsloop.telemetry.payload import read_payload

SAMPLE = Path(__file__).parents[2] / "data" / "otlp" / "firehose-http-delivery.json"
ID = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
HEADERS = {"x-amz-firehose-protocol-version": "1.0", "x-amz-firehose-request-id": ID}
LIMITS = {"max_bytes": 1_000_000, "max_record_bytes": 100_000}


def body(*records, request_id=ID):
    texts = [{"data": base64.b64encode(record).decode()} for record in records]
    return json.dumps({"requestId": request_id, "timestamp": 1_767_225_660_000, "records": texts}).encode()


def spans(*names):
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number, name in enumerate(names):
        scope.spans.add(
            name=name,
            trace_id=b"t" * 16,
            span_id=(number + 1).to_bytes(8, "big"),
            start_time_unix_nano=1,
            end_time_unix_nano=2,
        )
    return request.SerializeToString()


def delivered(*records, request_id=ID):
    texts = tuple(base64.b64encode(record).decode() for record in records)
    return unpack(Delivery(request_id, texts, {}), **LIMITS)


def test_a_delivery_is_its_id_its_records_and_the_common_attributes():
    attributes = json.dumps({"commonAttributes": {"account": "shop", "tier": 1}})
    read = read_delivery(body(b"a", b"b"), {**HEADERS, "x-amz-firehose-common-attributes": attributes}, max_bytes=9_999)
    assert read == Delivery(ID, ("YQ==", "Yg=="), {"account": "shop", "tier": "1"})


def test_a_gzipped_delivery_is_read_and_one_that_came_as_text_already_inflated_too():
    headers = {**HEADERS, "content-encoding": "gzip"}
    assert read_delivery(gzip.compress(body(b"a")), headers, max_bytes=9_999).records == ("YQ==",)
    assert read_delivery(body(b"a"), headers, max_bytes=9_999, is_text=True).records == ("YQ==",)


@pytest.mark.parametrize("attributes", ["", "{", "[]", '{"commonAttributes": 1}'])
def test_attributes_that_are_none_are_no_reason_to_refuse(attributes):
    headers = {**HEADERS, "x-amz-firehose-common-attributes": attributes}
    assert read_delivery(body(), headers, max_bytes=9_999).attributes == {}


@pytest.mark.parametrize(
    ("headers", "text", "error", "message"),
    [
        ({"x-amz-firehose-protocol-version": "2.0"}, body(), InvalidInputError, "Protocol-Version"),
        ({"x-amz-firehose-request-id": "another"}, body(), InvalidInputError, "requestId"),
        ({}, b"{", InvalidInputError, "not JSON"),
        ({}, b"[]", InvalidInputError, "JSON object"),
        ({}, b'{"records": []}', InvalidInputError, "requestId"),
        ({}, json.dumps({"requestId": ID, "records": [1]}).encode(), InvalidInputError, "records"),
        ({"content-encoding": "br"}, body(), UnsupportedMediaError, "gzip"),
        ({}, body(b"x" * 9_999), TooLargeError, "bytes"),
    ],
)
def test_what_is_no_delivery_is_refused_by_what_is_wrong_with_it(headers, text, error, message):
    with pytest.raises(error, match=message):
        read_delivery(text, {**HEADERS, **headers}, max_bytes=9_999)


def test_an_answer_echoes_the_id_and_says_when_and_why():
    assert json.loads(success(ID, 12)) == {"requestId": ID, "timestamp": 12}
    status, answer = failure(ID, 12, ThrottledError("x" * 9_000))
    assert status == 429
    assert json.loads(answer) == {"requestId": ID, "timestamp": 12, "errorMessage": "x" * 8_192}


def test_413_is_never_answered_because_firehose_would_drop_the_data_with_its_backup():
    assert failure(ID, 12, TooLargeError("too much"))[0] == 400


def test_a_delivery_tried_again_gives_the_same_records():
    assert delivered(spans("a"), spans("b")).records == delivered(spans("a"), spans("b")).records


def test_equal_contents_of_two_deliveries_or_of_two_records_are_not_one_thing():
    first, second = delivered(spans("a"), spans("a")), delivered(spans("a"), spans("a"), request_id="another")
    assert len({record.partition_key for record in first.records + second.records}) == 4


def test_the_mark_of_its_origin_changes_nothing_of_what_a_record_says():
    [record] = delivered(spans("a", "b")).records
    payload = read_payload(record.data, "", max_bytes=9_999)
    read = ExportTraceServiceRequest.FromString(payload.protobuf)
    assert [span.name for span in read.resource_spans[0].scope_spans[0].spans] == ["a", "b"]
    assert read.resource_spans[1].schema_url.startswith("opsloop:origin:")
    assert len(read.resource_spans[1].scope_spans) == 0


def test_a_record_that_cannot_be_read_is_refused_whole_and_the_others_are_taken():
    intake = delivered(b"\xff not telemetry", spans("a"))
    assert (len(intake.records), intake.items) == (1, 1)
    assert [refusal.data for refusal in intake.refused] == [b"\xff not telemetry"]


def test_a_record_that_is_not_base64_is_refused_as_it_came():
    intake = unpack(Delivery(ID, ("no base64!", base64.b64encode(spans("a")).decode()), {}), **LIMITS)
    assert ([refusal.data for refusal in intake.refused], intake.items) == ([b"no base64!"], 1)


def test_a_delivery_cannot_inflate_without_end():
    bomb = gzip.compress(spans(*(["x" * 1_000] * 900)))
    intake = unpack(
        Delivery(ID, (base64.b64encode(bomb).decode(),) * 5, {}), max_bytes=2_000_000, max_record_bytes=9**6
    )
    assert intake.items == 2 * 900
    assert {refusal.kind for refusal in intake.refused} == {"too_large"}
    assert len(intake.refused) == 3


def test_every_point_of_a_metric_stream_delivery_reaches_the_stream():
    text = SAMPLE.read_bytes()
    headers = {**HEADERS, "x-amz-firehose-request-id": json.loads(text)["requestId"]}
    intake = unpack(read_delivery(text, headers, max_bytes=10**7), max_bytes=10**7, max_record_bytes=10**6)
    assert intake.refused == []
    points = []
    for record in intake.records:
        payload = read_payload(record.data, record.partition_key, max_bytes=10**7)
        assert payload.signal == "metrics"
        for resource in ExportMetricsServiceRequest.FromString(payload.protobuf).resource_metrics:
            points += [
                point for scope in resource.scope_metrics for one in scope.metrics for point in one.summary.data_points
            ]
    expected = [json.loads(line) for line in (SAMPLE.parent / "cloudwatch-json.ndjson").read_text().splitlines()]
    assert len(points) == intake.items == len(expected)
    assert sum(point.count for point in points) == sum(line["value"]["count"] for line in expected)
    assert sum(point.sum for point in points) == pytest.approx(sum(line["value"]["sum"] for line in expected))
