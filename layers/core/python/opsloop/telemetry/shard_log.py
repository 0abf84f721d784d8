"""What a writer knows of a shard's log: where it ends, and which requests it took in within the window.

Everything here follows from the committed logs alone, so a warm writer and one that reads them anew decide alike.
After a resharding a sender's repetition reaches another shard than the original did: the logs of the shards from which
a shard descends, and of those that descend from it, are its relatives (docs/adr/0013-resharding.md).
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from opsloop.dataclass import dataclass, field
from opsloop.telemetry.aggregate import empty
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.segment import Mark, Segment

_FORK = "+"
_NOTHING = empty()


@dataclass
class ShardLog:
    """The end of the log ``log``. ``seen``: per fingerprint, when the segment that took it in was complete.

    ``window_s``: how long after a request its repetition is one; 0: never. ``relatives``: what is known of their logs,
    by name; they may take in a repetition as well, so a commit here holds only while they end where they are known to.
    ``is_ahead``: all of this arrived after what it is compared with, so the first of several arrivals is the nearest.
    """

    log: str
    window_s: float
    tip: str = LOG_START
    seen: dict[int, float] = field(default_factory=dict)
    last_arrival_s: float = -math.inf
    relatives: dict[str, "ShardLog"] = field(default_factory=dict)
    is_ahead: bool = False

    def extend(self, marks: Iterable[Mark]) -> None:
        """Move the tip over ``marks``, in order of the log, and forget what fell out of the window."""
        for mark in marks:
            self.tip = mark.end
            if is_fork(mark.end):
                continue  # a descendant may be far ahead: its time says nothing of this log's
            self.last_arrival_s = mark.last_arrival_s
            for fingerprint in mark.fingerprints:
                if self.is_ahead and fingerprint in self.seen:
                    continue
                self.seen.pop(fingerprint, None)  # so that the order stays that of the log
                self.seen[fingerprint] = mark.last_arrival_s
            self._forget_before(mark.last_arrival_s - self.window_s)

    def relate(self, log: str, marks: Iterable[Mark], *, is_ahead: bool) -> None:
        """Take in what the log of a relative says. It forgets nothing: a descendant may be far ahead of this one."""
        self.relatives[log] = ShardLog(log, math.inf, is_ahead=is_ahead)
        self.relatives[log].extend(marks)

    def is_duplicate(self, fingerprint: int, arrival_s: float) -> bool:
        """Return whether a request like this was taken in, here or by a relative, within the window."""
        if self.is_repetition(self.seen.get(fingerprint), arrival_s):
            return True
        return any(self.is_repetition(one.seen.get(fingerprint), arrival_s) for one in self.relatives.values())

    def is_repetition(self, taken_in_s: float | None, arrival_s: float) -> bool:
        """Return whether these two arrivals of the same bytes are one request. A relative's may be the later one."""
        return self.window_s > 0 and taken_in_s is not None and abs(arrival_s - taken_in_s) <= self.window_s

    def guards(self) -> tuple[tuple[str, str], ...]:
        """Return the relatives' logs, each with its known end."""
        return tuple((one.log, one.tip) for one in self.relatives.values())

    def _forget_before(self, moment_s: float) -> None:
        while self.seen:
            oldest = next(iter(self.seen))
            if self.seen[oldest] >= moment_s:
                return
            del self.seen[oldest]


def log_name(stream: str, created_s: int, shard: str) -> str:
    """Return the log of a shard of one life of a stream: a stream made again begins new logs."""
    return f"log#{stream}#{created_s}#{shard}"


def life_of(stream: str, shard: str, created_s: int, arrival_s: float, logs: Iterable[str]) -> int:
    """Return when the life of the stream began in which a record of ``shard`` arrived.

    ``created_s`` is when its present life began. A record from before is an attempt that outlived its stream: its log
    is the newest of the known ``logs`` that is old enough.
    """
    if arrival_s >= created_s:
        return created_s
    prefix, suffix = f"log#{stream}#", f"#{shard}"
    lives = [log[len(prefix) : -len(suffix)] for log in logs if log.startswith(prefix) and log.endswith(suffix)]
    return max((int(life) for life in lives if life.isdecimal() and int(life) <= arrival_s), default=created_s)


def padded(sequence_number: str) -> str:
    """Return a Kinesis sequence number at the width at which text sorts as numbers do."""
    return sequence_number.zfill(len(LOG_START))


def kin(shard: str, parents: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """Return the shards from which ``shard`` descends, and those that descend from it, however remotely."""
    children: dict[str, list[str]] = {}
    for child, its_parents in parents.items():
        for parent in its_parents:
            children.setdefault(parent, []).append(child)
    return _closure(shard, parents), _closure(shard, children)


def fork(tip: str, child: str, arrival_s: float) -> Segment:
    """Return the empty segment that says, at the end of a log, that the log ``child`` of a descendant has begun.

    Its end sorts after ``tip`` and before every later sequence number. Who writes to the log then and does not know of
    the descendant loses the race for this place, and learns of it.
    """
    end = f"{tip}{_FORK}{child}"
    return Segment(tip, end, _NOTHING, (), 0, 0, 0, 0, 0, (), (), arrival_s, arrival_s)


def is_fork(position: str) -> bool:
    """Return whether a log's end is the beginning of a descendant's log."""
    return _FORK in position


def is_fork_of(position: str, child: str) -> bool:
    """Return whether a log's end is the beginning of the log ``child``."""
    return position.endswith(_FORK + child)


def _closure(shard: str, links: Mapping[str, Sequence[str]]) -> list[str]:
    found: dict[str, None] = {}
    pending = list(links.get(shard, ()))
    while pending:
        one = pending.pop()
        if one not in found and one != shard:
            found[one] = None
            pending += links.get(one, ())
    return sorted(found)
