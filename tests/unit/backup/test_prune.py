"""Deleting with fakes of table and bucket that crash at every place: record and bucket agree after the next run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.model import Dump, Verdict
from opsloop.backup.prune import Look, Pruner, pruned, suggested
from opsloop.backup.retention_hold import Keeper
from opsloop.backup.retention_record import Deletion, DeletionState, database_of
from opsloop.catalog import RetentionClass
from opsloop.errors import ConflictError, InvalidInputError, NotFoundError
from tests.unit.backup.test_retention import database

NOW = datetime(2026, 11, 21, 3, 20, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = RetentionClass("week", "rolling", mode="enforce", days=7, minimum=1)


class Crash(BaseException):
    """The process ends here."""


class World:
    """Dumps, their objects and their deletions, in memory; the ``crash``-th change of anything ends the process.

    A crash comes before the change is made, or, with ``is_after``, when it is made and nobody heard of it.
    """

    def __init__(self, dumps: Sequence[Dump], *, crash: int = 0, is_after: bool = False) -> None:
        self.dumps = {one.dump_id: replace(one, revision=1) for one in dumps}
        self.objects = {one.key: one.version for one in dumps}
        self.markers: dict[str, str] = {}
        self.held: set[str] = set()
        self.records: dict[str, Deletion] = {}
        self.crash, self.is_after, self.changes = crash, is_after, 0
        self.conflicts = 0
        self.brought = 0
        self.hidden: list[str] = []  # every key that was asked to be hidden

    def changing(self) -> Iterator[None]:
        self.changes += 1
        if self.changes == self.crash and not self.is_after:
            raise Crash
        yield
        if self.changes == self.crash and self.is_after:
            raise Crash

    # the shelf
    def of(self, name: str) -> list[Dump]:
        return [one for one in self.dumps.values() if one.database == name]

    def find(self, key: str) -> Any:
        return self.records.get(key) if "." in key and key.startswith("orders.") else self.dumps.get(key)

    def save(self, dump: Dump) -> Dump:
        for _ in self.changing():
            self._put(dump)
        return replace(dump, revision=dump.revision + 1)

    def _put(self, dump: Dump) -> None:
        if self.dumps[dump.dump_id].revision != dump.revision:
            raise ConflictError("past that revision")
        self.dumps[dump.dump_id] = replace(dump, revision=dump.revision + 1)

    def change(self, dump: Dump) -> list[Mapping[str, Any]]:
        return [{"dump": dump}]

    # the bucket
    def there(self, name: str) -> dict[str, str]:
        return {key: version for key, version in self.objects.items() if key.startswith(f"dumps/{name}/")}

    def look(self, key: str) -> Look:
        if key in self.objects:
            return Look(self.objects[key], "", key in self.held)
        return Look(marker=self.markers.get(key, ""))

    def delete(self, key: str) -> str:
        for _ in self.changing():
            self.hidden.append(key)
            self.objects.pop(key, None)
            self.markers[key] = f"marker of {key}"
        return self.markers[key]

    def hold(self, key: str, _version: str, *, is_on: bool) -> bool:
        for _ in self.changing():
            (self.held.add if is_on else self.held.discard)(key)
        return True

    def bring_back(self, key: str, version: str) -> str:
        for _ in self.changing():
            self.brought += 1
            self.objects[key] = f"{version} again"
        return self.objects[key]

    # the deletions
    def open(self, name: str) -> list[Deletion]:
        return [one for one in self.records.values() if one.state is DeletionState.BEGUN and one.database == name]

    def begin(self, deletion: Deletion) -> Deletion:
        for _ in self.changing():
            self.records.setdefault(deletion.deletion_id, replace(deletion, revision=1))
        return self.records[deletion.deletion_id]

    def end(self, deletion: Deletion, also: Sequence[Mapping[str, Any]] = ()) -> Deletion:
        for _ in self.changing():
            if self.conflicts:
                self.conflicts -= 1
                raise ConflictError("written meanwhile")
            if self.records[deletion.deletion_id].revision != deletion.revision:
                raise ConflictError("past that version")
            for action in also:
                self._put(action["dump"])
            self.records[deletion.deletion_id] = replace(deletion, revision=deletion.revision + 1)
        return self.records[deletion.deletion_id]

    def agrees(self) -> bool:
        """Return whether the dumps that are recorded as there are in the bucket, and no others."""
        return {one.key for one in self.dumps.values() if one.deleted_at is None} == self.objects.keys()


def dump(name: str, days_ago: float, **changes: Any) -> Dump:
    taken = NOW - days_ago * DAY
    values: dict[str, Any] = {"verdict": Verdict.PROVEN, "proven_at": taken, **changes}
    return Dump(f"orders/{name}", "orders", f"dumps/orders/{name}", f"v{name}", 10, taken, taken, **values)


def run(world: World, *, days: int = 0, most: int = 100, chosen: RetentionClass = WEEK) -> Any:
    pruner, now = Pruner(world, world, world), NOW + days * DAY
    pruner.plan(database(), chosen, now)
    return pruner.carry_out(database(), chosen, now, most=most, has_time=lambda: True)


SHELF = [dump(name, days) for name, days in (("a", 40), ("b", 30), ("c", 20), ("d", 2), ("e", 1))]


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("crash", range(1, 10))
def test_a_crash_at_any_change_is_made_good_by_the_next_run(crash, is_after):
    world = World(SHELF, crash=crash, is_after=is_after)
    with pytest.raises(Crash):
        run(world)
    world.crash = 0
    run(world, days=1)
    assert world.agrees()
    assert world.objects.keys() == {"dumps/orders/d", "dumps/orders/e"}
    ended = {one.dump_id: one.state for one in world.records.values()}
    assert ended == {f"orders/{name}": DeletionState.DELETED for name in "abc"}
    assert all(one.why and one.by for one in world.records.values())
    assert sorted(world.hidden) == [f"dumps/orders/{name}" for name in "abc"]  # each once
    whys = {one.dump_id: one.why for one in world.records.values()}
    assert {one.dump_id: one.deleted_why for one in world.dumps.values() if one.deleted_at} == whys


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("crash", range(1, 10))
def test_the_same_run_again_after_a_crash_deletes_what_is_left_and_nothing_twice(crash, is_after):
    world = World(SHELF, crash=crash, is_after=is_after)
    with pytest.raises(Crash):
        run(world)
    world.crash, before = 0, len(world.markers)
    run(world)
    assert world.agrees()
    assert len(world.markers) == 3
    assert len(world.records) == 3
    assert before <= 3


def test_nine_changes_are_all_that_three_deletions_take():
    world = World(SHELF)
    run(world)
    assert world.changes == 9  # begun, hidden, ended: the crashes above are at each of them


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans()), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=4),
    st.integers(1, 3),
)
def test_after_any_crashes_nothing_that_must_stay_is_gone(shelf, crashes, most):
    dumps = [
        dump(f"{place}", days, legal_hold=held, verdict=Verdict.PROVEN if good else None)
        for place, (days, good, held) in enumerate(shelf)
    ]
    world = World(dumps)
    for place, (crash, is_after) in enumerate(crashes):
        world.crash, world.is_after, world.changes = crash, is_after, 0
        try:
            run(world, days=place, most=most)
        except Crash:
            continue
    world.crash = 0
    for place in range(len(dumps)):
        run(world, days=len(crashes) + place, most=100)
    assert world.agrees()
    assert world.open("orders") == []
    proven = [one for one in dumps if one.verdict is Verdict.PROVEN]
    assert all(one.key in world.objects for one in dumps if one.legal_hold)
    if proven:
        newest = max(proven, key=lambda one: (one.taken_at, one.dump_id))
        assert newest.key in world.objects
    else:
        assert len(world.objects) == len(dumps)


def test_a_proof_of_an_object_that_is_gone_does_not_count():
    world = World(SHELF)
    for name in "de":
        del world.objects[f"dumps/orders/{name}"]
    run(world)
    assert world.objects.keys() == {"dumps/orders/c"}  # the newest that is proven now
    assert world.agrees()


def test_what_changed_since_the_plan_stops_a_deletion_for_good_in_that_run():
    world = World(SHELF)
    begin = world.begin

    def begun(deletion: Deletion) -> Deletion:
        name = deletion.dump_id
        if name == "orders/a":
            world.objects[deletion.key] = "another"
        if name == "orders/b":
            world.dumps[name] = replace(world.dumps[name], legal_hold=True)
        return begin(deletion)

    world.begin = begun  # type: ignore[method-assign]
    assert [one.state for one in run(world).ended] == [DeletionState.STOPPED] * 2 + [DeletionState.DELETED]
    said = {one.dump_id: one.said for one in world.records.values()}
    assert said["orders/a"] == "another version of the object lies there by now"
    assert said["orders/b"] == "by now it is to stay: held by its own legal hold"
    assert run(world).ended == ()  # delivered twice
    assert world.hidden == ["dumps/orders/c"]


def test_a_record_that_is_written_meanwhile_is_read_again():
    world = World(SHELF)
    world.conflicts = 3
    assert [one.state for one in run(world).ended] == [DeletionState.DELETED] * 3
    assert world.agrees()
    stuck = World(SHELF)
    stuck.conflicts = 100
    with pytest.raises(ConflictError):
        run(stuck)


def test_without_time_nothing_more_is_begun():
    world = World(SHELF)
    done = Pruner(world, world, world).carry_out(database(), WEEK, NOW, most=100, has_time=lambda: False)
    assert (done.ended, done.left, world.changes) == ((), 3, 0)


def test_what_is_told_names_the_dumps_and_counts_all():
    world = World(SHELF)
    found = Pruner(world, world, world).plan(database(), WEEK, NOW)
    told = suggested("orders", WEEK, found)
    assert (told.count, told.bytes, [one["dump_id"] for one in told.dumps]) == (
        3, 30, ["orders/a", "orders/b", "orders/c"],
    )  # fmt: skip
    done = pruned("orders", WEEK, run(world, most=2))
    assert (done.count, done.bytes, done.left, done.stopped) == (2, 20, 1, ())


def test_the_id_of_a_deletion_names_its_database_and_its_run():
    world = World(SHELF)
    (first, *_) = run(world).ended
    assert first.deletion_id.startswith("orders.20261121T032000Z.")
    assert database_of(first.deletion_id) == "orders"
    assert database_of("my.orders.20261121T032000Z.0011") == "my.orders"
    assert database_of("nonsense") == ""


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("crash", range(1, 4))
def test_bringing_back_can_be_asked_again_after_a_crash_anywhere(crash, is_after):
    world = World(SHELF)
    (first, *_) = run(world).ended
    world.crash, world.is_after, world.changes = crash, is_after, 0
    keeper = Keeper(world, world, world)
    with pytest.raises(Crash):
        keeper.undo(first.deletion_id, NOW, "ada")
    world.crash = 0
    assert keeper.undo(first.deletion_id, NOW, "ada").state is DeletionState.UNDONE
    assert world.agrees()
    assert world.dumps[first.dump_id].legal_hold
    assert first.key in world.held
    assert world.objects[first.key] == world.dumps[first.dump_id].version == "va again"
    assert world.brought == 1
    run(world, days=1)
    assert first.key in world.objects


def test_what_was_stopped_or_is_unknown_cannot_be_brought_back():
    world = World(SHELF)
    world.held.add("dumps/orders/a")
    (stopped, *_) = run(world).ended
    keeper = Keeper(world, world, world)
    with pytest.raises(InvalidInputError, match="the deletion is stopped"):
        keeper.undo(stopped.deletion_id, NOW, "ada")
    with pytest.raises(NotFoundError):
        keeper.undo("orders.20261121T032000Z.0", NOW, "ada")


@pytest.mark.parametrize("crash", [1, 2])
def test_half_a_hold_and_half_a_release_are_a_hold(crash):
    world = World(SHELF, crash=crash)
    keeper = Keeper(world, world, world)
    with pytest.raises(Crash):
        keeper.hold("orders", "orders/a", is_on=True)
    is_held = world.dumps["orders/a"].legal_hold
    assert is_held is (crash == 2)
    world.crash, world.changes = 0, 0
    assert keeper.hold("orders", "orders/a", is_on=True)[0].legal_hold
    world.crash, world.changes = crash, 0
    with pytest.raises(Crash):
        keeper.hold("orders", "orders/a", is_on=False)
    assert world.dumps["orders/a"].legal_hold  # the bucket releases first, the record last
