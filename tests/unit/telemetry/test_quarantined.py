"""The walk over what lies in quarantine: order, state, filters and going on after a place, without a cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from opsloop.errors import InvalidInputError
from opsloop.telemetry.claim import Claim
from opsloop.telemetry.quarantined import CHUNK, Listed, Quarantined, Selection, State, group_and_name, walk

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
DIGITS = "0123456789abcdef" * 4


class Objects:
    """A bucket in memory. ``gone`` are listed, but cannot be described any more."""

    def __init__(self, *kept: Quarantined, gone: Sequence[str] = ()) -> None:
        self.kept = {one.key: one for one in kept}
        self.gone = gone
        self.listed: list[str] = []
        self.described: list[int] = []

    def sources(self) -> list[str]:
        return sorted({key.split("/")[0] for key in self.kept})

    def listing(self, groups: Sequence[str]) -> list[Listed]:
        self.listed += groups
        return [one.listed for one in self.kept.values() if one.listed.group in groups]

    def describe(self, listed: Sequence[Listed]) -> list[Quarantined]:
        self.described.append(len(listed))
        return [self.kept[one.key] for one in listed if one.key not in self.gone]


def kept(number: int, *, source: str = "telemetry_ingest", ago: timedelta = timedelta(), kind: str = "malformed",
         reason: str = "broken", aside: timedelta = timedelta()) -> Quarantined:  # fmt: skip
    arrived = NOW - ago
    key = f"{source}/{arrived:%Y-%m-%d}/{number:064x}"
    return Quarantined(Listed(key, 1, arrived + aside), arrived, reason, kind)


def no_claims(_group: str) -> Mapping[str, Claim]:
    return {}


WEEK = Selection(NOW - timedelta(days=7), NOW + timedelta(seconds=1))


def keys(shelf: Objects, wanted: Selection = WEEK, after: str = "", claims=no_claims) -> list[str]:
    return [entry.found.key for entry in walk(shelf, claims, wanted, after) if entry.is_selected]


def test_newer_days_come_first_and_in_a_day_what_was_set_aside_last():
    yesterday = kept(1, ago=timedelta(days=1), aside=timedelta(hours=20))  # set aside after the others
    early, late = kept(9, ago=timedelta(hours=2)), kept(2, ago=timedelta(hours=1))
    delayed = kept(5, ago=timedelta(hours=3), aside=timedelta(hours=2, minutes=30))
    shelf = Objects(yesterday, early, late, delayed)
    assert keys(shelf) == [delayed.key, late.key, early.key, yesterday.key]


def test_going_on_after_any_place_gives_exactly_the_rest():
    shelf = Objects(*(kept(number, ago=timedelta(hours=7 * number)) for number in range(20)))
    whole = list(walk(shelf, no_claims, WEEK, ""))
    assert len(whole) == 20
    for number, entry in enumerate(whole):
        assert keys(shelf, after=entry.found.listed.place) == [one.found.key for one in whole[number + 1 :]]


def test_days_before_those_that_are_needed_are_not_listed():
    shelf = Objects(kept(1), kept(2, ago=timedelta(days=3)))
    next(walk(shelf, no_claims, WEEK, ""))
    assert shelf.listed == ["telemetry_ingest/2026-11-21"]


def test_days_that_a_cursor_has_passed_are_not_listed_again():
    shelf = Objects(kept(1), kept(2, ago=timedelta(days=3)))
    place = kept(2, ago=timedelta(days=3)).listed.place
    assert keys(shelf, after=place) == []
    assert "telemetry_ingest/2026-11-19" not in shelf.listed
    assert "telemetry_ingest/2026-11-18" in shelf.listed


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "too_large"}, {2}),
        ({"reason": "UTF"}, {3}),
        ({"source": "telemetry_receive"}, {3}),
        ({"start": NOW - timedelta(hours=1)}, {1}),
        ({"end": NOW}, {2, 3}),
        ({"state": State.REPLAYED}, {2}),
        ({"state": State.OPEN}, {1, 3}),
        ({"state": None}, {1, 2, 3}),
    ],
)
def test_a_selection_takes_what_it_says(changes, expected):
    hours = timedelta(hours=3)
    shelf = Objects(
        kept(1),
        kept(2, kind="too_large", ago=hours),
        kept(3, source="telemetry_receive", reason="name is not utf-8", ago=hours),
    )

    def claims(group: str) -> Mapping[str, Claim]:
        name = f"{2:064x}"
        return {name: Claim(group, name, "1", 0.0, 1, "")} if group.startswith("telemetry_ingest") else {}

    wanted = replace(WEEK, **{"state": None, **changes})
    assert {int(key[-2:], 16) for key in keys(shelf, wanted, claims=claims)} == expected


def test_objects_are_asked_about_in_chunks_and_those_that_are_gone_are_left_out():
    objects = [kept(number, ago=timedelta(seconds=number)) for number in range(CHUNK + 3)]
    shelf = Objects(*objects, gone=[objects[5].key])
    assert keys(shelf) == [one.key for number, one in enumerate(objects) if number != 5]
    assert shelf.described == [CHUNK, 3]


def test_a_range_may_begin_and_end_within_a_day():
    assert list(replace(WEEK, start=NOW - timedelta(hours=9)).days()) == ["2026-11-21", "2026-11-20"]


def test_a_key_is_told_apart_from_anything_else():
    assert group_and_name(f"telemetry_ingest/2026-11-21/{DIGITS}") == ("telemetry_ingest/2026-11-21", DIGITS)
    assert group_and_name("telemetry_ingest/2026-11-21/012345")[1] == "012345"
    for wrong in (
        "", "telemetry_ingest", DIGITS, f"telemetry_ingest/{DIGITS}", f"../2026-11-21/{DIGITS}",
        f"telemetry_ingest/2026-11-21/{DIGITS}0", "telemetry_ingest/2026-11-21/01234", f"a/b/2026-11-21/{DIGITS}",
        f"telemetry_ingest/2026-11-21/{DIGITS.upper()}", f"telemetry_ingest/2026-11-21/{DIGITS}\n",
    ):  # fmt: skip
        with pytest.raises(InvalidInputError, match="key"):
            group_and_name(wrong)
