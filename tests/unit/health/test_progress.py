"""How far behind the records are, told from the log and its folded positions."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from opsloop.health.model import Status
from opsloop.health.progress import fold_check, index_check, ingest_check
from opsloop.log.model import Pending

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Mark:
    last_arrival_s: float


class Waiting:
    """What waits, the longest first."""

    def __init__(self, objects: list[Pending]) -> None:
        self.objects = objects

    def oldest(self, limit: int) -> list[Pending]:
        return self.objects[:limit]


class Logs:
    """Logs whose items arrived so many seconds ago; ``folded`` counts how many of each are folded."""

    def __init__(
        self, folded: dict[str, int], others: dict[str, list[float]] | None = None, **ages: list[float]
    ) -> None:
        ages = {f"log#stream#1763700000#{shard}": listed for shard, listed in ages.items()} | (others or {})
        self.items = {log: [Mark(NOW.timestamp() - age) for age in listed] for log, listed in ages.items()}
        self.folded = folded

    def shards(self) -> dict[str, str]:
        return {log: str(self.folded.get(log.rpartition("#")[2], 0)) for log in self.items}

    def tail(self, log: str, since_s: float) -> list[Mark]:
        assert since_s == math.inf
        return self.items[log][-1:]

    def marks_after(self, log: str, position: str) -> list[Mark]:
        return self.items[log][int(position) :]


def test_the_newest_record_of_any_shard_tells_the_age_of_ingest():
    check = ingest_check(Logs({}, a=[900.0, 700.0], b=[30.0]), NOW)
    assert (check.status, check.observed_value, check.observed_unit) == (Status.PASS, 30.0, "s")


def test_our_own_measurements_imports_and_replays_say_nothing_of_ingest():
    own = {"log#watch": [1.0], "log#import#3": [1.0], "log#replay": [1.0]}
    assert ingest_check(Logs({}, own, a=[700.0]), NOW).observed_value == 700.0
    assert ingest_check(Logs({}, own), NOW).status is Status.WARN


def test_silence_warns_and_never_passes():
    assert ingest_check(Logs({}, a=[601.0]), NOW).status is Status.WARN
    assert ingest_check(Logs({}), NOW).status is Status.WARN


def test_the_oldest_record_that_waits_tells_the_lag_of_the_fold():
    check = fold_check(Logs({"a": 1, "b": 0}, a=[4000.0, 50.0], b=[70.0, 5.0]), NOW)
    assert (check.status, check.observed_value) == (Status.PASS, 70.0)


def test_everything_folded_is_no_lag_however_old_it_is():
    assert fold_check(Logs({"a": 2}, a=[9000.0, 8000.0]), NOW).observed_value == 0.0


def test_a_fold_that_stands_still_warns_and_then_fails():
    assert fold_check(Logs({}, a=[181.0]), NOW).status is Status.WARN
    assert fold_check(Logs({}, a=[901.0, 1.0]), NOW).status is Status.FAIL


@pytest.mark.parametrize(
    ("waited_s", "status"),
    [
        (None, Status.PASS),
        (0, Status.PASS),
        (180, Status.PASS),
        (181, Status.WARN),
        (3600, Status.WARN),
        (3601, Status.FAIL),
    ],
)
def test_what_waits_to_be_searchable_is_told_by_the_oldest(waited_s: int | None, status: Status) -> None:
    since_s = int(NOW.timestamp()) - (waited_s or 0)
    objects = [] if waited_s is None else [Pending("logs/a", since_s), Pending("logs/b", since_s + 5)]
    check = index_check(Waiting(objects), NOW, has_store=True)
    assert (check.component, check.status, check.observed_value) == ("log_index:age", status, float(waited_s or 0))
    assert bool(check.output) is (status is not Status.PASS)


def test_without_a_store_it_is_unknown_and_said() -> None:
    check = index_check(Waiting([]), NOW, has_store=False)
    assert (check.status, check.observed_value) == (Status.WARN, "UNKNOWN")
    assert "no search store" in check.output
