"""What is remembered survives being stored, exactly, and what is stored is taken for nothing else."""

import numpy as np
import pytest

from opsloop.anomaly import outbox as boxes
from opsloop.anomaly.model import Anomaly, Direction, Part, Severity, State
from opsloop.anomaly.outbox import Outbox, Told
from opsloop.anomaly.record import anomaly_id, begun_at, packed, unpacked
from opsloop.anomaly.series import Key
from opsloop.anomaly.state import Memory, decode, encode
from opsloop.errors import InvalidInputError

FIRST = 29_919_845
KEY = Key("web", "p95", operation="GET /")
ANOMALY = Anomaly(
    anomaly_id=anomaly_id(KEY, FIRST),
    service="web",
    measure="p95",
    direction=Direction.HIGH,
    state=State.OPEN,
    severity=Severity.WARNING,
    score=0.75,
    value=400.0,
    expected=100.0,
    low=None,
    high=150.0,
    unit="ms",
    reason="web: slow \udce4.",
    first_minute=FIRST,
    last_minute=FIRST + 4,
    operation="GET /",
    votes={"zscore": 0.5},
    contributing=({"operation": "GET /", "share": 1.0, "value": 400.0, "expected": None},),
    exemplar={"trace_id": "ab", "span_id": "cd", "value": 1.5},
    part=Part.ORIGIN,
    effects=("x",),
)


def memory():
    made = Memory(FIRST, FIRST - 60)
    made.grow([KEY, Key("web", "rate"), Key("über", "pattern", "p\udce4")], FIRST)
    for columns in (made.own, made.maths):
        for column in columns.values():
            column[:] = np.random.default_rng(1).integers(0, 100, column.shape)
    made.open = {KEY: ANOMALY}
    return made


def test_a_memory_is_read_as_it_was_written():
    written = memory()
    read = decode(encode(written))
    assert (read.judged_to, read.told_from, read.keys, read.open) == (
        written.judged_to,
        written.told_from,
        written.keys,
        written.open,
    )
    for ours, theirs in ((written.own, read.own), (written.maths, read.maths)):
        assert ours.keys() == theirs.keys()
        for name, column in ours.items():
            np.testing.assert_array_equal(theirs[name], column)
            assert theirs[name].dtype == column.dtype


def test_equal_memories_are_equal_bytes_and_an_empty_one_is_one():
    assert encode(memory()) == encode(memory())
    assert decode(encode(Memory(5, 5))).keys == []


@pytest.mark.parametrize("body", [b"", b"OAM1", b"OAM2" + b"x" * 20, b"OAM1" + b"x" * 20], ids=range(4))
def test_other_bytes_are_refused(body):
    with pytest.raises(InvalidInputError, match="anomaly state"):
        decode(body)


def test_a_memory_that_is_cut_short_is_refused():
    with pytest.raises(InvalidInputError):
        decode(encode(memory())[:-20])


def test_rows_that_are_forgotten_take_nothing_else_with_them():
    made = memory()
    heard = made.own["heard"].tolist()
    made.keep(np.array([True, False, True]))
    assert [key.service for key in made.keys] == ["web", "über"]
    assert made.own["heard"].tolist() == [heard[0], heard[2]]


def test_an_id_says_when_it_began_and_is_the_same_for_the_same_series():
    assert begun_at(anomaly_id(KEY, FIRST)) == FIRST
    assert anomaly_id(KEY, FIRST) == anomaly_id(tuple(KEY), FIRST) != anomaly_id(Key("web", "p95"), FIRST)
    assert begun_at("20261399T0000-0123456789abcdef") is None
    assert begun_at("nonsense") is None


def test_an_anomaly_and_an_outbox_are_read_as_they_were_written():
    assert unpacked(packed(ANOMALY)) == ANOMALY
    box = Outbox(FIRST, (ANOMALY,), (Told(ANOMALY, False, FIRST, (ANOMALY,)), Told(ANOMALY, True, FIRST + 5)))
    assert boxes.decode(boxes.encode(box)) == box
    for refuse in (boxes.decode, unpacked):
        with pytest.raises(InvalidInputError):
            refuse(b"nonsense")


def test_an_event_is_named_by_its_anomaly_and_whether_it_ended():
    box = Outbox(FIRST, (), (Told(ANOMALY, False, FIRST), Told(ANOMALY, True, FIRST), Told(ANOMALY, True, FIRST + 60)))
    begun, ended, again = boxes.events(box)
    assert (begun.data.TYPE, ended.data.TYPE) == ("anomaly.detected", "anomaly.ended")
    assert begun.id != ended.id == again.id
    assert begun.correlation_id == ANOMALY.anomaly_id
