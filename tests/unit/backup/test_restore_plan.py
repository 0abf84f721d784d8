"""Which dump is restored, what is lost, how long it takes, and what stands in the way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.model import Dump, Reason, Verdict
from opsloop.backup.restore_plan import (
    PROVEN_ONLY,
    Requirements,
    Target,
    Trust,
    choose,
    expected_s,
    missing_roles,
    obstacles,
    requirements_of,
)
from opsloop.errors import NotFoundError
from tests.unit.backup.test_shelf import MANIFEST

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TARGET = Target(
    where="db.example:5432/shop",
    database="shop",
    exists=False,
    objects=(),
    server_version="16.4",
    server_version_num=160004,
    encoding="UTF8",
    roles=frozenset({"postgres", "shop"}),
    own_roles=frozenset({"postgres", "shop"}),
    extensions={"plpgsql": "1.0", "pg_trgm": "1.6"},
)


def dump(hours_ago: float, verdict: Trust, **changes: object) -> Dump:
    moment = NOON - timedelta(hours=hours_ago)
    plain = Dump(f"shop-{hours_ago}", "shop", "", "", 1000, moment, moment, verdict=verdict, proven_at=None)
    return replace(plain, **changes)


def test_the_newest_proven_dump_is_chosen_and_newer_ones_are_named():
    dumps = [dump(8, Verdict.PROVEN), dump(4, Verdict.FAILED), dump(6, Verdict.PROVEN), dump(1, None)]
    plan = choose(dumps, at=NOON)
    assert plan.dump.dump_id == "shop-6"
    assert plan.lost_s == 6 * 3600
    assert [one.dump_id for one in plan.passed_over] == ["shop-1", "shop-4"]


def test_a_dump_of_the_very_moment_loses_nothing_and_a_later_one_is_not_taken():
    dumps = [dump(5, Verdict.PROVEN), dump(3, Verdict.PROVEN)]
    at_three = choose(dumps, at=NOON - timedelta(hours=3))
    assert (at_three.dump.dump_id, at_three.lost_s) == ("shop-3", 0)
    assert choose(dumps, at=NOON - timedelta(hours=3, seconds=1)).dump.dump_id == "shop-5"


@pytest.mark.parametrize(
    ("verdict", "flag"),
    [
        (Verdict.RESTORABLE, "--accept-restorable"),
        (Verdict.UNKNOWN, "--accept-unproven"),
        (None, "--accept-unproven"),
        (Verdict.FAILED, "--accept-failed"),
    ],
)
def test_what_is_not_proven_is_refused_with_the_flag_that_takes_it(verdict: Trust, flag: str):
    one = dump(2, verdict, reason=Reason.TRUNCATED if verdict is Verdict.FAILED else None)
    with pytest.raises(NotFoundError, match=rf"no proven dump of 2026-11-21T12:00:00Z or before\..*shop-2.*{flag}"):
        choose([one], at=NOON)
    assert choose([one], at=NOON, accepted=PROVEN_ONLY | {verdict}).dump == one


def test_without_any_dump_or_before_the_first_one_the_sentence_says_so():
    with pytest.raises(NotFoundError, match=r"^there is no dump$"):
        choose([], at=NOON)
    with pytest.raises(NotFoundError, match="the oldest is of 2026-11-21T11:00:00Z"):
        choose([dump(1, Verdict.PROVEN)], at=NOON - timedelta(hours=2))


def test_a_deleted_dump_is_not_there():
    with pytest.raises(NotFoundError, match=r"^there is no dump$"):
        choose([dump(1, Verdict.PROVEN, deleted_at=NOON)], at=NOON)


LEVELS: list[Trust] = [*Verdict, None]


@given(
    st.lists(st.tuples(st.integers(-5, 50), st.sampled_from(LEVELS)), unique_by=lambda pair: pair[0]),
    st.sets(st.sampled_from(LEVELS)),
)
@settings(max_examples=80, deadline=None)
def test_no_trusted_dump_is_newer_than_the_chosen_one(ages: list[tuple[int, Trust]], accepted: set[Trust]):
    dumps = [dump(age, verdict) for age, verdict in ages]
    eligible = [age for age, verdict in ages if age >= 0 and verdict in accepted]
    if not eligible:
        with pytest.raises(NotFoundError):
            choose(dumps, at=NOON, accepted=accepted)
        return
    plan = choose(dumps, at=NOON, accepted=accepted)
    assert plan.lost_s == min(eligible) * 3600
    assert all(NOON >= one.taken_at > plan.dump.taken_at for one in plan.passed_over)


def test_the_forecast_is_the_median_pace_times_the_dumps_bytes():
    measured = [
        dump(hours, Verdict.PROVEN, bytes=100, restore_s=seconds) for hours, seconds in ((3, 1), (2, 2), (1, 9))
    ]
    other = dump(1, Verdict.PROVEN, database="payments", bytes=1, restore_s=1000.0)
    assert expected_s(dump(0, Verdict.PROVEN, bytes=1000), [*measured, other]) == (20, 90, 3)
    assert expected_s(dump(0, Verdict.PROVEN), [other]) == (None, None, 0)


def kinds(target: Target, **changes: object) -> list[str]:
    return [one.kind for one in obstacles(target, requirements_of(replace(MANIFEST, **changes)))]


def test_nothing_stands_in_the_way_of_a_new_database_on_a_newer_server():
    assert kinds(TARGET) == []
    assert obstacles(TARGET, Requirements()) == ()


def test_what_would_fail_or_do_harm_is_named_before_it_happens():
    filled = replace(TARGET, exists=True, objects=("table public.orders",))
    assert kinds(filled) == ["not_empty"]
    assert [one.kind for one in obstacles(filled, Requirements())] == ["not_empty"]
    assert kinds(TARGET, extensions={"postgis": "3.4", "pg_trgm": "1.5"}) == ["missing_extension"]
    assert kinds(TARGET, roles=("shop", "reporting")) == ["missing_role"]
    assert kinds(TARGET, server_version="17.1 (Debian 17.1-1)") == ["older_server"]
    assert kinds(replace(TARGET, exists=True, encoding="SQL_ASCII")) == ["encoding"]
    assert kinds(replace(TARGET, exists=False, encoding="SQL_ASCII")) == []
    owned = {"owners": {"public.orders": "shop", "public.other": "somebody whose name was hashed"}}
    not_ours = replace(TARGET, own_roles=frozenset({"postgres"}))
    assert kinds(not_ours, objects=owned) == ["not_owner"]
    assert kinds(not_ours) == []  # who is only granted something owns nothing
    assert kinds(TARGET, objects=owned) == []
    assert kinds(replace(TARGET, may_create=False)) == ["may_not_create"]
    assert kinds(replace(TARGET, may_create=False, exists=True)) == []


def test_a_long_list_of_what_is_there_is_cut():
    filled = replace(TARGET, objects=tuple(f"table public.t{number}" for number in range(9)))
    assert obstacles(filled, requirements_of(MANIFEST))[0].detail.endswith("t4, ...")


def test_missing_roles_are_those_that_only_the_dump_knows():
    assert missing_roles(TARGET, Requirements(roles=frozenset({"z", "shop", "a"}))) == ("a", "z")
