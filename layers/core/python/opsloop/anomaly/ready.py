"""Up to when is the telemetry all in the blocks? A bucket that is half there must not look like a drop.

Two queues lie before a block: records that ingest has not read, whose age ``telemetry_watch`` measures every minute,
and items of the logs that are not folded. What had arrived when a run began is waited for; what comes later is late.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from opsloop.anomaly.series import BUCKET_MINUTES
from opsloop.dataclass import dataclass

PATIENCE_MINUTES = 30
"""So long a bucket is waited for; then what is known is judged, and counts are taken for unknown."""
FRESH_S = 180.0
"""An older measurement of how far ingest is behind says nothing."""
TOLERANCE_S = 30.0
"""Records wait for a batch to fill: such an age of the oldest one is no backlog."""


class Backlog(Protocol):
    """How old the oldest record was, at ``at_s`` (seconds since the epoch), that ingest had not read."""

    @property
    def age_s(self) -> float:
        """Its age."""

    @property
    def at_s(self) -> float:
        """When that was measured."""


class Progress(Protocol):
    """How far logs are folded."""

    def folded(self) -> Mapping[str, str]:
        """Return every log, with the position up to which it is folded."""

    def waiting(self, log: str, position: str) -> Iterable[tuple[str, int, int]]:
        """Yield what follows ``position``: each item's end, its first and its last minute."""


@dataclass(frozen=True)
class Unfolded:
    """Per log the end of the last item that holds something for the buckets in question, and the first minute of all
    such items."""

    ends: Mapping[str, str]
    first_minutes: Mapping[str, int]

    def left(self, folded: Mapping[str, str]) -> "Unfolded":
        """Return what of it is not folded now, either."""
        ends = {log: end for log, end in self.ends.items() if folded.get(log, "") < end}
        return Unfolded(ends, {log: self.first_minutes[log] for log in ends})

    def __bool__(self) -> bool:
        return bool(self.ends)


def unfolded(progress: Progress, first_minute: int, end_minute: int) -> Unfolded:
    """Return what is not folded of the minutes from ``first_minute`` to before ``end_minute``."""
    ends: dict[str, str] = {}
    first_minutes: dict[str, int] = {}
    for log, position in progress.folded().items():
        for end, first, last in progress.waiting(log, position):
            if first < end_minute and last >= first_minute:
                ends[log] = end
                first_minutes[log] = min(max(first, first_minute), first_minutes.get(log, end_minute))
    return Unfolded(ends, first_minutes)


def complete_to(end_minute: int, left: Unfolded, backlog: Backlog | None) -> int:
    """Return the end of the last bucket of which everything is in the blocks, ``end_minute`` at most."""
    minutes = [end_minute, *left.first_minutes.values()]
    now_s = end_minute * 60.0
    if backlog is not None and backlog.at_s >= now_s - FRESH_S and backlog.age_s > TOLERANCE_S:
        minutes.append(int(backlog.at_s - backlog.age_s) // 60)
    known = min(minutes)
    return known - known % BUCKET_MINUTES


def judged_range(end_minute: int, complete: int) -> tuple[int, int]:
    """Return up to where to judge, and from where on counts are unknown.

    ``end_minute`` ends the last bucket that is over. Buckets without all their data wait, but not for ever.
    """
    patient = end_minute - PATIENCE_MINUTES
    return max(complete, min(patient, end_minute)), complete
