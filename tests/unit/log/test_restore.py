"""What is asked back, in which order the work goes on, and what is let go."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from opsloop.errors import ConflictError, InvalidInputError
from opsloop.log.model import LogObject, Pending
from opsloop.log.rebuild import bounds_ns
from opsloop.log.rebuild_wish import HOT_DAYS
from opsloop.log.restore import Fate, Phase, Restore, Restorer, Tier, forget
from opsloop.log.restore_wish import read_restore
from opsloop.search import Query
from stacks.retention import HOT_LOG_DAYS
from tests.conftest import FUNCTIONS

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
HOT_S = int(datetime(2026, 8, 23, tzinfo=UTC).timestamp())
WISH = {"service": "web", "from": "2026-07-01T06:20:00Z", "to": "2026-07-01T07:00:01Z"}
DAY = 86_400


def test_hours_are_whole_and_the_tier_and_days_those_of_most() -> None:
    wanted = read_restore(WISH, NOW, hot_s=HOT_S)
    times = [datetime.fromtimestamp(one, UTC).isoformat() for one in (wanted.first_s, wanted.end_s)]
    assert times == ["2026-07-01T06:00:00+00:00", "2026-07-01T08:00:00+00:00"]
    assert (wanted.tier, wanted.days, wanted.dates) == (Tier.STANDARD, 7, ["2026-07-01"])
    assert wanted.restore_id == read_restore({**WISH, "tier": "bulk"}, NOW, hot_s=HOT_S).restore_id
    assert wanted.restore_id != read_restore({**WISH, "service": "w"}, NOW, hot_s=HOT_S).restore_id


def test_what_is_hot_is_left_out() -> None:
    wanted = read_restore({**WISH, "from": "2026-08-22T00:00:00Z", "to": "2026-08-24T00:00:00Z"}, NOW, hot_s=HOT_S)
    assert wanted.end_s == HOT_S
    with pytest.raises(InvalidInputError, match=r"^from: logs since 2026-08-23T00:00:00Z"):
        read_restore({**WISH, "from": "2026-08-23T00:00:00Z", "to": "2026-08-24T00:00:00Z"}, NOW, hot_s=HOT_S)


@pytest.mark.parametrize(
    "change",
    [
        {"service": ""}, {"service": 7}, {"from": "soon"}, {"to": None}, {"to": "2026-07-01T06:20:00Z"},
        {"to": "2026-08-02T00:00:00Z"}, {"tier": "expedited"}, {"days": 91}, {"days": True}, {"days": "7"},
        {"hours": 1},
    ],
)  # fmt: skip
def test_what_is_no_restore_is_refused_by_the_name_of_its_field(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=f"^{next(iter(change))}: "):
        read_restore({**WISH, **change}, NOW, hot_s=HOT_S)


def test_the_days_of_the_bucket_the_store_and_rebuilds_are_the_same() -> None:
    assert HOT_DAYS == HOT_LOG_DAYS
    for name in ("log_query", "log_restore"):
        text = (FUNCTIONS / name / "handler.py").read_text(encoding="utf-8")
        assert re.findall(r"hot_days: int = (\d+)", text) == [str(HOT_LOG_DAYS)]


class World:
    """A table, an index, S3 and what waits; objects come back when they are told to."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.fates = dict.fromkeys(keys, Fate.COLD)
        self.saved: list[Restore] = []
        self.asked: list[str] = []
        self.pending: list[str] = []

    def all(self) -> list[Restore]:
        return self.saved[-1:]

    def save(self, restore: Restore) -> Restore:
        if self.saved and restore.version != self.saved[-1].version:
            raise ConflictError("another was first")
        self.saved.append(replace(restore, version=restore.version + 1))
        return self.saved[-1]

    def objects(self, service: str, day: str) -> Iterable[LogObject]:
        first, _ = bounds_ns(day, day)
        yield from (
            LogObject(f"logs/{service}/{day}/00/{key}", service, day, 0, 1, first, first, {}, b"") for key in self.keys
        )

    def ask(self, key: str, *, tier: str, days: int) -> Fate:
        assert (tier, days) == ("bulk", 3)
        name = key.rpartition("/")[2]
        self.asked.append(name)
        if self.fates[name] is Fate.COLD:
            self.fates[name] = Fate.FETCHED
        return self.fates[name]

    def fate(self, key: str) -> Fate:
        return self.fates[key.rpartition("/")[2]]

    def add(self, pending: Iterable[Pending]) -> None:
        self.pending += [one.key.rpartition("/")[2] for one in pending]

    def run(self, steps: int = 1_000) -> Restore:
        left = iter(range(steps))
        (found,) = Restorer(self, self, self, self).go_on(50 * DAY, lambda: next(left, None) is not None)
        return found


