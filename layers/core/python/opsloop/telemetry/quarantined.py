"""What lies in quarantine, newest first, and which of it is asked for. Pure: bucket and claims come in as ports."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Protocol

from opsloop.dataclass import dataclass, field
from opsloop.errors import InvalidInputError
from opsloop.telemetry.claim import Claim

UNKNOWN_KIND = "unknown"
DIGITS, FEWEST_DIGITS = 64, 6
"""How many digits the SHA-256 in a key has, and how many of them a person has to give."""
CHUNK = 64  # objects asked about at once; each costs a request

_KEY = re.compile(rf"([a-z0-9_]+/\d{{4}}-\d\d-\d\d)/([0-9a-f]{{{FEWEST_DIGITS},{DIGITS}}})")


class State(StrEnum):
    """Whether an object counted."""

    OPEN = "open"
    REPLAYED = "replayed"


@dataclass(frozen=True)
class Listed:
    """What a listing of the bucket tells of an object; its key is ``<source>/<day>/<SHA-256>``."""

    key: str
    size_bytes: int
    set_aside_at: datetime

    @property
    def group(self) -> str:
        """Source and day of arrival, ``<source>/<YYYY-MM-DD>``."""
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The SHA-256 of the bytes."""
        return self.key.rpartition("/")[2]

    @property
    def source(self) -> str:
        """The function that set it aside."""
        return self.key.partition("/")[0]

    @property
    def day(self) -> str:
        """The UTC day of its arrival, ``YYYY-MM-DD``."""
        return self.group.rpartition("/")[2]

    @property
    def place(self) -> str:
        """Where it stands among all objects: sorts by day, then by when it was set aside."""
        return f"{self.day} {self.set_aside_at.timestamp():017.6f} {self.key}"


@dataclass(frozen=True)
class Quarantined:
    """An object with its reason, kind and arrival. ``facts``: what else was noted, such as ``log`` and ``signal``."""

    listed: Listed
    arrived_at: datetime
    reason: str
    kind: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its key in the bucket."""
        return self.listed.key


@dataclass(frozen=True)
class Entry:
    """One object that was looked at. ``claim`` is None while it is open; ``is_selected``: whether it was asked for."""

    found: Quarantined
    claim: Claim | None
    is_selected: bool

    @property
    def state(self) -> State:
        """Whether it counted."""
        return State.REPLAYED if self.claim else State.OPEN


@dataclass(frozen=True)
class Selection:
    """Which objects are asked for: those that arrived from ``start`` to before ``end``, and are like the others say.

    An empty text and a state of None mean any; ``reason`` is a part of the reason, in small letters.
    """

    start: datetime
    end: datetime
    source: str = ""
    kind: str = ""
    reason: str = ""
    state: State | None = State.OPEN

    def days(self) -> Iterator[str]:
        """Yield the days of arrival that may hold some, the newest first."""
        day, first = self.end.date(), self.start.date()
        while day >= first:
            yield day.isoformat()
            day -= timedelta(days=1)

    def takes(self, found: Quarantined) -> bool:
        """Return whether the object is one of those, its state and source aside."""
        return (
            self.start <= found.arrived_at < self.end
            and self.kind in ("", found.kind)
            and self.reason.lower() in found.reason.lower()
        )


class Shelf(Protocol):
    """The bucket, read."""

    def sources(self) -> list[str]:
        """Return every function that has set something aside."""

    def listing(self, groups: Sequence[str]) -> list[Listed]:
        """Return the objects of these groups."""

    def describe(self, listed: Sequence[Listed]) -> list[Quarantined]:
        """Return what is noted of these objects, in their order; those that are gone are left out."""


def walk(shelf: Shelf, claims: Callable[[str], Mapping[str, Claim]], wanted: Selection, after: str) -> Iterator[Entry]:
    """Yield what has to be looked at for ``wanted``, the newest day of arrival first, in it the last set aside first.

    ``claims`` returns, by name, the claims of a group; ``after`` is the place to go on after, empty for the beginning.
    """
    sources = [wanted.source] if wanted.source else shelf.sources()
    for day in wanted.days():
        if after and day > after[: len(day)]:
            continue
        found = shelf.listing([f"{source}/{day}" for source in sources])
        known = {group: claims(group) for group in {one.group for one in found}}
        entries = [(one, known[one.group].get(one.name)) for one in sorted(found, key=_place, reverse=True)]
        rest = iter([pair for pair in entries if (not after or pair[0].place < after) and _has_state(pair[1], wanted)])
        while chunk := dict(islice(rest, CHUNK)):
            for one in shelf.describe(list(chunk)):
                yield Entry(one, chunk[one.listed], wanted.takes(one))


def group_and_name(key: str) -> tuple[str, str]:
    """Return the group and the name in a key, which may be cut; raise ``InvalidInputError`` if it is not like ours."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise InvalidInputError(f"key: {key!r} is not <source>/<YYYY-MM-DD>/<SHA-256>, as the list shows it")
    return match[1], match[2]


def _place(one: Listed) -> str:
    return one.place


def _has_state(claim: Claim | None, wanted: Selection) -> bool:
    return wanted.state is None or (claim is not None) == (wanted.state is State.REPLAYED)
