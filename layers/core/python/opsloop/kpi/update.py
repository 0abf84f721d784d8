"""Brings the stored rows of one service up to date with its blocks; run again, it finds nothing to do."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from opsloop.catalog import Service
from opsloop.clock import MINUTES_PER_HOUR
from opsloop.dataclass import dataclass
from opsloop.kpi.model import WHOLE_SERVICE, KpiRow, Page, PageKey, page_start
from opsloop.kpi.period import Period
from opsloop.kpi.plan import Plan
from opsloop.kpi.rollup import day_rows
from opsloop.telemetry.model import Block


class Blocks(Protocol):
    """Where blocks are read."""

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        """Return the blocks of ``service`` from the first to the last hour, both included."""


class Pages(Protocol):
    """Where pages of rows are kept."""

    def read(self, keys: Sequence[PageKey]) -> Mapping[PageKey, Page]:
        """Return those pages that exist."""

    def put_rows(self, rows: Sequence[KpiRow], *, retention_days: int) -> int:
        """Put rows into their pages, in their order, newer ones there kept; return how many pages changed."""


@dataclass(frozen=True)
class Updated:
    """What was done for one service: starts of the hours and days computed, and how many rows and pages that were."""

    hours: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    rows: int = 0
    pages: int = 0


def update_service(
    service: Service, plan: Plan, *, known_since: int | None, blocks: Blocks, pages: Pages, retention_days: int
) -> Updated:
    """Compute and store the rows of ``service`` that ``plan`` asks for and that its blocks have gone beyond.

    An hour or day without any block gets an UNKNOWN row, if it ends after ``known_since`` (minutes since the epoch),
    when the service was first seen; ``None`` says that it was never seen, and is expected at any time.

    Within a period the whole service's row is stored last: where it is, the rows of all operations are.
    """
    by_hour = {
        block.hour: block for first, last in plan.hour_ranges() for block in blocks.read(service.name, first, last)
    }
    wanted = [Period("hour", hour, plan.now_minute) for hour in plan.hours]
    wanted += [Period("day", day, plan.now_minute) for day in plan.days]
    stored = _stored_versions(service.name, wanted, pages)
    rows: list[KpiRow] = []
    computed: dict[str, list[int]] = {"hour": [], "day": []}
    for period in wanted:
        parts = _blocks_of(period, by_hour)
        version = sum(block.version for block in parts)
        if version <= stored.get((period.resolution, period.start_minute), -1):
            continue
        if not parts and known_since is not None and period.end_minute <= known_since:
            continue
        rows += day_rows(parts, period, service)
        computed[period.resolution].append(period.start_minute)
    rows.sort(key=_commit_order)
    changed = pages.put_rows(rows, retention_days=retention_days) if rows else 0
    return Updated(tuple(computed["hour"]), tuple(computed["day"]), len(rows), changed)


def _blocks_of(period: Period, by_hour: Mapping[int, Block]) -> list[Block]:
    hours = range(period.start_minute, period.end_minute, MINUTES_PER_HOUR)
    return [by_hour[hour] for hour in hours if hour in by_hour]


def _stored_versions(service: str, wanted: Sequence[Period], pages: Pages) -> dict[tuple[str, int], int]:
    keys = {
        PageKey(service, one.resolution, page_start(one.resolution, one.start_minute), "request", WHOLE_SERVICE)
        for one in wanted
    }
    return {
        (row.resolution, row.start_minute): row.version
        for page in pages.read(sorted(keys, key=lambda key: (key.resolution, key.start))).values()
        for row in page.rows
    }


def _commit_order(row: KpiRow) -> tuple[bool, bool]:
    return row.operation == WHOLE_SERVICE, row.kind == "request"
