"""OTLP over HTTP, from the gateway's event to the records on the stream."""

import base64
import gzip
import json
import subprocess
import sys
import zlib
from urllib.parse import unquote

import pytest
from backports import zstd
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from opsloop.adapters.aws_client import AwsError
from opsloop.adapters.stream import Stream
from opsloop.telemetry.payload import partition_key, read_payload
from tests.conftest import EVENTS, ROOT, make_http_event

PROTOBUF, JSON = {"content-type": "application/x-protobuf"}, {"content-type": "application/json"}
THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("telemetry_receive")


@pytest.fixture
def send(handler, tokens, context):
    def send(body, headers=None, signal="traces", key="ingest"):
        headers = PROTOBUF if headers is None else headers
        request = make_http_event("POST", f"/v1/{signal}", headers=headers, body=body, token=tokens[key])
        return handler.lambda_handler(request, context)

    return send


def traces(spans=3, text="checkout", **changes):
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(spans):
        fields = {"trace_id": b"t" * 16, "span_id": number.to_bytes(8, "big"), "start_time_unix_nano": 1_000 + number}
        scope.spans.add(name=text, **{**fields, "span_id": (number + 1).to_bytes(8, "big"), **changes})
    return request.SerializeToString()


def sent_bytes(case):
    sample = json.loads((EVENTS / "telemetry_receive" / f"{case}.json").read_text())
    body = base64.b64decode(sample["body"]) if sample["isBase64Encoded"] else sample["body"].encode()
    return gzip.decompress(body) if "content-encoding" in sample["headers"] else body


def body_of(answer):
    return base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()


@pytest.mark.parametrize(
    "case",
    [
        "telemetry_receive/traces_protobuf",
        "telemetry_receive/metrics_protobuf",
        "telemetry_receive/logs_protobuf",
        "telemetry_receive/traces_json",
        "telemetry_receive/metrics_json",
        "telemetry_receive/logs_json",
    ],
)
def test_what_the_sdk_sends_is_one_record_and_the_answer_is_empty_in_its_type(handler, aws, event, context, case):
    signal, _, form = case.partition("/")[2].partition("_")
    answer = handler.lambda_handler(event(case), context)
    assert answer["statusCode"] == 200
    assert body_of(answer) == (b"" if form == "protobuf" else b"{}")
    assert answer["headers"]["content-type"] == f"application/{'x-protobuf' if form == 'protobuf' else 'json'}"
    [record] = aws.records()
    payload = read_payload(record["Data"], record["PartitionKey"], max_bytes=10**7)
    assert payload.signal == signal
    assert record["PartitionKey"] == partition_key(payload.signal, payload.fingerprint)
    if form == "protobuf":
        assert payload.protobuf == sent_bytes(f"{signal}_protobuf")


def test_a_gzipped_body_is_read(handler, aws, event, context):
    answer = handler.lambda_handler(event("telemetry_receive/traces_gzip"), context)
    assert (answer["statusCode"], answer["body"]) == (200, "")
    [record] = aws.records()
    assert read_payload(record["Data"], "", max_bytes=10**7).protobuf == sent_bytes("traces_gzip")


def test_a_garbled_body_is_400_with_a_status_and_is_kept_as_it_came(handler, aws, event, context):
    answer = handler.lambda_handler(event("telemetry_receive/traces_garbled"), context)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (400, "application/x-protobuf")
    status = Status.FromString(body_of(answer))
    assert status.code == 3
    assert "resource_spans[0]" in status.message
    assert aws.records() == []
    [(key, kept)] = aws.objects("QUARANTINE_BUCKET").items()
    assert kept == sent_bytes("traces_garbled")
    assert key.startswith("telemetry_receive/2026-11-21/")
    about = aws.client("s3").head_object(Bucket=aws.names["QUARANTINE_BUCKET"], Key=key)["Metadata"]
    assert unquote(about["reason"]) == status.message


def test_a_wrong_key_is_401_in_the_content_type_of_the_request(handler, aws, event, context):
    answer = handler.lambda_handler(event("telemetry_receive/traces_wrong_key"), context)
    assert (answer["statusCode"], Status.FromString(body_of(answer)).code) == (401, 16)
    assert aws.records() == []
    assert aws.objects("QUARANTINE_BUCKET") == {}


@pytest.mark.parametrize(
    ("key", "status"), [("ingest", 200), ("admin", 200), ("read", 403), ("revoked", 401), ("expired", 401)]
)
def test_only_a_valid_key_with_the_ingest_scope_may_send(send, aws, key, status):
    answer = send(b"{}", JSON, key=key)
    assert answer["statusCode"] == status
    if status != 200:
        assert set(json.loads(answer["body"])) == {"code", "message"}


def test_no_key_at_all_is_401_as_json_where_the_type_is_unclear(handler, http_event, context):
    answer = handler.lambda_handler(http_event("POST", "/v1/traces", body=b"x"), context)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, 16)


