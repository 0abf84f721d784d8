"""Pattern counts: added up exactly, kept whole, and never in another hour."""

import random
from collections import Counter

import pytest

from opsloop.errors import InvalidInputError
from opsloop.log.model import SEVERITIES, PatternHour
from opsloop.log.pattern_hours import Line, added, decode, encode

HOUR = 29_900_040
EMPTY = PatternHour("web", HOUR, {}, {}, {})


def lines_of(seed: int, count: int) -> list[Line]:
    chance = random.Random(seed)
    return [
        Line(HOUR + chance.randrange(60), f"{chance.randrange(9):016x}", chance.choice(SEVERITIES))
        for _ in range(count)
    ]


def test_counts_are_those_of_the_lines_however_they_are_cut() -> None:
    lines = lines_of(1, 500)
    expected = Counter((name, minute - HOUR) for minute, name, _ in lines)
    hour = EMPTY
    for cut in (lines[:7], lines[7:200], [], lines[200:]):
        hour = added(hour, cut, {name: f"text of {name}" for _, name, _ in cut})
    found = {(name, at): count for name, column in hour.counts.items() for at, count in enumerate(column) if count}
    assert found == expected
    assert hour.templates == {name: f"text of {name}" for _, name, _ in lines}


def test_a_pattern_has_the_greatest_severity_that_it_was_seen_with() -> None:
    hour = added(EMPTY, [Line(HOUR, "a", "warn"), Line(HOUR, "a", "error"), Line(HOUR, "a", "info")], {"a": "x <*>"})
    assert hour.severities == {"a": "error"}
    assert added(hour, [Line(HOUR, "a", "unspecified")], {}).severities == {"a": "error"}


def test_what_was_added_to_stays_as_it_was() -> None:
    first = added(EMPTY, [Line(HOUR, "a", "info")], {"a": "x"})
    added(first, [Line(HOUR, "a", "fatal")], {"a": "y"})
    assert first == PatternHour("web", HOUR, {"a": (1, *[0] * 59)}, {"a": "x"}, {"a": "info"})


def test_a_line_of_another_hour_is_refused() -> None:
    for minute in (HOUR - 1, HOUR + 60):
        with pytest.raises(InvalidInputError, match=str(minute)):
            added(EMPTY, [Line(minute, "a", "info")], {})


def test_bytes_give_back_the_hour_and_are_the_same_for_the_same_counts() -> None:
    lines = lines_of(2, 300)
    texts = {name: f"\ud800 {name} ö" for _, name, _ in lines}  # half a surrogate pair, as JSON may hold it
    hour, other = added(EMPTY, lines, texts), added(EMPTY, lines[::-1], texts)
    assert decode("web", HOUR, encode(hour)) == hour
    assert encode(other) == encode(hour)


@pytest.mark.parametrize("body", [b"", b"x", b"\x78\x9c\x03\x00\x00\x00\x00\x01"])
def test_other_bytes_are_no_hour(body: bytes) -> None:
    with pytest.raises(InvalidInputError, match="web"):
        decode("web", HOUR, body)
