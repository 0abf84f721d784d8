"""One stream record, whoever wrote it."""

import gzip
import hashlib
import json
import zlib

import pytest

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.payload import detect_signal, fingerprint, partition_key, read_payload
from tests.unit.telemetry.otlp_messages import EVENTS, REQUESTS, canonical, captured

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
    assert payload.fingerprint == int(hashlib.sha256(plain).hexdigest()[:16], 16)


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
