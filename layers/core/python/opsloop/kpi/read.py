"""Answers a question for KPI rows: stored pages where the hour is closed, else the same computation from blocks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from opsloop.catalog import Service
from opsloop.clock import MINUTES_PER_HOUR, hour_start
from opsloop.dataclass import dataclass
from opsloop.kpi.model import KINDS, WHOLE_SERVICE, KpiRow, PageKey, StoredPage, StoredRow, page_start, unknown_row
from opsloop.kpi.period import MINUTES, Period, periods
from opsloop.kpi.rollup import day_rows, minute_rows
from opsloop.kpi.update import Blocks

Row = KpiRow | StoredRow
Starts = Mapping[int, list[Row]]


class RangePages(Protocol):
    """Where pages of rows are kept."""

    def read(self, keys: Sequence[PageKey]) -> Mapping[PageKey, StoredPage]:
        """Return those pages that exist."""

    def read_range(self, service: str, resolution: str, first: str, last: str) -> list[StoredPage]:
        """Return the pages of all operations from page start ``first`` to ``last``."""


@dataclass(frozen=True)
class Question:
    """Rows of ``service`` from ``first_minute`` up to but not including ``end_minute``, as known at ``now_minute``.

    ``operation`` "" asks for the whole service and ``None`` for every operation; ``kind`` ``None`` asks for all kinds.
    """

    service: Service
    resolution: str
    first_minute: int
    end_minute: int
    now_minute: int
    operation: str | None
    kind: str | None

    def periods(self) -> list[Period]:
        """Return the periods asked about that have begun, oldest first."""
        end = min(self.end_minute, self.now_minute + 1)
        return list(periods(self.resolution, self.first_minute, end, now_minute=self.now_minute))

    def wants(self, operation: str, kind: str) -> bool:
        """Return whether rows of ``operation`` and ``kind`` are asked for."""
        is_operation = operation != WHOLE_SERVICE if self.operation is None else operation == self.operation
        return is_operation and self.kind in (None, kind)


def read_rows(question: Question, *, blocks: Blocks, pages: RangePages) -> Iterator[Row]:
    """Yield the rows asked for, by start, operation and kind.

    Every period has a row: where nothing is known of it, an UNKNOWN one. Asked for every operation (or kind), a
    period has rows of those that were active in it, and one UNKNOWN row of the whole service where none was.
    """
    wanted = question.periods()
    if not wanted:
        return
    if question.resolution == "minute":
        known: Starts = _from_minutes(question, wanted, blocks)
    else:
        known, are_stored = _from_pages(question, wanted, pages)
        missing = [period for period in wanted if period.start_minute not in are_stored]
        known = {**known, **_from_blocks(question, missing, blocks)}
    for period in wanted:
        rows = known.get(period.start_minute)
        if rows:
            yield from sorted(rows, key=lambda row: row.position) if len(rows) > 1 else rows
        else:
            operation, kind = question.operation or WHOLE_SERVICE, question.kind or "request"
            yield unknown_row(question.service.name, operation, kind, period)


def _from_pages(question: Question, wanted: Sequence[Period], pages: RangePages) -> tuple[Starts, set[int]]:
    """Return the stored rows asked for by start, and the starts of all periods that are stored."""
    rows: dict[int, list[Row]] = {}
    for page in _pages_of(question, wanted, pages):
        if question.wants(page.key.operation, page.key.kind):
            for row in page.rows:
                rows.setdefault(row.start_minute, []).append(row)
    in_range = {period.start_minute for period in wanted}
    found = {start: rows[start] for start in rows if start in in_range}
    unclear = [period for period in wanted if period.is_complete and period.start_minute not in found]
    return found, set(found) | _stored(question, unclear, pages)


def _pages_of(question: Question, wanted: Sequence[Period], pages: RangePages) -> Iterable[StoredPage]:
    name, resolution = question.service.name, question.resolution
    starts = sorted({page_start(resolution, period.start_minute) for period in wanted})
    if question.operation is None:
        return pages.read_range(name, resolution, starts[0], starts[-1])
    kinds = KINDS if question.kind is None else (question.kind,)
    keys = [PageKey(name, resolution, start, kind, question.operation) for start in starts for kind in kinds]
    return pages.read(keys).values()


def _stored(question: Question, unclear: Sequence[Period], pages: RangePages) -> set[int]:
    """Return the starts of those periods that are stored, with rows of others: the whole service's row says so."""
    name, resolution = question.service.name, question.resolution
    starts = sorted({page_start(resolution, period.start_minute) for period in unclear})
    keys = [PageKey(name, resolution, start, "request", WHOLE_SERVICE) for start in starts]
    return {row.start_minute for page in pages.read(keys).values() for row in page.rows}


def _from_blocks(question: Question, missing: Sequence[Period], blocks: Blocks) -> Starts:
    """Return the rows of the periods that are not stored, read in as few stretches as they form."""
    rows: dict[int, list[Row]] = {}
    for stretch in stretches(missing, MINUTES[question.resolution]):
        found = blocks.read(question.service.name, stretch[0].start_minute, stretch[-1].end_minute - MINUTES_PER_HOUR)
        for period in stretch:
            parts = [one for one in found if period.start_minute <= one.hour < period.end_minute]
            if parts:
                made = day_rows(parts, period, question.service, wanted=question.wants)
                rows[period.start_minute] = list(made)
    return rows


def _from_minutes(question: Question, wanted: Sequence[Period], blocks: Blocks) -> Starts:
    first, last = wanted[0].start_minute, wanted[-1].start_minute
    rows: dict[int, list[Row]] = {}
    for block in blocks.read(question.service.name, hour_start(first), hour_start(last)):
        for row in minute_rows(block, question.service, now_minute=question.now_minute, wanted=question.wants):
            if first <= row.start_minute <= last:
                rows.setdefault(row.start_minute, []).append(row)
    return rows


def stretches(missing: Iterable[Period], length: int) -> list[list[Period]]:
    """Return the periods in runs without gaps."""
    numbered = enumerate(missing)
    runs = groupby(numbered, key=lambda pair: pair[1].start_minute // length - pair[0])
    return [[period for _, period in run] for _, run in runs]
