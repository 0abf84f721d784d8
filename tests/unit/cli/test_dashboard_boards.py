"""What stands in exported dashboards: panels, places, variables, and where data and keys come from."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from opsloop.dashboard.panels import Board, Kind, Meaning, Shape
from opsloop.dashboard.panels_health import BOARDS, CALL, DATABASE, DOWN_ABOVE_RATIO, PRODUCTION
from opsloop_cli.dashboard_fields import COLOURS, UNITS
from opsloop_cli.dashboard_grafana import dashboard_json
from opsloop_cli.dashboard_queries import DIALECTS, Source

ROOT = Path(__file__).parents[3]
CONSOLE = "https://opsloop.example.com/console"
COLUMNS = 24
PLUGINS = {Source.infinity: "yesoreyeram-infinity-datasource", Source.json: "marcusolsson-json-datasource"}
OF_GRAFANA = {"__from", "__to", "__value", "__field"}

Document = dict[str, Any]
EVERY = pytest.mark.parametrize(
    ("board", "source"),
    [(board, source) for board in BOARDS for source in Source],
    ids=lambda one: one.value if isinstance(one, Source) else one.name,
)


def exported(board: Board, source: Source = Source.infinity) -> Document:
    document: Document = json.loads(dashboard_json(board, DIALECTS[source], CONSOLE))
    return document


def panel(title: str, source: Source = Source.infinity) -> Document:
    (found,) = [one for board in BOARDS for one in exported(board, source)["panels"] if one["title"] == title]
    return found


def overrides(title: str) -> dict[str, dict[str, Any]]:
    """Return the overrides of a panel: by column, by property."""
    found: dict[str, dict[str, Any]] = {}
    for one in panel(title)["fieldConfig"]["overrides"]:
        found.setdefault(one["matcher"]["options"], {}).update(
            {each["id"]: each["value"] for each in one["properties"]}
        )
    return found


def overlaps(panels: list[Document]) -> Iterator[tuple[int, int]]:
    """Yield the ids of panels that share a cell of the grid."""
    for one, other in itertools.combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        is_beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        is_below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        if not is_beside and not is_below:
            yield one["id"], other["id"]


def texts(document: Any) -> Iterator[str]:
    """Yield every text in a JSON document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts(value)


def test_production_health_has_seven_panels_and_database_health_three():
    assert [(board.title, len(exported(board)["panels"])) for board in BOARDS] == [
        ("Production health", 7),
        ("Database health", 3),
    ]


