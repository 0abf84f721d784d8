"""The real handlers under random faults: counts stay exact. And broken variants, which the same simulation catches.

``OPSLOOP_SCHEDULES`` says how many schedules there are; ``make simulate`` runs more of them and prints what happened.
"""

import math
import os
from collections import Counter

import pytest

from opsloop.telemetry.model import LOG_START
from tests.integration.telemetry_simulation import FAULTS, World
from tests.integration.telemetry_stores import (
    AdditiveLog,
    CarelessBlocks,
    CarelessLinks,
    ForgetfulLinks,
    OverwritingLog,
    UnclaimedLog,
)
from tests.integration.telemetry_worlds import ENVIRONMENT, environments_of

SCHEDULES = int(os.environ.get("OPSLOOP_SCHEDULES", "3000"))
CHUNK = 250
DUPLICATE = "opsloop.telemetry.shard_log.ShardLog.is_duplicate"
RELATIVES = "opsloop.telemetry.open_log._relatives"


@pytest.fixture
def environments(load_handler, catalog_layer):
    return environments_of(lambda name: load_handler(name, **ENVIRONMENT))


@pytest.fixture
def simulate(environments):
    def run(seed, **variants):
        world = World(seed, environments, **variants)
        world.run()
        return world

    return run


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_counts_are_exact_whatever_fails(simulate, first):
    events = Counter()
    for seed in range(first, min(first + CHUNK, SCHEDULES)):
        world = simulate(seed)
        assert world.faults() == [], f"seed {seed}"
        events += world.events + world.truth.events
    assert {name for name in FAULTS if events[name] > CHUNK / 25} == set(FAULTS), events  # each happened, and often


def test_each_log_is_one_chain_without_gaps_or_forks(simulate):
    for seed in range(SCHEDULES, SCHEDULES + 20):
        log = simulate(seed).log
        for name in log.folded:
            end = LOG_START
            for segment in log.chain(name, LOG_START):
                assert segment.start == end
                end = segment.end
            assert log.folded[name] == end


@pytest.mark.parametrize(
    "broken",
    [
        {"log": AdditiveLog},
        {"log": OverwritingLog},
        {"log": UnclaimedLog},
        {"blocks": CarelessBlocks},
        {"links": CarelessLinks},
        {"links": ForgetfulLinks},
    ],
    ids=[
        "segments are added, then the checkpoint moves",
        "segments are overwritten, then the checkpoint moves",
        "a replay does not claim its object",
        "blocks are saved blindly",
        "windows of calls are saved blindly",
        "windows of calls do not say what they have",
    ],
)
def test_the_simulation_catches_a_broken_store(simulate, broken):
    assert found_wrong(simulate, **broken)


@pytest.mark.parametrize(
    ("place", "broken"),
    [
        (DUPLICATE, lambda *_: False),
        (RELATIVES, lambda *_, **__: ((), ())),
    ],
    ids=["re-sent requests are not known", "relatives' logs are not read"],
)
def test_the_simulation_catches_a_broken_reading_of_the_logs(simulate, monkeypatch, place, broken):
    monkeypatch.setattr(place, broken)
    assert found_wrong(simulate)


@pytest.mark.parametrize(
    ("name", "broken"),
    [("QUIET_S", math.inf), ("set_aside", lambda *_: None), ("portion", lambda records, _: records)],
    ids=["a stream's life is remembered", "nothing is set aside", "what the log has is committed again"],
)
def test_the_simulation_catches_a_broken_writer(simulate, environments, monkeypatch, name, broken):
    for handler in environments.ingests:
        monkeypatch.setattr(handler, name, broken)
    assert found_wrong(simulate)


def found_wrong(simulate, **variants):
    """Return whether one of the schedules comes to a wrong end."""
    return any(simulate(seed, **variants).faults() for seed in range(SCHEDULES))
