"""Prometheus remote-write, from the gateway's event to the records on the stream."""

import base64
import json

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.adapters.pressure_table import PressureTable
from opsloop.telemetry.payload import read_payload
from opsloop.telemetry.pressure import Pressure
from tests.conftest import NOW, make_http_event
from tests.integration.described import as_described
from tests.unit.telemetry.test_remote_write import packed, request_1

WRITTEN = "x-prometheus-remote-write-{}-written"


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("telemetry_receive")


@pytest.fixture
def write(handler, tokens, context):
    def write(body, content_type="application/x-protobuf", path="/v1/prometheus/write", authorization="", key="ingest"):
        headers = {"content-type": content_type, "content-encoding": "snappy", "user-agent": "Prometheus/2.42.0"}
        headers["authorization"] = authorization or f"Bearer {tokens[key]}"
        return handler.lambda_handler(make_http_event("POST", path, headers=headers, body=body), context)

    return write


def values(aws):
    """Return the values of every point on the stream."""
    found = []
    for record in aws.records():
        payload = read_payload(record["Data"], record["PartitionKey"], max_bytes=10**7)
        for resource in ExportMetricsServiceRequest.FromString(payload.protobuf).resource_metrics:
            for scope in resource.scope_metrics:
                found += [point.as_double for metric in scope.metrics for point in metric.gauge.data_points]
    return found


@pytest.mark.parametrize("path", ["/v1/prometheus/write", "/api/v1/write"])
def test_a_request_is_written_and_what_was_written_is_told(write, aws, path):
    answer = write(packed(request_1()), path=path)
    assert as_described("POST", path, answer) is None
    assert answer["statusCode"] == 204
    assert [answer["headers"][WRITTEN.format(what)] for what in ("samples", "histograms", "exemplars")] == [
        "2",
        "0",
        "0",
    ]
    assert values(aws) == [1.0, 0.0]


def test_version_2_is_told_by_the_content_type(handler, aws, event, context):
    answer = handler.lambda_handler(event("telemetry_receive/prometheus_write_2"), context)
    assert (answer["statusCode"], answer["headers"][WRITTEN.format("samples")]) == (204, "1")
    assert values(aws) == [1.0]


def test_the_key_may_be_the_password_of_basic_authentication(write, aws, tokens):
    def basic(text):
        return "Basic " + base64.b64encode(text.encode()).decode()

    assert write(packed(request_1()), authorization=basic(f"prometheus:{tokens['ingest']}"))["statusCode"] == 204
    for refused in (basic(f"{tokens['ingest']}:x"), basic("x"), "Basic ?"):
        assert write(packed(request_1()), authorization=refused)["statusCode"] == 401
    assert write(packed(request_1()), authorization=basic(f"x:{tokens['read']}"))["statusCode"] == 403
    assert len(aws.records()) == 1


def test_a_request_sent_again_is_the_same_record(write, aws):
    for _ in range(2):
        write(packed(request_1()))
    first, second = aws.records()
    assert (first["Data"], first["PartitionKey"]) == (second["Data"], second["PartitionKey"])


def test_bad_data_is_400_and_kept_since_prometheus_drops_it(write, aws):
    answer = write(b"\x05\x00x")
    assert answer["statusCode"] == 400
    assert "detail" in as_described("POST", "/v1/prometheus/write", answer)
    assert answer["headers"][WRITTEN.format("samples")] == "0"
    assert list(aws.objects("QUARANTINE_BUCKET").values()) == [b"\x05\x00x"]


def test_a_body_that_inflates_above_the_limit_is_413_and_kept(load_handler, aws, tokens, context, http_event):
    small = load_handler("telemetry_receive", MAX_INFLATED_BYTES="10")
    body = packed(request_1())
    answer = small.lambda_handler(http_event("POST", "/api/v1/write", body=body, token=tokens["ingest"]), context)
    assert answer["statusCode"] == 413
    assert list(aws.objects("QUARANTINE_BUCKET").values()) == [body]


def test_a_series_with_a_fault_is_400_and_kept_and_the_others_are_written(write, aws):
    request = request_1()
    request.timeseries.add().samples.add(value=7.0, timestamp=1)  # without a name
    answer = write(packed(request))
    assert (answer["statusCode"], answer["headers"][WRITTEN.format("samples")]) == (400, "2")
    assert "__name__" in json.loads(answer["body"])["detail"]
    assert values(aws) == [1.0, 0.0]
    assert len(aws.objects("QUARANTINE_BUCKET")) == 1


def test_another_message_is_415(write):
    assert write(packed(request_1()), "application/x-protobuf;proto=unknown.Message")["statusCode"] == 415


def test_while_ingest_is_behind_prometheus_is_answered_503_with_the_time_to_wait(write, aws):
    table = PressureTable(aws.names["TELEMETRY_TABLE"], aws.names["STREAM_NAME"])
    table.put(Pressure(901.0, NOW.timestamp() - 30))
    answer = write(packed(request_1()))
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "30")
    assert aws.records() == []
