"""KPIs of a service as columns on a regular grid: what charts draw. None is UNKNOWN: nothing was heard.

Points of minutes and five minutes are merged from the minutes in blocks; hours and days come from stored pages, and
where a page is not there yet (the open hour) from blocks, by the same numbers.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR, hour_start
from opsloop.dataclass import dataclass
from opsloop.kpi.columns import columns_of, of_operation, span_cells, whole_service
from opsloop.kpi.grid import Grid
from opsloop.kpi.model import KINDS, WHOLE_SERVICE, PageKey, StoredPage, page_start
from opsloop.kpi.period import Period
from opsloop.kpi.read import RangePages, stretches
from opsloop.kpi.update import Blocks
from opsloop.telemetry.model import Block

RESOLUTION = {MINUTES_PER_HOUR: "hour", MINUTES_PER_DAY: "day"}
"""The steps, in minutes, that pages are stored for."""
Values = list[Any]  # of int, float or None
Place = tuple[str, str]
"""Operation and kind of a series."""


@dataclass(frozen=True)
class SeriesQuestion:
    """The KPIs ``names`` of ``service`` on ``grid``.

    ``operation`` "" asks for the whole service and ``None`` for every operation; ``kind`` ``None`` asks for all kinds.
    """

    service: str
    grid: Grid
    names: tuple[str, ...]
    operation: str | None = WHOLE_SERVICE
    kind: str | None = "request"

    def wants(self, operation: str, kind: str) -> bool:
        """Return whether a series of ``operation`` and ``kind`` is asked for."""
        is_operation = operation != WHOLE_SERVICE if self.operation is None else operation == self.operation
        return is_operation and self.kind in (None, kind)


@dataclass(frozen=True)
class KpiSeries:
    """One operation (or the whole service) over a grid: per KPI as many values as the grid has points."""

    service: str
    operation: str
    kind: str
    values: dict[str, Values]

    def requests(self) -> int:
        """Return how many requests are known of it; 0 where the KPI was not asked for."""
        return sum(one or 0 for one in self.values.get("requests", ()))


def read_series(question: SeriesQuestion, *, blocks: Blocks, pages: RangePages) -> list[KpiSeries]:
    """Return the series asked for, by operation and kind.

    One operation and kind has its series even if nothing was heard of it. Of "every" those are there that were heard
    of in the range.
    """
    table = _Table(question)
    grid = question.grid
    resolution = RESOLUTION.get(grid.step_minutes)
    if resolution is None:
        found = _read(question.service, grid.first_minute, grid.end_minute, blocks) if grid.points else []
        table.add_blocks(found, grid.first_minute, grid.end_minute)
    else:
        periods = [Period(resolution, start, grid.now_minute) for start in grid.starts()]
        stored = _add_pages(table, question, periods, pages)
        missing = [one for one in periods if one.start_minute not in stored]
        for stretch in stretches(missing, grid.step_minutes):
            first, end = stretch[0].start_minute, stretch[-1].end_minute
            table.add_blocks(_read(question.service, first, end, blocks), first, end)
    return table.series()


def busiest(series: Sequence[KpiSeries], most: int) -> list[KpiSeries]:
    """Return those ``most`` of ``series`` that had the most requests, in the order that they came in."""
    ranked = sorted(range(len(series)), key=lambda at: (-series[at].requests(), at))
    return [series[at] for at in sorted(ranked[:most])]


class _Table:
    """Columns that are filled from several sides, each place and point by one of them."""

    def __init__(self, question: SeriesQuestion) -> None:
        self._question, self._grid = question, question.grid
        self._columns: dict[Place, dict[str, Values]] = {}
        if question.operation is not None and question.kind is not None:
            self._column((question.operation, question.kind))

    def add_blocks(self, found: Sequence[Block], first: int, end: int) -> None:
        """Fill the points from minute ``first`` to before ``end`` from the blocks that lie in them."""
        operation, kind = self._question.operation, self._question.kind
        relabel = whole_service(kind) if operation == WHOLE_SERVICE else of_operation(operation, kind)
        cells = span_cells(found, relabel, start=first, end=end, step=self._grid.step_minutes)
        at = ((cells.minute - self._grid.first_minute) // self._grid.step_minutes).tolist()
        columns = columns_of(cells, self._question.names)
        targets = [self._column((one.operation, one.kind)) for one in cells.series]
        series = cells.series_index.tolist()
        for name, values in columns.items():
            for number, point, value in zip(series, at, values.tolist(), strict=True):
                targets[number][name][point] = value

    def add_row(self, place: Place, start: int, row: dict[str, Any]) -> None:
        """Fill one point from a stored row."""
        column = self._column(place)
        point = (start - self._grid.first_minute) // self._grid.step_minutes
        for name in self._question.names:
            column[name][point] = row[name]

    def series(self) -> list[KpiSeries]:
        """Return what was filled, by operation and kind."""
        return [
            KpiSeries(self._question.service, *place, values=values) for place, values in sorted(self._columns.items())
        ]

    def _column(self, place: Place) -> dict[str, Values]:
        column = self._columns.get(place)
        if column is None:
            column = {name: [None] * self._grid.points for name in self._question.names}
            self._columns[place] = column
        return column


def _add_pages(table: _Table, question: SeriesQuestion, periods: Sequence[Period], pages: RangePages) -> set[int]:
    """Fill the points that are stored, and return their starts: those at which the whole service has a row."""
    in_range = {one.start_minute for one in periods}
    stored: set[int] = set()
    for page in _pages(question, periods, pages):
        place = page.key.operation, page.key.kind
        is_mark, is_wanted = place == (WHOLE_SERVICE, "request"), question.wants(*place)
        for row in page.rows:
            if row.start_minute not in in_range:
                continue
            if is_mark:
                stored.add(row.start_minute)
            if is_wanted and row.content["requests"] is not None:
                table.add_row(place, row.start_minute, row.content)
    return stored


def _pages(question: SeriesQuestion, periods: Sequence[Period], pages: RangePages) -> Iterable[StoredPage]:
    if not periods:
        return ()
    resolution = periods[0].resolution
    starts = sorted({page_start(resolution, one.start_minute) for one in periods})
    if question.operation is None:
        return pages.read_range(question.service, resolution, starts[0], starts[-1])
    kinds = KINDS if question.kind is None else (question.kind,)
    places = {(kind, question.operation) for kind in kinds} | {("request", WHOLE_SERVICE)}
    keys = [PageKey(question.service, resolution, start, *place) for start in starts for place in sorted(places)]
    return pages.read(keys).values()


def _read(service: str, first: int, end: int, blocks: Blocks) -> list[Block]:
    return blocks.read(service, hour_start(first), hour_start(end - 1))
