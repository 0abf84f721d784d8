"""Anomalies over HTTP: what the detector found in a shop with a fault, listed, shown, and talked of."""

import json
from urllib.parse import urlencode

import pytest

from opsloop.adapters.anomaly_state import StateTable
from opsloop.adapters.anomaly_table import AnomalyTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.anomaly import backtest
from opsloop.anomaly.model import Part
from opsloop.clock import format_time, time_of
from tests.integration.anomaly_world import Stores, start
from tests.integration.described import as_described
from tests.unit.anomaly.quiet import START, Fault, Shop

JSON = {"content-type": "application/json"}
FAULT = START + 26 * 60 + 10
NOW = FAULT + 91
SHOP = Shop(
    3,
    faults=(
        Fault("payments", FAULT, FAULT + 30, slower=4.0, error_ratio=0.30),
        Fault("orders", FAULT, FAULT + 30, slower=2.2, error_ratio=0.25),
    ),
)
_FOUND: list[Stores] = []


@pytest.fixture
def found(aws, load_handler):
    """Return the stores after the detector judged a day and a fault; what it wrote is in the tables, too."""
    if not _FOUND:
        stores = Stores(SHOP, first=START)
        detector = load_handler("anomaly_detect")
        start(detector, stores, FAULT - 9)
        for minute in range(FAULT - 4, NOW + 1, 5):
            start(detector, stores, minute)
        _FOUND.append(stores)
    stores = _FOUND[0]
    table = AnomalyTable(aws.names["ANOMALY_TABLE"])
    for judged_to, one in stores.stored.values():
        table.put(one, judged_to=judged_to)
    states = StateTable(aws.names["ANOMALY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))
    states.save(_first_version(stores.saved), now=time_of(NOW))
    return stores


def _first_version(saved):
    return type(saved)(**{**vars(saved), "version": 1})


@pytest.fixture
def handler(found, tokens, load_handler):
    query = load_handler("anomaly_query")
    query.blocks = found
    return query


@pytest.fixture
def ask(handler, tokens, http_event, context):
    """Return ``ask("GET", "/v1/anomalies", state="open")``: the answer, which agrees with the API description."""

    def send(method, path, *, described=None, status=200, key="admin", document=None, now=NOW, **query):
        event = http_event(
            method,
            path,
            query=urlencode({name.rstrip("_"): value for name, value in query.items()}),
            headers=JSON if document is not None else {},
            body=json.dumps(document) if document is not None else b"",
            token=tokens[key],
            now=time_of(now),
        )
        answer = handler.lambda_handler(event, context)
        assert answer["statusCode"] == status, answer["body"]
        return as_described(method, described or path, answer)

    return send


@pytest.fixture
def one(ask):
    """Return ``one(anomaly_id)``: that anomaly, whole."""
    return lambda identity, **more: ask("GET", f"/v1/anomalies/{identity}", described="/v1/anomalies/{id}", **more)


@pytest.fixture
def origin(found):
    (one,) = [
        one
        for _, one in found.stored.values()
        if (one.service, one.measure, one.operation) == ("payments", "error_ratio", "")
    ]
    return one


def test_the_list_has_what_the_detector_found_newest_first(ask, found):
    page = ask("GET", "/v1/anomalies", key="read")
    ids = [one["anomaly_id"] for one in page["anomalies"]]
    assert ids == sorted(found.stored, reverse=True)
    assert len(ids) >= 3
    assert page["judged_to"] == format_time(time_of(NOW - 1))


def test_without_anomalies_the_list_says_what_cannot_be_judged(ask, aws):
    page = ask("GET", "/v1/anomalies", now=NOW + 20, service="inventory")
    assert page["anomalies"] == []
    said = {(one["service"], one["measure"]): one["reason"] for one in page["unknown"]}
    assert said["inventory", ""] == "no telemetry was ever heard of it"
    assert said["*", ""] == f"nothing was judged since {format_time(time_of(NOW - 1))}"


def test_what_has_no_history_yet_is_told_as_unknown(ask, found):
    page = ask("GET", "/v1/anomalies", service="web")
    assert {one["service"] for one in page["unknown"]} <= {"web"}
    everything = ask("GET", "/v1/anomalies")["unknown"]
    assert ("web", "", "no telemetry was ever heard of it") not in {
        (one["service"], one["measure"], one["reason"]) for one in everything
    }


def test_pages_hold_each_anomaly_once_and_a_cursor_of_another_question_is_refused(ask, found):
    ids, cursor = [], {}
    for _ in found.stored:
        page = ask("GET", "/v1/anomalies", limit=2, **cursor)
        ids += [one["anomaly_id"] for one in page["anomalies"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert ids == sorted(found.stored, reverse=True)
    problem = ask("GET", "/v1/anomalies", service="web", status=400, **cursor)
    assert problem["detail"].startswith("cursor:")


def test_a_service_a_state_and_a_time_select(ask, found):
    page = ask("GET", "/v1/anomalies", service="payments", state="ended")
    assert {one["service"] for one in page["anomalies"]} == {"payments"}
    assert ask("GET", "/v1/anomalies", state="open")["anomalies"] == []
    assert ask("GET", "/v1/anomalies", to=FAULT * 60 - 3600)["anomalies"] == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"state": "closed"}, "state"),
        ({"from_": "yesterday"}, "from"),
        ({"from_": "2026-01-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"since": "-1h"}, "since"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(ask, query, named):
    assert ask("GET", "/v1/anomalies", status=400, **query)["detail"].startswith(f"{named}:")


def test_one_anomaly_has_its_series_with_the_band_that_the_detector_had(one, origin):
    shown = one(origin.anomaly_id)
    points = {point["start"]: point for point in shown["series"]["points"]}
    worst = [point for point in points.values() if point["value"] == origin.value]
    assert len(worst) == 1
    assert worst[0]["expected"] == pytest.approx(origin.expected, rel=1e-5)
    assert worst[0]["high"] == pytest.approx(origin.high, rel=1e-5)
    starts = list(points)
    assert starts[0] == format_time(time_of(origin.first_minute - 120))
    assert starts == sorted(starts)
    assert shown["series"]["why_no_band"] == ""
    before = [point for start, point in points.items() if start < shown["first_minute"]]
    assert len(before) == 24
    assert all(point["low"] <= point["value"] <= point["high"] for point in before)


def test_a_band_that_there_is_no_time_for_is_not_guessed(handler, one, origin, monkeypatch):
    monkeypatch.setattr(handler, "SERIES_S", -1.0)
    series = one(origin.anomaly_id)["series"]
    assert series["why_no_band"] == "there was no time to read the days before"
    assert origin.value in [point["value"] for point in series["points"]]
    assert {point["expected"] for point in series["points"]} == {None}


def test_values_alone_are_told_without_reading_the_days_before(found, one, origin):
    found.read_blocks.clear()
    whole = one(origin.anomaly_id, band="yes")["series"]["points"]
    many = found.read_blocks.total()
    found.read_blocks.clear()
    series = one(origin.anomaly_id, band="no")["series"]
    assert found.read_blocks.total() < many / 4
    assert series["why_no_band"] == "it was not asked for"
    assert [point["value"] for point in series["points"]] == [point["value"] for point in whole]
    assert {point["expected"] for point in series["points"]} == {None}
    assert one(origin.anomaly_id, status=400, band="maybe")["detail"].startswith("band:")


def test_origin_and_effects_name_each_other(one, origin):
    shown = one(origin.anomaly_id)
    assert (shown["part"], shown["origin"]) == (Part.ORIGIN, None)
    assert {effect["service"] for effect in shown["effects"]} >= {"orders"}
    effect = one(shown["effects"][0]["anomaly_id"])
    assert effect["origin"] == {
        "anomaly_id": origin.anomaly_id,
        "service": "payments",
        "measure": "error_ratio",
        "reason": origin.reason,
    }


def test_an_anomaly_that_there_is_not_is_404(one):
    assert "20261121T0805-4f3a9c1e2b7d4f60" in one("20261121T0805-4f3a9c1e2b7d4f60", status=404)["detail"]
    one("payments", status=404)


def test_feedback_is_stored_and_the_same_key_replaces_it(ask, one, origin):
    path, described = f"/v1/anomalies/{origin.anomaly_id}/feedback", "/v1/anomalies/{id}/feedback"
    ask("POST", path, described=described, document={"verdict": "noise"})
    said = ask("POST", path, described=described, document={"verdict": "useful", "note": "the bank was down"})
    assert said["by"] == "a" * 12
    assert one(origin.anomaly_id)["feedback"] == [said]
    assert (said["verdict"], said["note"]) == ("useful", "the bank was down")


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({}, "verdict"),
        ({"verdict": "bad"}, "verdict"),
        ({"verdict": ["noise"]}, "verdict"),
        ({"verdict": "noise", "note": 7}, "note"),
        ({"verdict": "noise", "note": "x" * 1001}, "note"),
        ({"verdict": "noise", "by": "me"}, "by"),
    ],
)
def test_feedback_that_is_none_is_refused_by_field(ask, one, origin, document, named):
    path, described = f"/v1/anomalies/{origin.anomaly_id}/feedback", "/v1/anomalies/{id}/feedback"
    assert ask("POST", path, described=described, status=400, document=document)["detail"].startswith(f"{named}:")
    assert one(origin.anomaly_id)["feedback"] == []


def test_feedback_on_nothing_is_404_and_a_key_that_reads_cannot_give_any(ask, origin):
    described = "/v1/anomalies/{id}/feedback"
    nowhere = "/v1/anomalies/20261121T0805-4f3a9c1e2b7d4f60/feedback"
    ask("POST", nowhere, described=described, status=404, document={"verdict": "noise"})
    path = f"/v1/anomalies/{origin.anomaly_id}/feedback"
    ask("POST", path, described=described, status=403, key="read", document={"verdict": "noise"})


def test_an_excluded_time_is_listed_and_reaches_the_detector_once(ask, aws):
    window = {
        "service": "payments",
        "from": "2026-11-16T06:00:00Z",
        "to": "2026-11-16T07:30:00Z",
        "reason": "load test",
    }
    everywhere = {**window, "service": "*", "from": "2026-11-16T07:00:00Z"}
    for document in (window, everywhere, window):
        answer = ask("POST", "/v1/anomalies/exclusions", status=201, document=document)
        assert {**answer, "exclusion_id": ""} == {**document, "exclusion_id": ""}
    listed = ask("GET", "/v1/anomalies/exclusions", key="read")["exclusions"]
    assert [{**one, "exclusion_id": ""} for one in listed] == [
        {**one, "exclusion_id": ""} for one in (everywhere, window)
    ]
    stored = AnomalyTable(aws.names["ANOMALY_TABLE"]).excluded_windows()
    assert {one.service for one in stored} == {"payments", ""}


def test_an_exclusion_taken_back_is_gone_and_can_be_taken_back_once(ask, aws):
    window = {"service": "web", "from": "2026-11-16T06:00:00Z", "to": "2026-11-16T07:30:00Z", "reason": "load test"}
    kept = ask("POST", "/v1/anomalies/exclusions", status=201, document={**window, "service": "orders"})
    gone = ask("POST", "/v1/anomalies/exclusions", status=201, document=window)
    path, described = f"/v1/anomalies/exclusions/{gone['exclusion_id']}", "/v1/anomalies/exclusions/{id}"
    ask("DELETE", path, described=described, status=403, key="read")
    ask("DELETE", path, described=described, status=204)
    assert ask("GET", "/v1/anomalies/exclusions")["exclusions"] == [kept]
    assert "no exclusion" in ask("DELETE", path, described=described, status=404)["detail"]
    assert [one.service for one in AnomalyTable(aws.names["ANOMALY_TABLE"]).excluded_windows()] == ["orders"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"service": ""}, "service"),
        ({"from": "yesterday"}, "from"),
        ({"from": True}, "from"),
        ({"to": "2026-11-16T05:00:00Z"}, "to"),
        ({"to": "2026-12-30T05:00:00Z"}, "to"),
        ({"reason": " "}, "reason"),
        ({"until": "x"}, "until"),
    ],
)
def test_a_window_that_is_none_is_refused_by_field(ask, changes, named):
    document = {
        "service": "web",
        "from": "2026-11-16T06:00:00Z",
        "to": "2026-11-16T07:00:00Z",
        "reason": "test",
        **changes,
    }
    problem = ask("POST", "/v1/anomalies/exclusions", status=400, document=document)
    assert problem["detail"].startswith(f"{named}:")
    assert ask("GET", "/v1/anomalies/exclusions")["exclusions"] == []


