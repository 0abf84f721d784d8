"""A request on a shard, its repetition on the shard's child, two writers: whoever overtakes whom, one counts."""

import random
from collections import Counter
from types import SimpleNamespace

import pytest

from tests.integration.telemetry_history import RESTLESS, START_S, WINDOW_S, Life, Shard, Truth
from tests.integration.telemetry_stores import MemoryLog, UnguardedLog
from tests.integration.telemetry_worlds import ENVIRONMENT, environments_of

MANY_CALLS = 30  # more than a writer makes
CONTEXT = SimpleNamespace(aws_request_id="request")
PARENT, CHILD = "shardId-0", "shardId-2"


class Duel:
    """Two environments of telemetry_ingest over one log, and who overtakes the other at which of its calls."""

    def __init__(self, handlers, log):
        self.max_item, self.events = 10**9, Counter()
        self.left, self.overtake = -1, lambda: None
        self.log, self.handlers = log(self), handlers
        life = Life(random.Random(7), "stream", START_S, WINDOW_S, Truth(), RESTLESS)
        early, late = life._request(), life._request()
        life.shards = {PARENT: Shard(0, 64)}
        life._put([early])
        life._put([late])
        life._closed = {PARENT}
        life.shards[CHILD] = Shard(0, 64, (PARENT,))
        life._put([late])
        self.records = {name: shard.records for name, shard in life.shards.items()}
        self.expected = len(early.meaning) + len(late.meaning)
        self.parents = {PARENT: ()}
        stream = SimpleNamespace(name="stream", created_s=self.created_s, parents=lambda: self.read(self._parents))
        for handler in handlers:
            handler.log, handler.streams = self.log, {"stream": stream}
            handler.opened.clear()

    def created_s(self):
        return self.read(lambda: START_S)

    def _parents(self):
        return dict(self.parents)

    def read(self, action):
        self.left -= 1
        if self.left == -1:
            self.overtake()
        return action()

    write = read

    def write_shard(self, number, shard, first):
        if shard == CHILD:
            self.parents[CHILD] = (PARENT,)
        self.handlers[number].lambda_handler({"Records": self.records[shard][first:]}, CONTEXT)

    def counted(self):
        logs = [name for name in self.log.items if self.log.chain(name, "")]
        assert set(logs) <= self.log.folded.keys()  # what is in no list would never be folded
        return sum(segment.items for name in logs for segment in self.log.chain(name, ""))


@pytest.fixture
def fight(load_handler, catalog_layer):
    handlers = environments_of(lambda name: load_handler(name, **ENVIRONMENT)).ingests

    def run(overtaken, call, *, is_warm, log=MemoryLog):
        """Return by how much the count is wrong if ``overtaken``'s writer is overtaken at that call."""
        duel = Duel(handlers, log)
        if is_warm:
            duel.handlers[0].lambda_handler({"Records": duel.records[PARENT][:1]}, CONTEXT)
        turns = [(0, PARENT, int(is_warm)), (1, CHILD, 0)]
        mine, other = turns if overtaken == PARENT else turns[::-1]
        duel.left, duel.overtake = call, lambda: duel.write_shard(*other)
        duel.write_shard(*mine)
        duel.write_shard(*other)
        return duel.counted() - duel.expected

    return run


def wrong(fight, **variant):
    return {
        fight(overtaken, call, is_warm=is_warm, **variant)
        for overtaken in (PARENT, CHILD)
        for is_warm in (False, True)
        for call in range(MANY_CALLS)
    } - {0}


def test_a_request_and_its_repetition_on_a_child_count_once_whoever_overtakes_whom(fight):
    assert not wrong(fight)


def test_it_would_count_twice_if_a_commit_did_not_look_whether_relatives_went_on(fight):
    assert wrong(fight, log=UnguardedLog)


def test_it_would_count_twice_if_a_childs_log_began_unannounced(fight, monkeypatch):
    def unannounced(logs, log, _child, _arrival_s, since_s, _days):
        return logs.tail(log, since_s)

    monkeypatch.setattr("opsloop.telemetry.open_log._forked", unannounced)
    assert wrong(fight)
