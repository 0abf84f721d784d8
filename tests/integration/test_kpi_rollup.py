"""Schedules and late data become stored rows, once, whatever is delivered twice or fails half way."""

import json
from dataclasses import replace

import pytest

from opsloop.adapters.kpi_pages import KpiPages
from opsloop.adapters.kpi_table import KpiTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import minute_of
from opsloop.errors import DependencyUnavailableError
from opsloop.kpi.model import PageKey, page_start
from opsloop.telemetry.model import SeenService
from tests.conftest import NOW
from tests.unit.kpi.blocks import HOUR, LogRecord, Span, block

CLOSED = minute_of(NOW.replace(minute=0)) - 60  # 07:00, which the sample at 08:02 is about


@pytest.fixture
def blocks(aws):
    return BlockTable(aws.names["TELEMETRY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))


@pytest.fixture
def pages(aws):
    return KpiTable(aws.names["KPI_TABLE"])


@pytest.fixture
def rolled_up(aws):
    return KpiPages(aws.names["KPI_TABLE"]).last_rolled_up


@pytest.fixture
def facts(handler):
    """Return ``facts()``: the details of everything told on the bus since it was last called."""
    told = []

    call = handler.bus._client.call

    def listen(operation, arguments):
        told.extend(json.loads(entry["Detail"]) for entry in arguments["Entries"])
        return call(operation, arguments)

    handler.bus._client.call = listen

    def read():
        found = told.copy()
        told.clear()
        return found

    return read


@pytest.fixture
def handler(aws, load_handler):
    return load_handler("kpi_rollup")


def save(blocks, hour, spans, *, version=1, service="web"):
    made = block(hour, spans, [LogRecord(hour, "error")], service=service)
    blocks.save(replace(made, version=version - 1), now=NOW, retention_days=35)
    blocks.note_services([SeenService(service, hour, hour)])


def row(pages, start, *, resolution="hour", service="web", operation=""):
    key = PageKey(service, resolution, page_start(resolution, start), "request", operation)
    found = [one for page in pages.read([key]).values() for one in page.rows if one.start_minute == start]
    return found[0] if found else None


def test_the_hourly_sample_stores_the_hour_before_and_tells_it(
    handler, blocks, pages, facts, event, context, rolled_up
):
    save(blocks, CLOSED, [Span(CLOSED, "GET /", is_error=number == 0) for number in range(20)])
    handler.lambda_handler(event("kpi_rollup/hourly"), context)
    stored = row(pages, CLOSED)
    assert (stored.requests, stored.errors, stored.log_errors, stored.complete) == (20, 1, 1, True)
    assert row(pages, CLOSED, operation="GET /").requests == 20
    (fact,) = facts()
    assert fact["type"] == "kpi.rolled_up"
    assert fact["data"]["resolution"] == "hour"
    assert "2026-11-21T07:00:00Z" in fact["data"]["starts"]
    assert fact["data"]["services"] == ["web"]
    assert rolled_up() == CLOSED


def test_the_same_schedule_again_changes_nothing_and_tells_the_same_fact(aws, handler, blocks, facts, event, context):
    save(blocks, CLOSED, [Span(CLOSED)])
    handler.lambda_handler(event("kpi_rollup/hourly"), context)
    before, (first,) = aws.items("KPI_TABLE"), facts()
    answer = handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert sorted(aws.items("KPI_TABLE"), key=str) == sorted(before, key=str)
    assert (answer["rows"], [fact["id"] for fact in facts()]) == (0, [first["id"]])


def test_a_declared_service_that_is_silent_is_stored_as_unknown(handler, pages, event, context):
    handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert (row(pages, CLOSED).state, row(pages, CLOSED).requests) == ("UNKNOWN", None)


def test_the_open_hour_is_not_stored(handler, blocks, pages, event, context):
    save(blocks, CLOSED + 60, [Span(CLOSED + 60)])
    handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert row(pages, CLOSED + 60) is None


def test_the_daily_sample_stores_the_day_from_its_hours(handler, blocks, pages, event, context):
    save(blocks, HOUR, [Span(HOUR)] * 3)
    save(blocks, HOUR + 60, [Span(HOUR + 60)] * 4)
    handler.lambda_handler(event("kpi_rollup/daily"), context)
    day = HOUR - HOUR % 1440
    assert (row(pages, day, resolution="day").requests, row(pages, day, resolution="day").unknown_minutes) == (7, 1438)


def test_a_daily_schedule_that_says_so_looks_again_at_two_days(handler, blocks, pages, event, context):
    save(blocks, HOUR - 1440, [Span(HOUR - 1440)])
    handler.lambda_handler({"time": "2026-11-21T00:10:00Z", "resolution": "day"}, context)
    assert row(pages, HOUR - 1440).requests == 1
    assert row(pages, HOUR).state == "UNKNOWN"


def test_late_data_change_their_hour_and_day_and_nothing_else(handler, blocks, pages, facts, event, context):
    save(blocks, HOUR, [Span(HOUR)])
    save(blocks, HOUR + 60, [Span(HOUR + 60)])
    handler.lambda_handler({"time": "2026-11-21T00:10:00Z", "resolution": "day"}, context)
    facts()
    other = row(pages, HOUR + 60)
    save(blocks, HOUR, [Span(HOUR)] * 5, version=2)
    handler.lambda_handler(event("kpi_rollup/late_data_folded"), context)
    assert row(pages, HOUR).requests == 5
    assert row(pages, HOUR - HOUR % 1440, resolution="day").requests == 6
    assert row(pages, HOUR + 60) == other
    hour, day = sorted(facts(), key=lambda fact: fact["data"]["resolution"], reverse=True)
    assert (hour["data"]["starts"], day["data"]["starts"]) == (["2026-11-20T16:00:00Z"], ["2026-11-20T00:00:00Z"])
    assert hour["correlationid"] == "5f2d3a6e-0000-4000-8000-000000000009"


def test_late_data_do_not_pass_for_an_hourly_rollup(handler, blocks, pages, event, context, rolled_up):
    save(blocks, HOUR, [Span(HOUR)])
    handler.lambda_handler(event("kpi_rollup/late_data_folded"), context)
    assert rolled_up() is None


def test_a_service_that_fails_does_not_stop_the_others_and_is_tried_again(
    aws, handler, blocks, pages, event, context, monkeypatch, rolled_up
):
    for service in ("aaa", "web", "zzz"):
        save(blocks, CLOSED, [Span(CLOSED)], service=service)
    read = handler.blocks.read

    def read_but_one(service, first, last):
        if service == "aaa":
            raise ValueError("garbled block")
        return read(service, first, last)

    monkeypatch.setattr(handler.blocks, "read", read_but_one)
    with pytest.raises(DependencyUnavailableError, match="1 services are left to roll up, 'aaa' first"):
        handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert row(pages, CLOSED, service="zzz").requests == 1
    assert rolled_up() is None
    monkeypatch.setattr(handler.blocks, "read", read)
    handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert row(pages, CLOSED, service="aaa").requests == 1
    assert rolled_up() == CLOSED


def test_a_run_that_is_out_of_time_leaves_the_rest_to_the_next_try(handler, blocks, pages, event, context):
    save(blocks, CLOSED, [Span(CLOSED)])
    context.remaining_ms = 5_000
    with pytest.raises(DependencyUnavailableError):
        handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert row(pages, CLOSED) is None
    context.remaining_ms = 60_000
    handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert row(pages, CLOSED).requests == 1


def test_a_run_killed_between_two_pages_is_finished_by_the_next(handler, blocks, pages, event, context, monkeypatch):
    save(blocks, CLOSED, [Span(CLOSED, f"GET /{number}") for number in range(3)])
    write, written = handler.pages.save, []

    def die_after_two(page, *, retention_days):
        if len(written) == 2:
            raise KeyboardInterrupt  # nobody catches it, as nobody catches the end of the sandbox
        written.append(page)
        write(page, retention_days=retention_days)

    monkeypatch.setattr(handler.pages, "save", die_after_two)
    with pytest.raises(KeyboardInterrupt):
        handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert row(pages, CLOSED) is None  # the whole service's row comes last
    monkeypatch.setattr(handler.pages, "save", write)
    handler.lambda_handler(event("kpi_rollup/hourly"), context)
    assert [row(pages, CLOSED, operation=f"GET /{number}").requests for number in range(3)] == [1, 1, 1]
    assert row(pages, CLOSED).requests == 3