def test_every_sample_is_answered(handler, event, context):
    for case, status in (
        ("anomalies", 200),
        ("anomaly", 404),
        ("feedback", 404),
        ("exclusions", 200),
        ("exclude", 201),
        ("backtest", 200),
        ("bands", 200),
        ("include", 404),
    ):
        assert handler.lambda_handler(event(f"anomaly_query/{case}"), context)["statusCode"] == status, case


BACKTEST = "/v1/anomalies/backtest"
RANGE = {"from": format_time(time_of(FAULT - 70)), "to": format_time(time_of(NOW))}


def called(answer, name="now"):
    return {one["anomaly_id"] for one in answer[name]["anomalies"]}


def test_a_backtest_of_the_catalog_as_it_is_calls_what_was_called(ask, found):
    answer = ask("POST", BACKTEST, key="read", document=RANGE)
    assert answer["done"]
    assert called(answer) == set(found.stored)
    assert answer["proposed"] is None
    assert {one["state"] for one in answer["now"]["anomalies"]} == {"ended"}


def test_thresholds_are_told_by_what_is_gone_and_what_is_new(ask, handler, found):
    deaf = {"floors": {"error_ratio": {"absolute": 0.5}}}
    answer = ask("POST", BACKTEST, document={**RANGE, "thresholds": deaf})
    errors = {key for key, (_, one) in found.stored.items() if one.measure == "error_ratio"}
    assert errors
    assert set(answer["gone"]) == errors
    assert called(answer, "proposed") == set(found.stored) - errors
    handler.catalog = backtest.with_thresholds(handler.catalog, ["payments", "orders", "web"], deaf)
    answer = ask("POST", BACKTEST, document={**RANGE, "thresholds": {}})
    assert (set(answer["new"]), answer["gone"]) == (errors, [])


