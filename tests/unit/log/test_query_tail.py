"""Following logs: whatever order they are indexed in, and however late a store finds them, each line comes once."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from opsloop.errors import InvalidInputError
from opsloop.log.tail import Reached, Tail, TailCursor
from opsloop.search import Found, Hit, Query

SIZE = 3


class World:
    """Steps are kept, put into the store in any order, and found a round later: a round is a call of ``wait``."""

    def __init__(self, seed: int, *, lag: int = 1) -> None:
        self.chance = random.Random(seed)
        self.lag = lag
        self.round, self.kept = 0, 0
        self.waiting: set[int] = set()
        self.put: dict[int, int] = {}  # step -> round in which it was put

    def tick(self) -> bool:
        self.round += 1
        for _ in range(self.chance.randrange(3)):
            self.kept += 1
            self.waiting.add(self.kept)
        for step in self.chance.sample(sorted(self.waiting), self.chance.randrange(len(self.waiting) + 1)):
            self.waiting.discard(step)
            self.put.setdefault(step, self.round)
        if self.put and self.chance.random() < 0.2:  # an index made anew: what is in is put again
            self.waiting.add(self.chance.choice(sorted(self.put)))
        return self.chance.random() < 0.8

    def reached(self, service: str, after: int) -> Reached:
        assert service == "web"
        return Reached(min((one - 1 for one in self.waiting if one > after), default=max(self.kept, after)), self.kept)

    def search(self, _spec: Any, query: Query, *, order: str, size: int, cursor: str = "") -> Found:
        first, last = query.ranges["kept"]
        assert first is not None
        assert last is not None
        steps = [step for step, put in self.put.items() if first <= step <= last and put + self.lag <= self.round]
        names = sorted(f"{one:04d}-{line}" for one in steps for line in range(one % 5))
        left = [one for one in names if one > cursor][:: 1 if order == "oldest" else -1]
        hits = tuple(Hit(one, {}, 0.0, {}) for one in left[:size])
        return Found(hits, len(names), hits[-1].doc_id if len(left) > size else "")

    def truth(self) -> Iterator[str]:
        for step in range(1, self.kept + 1):
            yield from (f"{step:04d}-{line}" for line in range(step % 5))


def followed(world: World) -> list[str]:
    tail = Tail(world, world, "web", Query(), SIZE)  # type: ignore[arg-type] -- of the store, search is all it needs
    for _ in range(world.chance.randrange(10)):
        world.tick()
    begun = tail.begin(0, world.tick)
    seen, cursor = list[str](), begun.cursor
    behind = cursor.after
    for _ in range(60):
        tailed = tail.go_on(TailCursor.of(cursor.text), world.tick)
        seen += [one.doc_id for one in tailed.found.hits]
        cursor = tailed.cursor
    world.put |= {step: world.round for step in range(1, world.kept + 1) if step not in world.put}
    world.waiting.clear()
    kept = world.kept
    world.tick = lambda: setattr(world, "round", world.round + 1) or world.round % 7 > 0  # type: ignore[method-assign]
    while cursor.after < kept or cursor.inner:
        tailed = tail.go_on(cursor, world.tick)
        seen += [one.doc_id for one in tailed.found.hits]
        cursor = tailed.cursor
    assert seen == sorted(seen)
    return [*(one for one in world.truth() if int(one[:4]) <= behind), *seen]


@pytest.mark.parametrize("seed", range(100))
def test_each_line_is_shown_once_whatever_the_order_of_indexing(seed: int) -> None:
    world = World(seed)
    assert followed(world) == list(world.truth())


def test_a_store_that_is_slower_than_a_round_would_lose_lines() -> None:
    """The control of the test above: the one round that is waited for is what keeps them."""
    worlds = [World(seed, lag=3) for seed in range(100)]
    assert any(followed(world) != list(world.truth()) for world in worlds)


def test_what_is_not_searchable_is_counted() -> None:
    world = World(0)
    world.kept, world.waiting = 5, {3}
    tail = Tail(world, world, "web", Query(), SIZE)  # type: ignore[arg-type]
    begun = tail.begin(0, lambda: True)
    assert (begun.cursor.after, begun.waiting) == (2, 3)


@pytest.mark.parametrize("text", ["", "x", "W10", "WzEsIDJd", "Wy0xLCAwLCAiIl0", "WzEsIDAsIG51bGxd", "é"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="after"):
        TailCursor.of(text)
