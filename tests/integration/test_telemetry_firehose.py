"""Firehose deliveries, from the gateway's event to exact counts in the log."""

import base64
import json
import math
from urllib.parse import unquote

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.catalog import Catalog
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import StreamRecord
from opsloop.telemetry.shard_log import ShardLog, padded
from tests.conftest import make_http_event
from tests.integration.conftest import CATALOG
from tests.integration.described import as_described

ID = "0f5c5b0e-6ac7-4a3c-9f3b-3e7d0d5b1c11"


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("telemetry_receive")


@pytest.fixture
def deliver(handler, tokens, context):
    def deliver(*records, key="ingest", request_id=ID, **headers):
        texts = [{"data": base64.b64encode(record).decode()} for record in records]
        body = json.dumps({"requestId": request_id, "timestamp": 1, "records": texts})
        given = {
            "content-type": "application/json",
            "x-amz-firehose-protocol-version": "1.0",
            "x-amz-firehose-request-id": request_id,
            "x-amz-firehose-access-key": tokens.get(key, key),
        }
        given |= {name.replace("_", "-"): text for name, text in headers.items()}
        request = make_http_event("POST", "/v1/firehose", headers=given, body=body)
        return handler.lambda_handler(request, context)

    return deliver


def gauge(value):
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "web"
    metric = resource.scope_metrics.add().metrics.add(name="queue", unit="1")
    metric.gauge.data_points.add(as_double=value, time_unix_nano=1_795_249_800_000_000_000)
    return request.SerializeToString()


def planned(aws):
    """Return what ingest makes of everything on the stream, as if it were one shard."""
    records = [
        StreamRecord(padded(str(number + 1)), record["PartitionKey"], record["Data"], 1_795_249_810.0)
        for number, record in enumerate(aws.records())
    ]
    return plan(records, ShardLog("log#test", 900.0), Catalog.from_json(json.dumps(CATALOG)), max_bytes=10**8)


def test_the_sample_of_a_metric_stream_is_counted_to_the_last_measurement(handler, aws, event, context):
    sample = event("telemetry_receive/firehose_metric_stream")
    answer = handler.lambda_handler(sample, context)
    sent = json.loads(sample["body"])
    assert as_described("POST", "/v1/firehose", answer) == {
        "requestId": sent["requestId"],
        "timestamp": sample["requestContext"]["timeEpoch"],
    }
    assert "content-encoding" not in answer["headers"]
    points, at = [], 0
    stream = base64.b64decode(sent["records"][0]["data"])
    while at < len(stream):  # a length, then a request; of less than 16 KB here
        size = stream[at] & 0x7F | (stream[at + 1] << 7 if stream[at] & 0x80 else 0)
        at += 2 if stream[at] & 0x80 else 1
        request = ExportMetricsServiceRequest.FromString(stream[at : at + size])
        at += size
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                points += [point for metric in scope.metrics for point in metric.summary.data_points]
    segment = planned(aws)
    assert segment.items == len(points) > 10
    assert segment.unreadable == ()
    assert int(segment.cells.count.sum()) == sum(point.count for point in points)
    assert math.isclose(float(segment.cells.total.sum()), math.fsum(point.sum for point in points))


def test_a_delivery_tried_again_counts_once_and_another_of_the_same_content_again(deliver, aws):
    assert deliver(gauge(1.0))["statusCode"] == 200
    assert deliver(gauge(1.0))["statusCode"] == 200
    assert (planned(aws).items, planned(aws).duplicates) == (1, 1)
    assert deliver(gauge(1.0), request_id="another")["statusCode"] == 200
    assert (planned(aws).items, planned(aws).duplicates) == (2, 1)


def test_what_cannot_be_read_is_in_quarantine_before_the_answer_and_the_rest_on_the_stream(deliver, aws):
    attributes = json.dumps({"commonAttributes": {"account": "shop"}})
    answer = deliver(b"\xfe nothing", gauge(1.0), x_amz_firehose_common_attributes=attributes)
    assert answer["statusCode"] == 200
    assert planned(aws).items == 1
    [(key, kept)] = aws.objects("QUARANTINE_BUCKET").items()
    assert kept == b"\xfe nothing"
    about = aws.client("s3").head_object(Bucket=aws.names["QUARANTINE_BUCKET"], Key=key)["Metadata"]
    assert about["delivery-id"] == ID
    assert json.loads(unquote(about["attributes"])) == {"account": "shop"}


@pytest.mark.parametrize(
    ("key", "status"), [("read", 403), ("revoked", 401), ("expired", 401), ("opsloop_x", 401), ("", 401)]
)
def test_only_a_valid_ingest_key_may_deliver(deliver, aws, key, status):
    answer = deliver(gauge(1.0), key=key)
    assert answer["statusCode"] == status
    told = as_described("POST", "/v1/firehose", answer)
    assert told["requestId"] == ID
    assert told["errorMessage"]
    assert aws.records() == []


def test_a_bearer_key_does_not_stand_in_for_the_access_key(handler, tokens, context):
    request = make_http_event("POST", "/v1/firehose", headers={}, body="{}", token=tokens["ingest"])
    assert handler.lambda_handler(request, context)["statusCode"] == 401


def test_a_request_that_is_not_firehoses_is_400_with_the_reason(deliver, aws):
    answer = deliver(gauge(1.0), x_amz_firehose_request_id="another")
    assert answer["statusCode"] == 400
    assert "requestId" in as_described("POST", "/v1/firehose", answer)["errorMessage"]
    assert aws.records() == []
    assert aws.objects("QUARANTINE_BUCKET") == {}  # Firehose keeps it


def test_a_body_above_the_limit_is_400_since_413_would_lose_it(load_handler, aws, tokens, event, context):
    small = load_handler("telemetry_receive", MAX_BODY_BYTES="1000")
    answer = small.lambda_handler(event("telemetry_receive/firehose_metric_stream"), context)
    assert answer["statusCode"] == 400
    assert "1000 bytes" in as_described("POST", "/v1/firehose", answer)["errorMessage"]


def test_a_stream_that_refuses_has_firehose_try_again(handler, deliver, aws, monkeypatch):
    aws.client("kinesis").delete_stream(StreamName=aws.names["STREAM_NAME"])
    monkeypatch.setattr(handler.stream, "_sleep", lambda _: None)
    monkeypatch.setattr(handler.stream, "_clock", iter(range(0, 1_000, 5)).__next__)
    answer = deliver(gauge(1.0))
    assert answer["statusCode"] == 503
    assert as_described("POST", "/v1/firehose", answer)["errorMessage"]
