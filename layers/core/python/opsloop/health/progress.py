"""How far behind the records are: from the log that ingest writes and the positions up to which it was folded."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from opsloop.health.assess import lag_check
from opsloop.health.model import Check, Status

SILENT_AFTER_S = 600.0
SHARD_LOG_MARKS = 3  # log#<stream>#<its creation>#<shard>
FOLD_LATE_AFTER_S, FOLD_FAILED_AFTER_S = 180.0, 900.0
"""The fold runs every minute: three missed runs want looking at, a quarter of an hour is an outage."""

INDEX_LATE_AFTER_S, INDEX_FAILED_AFTER_S = 180.0, 3600.0
"""Documents are searchable within a minute; while they are not, nothing is lost but time."""


class Mark(Protocol):
    """The end of one committed piece of a log."""

    @property
    def last_arrival_s(self) -> float:
        """When its newest record reached the stream, in seconds since the epoch."""


class Log(Protocol):
    """The logs of all shards."""

    def shards(self) -> dict[str, str]:
        """Return every log, with the position up to which it was folded."""

    def tail(self, log: str, since_s: float) -> Sequence[Mark]:
        """Return the end of ``log``: its last item, and those before it back to ``since_s``."""

    def marks_after(self, log: str, position: str) -> Sequence[Mark]:
        """Return the items of ``log`` that follow ``position``, oldest first."""


class Pending(Protocol):
    """An object whose documents are not searchable yet."""

    @property
    def since_s(self) -> int:
        """When its records arrived, in seconds since the epoch."""


class Waiting(Protocol):
    """What waits to be searchable."""

    def oldest(self, limit: int) -> Sequence[Pending]:
        """Return up to ``limit`` objects, those that wait longest first."""


def ingest_check(log: Log, now: datetime) -> Check:
    """Return how long ago the newest record reached the stream that has been ingested.

    From the log alone, silent senders cannot be told from an ingest that stands still: both warn. Logs that are no
    shard's (of imports, of replays, of our own measurements) say nothing of either.
    """
    shards = [name for name in log.shards() if name.count("#") == SHARD_LOG_MARKS]
    ends = [mark.last_arrival_s for name in shards for mark in log.tail(name, math.inf)]
    age_s = max(0.0, now.timestamp() - max(ends)) if ends else None
    meaning = "senders are silent, or ingest stands still: look at the stream's iterator age"
    return lag_check("ingest:age", age_s, warn_s=SILENT_AFTER_S, fail_s=None, meaning=meaning)


def fold_check(log: Log, now: datetime) -> Check:
    """Return how long the oldest ingested record has been waiting to be folded; 0 if none is."""
    waiting = [log.marks_after(name, folded_to)[:1] for name, folded_to in log.shards().items()]
    oldest = min((marks[0].last_arrival_s for marks in waiting if marks), default=now.timestamp())
    lag_s = max(0.0, now.timestamp() - oldest)
    meaning = "telemetry_fold does not keep up: KPIs lag behind"
    return lag_check("fold:lag", lag_s, warn_s=FOLD_LATE_AFTER_S, fail_s=FOLD_FAILED_AFTER_S, meaning=meaning)


def index_check(waiting: Waiting, now: datetime, *, has_store: bool) -> Check:
    """Return how long the oldest log documents have been waiting to be searchable; 0 if none do."""
    component = "log_index:age"
    if not has_store:
        output = "this stage has no search store: logs are kept, and wait"
        return Check(component, Status.WARN, "UNKNOWN", output=output)
    oldest = waiting.oldest(1)
    lag_s = max(0.0, now.timestamp() - oldest[0].since_s) if oldest else 0.0
    meaning = "search lacks the newest logs: the store does not take them, or log_index does not keep up"
    return lag_check(component, lag_s, warn_s=INDEX_LATE_AFTER_S, fail_s=INDEX_FAILED_AFTER_S, meaning=meaning)
