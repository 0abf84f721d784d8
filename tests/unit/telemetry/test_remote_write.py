"""Remote-write as HTTP has it: which message a content type names, what is told of what was written."""

import pytest

from opsloop.errors import ForbiddenError, InvalidInputError, ThrottledError, UnsupportedMediaError
from opsloop.telemetry.remote_write import read_write, retryable, version_of, written_headers
from tests.unit.telemetry.foreign_messages import WRITE_1, WRITE_2
from tests.unit.telemetry.test_snappy import literal, preamble

V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
AT_MS = 1_763_600_000_000


def packed(message):
    plain = message.SerializeToString()
    return preamble(len(plain)) + (literal(plain) if plain else b"")


def request_1():
    request = WRITE_1["WriteRequest"]()
    series = request.timeseries.add()
    for name, value in (("__name__", "up"), ("job", "node")):
        series.labels.add(name=name, value=value)
    series.samples.add(value=1.0, timestamp=AT_MS)
    series.samples.add(value=0.0, timestamp=AT_MS + 15_000)
    return request


def request_2():
    request = WRITE_2["Request"](symbols=["", "__name__", "up", "job", "node"])
    series = request.timeseries.add(labels_refs=[1, 2, 3, 4])
    series.samples.add(value=1.0, timestamp=AT_MS)
    return request


@pytest.mark.parametrize(
    ("content_type", "version"),
    [
        ("", 1),
        ("application/x-protobuf", 1),
        ("application/x-protobuf;proto=prometheus.WriteRequest", 1),
        ("application/x-protobuf; proto=io.prometheus.write.v2.Request", 2),
        ('Application/X-Protobuf; charset=x; proto="io.prometheus.write.v2.Request"', 2),
    ],
)
def test_a_content_type_names_the_version(content_type, version):
    assert version_of(content_type) == version


@pytest.mark.parametrize("content_type", ["application/json", "application/x-protobuf;proto=io.prometheus.write.v3.X"])
def test_another_message_is_415_with_those_that_there_are(content_type):
    with pytest.raises(UnsupportedMediaError, match="send "):
        version_of(content_type)


def test_both_versions_are_read_with_their_counts():
    first = read_write(packed(request_1()), {"content-encoding": "snappy"}, max_bytes=9_999)
    second = read_write(packed(request_2()), {"content-encoding": "Snappy", "content-type": V2}, max_bytes=9_999)
    assert (first.samples, second.samples) == (2, 1)
    assert written_headers(first) == {
        "x-prometheus-remote-write-samples-written": "2",
        "x-prometheus-remote-write-histograms-written": "0",
        "x-prometheus-remote-write-exemplars-written": "0",
    }


def test_a_body_that_names_no_encoding_is_snappy_and_another_encoding_is_415():
    assert read_write(packed(request_1()), {}, max_bytes=9_999).samples == 2
    with pytest.raises(UnsupportedMediaError, match="send snappy"):
        read_write(packed(request_1()), {"content-encoding": "gzip"}, max_bytes=9_999)


def test_a_message_of_the_other_version_is_bad_data_and_not_counted_as_empty():
    with pytest.raises(InvalidInputError):
        read_write(packed(request_1()), {"content-type": V2}, max_bytes=9_999)
    with pytest.raises(InvalidInputError):
        read_write(packed(request_2()), {}, max_bytes=9_999)


def test_what_is_to_come_back_is_503_since_prometheus_drops_after_429():
    told = retryable(ThrottledError("wait", retry_after_s=30))
    assert (told.status, told.message, told.retry_after_s) == (503, "wait", 30)
    refusal = ForbiddenError("no")
    assert retryable(refusal) is refusal
