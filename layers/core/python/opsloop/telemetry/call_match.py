"""Sampled spans, each with its parent, wherever the two came from; and what client spans without an answer reached for.

Spans that lie in the sample twice, as after a sender's repetition that nobody noticed, are one. Where client and server
share a span id, as Zipkin's do, the client is the server's parent.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from opsloop.telemetry.link_window import WINDOW_MINUTES
from opsloop.telemetry.links import Links, Name, Peer, joined

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_MOST_NAMESAKES = 4  # a client and a server share a span id, and perhaps somebody else does; more are no spans
_NO_PARENT = -1


class Sample:
    """Spans in columns, sorted by id, and the place of the parent of each, -1 if it is not there."""

    def __init__(self, links: Links, common: dict[int, int]) -> None:
        rows = _distinct(links)
        self.names: tuple[Name, ...] = links.names
        self.peers: tuple[Peer, ...] = links.peers
        self.name, self.peer, self.level = links.name[rows], links.peer[rows], links.level[rows]
        self.minute, self.step, self.is_error = links.minute[rows], links.step[rows], links.is_error[rows]
        self._span, self._parent_span, self._zeros = links.span[rows], links.parent[rows], links.zeros[rows]
        self.services = tuple(sorted({service for service, _, _ in links.names}))
        number = {service: place for place, service in enumerate(self.services)}
        self.service = np.array([number[service] for service, _, _ in links.names], dtype=np.int64)[self.name]
        self.is_client, self.is_producer = self._is_of("client"), self._is_of("producer")
        self.is_consumer = self._is_of("consumer")
        self.is_request = self._is_of("server") | self.is_consumer
        levels = {
            start: max(common.get(start + by, 0) for by in (-WINDOW_MINUTES, 0, WINDOW_MINUTES)) for start in common
        }
        window, place = np.unique(self.minute // WINDOW_MINUTES * WINDOW_MINUTES, return_inverse=True)
        self.common_level = np.array([levels.get(one, 0) for one in window.tolist()], dtype=np.int64)[place.reshape(-1)]
        """The level at which a child of each span would be in the sample for sure."""

    def __len__(self) -> int:
        return len(self.name)

    @cached_property
    def parent(self) -> Ints:
        """The place of each span's parent; of several spans of that id that of the same service, then a client's."""
        first = np.searchsorted(self._span, self._parent_span, side="left")
        count = np.searchsorted(self._span, self._parent_span, side="right") - first
        count[self._parent_span == 0] = 0
        best, found = np.full(len(self), -1), np.full(len(self), _NO_PARENT)
        for turn in range(min(int(count.max(initial=0)), _MOST_NAMESAKES)):
            rows = np.flatnonzero(count > turn)
            place = first[rows] + turn
            rank = 2 * (self.service[place] == self.service[rows]) + (self.is_client | self.is_producer)[place]
            is_better = rank > best[rows]
            best[rows[is_better]], found[rows[is_better]] = rank[is_better], place[is_better]
        for by in (-1, 1):
            other = np.clip(np.arange(len(self)) + by, 0, max(len(self) - 1, 0))
            shares = (self._span[other] == self._span) & (self.service[other] != self.service)
            shares &= self.is_request & (self.is_client | self.is_producer)[other]
            found = np.where(shares, other, found)
        return found

    @cached_property
    def is_call(self) -> Bools:
        """Whether each span is where a call of another service arrived."""
        is_call: Bools = self.parent >= 0
        is_call &= self.service[self.parent] != self.service
        return is_call

    @cached_property
    def is_unanswered(self) -> Bools:
        """Whether each span says whom it calls, and nothing of the call is there, although it would be."""
        is_reached = self.is_call | self.is_request | self.is_client | self.is_producer
        has_child = np.zeros(len(self), dtype=bool)
        has_child[self.parent[(self.parent >= 0) & is_reached]] = True
        is_unanswered: Bools = (self.is_client | self.is_producer) & (self.peer >= 0) & ~has_child
        is_unanswered &= self._zeros >= self.common_level
        return is_unanswered

    def answers(self) -> tuple[dict[tuple[int, int], int], dict[int, int]]:
        """Return which service answered most of the calls of each service and peer, and of each peer."""
        child = np.flatnonzero(self.is_call)
        parent = self.parent[child]
        votes: dict[tuple[int, int], dict[int, int]] = {}
        of_any: dict[int, dict[int, int]] = {}
        columns = (self.service[parent].tolist(), self.peer[parent].tolist(), self.service[child].tolist())
        for caller, peer, callee in zip(*columns, strict=True):
            if peer >= 0:
                for counts in (votes.setdefault((caller, peer), {}), of_any.setdefault(peer, {})):
                    counts[callee] = counts.get(callee, 0) + 1
        return {pair: _most(counts) for pair, counts in votes.items()}, {one: _most(of_any[one]) for one in of_any}

    def _is_of(self, wanted: str) -> Bools:
        return np.array([kind == wanted for _, kind, _ in self.names], dtype=bool)[self.name]


def match(windows: Sequence[tuple[int, Links]]) -> Sample:
    """Return the spans of ``windows``, samples with the start of their ten minutes, as one."""
    common: dict[int, int] = {}
    for start, links in windows:
        common[start] = max(common.get(start, 0), links.highest)
    return Sample(joined([links for _, links in windows]), common)


def _distinct(links: Links) -> Ints:
    """Return one row per span, sorted by id: of several the one that was kept at the lowest level."""
    order = np.lexsort((links.level, links.name, links.span))
    span, name = links.span[order], links.name[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (np.diff(span) != 0) | (np.diff(name) != 0)
    rows: Ints = order[is_first]
    return rows


def _most(counts: dict[int, int]) -> int:
    return min(counts, key=lambda one: (-counts[one], one))
