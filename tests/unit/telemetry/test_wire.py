"""The strict walk over protobuf bytes, compared with protobuf's own parser."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.errors import TooLargeError
from opsloop.telemetry import wire
from opsloop.telemetry.wire import WireError, read_varint, scan, validate
from tests.unit.telemetry.otlp_messages import REQUESTS, captured, messages

SIGNALS = ("traces", "metrics", "logs")


def is_accepted(data, signal):
    try:
        validate(data, signal)
    except WireError:
        return False
    return True


def is_parsed(data, signal):
    try:
        REQUESTS[signal].FromString(data)
    except DecodeError:
        return False
    return True


@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_message_that_protobuf_writes_is_accepted(signal, data):
    validate(data.draw(messages(signal)).SerializeToString(), signal)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_body_cut_off_anywhere_is_judged_as_protobuf_judges_it(signal):
    body = captured(signal)[:2_500]
    verdicts = [(is_accepted(body[:size], signal), is_parsed(body[:size], signal)) for size in range(len(body))]
    assert all(ours == theirs for ours, theirs in verdicts)
    assert not all(ours for ours, _ in verdicts)


@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_bytes_change_what_is_accepted_can_be_parsed(signal, data):
    body = bytearray(captured(signal)[: data.draw(st.integers(0, 1_200))])
    for _ in range(data.draw(st.integers(1, 3))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    if is_accepted(bytes(body), signal):
        assert is_parsed(bytes(body), signal)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_raise_our_error_or_nothing(data):
    for signal in SIGNALS:
        if is_accepted(data, signal):
            assert is_parsed(data, signal)


def test_a_request_of_another_signal_is_refused_at_its_first_item():
    with pytest.raises(WireError, match=r"scope_spans\[0\]\.spans\[0\]\.trace_id: expected length"):
        validate(captured("logs"), "traces")


def test_an_error_names_the_path_with_places_and_the_byte():
    request = REQUESTS["traces"]()
    spans = request.resource_spans.add().scope_spans.add().spans
    for _ in range(4):
        spans.add(name="n", trace_id=b"t" * 16)
    spans[3].name = "GOOD"
    body = request.SerializeToString()
    broken = body.replace(b"GOOD", b"\xffBAD")
    with pytest.raises(WireError) as caught:
        validate(broken, "traces")
    assert str(caught.value) == (
        f"resource_spans[0].scope_spans[0].spans[3].name: string is not UTF-8, at byte {body.index(b'GOOD')}"
    )
    validate(body, "traces")


@pytest.mark.parametrize(
    ("unknown", "is_good"),
    [
        (b"\xa0\x06\x05", True),  # field 100, varint
        (b"\xa1\x06" + bytes(8), True),
        (b"\xa2\x06\x02ab", True),
        (b"\xa5\x06" + bytes(4), True),
        (b"\xa6\x06", False),  # wire type 6
        (b"\xa2\x06\x05ab", False),  # too short
        (b"\x00", False),  # field 0
        (b"\xa0\x06" + b"\xff" * 10 + b"\x01", False),  # a varint of 11 bytes
    ],
)
def test_unknown_fields_are_skipped_if_they_are_whole(unknown, is_good):
    body = captured("traces") + unknown
    assert is_accepted(body, "traces") is is_good
    assert is_parsed(body, "traces") is is_good


@pytest.mark.parametrize("group", [b"\xa3\x06\xa4\x06", b"\xa3\x06\xa0\x06\x05\xa4\x06", b"\xa3\x06", b"\xa4\x06"])
def test_groups_are_refused_even_whole_ones_since_proto3_has_none_and_ingest_reads_none(group):
    with pytest.raises(WireError, match=r"wire type [34] is not possible here"):
        validate(captured("traces") + group, "traces")


def test_a_body_of_more_fields_than_allowed_is_too_large_wherever_they_are(monkeypatch):
    deep = b"\x0a\x04\x12\x02\x12\x00"  # 3 fields, one inside the other
    for body, fields in ((deep * 4, 12), (b"\x78\x01" * 12, 12), (deep * 2 + b"\x0a\x00" * 6, 12)):
        monkeypatch.setattr(wire, "MAX_FIELDS", fields)
        validate(body, "traces")
        monkeypatch.setattr(wire, "MAX_FIELDS", fields - 1)
        with pytest.raises(TooLargeError, match="send smaller batches"):
            validate(body, "traces")


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\x02\x12\x04\x0a\x02\x0a\x00",  # scope_spans reaches into what follows its resource_spans
        b"\x0a\x02\x1a\x04\x0a\x02\x0a\x00",  # so does a string
        b"\x0a\x04\x12\x02\x12\xff\x01\x00",  # so does a length itself
    ],
)
def test_a_field_must_end_inside_its_message_not_only_inside_the_body(body):
    assert not is_accepted(body, "traces")
    assert not is_parsed(body, "traces")


def test_messages_nested_beyond_the_limit_are_refused():
    value = b""
    for _ in range(2_000):
        value = b"\x0a" + _length(value)  # ArrayValue.values
        value = b"\x2a" + _length(value)  # AnyValue.array_value
    body = b"\x0a" + _length(b"\x0a" + _length(b"\x0a" + _length(b"\x12" + _length(value))))
    with pytest.raises(WireError, match="inside one another"):
        validate(body, "traces")


def _length(data):
    size, out = len(data), b""
    while size >= 0x80:
        out, size = out + bytes([size & 0x7F | 0x80]), size >> 7
    return out + bytes([size]) + data


def test_numbers_may_be_packed_or_not():
    packed = b"\x12\x02\x05\x07"
    single = b"\x10\x05\x10\x07"
    for buckets in (packed, single):
        exponential = b"\x42" + _length(buckets)
        body = b"\x52" + _length(b"\x0a" + _length(exponential))
        validate(b"\x0a" + _length(b"\x12" + _length(b"\x12" + _length(body))), "metrics")


def test_varints_and_fields_are_read_with_their_places():
    assert read_varint(b"\xac\x02", 0, 2) == (300, 2)
    assert read_varint(b"\xff" * 9 + b"\x01", 0, 10) == (2**64 - 1, 10)
    with pytest.raises(WireError, match="64 bits"):
        read_varint(b"\xff" * 9 + b"\x02", 0, 10)
    assert list(scan(b"\x08\x05\x12\x03abc", 0, 7)) == [(1, 0, 0, 1, 2), (2, 2, 2, 4, 7)]
