"""OTLP JSON becomes the protobuf that protobuf's own parser makes of it."""

import base64
import gzip
import json

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry import otlp_json
from opsloop.telemetry.otlp_json import encode, parse, signal_of
from opsloop.telemetry.wire import validate
from tests.unit.telemetry.otlp_messages import EVENTS, REQUESTS, canonical, messages, to_otlp_dict

SIGNALS = ("traces", "metrics", "logs")


def span(**fields):
    return {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}


def encoded_span(**fields):
    request = REQUESTS["traces"].FromString(encode(span(**fields), "traces"))
    return request.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_the_python_sdk_sends_as_json_becomes_what_protobufs_parser_makes_of_it(signal):
    body = json.loads((EVENTS / f"{signal}_json.json").read_text())["body"]
    by_google = json_format.ParseDict(_base64_ids(json.loads(body)), REQUESTS[signal]())
    ours = encode(parse(body.encode()), signal)
    assert canonical(signal, ours) == by_google.SerializeToString(deterministic=True)
    assert len(ours) > 3_000


def _base64_ids(value):
    if isinstance(value, list):
        return [_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode()
        if name in {"traceId", "spanId", "parentSpanId"}
        else _base64_ids(item)
        for name, item in value.items()
    }


@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_message_survives_the_way_through_json(signal, data):
    message = data.draw(messages(signal))
    names = data.draw(st.booleans())
    ours = encode(parse(json.dumps(to_otlp_dict(message, names=names)).encode()), signal)
    validate(ours, signal)
    assert canonical(signal, ours) == message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_proto_field_names_are_read_like_json_names(signal, data):
    message = data.draw(messages(signal))
    document = json_format.MessageToDict(message, preserving_proto_field_name=True)
    for old, new in (("trace_id", "traceId"), ("span_id", "spanId"), ("parent_span_id", "parentSpanId")):
        document = _renamed(document, old, new)
    ours = encode(parse(json.dumps(document).encode()), signal)
    assert canonical(signal, ours) == message.SerializeToString(deterministic=True)


def _renamed(value, old, new):
    """Give an id its hex form under the original name."""
    if isinstance(value, list):
        return [_renamed(item, old, new) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(item).hex() if name == old else _renamed(item, old, new) for name, item in value.items()
    }


def test_numbers_may_be_strings_numbers_or_whole_floats_and_null_means_absent():
    for start in ("1700000000000000001", 1700000000000000001):
        assert encoded_span(startTimeUnixNano=start).start_time_unix_nano == 1700000000000000001
    assert encoded_span(kind=2.0).kind == 2
    assert encoded_span(kind="SPAN_KIND_SERVER").kind == 2
    assert encoded_span(name=None, attributes=None).name == ""
    assert encode(span(unheardOf={"x": [1]}), "traces") == encode(span(), "traces")


def test_ids_are_read_as_hex_of_either_case_and_not_as_base64():
    assert encoded_span(traceId="5B8EFFF798038103D269B633813FC60C").trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    with pytest.raises(InvalidInputError, match="hex"):
        encode(span(traceId="W47/95gDgQPSabYzgT/GDA=="), "traces")


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano", 'expected an integer, got "soon"'),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano", "-1 is not between 0 and 18446744073709551615"),
        ({"startTimeUnixNano": 1.5}, "startTimeUnixNano", "expected an integer, got 1.5"),
        ({"startTimeUnixNano": True}, "startTimeUnixNano", "expected an integer, got true"),
        ({"startTimeUnixNano": "9" * 30}, "startTimeUnixNano", "expected an integer"),
        ({"name": 5}, "name", "expected a string, got 5"),
        ({"name": "\ud800"}, "name", "half of a surrogate pair"),
        ({"kind": "SERVER"}, "kind", "an integer or a name such as SPAN_KIND_INTERNAL"),
        ({"attributes": {}}, "attributes", "expected an array, got an object"),
        ({"attributes": [None]}, "attributes[0]", "expected an object (KeyValue), got null"),
        ({"spanId": "0 1 "}, "spanId", "hex"),
        ({"status": []}, "status", "expected an object (Status), got an array"),
        (
            {"attributes": [{"key": "a"}, {"key": "b", "value": {"intValue": 1, "stringValue": "x"}}]},
            "attributes[1].value",
            "expected one of intValue and stringValue, got both",
        ),
        (
            {"attributes": [{"value": {"boolValue": 1}}]},
            "attributes[0].value.boolValue",
            "expected true or false, got 1",
        ),
        ({"attributes": [{"value": {"bytesValue": "*"}}]}, "attributes[0].value.bytesValue", "expected base64"),
        ({"attributes": [{"value": {"doubleValue": "x"}}]}, "attributes[0].value.doubleValue", "expected a number"),
    ],
)
def test_an_error_names_the_path_and_what_would_be_right(fields, path, reason):
    with pytest.raises(InvalidInputError) as caught:
        encode(span(**fields), "traces")
    assert str(caught.value).startswith(f"resourceSpans[0].scopeSpans[0].spans[0].{path}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"{", b"\xff{}", b"{}{}", b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 5_000 + b"}"],
)
def test_what_is_not_a_json_object_is_refused(body):
    with pytest.raises(InvalidInputError):
        parse(body)


def test_values_nested_beyond_the_limit_are_refused_and_within_it_are_not():
    def nested(depth):
        value = {"stringValue": "x"}
        for _ in range(depth):
            value = {"arrayValue": {"values": [value]}}
        return span(attributes=[{"key": "k", "value": value}])

    validate(encode(nested(45), "traces"), "traces")
    with pytest.raises(InvalidInputError, match="inside one another"):
        encode(nested(60), "traces")


def test_a_request_at_the_wrong_address_is_refused_rather_than_dropped():
    with pytest.raises(InvalidInputError, match="/v1/logs"):
        encode({"resourceLogs": []}, "traces")
    assert encode({}, "traces") == b""
    assert signal_of({"resourceMetrics": []}) == "metrics"
    with pytest.raises(InvalidInputError, match="resourceSpans"):
        signal_of({"x": 1})


def test_the_captured_gzip_body_is_what_it_says():
    body = base64.b64decode(json.loads((EVENTS / "traces_gzip.json").read_text())["body"])
    validate(gzip.decompress(body), "traces")


@pytest.mark.parametrize("inner", [b"[],", b"{},", b'{"a":[0,1]},', b'"{[",'])
def test_more_objects_and_arrays_than_allowed_are_too_large_before_they_take_memory(inner, monkeypatch):
    body = b'{"x":[' + inner * 10 + b"0]}"
    monkeypatch.setattr(otlp_json, "MAX_PARTS", 22)
    parse(body)
    monkeypatch.setattr(otlp_json, "MAX_PARTS", 11)
    with pytest.raises(TooLargeError, match="send smaller batches"):
        parse(body)
