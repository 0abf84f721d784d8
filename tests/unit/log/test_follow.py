"""Logs are kept exactly once, whoever dies, repeats, races or writes late."""

from collections import Counter

import pytest

from opsloop.log import keep
from opsloop.log.names import object_key
from tests.unit.log.keep_world import ForgetfulTable, MemoryTable, UnguardedTable, World, faults_of

SEEDS = range(60)


def run(seed: int, kind: type[MemoryTable] | None = None) -> World:
    world = World(seed, table_kind=kind)
    world.run()
    return world


def test_documents_and_counts_are_exact_whatever_happens() -> None:
    events: Counter[str] = Counter()
    for seed in SEEDS:
        world = run(seed)
        assert faults_of(world) == [], seed
        events += world.events
    assert all(
        events[name] > 20 for name in ("before", "after", "late", "no answer", "late write", "raced", "repeated")
    )


@pytest.mark.parametrize("kind", [ForgetfulTable, UnguardedTable])
def test_a_table_without_its_guards_is_caught(kind: type[MemoryTable]) -> None:
    assert sum(bool(faults_of(run(seed, kind))) for seed in range(20)) > 10


def test_objects_that_a_loser_may_overwrite_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "object_key", lambda *place: object_key(*place[:-1], 0))
    assert any(faults_of(run(seed)) for seed in SEEDS)


def test_what_is_lost_is_told_and_holds_nothing_up() -> None:
    told = 0
    for seed in range(40):
        world = run(seed)
        expected = {item.raw_key for items in world.logs.values() for item in items if is_hurt(world, item.raw_key)}
        assert {one.raw_key for one in world.lost} == expected
        told += len(expected)
    assert told > 10


def is_hurt(world: World, key: str) -> bool:
    found = world.raws.get(key, [])
    return found is None or any(one.protobuf == b"garbled" for one in found)
