"""Attributes in every layout that the wire format allows, against protobuf's own parser."""

import numpy as np
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry.columns import LEN
from opsloop.telemetry.envelope import Requests
from tests.unit.telemetry.plain_decoder import text
from tests.unit.telemetry.test_columns import varint

NAMES = ("a", "http.route", "k" * 132 + "\x12")
CATALOG = Catalog({}, Service("", 4, "", "", "", NAMES, 100_000, 0.05))
_ATTRIBUTES = 9


def field(number: int, content: bytes, width: int = 0) -> bytes:
    """A length-delimited field; ``width`` pads its length with empty groups of seven bits."""
    size = varint(len(content))
    if width:
        size = bytes(byte | 0x80 for byte in size) + b"\x80" * (width - 1) + b"\0"
    return varint(number << 3 | LEN) + size + content


NAME = st.sampled_from([*NAMES, "b", "http.routf", "", "k" * 133]).map(str.encode)
TEXT = st.text("vw\x12", max_size=20).map(str.encode) | st.just(b"v" * 15) | st.just(b"v" * 130)
VALUE = st.one_of(
    TEXT.map(lambda one: field(1, one)),
    st.integers(0, 2**64 - 1).map(lambda one: b"\x18" + varint(one)),
    st.booleans().map(lambda one: b"\x10" + bytes([one])),
    st.binary(max_size=3).map(lambda one: field(7, one)),
    st.just(b""),
)
KEY_FIELD = st.builds(field, st.just(1), NAME, st.integers(0, 2))
VALUE_FIELD = st.builds(field, st.just(2), VALUE, st.integers(0, 2))
UNKNOWN = st.integers(0, 300).map(lambda one: b"\x18" + varint(one)) | st.just(b"\x0d\x0a\x12\x0a\x12")
USUAL = st.builds(lambda name, value: field(1, name) + field(2, value), NAME, VALUE)
FIELDS = st.tuples(KEY_FIELD, VALUE_FIELD, UNKNOWN) | st.tuples(KEY_FIELD, KEY_FIELD, VALUE_FIELD) | st.tuples(UNKNOWN)
ANY = FIELDS.flatmap(st.permutations).map(b"".join)


def request(spans: list[list[bytes]]) -> bytes:
    return field(1, field(2, b"".join(field(2, b"".join(field(_ATTRIBUTES, pair) for pair in span)) for span in spans)))


def ours(body: bytes, count: int) -> list[dict[str, str]] | None:
    requests = Requests([body], CATALOG)
    spans = requests.items()
    pairs = requests.pairs(spans, requests.scan(spans).of(_ATTRIBUTES, LEN))
    columns, texts = pairs.columns(NAMES, count)
    if requests.is_bad.any():
        return None
    return [
        {name: texts[column[row]] for name, column in zip(NAMES, columns, strict=True) if column[row] >= 0}
        for row in range(count)
    ]


def plainly(body: bytes) -> list[dict[str, str]] | None:
    try:
        message = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return None
    spans = message.resource_spans[0].scope_spans[0].spans
    return [
        {pair.key: found for pair in span.attributes if pair.key in NAMES and (found := text(pair.value)) is not None}
        for span in spans
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(USUAL | ANY, max_size=5), min_size=1, max_size=20))
def test_attributes_of_any_layout_have_the_texts_that_protobuf_finds(spans):
    body = request(spans)
    assert ours(body, len(spans)) == plainly(body)


def test_a_long_key_cannot_pass_for_a_short_one():
    pair = field(1, NAMES[2].encode()) + field(
        2, field(1, b"v" * 15)
    )  # read as of one-byte lengths, it would end right
    assert ours(request([[pair]] * 20), 20) == [{NAMES[2]: "v" * 15}] * 20


def test_a_field_after_the_value_is_no_part_of_it():
    pair = field(1, b"a") + field(2, field(1, b"v")) + b"\x18\x01"
    assert ours(request([[pair]] * 20), 20) == [{"a": "v"}] * 20


def test_a_pair_that_reaches_past_its_end_makes_the_request_bad_and_no_other():
    good, bad = request([[field(1, b"a") + field(2, field(1, b"v"))]]), request([[b"\x0a\x01a\x12\x7fv"]])
    requests = Requests([good, bad, good], CATALOG)
    spans = requests.items()
    requests.pairs(spans, requests.scan(spans).of(_ATTRIBUTES, LEN))
    assert requests.is_bad.tolist() == [False, True, False]
    assert np.array_equal(spans.record, [0, 1, 2])