def restore(**changes: Any) -> Restore:
    one = Restore("id", "web", 20 * DAY, 21 * DAY, Tier.BULK, 3, 40 * DAY, 0, 0, 0)
    return replace(one, **changes)


def test_objects_are_handed_on_in_order_as_they_come_back_each_once() -> None:
    world = World("c", "a", "b")
    world.save(restore())
    assert world.run().phase is Phase.WAITING
    assert (world.asked, world.pending) == (["a", "b", "c"], [])
    world.fates |= {"a": Fate.HERE, "c": Fate.HERE}
    assert (world.run().back, world.pending) == (1, ["a"])
    world.fates["b"] = Fate.HERE
    done = world.run()
    assert (done.phase, done.asked, done.back, world.pending) == (Phase.BACK, 3, 3, ["a", "b", "c"])
    assert world.run() == done
    assert world.asked == ["a", "b", "c"]
    assert (done.until_s, done.is_over(53 * DAY - 1), done.is_over(53 * DAY)) == (53 * DAY, False, True)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_little_time_is_enough_in_the_end(steps: int) -> None:
    world = World(*"abcdefgh")
    world.save(restore())
    for _ in range(40):
        world.run(steps)
        world.fates = {name: Fate.HERE if fate is Fate.FETCHED else fate for name, fate in world.fates.items()}
    assert world.saved[-1].phase is (Phase.BACK if steps > 1 else Phase.ASKING)
    if steps > 1:
        assert (sorted(world.asked), sorted(world.pending)) == (list("abcdefgh"), list("abcdefgh"))


def test_a_copy_that_expired_before_its_turn_is_asked_for_again() -> None:
    world = World("a", "b")
    world.save(restore())
    world.run()
    world.fates = {"a": Fate.COLD, "b": Fate.HERE}
    assert world.run().phase is Phase.WAITING
    assert world.asked == ["a", "b", "a"]
    world.fates["a"] = Fate.MISSING
    done = world.run()
    assert (done.phase, done.back, done.missing, world.pending) == (Phase.BACK, 1, 1, ["b"])


def test_whoever_comes_second_leaves_it() -> None:
    world = World("a")
    stale = world.save(restore())
    world.save(stale)
    world.saved.append(stale)
    world.save = lambda _: (_ for _ in ()).throw(ConflictError("another was first"))  # type: ignore[method-assign]
    assert world.run() == stale


class Store:
    """Remembers what is deleted."""

    def __init__(self) -> None:
        self.deleted: list[tuple[int | None, int | None]] = []

    def delete(self, _spec: Any, query: Query) -> int:
        assert (query.terms, query.text, set(query.ranges)) == ({}, "", {"time"})
        self.deleted.append(query.ranges["time"])
        return 1


def let_go(hot_day: int, *restores: Restore, now_day: int = 100) -> list[tuple[float, float]]:
    """Return from which day to which is deleted."""
    store, day_ns = Store(), DAY * 10**9
    assert forget(store, hot_day * day_ns, restores, now_day * DAY) == len(store.deleted)  # type: ignore[arg-type]
    return [
        (first / day_ns, (last + 1) / day_ns) for first, last in store.deleted if first is not None and last is not None
    ]


def test_days_of_restores_stay_until_the_last_of_them_is_over() -> None:
    back = restore(phase=Phase.BACK, back_s=99 * DAY)
    assert let_go(50) == [(0, 50)]
    assert let_go(50, back) == [(0, 20), (21, 50)]
    assert let_go(50, replace(back, back_s=97 * DAY)) == [(0, 50)]
    assert let_go(50, replace(back, back_s=97 * DAY), back) == [(0, 20), (21, 50)]
    assert let_go(50, restore()) == [(0, 20), (21, 50)]
    assert let_go(20, back) == [(0, 20)]
    assert let_go(21, replace(back, end_s=23 * DAY)) == [(0, 20)]
    assert let_go(50, restore(first_s=0, end_s=50 * DAY)) == []
