"""Every query of exported dashboards, asked of the real handlers: what its selectors pick is what was measured."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.anomaly.record import anomaly_id
from opsloop.clock import format_time, minute_of, time_of
from opsloop.dashboard.panels_health import BOARDS
from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.model import SeenService, Series
from opsloop_cli.dashboard_grafana import dashboard_json
from opsloop_cli.dashboard_queries import DIALECTS, Source
from tests.conftest import NOW
from tests.integration.described import as_described
from tests.unit.anomaly.test_state import ANOMALY as AN_ANOMALY
from tests.unit.anomaly.test_state import KEY
from tests.unit.kpi.blocks import LogRecord, Span, block

HOUR = minute_of(NOW.replace(minute=0)) - 60  # 07:00
FIVE, SIX = HOUR + 5, HOUR + 6
ANOMALY = replace(AN_ANOMALY, anomaly_id=anomaly_id(KEY, FIVE), reason="web: slow", first_minute=FIVE, last_minute=SIX)
STATE, OPERATION = "db.client.connection.state", "db.operation.name"
CHOSEN = {
    "service": "web",
    "operation": "",
    "call": "SELECT shop.orders",
    "resolution": "minute",
    "__from:date:iso": format_time(time_of(HOUR + 4)).replace("Z", ".000Z"),  # as Grafana writes it
    "__to:date:iso": format_time(time_of(HOUR + 7)).replace("Z", ".000Z"),
}
PATHS = {"/v1/kpis": "kpi_query", "/v1/services": "kpi_query", "/v1/anomalies": "anomaly_query"}

Table = dict[str, list[Any]]


@pytest.fixture
def stored(aws):
    """Store a minute of everything that the dashboards show, and a silent one before and after."""
    blocks = BlockTable(aws.names["TELEMETRY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))
    spans = [
        Span(FIVE, "GET /", ms=20.0),
        Span(FIVE, "GET /", ms=20.0, is_error=True),
        Span(FIVE, "POST /pay", ms=20.0),
        Span(FIVE, "SELECT shop.orders", "client", ms=5.0),
        Span(FIVE, "SELECT shop.orders", "client", ms=5.0, is_error=True),
        Span(FIVE, "GET /prices", "client", ms=90.0),
    ]
    measured = [
        (Series("web", "db.client.connection.count", "gauge", attributes=((STATE, "used"),)), 3.0),
        (Series("web", "db.client.connection.count", "gauge", attributes=((STATE, "idle"),)), 5.0),
        (Series("web", "db.client.connections.usage", "gauge"), 9.0),  # no state among the dimensions
        (Series("web", "db.client.operation.duration", "gauge", unit="s", attributes=((OPERATION, "SELECT"),)), 0.005),
        (Series("web", "db.client.operation.duration", "gauge", unit="s"), 0.007),
    ]
    made = block(HOUR, spans, [LogRecord(FIVE, "error"), LogRecord(FIVE, "info")], service="web")
    points = [from_points([one], np.array([0]), np.array([FIVE]), np.array([value])) for one, value in measured]
    blocks.save(replace(made, version=0, cells=merge([made.cells, *points])), now=NOW, retention_days=35)
    blocks.note_services([SeenService("web", FIVE, minute_of(NOW)), SeenService("batch", FIVE, FIVE)])


@pytest.fixture
def ask(stored, load_handler, tokens, http_event, context, monkeypatch):
    """Return ``ask(path, parameters)``: the whole answer, status 200, which agrees with the API description."""
    handlers = {name: load_handler(name) for name in set(PATHS.values())}
    monkeypatch.setattr(handlers["anomaly_query"].anomalies, "open", lambda: (ANOMALY,))

    def send(path: str, parameters: list[tuple[str, str]]) -> dict[str, Any]:
        event = http_event("GET", path, query=urlencode(parameters), token=tokens["read"], now=NOW)
        answer = handlers[PATHS[path]].lambda_handler(event, context)
        assert answer["statusCode"] == 200, answer["body"]
        return as_described("GET", path, answer)

    return send


def chosen(text: str) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda found: CHOSEN[found[1]], text)


def value_at(row: Any, keys: list[str]) -> Any:
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def gjson_keys(path: str) -> list[str]:
    """Return the keys of a GJSON path: a dot parts them unless a backslash stands before it."""
    return [key.replace("\\", "") for key in re.split(r"(?<!\\)\.", path)]


def by_infinity(query: dict[str, Any], ask: Callable[..., Any]) -> Table:
    """Return what Infinity's parser picks: GJSON, rows by ``root_selector``, from each row a value per column."""
    parameters = [(one["key"], chosen(one["value"])) for one in query["url_options"]["params"]]
    answer = ask(query["url"], parameters)
    found = re.fullmatch(r'(\w+)(?:\.#\((.+)!=""\)#)?', query["root_selector"])
    rows = answer[found[1]]
    if found[2]:
        rows = [row for row in rows if value_at(row, gjson_keys(found[2]))]
    return {one["text"]: [value_at(row, gjson_keys(one["selector"])) for row in rows] for one in query["columns"]}


