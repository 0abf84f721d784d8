"""Backtests: the detector's own steps, in slices, and thresholds that are checked as the catalog's are."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from opsloop.anomaly import backtest, carried
from opsloop.anomaly.thresholds import thresholds_of
from opsloop.catalog import Catalog, Service
from opsloop.errors import InvalidInputError
from tests.unit.anomaly.quiet import START, Fault, NoPatterns, Shop
from tests.unit.anomaly.test_page import an_anomaly

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schema/catalog.schema.json").read_text(encoding="utf-8"))
CATALOG = Catalog({}, Service("", 4, "", "", "", (), 200, 0.05))
FAULT = START + 26 * 60
SHOP = Shop(3, faults=(Fault("payments", FAULT, FAULT + 30, slower=4.0, error_ratio=0.30),))
PAST = backtest.Past(SHOP, NoPatterns(), SHOP.seen(START, FAULT + 120), ())
QUESTION = backtest.Question(FAULT - 60, FAULT + 90, {backtest.NOW: CATALOG})


def whole(question, past=PAST):
    return backtest.slice_of(question, past, backtest.begun(question, past), lambda: True)


def called(found, name=backtest.NOW):
    return {(one.service, one.measure, one.operation) for one in found.trials[name].found.values()}


def test_a_fault_is_called_and_a_quiet_time_is_not():
    assert ("payments", "error_ratio", "") in called(whole(QUESTION))
    quiet = replace(PAST, blocks=Shop(3))
    assert called(whole(QUESTION, quiet)) == set()


def test_what_began_before_the_time_in_question_is_not_called_in_it():
    after = replace(QUESTION, first_minute=FAULT + 20)
    assert ("payments", "error_ratio", "") not in called(whole(after))


def test_slices_carried_as_bytes_end_like_one_pass():
    thresholds = backtest.with_thresholds(CATALOG, ["payments"], {"sensitivity": 3})
    question = replace(QUESTION, catalogs={backtest.NOW: CATALOG, backtest.PROPOSED: thresholds})
    part = backtest.begun(question, PAST)
    while not part.is_done:
        part = backtest.slice_of(question, PAST, part, lambda: False)
        part = carried.decode(carried.encode(part, "q"), "q")
    assert backtest.result_json(part) == backtest.result_json(whole(question))
    assert part.unknown == whole(question).unknown


def test_thresholds_hold_for_the_services_in_question_alone():
    changed = backtest.with_thresholds(CATALOG, ["payments"], {"is_judged": False})
    assert changed.service("payments").anomaly == {"is_judged": False}
    assert changed.service("orders").anomaly == {}
    question = replace(QUESTION, catalogs={backtest.NOW: CATALOG, backtest.PROPOSED: changed})
    assert "payments" not in {service for service, _, _ in called(whole(question), backtest.PROPOSED)}


def test_without_any_history_every_service_is_unknown():
    question = replace(QUESTION, first_minute=START)
    assert {one["service"] for one in whole(question).unknown} == {"web", "orders", "payments"}
    assert all(one["reason"].startswith("too little history") for one in whole(question).unknown)
    assert whole(QUESTION).unknown == []


def test_the_same_series_at_a_shared_time_is_neither_gone_nor_new():
    one = an_anomaly()
    later = an_anomaly(anomaly_id="later", first_minute=one.last_minute, last_minute=one.last_minute + 4)
    apart = an_anomaly(anomaly_id="apart", first_minute=one.last_minute + 1, last_minute=one.last_minute + 5)
    other = an_anomaly(anomaly_id="other", operation="GET /")
    assert backtest.differences([one], [later]) == ([], [])
    assert backtest.differences([one], [apart]) == ([one.anomaly_id], ["apart"])
    assert backtest.differences([one], [one, other]) == ([], ["other"])


@pytest.mark.parametrize("body", [b"", b"OBT1", b"OBT1\xff\xff\xff\xff{}", b"OBT1\x02\0\0\0{}", b"OBT1\x01\0\0\0["])
def test_bytes_that_are_no_backtest_are_refused(body):
    with pytest.raises(InvalidInputError, match=r"^continuation: "):
        carried.decode(body, "q")


GOOD = [
    {},
    {"is_judged": False, "sensitivity": 0.5, "operations": 0},
    {"sensitivity": 10, "operations": 200, "presets": ["p95", "error_rate"]},
    {"floors": {"p95": {"relative": 0, "absolute": 100, "requests": 1.5, "history_minutes": 60, "high": True}}},
    {"floors": {"pattern": {}, "rate": {"low": False}}},
    {"operations": 3.0},
]
BAD = [
    ({"sensitivty": 1}, "sensitivty"),
    ({"is_judged": 1}, "is_judged"),
    ({"sensitivity": 0.05}, "sensitivity"),
    ({"sensitivity": 11}, "sensitivity"),
    ({"sensitivity": True}, "sensitivity"),
    ({"sensitivity": "1"}, "sensitivity"),
    ({"operations": 2.5}, "operations"),
    ({"operations": 201}, "operations"),
    ({"operations": None}, "operations"),
    ({"operations": True}, "operations"),
    ({"presets": "p95"}, "presets"),
    ({"presets": ["p99"]}, "presets[0]"),
    ({"presets": ["p95", "p95"]}, "presets[1]"),
    ({"floors": []}, "floors"),
    ({"floors": {"silence": {}}}, "floors.silence"),
    ({"floors": {"p95": 100}}, "floors.p95"),
    ({"floors": {"p95": {"absolute": -1}}}, "floors.p95.absolute"),
    ({"floors": {"p95": {"history_minutes": 59}}}, "floors.p95.history_minutes"),
    ({"floors": {"p95": {"high": "yes"}}}, "floors.p95.high"),
]


def is_valid_in_the_catalog(content):
    schema = {**SCHEMA["$defs"]["anomaly"], "$defs": SCHEMA["$defs"]}
    return Draft202012Validator(schema).is_valid(content)


@pytest.mark.parametrize("content", GOOD, ids=json.dumps)
def test_thresholds_that_the_catalog_takes_can_be_tried(content):
    assert is_valid_in_the_catalog(content)
    assert thresholds_of(content) == content


@pytest.mark.parametrize(("content", "field"), BAD, ids=[field for _, field in BAD])
def test_thresholds_that_the_catalog_refuses_are_refused_by_field(content, field):
    assert not is_valid_in_the_catalog(content)
    with pytest.raises(InvalidInputError) as caught:
        thresholds_of(content)
    assert caught.value.message.startswith(f"thresholds.{field}: ")
