"""Logs that have gone cold are brought back: asked for, waited for, and handed to whoever makes them searchable.

The work is a row of small steps that a table remembers, so it goes on after a crash where it was, and repeating a step
changes nothing: asking S3 again for what it is fetching is answered so, and an object that waits twice is put once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Protocol

from opsloop.clock import NS_PER_MINUTE
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError
from opsloop.log.model import LogObject, Pending
from opsloop.log.rebuild import EPOCH_DAY, bounds_ns, days
from opsloop.log.search_spec import LOGS
from opsloop.search import Query, SearchStore

HOUR_S, DAY_S = 3_600, 86_400
SAVE_EVERY = 200  # objects
NS_PER_S = NS_PER_MINUTE // 60


class Tier(StrEnum):
    """How fast, and how dear, S3 fetches."""

    STANDARD = "standard"
    BULK = "bulk"


HOURS = {
    ("GLACIER", Tier.STANDARD): 5,
    ("GLACIER", Tier.BULK): 12,
    ("DEEP_ARCHIVE", Tier.STANDARD): 12,
    ("DEEP_ARCHIVE", Tier.BULK): 48,
}
"""How many hours S3 needs at most, typically. Source: S3 user guide, archive retrieval options."""


class Phase(StrEnum):
    """How far a restore is."""

    ASKING = "asking"
    WAITING = "waiting"
    BACK = "back"


class Fate(StrEnum):
    """Where an object is."""

    HERE = "here"
    FETCHED = "fetched"  # S3 is at it
    COLD = "cold"
    MISSING = "missing"


@dataclass(frozen=True)
class Restore:
    """The logs of ``service`` from ``first_s`` up to ``end_s`` (epoch, whole hours), to be searchable for ``days``.

    ``objects`` and ``size_bytes`` are those that were cold when it was requested, ``hours`` what S3 needs for them at
    most; ``asked``, ``back`` and ``missing`` count how far it is, behind the key ``cursor``; ``back_s`` is when all
    were back. ``version`` 0 was never saved.
    """

    restore_id: str
    service: str
    first_s: int
    end_s: int
    tier: Tier
    days: int
    requested_s: int
    objects: int
    size_bytes: int
    hours: int
    phase: Phase = Phase.ASKING
    cursor: str = ""
    asked: int = 0
    back: int = 0
    missing: int = 0
    back_s: int = 0
    version: int = 0

    def is_over(self, now_s: int) -> bool:
        """Return whether its documents leave the search store again."""
        return self.phase is Phase.BACK and now_s >= self.until_s

    @property
    def until_s(self) -> int:
        """Until when its documents stay; 0 while they are not back."""
        return self.back_s + self.days * DAY_S if self.back_s else 0

    @property
    def bounds_ns(self) -> tuple[int, int]:
        """Its time in ns, the end not included."""
        return self.first_s * NS_PER_S, self.end_s * NS_PER_S

    @property
    def dates(self) -> list[str]:
        """The days that it has a part of."""
        return days(_day(self.first_s), _day(self.end_s - 1))


class Restores(Protocol):
    """Restores that were asked for."""

    def all(self) -> Sequence[Restore]:
        """Return them."""

    def save(self, restore: Restore) -> Restore:
        """Save it as its next version and return that; raise ``ConflictError`` if somebody else did."""


class ObjectIndex(Protocol):
    """The index of objects."""

    def objects(self, service: str, day: str) -> Iterable[LogObject]:
        """Yield the objects of a service and day, by hour."""


class Glacier(Protocol):
    """The objects themselves."""

    def ask(self, key: str, *, tier: str, days: int) -> Fate:
        """Ask S3 to fetch an object for ``days``; return where it is now."""

    def fate(self, key: str) -> Fate:
        """Return where an object is."""


class Waiting(Protocol):
    """What waits to be searchable."""

    def add(self, pending: Iterable[Pending]) -> None:
        """Note that objects wait."""


@dataclass
class Restorer:
    """The work on all restores."""

    restores: Restores
    index: ObjectIndex
    glacier: Glacier
    waiting: Waiting

    def go_on(self, now_s: int, may_go_on: Callable[[], bool]) -> list[Restore]:
        """Do the next steps of every restore that is not back, for as long as ``may_go_on``; return all."""
        found = []
        for restore in self.restores.all():
            one = restore
            try:
                while one.phase is not Phase.BACK and may_go_on():
                    before = one.phase
                    one = self._ask(one, may_go_on) if before is Phase.ASKING else self._fill(one, now_s, may_go_on)
                    if one.phase is before:
                        break
            except ConflictError:
                one = restore  # somebody else is at it
            found.append(one)
        return found

    def _ask(self, restore: Restore, may_go_on: Callable[[], bool]) -> Restore:
        for number, one in enumerate(self._left(restore), 1):
            if not may_go_on():
                return self.restores.save(restore)
            fate = self.glacier.fate(one.key)
            if fate is Fate.COLD:
                fate = self.glacier.ask(one.key, tier=restore.tier.value, days=restore.days)
            restore = replace(restore, cursor=place_in(one), asked=restore.asked + (fate is Fate.FETCHED))
            if number % SAVE_EVERY == 0:
                restore = self.restores.save(restore)
        return self.restores.save(replace(restore, phase=Phase.WAITING, cursor=""))

    def _fill(self, restore: Restore, now_s: int, may_go_on: Callable[[], bool]) -> Restore:
        """Hand on what is back, in order, up to the first object that S3 still fetches."""
        ready: list[Pending] = []
        for one in self._left(restore):
            fate = self.glacier.fate(one.key)
            if fate is Fate.COLD:  # its copy expired before it was its turn, or S3 gave up
                fate = self.glacier.ask(one.key, tier=restore.tier.value, days=restore.days)
            if fate in (Fate.FETCHED, Fate.COLD) or not may_go_on():
                self.waiting.add(ready)
                return self.restores.save(restore)
            if fate is Fate.HERE:
                ready.append(Pending(one.key, now_s))
                restore = replace(restore, back=restore.back + 1)
            else:
                restore = replace(restore, missing=restore.missing + 1)
            restore = replace(restore, cursor=place_in(one))
            if len(ready) == SAVE_EVERY:
                self.waiting.add(ready)
                ready = []
                restore = self.restores.save(restore)
        self.waiting.add(ready)
        return self.restores.save(replace(restore, phase=Phase.BACK, cursor="", back_s=now_s))

    def _left(self, restore: Restore) -> Iterator[LogObject]:
        for one in objects_of(restore, self.index):
            if place_in(one) > restore.cursor:
                yield one


def objects_of(restore: Restore, index: ObjectIndex) -> Iterator[LogObject]:
    """Yield the objects of a restore's time, in an order that stays."""
    first_ns, end_ns = restore.bounds_ns
    for day in restore.dates:
        found = index.objects(restore.service, day)
        yield from sorted((one for one in found if one.last_ns >= first_ns and one.first_ns < end_ns), key=place_in)


def place_in(one: LogObject) -> str:
    """Return where an object stands among those of its service."""
    return f"{one.day}/{one.hour:02d}/{one.key.rpartition('/')[2]}"


def forget(store: SearchStore, hot_ns: int, restores: Iterable[Restore], now_s: int) -> int:
    """Delete from the search store what is older than ``hot_ns``, but for the days of restores that are not over.

    Returns how many documents. Of a day that several restores brought back, all stay until the last of them is over.
    """
    kept = {day for one in restores if not one.is_over(now_s) for day in one.dates}
    deleted, first = 0, 0
    for day in sorted(kept):
        begins, last = bounds_ns(day, day)
        if begins >= hot_ns:
            break
        if first < begins:
            deleted += store.delete(LOGS, Query(ranges={LOGS.time_field: (first, begins - 1)}))
        first = last + 1
    if first < hot_ns:
        deleted += store.delete(LOGS, Query(ranges={LOGS.time_field: (first, hot_ns - 1)}))
    return deleted


def _day(second: int) -> str:
    return EPOCH_DAY.fromordinal(EPOCH_DAY.toordinal() + second // DAY_S).isoformat()
