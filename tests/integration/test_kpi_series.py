"""Charts over HTTP: series, heat map, operations and metrics, their limits, and questions that make no sense."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import pytest
from jsonschema import ValidationError

from opsloop.adapters.kpi_table import KpiTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import minute_of
from opsloop.kpi.period import Period
from opsloop.kpi.rollup import day_rows
from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import SPAN_DURATION, SeenService, Series
from tests.conftest import NOW
from tests.integration.described import as_described
from tests.unit.kpi.blocks import SHOP, Span, block

OPEN = minute_of(NOW.replace(minute=0))  # 08:00, open at 08:30
SIX = OPEN - 120
RANGE = {"from_": SIX * 60, "to": OPEN * 60 + 3600}
PATHS = ("/v1/kpis/series", "/v1/kpis/heatmap", "/v1/kpis/operations", "/v1/kpis/metrics")


@pytest.fixture
def blocks(aws):
    return BlockTable(aws.names["TELEMETRY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("kpi_series")


@pytest.fixture
def ask(handler, http_event, context, tokens):
    """Return ``ask("series", service="web")``: the answer's body, which agrees with the API description."""

    def send(name, *, status=200, **query):
        names = {name.rstrip("_"): value for name, value in query.items()}
        path = f"/v1/kpis/{name}"
        event = http_event("GET", path, query=urlencode(names), token=tokens["read"], now=NOW)
        answer = handler.lambda_handler(event, context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described("GET", path, answer)

    return send


def spans_of(start):
    """Return 30 requests in the hour that begins at ``start``: every other minute one, each fifth of them an error."""
    return [
        Span(start + 2 * n, f"GET /{n % 2}", ms=float(start - SIX + n + 1), is_error=n % 5 == 0)
        for n in range(30)
        if start + 2 * n < OPEN + 30
    ]


@pytest.fixture
def filled(aws, blocks):
    """Store 06:00 to 08:30 of ``web``, the first hour as a page too, and one hour of ``orders``."""
    pages = KpiTable(aws.names["KPI_TABLE"])
    for start in (SIX, SIX + 60, OPEN):
        slow = Series("web", SPAN_DURATION, "server", "GET /1", "ns")
        depth = Series("web", "queue.depth", "gauge", unit="{job}", attributes=(("queue", "q"),))
        made = block(start, spans_of(start), service="web")
        points = from_points([depth], np.array([0]), np.array([start + 3]), np.array([7.0]))
        made = replace(
            made,
            version=0,
            cells=merge([made.cells, points]),
            exemplars=(Exemplar(slow, start, 7e8, start * 60_000_000_000, "ab" * 16, "cd" * 8),),
        )
        blocks.save(made, now=NOW, retention_days=35)
        if start == SIX:
            service = replace(SHOP, name="web")
            rows = day_rows([replace(made, version=1)], Period("hour", start, minute_of(NOW)), service)
            pages.put_rows(rows, retention_days=800)
    orders = replace(block(SIX, [Span(SIX, ms=5.0)] * 4, service="orders"), version=0)
    blocks.save(orders, now=NOW, retention_days=35)
    blocks.note_services([SeenService("orders", SIX, SIX), SeenService("web", SIX, OPEN + 28)])


def test_the_series_of_every_service_share_one_grid_with_null_where_nothing_was_heard(filled, handler, event, context):
    body = as_described("GET", "/v1/kpis/series", handler.lambda_handler(event("kpi_series/series_of_all"), context))
    assert {name: body[name] for name in ("from", "to", "step_s", "points", "complete_to")} == {
        "from": "2026-11-21T06:00:00Z",
        "to": "2026-11-21T08:35:00Z",
        "step_s": 300,
        "points": 31,
        "complete_to": "2026-11-21T08:25:00Z",
    }
    orders, web = body["series"]
    assert (orders["service"], orders["requests"]) == ("orders", [4] + [None] * 30)
    assert set(orders) == {"service", "operation", "kind", "requests", "error_ratio", "p95_ms"}
    spans = [span for start in (SIX, SIX + 60, OPEN) for span in spans_of(start)]
    counts = [sum(at <= span.minute < at + 5 for span in spans) for at in range(SIX, OPEN + 35, 5)]
    assert web["requests"] == [count or None for count in counts]
    assert web["requests"][-1] is None  # 08:30 has begun, and nothing was heard of it


def test_hours_come_from_pages_and_blocks(filled, ask, handler, monkeypatch):
    read, ranges = handler.blocks.read, []
    monkeypatch.setattr(handler.blocks, "read", lambda *asked: ranges.append(asked[1:]) or read(*asked))
    (web,) = ask("series", service="web", step_s=3600, kpi="requests,errors", **RANGE)["series"]
    assert (web["requests"], web["errors"]) == ([30, 30, 15], [6, 6, 3])
    assert ranges == [(SIX + 60, OPEN)]


def test_a_month_of_hours_is_read_from_pages_and_two_stretches_of_blocks_at_most(filled, ask):
    body = ask("series", service="web,orders", from_=OPEN * 60 - 30 * 86_400, step_s=3600, kpi="requests")
    assert body["points"] == 721
    assert {one["service"]: sum(filter(None, one["requests"])) for one in body["series"]} == {"orders": 4, "web": 75}


def test_every_operation_has_its_series(filled, ask):
    body = ask("series", service="web", operation="*", step_s=300, kpi="requests", **RANGE)
    assert [(one["operation"], sum(filter(None, one["requests"]))) for one in body["series"]] == [
        ("GET /0", 38),
        ("GET /1", 37),
    ]
    assert body["series_left_out"] == 0


def test_of_too_many_series_the_busiest_are_answered_and_the_others_counted(filled, ask, handler, monkeypatch):
    monkeypatch.setattr(handler, "MAX_VALUES", 31)
    body = ask("series", service="web", operation="*", step_s=300, kpi="p95_ms", **RANGE)
    assert ([one["operation"] for one in body["series"]], body["series_left_out"]) == (["GET /0"], 1)


def test_a_name_with_a_comma_is_asked_for_alone(filled, ask, blocks):
    blocks.note_services([SeenService("web,orders", SIX, SIX)])
    assert [one["service"] for one in ask("series", service="web,orders", **RANGE)["series"]] == ["web,orders"]


def test_a_service_that_was_never_heard_from_is_unknown_and_not_missing(ask):
    body = ask("series", service="web", **RANGE)
    assert {value for name in ("requests", "p95_ms") for value in body["series"][0][name]} == {None}
    heat = ask("heatmap", service="web", step_s=300, **RANGE)
    assert (heat["bounds_ms"], set(map(bool, heat["counts"]))) == ([], {False})
    operations = ask("operations", service="web", **RANGE)
    assert (operations["state"], operations["operations"]) == ("UNKNOWN", [])
    assert ask("metrics", service="web", **RANGE)["metrics"] == []


def test_the_heat_map_counts_every_request_once(filled, handler, event, context, ask):
    body = as_described("GET", "/v1/kpis/heatmap", handler.lambda_handler(event("kpi_series/heatmap"), context))
    assert (body["points"], len(body["counts"])) == (31, 31)
    rows = np.sum([counts for counts in body["counts"] if counts], axis=0)
    durations = [span.ms for start in (SIX, SIX + 60, OPEN) for span in spans_of(start)]
    assert rows.tolist() == np.histogram(durations, bins=np.nextafter(body["bounds_ms"], np.inf))[0].tolist()
    one = ask("heatmap", service="web", operation="GET /0", step_s=300, **RANGE)
    assert sum(sum(counts) for counts in one["counts"] if counts) == 38


def test_operations_tell_totals_shares_and_a_trace(filled, handler, event, context):
    body = as_described("GET", "/v1/kpis/operations", handler.lambda_handler(event("kpi_series/operations"), context))
    found = {one["operation"]: one for one in body["operations"]}
    spans = [span for start in (SIX, SIX + 60, OPEN) for span in spans_of(start)]
    total = sum(span.ms for span in spans)
    for name, one in found.items():
        mine = [span for span in spans if span.operation == name]
        assert one["time_ms"] == pytest.approx(sum(span.ms for span in mine))
        assert one["share_of_time"] == pytest.approx(sum(span.ms for span in mine) / total)
    assert found["GET /1"]["exemplar"] == {
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "value": 700.0,
        "time": "2026-11-21T08:00:00Z",
    }
    assert found["GET /0"]["exemplar"] is None


def test_metrics_are_named_with_unit_and_series(filled, handler, event, context):
    body = as_described("GET", "/v1/kpis/metrics", handler.lambda_handler(event("kpi_series/metrics"), context))
    assert body["metrics"] == [
        {
            "name": "queue.depth",
            "kind": "gauge",
            "unit": "{job}",
            "series": 1,
            "attributes": ["queue"],
            "last_seen": "2026-11-21T08:03:00Z",
        }
    ]


@pytest.mark.parametrize(
    ("name", "query", "named"),
    [
        ("series", {}, "service: this parameter is required"),
        ("series", {"service": ","}, "service: name one, several separated by commas, or * for all"),
        ("series", {"service": "web", "kpi": "latency"}, "kpi: 'latency' is not one of requests, errors, error_ratio"),
        ("series", {"service": "web", "step_s": "90"}, "step_s: 90 is not one of 60, 300, 3600, 86400"),
        ("series", {"service": "web", "step_s": "5m"}, "step_s: '5m' is not a whole number from 1"),
        ("series", {"service": "web", "kind": "server"}, "kind: 'server' is not one of request, client"),
        ("series", {"service": "web", "from_": "2026-11-22T08:00:00Z"}, "is not before to"),
        ("series", {"service": "web", "from_": "2023-01-01T00:00:00Z"}, "days are more than the 800"),
        ("series", {"service": "web", "step_s": "60", "from_": "2026-11-18T00:00:00Z"}, "step_s=300 would do"),
        ("heatmap", {"service": "*"}, "service: '*' is not the name of one service"),
        ("heatmap", {"service": "web", "from_": "2026-07-01T00:00:00Z"}, "more than the 2500 that one request"),
        ("heatmap", {"service": "web", "kind": "*"}, "kind: '*' is not one of request"),
        ("operations", {"service": "web", "from_": "2026-07-01T00:00:00Z"}, "from: 3441 hours of 1 services"),
        ("operations", {"service": "web", "step_s": "60"}, "step_s"),
        ("metrics", {"service": "web,orders"}, "service: 'web,orders' is not the name of one service"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_what_would(ask, name, query, named):
    assert named in ask(name, status=400, **query)["detail"]


def test_more_services_than_one_answer_can_hold_are_refused_with_what_would_do(ask, blocks):
    blocks.note_services([SeenService(f"s{number:03}", SIX, OPEN) for number in range(150)])
    detail = ask("series", service="*", status=400)["detail"]
    assert detail.startswith("service: 151 services with 288 points of 8 KPIs are 347904 numbers, more than the 250000")
    detail = ask("series", service="*", status=400, kpi="requests")["detail"]
    assert detail.startswith("from: 3775 hours of 151 services together are more than the 2500")
    assert len(ask("series", service="*", step_s=3600)["series"]) == 151


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_service_is_told_the_nearest_names(ask, path):
    assert "did you mean 'web'?" in ask(path.rpartition("/")[2], status=404, service="wep")["detail"]


@pytest.mark.parametrize("path", PATHS)
def test_only_a_key_that_may_read_is_answered(handler, http_event, context, tokens, path):
    for token, status in (("", 401), (tokens["ingest"], 403), (tokens["revoked"], 401), (tokens["admin"], 200)):
        event = http_event("GET", path, query="service=web", token=token)
        assert handler.lambda_handler(event, context)["statusCode"] == status


def test_a_table_that_is_away_is_said_to_be_and_when_to_come_again(handler, http_event, context, tokens):
    handler.pages.__init__("nobody")
    event = http_event("GET", "/v1/kpis/series", query="service=web&step_s=3600", token=tokens["read"])
    answer = handler.lambda_handler(event, context)
    assert as_described("GET", "/v1/kpis/series", answer)["detail"].startswith("kpi table")
    assert answer["headers"]["retry-after"] == "1"


def test_the_schema_check_can_say_no(ask):
    body = ask("series", service="web")
    body["series"][0]["requests"][0] = -1
    answer = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
    with pytest.raises(ValidationError):
        as_described("GET", "/v1/kpis/series", answer)


def test_the_examples_of_the_description_have_the_shape_that_it_describes():
    from stacks.constructs.openapi_build import compile_openapi

    described = json.loads(compile_openapi())["paths"]
    for path in PATHS:
        content = described[path]["get"]["responses"]["200"]["content"]["application/json"]
        answer = {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": json.dumps(content["example"]),
        }
        as_described("GET", path, answer)
