"""The stores of the simulation, in memory, each call of which may fail; and variants that are broken on purpose."""
# ruff: noqa: ARG002 - the stores here have the signatures of the real ones

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from opsloop.clock import MINUTES_PER_HOUR
from opsloop.errors import ConflictError, TooLargeError
from opsloop.kpi.model import Page, PageKey, page_key
from opsloop.telemetry.claim import Claim
from opsloop.telemetry.link_window import LinkWindow
from opsloop.telemetry.model import LOG_START, Block, SeenService
from opsloop.telemetry.segment import Committed, Mark, Segment


class Faults(Protocol):
    """By what every call goes."""

    max_item: int
    events: Counter[str]

    def read(self, action: Callable[[], Any]) -> Any:
        """Do what changes nothing, or fail."""

    def write(self, action: Callable[[], Any]) -> Any:
        """Do what changes something, or fail, or do it late or twice."""


class MemoryLog:
    """``TelemetryLog`` in memory. ``append`` is the protocol; the broken variants override it and what it rests on."""

    def __init__(self, world: Faults) -> None:
        self.world = world
        self.items: dict[str, dict[str, str | Segment]] = {}
        self.objects: dict[str, Segment] = {}
        self.folded: dict[str, str] = {}
        self.claimed: dict[str, Claim] = {}

    def register(self, log: str) -> None:
        self.world.write(lambda: self.folded.setdefault(log, LOG_START))

    def append(
        self,
        log: str,
        segment: Segment,
        *,
        retention_days: int,
        guards: Sequence[tuple[str, str]] = (),
        may_split: bool = False,
        claim: Claim | None = None,
    ) -> None:
        content = self._content(segment, may_split=may_split)

        def put() -> None:
            if any(end in self.items.get(one, ()) for one, end in (*guards, (log, segment.start))):
                raise ConflictError("somebody else was first")
            if claim:
                self.claim(claim)
            self.items.setdefault(log, {})[segment.start] = content

        self.world.write(put)

    def claim(self, claim: Claim) -> None:
        if claim.key in self.claimed:
            raise ConflictError("it counted already")
        self.claimed[claim.key] = claim

    def claims(self, group: str) -> dict[str, Claim]:
        return self.world.read(lambda: {one.name: one for one in self.claimed.values() if one.group == group})

    def _content(self, segment: Segment, *, may_split: bool) -> str | Segment:
        """Return what the item holds: the segment, or the name of the object that does."""
        if segment.records * 100 + len(segment.cells) * 40 <= self.world.max_item:
            return segment
        if may_split:
            self.world.events["several segments of a batch"] += 1
            raise TooLargeError("too large")
        self.world.events["segment in the bucket"] += 1
        key = f"{segment.start} {segment.end} {segment.fingerprints}"
        self.world.write(lambda: self.objects.update({key: segment}))
        return key

    def chain(self, log: str, position: str) -> list[Segment]:
        """Return the segments of a log from ``position`` on, in its order."""
        found = [content for at, content in sorted(self.items.get(log, {}).items()) if at >= position]
        return [self.objects[one] if isinstance(one, str) else one for one in found]

    def tail(self, log: str, since_s: float) -> list[Mark]:
        marks = self.world.read(lambda: [_mark(one) for one in self.chain(log, LOG_START)])
        old = [number for number, mark in enumerate(marks) if mark.last_arrival_s < since_s]
        return marks[old[-1] if old else 0 :]

    def read(self, log: str, position: str, limit: int) -> list[Committed]:
        chain = self.world.read(lambda: self.chain(log, position))
        return [
            Committed(log, one.start, one.end, one.cells, one.shares, one.last_arrival_s, links=one.links)
            for one in chain[:limit]
        ]

    def shards(self) -> dict[str, str]:
        return self.world.read(lambda: dict(self.folded))

    def advance(self, log: str, expected: str, position: str) -> None:
        def update() -> None:
            if self.folded[log] != expected:
                raise ConflictError("somebody else was first")
            self.folded[log] = position

        self.world.write(update)

    def orphans(self) -> int:
        """Return how many objects no item names."""
        named = {one for items in self.items.values() for one in items.values() if isinstance(one, str)}
        return len(self.objects.keys() - named)


class AdditiveLog(MemoryLog):
    """Broken on purpose: adds the segment, then moves a checkpoint."""

    def __init__(self, world: Faults) -> None:
        super().__init__(world)
        self.tips: dict[str, Mark] = {}

    def append(self, log: str, segment: Segment, *, may_split: bool = False, **_: Any) -> None:
        content = self._content(segment, may_split=may_split)

        def add() -> None:
            items = self.items.setdefault(log, {})
            start, end = f"{len(items):064}", f"{len(items) + 1:064}"
            kept = self.objects[content] if isinstance(content, str) else content
            items[start] = replace(kept, start=start, end=end)

        def move() -> None:
            self.tips[log] = _mark(segment)

        self.world.write(add)
        self.world.write(move)

    def tail(self, log: str, since_s: float) -> list[Mark]:
        return self.world.read(lambda: [self.tips[log]] if log in self.tips else [])


