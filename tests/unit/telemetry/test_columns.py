"""The lockstep scanner against the field-by-field one, on every sample, on generated messages, and on garbage."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.telemetry import columns
from opsloop.telemetry.columns import LEN, VARINT, Buffer, signed, zigzag
from opsloop.telemetry.grouping import combine
from opsloop.telemetry.wire import WireError, read_varint, scan


def varint(value: int) -> bytes:
    """Return ``value`` as a varint, written by shifting."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


FIELD = st.one_of(
    st.builds(lambda n, v: varint(n << 3) + varint(v), st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1)),
    st.builds(lambda n, v: varint(n << 3 | 1) + v, st.integers(1, 40), st.binary(min_size=8, max_size=8)),
    st.builds(lambda n, v: varint(n << 3 | 2) + varint(len(v)) + v, st.integers(1, 40), st.binary(max_size=200)),
    st.builds(lambda n, v: varint(n << 3 | 5) + v, st.integers(1, 40), st.binary(min_size=4, max_size=4)),
)
MESSAGE = st.lists(FIELD, max_size=6).map(b"".join)


def plainly(message: bytes):
    """The fields of one message by the other scanner, None if it is malformed."""
    fields = []
    try:
        for number, wire, _, begin, end in scan(message, 0, len(message)):
            if wire == 3:
                return None  # groups are not for us
            value = read_varint(message, begin, end)[0] if wire == VARINT else message[begin:end]
            fields.append((number, wire, value))
    except WireError:
        return None
    return fields


def lockstep(messages: list[bytes]):
    """The same for many at once."""
    ends = np.cumsum([len(one) for one in messages], dtype=np.int64)
    begins = ends - np.array([len(one) for one in messages], dtype=np.int64)
    buffer = Buffer(b"".join(messages))
    fields, is_bad = buffer.scan(begins, ends)
    answer = [None if bad else [] for bad in is_bad]
    for i in np.argsort(fields.owner, kind="stable").tolist():
        if answer[fields.owner[i]] is None:
            continue
        content = buffer.data[fields.begin[i] : fields.end[i]]
        wire = int(fields.wire[i])
        if wire in (1, 5):
            assert int.from_bytes(content, "little") == fields.value[i]
        answer[fields.owner[i]].append(
            (int(fields.number[i]), wire, int(fields.value[i]) if wire == VARINT else content)
        )
    return answer


@pytest.fixture(params=[1, 10**9], ids=["in step", "one by one"])
def few(request, monkeypatch):
    """Run a test by each of the scanner's two ways."""
    monkeypatch.setattr(columns, "_FEW", request.param)
    monkeypatch.setattr(columns, "_FEW_LISTS", request.param)


@pytest.mark.usefixtures("few")
def test_generated_messages_have_the_fields_that_the_other_scanner_finds():
    @given(st.lists(MESSAGE, min_size=1, max_size=30))
    def check(messages):
        assert lockstep(messages) == [plainly(one) for one in messages]

    check()


@pytest.mark.usefixtures("few")
def test_garbage_is_told_from_messages_exactly_as_by_the_other_scanner():
    @settings(max_examples=300)
    @given(st.lists(st.binary(max_size=30) | MESSAGE.map(lambda one: one[:-1]), min_size=1, max_size=30))
    def check(messages):
        assert lockstep(messages) == [plainly(one) for one in messages]

    check()


@pytest.mark.usefixtures("few")
def test_a_malformed_message_disturbs_no_other():
    good = varint(5 << 3 | 2) + b"\x03abc" + varint(6 << 3) + b"\x02"
    for bad in (
        b"\x2a\x7fabc",
        b"\x00\x01",
        b"\x0b",
        b"\x08",
        b"\x08" + b"\xff" * 10,
        b"\x0d\x01",
        b"\x0a" + b"\xff" * 9,
    ):
        assert lockstep([good, bad, good]) == [plainly(good), None, plainly(good)]


def test_a_length_never_reaches_into_the_next_message():
    messages = [b"\x0a\x02x", b"\x0a\x01y"]  # the first one claims a byte of the second
    assert lockstep(messages * 20) == [None, [(1, LEN, b"y")]] * 20


def test_more_fields_than_allowed_are_a_bomb_and_not_read(monkeypatch):
    monkeypatch.setattr(columns, "MAX_FIELDS", 1000)
    small, bomb = b"\x08\x01", b"\x08\x01" * 5000
    _, is_bad = Buffer(small + bomb).scan(np.array([0, 2]), np.array([2, 2 + len(bomb)]))
    assert is_bad.tolist() == [False, True]


def test_wanted_fields_are_returned_and_the_others_still_checked():
    message = b"\x08\x01\x12\x01a\x18\x05"
    buffer = Buffer(message * 20 + b"\x08\x01\x12\x7fa")
    begins = np.arange(21) * len(message)
    fields, is_bad = buffer.scan(begins, np.append(begins[1:], buffer.size), (1, 3))
    assert set(fields.number.tolist()) == {1, 3}
    assert is_bad.tolist() == [False] * 20 + [True]


def test_the_last_of_a_repeated_field_counts():
    message = b"\x08\x01\x08\x07\x12\x01a\x12\x02bc"
    fields, _ = Buffer(message).scan(np.array([0]), np.array([len(message)]))
    assert fields.values(1, VARINT, 1).tolist() == [7]
    begin, end = fields.ranges(2, 1)
    assert message[begin[0] : end[0]] == b"bc"


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_signed_and_zigzag_numbers_come_back(values):
    bits = np.array([value % 2**64 for value in values], dtype=np.uint64)
    assert signed(bits).tolist() == values
    folded = np.array([(value << 1) ^ (value >> 63) for value in values], dtype=object) % 2**64
    assert zigzag(folded.astype(np.uint64)).tolist() == values


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=5), min_size=1, max_size=8))
def test_packed_varints_come_back(lists):
    parts = [b"".join(map(varint, values)) for values in lists]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    begins = ends - np.array([len(part) for part in parts], dtype=np.int64)
    place, values, is_bad = Buffer(b"".join(parts)).packed_varints(begins, ends)
    assert [values[place == i].tolist() for i in range(len(lists))] == lists
    assert not is_bad.any()


def test_packed_varints_that_break_off_are_bad():
    data = b"\x01\x80" + b"\x05" + b"\xff" * 11
    _, _, is_bad = Buffer(data).packed_varints(np.array([0, 2, 3]), np.array([2, 3, len(data)]))
    assert is_bad.tolist() == [True, False, True]


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40)), max_size=12))
def test_ranges_are_compared_byte_by_byte(pairs):
    for text, other in pairs:
        data = text + other + text
        begin = np.array([0, len(text), len(text) + len(other)])
        end = np.array([len(text), len(text) + len(other), len(data)])
        assert Buffer(data).is_equal(begin, end, text).tolist() == [True, text == other, True]


def test_combinations_are_numbered_without_confusing_any():
    chance = random.Random(5)
    columns_ = [[chance.randint(-1, 4) for _ in range(300)] for _ in range(4)]
    codes, rows = combine([np.array(column) for column in columns_])
    combos = list(zip(*columns_, strict=True))
    assert len(rows) == len(set(combos))
    assert [combos[rows[code]] for code in codes] == combos
