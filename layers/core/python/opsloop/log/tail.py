"""Following the logs of a service as they become searchable, without missing what arrives late.

Lines are followed in the steps in which they were kept, which a service counts without a gap (``kept`` of a document):
neither their own time, which may be late, nor the time of putting them into the store, which a repeat changes, is an
order. A step is shown when no object up to it waits, and it was so one round ago: a search store needs a second to find
what it took. So a cursor passes over nothing, whoever indexes in which order.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import NamedTuple, Protocol

from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError
from opsloop.log.search_spec import LOGS
from opsloop.search import Found, Query, SearchStore

NOTHING = Found((), 0, "")
_MAX = 1 << 60


class Reached(NamedTuple):
    """How far the logs of a service are: ``kept`` steps in all; those up to ``searchable`` are in the search store."""

    searchable: int
    kept: int


class Steps(Protocol):
    """What is known of how far the logs of a service are."""

    def reached(self, service: str, after: int) -> Reached:
        """Return it; steps up to ``after`` are taken for searchable."""


@dataclass(frozen=True)
class TailCursor:
    """All steps up to ``after`` were shown, and of those up to ``until`` what comes before ``inner``, if it is set."""

    after: int
    until: int = 0
    inner: str = ""

    @property
    def text(self) -> str:
        """Return this as callers keep it."""
        return urlsafe_b64encode(json.dumps([self.after, self.until, self.inner]).encode()).rstrip(b"=").decode()

    @classmethod
    def of(cls, text: str) -> "TailCursor":
        """Return the cursor that ``text`` is; raise ``InvalidInputError`` if it is none."""
        wrong = InvalidInputError("after: not a cursor of ours; begin again without it")
        try:
            after, until, inner = json.loads(urlsafe_b64decode(f"{text}===".encode()))
        except (ValueError, TypeError, RecursionError):
            raise wrong from None
        if type(after) is not int or type(until) is not int or not isinstance(inner, str):
            raise wrong
        if not 0 <= after < _MAX or not 0 <= until < _MAX:
            raise wrong
        return cls(after, until, inner)


@dataclass(frozen=True)
class Tailed:
    """Lines found, where to go on, and how many steps were kept that cannot be searched yet."""

    found: Found
    cursor: TailCursor
    waiting: int = 0


@dataclass
class Tail:
    """The logs of ``service`` that fit ``query``, up to ``size`` lines at a time."""

    store: SearchStore
    steps: Steps
    service: str
    query: Query
    size: int

    def begin(self, lines: int, wait: Callable[[], bool]) -> Tailed:
        """Return the last ``lines`` of what can be searched, oldest first, and the cursor behind them."""
        reached = self.steps.reached(self.service, 0)
        found = NOTHING
        if lines and wait():
            newest = self.store.search(LOGS, self._between(0, reached.searchable), order="newest", size=lines)
            found = replace(newest, hits=newest.hits[::-1], cursor="")
        return Tailed(found, TailCursor(reached.searchable), reached.kept - reached.searchable)

    def go_on(self, cursor: TailCursor, wait: Callable[[], bool]) -> Tailed:
        """Return the next lines, as soon as there are some; none, when ``wait``, which waits a moment, says to stop."""
        if cursor.inner:
            return self._page(cursor)
        reached = self.steps.reached(self.service, cursor.after)
        while wait():
            if reached.searchable > cursor.after:
                tailed = self._page(replace(cursor, until=reached.searchable))
                cursor = tailed.cursor
                if tailed.found.hits:
                    return tailed
            reached = self.steps.reached(self.service, cursor.after)
        return Tailed(NOTHING, cursor, reached.kept - reached.searchable)

    def _page(self, cursor: TailCursor) -> Tailed:
        query = self._between(cursor.after, cursor.until)
        found = self.store.search(LOGS, query, order="oldest", size=self.size, cursor=cursor.inner)
        if found.cursor:
            return Tailed(found, replace(cursor, inner=found.cursor))
        return Tailed(found, TailCursor(cursor.until))

    def _between(self, after: int, until: int) -> Query:
        return replace(self.query, ranges={**self.query.ranges, "kept": (after + 1, until)})
