"""Reads what a writer has to know before it extends a shard's log.

The order of the reads matters: first the log's own end, then which shards there are. A descendant's log begins with an
entry in the logs of its ancestors, so who read this end before that entry loses the race for it, and opens anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from opsloop.errors import ConflictError
from opsloop.telemetry.segment import Mark, Segment
from opsloop.telemetry.shard_log import ShardLog, fork, is_fork_of, kin, life_of, log_name

CONFLICTS_ALLOWED = 20  # each means that another writer committed: the log moved on every time


class Stream(Protocol):
    """What is asked of a stream."""

    name: str

    def created_s(self) -> int:
        """Return when its present life began, in whole seconds since the epoch."""

    def parents(self) -> Mapping[str, Sequence[str]]:
        """Return the shards it lists, each with those it was split or merged from."""


class Logs(Protocol):
    """What is asked of the logs, see ``TelemetryLog``."""

    def register(self, log: str) -> None:
        """Enter a log among those to be folded."""

    def append(self, log: str, segment: Segment, *, retention_days: int) -> None:
        """Commit a segment, or raise ``ConflictError``."""

    def tail(self, log: str, since_s: float) -> list[Mark]:
        """Return the end of a log, back to an arrival."""

    def shards(self) -> Mapping[str, str]:
        """Return all logs."""


def open_log(
    logs: Logs, stream: Stream, shard: str, *, first_arrival_s: float, window_s: float, retention_days: int
) -> ShardLog:
    """Return what is committed of the shard's log, and of its relatives', that bears on records from now on.

    ``first_arrival_s``: of the first of these records; ``window_s``: how long after a request its repetition is one.
    """
    created_s = stream.created_s()
    others = logs.shards() if first_arrival_s < created_s else ()
    prefix = log_name(stream.name, life_of(stream.name, shard, created_s, first_arrival_s, others), "")
    known = ShardLog(prefix + shard, window_s)
    since_s = first_arrival_s - window_s
    marks = logs.tail(known.log, since_s)
    if not marks:
        logs.register(known.log)
    known.extend(marks)
    if window_s > 0:
        is_young = not marks or marks[0].last_arrival_s >= since_s  # older requests may lie in its ancestors' logs
        ancestors, descendants = _relatives(logs, stream, prefix, shard, is_young=is_young)
        for log in ancestors:
            known.relate(log, _forked(logs, log, known.log, first_arrival_s, since_s, retention_days), is_ahead=False)
        for log in descendants:
            known.relate(log, logs.tail(log, since_s), is_ahead=True)
    return known


def _relatives(
    logs: Logs, stream: Stream, prefix: str, shard: str, *, is_young: bool
) -> tuple[Iterable[str], Iterable[str]]:
    """Return the logs whose ends the shard's own log has to be entered in, and the others that are to be looked at."""
    parents = stream.parents()
    if shard not in parents:  # the stream has forgotten it: any of its logs may be a relative
        present = [log for log in logs.shards() if log.startswith(prefix) and log != prefix + shard]
        return (), present if is_young else ()
    ancestors, descendants = kin(shard, parents)
    return [prefix + one for one in ancestors if is_young], [prefix + one for one in descendants]


def _forked(logs: Logs, log: str, child: str, arrival_s: float, since_s: float, retention_days: int) -> list[Mark]:
    """Return the end of an ancestor's log, after seeing to it that it says that ``child`` has begun."""
    for _ in range(CONFLICTS_ALLOWED):
        marks = logs.tail(log, since_s)
        if any(is_fork_of(mark.end, child) for mark in marks):
            return marks
        known = ShardLog(log, 0)
        known.extend(marks)
        if not marks:
            logs.register(log)
        segment = fork(known.tip, child, arrival_s)
        try:
            logs.append(log, segment, retention_days=retention_days)
        except ConflictError:
            continue
        return [*marks, Mark(segment.end, arrival_s, ())]
    raise ConflictError(f"{log}: another writer was first {CONFLICTS_ALLOWED} times")
