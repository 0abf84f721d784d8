"""One run of the detector: from the last bucket that was judged to the last one that is over.

What is remembered, what changed and what is to be told is saved in one conditional write; then it is stored and told;
then it is saved that this is done. Killed in between, the next run does what was left, with the same ids. A run that
finds another one ahead stops: the other one's results are those that it would have had.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from opsloop.anomaly import outbox as boxes
from opsloop.anomaly.exclude import Window
from opsloop.anomaly.findings import ended
from opsloop.anomaly.hour import Blocks, Hours, Patterns
from opsloop.anomaly.model import Anomaly
from opsloop.anomaly.outbox import Outbox, Told
from opsloop.anomaly.saved import Saved, pack
from opsloop.anomaly.scan import Edges, Scan
from opsloop.anomaly.series import BUCKET_MINUTES
from opsloop.anomaly.state import Memory, decode, encode
from opsloop.catalog import Catalog
from opsloop.clock import MINUTES_PER_DAY, hour_start, minute_of
from opsloop.dataclass import dataclass, replace
from opsloop.events import Event
from opsloop.telemetry.model import SeenService

HISTORY_MINUTES = 15 * MINUTES_PER_DAY
TOLD_MINUTES = 60
"""The first run ever tells of what began in the last hour; what was before is stored, and nobody is woken for it."""
SAVE_EVERY_HOURS = 24


class States(Protocol):
    """Where the detector's item is kept."""

    def read(self) -> Saved | None:
        """Return what was saved last."""

    def save(self, saved: Saved, *, now: datetime) -> None:
        """Write ``saved``; raise ``ConflictError`` if the version before it is not there any more."""


class Anomalies(Protocol):
    """Where anomalies are kept."""

    def put(self, anomaly: Anomaly, *, judged_to: int) -> None:
        """Store ``anomaly`` as of ``judged_to``; a newer one stays."""

    def excluded_windows(self) -> tuple[Window, ...]:
        """Return the windows that stay out of baselines."""


@dataclass(frozen=True)
class World:
    """What a run reads and writes. ``ready(first, end)`` says, of the minutes from ``first`` to ``end``, up to where to
    judge, and from where on data are missing."""

    catalog: Catalog
    blocks: Blocks
    patterns: Patterns
    edges: Edges
    states: States
    anomalies: Anomalies
    publish: Callable[[Sequence[Event]], None]
    ready: Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    """What a run did. ``judged_to`` is None if there is nothing to judge yet; ``left`` counts the buckets that are
    over and were not judged."""

    judged_to: int | None
    buckets: int = 0
    series: int = 0
    begun: int = 0
    ended: int = 0
    open: int = 0
    left: int = 0


def run(
    world: World,
    now: datetime,
    services: Sequence[SeenService],
    *,
    has_time: Callable[[], bool],
    relearns: bool = False,
) -> Outcome:
    """Judge the buckets that are over at ``now``, as many as there is time for; save, store and tell what was found.

    ``relearns``: forget everything, end what is open, and learn from the blocks that there are; of the time before
    ``now`` nothing is told then. Raises ``ConflictError`` if another run was ahead.
    """
    keeper = _Keeper(world, now)
    saved = keeper.resume()
    end = minute_of(now) - minute_of(now) % BUCKET_MINUTES
    start = max(_heard_from(services, end), end - HISTORY_MINUTES)
    if saved is None and start >= end:
        return Outcome(None)
    pending = Outbox(end)
    if saved is None:
        memory = Memory(start, end - TOLD_MINUTES)
    else:
        memory = decode(saved.memory)
        if relearns:
            pending = _closed(memory, end)
            memory = Memory(start, end)
    memory.judged_to = max(memory.judged_to, end - HISTORY_MINUTES)
    return _judge(world, keeper, memory, services, end, pending, has_time)


def _judge(
    world: World,
    keeper: "_Keeper",
    memory: Memory,
    services: Sequence[SeenService],
    end: int,
    pending: Outbox,
    has_time: Callable[[], bool],
) -> Outcome:
    begun_at = memory.judged_to
    until, complete = world.ready(begun_at, end) if begun_at < end else (end, end)
    scan = Scan(memory, world.catalog, world.anomalies.excluded_windows(), world.edges)
    hours = Hours(world.blocks, world.patterns, services, until)
    counted = [0, 0]
    since = 0
    while memory.judged_to < until and has_time():
        found = scan.step(hours.hour(hour_start(memory.judged_to)), until, partial_from=complete)
        pending = boxes.joined(pending, found)
        since += 1
        for one in found.told:
            counted[one.is_end] += 1
        if since == SAVE_EVERY_HOURS:
            keeper.finish(scan, pending)
            pending, since = Outbox(memory.judged_to), 0
    if since or pending:
        keeper.finish(scan, pending)
    else:
        keeper.settle()
    return Outcome(
        judged_to=memory.judged_to,
        buckets=(memory.judged_to - begun_at) // BUCKET_MINUTES,
        series=len(memory.keys),
        begun=counted[False],
        ended=counted[True],
        open=len(memory.open),
        left=max(0, end - memory.judged_to) // BUCKET_MINUTES,
    )


def _heard_from(services: Sequence[SeenService], end: int) -> int:
    first = min((one.first_seen for one in services), default=end)
    return first - first % BUCKET_MINUTES


def _closed(memory: Memory, end: int) -> Outbox:
    """Return what ends because it is forgotten."""
    over = tuple(ended(memory.open[key], is_lost=False) for key in sorted(memory.open))
    return Outbox(end, over, tuple(Told(one, True, end) for one in over))


class _Keeper:
    """Saves versions one after the other."""

    def __init__(self, world: World, now: datetime) -> None:
        self._world, self._now = world, now
        self._saved: Saved | None = None
        self._is_open = False

    def resume(self) -> Saved | None:
        """Read what was saved last, and do what an earlier run left to be done."""
        self._saved = self._world.states.read()
        if self._saved is not None:
            self._deliver(boxes.decode(self._saved.outbox))
        return self._saved

    def finish(self, scan: Scan, pending: Outbox) -> None:
        """Save, then do what is to be done, then save that it is done."""
        memory = scan.memory
        self._save(
            Saved(
                version=self._saved.version + 1 if self._saved else 1,
                memory=encode(memory),
                outbox=boxes.encode(pending),
                open_ids=pack(sorted(one.anomaly_id for one in memory.open.values())),
                unknown=pack(scan.unknown()),
                judged_to=memory.judged_to,
            )
        )
        self._deliver(pending)
        self.settle()

    def settle(self) -> None:
        """Save that nothing is left to be done, if something was."""
        if self._saved is None or not self._is_open:
            return
        empty = boxes.encode(Outbox(self._saved.judged_to))
        self._save(replace(self._saved, version=self._saved.version + 1, outbox=empty))
        self._is_open = False

    def _save(self, saved: Saved) -> None:
        self._world.states.save(saved, now=self._now)
        self._saved = saved

    def _deliver(self, pending: Outbox) -> None:
        """Store the anomalies, then tell of them: whoever is told finds them stored."""
        self._is_open = bool(pending)
        for one in pending.anomalies:
            self._world.anomalies.put(one, judged_to=pending.judged_to)
        if pending.told:
            self._world.publish(boxes.events(pending))
