"""What a writer knows of a shard's log: where it ends, and which records it took in within the window.

Everything here follows from the committed log alone, so a warm writer and one that reads the log anew decide alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.segment import Mark


@dataclass
class ShardLog:
    """The end of the log ``log``. ``seen``: per fingerprint, when the segment that took it in was complete."""

    log: str
    window_s: float
    tip: str = LOG_START
    seen: dict[int, float] = field(default_factory=dict)

    def extend(self, marks: Iterable[Mark]) -> None:
        """Move the tip over ``marks``, in order of the log, and forget what fell out of the window."""
        for mark in marks:
            self.tip = mark.end
            for fingerprint in mark.fingerprints:
                self.seen.pop(fingerprint, None)  # so that the order stays that of the log
                self.seen[fingerprint] = mark.last_arrival_s
            self._forget_before(mark.last_arrival_s - self.window_s)

    def is_duplicate(self, fingerprint: int, arrival_s: float) -> bool:
        """Return whether a record like this was taken in no longer than the window before ``arrival_s``."""
        taken_in = self.seen.get(fingerprint)
        return taken_in is not None and arrival_s - taken_in <= self.window_s

    def _forget_before(self, moment_s: float) -> None:
        while self.seen:
            oldest = next(iter(self.seen))
            if self.seen[oldest] >= moment_s:
                return
            del self.seen[oldest]


def log_name(stream: str, created_s: int, shard: str) -> str:
    """Return the log of a shard of one life of a stream: a stream made again begins new logs."""
    return f"log#{stream}#{created_s}#{shard}"


def padded(sequence_number: str) -> str:
    """Return a Kinesis sequence number at the width at which text sorts as numbers do."""
    return sequence_number.zfill(len(LOG_START))
