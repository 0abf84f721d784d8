"""KPIs over HTTP: stored hours, open hours, gaps, pages, and questions that make no sense."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import numpy as np
import pytest
from jsonschema import ValidationError

from opsloop.adapters.kpi_table import KpiTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import day_start, minute_of
from opsloop.kpi.period import Period
from opsloop.kpi.rollup import day_rows
from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import SeenService, Series
from tests.conftest import NOW
from tests.integration.described import as_described
from tests.unit.kpi.blocks import SHOP, LogRecord, Span, block

WEB = replace(SHOP, name="web")
OPEN = minute_of(NOW.replace(minute=0))  # 08:00, open at 08:30


@pytest.fixture
def blocks(aws):
    return BlockTable(aws.names["TELEMETRY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))


@pytest.fixture
def pages(aws):
    return KpiTable(aws.names["KPI_TABLE"])


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("kpi_query")


@pytest.fixture
def ask(handler, http_event, context, tokens):
    """Return ``ask("/v1/kpis", service="web")``: the answer's body, which agrees with the API description."""

    def send(path="/v1/kpis", *, status=200, now=NOW, **query):
        names = {name.rstrip("_"): value for name, value in query.items()}
        event = http_event("GET", path, query=urlencode(names), token=tokens["read"], now=now)
        answer = handler.lambda_handler(event, context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described("GET", path, answer)

    return send


def save(blocks, made):
    """Store ``made`` as the next version of the block; version 1 is the first."""
    blocks.save(replace(made, version=made.version - 1), now=NOW, retention_days=35)


def roll_up(pages, resolution, start, *made):
    pages.put_rows(day_rows(made, Period(resolution, start, minute_of(NOW)), WEB), retention_days=800)


def fill(blocks, pages):
    """Store 06:00 by page and block, 07:00 by block only (closed, not rolled up yet), 08:00 by block (open)."""
    for hours_ago, requests in ((2, 20), (1, 30), (0, 40)):
        start = OPEN - 60 * hours_ago
        spans = [Span(start + number % 30, f"GET /{number % 2}") for number in range(requests)]
        made = block(start, [*spans, Span(start, "charge", "client")], [LogRecord(start, "error")], service="web")
        save(blocks, made)
        if hours_ago == 2:
            roll_up(pages, "hour", start, made)


def test_stored_closed_and_open_hours_and_a_gap_are_answered_in_one_series(handler, blocks, pages, event, context):
    fill(blocks, pages)
    body = as_described("GET", "/v1/kpis", handler.lambda_handler(event("kpi_query/kpis_by_hour"), context))
    found = [(row["start"][11:16], row["state"], row["requests"], row["complete"]) for row in body["rows"]]
    assert found == [
        ("04:00", "UNKNOWN", None, True),
        ("05:00", "UNKNOWN", None, True),
        ("06:00", "OK", 20, True),
        ("07:00", "OK", 30, True),
        ("08:00", "OK", 40, False),
    ]
    assert [row["log_errors"] for row in body["rows"]] == [None, None, 1, 1, 1]
    assert body["next"] is None


def test_a_stored_hour_is_answered_from_its_page_and_not_computed_again(ask, blocks, pages):
    fill(blocks, pages)
    (before,) = ask(service="web", from_=OPEN * 60 - 7200, to=OPEN * 60 - 3600)["rows"]
    (made,) = blocks.read("web", OPEN - 120, OPEN - 120)
    save(blocks, block(OPEN - 120, [Span(OPEN - 120)], service="web", version=made.version + 1))
    (after,) = ask(service="web", from_=OPEN * 60 - 7200, to=OPEN * 60 - 3600)["rows"]
    assert (before["requests"], after) == (20, before)


def test_the_stored_and_the_computed_row_of_an_hour_are_the_same(ask, blocks, pages):
    fill(blocks, pages)
    (computed,) = ask(service="web", from_=OPEN * 60 - 3600, to=OPEN * 60)["rows"]
    (made,) = blocks.read("web", OPEN - 60, OPEN - 60)
    roll_up(pages, "hour", OPEN - 60, made)
    (stored,) = ask(service="web", from_=OPEN * 60 - 3600, to=OPEN * 60)["rows"]
    assert stored == computed


def test_one_operation_has_its_own_rows_and_gaps(ask, blocks, pages):
    fill(blocks, pages)
    rows = ask(service="web", operation="GET /1", from_=OPEN * 60 - 3 * 3600)["rows"]
    assert [row["requests"] for row in rows] == [None, 10, 15, 20]
    assert {row["operation"] for row in rows} == {"GET /1"}


def test_an_operation_that_was_not_called_in_a_stored_hour_is_unknown_there(ask, blocks, pages):
    fill(blocks, pages)
    (row,) = ask(service="web", operation="never", from_=OPEN * 60 - 7200, to=OPEN * 60 - 3600)["rows"]
    assert (row["state"], row["requests"]) == ("UNKNOWN", None)


def test_an_hour_that_is_stored_is_not_looked_for_in_blocks(ask, handler, blocks, pages, monkeypatch):
    fill(blocks, pages)
    read, ranges = handler.blocks.read, []
    monkeypatch.setattr(handler.blocks, "read", lambda *asked: ranges.append(asked[1:]) or read(*asked))
    for operation in ("GET /1", "never"):
        ask(service="web", operation=operation, from_=OPEN * 60 - 7200, to=OPEN * 60 + 60)
    assert ranges == [(OPEN - 60, OPEN)] * 2  # the closed hour that is not rolled up yet, and the open one


def test_kinds_are_asked_for_by_name(ask, blocks, pages):
    fill(blocks, pages)
    rows = ask(service="web", operation="charge", kind="client", from_=OPEN * 60 - 7200)["rows"]
    assert [row["requests"] for row in rows] == [1, 1, 1]


def test_every_operation_is_one_question(ask, blocks, pages):
    fill(blocks, pages)
    rows = ask(service="web", operation="*", from_=OPEN * 60 - 3 * 3600)["rows"]
    found = [(row["start"][11:13], row["operation"], row["kind"]) for row in rows]
    active = [("GET /0", "request"), ("GET /1", "request"), ("charge", "client")]
    assert found == [("05", "", "request"), *((hour, *one) for hour in ("06", "07", "08") for one in active)]


def test_pages_follow_one_another_without_gap_or_repetition(ask, blocks, pages):
    fill(blocks, pages)
    query = {"service": "web", "operation": "*", "from_": OPEN * 60 - 3 * 3600, "to": OPEN * 60 + 1800}
    whole, rows, cursor = ask(**query)["rows"], [], {}
    while True:
        page = ask(**query, limit=4, **cursor)
        rows += page["rows"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(whole) == 10
    assert rows == whole


def test_minutes_come_from_blocks_with_gaps_told(ask, blocks, pages):
    fill(blocks, pages)
    rows = ask(service="web", resolution="minute", from_=OPEN * 60 - 60)["rows"]
    assert len(rows) == 31  # 07:59 to 08:29
    assert rows[0]["state"] == "UNKNOWN"
    assert sum(row["requests"] or 0 for row in rows) == 40
    assert (rows[1]["complete"], rows[-1]["complete"]) == (True, False)


def test_days_are_stored_or_computed_from_their_hours(ask, blocks, pages):
    fill(blocks, pages)
    rows = ask(service="web", resolution="day", from_="2026-11-20T00:00:00Z")["rows"]
    assert [(row["start"][:10], row["requests"], row["complete"]) for row in rows] == [
        ("2026-11-20", None, True),
        ("2026-11-21", 90, False),
    ]
    yesterday = day_start(OPEN) - 1440
    made = block(yesterday, [Span(yesterday)] * 7, service="web")
    roll_up(pages, "day", yesterday, made)
    rows = ask(service="web", resolution="day", from_="2026-11-20T00:00:00Z")["rows"]
    assert [row["requests"] for row in rows] == [7, 90]


def test_kpis_asked_for_by_name_come_alone(ask, blocks, pages):
    fill(blocks, pages)
    (row,) = ask(service="web", kpi="requests,p95_ms", from_=OPEN * 60)["rows"]
    identity = {"service", "operation", "kind", "resolution", "start", "complete", "state"}
    assert set(row) == identity | {"requests", "p95_ms"}


def test_the_defaults_are_the_last_day_by_hour_up_to_now(ask, blocks, pages):
    fill(blocks, pages)
    body = ask(service="web")
    assert (body["resolution"], body["from"], body["to"]) == ("hour", "2026-11-20T08:30:00Z", "2026-11-21T08:30:00Z")
    assert len(body["rows"]) == 25
    assert len(ask(service="web", resolution="minute")["rows"]) == 60


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, "service: this parameter is required"),
        ({"service": "web", "kpi": "requests,latency"}, "kpi: 'latency' is not one of requests, errors, error_ratio"),
        ({"service": "web", "resolution": "week"}, "resolution: 'week' is not one of minute, hour, day"),
        ({"service": "web", "kind": "server"}, "kind: 'server' is not one of request, client"),
        ({"service": "web", "from_": "yesterday"}, "from: 'yesterday' is not an ISO 8601 time"),
        ({"service": "web", "from_": "2026-11-21T08:00:00"}, "from: '2026-11-21T08:00:00' has no zone"),
        ({"service": "web", "from_": "2026-11-22T08:00:00Z"}, "is not before to"),
        ({"service": "web", "from_": "2026-09-21T08:00:00Z"}, "from: 61 days, 0:30:00 is more than the 31 days"),
        ({"service": "web", "limit": "0"}, "limit: '0' is not a whole number from 1 to 1000"),
        ({"service": "web", "cursor": "bm9uc2Vuc2U"}, "cursor: not one of ours"),
        ({"service": "web", "operations": "*"}, "operations"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_what_would(ask, query, named):
    assert named in ask(status=400, **query)["detail"]


def test_an_unknown_service_is_told_the_nearest_names(ask, blocks, pages):
    fill(blocks, pages)
    assert "did you mean 'web'?" in ask(status=404, service="wep")["detail"]
    assert "GET /v1/services" in ask(status=404, service="payments")["detail"]


def test_a_declared_service_without_data_is_unknown_and_not_missing(ask):
    assert {row["state"] for row in ask(service="web")["rows"]} == {"UNKNOWN"}


def test_only_a_key_that_may_read_is_answered(handler, http_event, context, tokens):
    for token, status in (("", 401), (tokens["ingest"], 403), (tokens["revoked"], 401), (tokens["admin"], 200)):
        event = http_event("GET", "/v1/kpis", query="service=web", token=token)
        assert handler.lambda_handler(event, context)["statusCode"] == status


def test_services_are_those_declared_and_those_heard_from(handler, blocks, event, context):
    minute = minute_of(NOW)
    blocks.note_services(
        [SeenService("orders", minute - 500, minute - 10), SeenService("batch", minute - 90, minute - 11)]
    )
    body = as_described("GET", "/v1/services", handler.lambda_handler(event("kpi_query/services"), context))
    found = {one["service"]: (one["state"], one["is_declared"], one["last_seen"]) for one in body["services"]}
    assert found == {
        "batch": ("UNKNOWN", False, "2026-11-21T08:19:00Z"),
        "orders": ("OK", False, "2026-11-21T08:20:00Z"),
        "web": ("UNKNOWN", True, None),
    }


def metric_block(hour, *series_points):
    """Return a block of points (series, minute, value)."""
    made = [
        from_points([series], np.array([0]), np.array([minute]), np.array([float(value)]))
        for series, minute, value in series_points
    ]
    empty = block(hour, service="web")
    return replace(empty, cells=merge(made))


def test_a_metric_is_answered_per_series_with_its_unit(handler, blocks, event, context):
    items = Series("web", "cart.items", "gauge", unit="{item}", attributes=(("http.route", "/cart"),))
    save(blocks, metric_block(OPEN - 60, *[(items, OPEN - 60 + n, n) for n in range(1, 41)]))
    body = as_described("GET", "/v1/kpis", handler.lambda_handler(event("kpi_query/metric_by_hour"), context))
    measured, unknown = body["rows"]
    assert (measured["count"], measured["sum"], measured["minimum"], measured["maximum"]) == (40, 820.0, 1.0, 40.0)
    assert measured["p50"] == pytest.approx(20, rel=0.0055)
    assert (measured["unit"], measured["attributes"]) == ("{item}", {"http.route": "/cart"})
    assert (unknown["state"], unknown["count"]) == ("UNKNOWN", None)


def test_log_records_are_a_metric_per_severity(ask, blocks, pages):
    fill(blocks, pages)
    (row,) = ask(service="web", kpi="metric:log.records", from_=OPEN * 60)["rows"]
    assert (row["kind"], row["count"], row["errors"], row["sum"]) == ("error", 1, 1, None)


def test_the_schema_check_can_say_no(ask, blocks, pages):
    fill(blocks, pages)
    body = ask(service="web")
    body["rows"][0]["surprise"] = 1
    answer = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
    with pytest.raises(ValidationError):
        as_described("GET", "/v1/kpis", answer)


def test_a_table_that_is_away_is_said_to_be_and_when_to_come_again(handler, http_event, context, tokens):
    handler.pages.__init__("nobody")
    answer = handler.lambda_handler(http_event("GET", "/v1/kpis", query="service=web", token=tokens["read"]), context)
    assert as_described("GET", "/v1/kpis", answer)["detail"].startswith("kpi table")
    assert answer["headers"]["retry-after"] == "1"


def test_times_may_be_given_with_any_zone(ask, blocks, pages):
    fill(blocks, pages)
    first = datetime(2026, 11, 21, 7, tzinfo=UTC).astimezone().isoformat()
    assert ask(service="web", from_="2026-11-21T08:00:00+01:00", to="2026-11-21T08:00:00Z")["rows"][0]["requests"] == 30
    assert ask(service="web", from_=first, to="2026-11-21T08:00:00Z")["rows"][0]["requests"] == 30


def examples(start, *spans):
    """Return exemplars (operation, kind, milliseconds, trace) of the hour that begins at ``start``."""
    return tuple(
        Exemplar(
            Series("web", "span.duration", kind, operation, "ns"),
            start,
            ms * 1e6,
            start * 60_000_000_000 + 1_500_000,
            f"{trace:032x}",
            f"{trace:016x}",
        )
        for operation, kind, ms, trace in spans
    )


def test_a_row_names_the_slowest_trace_of_its_hour_if_asked(ask, blocks, pages):
    for hours_ago, slowest in ((2, 700), (1, 90)):
        start = OPEN - 60 * hours_ago
        made = block(start, [Span(start, "GET /1"), Span(start, "charge", "client")], service="web")
        found = examples(
            start, ("GET /1", "server", slowest, 1), ("POST /", "consumer", 80, 2), ("charge", "client", 9, 3)
        )
        save(blocks, replace(made, exemplars=found))
        if hours_ago == 2:
            roll_up(pages, "hour", start, made)
    period = {"from_": OPEN * 60 - 7200, "to": OPEN * 60}
    plain = ask(service="web", **period)["rows"]
    rows = ask(service="web", kpi="p99_ms,hash,exemplar", **period)["rows"]
    assert [(row["exemplar"]["trace_id"][-1], row["exemplar"]["value"]) for row in rows] == [("1", 700.0), ("1", 90.0)]
    assert rows[0]["exemplar"]["time"] == plain[0]["start"].replace("00Z", "00.001500Z")
    assert [row["hash"] for row in rows] == [row["hash"] for row in plain]
    assert "exemplar" not in plain[0]
    (row,) = ask(
        service="web", operation="charge", kind="client", kpi="exemplar", from_=OPEN * 60 - 3600, to=OPEN * 60
    )["rows"]
    assert (row["exemplar"]["value"], row["exemplar"]["span_id"]) == (9.0, f"{3:016x}")
    day = ask(service="web", kpi="exemplar", resolution="day", from_=OPEN * 60 - 7200, to=OPEN * 60)["rows"]
    assert [row["exemplar"]["value"] for row in day] == [700.0]
    unknown = ask(service="web", kpi="exemplar", operation="never", **period)["rows"]
    assert [row["exemplar"] for row in unknown] == [None, None]


def test_a_metric_row_names_a_trace_and_its_hash_does_not_cover_it(ask, blocks):
    depth = Series("web", "queue.depth", "gauge", attributes=(("queue", "q"),))
    cells = from_points([depth], np.array([0]), np.array([OPEN]), np.array([7.0]))
    made = replace(block(OPEN, service="web"), cells=cells)
    save(blocks, made)
    (before,) = ask(service="web", kpi="metric:queue.depth", from_=OPEN * 60)["rows"]
    example = Exemplar(depth, OPEN, 7.0, OPEN * 60_000_000_000, "ab" * 16, "")
    save(blocks, replace(made, version=2, exemplars=(example,)))
    (after,) = ask(service="web", kpi="metric:queue.depth", from_=OPEN * 60)["rows"]
    assert before["exemplar"] is None
    assert after["exemplar"] == {"trace_id": "ab" * 16, "span_id": "", "value": 7.0, "time": after["start"]}
    assert {**after, "exemplar": None, "version": 1, "hash": before["hash"]} == before


@pytest.mark.parametrize("count", [0, 1, 6000])
def test_a_block_keeps_its_exemplars_beside_a_small_or_a_large_body(blocks, count):
    found = tuple(
        Exemplar(Series("web", "m", "gauge", str(n)), OPEN, float(n), n, f"{n * 7919:032x}", f"{n * 104729:016x}")
        for n in range(count)
    )
    found = tuple(sorted(found, key=lambda one: one.series))
    save(blocks, replace(block(OPEN, [Span(OPEN)], service="web"), exemplars=found))
    assert blocks.get("web", OPEN).exemplars == found
    assert tuple(blocks.read_exemplars("web", OPEN, OPEN)) == found
    assert blocks.read_exemplars("web", OPEN - 120, OPEN - 60) == []
