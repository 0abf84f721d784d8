"""An index made anew: dropped, then every kept object of its days waits again, and is put in as new ones are.

The work is a row of small steps that a table remembers, so it goes on after a crash where it was. Dropping is claimed
first: a second drop, after documents were put in again, would lose them.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from opsloop.clock import NS_PER_MINUTE
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError
from opsloop.log.model import LogObject, Pending
from opsloop.log.search_spec import LOGS
from opsloop.search import Query, SearchStore

EPOCH_DAY = date(1970, 1, 1)
DAY_NS = 1_440 * NS_PER_MINUTE
DROP_TIMEOUT_S = 900  # longer than an invocation lives: whoever claimed the drop before that is dead
SAVE_EVERY = 50  # services and days


class Phase(StrEnum):
    """How far a rebuild is."""

    REQUESTED = "requested"
    DROPPING = "dropping"
    MARKING = "marking"
    FILLING = "filling"


@dataclass(frozen=True)
class Rebuild:
    """A rebuild of the days ``first`` to ``last`` (``2026-11-21``); ``is_whole``: of everything that is in the index.

    ``marked`` objects wait again, up to the day and service ``cursor``. Times are seconds since the epoch.
    """

    first: str
    last: str
    is_whole: bool
    requested_s: int
    phase: Phase = Phase.REQUESTED
    claimed_s: int = 0
    cursor: tuple[str, str] = ("", "")
    marked: int = 0
    version: int = 0

    @property
    def is_marked(self) -> bool:
        """Whether all objects wait that have to."""
        return self.phase is Phase.FILLING


class Rebuilds(Protocol):
    """The rebuild that was asked for last."""

    def current(self) -> Rebuild | None:
        """Return it."""

    def save(self, rebuild: Rebuild) -> Rebuild:
        """Save it as its next version and return that; raise ``ConflictError`` if somebody else did."""


class Kept(Protocol):
    """What was kept."""

    def services(self) -> Sequence[str]:
        """Return every service with logs."""

    def objects(self, service: str, day: str) -> Iterable[LogObject]:
        """Return the objects of a service and day."""


class Waiting(Protocol):
    """What waits."""

    def add(self, pending: Iterable[Pending]) -> None:
        """Note that objects wait."""


@dataclass
class Rebuilder:
    """The work on a rebuild."""

    rebuilds: Rebuilds
    kept: Kept
    waiting: Waiting
    store: SearchStore

    def go_on(self, now_s: int, may_go_on: Callable[[], bool]) -> Rebuild | None:
        """Do the next steps of the rebuild that was asked for, if any, for as long as ``may_go_on``; return it."""
        rebuild = self.rebuilds.current()
        try:
            if rebuild and rebuild.phase in (Phase.REQUESTED, Phase.DROPPING):
                rebuild = self._drop(rebuild, now_s)
            if rebuild and rebuild.phase is Phase.MARKING:
                rebuild = self._mark(rebuild, may_go_on)
        except ConflictError:
            return self.rebuilds.current()  # somebody else is at it
        return rebuild

    def _drop(self, rebuild: Rebuild, now_s: int) -> Rebuild:
        if rebuild.phase is Phase.DROPPING and now_s < rebuild.claimed_s + DROP_TIMEOUT_S:
            return rebuild
        claimed = self.rebuilds.save(replace(rebuild, phase=Phase.DROPPING, claimed_s=now_s))
        if rebuild.is_whole:
            self.store.drop(LOGS)
            self.store.prepare(LOGS)
        else:
            self.store.delete(LOGS, Query(ranges={LOGS.time_field: bounds_ns(rebuild.first, rebuild.last)}))
        return self.rebuilds.save(replace(claimed, phase=Phase.MARKING))

    def _mark(self, rebuild: Rebuild, may_go_on: Callable[[], bool]) -> Rebuild:
        services, done = sorted(self.kept.services()), 0
        for day in days(rebuild.first, rebuild.last):
            for service in services:
                if (day, service) <= rebuild.cursor:
                    continue
                if not may_go_on():
                    return self.rebuilds.save(rebuild)
                found = [Pending(one.key, rebuild.requested_s) for one in self.kept.objects(service, day)]
                self.waiting.add(found)
                rebuild = replace(rebuild, cursor=(day, service), marked=rebuild.marked + len(found))
                done += 1
                if done % SAVE_EVERY == 0:
                    rebuild = self.rebuilds.save(rebuild)
        return self.rebuilds.save(replace(rebuild, phase=Phase.FILLING))


def days(first: str, last: str) -> list[str]:
    """Return the days from ``first`` to ``last``, both included."""
    begins, ends = date.fromisoformat(first), date.fromisoformat(last)
    return [(begins + timedelta(days=number)).isoformat() for number in range((ends - begins).days + 1)]


def bounds_ns(first: str, last: str) -> tuple[int, int]:
    """Return the first and the last ns of the days from ``first`` to ``last``."""
    begins, ends = ((date.fromisoformat(day) - EPOCH_DAY).days for day in (first, last))
    return begins * DAY_NS, (ends + 1) * DAY_NS - 1
