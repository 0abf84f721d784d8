"""A quarantined object -> what our reader makes of it today, and the segment it adds to the log of replays. Pure.

An object is read as if it came now: the reader may have learned since, or the bytes were mended. Its items are clamped
against its own arrival, as they would have been then.
"""

from collections import Counter
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from opsloop.catalog import Catalog
from opsloop.clock import time_of
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError
from opsloop.telemetry.claim import REPLAY_LOG
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.otlp_schema import SIGNALS
from opsloop.telemetry.payload import fingerprint, partition_key, read_record
from opsloop.telemetry.quarantined import Quarantined
from opsloop.telemetry.segment import Segment, StreamRecord, Unreadable
from opsloop.telemetry.shard_log import ShardLog

DAY_S = 86_400


class Result(StrEnum):
    """What became of one object."""

    REPLAYED = "replayed"
    PARTLY_REPLAYED = "partly_replayed"
    ALREADY_REPLAYED = "already_replayed"
    STILL_UNREADABLE = "still_unreadable"
    TOO_OLD = "too_old"
    NOT_FOUND = "not_found"
    FAILED = "failed"


DONE = frozenset({Result.REPLAYED, Result.PARTLY_REPLAYED, Result.ALREADY_REPLAYED})
"""The results after which an object has counted."""


@dataclass(frozen=True)
class Reread:
    """What the reader makes of an object: ``result`` is what a replay would come to, ``segment`` what it would add."""

    result: Result
    segment: Segment
    reason: str

    @property
    def refused(self) -> tuple[Unreadable, ...]:
        """What of it cannot be read."""
        return self.segment.unreadable

    def left_over(self, name: str) -> list[Unreadable]:
        """Return what of it has to be set aside anew: all that is refused but the object ``name`` (a SHA-256)."""
        return [one for one in self.refused if sha256(one.data).hexdigest() != name]


def reread(
    found: Quarantined, data: bytes, tip: str, catalog: Catalog, now: datetime, *, max_bytes: int, block_days: int
) -> Reread:
    """Return what ``data``, the bytes of ``found`` or what they were mended to, add to the log after ``tip``.

    Nothing can be added to an hour whose block, kept for ``block_days``, ends within a day: the rest of that hour is
    gone, and what would be computed from the block is not what happened.
    """
    segment = _planned(found, data, tip, catalog, max_bytes)
    if not segment.items and segment.unreadable:
        return Reread(Result.STILL_UNREADABLE, segment, segment.unreadable[0].reason)
    if len(segment.cells):
        oldest = time_of(int(segment.cells.minute.min()))
        if oldest.timestamp() + (block_days - 1) * DAY_S < now.timestamp():
            reason = f"it holds items of {oldest:%Y-%m-%d}, and the minutes of a day are kept for {block_days} days"
            return Reread(Result.TOO_OLD, segment, reason)
    reason = segment.unreadable[0].reason if segment.unreadable else ""
    return Reread(Result.PARTLY_REPLAYED if reason else Result.REPLAYED, segment, reason)


def committed(segment: Segment, now: datetime) -> Segment:
    """Return the segment as the log takes it: it reached the log ``now``, and is told apart by its claim alone."""
    return replace(segment, fingerprints=(), last_arrival_s=now.timestamp())


def position_after(tip: str) -> str:
    """Return the position of the next item in the log of replays."""
    return str(int(tip) + 1).zfill(len(LOG_START))


def form_of(found: Quarantined, data: bytes, *, max_bytes: int) -> tuple[str, list[str]]:
    """Return the form in which the bytes come, and the signals that are in them."""
    try:
        reading = read_record(data, found.facts.get("key", ""), max_bytes=max_bytes)
    except Exception:  # noqa: BLE001 - the boundary to strangers' bytes: the plan tells of the fault
        return "unknown", []
    return reading.form, sorted({payload.signal for payload in reading.payloads})


def services_of(segment: Segment) -> dict[str, int]:
    """Return how many items each service has in the segment."""
    items: Counter[str] = Counter()
    for share in segment.shares:
        items[share.service] += share.items
    return dict(sorted(items.items()))


def _planned(found: Quarantined, data: bytes, tip: str, catalog: Catalog, max_bytes: int) -> Segment:
    """Return the segment of the first hint that makes items of the bytes."""
    log = ShardLog(REPLAY_LOG, 0.0, tip)
    first: Segment | None = None
    for hint in _hints(found, data):
        record = StreamRecord(position_after(tip), hint, data, found.arrived_at.timestamp())
        segment = plan([record], log, catalog, max_bytes=max_bytes)
        if segment is None:
            raise InvalidInputError(f"{found.key}: position {record.sequence} is not after {tip}")
        if segment.items:
            return segment
        first = first or segment
    if first is None:
        raise InvalidInputError(f"{found.key}: there is no way to read it")
    return first


def _hints(found: Quarantined, data: bytes) -> list[str]:
    """Return what may tell the signal: the record's own key or nothing, then the path that the bytes came by.

    In that order: a body that was sent to the wrong path is read by what it is.
    """
    hints = [found.facts.get("key", "")]
    signal = found.facts.get("signal", "")
    hints += [partition_key(one, fingerprint(data)) for one in SIGNALS if one == signal]
    return hints
