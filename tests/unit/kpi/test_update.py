"""Stored rows follow their blocks, whatever is delivered twice, late, or in between."""

from collections.abc import Sequence

from opsloop.kpi.model import KpiRow, Page, PageKey, State, page_key
from opsloop.kpi.plan import plan_late, plan_schedule
from opsloop.kpi.update import Updated, update_service
from opsloop.telemetry.model import Block
from tests.unit.kpi.blocks import DAY, HOUR, SHOP, Span, block

NOW = HOUR + 62


class MemoryBlocks:
    def __init__(self, *blocks: Block) -> None:
        self.blocks = {one.hour: one for one in blocks}

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        assert service == "shop"
        return [one for hour, one in sorted(self.blocks.items()) if first_hour <= hour <= last_hour]


class MemoryPages:
    def __init__(self) -> None:
        self.pages: dict[PageKey, Page] = {}
        self.written: list[KpiRow] = []

    def read(self, keys: Sequence[PageKey]) -> dict[PageKey, Page]:
        return {key: self.pages[key] for key in keys if key in self.pages}

    def put_rows(self, rows: Sequence[KpiRow], *, retention_days: int) -> int:
        assert retention_days == 800
        for row in rows:
            page = self.pages.get(page_key(row), Page(page_key(row)))
            self.pages[page.key] = page.with_rows([row])
            self.written.append(row)
        return len(rows)

    def row(self, resolution: str, start: int, operation: str = "") -> KpiRow:
        rows = [row for key, page in self.pages.items() if key.operation == operation for row in page.rows]
        wanted = (resolution, start, "request")
        (found,) = [row for row in rows if (row.resolution, row.start_minute, row.kind) == wanted]
        return found


def update(blocks: MemoryBlocks, pages: MemoryPages, plan, known_since: int | None = None) -> Updated:
    return update_service(SHOP, plan, known_since=known_since, blocks=blocks, pages=pages, retention_days=800)


def test_a_closed_hour_is_written_and_the_same_event_again_finds_nothing_to_do():
    blocks, pages = MemoryBlocks(block(HOUR, [Span(HOUR)])), MemoryPages()
    first = update(blocks, pages, plan_schedule(NOW, "hour"), known_since=HOUR)
    before = dict(pages.pages)
    second = update(blocks, pages, plan_schedule(NOW, "hour"), known_since=HOUR)
    assert first.hours == (HOUR,)
    assert (second, pages.pages) == (Updated(), before)


def test_the_whole_services_row_is_written_last_for_it_says_that_the_others_are_there():
    pages = MemoryPages()
    spans = [Span(HOUR), Span(HOUR, kind="client"), Span(HOUR, operation="z")]
    update(MemoryBlocks(block(HOUR, spans)), pages, plan_schedule(NOW, "hour"), known_since=HOUR)
    last = [(row.operation, row.kind) for row in pages.written if row.start_minute == HOUR][-1]
    assert last == ("", "request")
    assert len(pages.written) == 5


def test_an_hour_without_a_block_is_written_as_unknown():
    pages = MemoryPages()
    update(MemoryBlocks(), pages, plan_schedule(NOW, "hour"), known_since=HOUR - 600)
    assert pages.row("hour", HOUR).state is State.UNKNOWN


def test_hours_before_a_service_was_first_seen_are_nobodys():
    pages = MemoryPages()
    update(MemoryBlocks(), pages, plan_schedule(NOW, "hour"), known_since=HOUR + 5)
    assert {row.start_minute for row in pages.written} == {HOUR}


def test_a_declared_service_that_was_never_seen_is_unknown_and_not_left_out():
    pages = MemoryPages()
    update(MemoryBlocks(), pages, plan_schedule(NOW, "hour"), known_since=None)
    assert pages.row("hour", HOUR).state is State.UNKNOWN


def test_late_data_recompute_their_hour_and_its_day():
    morning, pages = DAY + 120, MemoryPages()
    blocks = MemoryBlocks(block(morning, [Span(morning)], version=3))
    tomorrow = DAY + 1440 + 10
    update(blocks, pages, plan_schedule(tomorrow, "day"), known_since=DAY)
    assert pages.row("day", DAY).requests == 1
    blocks.blocks[morning] = block(morning, [Span(morning), Span(morning + 1, is_error=True)], version=4)
    done = update(blocks, pages, plan_late(tomorrow + 30, [morning]), known_since=DAY)
    assert (done.hours, done.days) == ((morning,), (DAY,))
    assert (pages.row("hour", morning).requests, pages.row("day", DAY).requests) == (2, 2)
    assert pages.row("day", DAY).errors == 1


def test_data_that_come_after_an_unknown_row_replace_it():
    pages, blocks = MemoryPages(), MemoryBlocks()
    update(blocks, pages, plan_schedule(NOW, "hour"), known_since=0)
    blocks.blocks[HOUR] = block(HOUR, [Span(HOUR)])
    update(blocks, pages, plan_late(NOW + 5, [HOUR]), known_since=0)
    assert pages.row("hour", HOUR).state is State.OK


def test_a_fold_that_the_closing_of_its_hour_missed_is_found_by_the_next_hours_run():
    pages, blocks = MemoryPages(), MemoryBlocks(block(HOUR, [Span(HOUR)], version=1))
    update(blocks, pages, plan_schedule(NOW, "hour"), known_since=HOUR)
    blocks.blocks[HOUR] = block(HOUR, [Span(HOUR)] * 2, version=2)
    done = update(blocks, pages, plan_schedule(NOW + 60, "hour"), known_since=HOUR)
    assert HOUR in done.hours
    assert pages.row("hour", HOUR).requests == 2


def test_an_older_computation_never_overwrites_a_newer_one():
    pages = MemoryPages()
    newer, older = block(HOUR, [Span(HOUR)] * 5, version=7), block(HOUR, [Span(HOUR)], version=6)
    update(MemoryBlocks(newer), pages, plan_schedule(NOW, "hour"), known_since=HOUR)
    kept = pages.row("hour", HOUR)
    late = MemoryPages()
    update(MemoryBlocks(older), late, plan_schedule(NOW, "hour"), known_since=HOUR)
    for row in late.written:
        page = pages.pages[page_key(row)]
        assert page.with_rows([row]) is page
    assert pages.row("hour", HOUR) == kept