class OverwritingLog(AdditiveLog):
    """Broken on purpose: overwrites the segment at the checkpoint, then moves the checkpoint."""

    def append(self, log: str, segment: Segment, *, may_split: bool = False, **_: Any) -> None:
        content = self._content(segment, may_split=may_split)

        def overwrite() -> None:
            self.items.setdefault(log, {})[segment.start] = content

        def move() -> None:
            tip = self.tips.get(log)
            if (tip.end if tip else LOG_START) != segment.start:
                raise ConflictError("somebody else was first")
            self.tips[log] = _mark(segment)

        self.world.write(overwrite)
        self.world.write(move)


class UnclaimedLog(MemoryLog):
    """Broken on purpose: does not know which quarantined objects counted."""

    def claim(self, claim: Claim) -> None:
        return


class UnguardedLog(MemoryLog):
    """Broken on purpose: commits whatever the relatives' logs gained meanwhile."""

    def append(self, log: str, segment: Segment, *, guards: Sequence[tuple[str, str]] = (), **more: Any) -> None:
        super().append(log, segment, **more)


class MemoryBlocks:
    """``BlockTable`` in memory."""

    def __init__(self, world: Faults) -> None:
        self.world = world
        self.blocks: dict[tuple[str, int], Block] = {}
        self.seen: dict[str, SeenService] = {}

    def get(self, service: str, hour: int) -> Block | None:
        return self.world.read(lambda: self.blocks.get((service, hour)))

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        hours = range(first_hour, last_hour + 1, MINUTES_PER_HOUR)
        return self.world.read(lambda: [self.blocks[service, hour] for hour in hours if (service, hour) in self.blocks])

    def save(self, block: Block, *, now: Any, retention_days: int) -> None:
        def put() -> None:
            present = self.blocks.get((block.service, block.hour))
            if self.is_stale(present.version if present else 0, block.version):
                raise ConflictError("somebody else was first")
            self.blocks[block.service, block.hour] = replace(block, version=block.version + 1)

        self.world.write(put)

    def is_stale(self, present: int, read: int) -> bool:
        return present != read

    def services(self) -> list[SeenService]:
        return self.world.read(lambda: list(self.seen.values()))

    def note_services(self, services: Sequence[SeenService]) -> None:
        def widen() -> None:
            for one in services:
                known = self.seen.get(one.service, one)
                first, last = min(known.first_seen, one.first_seen), max(known.last_seen, one.last_seen)
                self.seen[one.service] = SeenService(one.service, first, last)

        self.world.write(widen)


class CarelessBlocks(MemoryBlocks):
    """Broken on purpose: the last one to save wins."""

    def is_stale(self, present: int, read: int) -> bool:
        return False


class MemoryLinks:
    """``CallLinks`` in memory, as far as a fold uses it."""

    def __init__(self, world: Faults) -> None:
        self.world = world
        self.windows: dict[tuple[str, int], LinkWindow] = {}

    def get(self, log: str, start: int) -> LinkWindow | None:
        return self.world.read(lambda: self.windows.get((log, start)))

    def save(self, window: LinkWindow, expected: str | None, *, retention_days: int) -> None:
        def put() -> None:
            present = self.windows.get((window.log, window.start))
            if self.is_stale(present.folded_to if present else None, expected):
                raise ConflictError("somebody else was first")
            self.windows[window.log, window.start] = window

        self.world.write(put)

    def is_stale(self, present: str | None, read: str | None) -> bool:
        return present != read


class CarelessLinks(MemoryLinks):
    """Broken on purpose: the last one to save wins."""

    def is_stale(self, present: str | None, read: str | None) -> bool:
        return False


class ForgetfulLinks(MemoryLinks):
    """Broken on purpose: does not say up to where a window is folded."""

    def get(self, log: str, start: int) -> LinkWindow | None:
        window = super().get(log, start)
        return window and replace(window, folded_to=LOG_START)

    def is_stale(self, present: str | None, read: str | None) -> bool:
        return False


class MemoryPages:
    """``KpiTable`` in memory."""

    def __init__(self, world: Faults) -> None:
        self.world = world
        self.pages: dict[PageKey, Page] = {}

    def read(self, keys: Sequence[PageKey]) -> Mapping[PageKey, Page]:
        return self.world.read(lambda: {key: self.pages[key] for key in keys if key in self.pages})

    def put_rows(self, rows: Sequence[Any], *, retention_days: int) -> int:
        for row in rows:
            self.world.write(lambda row=row: self._put(row))
        return len(rows)

    def mark_rolled_up(self, hour: int) -> None:
        self.world.write(lambda: None)

    def _put(self, row: Any) -> None:
        key = page_key(row)
        self.pages[key] = self.pages.get(key, Page(key)).with_rows([row])


def _mark(segment: Segment) -> Mark:
    return Mark(segment.end, segment.last_arrival_s, segment.fingerprints)