@EVERY
def test_panels_have_their_own_id_and_place_within_the_grid(board: Board, source: Source):
    panels = exported(board, source)["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    assert all(0 <= one["gridPos"]["x"] <= COLUMNS - one["gridPos"]["w"] for one in panels)
    assert list(overlaps(panels)) == []


def test_panels_that_overlap_would_be_found():
    panels = exported(PRODUCTION)["panels"]
    panels[1]["gridPos"]["x"] -= 1
    assert list(overlaps(panels)) == [(1, 2)]


@EVERY
def test_titles_stand_once_and_are_those_of_the_description(board: Board, source: Source):
    titles = [one["title"] for one in exported(board, source)["panels"]]
    assert len(set(titles)) == len(titles)
    assert titles == [one.title.replace("{resolution}", "${resolution}") for one in board.panels]


@EVERY
def test_every_query_goes_through_the_chosen_data_source(board: Board, source: Source):
    dashboard = exported(board, source)
    wanted = {"type": PLUGINS[source], "uid": "${datasource}"}
    variables = dashboard["templating"]["list"]
    assert variables[0]["query"] == PLUGINS[source]
    assert all(one["datasource"] == wanted for one in variables if one["type"] == "query")
    for one in dashboard["panels"]:
        assert [one["datasource"], *(target["datasource"] for target in one["targets"])] == [wanted] * (
            1 + len(one["targets"])
        )
        assert [target["refId"] for target in one["targets"]] == list("AB")[: len(one["targets"])]


@EVERY
def test_every_variable_that_is_used_is_declared_before(board: Board, source: Source):
    dashboard = exported(board, source)
    declared: set[str] = set()
    for variable in dashboard["templating"]["list"]:
        assert used(variable) - OF_GRAFANA <= declared
        declared.add(variable["name"])
    assert used(dashboard) - OF_GRAFANA <= declared
    assert "resolution" in used(dashboard)


def used(document: Any) -> set[str]:
    return {name for text in texts(document) for name in re.findall(r"\$\{([a-z_]+)", text)}


@EVERY
def test_no_dashboard_names_an_address_but_that_of_the_console(board: Board, source: Source):
    dashboard = exported(board, source)
    found = [text for text in texts(dashboard) if urlsplit(text).netloc and not text.startswith("${console}")]
    assert found == [CONSOLE]
    assert not any("opsloop_" in text or "Bearer" in text for text in texts(dashboard))


@EVERY
def test_times_zones_and_refresh_are_said(board: Board, source: Source):
    dashboard = exported(board, source)
    assert (dashboard["timezone"], dashboard["refresh"]) == ("browser", "1m")
    assert dashboard["time"] == {"from": "now-3h", "to": "now"}
    assert dashboard["timepicker"]["nowDelay"] == "3m"  # kpi.md: a minute is complete two minutes after its end


def test_identities_never_change():
    assert [exported(board)["uid"] for board in BOARDS] == ["opsloop-production-health", "opsloop-database-health"]
    assert all(len(board.name) <= 40 for board in BOARDS)  # Grafana's limit


def test_an_export_is_the_same_each_time():
    assert dashboard_json(PRODUCTION, DIALECTS[Source.json], CONSOLE) == dashboard_json(
        PRODUCTION, DIALECTS[Source.json], CONSOLE
    )


def test_the_whole_service_is_the_first_operation():
    (variable,) = [one for one in exported(PRODUCTION)["templating"]["list"] if one["name"] == "operation"]
    assert (variable["current"], variable["staticOptionsOrder"]) == ({"text": "whole service", "value": ""}, "before")
    assert variable["staticOptions"] == [variable["current"]]


def test_http_calls_are_no_database_calls():
    (variable,) = [one for one in exported(DATABASE)["templating"]["list"] if one["name"] == CALL.name]
    shown = re.compile(variable["regex"].removeprefix("/").removesuffix("/"))
    refused = ["GET", "GET /orders/{id}", "POST /payments", "HTTP GET", "_OTHER", "DELETE /orders/{id}"]
    taken = ["SELECT shop.orders", "DELETE orders", "INSERT", "GETEX session", "(none)", "PUTTING", "HGETALL"]
    assert [name for name in refused + taken if shown.match(name)] == taken


def test_without_a_database_call_nothing_is_shown_as_one():
    (variable,) = [one for one in exported(DATABASE)["templating"]["list"] if one["name"] == CALL.name]
    assert variable["current"]["value"] == "(none)"  # the empty value would mean all client calls, HTTP's too


def test_unknown_is_said_and_never_in_the_colour_of_well():
    states = overrides("Services")["state"]["mappings"][0]["options"]
    assert states["UNKNOWN"]["text"] == "UNKNOWN"
    assert states["UNKNOWN"]["color"] != states["OK"]["color"]
    assert COLOURS[Meaning.UNKNOWN] not in {COLOURS[one] for one in Meaning if one is not Meaning.UNKNOWN}
    for board in BOARDS:
        for one in exported(board)["panels"]:
            assert re.search("UNKNOWN|no proof of health", one["fieldConfig"]["defaults"]["noValue"])


def test_lines_are_not_drawn_over_what_is_unknown():
    for title in ("Error ratio", "Latency", "Request rate (per ${resolution})", "Database call errors"):
        assert panel(title)["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False


def test_series_that_may_lack_periods_are_no_lines():
    for board in BOARDS:
        for one in board.panels:
            if one.shape is Shape.LINES and any(column.is_label for each in one.questions for column in each.columns):
                assert overrides(one.title)["p95 of the metric"]["custom.drawStyle"] == "points"


def test_units_are_grafanas():
    assert overrides("Latency")["p95"]["unit"] == "ms"
    assert overrides("Error ratio")["error ratio"]["unit"] == "percentunit"  # 0 to 1
    assert overrides("Database call latency")["p95 of the metric"]["unit"] == "s"
    assert overrides("Availability")["unavailable"]["unit"] == "m"
    assert set(UNITS.values()) == {"short", "percentunit", "ms", "s", "m"}


def test_the_line_of_the_error_ratio_is_the_catalogs_default():
    page = (ROOT / "docs" / "catalog.md").read_text()
    assert f"| `availability_error_ratio` | no: {DOWN_ABOVE_RATIO} |" in page
    steps = overrides("Error ratio")["error ratio"]["thresholds"]["steps"]
    assert [(one["value"], one["color"]) for one in steps] == [(None, "text"), (0.05, "red")]


def test_columns_stand_as_described_though_infinity_sorts_them_by_name():
    for title in ("Services", "Open anomalies"):
        (described,) = [one for one in PRODUCTION.panels if one.title == title]
        order = panel(title)["transformations"][0]["options"]["indexByName"]
        assert sorted(order, key=order.__getitem__) == [one.title for one in described.questions[0].columns]


def test_cells_lead_to_the_console():
    links = overrides("Open anomalies")["anomaly"]["links"]
    assert links[0]["url"] == "${console}/anomalies/${__value.raw:percentencode}"
    assert overrides("Services")["service"]["links"][0]["url"] == "${console}/services/${__value.raw:percentencode}"


def test_hidden_severities_are_those_below_error():
    pattern = next(iter(name for name in overrides("Log errors") if name.startswith("/")))
    shown = [
        severity
        for severity in ("unspecified", "trace", "debug", "info", "warn", "error", "fatal")
        if not re.match(pattern.strip("/"), severity)
    ]
    assert shown == ["error", "fatal"]


def test_labels_name_series_in_both_data_sources():
    infinity, json_api = panel("Connection pool"), panel("Connection pool", Source.json)
    assert overrides("Connection pool")["connections"]["displayName"] == "${__field.labels.state}"
    assert infinity["targets"][0]["format"] == "timeseries"  # only then are labels made
    assert json_api["targets"][0]["experimentalGroupByField"] == "state"
    assert json_api["targets"][0]["experimentalMetricField"] == "connections"
    assert "__field.labels" not in json.dumps(json_api)


def test_series_beside_another_query_are_not_named_by_its_letter():
    named = overrides("Database call latency")
    assert [named[name]["displayName"] for name in ("p50", "p95", "p99")] == ["p50", "p95", "p99"]
    assert "displayName" not in overrides("Latency")["p95"]


def test_titles_of_columns_can_be_names_of_labels_and_series():
    for board in BOARDS:
        for one in board.panels:
            for question in one.questions:
                titles = [column.title for column in question.columns]
                assert len(set(titles)) == len(titles)
                assert all(column.title.isidentifier() for column in question.columns if column.is_label)
                assert sum(column.kind is Kind.TIME for column in question.columns) <= 1 or one.shape is Shape.TABLE


def test_the_key_stays_in_grafanas_environment():
    from opsloop_cli.dashboard_files import files_of

    for source in Source:
        (text,) = [one.text for one in files_of(source, "https://x.example.com:8443") if one.name == "datasource.yaml"]
        document = yaml.safe_load(text)
        (found,) = document["datasources"]
        assert (document["apiVersion"], found["type"], found["url"]) == (
            1, PLUGINS[source], "https://x.example.com:8443"
        )  # fmt: skip
        assert (found["uid"], found["access"]) == ("opsloop", "proxy")
        (secret,) = found["secureJsonData"].values()
        assert secret.removeprefix("Bearer ") == "$OPSLOOP_READ_KEY"
