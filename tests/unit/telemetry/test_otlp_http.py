"""Bodies and answers of OTLP/HTTP, read back by the published message types."""

import gzip
import json
import zlib
from collections import Counter

import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from opsloop.errors import (
    DependencyUnavailableError,
    ForbiddenError,
    InvalidInputError,
    OpsloopError,
    ThrottledError,
    TooLargeError,
    UnauthenticatedError,
    UnsupportedMediaError,
)
from opsloop.telemetry.otlp_http import JSON, PROTOBUF, UnsupportedEncodingError, decode_body, failure, success
from tests.unit.telemetry.otlp_messages import captured

BODY = b"\x0a\x00"  # one resource without anything
RESPONSES = {
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
}


def decode(body, content_type=PROTOBUF, encoding="", limit=1_000_000, **more):
    more.setdefault("signal", "traces")
    return decode_body(body, content_type=content_type, content_encoding=encoding, max_bytes=limit, **more)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("GZip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
    ],
)
def test_each_encoding_is_read(encoding, body):
    assert decode(body, encoding=encoding) == BODY


@pytest.mark.parametrize("encoding", ["snappy", "br", "gzip, gzip", "gzip, zstd"])
def test_an_encoding_not_spoken_here_is_refused_with_the_list(encoding):
    with pytest.raises(UnsupportedMediaError, match="gzip, deflate, zstd, identity"):
        decode(BODY, encoding=encoding)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/grpc", "application/json; charset=latin-1"])
def test_a_content_type_not_spoken_here_is_refused(content_type):
    with pytest.raises(UnsupportedMediaError):
        decode(b"{}", content_type)


def test_content_types_are_read_with_parameters_and_in_any_case():
    assert decode(b"{}", "Application/JSON; charset=UTF-8") == b""
    assert decode(BODY, "application/x-protobuf; proto=x") == BODY


def test_an_empty_request_is_a_request():
    assert decode(b"") == b""
    assert decode(b"", encoding="gzip") == b""


def test_compressed_json_that_came_as_text_is_refused_with_what_to_do():
    text = gzip.compress(b'{"resourceSpans": []}').decode("utf-8", "replace").encode()  # what a gateway makes of it
    with pytest.raises(InvalidInputError, match="gzip body is broken"):
        decode(text, JSON, "gzip")
    with pytest.raises(UnsupportedEncodingError, match="JSON without compression, or application/x-protobuf") as caught:
        decode(text, JSON, "gzip", is_text=True)
    assert caught.value.accepted == ("identity",)


def test_text_that_the_gateway_has_inflated_and_text_without_compression_are_read():
    for encoding in ("gzip", "deflate", "identity", ""):
        assert decode(b' {"resourceSpans": [{}]}', JSON, encoding, is_text=True) == BODY
    assert decode(b"", PROTOBUF, "gzip", is_text=True) == b""  # no body at all is no text either


@pytest.mark.parametrize("sent", RESPONSES)
@pytest.mark.parametrize("path", RESPONSES)
def test_a_request_on_the_path_of_another_signal_is_refused_by_name(sent, path):
    body = captured(sent)
    if sent == path:
        assert decode(body, signal=path) == body
        return
    with pytest.raises(InvalidInputError, match=f"this is a request for /v1/{sent}, not /v1/{path}"):
        decode(body, signal=path)


def test_the_limit_holds_for_plain_and_inflated_bodies_and_is_lower_for_json():
    with pytest.raises(TooLargeError):
        decode(BODY * 51, limit=100)
    assert decode(BODY * 50, limit=100) == BODY * 50
    with pytest.raises(TooLargeError):
        decode(gzip.compress(BODY * 51), encoding="gzip", limit=100)
    with pytest.raises(TooLargeError):
        decode(b"{" + b" " * 30 + b"}", JSON, limit=100)
    assert decode(b"{" + b" " * 20 + b"}", JSON, limit=100) == b""


@pytest.mark.parametrize("signal", RESPONSES)
def test_success_is_an_empty_typed_response_and_partial_success_says_how_many_and_why(signal):
    kind, field, json_field = RESPONSES[signal]
    assert success(PROTOBUF, signal).body == b""
    assert success(JSON, signal).body == b"{}"
    reasons = Counter({"too large": 2, "no time": 300})
    partial = kind.FromString(success(PROTOBUF, signal, 302, reasons).body).partial_success
    assert getattr(partial, field) == 302
    assert partial.error_message == "300 x no time; 2 x too large"
    assert json.loads(success(JSON, signal, 302, reasons).body) == {
        "partialSuccess": {json_field: "302", "errorMessage": "300 x no time; 2 x too large"}
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnauthenticatedError("no key"), 16),
        (ForbiddenError("no scope"), 7),
        (TooLargeError("big"), 8),
        (UnsupportedMediaError("zstd"), 3),
        (ThrottledError("slow"), 8),
        (DependencyUnavailableError("stream"), 14),
        (OpsloopError("internal error"), 13),
    ],
)
def test_a_failure_is_a_google_rpc_status_in_the_content_type_of_the_request(error, code):
    answer = failure("application/x-protobuf", error)
    status = Status.FromString(answer.body)
    assert (answer.content_type, status.code, status.message) == (PROTOBUF, code, error.message)
    for unclear in (JSON, "", "text/html"):
        answer = failure(unclear, error)
        assert (answer.content_type, json.loads(answer.body)) == (JSON, {"code": code, "message": error.message})


def test_bad_data_are_described_with_their_place():
    with pytest.raises(InvalidInputError) as caught:
        decode(b'{"resourceSpans": [{"schemaUrl": 7}]}', JSON)
    message = "resourceSpans[0].schemaUrl: expected a string, got 7"
    status = Status.FromString(failure(PROTOBUF, caught.value).body)
    [detail] = status.details
    bad = BadRequest()
    assert detail.Unpack(bad)
    [violation] = bad.field_violations
    place, _, reason = message.partition(": ")
    assert (status.code, status.message, violation.field, violation.description) == (3, message, place, reason)
    assert json.loads(failure(JSON, caught.value).body) == {
        "code": 3,
        "message": message,
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": place, "description": reason}],
            }
        ],
    }


def test_bad_data_without_a_place_are_described_too():
    [detail] = Status.FromString(failure(PROTOBUF, InvalidInputError("gzip body: grün")).body).details
    assert BadRequest.FromString(detail.value).field_violations[0].description == "gzip body: grün"