def by_json_api(query: dict[str, Any], ask: Callable[..., Any]) -> Table:
    """Return what the JSON API plugin picks: JSONPath or JSONata, field by field."""
    answer = ask(query["urlPath"], [(key, chosen(value)) for key, value in query["params"]])
    languages = {"jsonpath": jsonpath, "jsonata": jsonata}
    return {one["name"]: languages[one["language"]](one["jsonPath"], answer) for one in query["fields"]}


def jsonpath(expression: str, answer: dict[str, Any]) -> list[Any]:
    found = re.fullmatch(r"\$\.(\w+)\[\*\]\.([\w.]+)", expression)
    return [value_at(row, found[2].split(".")) for row in answer[found[1]]]


def jsonata(expression: str, answer: dict[str, Any]) -> list[Any]:
    """Evaluate ``[rows[a].b]``, with b a path, ``$toMillis(path)`` or ``(path ? path : "")``."""
    rows, only, value = re.fullmatch(r"\[(\w+)\[([^\]]+)\]\.(.+)\]", expression).groups()
    kept = [row for row in answer[rows] if value_at(row, jsonata_keys(only))]
    if found := re.fullmatch(r"\$toMillis\((.+)\)", value):
        times = [value_at(row, jsonata_keys(found[1])) for row in kept]
        return [int(datetime.fromisoformat(time).timestamp() * 1000) for time in times]
    if found := re.fullmatch(r'\((.+) \? \1 : ""\)', value):
        return [value_at(row, jsonata_keys(found[1])) or "" for row in kept]
    return [value_at(row, jsonata_keys(value)) for row in kept]


def jsonata_keys(path: str) -> list[str]:
    return [quoted or plain for quoted, plain in re.findall(r"`([^`]+)`|([^.`]+)", path)]


def tables(source: Source, ask: Callable[..., Any]) -> dict[str, list[Table]]:
    """Return the tables of all panels by title, one per query, as their data source would have them."""
    pick = by_infinity if source is Source.infinity else by_json_api
    boards = [json.loads(dashboard_json(board, DIALECTS[source], "https://x/console")) for board in BOARDS]
    panels = [panel for board in boards for panel in board["panels"]]
    return {panel["title"]: [pick(query, ask) for query in panel["targets"]] for panel in panels}


def without_times(table: Table) -> Table:
    return {name: values for name, values in table.items() if name not in ("time", "began", "last seen")}


