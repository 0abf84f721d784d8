"""Which part of an asked time cannot be searched, or not yet, so that "no hits" is never taken for "no such line"."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from itertools import groupby
from typing import Any, Protocol
from urllib.parse import unquote

from opsloop.clock import NS_PER_MINUTE
from opsloop.dataclass import dataclass, replace
from opsloop.log.document import iso_ns
from opsloop.log.model import Pending
from opsloop.log.names import LOGS, folder
from opsloop.log.rebuild import DAY_NS, EPOCH_DAY, Rebuild, bounds_ns, days
from opsloop.log.restore import Phase, Restore

HOUR_NS = 60 * NS_PER_MINUTE
NEAR_NS = NS_PER_MINUTE  # gaps that are nearer to each other, or than a sixtieth of the range, are told as one
MAX_TOLD = 5  # of one kind and service
MAX_PENDING, MAX_LOOKED_UP = 1_000, 100  # objects that wait: looked at, and looked up one by one


class Reason(StrEnum):
    """Why documents are not found."""

    PENDING = "pending"  # kept, and on their way into the search store
    REBUILDING = "rebuilding"  # the index is being made anew
    COLD = "cold"  # older than what the search store has; `log_restore` brings them back


@dataclass(frozen=True)
class Gap:
    """Documents from ``first_ns`` up to, not including, ``end_ns`` that are not found; of ``service``, if one is named.

    ``objects``: how many objects hold them, where that is known.
    """

    reason: Reason
    service: str
    first_ns: int
    end_ns: int
    objects: int | None = None

    def within(self, first_ns: int, end_ns: int) -> "Gap | None":
        """Return what of this lies between, if anything does."""
        first, end = max(self.first_ns, first_ns), min(self.end_ns, end_ns)
        return replace(self, first_ns=first, end_ns=end) if first < end else None


@dataclass(frozen=True)
class Place:
    """What the key of an object of documents says. ``service``: empty where its name is too long for a key."""

    folder: str
    service: str
    day: str
    hour: int
    name: str

    @property
    def first_ns(self) -> int:
        """Where its hour begins."""
        return bounds_ns(self.day, self.day)[0] + self.hour * HOUR_NS


def place_of(key: str) -> Place | None:
    """Return what the key of ``object_key`` says; None for any other key."""
    parts = key.split("/")
    if len(parts) != 5 or f"{parts[0]}/" != LOGS or not parts[3].isdigit():
        return None
    place, day, hour, name = parts[1:]
    try:
        datetime.fromisoformat(day)
    except ValueError:
        return None
    service = "" if "~" in place else unquote(place.replace("!", "%"), errors="surrogatepass")
    return Place(place, service, day, int(hour), name)


def pending_gap(place: Place) -> Gap:
    """Return the hour that an object lies in which waits."""
    return Gap(Reason.PENDING, place.service, place.first_ns, place.first_ns + HOUR_NS, 1)


def rebuild_gap(rebuild: Rebuild | None) -> Gap | None:
    """Return the days of a rebuild of which not every object is known to wait yet."""
    if rebuild is None or rebuild.is_marked:
        return None
    first, last = bounds_ns(rebuild.first, rebuild.last)
    return Gap(Reason.REBUILDING, "", first, last + 1)


def hot_ns(now: datetime, hot_days: int) -> int:
    """Return where the time begins that the search store has at ``now``: ``hot_days`` days before today."""
    begins = (now - timedelta(days=hot_days)).date().isoformat()
    return bounds_ns(begins, begins)[0]


def without(gap: Gap, known: Iterable[tuple[int, int]]) -> list[Gap]:
    """Return what is left of ``gap`` outside the times ``known`` (first, end), in order."""
    left = []
    at = gap.first_ns
    for first, end in sorted(known):
        if first > at and at < gap.end_ns:
            left.append(replace(gap, first_ns=at, end_ns=min(first, gap.end_ns)))
        at = max(at, end)
    if at < gap.end_ns:
        left.append(replace(gap, first_ns=at))
    return left


def dates(first_ns: int, end_ns: int) -> list[str]:
    """Return the days that have a part of the time."""
    first, last = (EPOCH_DAY + timedelta(days=ns // DAY_NS) for ns in (first_ns, end_ns - 1))
    return days(first.isoformat(), last.isoformat())


class Waiting(Protocol):
    """What waits to be searchable."""

    def oldest(self, limit: int) -> Sequence[Pending]:
        """Return up to ``limit`` objects that wait."""


class Rebuilds(Protocol):
    """The rebuild that was asked for last."""

    def current(self) -> Rebuild | None:
        """Return it."""


class Restores(Protocol):
    """Restores that were asked for."""

    def all(self) -> Sequence[Restore]:
        """Return them."""


class Objects(Protocol):
    """The object index."""

    def has(self, service: str, day: str) -> bool:
        """Return whether anything was kept of that service and day."""

    def bounds(self, places: Sequence[Place]) -> Mapping[Place, tuple[int, int]]:
        """Return the first and last time (ns) of objects, of those that are known."""


@dataclass
class Gaps:
    """Looks up what is missing. ``hot_days``: how long documents stay in the search store."""

    waiting: Waiting
    rebuilds: Rebuilds
    restores: Restores
    objects: Objects
    hot_days: int

    def of(self, service: str, first_ns: int, end_ns: int, now: datetime) -> list[Gap]:
        """Return what is missing of ``service`` (empty: of all) from ``first_ns`` up to ``end_ns``."""
        found = [*self._pending(service, first_ns, end_ns), *self._cold(service, first_ns, end_ns, now)]
        if rebuilding := rebuild_gap(self.rebuilds.current()):
            found.append(rebuilding)
        return [part for one in found if (part := one.within(first_ns, end_ns))]

    def _pending(self, service: str, first_ns: int, end_ns: int) -> list[Gap]:
        waiting = self.waiting.oldest(MAX_PENDING)
        if len(waiting) == MAX_PENDING:  # more than can be looked at: any part may be missing
            return [Gap(Reason.PENDING, service, first_ns, end_ns)]
        hours = {place: gap for one in waiting if (place := place_of(one.key)) and (gap := pending_gap(place))}
        meant = {
            place: gap
            for place, gap in hours.items()
            if gap.within(first_ns, end_ns) and (not service or folder(service) == place.folder)
        }
        exact = self.objects.bounds(list(meant)[:MAX_LOOKED_UP])
        return [
            replace(gap, first_ns=exact[place][0], end_ns=exact[place][1] + 1) if place in exact else gap
            for place, gap in meant.items()
        ]

    def _cold(self, service: str, first_ns: int, end_ns: int, now: datetime) -> list[Gap]:
        """Return the days that the search store has no more, of a named service those that it has lines of."""
        gap = Gap(Reason.COLD, service, 0, hot_ns(now, self.hot_days)).within(first_ns, end_ns)
        if gap is None:
            return []
        if not service:
            return [gap]
        back = [one for one in self.restores.all() if one.service == service and one.phase is Phase.BACK]
        known = [one.bounds_ns for one in back if not one.is_over(int(now.timestamp()))]
        empty = [day for day in dates(gap.first_ns, gap.end_ns) if not self.objects.has(service, day)]
        known += [(first, last + 1) for first, last in (bounds_ns(day, day) for day in empty)]
        return without(gap, known)


def told(gaps: Sequence[Gap], range_ns: int) -> list[dict[str, Any]]:
    """Return what an answer about so long a time says of ``gaps``: those near each other as one, of many their hull."""
    near = max(NEAR_NS, range_ns // 60)
    rows = []
    ordered = sorted(gaps, key=lambda one: (one.reason, one.service, one.first_ns, one.end_ns))
    for (reason, service), of in groupby(ordered, key=lambda one: (one.reason, one.service)):
        merged: list[Gap] = []
        for one in of:
            if merged and one.first_ns <= merged[-1].end_ns + near:
                merged[-1] = _both(merged[-1], one)
            else:
                merged.append(one)
        if len(merged) > MAX_TOLD:
            merged = [reduce(_both, merged)]
        rows += [
            {
                "from": iso_ns(one.first_ns),
                "to": iso_ns(one.end_ns),
                "service": service or None,
                "reason": reason.value,
                "objects": one.objects,
            }
            for one in merged
        ]
    return rows


def _both(one: Gap, other: Gap) -> Gap:
    objects = None if one.objects is None or other.objects is None else one.objects + other.objects
    return replace(one, end_ns=max(one.end_ns, other.end_ns), objects=objects)
