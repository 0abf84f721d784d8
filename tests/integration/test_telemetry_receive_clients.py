"""Requests of real clients in other languages, replayed: everything in them reaches the stream as it was sent."""

import base64
import gzip
import json
from collections import Counter

import pytest
from google.protobuf import json_format

from opsloop.telemetry.payload import read_payload
from tests.conftest import ROOT, make_http_event
from tests.unit.telemetry.otlp_messages import REQUESTS, items

CLIENTS = ROOT / "tests" / "data" / "clients"
SENT = {  # items, as the README beside the captures tells
    "node-traces": 3,
    "node-traces-gzip": 3,
    "node-metrics": 2,
    "node-logs": 3,
    "java-traces": 6,
    "java-logs": 1,
    "java-metrics": 13,
    "telemetrygen-traces": 10,
    "telemetrygen-logs": 5,
    "telemetrygen-sums": 5,
    "telemetrygen-histograms": 5,
    "telemetrygen-exponential-histograms": 5,
}


def capture(name):
    document = json.loads((CLIENTS / f"{name}.json").read_text(encoding="utf-8"))
    body = base64.b64decode(document["body"]) if document["isBase64Encoded"] else document["body"]
    return document["path"].rpartition("/")[2], document["headers"], body


def read_by_protobuf(signal, headers, body):
    """Return the request in ``body``, read by the published message types and protobuf's JSON parser."""
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if headers["content-type"] != "application/json":
        return REQUESTS[signal].FromString(body)
    return json_format.ParseDict(with_base64_ids(json.loads(body)), REQUESTS[signal]())


def with_base64_ids(value):
    if isinstance(value, list):
        return [with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode()
        if name in ("traceId", "spanId", "parentSpanId")
        else with_base64_ids(item)
        for name, item in value.items()
    }


@pytest.fixture
def replay(aws, tokens, load_handler, context):
    handler = load_handler("telemetry_receive")

    def replay(signal, headers, body):
        event = make_http_event("POST", f"/v1/{signal}", headers=headers, body=body, token=tokens["ingest"])
        return handler.lambda_handler(event, context)

    return replay


def test_every_capture_is_replayed():
    assert {path.stem for path in CLIENTS.glob("*.json")} == set(SENT)


@pytest.mark.parametrize("name", SENT)
def test_every_item_of_a_real_client_reaches_the_stream_as_it_was_sent(aws, replay, name):
    signal, headers, body = capture(name)
    answer = replay(signal, headers, body)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, headers["content-type"])
    assert answer["body"] == ("{}" if headers["content-type"] == "application/json" else "")
    [record] = aws.records()
    payload = read_payload(record["Data"], record["PartitionKey"], max_bytes=10**7)
    arrived = items(payload.signal, payload.protobuf)
    sent = read_by_protobuf(signal, headers, body)
    assert (payload.signal, len(arrived)) == (signal, SENT[name])
    assert Counter(arrived) == Counter(items(signal, sent.SerializeToString()))


def test_an_item_changed_on_the_way_is_noticed(aws, replay):
    signal, headers, body = capture("node-logs")
    replay(signal, headers, body.replace("世界", "world"))
    [record] = aws.records()
    sent = read_by_protobuf(signal, headers, body).SerializeToString()
    arrived = items(signal, read_payload(record["Data"], record["PartitionKey"], max_bytes=10**7).protobuf)
    assert len(Counter(items(signal, sent)) - Counter(arrived)) == 1
