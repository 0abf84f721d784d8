"""The real handlers under random faults: counts stay exact. And broken variants, which the same simulation catches."""

from collections import Counter

import pytest

from opsloop.telemetry.model import LOG_START
from tests.integration.telemetry_simulation import (
    AdditiveLog,
    CarelessBlocks,
    MemoryBlocks,
    MemoryLog,
    OverwritingLog,
    World,
)

# several environments share one process here, and powertools keeps its metrics per process
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
SCHEDULES = 250
ENVIRONMENT = {
    "TELEMETRY_TABLE": "none",
    "SEGMENT_BUCKET": "none",
    "QUARANTINE_BUCKET": "none",
    "STREAM_NAME": "stream",
    "BUS_NAME": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_DISABLED": "true",
}


@pytest.fixture
def simulate(load_handler, catalog_layer, monkeypatch):
    ingests = [load_handler("telemetry_ingest", **ENVIRONMENT) for _ in range(2)]
    folds = [load_handler("telemetry_fold", **ENVIRONMENT) for _ in range(2)]
    for handler in ingests:
        monkeypatch.setattr(handler, "report", lambda *_: None)

    def run(seed, log=MemoryLog, blocks=MemoryBlocks):
        world = World(seed, ingests, folds, log, blocks)
        world.run()
        return world

    return run


def is_exact(world):
    return world.counted() == world.truth() and world.items_in_lineage() == sum(n for n, _, _ in world.truth().values())


def test_counts_are_exact_whatever_fails(simulate):
    faults = Counter()
    for seed in range(SCHEDULES):
        world = simulate(seed)
        assert world.counted() == world.truth(), f"seed {seed}"
        assert is_exact(world), f"seed {seed}: lineage"
        assert world.quarantined == world.unreadable(), f"seed {seed}"
        faults += world.faults
    assert min(faults.values()) > SCHEDULES / 4, faults  # every kind of fault happened, and often
    assert len(faults) == 8


def test_each_log_is_one_chain_without_gaps_or_forks(simulate):
    for seed in range(SCHEDULES, SCHEDULES + 20):
        log = simulate(seed).log
        for name in log.folded:
            ends = [LOG_START]
            for own, start in sorted(log.items):
                if own == name:
                    assert start == ends[-1]
                    ends.append(log.items[own, start].end)
            assert log.folded[name] == ends[-1]


@pytest.mark.parametrize(
    "broken",
    [{"log": AdditiveLog}, {"log": OverwritingLog}, {"blocks": CarelessBlocks}],
    ids=["segments are added, then the checkpoint moves", "segments are overwritten", "blocks are saved blindly"],
)
def test_the_simulation_catches_a_broken_variant(simulate, broken):
    wrong = sum(not is_exact(simulate(seed, **broken)) for seed in range(30))
    assert wrong >= 3


def test_a_duplicate_that_is_not_suppressed_is_caught(simulate, monkeypatch):
    monkeypatch.setattr("opsloop.telemetry.shard_log.ShardLog.is_duplicate", lambda *_: False)
    assert sum(not is_exact(simulate(seed)) for seed in range(30)) >= 3
