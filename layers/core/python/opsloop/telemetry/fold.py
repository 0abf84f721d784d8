"""Committed segments of one shard's log -> the blocks of the services and hours that they touch.

A block says per log up to which position it is merged in. So folding the same segments again, or more of them, or by
two folds at once, adds to each block exactly what it does not have yet.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np

from opsloop.clock import MINUTES_PER_HOUR, format_time, time_of
from opsloop.dataclass import replace
from opsloop.telemetry.aggregate import Aggregate, empty, merge, select
from opsloop.telemetry.exemplar import Exemplar, keep_one_each
from opsloop.telemetry.grouping import combine
from opsloop.telemetry.limit import limit_series
from opsloop.telemetry.model import LOG_START, Block, LateDataFolded, SeenService, Source
from opsloop.telemetry.segment import Committed

CLOSED_AFTER_S = 120
"""An hour is closed, its KPIs written, this long after its end."""

Key = tuple[str, int]
"""A service, and the minute at which an hour starts."""


MOST_CELLS = 50_000
"""What is folded at once: some 50 MB as columns, and some seconds that a second fold may do in vain."""


def portions(segments: Sequence[Committed], most_cells: int = MOST_CELLS) -> Iterator[Sequence[Committed]]:
    """Yield ``segments`` in order, as many at a time as hold at most ``most_cells`` cells, and at least one."""
    begin = cells = 0
    for place, one in enumerate(segments):
        if place > begin and cells + len(one.cells) > most_cells:
            yield segments[begin:place]
            begin, cells = place, 0
        cells += len(one.cells)
    if segments:
        yield segments[begin:]


class Folding:
    """Segments that follow one another in ``log``, to be folded."""

    def __init__(self, log: str, segments: Sequence[Committed]) -> None:
        self.log = log
        self.segments = segments
        self._exemplars_from = cache(lambda first: exemplars_by_hour(segments[first:]))
        self._cells_from = cache(lambda first: split_by_hour(merge(one.cells for one in segments[first:])))

    @property
    def end(self) -> str:
        """The position in the log after the last segment."""
        return self.segments[-1].end

    def touched(self) -> list[Key]:
        """Return the services and hours that the segments hold something for, sorted."""
        return sorted({(share.service, share.hour) for one in self.segments for share in one.shares})

    def fold_into(self, block: Block | None, key: Key, series_limit: int) -> Block | None:
        """Return ``block``, or a new one, with what it lacks of these segments; None if it lacks nothing.

        ``series_limit`` bounds its series; those that the block has already stay.
        """
        service, hour = key
        block = block or Block(service, hour, empty(), {}, ())
        folded_to = block.folded.get(self.log, LOG_START)
        first = sum(one.end <= folded_to for one in self.segments)
        cells = self._cells_from(first).get(key)
        if cells is None:
            return None
        merged = limit_series(merge([block.cells, cells]), lambda _: series_limit, keep=set(block.cells.series))
        sources = {one.log: one for one in block.sources}
        sources[self.log] = self._source(sources.get(self.log), key, first)
        found = self._exemplars_from(first).get(key, [])
        counted = set(merged.series) if found or block.exemplars else set()
        return replace(
            block,
            cells=merged,
            exemplars=keep_one_each(one for one in (*block.exemplars, *found) if one.series in counted),
            folded={**block.folded, self.log: self.end},
            sources=tuple(sources[log] for log in sorted(sources)),
        )

    def seen_services(self) -> list[SeenService]:
        """Return the services of the segments, with their first and last minute."""
        seen: dict[str, SeenService] = {}
        for (service, _), cells in self._cells_from(0).items():
            first, last = int(cells.minute.min()), int(cells.minute.max())
            known = seen.get(service, SeenService(service, first, last))
            seen[service] = SeenService(service, min(known.first_seen, first), max(known.last_seen, last))
        return [seen[service] for service in sorted(seen)]

    def late_data(self, now_s: float) -> list[LateDataFolded]:
        """Return, per service, the hours of the segments that were closed at ``now_s``, seconds since the epoch."""
        hours: dict[str, list[str]] = {}
        for service, hour in self.touched():
            if (hour + MINUTES_PER_HOUR) * 60 + CLOSED_AFTER_S <= now_s:
                hours.setdefault(service, []).append(format_time(time_of(hour)))
        return [LateDataFolded(service, late) for service, late in hours.items()]

    def _source(self, known: Source | None, key: Key, first: int) -> Source:
        touching = [
            (one, share) for one in self.segments[first:] for share in one.shares if (share.service, share.hour) == key
        ]
        return Source(
            log=self.log,
            first=known.first if known else touching[0][0].start,
            last=touching[-1][0].end,
            segments=(known.segments if known else 0) + len(touching),
            records=(known.records if known else 0) + sum(share.records for _, share in touching),
            items=(known.items if known else 0) + sum(share.items for _, share in touching),
        )


def exemplars_by_hour(segments: Sequence[Committed]) -> Mapping[Key, list[Exemplar]]:
    """Return the exemplars of each service and hour."""
    found: dict[Key, list[Exemplar]] = {}
    for one in (exemplar for segment in segments for exemplar in segment.exemplars):
        found.setdefault((one.series.service, one.hour), []).append(one)
    return found


def split_by_hour(cells: Aggregate) -> Mapping[Key, Aggregate]:
    """Return the cells of each service and hour."""
    if not len(cells):
        return {}
    names = sorted({one.service for one in cells.series})
    number_of = {name: number for number, name in enumerate(names)}
    service = np.array([number_of[one.service] for one in cells.series])[cells.series_index]
    hour = cells.minute // MINUTES_PER_HOUR
    code, rows = combine((service, hour - int(hour.min())))
    keys = sorted(zip(service[rows].tolist(), hour[rows].tolist(), range(len(rows)), strict=True))
    return {
        (names[which], start * MINUTES_PER_HOUR): merge([select(cells, code == number)])
        for which, start, number in keys
    }