def test_a_backtest_in_slices_says_the_same_as_one_at_once(ask, handler, monkeypatch):
    document = {**RANGE, "thresholds": {"sensitivity": 3}}
    whole = ask("POST", BACKTEST, document=document)
    monkeypatch.setattr(handler, "SLICE_S", -1.0)  # an hour a slice
    part, slices = ask("POST", BACKTEST, document=document), 1
    while not part["done"]:
        assert part["now"] is None
        part, slices = ask("POST", BACKTEST, document={**document, "continuation": part["continuation"]}), slices + 1
    assert slices > 20
    assert part == whole


def test_a_continuation_belongs_to_its_question(ask, handler, monkeypatch, aws):
    monkeypatch.setattr(handler, "SLICE_S", -1.0)
    part = ask("POST", BACKTEST, document=RANGE)
    other = {**RANGE, "service": "payments", "continuation": part["continuation"]}
    assert "another question" in ask("POST", BACKTEST, status=400, document=other)["detail"]
    strange = SegmentStore(aws.names["SEGMENT_BUCKET"]).put(b"a block")
    problem = ask("POST", BACKTEST, status=400, document={**RANGE, "continuation": strange})
    assert problem["detail"] == "continuation: it is not of a backtest"
    assert ask("POST", BACKTEST, status=400, document={**RANGE, "continuation": "x"})["detail"].startswith("contin")