def test_an_unknown_path_and_another_method_have_their_answers(handler, http_event, context):
    answer = handler.lambda_handler(http_event("POST", "/v1/profiles", headers=PROTOBUF), context)
    assert (answer["statusCode"], Status.FromString(body_of(answer)).code) == (404, 5)
    answer = handler.lambda_handler(http_event("GET", "/v1/traces"), context)
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "OPTIONS, POST")


def test_an_empty_request_succeeds_and_makes_no_record(send, aws):
    for body, headers in ((b"", PROTOBUF), (b"{}", JSON), (b"\x0a\x00", PROTOBUF)):
        assert send(body, headers)["statusCode"] == 200
    assert aws.records() == []


@pytest.mark.parametrize("encoding", ["br", "snappy", "gzip, zstd"])
def test_an_encoding_not_spoken_here_and_a_list_of_several_are_415_with_those_that_are(send, aws, encoding):
    answer = send(traces(), {**PROTOBUF, "content-encoding": encoding})
    assert (answer["statusCode"], answer["headers"]["accept-encoding"]) == (415, "gzip, deflate, zstd, identity")
    assert aws.records() == []


def test_a_zstd_body_is_read(handler, send, aws, event, context):
    assert handler.lambda_handler(event("telemetry_receive/traces_zstd"), context)["statusCode"] == 200
    [record] = aws.records()
    assert read_payload(record["Data"], "", max_bytes=10**7).protobuf == sent_bytes("traces_gzip")  # the same spans


def test_a_zstd_body_of_many_spans_is_read(send, aws):
    assert send(zstd.compress(traces(40)), {**PROTOBUF, "content-encoding": "zstd"})["statusCode"] == 200
    [record] = aws.records()
    assert read_payload(record["Data"], "", max_bytes=10**7).protobuf == traces(40)


def test_a_content_type_not_spoken_here_is_415_as_json(send):
    answer = send(b"x", {"content-type": "text/plain"})
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (415, 3)
    assert answer["headers"]["accept"] == "application/x-protobuf, application/json"
    assert "accept-encoding" not in answer["headers"]


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_json_is_read_where_the_gateway_leaves_it_whole_and_refused_with_advice_where_not(
    send, aws, encoding, compress
):
    plain = sent_bytes("traces_json")
    headers = {**JSON, "content-encoding": encoding}
    refused = send(compress(plain).decode("utf-8", "replace"), headers)  # a gateway that takes all JSON for text
    assert (refused["statusCode"], refused["headers"]["accept-encoding"]) == (415, "identity")
    assert "JSON without compression" in json.loads(refused["body"])["message"]
    assert (aws.records(), aws.objects("QUARANTINE_BUCKET")) == ([], {})
    assert send(plain.decode(), headers)["statusCode"] == 200  # one that inflates it
    assert send(compress(plain), headers)["statusCode"] == 200  # one that hands it over in base64
    first, second = aws.records()
    assert first["Data"] == second["Data"]


def test_the_query_of_an_otlp_request_is_of_no_concern(handler, tokens, context):
    event = make_http_event(
        "POST", "/v1/traces", query="a=1&a=2&x", headers=PROTOBUF, body=traces(), token=tokens["ingest"]
    )
    assert handler.lambda_handler(event, context)["statusCode"] == 200


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(traces())[:-4]),
        ("gzip", gzip.compress(traces()) + b"garbage"),
        ("gzip", b"not gzip"),
        ("deflate", zlib.compress(traces())[:-3]),
    ],
    ids=["cut", "trailing", "plain", "cut zlib"],  # not the bytes: gzip writes the time into them
)
def test_a_broken_compressed_body_is_400(send, aws, encoding, body):
    assert send(body, {**PROTOBUF, "content-encoding": encoding})["statusCode"] == 400
    assert list(aws.objects("QUARANTINE_BUCKET").values()) == [body]


def test_a_giant_body_is_413_before_it_is_decoded_and_is_not_kept(send, aws):
    answer = send(bytes(4_500_001))
    assert (answer["statusCode"], Status.FromString(body_of(answer)).code) == (413, 8)
    assert aws.objects("QUARANTINE_BUCKET") == {}


