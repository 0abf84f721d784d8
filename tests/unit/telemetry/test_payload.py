"""One stream record, whoever wrote it."""

import gzip
import json
import random
import sys
import zlib

import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.fault import (
    CHECKSUM,
    COMPRESSION,
    KINDS,
    MALFORMED,
    TOO_LARGE,
    TRUNCATED,
    UNEXPECTED,
    UNSUPPORTED_FORMAT,
)
from opsloop.telemetry.inflate import ZLIB, framing_of
from opsloop.telemetry.payload import detect_signal, fingerprint, partition_key, read_payload, read_record
from tests.unit.telemetry.otlp_messages import EVENTS, REQUESTS, canonical, captured, messages

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIGNALS = ("traces", "metrics", "logs")
LIMIT = 1_000_000


def flate(data, bits):
    packer = zlib.compressobj(1, zlib.DEFLATED, bits)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("form", ["plain", "gzip", "zlib", "flate", "two members"])
def test_a_record_of_any_form_says_its_signal_by_its_content(signal, form):
    plain = captured(signal)
    data = {
        "plain": plain,
        "gzip": gzip.compress(plain),
        "zlib": flate(plain, 15),
        "flate": flate(plain, -15),
        "two members": gzip.compress(plain[:99]) + gzip.compress(plain[99:]),
    }[form]
    payload = read_payload(data, "0b7c5a4e-random-key", max_bytes=LIMIT)
    assert (payload.signal, payload.protobuf) == (signal, plain)
    assert payload.fingerprint == int(xxhash.xxh3_64(plain).hexdigest(), 16)


@pytest.mark.parametrize("bits", [31, 15, -15])
def test_a_stream_without_its_end_is_read_as_old_collectors_wrote_it(bits):
    plain = captured("traces")
    packer = zlib.compressobj(1, zlib.DEFLATED, bits)
    data = packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert read_payload(data, "", max_bytes=LIMIT).protobuf == plain


@pytest.mark.parametrize("signal", SIGNALS)
def test_json_becomes_protobuf_and_keeps_the_fingerprint_of_what_was_sent(signal):
    body = json.loads((EVENTS / f"{signal}_json.json").read_text())["body"].encode()
    payload = read_payload(gzip.compress(body), "", max_bytes=LIMIT)
    assert payload.signal == signal
    assert canonical(signal, payload.protobuf)
    assert payload.fingerprint == fingerprint(body)


def test_a_hint_is_believed_only_with_the_payloads_own_fingerprint():
    plain = captured("logs")
    empty = REQUESTS["traces"]()
    empty.resource_spans.add()
    silent = empty.SerializeToString()  # no item says what it is
    assert read_payload(silent, partition_key("traces", fingerprint(silent)), max_bytes=LIMIT).signal == "traces"
    assert read_payload(plain, f"traces:{'0' * 16}", max_bytes=LIMIT).signal == "logs"
    with pytest.raises(InvalidInputError, match="traces, metrics or logs"):
        read_payload(silent, "traces:0000000000000000", max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        ("logs", {"observed_time_unix_nano": 5}),
        ("logs", {"time_unix_nano": 5, "event_name": "x"}),
        ("logs", {"severity_number": 9, "severity_text": "INFO"}),
        ("traces", {"kind": 2, "name": "x"}),
        ("traces", {"end_time_unix_nano": 5}),
    ],
)
def test_sparse_items_still_tell_their_signal(signal, fields):
    request = REQUESTS[signal]()
    if signal == "logs":
        request.resource_logs.add().scope_logs.add().log_records.add(**fields)
    else:
        request.resource_spans.add().scope_spans.add().spans.add(**fields)
    assert detect_signal(request.SerializeToString()) == signal


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_every_kind_of_metric_is_told_from_spans_and_logs(kind):
    request = REQUESTS["metrics"]()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s")
    getattr(metric, kind).data_points.add(time_unix_nano=5)
    assert detect_signal(request.SerializeToString()) == "metrics"