def test_a_backtest_says_where_its_history_is_too_short(ask, found):
    document = {"from": format_time(time_of(START)), "to": format_time(time_of(START + 600))}
    answer = ask("POST", BACKTEST, document=document)
    assert {one["service"] for one in answer["unknown"]} == {"orders", "payments", "web"}
    later = ask("POST", BACKTEST, document=RANGE)
    assert later["history_from"] == format_time(time_of(START))
    assert {one["measure"] for one in later["unknown"]} == set()
    ten_hours = {"from": format_time(time_of(START + 600)), "to": format_time(time_of(START + 660))}
    said = ask("POST", BACKTEST, document=ten_hours)["unknown"]
    assert {(one["service"], one["measure"]) for one in said} >= {("payments", "p95"), ("payments", "error_ratio")}
    assert {one["reason"] for one in said} == {
        "too little history: 10.0 h, and 16 h are needed",
        "too little history: 10.0 h, and 24 h are needed",
    }


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"from": None}, "from"),
        ({"to": "2026-11-01T00:00:00Z"}, "to"),
        ({"from": "2026-10-01T00:00:00Z"}, "to"),
        ({"thresholds": []}, "thresholds"),
        ({"thresholds": {"floors": {"p95": {"absolut": 1}}}}, "thresholds.floors.p95.absolut"),
        ({"threshold": {}}, "threshold"),
    ],
)
def test_a_backtest_that_cannot_be_is_refused_by_field(ask, changes, named):
    problem = ask("POST", BACKTEST, status=400, document={**RANGE, **changes})
    assert problem["detail"].startswith(f"{named}:")


def test_a_backtest_of_a_service_never_heard_is_404(ask):
    assert "inventory" in ask("POST", BACKTEST, status=404, document={**RANGE, "service": "inventory"})["detail"]


def test_a_backtest_that_goes_on_later_ends_where_it_was_to_end(ask, handler, monkeypatch):
    monkeypatch.setattr(handler, "SLICE_S", -1.0)
    document = {**RANGE, "to": format_time(time_of(NOW + 600))}
    part = ask("POST", BACKTEST, document=document)
    later = ask("POST", BACKTEST, document={**document, "continuation": part["continuation"]}, now=NOW + 60)
    assert later["to"] == part["to"] == format_time(time_of(NOW - 1))


def test_only_anomalies_of_the_same_series_are_left_out_of_its_band(handler, origin, found):
    left_out = handler._past(origin).anomalies
    assert [one.anomaly_id for one in left_out] == [origin.anomaly_id]
    assert len(found.stored) > 1