def test_a_bomb_is_413_and_costs_bounded_memory(aws, tmp_path, monkeypatch):
    one, many = tmp_path / "one", tmp_path / "many"
    with gzip.open(one, "wb") as bomb:
        for _ in range(600):
            bomb.write(bytes(2**20))
    many.write_bytes(gzip.compress(bytes(2**20)) * 900)  # 900 members
    assert max(one.stat().st_size, many.stat().st_size) < 4_500_000
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'layers' / 'core' / 'python'}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Opsloop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "telemetry")
    script = str(ROOT / "tests" / "integration" / "bomb.py")
    run = subprocess.run([sys.executable, script, str(one), str(many)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["statuses"] == [413] * 4
    assert result["grown_kib"] < 160 * 1_024  # the limit of 64 MiB, once more while it grows, and the body itself


def test_a_large_body_becomes_several_records_and_a_resend_the_same_ones(send, aws):
    body = traces(20_000, text="checkout of a shopping basket with a long name, so that the body is large")
    assert len(body) > 2_000_000
    packed = gzip.compress(body)
    assert send(packed, {**PROTOBUF, "content-encoding": "gzip"})["statusCode"] == 200
    first = {(record["PartitionKey"], record["Data"]) for record in aws.records()}
    assert len(first) > 2
    payloads = [read_payload(data, key, max_bytes=10**7) for key, data in first]
    assert all(len(payload.protobuf) <= 1_000_000 for payload in payloads)
    spans = [
        span.span_id
        for payload in payloads
        for span in ExportTraceServiceRequest.FromString(payload.protobuf).resource_spans[0].scope_spans[0].spans
    ]
    assert sorted(spans) == [number.to_bytes(8, "big") for number in range(1, 20_001)]
    assert send(body)["statusCode"] == 200
    again = [(record["PartitionKey"], record["Data"]) for record in aws.records()]
    assert len(again) == 2 * len(first)
    assert set(again) == first


def test_invalid_spans_are_refused_alone_counted_and_kept(send, aws):
    good, bad = traces(2), traces(3, text="bad", trace_id=b"short")
    answer = send(good + bad)
    assert answer["statusCode"] == 200
    partial = ExportTraceServiceResponse.FromString(body_of(answer)).partial_success
    assert partial.rejected_spans == 3
    assert "trace_id" in partial.error_message
    [record] = aws.records()
    assert read_payload(record["Data"], "", max_bytes=10**7).protobuf == good
    [kept] = aws.objects("QUARANTINE_BUCKET").values()
    assert kept == bad


def test_partial_success_in_json_names_the_count_as_protobufs_json_does(send):
    span = {"traceId": "00", "spanId": "0102030405060708", "startTimeUnixNano": "5"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    answer = send(body, JSON)
    assert json.loads(answer["body"])["partialSuccess"]["rejectedSpans"] == "1"


class FakeKinesis:
    """Throttles the entries that ``is_throttled(call number, place)`` says; or fails whole calls with ``fault``."""

    def __init__(self, is_throttled=lambda _call, _place: False, fault=None):
        self.is_throttled, self.fault, self.calls, self.accepted = is_throttled, fault, 0, []

    def call(self, _operation, arguments):
        self.calls += 1
        if self.fault:
            raise AwsError(self.fault, 500, "")
        records = arguments["Records"]
        refused = [self.is_throttled(self.calls, place) for place in range(len(records))]
        self.accepted += [entry for entry, is_refused in zip(records, refused, strict=True) if not is_refused]
        return {
            "FailedRecordCount": sum(refused),
            "Records": [{"ErrorCode": THROTTLED} if is_refused else {"SequenceNumber": "1"} for is_refused in refused],
        }


def with_stream(handler, client):
    ticks = iter(range(10_000))
    handler.stream = Stream("s", client=client, sleep=lambda _seconds: None, clock=lambda: next(ticks))


def test_a_throttled_stream_is_429_with_retry_after_and_nothing_is_acknowledged(handler, send):
    with_stream(handler, FakeKinesis(lambda _call, _place: True))
    answer = send(traces())
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, "2")
    assert Status.FromString(body_of(answer)).code == 8


def test_a_stream_that_fails_otherwise_is_503_never_500(handler, send):
    with_stream(handler, FakeKinesis(fault="InternalFailure"))
    answer = send(traces(), {**PROTOBUF})
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "2")
    assert Status.FromString(body_of(answer)).code == 14


def test_a_partial_failure_is_repeated_until_all_are_accepted_and_then_acknowledged(handler, send):
    client = FakeKinesis(lambda call, place: call < 3 and place % 2 == 0)
    with_stream(handler, client)
    body = traces(20_000, text="checkout of a shopping basket with a long name, so that the body is large")
    assert send(gzip.compress(body), {**PROTOBUF, "content-encoding": "gzip"})["statusCode"] == 200
    assert client.calls == 3
    assert len({entry["PartitionKey"] for entry in client.accepted}) == len(client.accepted) > 2


def test_a_missing_quarantine_refuses_the_body_for_a_while_instead_of_losing_it(
    aws, tokens, load_handler, event, context
):
    handler = load_handler("telemetry_receive", QUARANTINE_BUCKET="not-there")
    assert handler.lambda_handler(event("telemetry_receive/traces_garbled"), context)["statusCode"] == 503


def test_the_log_line_says_what_was_sent_and_by_whom(aws, tokens, load_handler, event, context, capsys):
    handler = load_handler("telemetry_receive")
    handler.lambda_handler(event("telemetry_receive/traces_protobuf"), context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [line] = [line for line in lines if line.get("message") == "request answered"]
    wanted = {
        "signal": "traces",
        "items": 20,
        "records": 1,
        "rejected": 0,
        "bytes": len(sent_bytes("traces_protobuf")),
        "user_agent": "OTel-OTLP-Exporter-Python/1.45.2",
        "status": 200,
        "key_id": "c" * 12,
    }
    assert wanted.items() <= line.items()
    emf = {name: value for line in lines for name, value in line.items()}
    assert (emf["ItemsReceived"], emf["RecordsWritten"]) == ([20.0], [1.0])
