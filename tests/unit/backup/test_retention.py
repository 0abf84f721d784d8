"""What retention keeps and lets go: each rule by itself, and what holds of any history."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.model import Dump, Reason, Verdict
from opsloop.backup.retention import Copy, Plan, Rule, copy_of, plan
from opsloop.catalog import Database, RetentionClass

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FULL = RetentionClass("last-two", "full", keep=2, minimum=1)


def copy(name: str, days_ago: float, **changes: object) -> Copy:
    values: dict[str, object] = {"is_proven": True, **changes}
    return Copy(name, NOW - days_ago * DAY, **values)  # type: ignore[arg-type]


def kept(found: Plan) -> set[str]:
    return {one.copy.copy_id for one in found.keep}


def rules(found: Plan, copy_id: str) -> tuple[Rule, ...]:
    return next(one.rules for one in (*found.keep, *found.delete) if one.copy.copy_id == copy_id)


def database(**changes: object) -> Database:
    values: dict[str, object] = {
        "name": "orders", "service": "orders", "tier": 2, "description": "", "secret": "orders",
        "source_name": "orders", "schemas": (), "exclude_schemas": (), "every_h": 6, "format": "custom",
        "retention": "standard", "legal_hold": False, "object_lock_days": 0, "rpo_s": 900, "rto_s": 14400,
    }  # fmt: skip
    return Database(**(values | changes))  # type: ignore[arg-type]


def dump(**changes: object) -> Dump:
    values: dict[str, object] = {
        "dump_id": "orders/a.dump", "database": "orders", "key": "dumps/orders/a.dump", "version": "v", "bytes": 9,
        "taken_at": NOW - DAY, "arrived_at": NOW - DAY,
    }  # fmt: skip
    return Dump(**(values | changes))  # type: ignore[arg-type]


def test_a_full_class_keeps_the_newest_and_lets_the_rest_go():
    found = plan(FULL, [copy("a", 3), copy("b", 2), copy("c", 1)], NOW)
    assert kept(found) == {"b", "c"}
    assert found.ids == {"a"}
    assert found.delete[0].why == "past what the class last-two (full) keeps"


def test_an_unproven_backup_is_not_counted_but_stays_among_those_that_are():
    found = plan(FULL, [copy("a", 4), copy("b", 3), copy("x", 2.5, is_proven=False), copy("c", 2)], NOW)
    assert kept(found) == {"b", "x", "c"}
    before = plan(FULL, [copy("x", 5, is_proven=False), copy("b", 3), copy("c", 2)], NOW)
    assert before.ids == {"x"}
    assert before.delete[0].why.endswith("and not proven")


def test_where_nothing_was_proven_nothing_goes():
    found = plan(FULL, [copy(f"{day}", day, is_proven=False) for day in range(1, 40)], NOW)
    assert found.delete == ()
    assert rules(found, "39") == (Rule.NOTHING_PROVEN,)


def test_the_newest_proven_stays_however_old_it_is():
    chosen = RetentionClass("month", "rolling", days=30, minimum=1)
    found = plan(chosen, [copy("old", 400), copy("older", 401), copy("new", 1, is_proven=False)], NOW)
    assert kept(found) == {"old", "new"}
    assert rules(found, "old") == (Rule.NEWEST_PROVEN, Rule.MINIMUM)


def test_at_least_the_minimum_of_proven_backups_stays_past_every_window():
    chosen = RetentionClass("month", "rolling", days=30, minimum=3)
    copies = [copy(f"p{day}", day) for day in (100, 200, 300, 400)]
    found = plan(chosen, [*copies, copy("u", 350, is_proven=False)], NOW)
    assert kept(found) == {"p100", "p200", "p300"}


def test_what_is_newer_than_the_newest_proven_stays_until_it_is_useless_for_longer_than_the_grace():
    seen = {"is_proven": False, "useless_at": NOW - 8 * DAY}
    copies = [copy("p", 50), copy("may", 10, is_proven=False), copy("bad", 9, **seen)]
    fresh = copy("fresh", 9, is_proven=False, useless_at=NOW - 6 * DAY)
    found = plan(RetentionClass("c", "full", keep=1, minimum=1), [*copies, fresh], NOW)
    assert found.ids == {"bad"}
    assert rules(found, "bad") == (Rule.USELESS,)
    assert Rule.MAY_BE_PROVEN in rules(found, "may")


def test_held_locked_future_and_undated_backups_stay():
    copies = [
        copy("a", 0), copy("b", 1), copy("held", 90, held="its own legal hold"),
        copy("locked", 90, locked_until=NOW + DAY), copy("unlocked", 90, locked_until=NOW),
        copy("later", -2), Copy("undated", None, is_proven=True),
    ]  # fmt: skip
    found = plan(FULL, copies, NOW)
    assert found.ids == {"unlocked"}
    assert [rules(found, name) for name in ("held", "locked", "later", "undated")] == [
        (Rule.HELD,), (Rule.LOCKED,), (Rule.IN_THE_FUTURE,), (Rule.UNKNOWN_TIME,),
    ]  # fmt: skip


def test_a_backup_from_the_future_does_not_push_a_real_one_out():
    found = plan(RetentionClass("one", "full", keep=1, minimum=1), [copy("real", 5), copy("later", -30)], NOW)
    assert found.ids == set()
    assert Rule.NEWEST_PROVEN in rules(found, "real")


def test_an_incremental_backup_keeps_its_full_one_and_those_between():
    chain = [copy("f1", 20), copy("i1", 19, parent_id="f1"), copy("i2", 18, parent_id="i1")]
    chain += [copy("f2", 10), copy("d2", 9, parent_id="f2"), copy("f3", 3)]
    found = plan(RetentionClass("c", "incremental", keep=2, minimum=1), chain, NOW)
    assert found.ids == {"f1", "i1", "i2"}
    held = [*chain[:2], copy("i2", 18, parent_id="i1", held="its own legal hold"), *chain[3:]]
    found = plan(RetentionClass("c", "incremental", keep=2, minimum=1), held, NOW)
    assert found.ids == set()
    assert rules(found, "f1") == (Rule.NEEDED,)


def test_only_full_backups_are_counted():
    chain = [copy("f1", 20), copy("f2", 10), copy("i2", 9, parent_id="f2")]
    assert plan(RetentionClass("c", "incremental", keep=2, minimum=1), chain, NOW).ids == set()


def test_a_chain_with_a_part_missing_counts_for_nothing_and_stays():
    chain = [copy("f1", 20), copy("lost", 2, parent_id="gone"), copy("tail", 1, parent_id="lost")]
    found = plan(RetentionClass("c", "incremental", keep=1, minimum=1), chain, NOW)
    assert found.ids == set()
    assert rules(found, "tail") == (Rule.BROKEN_CHAIN,)
    assert Rule.NEWEST_PROVEN in rules(found, "f1")
    circle = [copy("f1", 20), copy("a", 2, parent_id="b"), copy("b", 1, parent_id="a"), copy("c", 3, parent_id="c")]
    assert Rule.NEWEST_PROVEN in rules(plan(FULL, circle, NOW), "f1")


def test_a_window_keeps_the_full_backup_from_which_its_first_moment_is_restored():
    chosen = RetentionClass("week", "point_in_time", days=7, minimum=1)
    copies = [copy("f0", 15), copy("f1", 9), copy("i1", 8, parent_id="f1"), copy("f2", 6), copy("f3", 0.5)]
    found = plan(chosen, copies, NOW)
    assert found.ids == {"f0"}
    late = [copy("f0", 20), copy("f1", 12), copy("i0", 9, parent_id="f0"), copy("f2", 6)]
    assert plan(chosen, late, NOW).ids == set()  # the last one before the window, and the last full one
    unproven_base = [copy("f0", 15), copy("f1", 9, is_proven=False), copy("f2", 6)]
    assert plan(chosen, unproven_base, NOW).ids == {"f1"}


def test_gfs_keeps_the_last_of_each_day_week_month_and_year_in_utc():
    chosen = RetentionClass("gfs", "gfs", daily=2, weekly=2, monthly=3, yearly=2, minimum=1)
    times = {
        "2025-12-31T23:59:59+00:00",  # the last of 2025, of its month and of the ISO week 2026-W01
        "2026-09-30T23:30:00-02:00",  # 1 October in UTC
        "2026-09-29T00:00:00+00:00",
        "2026-10-31T12:00:00+00:00",
        "2026-11-15T23:59:00+00:00",  # a Sunday: the last of 2026-W46
        "2026-11-16T00:00:00+00:00",
        "2026-11-19T08:00:00+00:00",
        "2026-11-20T08:00:00+00:00",
        "2026-11-20T20:00:00+00:00",
        "2026-11-21T08:00:00+00:00",
    }
    found = plan(chosen, [Copy(one, datetime.fromisoformat(one), is_proven=True) for one in times], NOW)
    assert kept(found) == {
        "2025-12-31T23:59:59+00:00",
        "2026-09-29T00:00:00+00:00",
        "2026-10-31T12:00:00+00:00",
        "2026-11-15T23:59:00+00:00",
        "2026-11-20T20:00:00+00:00",
        "2026-11-21T08:00:00+00:00",
    }
    newest = next(one for one in found.keep if one.copy.copy_id == "2026-11-21T08:00:00+00:00")
    for period in ("day 2026-11-21", "week 2026-W47", "month 2026-11", "year 2026"):
        assert f"the last of the {period}" in newest.why


def test_a_week_across_the_new_year_is_one_week():
    chosen = RetentionClass("weeks", "gfs", weekly=1, minimum=1)
    times = ["2025-12-31T00:00:00+00:00", "2026-01-02T00:00:00+00:00"]
    copies = [Copy(one, datetime.fromisoformat(one), is_proven=True) for one in times]
    found = plan(RetentionClass("weeks", "gfs", weekly=2, minimum=1), copies, NOW)
    assert found.ids == {times[0]}
    assert found.keep[0].why.endswith("the last of the week 2026-W01")
    assert plan(chosen, copies, NOW).ids == {times[0]}


def test_a_period_is_represented_by_its_last_proven_backup():
    chosen = RetentionClass("days", "gfs", daily=2, minimum=1)
    copies = [copy("a", 3), copy("b", 2.2), copy("late", 2, is_proven=False), copy("c", 0)]
    assert plan(chosen, copies, NOW).ids == {"a", "late"}
    between = [copy("a", 3), copy("u", 2, is_proven=False), copy("c", 0)]
    assert plan(chosen, between, NOW).ids == set()


def test_a_dump_made_elsewhere_counts_like_ours_once_it_restores():
    theirs = dump(origin="elsewhere", verdict=Verdict.RESTORABLE, proven_at=NOW, verified_at=NOW)
    assert copy_of(theirs, database()).is_proven
    assert not copy_of(dump(), database()).is_proven
    assert not copy_of(dump(verdict=Verdict.UNKNOWN, proven_at=NOW, verified_at=NOW), database()).is_proven


def test_only_what_cannot_be_read_is_called_useless():
    cut = dump(verdict=Verdict.FAILED, reason=Reason.TRUNCATED, verified_at=NOW)
    assert copy_of(cut, database()).useless_at == NOW
    wrong = dump(verdict=Verdict.FAILED, reason=Reason.ASSERTION_FAILED, verified_at=NOW, proven_at=NOW - DAY)
    assert copy_of(wrong, database()).useless_at is None
    assert not copy_of(wrong, database()).is_proven


def test_a_hold_may_be_the_dumps_or_the_databases():
    assert copy_of(dump(legal_hold=True), database()).held == "its own legal hold"
    assert copy_of(dump(), database(legal_hold=True)).held == "the legal hold of its database"


@st.composite
def classes(draw: st.DrawFn) -> RetentionClass:
    some = st.integers(0, 4)
    return RetentionClass(
        "any", draw(st.sampled_from(["full", "incremental", "point_in_time", "rolling", "gfs"])),
        keep=draw(st.integers(1, 5)), days=draw(st.integers(1, 60)), daily=draw(some), weekly=draw(some),
        monthly=draw(some), yearly=draw(some), minimum=draw(st.integers(1, 4)),
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[Copy]:
    zone = st.sampled_from([UTC, timezone(timedelta(hours=13)), timezone(timedelta(hours=-7, minutes=-30))])
    found: list[Copy] = []
    for number in range(draw(st.integers(0, 25))):
        hours = draw(st.integers(-48, 24 * 500))
        at = draw(st.sampled_from([None, *[(NOW - timedelta(hours=hours)).astimezone(draw(zone))] * 9]))
        is_proven = draw(st.booleans())
        seen = draw(st.none() | st.integers(0, 20)) if not is_proven else None
        parents = ["", "", "", "gone", *[one.copy_id for one in found]]
        found.append(
            Copy(
                f"c{number}", at, is_proven, draw(st.sampled_from(parents)),
                None if seen is None else NOW - seen * DAY, draw(st.sampled_from(["", "", "", "", "a hold"])),
                draw(st.sampled_from([None, None, None, NOW + DAY, NOW - DAY])), 1,
            )
        )  # fmt: skip
    return draw(st.permutations(found))


def proven_whole(one: Copy, copies: list[Copy]) -> bool:
    """Return whether ``one`` and all that it builds on is there, and proven."""
    by_id = {each.copy_id: each for each in copies}
    for _ in copies:
        if not one.parent_id or not one.is_proven:
            return one.is_proven
        if one.parent_id not in by_id:
            return False
        one = by_id[one.parent_id]
    return False


@settings(max_examples=120, deadline=None)
@given(classes(), histories())
def test_whatever_the_history_the_promises_hold(chosen: RetentionClass, copies: list[Copy]):
    found = plan(chosen, copies, NOW)
    gone, by_id = found.ids, {one.copy_id: one for one in copies}
    assert kept(found) | gone == by_id.keys()
    assert not kept(found) & gone
    assert all(one.why and one.rules for one in (*found.keep, *found.delete))
    for one in copies:
        if one.held or one.taken_at is None or one.taken_at > NOW or (one.locked_until or NOW) > NOW:
            assert one.copy_id not in gone
    counted = [one for one in copies if one.taken_at and one.taken_at <= NOW and proven_whole(one, copies)]
    counted.sort(key=lambda one: (one.taken_at, one.copy_id))
    assert len([one for one in counted if one.copy_id not in gone]) >= min(chosen.minimum, len(counted))
    if not counted:
        assert not gone
    else:
        newest = counted[-1]
        assert newest.copy_id not in gone
        for one in copies:
            is_newer = one.taken_at is not None and one.taken_at > newest.taken_at
            if is_newer and (one.useless_at is None or one.useless_at > NOW - 7 * DAY):
                assert one.copy_id not in gone
    for one in copies:
        if one.copy_id not in gone and one.parent_id in by_id:
            assert one.parent_id not in gone


@settings(max_examples=120, deadline=None)
@given(classes(), histories(), st.randoms())
def test_a_plan_is_the_same_again_and_complete_once_carried_out(chosen: RetentionClass, copies: list[Copy], random):
    found = plan(chosen, copies, NOW)
    shuffled = [*copies, *copies[:3]]
    random.shuffle(shuffled)
    assert plan(chosen, shuffled, NOW) == found
    left = [one for one in copies if one.copy_id not in found.ids]
    assert plan(chosen, left, NOW).delete == ()


@settings(max_examples=60, deadline=None)
@given(classes(), histories(), st.sampled_from([timezone(timedelta(hours=14)), timezone(timedelta(hours=-11))]))
def test_no_zone_changes_a_plan(chosen: RetentionClass, copies: list[Copy], zone: timezone):
    moved = [
        Copy(one.copy_id, one.taken_at and one.taken_at.astimezone(zone), one.is_proven, one.parent_id,
             one.useless_at, one.held, one.locked_until, one.bytes)
        for one in copies
    ]  # fmt: skip
    assert plan(chosen, moved, NOW.astimezone(zone)).ids == plan(chosen, copies, NOW).ids


@pytest.mark.parametrize("policy", ["full", "rolling", "gfs"])
def test_a_year_of_dumps_every_six_hours_is_thinned_out(policy: str):
    chosen = RetentionClass("c", policy, keep=14, days=30, daily=7, weekly=5, monthly=12, minimum=3)
    copies = [copy(f"{number:04}", number / 4) for number in range(4 * 365)]
    # gfs: 7 days, which hold two of the weeks and a month; two more of the newest, for the minimum
    by_hand = {"full": 14, "rolling": 4 * 30 + 1, "gfs": 7 + 3 + 11 + 2}
    assert len(plan(chosen, copies, NOW).keep) == by_hand[policy]
