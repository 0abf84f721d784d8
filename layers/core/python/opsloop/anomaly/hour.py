"""What is known of one hour of all services, and where it is read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from opsloop.clock import MINUTES_PER_HOUR, hour_start
from opsloop.dataclass import dataclass
from opsloop.log.model import PatternHour
from opsloop.telemetry.model import Block, SeenService

AHEAD_HOURS = 6
"""How many hours are read at once while the detector is behind."""


@dataclass(frozen=True)
class Hour:
    """The hour that starts at minute ``start``. ``blocks``: by service, those of the hour before and of this one that
    there are; ``patterns``: by service, the pattern counts of this hour."""

    start: int
    blocks: Mapping[str, Sequence[Block]]
    patterns: Mapping[str, Sequence[PatternHour]]


class Blocks(Protocol):
    """The folded minutes."""

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        """Return the blocks of ``service`` for the hours starting at ``first_hour`` to ``last_hour``."""


class Patterns(Protocol):
    """The pattern counts of logs."""

    def hours(self, service: str, first_hour: int, last_hour: int) -> list[PatternHour]:
        """Return the hours of ``service`` that start at minute ``first_hour`` to ``last_hour``, oldest first."""


class Hours:
    """Hours one after the other: each block is read once, some hours at a time where there are many to go."""

    def __init__(
        self,
        blocks: Blocks,
        patterns: Patterns,
        services: Iterable[SeenService],
        until: int,
        *,
        ahead_hours: int = AHEAD_HOURS,
    ) -> None:
        self._blocks, self._patterns, self._ahead_hours = blocks, patterns, ahead_hours
        self._services = list(services)
        self._last = hour_start(until - 1)
        self._read_to = -1
        self._kept: dict[str, dict[int, Block]] = {}
        self._counts: dict[str, dict[int, PatternHour]] = {}

    def hour(self, start: int) -> Hour:
        """Return the hour that starts at minute ``start``; to be asked in order of time."""
        if start > self._read_to:
            self._read_ahead(start)
        before = start - MINUTES_PER_HOUR
        blocks, patterns = {}, {}
        for name, by_hour in self._kept.items():
            for old in [one for one in by_hour if one < before]:
                del by_hour[old]
            found = [by_hour[one] for one in (before, start) if one in by_hour]
            if found:
                blocks[name] = found
        for name, counts in self._counts.items():
            if start in counts:
                patterns[name] = [counts[start]]
        return Hour(start, blocks, patterns)

    def _read_ahead(self, start: int) -> None:
        last = min(self._last, start + (self._ahead_hours - 1) * MINUTES_PER_HOUR)
        first = start if self._read_to == start - MINUTES_PER_HOUR else start - MINUTES_PER_HOUR
        for one in self._services:
            if one.last_seen < first or one.first_seen >= last + MINUTES_PER_HOUR:
                continue
            there = self._kept.setdefault(one.service, {})
            there |= {block.hour: block for block in self._blocks.read(one.service, first, last)}
            found = self._patterns.hours(one.service, start, last)
            self._counts[one.service] = {each.hour: each for each in found}
        self._read_to = last