def test_the_signal_is_told_without_reading_further_than_the_first_telling_field():
    span = REQUESTS["traces"]()
    span.resource_spans.add().scope_spans.add().spans.add(name="x", kind=2)
    first = span.SerializeToString()
    assert detect_signal(first + b"\xff") == "traces"  # what follows is validate's to refuse
    with pytest.raises(InvalidInputError, match="past the end"):
        detect_signal(b"\x0a\x7f" + first)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "traces, metrics or logs"),
        (b"\xf3\x89\x9a\xc2rest", "KPL"),
        (b"hello, world", "deflate body is broken"),
        (b"\n\xff", "neither OTLP protobuf nor JSON"),
        (b"{}", "resourceSpans"),
        (b"{,", "not JSON"),
        (gzip.compress(b"x" * 100, mtime=0)[:-20] + bytes(20), "gzip body is broken"),
        (gzip.compress(b"\n\x00", mtime=0) + b"trailing", "8 bytes follow the end"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(data, reason):
    with pytest.raises(InvalidInputError, match=reason):
        read_payload(data, "", max_bytes=LIMIT)


def test_a_record_that_inflates_beyond_the_limit_is_refused():
    data = gzip.compress(captured("traces"))
    with pytest.raises(TooLargeError):
        read_payload(data, "", max_bytes=len(captured("traces")) - 1)
    assert read_payload(data, "", max_bytes=len(captured("traces"))).signal == "traces"


@pytest.mark.parametrize(
    "form", ["newline", "spaces", "byte order mark", "pretty", "newline and pretty", "indented", "deflate"]
)
@pytest.mark.parametrize("signal", SIGNALS)
def test_json_is_read_with_whatever_stands_around_it(signal, form):
    body = json.loads((EVENTS / f"{signal}_json.json").read_text())["body"].encode()
    pretty = json.dumps(json.loads(body), indent=2).encode()
    data = {
        "newline": b"\n" + body + b"\n",
        "spaces": b" \t\r\n " + body,
        "byte order mark": b"\xef\xbb\xbf" + body,
        "pretty": pretty,
        "newline and pretty": b"\n" + pretty + b"\n",
        "indented": b"\n\n  " + body,
        "deflate": flate(body, -15),
    }[form]
    reading = read_record(data, "", max_bytes=LIMIT)
    assert (reading.form, reading.refused) == ("otlp_json", ())
    assert canonical(signal, reading.payloads[0].protobuf) == canonical(
        signal, read_payload(body, "", max_bytes=LIMIT).protobuf
    )


def test_several_json_requests_of_different_signals_may_follow_one_another():
    bodies = [json.loads((EVENTS / f"{signal}_json.json").read_text())["body"].encode() for signal in SIGNALS]
    reading = read_record(b"\n".join(bodies), "", max_bytes=LIMIT)
    assert [one.signal for one in reading.payloads] == list(SIGNALS)
    assert [one.fingerprint for one in reading.payloads] == [fingerprint(body) for body in bodies]


def stored(data, first):
    """Return ``data`` as a raw deflate stream whose first byte is ``first`` (a stored block; its padding is free)."""
    assert first & 7 == 0
    size = len(data)
    block = bytes((first,)) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data
    return block + b"\x01\x00\x00\xff\xff"


@pytest.mark.parametrize("first", [0x08, 0x20, 0x28, 0x78])  # zlib's header, a space, the first byte of zstd's
@pytest.mark.parametrize("signal", SIGNALS)
def test_raw_deflate_is_read_even_if_it_begins_like_something_else(signal, first):
    assert read_payload(stored(captured(signal), first), "", max_bytes=LIMIT).protobuf == captured(signal)


@pytest.mark.parametrize("first", [0x08, 0x18, 0x78])
def test_raw_deflate_is_read_even_if_its_first_two_bytes_are_a_zlib_header(first):
    low = 31 - (first << 8) % 31  # RFC 1950: the two bytes are a multiple of 31; the second is the block's length
    plain = captured("logs")
    while len(plain) % 256 != low:
        plain += b"\n\x03\x1a\x01a"  # resources without anything
    data = stored(plain, first)
    assert framing_of(data) == ZLIB
    assert read_payload(data, "", max_bytes=LIMIT).protobuf == plain


@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.parametrize("strategy", [zlib.Z_FIXED, zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY])
def test_raw_deflate_of_any_kind_is_read(level, strategy):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    data = packer.compress(captured("logs")) + packer.flush()
    assert read_payload(data, "", max_bytes=LIMIT).protobuf == captured("logs")


def test_dynamic_blocks_that_begin_with_a_newline_or_a_brace_are_read():
    """A dynamic block whose first byte is 0x0C, 0x7C ... is common; 0x0A and 0x7B are of fixed blocks."""
    seen = set()
    chance = random.Random(5)
    for _ in range(400):
        request = REQUESTS["logs"]()
        record = request.resource_logs.add().scope_logs.add().log_records.add(severity_number=9)
        record.body.string_value = "".join(chance.choices("abcdefgh{}\n", k=chance.randint(1, 400)))
        plain = request.SerializeToString()
        data = flate(plain, -15)
        seen.add(data[0])
        assert read_payload(data, "", max_bytes=LIMIT).protobuf == plain
    assert len(seen) > 5


def test_compressions_may_be_around_one_another_but_not_for_ever():
    data = captured("logs")
    for _ in range(3):
        data = gzip.compress(data)
    assert read_payload(data, "", max_bytes=LIMIT).signal == "logs"
    (refusal,) = read_record(gzip.compress(data), "", max_bytes=LIMIT).refused
    assert "more than 3 compressions" in refusal.reason


def test_zstd_is_read():
    assert read_payload(zstd.compress(captured("traces")), "", max_bytes=LIMIT).protobuf == captured("traces")


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SIGNALS).flatmap(lambda signal: st.tuples(st.just(signal), messages(signal))))
def test_a_generated_request_is_read_as_otlp_with_its_bytes_unchanged_or_says_that_nothing_tells(drawn):
    signal, message = drawn
    data = message.SerializeToString()
    hint = partition_key(signal, fingerprint(data))
    reading = read_record(data, hint, max_bytes=LIMIT)
    if data:
        assert [(one.signal, one.protobuf) for one in reading.payloads] == [(signal, data)]
    unknown = read_record(data, "", max_bytes=LIMIT)
    if unknown.payloads:
        assert (unknown.form, unknown.payloads[0].protobuf) == ("otlp_protobuf", data)
    else:
        assert "no item tells" in unknown.refused[0].reason


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(
        [
            b"",
            b"\n",
            b"{",
            b"[",
            b"\x1f\x8b\x08",
            b"\x28\xb5\x2f\xfd",
            b"\x78\x9c",
            b"\x22\x00",
            b"\n\x10",
            b"\x05\n",
            b"\xf3\x89\x9a\xc2",
            b"\n{",
            b"\xef\xbb\xbf{",
        ]
    ),
    st.binary(max_size=400),
)
def test_random_bytes_are_refused_with_a_reason(start, rest):
    data = start + rest
    reading = read_record(data, "", max_bytes=LIMIT)
    assert reading.payloads or reading.refused
    for refusal in reading.refused:
        assert refusal.kind in KINDS
        assert refusal.kind != UNEXPECTED
        assert len(refusal.reason) > 10


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SIGNALS), st.data())
def test_a_cut_or_changed_record_loses_nothing_silently(signal, data):
    body = bytearray(captured(signal))
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    record = bytes(body[: data.draw(st.integers(0, len(body)))])
    reading = read_record(record, "", max_bytes=LIMIT)
    kept = [one.protobuf for one in reading.payloads] + [one.data for one in reading.refused]
    assert kept == [record]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", MALFORMED),
        (b"hello, world", UNSUPPORTED_FORMAT),
        (b'{"a":1}', UNSUPPORTED_FORMAT),
        (b"[1]", UNSUPPORTED_FORMAT),
        (b'{"resourceSpans":[', TRUNCATED),
        (b'{"resourceSpans":5}', MALFORMED),
        (b"{,", MALFORMED),
        (gzip.compress(bytes(LIMIT + 1)), TOO_LARGE),
        (gzip.compress(b"x" * 100, mtime=0)[:-8] + bytes(8), CHECKSUM),
        (gzip.compress(b"x" * 100, mtime=0)[:10] + b"\xff" * 9, COMPRESSION),
        (b"\xf3\x89\x9a\xc2" + bytes(20), CHECKSUM),
        (b"\xf3\x89\x9a\xc2", TRUNCATED),
        (b"\n\xff", MALFORMED),
    ],
    ids=range(13),
)
def test_the_kind_of_fault_is_told(data, kind):
    (refusal,) = read_record(data, "", max_bytes=LIMIT).refused
    assert (refusal.kind, refusal.data) == (kind, data)


def test_json_may_be_a_quarter_of_the_limit_because_it_grows_as_objects():
    body = b'{"resourceSpans":[]}' + b" " * 230
    assert not read_record(body, "", max_bytes=4 * len(body)).refused
    (refused,) = read_record(body, "", max_bytes=4 * len(body) - 4).refused
    assert (refused.kind, refused.data) == ("too_large", body)


def test_json_of_more_values_than_telemetry_has_is_refused_unparsed():
    zeros = b'{"resourceSpans":[' + b"0," * 20_000 + b"0]}"
    (refused,) = read_record(zeros, "", max_bytes=4 * len(zeros)).refused
    assert (refused.kind, "values" in refused.reason) == ("too_large", True)


def test_the_fingerprint_is_xxh3_as_published():
    assert fingerprint(b"") == 0x2D06800538D394C2  # the specification's value of no bytes, without a seed