@pytest.mark.parametrize("source", Source)
def test_panels_show_what_was_measured_and_nulls_where_nothing_was(ask, source):
    found = {title: [without_times(one) for one in some] for title, some in tables(source, ask).items()}
    near = pytest.approx(20.0, rel=0.0055)
    fast = pytest.approx(5.0, rel=0.0055)
    assert found["Request rate (per ${resolution})"] == [{"requests": [None, 3, None]}]
    assert found["Error ratio"] == [{"error ratio": [None, pytest.approx(1 / 3), None]}]
    assert found["Latency"] == [{name: [None, near, None] for name in ("p50", "p95", "p99")}]
    assert found["Availability"] == [
        {"available": [None, 0, None], "unavailable": [None, 1, None], "unknown": [1, 0, 1]}
    ]
    assert found["Log errors"] == [{"errors": [1, 0], "severity": ["error", "info"]}]
    calls, metric = found["Database call latency"]
    assert calls == {name: [None, fast, None] for name in ("p50", "p95", "p99")}
    assert dict(zip(metric["operation"], metric["p95 of the metric"], strict=True)) == {
        "SELECT": pytest.approx(0.005, rel=0.0055),
        (None if source is Source.infinity else ""): pytest.approx(0.007, rel=0.0055),
    }
    assert found["Database call errors"] == [{"error ratio": [None, 0.5, None], "errors": [None, 1, None]}]


@pytest.mark.parametrize("source", Source)
def test_connections_without_a_state_are_not_shown_as_use(ask, source):
    count, usage = tables(source, ask)["Connection pool"]
    assert dict(zip(count["state"], count["connections"], strict=True)) == {"used": 3.0, "idle": 5.0}
    assert usage == {"time": [], "connections": [], "state": []}


@pytest.mark.parametrize("source", Source)
def test_services_and_open_anomalies_stand_in_tables(ask, source):
    found = tables(source, ask)
    (services,), (anomalies,) = found["Services"], found["Open anomalies"]
    assert dict(zip(services["service"], services["state"], strict=True)) == {"batch": "UNKNOWN", "web": "OK"}
    assert services["last seen"] == [format_time(time_of(FIVE)), format_time(time_of(minute_of(NOW)))]
    assert (anomalies["anomaly"], anomalies["service"]) == ([ANOMALY.anomaly_id], ["web"])
    assert (anomalies["reason"], anomalies["began"]) == ([ANOMALY.reason], [format_time(time_of(FIVE))])


@pytest.mark.parametrize("source", Source)
def test_times_are_those_of_the_rows(ask, source):
    found = tables(source, ask)
    minutes = [format_time(time_of(HOUR + minute)) for minute in (4, 5, 6)]
    assert found["Latency"][0]["time"] == minutes
    five = minutes[1] if source is Source.infinity else FIVE * 60_000  # JSONata makes milliseconds of it
    assert found["Log errors"][0]["time"] == [five, five]


@pytest.mark.parametrize("source", Source)
def test_variables_find_services_operations_and_calls(ask, source):
    found = {}
    for board in BOARDS:
        for variable in json.loads(dashboard_json(board, DIALECTS[source], "https://x/console"))["templating"]["list"]:
            if variable["type"] == "query":
                query = variable["query"]
                table = (
                    by_infinity(query["infinityQuery"], ask) if source is Source.infinity else by_json_api(query, ask)
                )
                (found[variable["name"]],) = table.values()
    assert found == {
        "service": ["batch", "web"],
        "operation": ["GET /", "POST /pay"],
        "call": ["GET /prices", "SELECT shop.orders"],
    }


def test_a_selector_that_is_wrong_would_be_found(ask):
    dashboard = json.loads(dashboard_json(BOARDS[0], DIALECTS[Source.infinity], "https://x/console"))
    query = next(one for one in dashboard["panels"] if one["title"] == "Error ratio")["targets"][0]
    query["columns"][1]["selector"] = "error_rate"
    assert by_infinity(query, ask)["error ratio"] == [None, None, None]


def test_a_parameter_that_the_api_does_not_know_would_be_found(ask):
    with pytest.raises(AssertionError, match="resolutoin"):
        ask("/v1/kpis", [("service", "web"), ("resolutoin", "minute")])
