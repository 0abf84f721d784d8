"""What retention keeps, said a second time in the plainest words, compared over many histories and moments."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.retention import Copy, plan
from opsloop.catalog import RetentionClass
from opsloop.dataclass import replace
from tests.unit.backup.test_retention import classes, kept

BORDERS = [  # of days, weeks, months, years, and of summer time in Europe and America
    datetime.fromisoformat(text)
    for text in (
        "2027-01-01T00:00:00+00:00", "2026-12-31T23:59:59+00:00", "2028-02-29T23:59:59+00:00",
        "2028-03-01T00:00:00+00:00", "2026-03-29T01:00:00+00:00", "2026-10-25T01:00:00+00:00",
        "2026-11-01T06:00:00+00:00", "2026-11-23T00:00:00+00:00", "2027-01-03T23:59:59+00:00",
    )
]  # fmt: skip
PERIODS: list[tuple[str, Callable[[datetime], object]]] = [
    ("daily", lambda at: at.date()),
    ("weekly", lambda at: at.isocalendar()[:2]),
    ("monthly", lambda at: (at.year, at.month)),
    ("yearly", lambda at: at.year),
]


@st.composite
def histories(draw: st.DrawFn, now: datetime) -> list[Copy]:
    """Return backups around borders, some of the same second, some from the future, in chains and in any zone."""
    zone = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5))])
    seconds = st.sampled_from([0, 0, -1, 1, 3_600, -7_200])
    found: list[Copy] = []
    for number in range(draw(st.integers(0, 14))):
        away = timedelta(days=draw(st.sampled_from([-1, 0, 1, 1, 2, 7, 7, 8, 30, 31, 365, 730])))
        at = (now - away + timedelta(seconds=draw(seconds))).astimezone(draw(zone))
        is_proven = draw(st.booleans())
        seen = draw(st.sampled_from([None, 0, 6, 7, 8])) if not is_proven else None
        found.append(
            Copy(
                f"c{number}", None if draw(st.integers(0, 19)) == 0 else at, is_proven,
                draw(st.sampled_from(["", "", "", "gone", *[one.copy_id for one in found]])),
                None if seen is None else now - timedelta(days=seen),
                draw(st.sampled_from(["", "", "", "a hold"])),
                draw(st.sampled_from([None, None, now, now + timedelta(seconds=1)])),
            )
        )  # fmt: skip
    return draw(st.permutations(found))


def obvious(chosen: RetentionClass, copies: list[Copy], now: datetime) -> set[str]:
    """Return the ids of what stays."""
    by_id = {one.copy_id: one for one in copies}

    def bases(one: Copy) -> list[Copy] | None:
        found: list[Copy] = []
        while one.parent_id:
            if one.parent_id not in by_id or len(found) > len(copies):
                return None
            one = by_id[one.parent_id]
            found.append(one)
        return found

    def when(one: Copy) -> tuple[datetime, str]:
        assert one.taken_at is not None
        return one.taken_at.astimezone(UTC), one.copy_id

    whole = sorted((one for one in copies if one.taken_at and one.taken_at <= now and bases(one) is not None), key=when)
    proven = [one for one in whole if all(each.is_proven for each in [one, *(bases(one) or [])])]
    stays = {one.copy_id for one in copies if one not in whole or one.held or (one.locked_until or now) > now}
    if not proven:
        return set(by_id)
    usable = [one for one in whole if one.useless_at is None or one.useless_at + timedelta(days=7) > now]
    stays |= {one.copy_id for one in proven[-max(1, chosen.minimum) :]}
    stays |= {one.copy_id for one in usable if when(one) > when(proven[-1])}
    stays |= {one.copy_id for one in by_class(chosen, usable, [one for one in proven if one in usable], now)}
    for one in copies:
        if one.copy_id in stays:
            seen, at = set[str](), one
            while at.parent_id in by_id and at.parent_id not in seen:
                seen.add(at.parent_id)
                at = by_id[at.parent_id]
            stays |= seen
    return stays


def by_class(chosen: RetentionClass, usable: list[Copy], proven: list[Copy], now: datetime) -> list[Copy]:
    def moment(one: Copy) -> datetime:
        assert one.taken_at is not None
        return one.taken_at.astimezone(UTC)

    if chosen.policy in ("full", "incremental"):
        fulls = [one for one in proven if not one.parent_id]
        counted = list(reversed(fulls))[: chosen.keep]
        return [one for one in usable if not counted or moment(one) >= moment(counted[-1])]
    begins = now - timedelta(days=chosen.days)
    window = [one for one in usable if moment(one) >= begins]
    if chosen.policy == "rolling":
        return window
    if chosen.policy == "point_in_time":
        before = [one for one in proven if moment(one) <= begins]
        fulls = [one for one in before if not one.parent_id]
        return [*window, *before[-1:], *fulls[-1:]]
    found = []
    for name, period in PERIODS:
        left = getattr(chosen, name)
        for label in sorted({period(moment(one)) for one in usable}, reverse=True):  # type: ignore[type-var]
            if left == 0:
                break
            of_it = [one for one in usable if period(moment(one)) == label]
            good = [one for one in of_it if one in proven]
            found.append((good or of_it)[-1])
            left -= bool(good)
    return found


@settings(max_examples=300, deadline=None)
@given(classes(), st.sampled_from(BORDERS), st.data())
def test_two_ways_to_say_what_stays_agree(chosen: RetentionClass, now: datetime, data: st.DataObject):
    copies = data.draw(histories(now))
    chosen = replace(chosen, days=data.draw(st.sampled_from([1, 7, 30])))
    assert kept(plan(chosen, copies, now)) == obvious(chosen, copies, now)


@settings(max_examples=40, deadline=None)
@given(classes(), st.sampled_from(BORDERS), st.integers(1, 800), st.data())
def test_a_clock_that_went_back_lets_no_newer_backup_go(chosen: RetentionClass, now: datetime, days: int, data):
    copies = data.draw(histories(now))
    earlier = now - timedelta(days=days)
    gone = plan(chosen, copies, earlier).ids
    assert all(one.copy_id not in gone for one in copies if one.taken_at is None or one.taken_at > earlier)


def test_what_builds_on_an_unproven_backup_is_not_counted_as_proven():
    now = BORDERS[0]
    copies = [
        Copy("f1", now - timedelta(days=9), is_proven=True),
        Copy("f2", now - timedelta(days=5)),
        Copy("i2", now - timedelta(days=4), is_proven=True, parent_id="f2"),
    ]
    one = RetentionClass("one", "incremental", keep=1, minimum=1)
    assert plan(one, copies, now).ids == set()
    sound = [copies[0], Copy("f2", copies[1].taken_at, is_proven=True), copies[2]]
    assert plan(one, sound, now).ids == {"f1"}


def test_a_backup_exactly_as_old_as_the_window_is_in_it():
    for now in BORDERS:
        copies = [Copy(f"{days}", now - timedelta(days=days), is_proven=True) for days in (0, 7, 8)]
        later = Copy("later", now - timedelta(days=7, seconds=-1), is_proven=True)
        for policy, stays in (("rolling", {"0", "7"}), ("point_in_time", {"0", "7"})):
            chosen = RetentionClass("week", policy, days=7, minimum=1)
            assert kept(plan(chosen, copies, now)) == obvious(chosen, copies, now) == stays
        of_base = RetentionClass("week", "point_in_time", days=7, minimum=1)
        assert kept(plan(of_base, [later, *copies[1:]], now)) == {"later", "7"}  # restored from it, to the second


def test_an_unproven_day_between_uses_none_of_the_days_up():
    now = BORDERS[0]
    copies = [Copy(f"{days}", now - timedelta(days=days), is_proven=days != 1) for days in range(5)]
    days = RetentionClass("days", "gfs", daily=3, minimum=1)
    assert kept(plan(days, copies, now)) == obvious(days, copies, now) == {"0", "1", "2", "3"}
