"""Cardinality over HTTP: told from stored blocks, for those who may read, of services that were heard."""

from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import pytest

from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import minute_of
from opsloop.telemetry.aggregate import from_points
from opsloop.telemetry.model import Block, Series
from tests.conftest import NOW
from tests.integration.described import as_described

OPEN = minute_of(NOW.replace(minute=0))


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("telemetry_describe")


def store(aws, hour, users, operations=1):
    """Store an hour of web in which each user called each operation once."""
    series = [
        Series("web", "span.duration", "server", f"GET /o/{number}", "ns", (("user", f"u{user}"),))
        for number in range(operations)
        for user in range(users)
    ]
    place = np.arange(len(series))
    cells = from_points(series, place, np.full(len(series), hour), np.ones(len(series)))
    block = Block("web", hour, cells, {"log": "1"}, ())
    BlockTable(aws.names["TELEMETRY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"])).save(
        block, now=NOW, retention_days=35
    )


def ask(handler, http_event, context, token, **query):
    event = http_event("GET", "/v1/telemetry/cardinality", query=urlencode(query), token=token, now=NOW)
    return handler.lambda_handler(event, context)


def test_the_fullest_of_the_last_hours_is_told(aws, handler, event, context):
    store(aws, OPEN, users=3)
    store(aws, OPEN - 60, users=4, operations=6)
    store(aws, OPEN - 120, users=9, operations=9)  # before the two hours that the sample asks for
    answer = handler.lambda_handler(event("telemetry_describe/cardinality_of_web"), context)
    body = as_described("GET", "/v1/telemetry/cardinality", answer)
    assert (body["hour"], body["series"], body["without_attributes"]) == ("2026-11-21T07:00:00Z", 24, 6)
    assert [(hour["start"], hour["series"]) for hour in body["hours"]] == [
        ("2026-11-21T07:00:00Z", 24),
        ("2026-11-21T08:00:00Z", 3),
    ]
    (user,) = body["dimensions"]
    assert (user["name"], user["values"], user["after"], user["saves"]) == ("user", 4, 6, 18)
    (pattern,) = body["patterns"]
    assert (pattern["pattern"], pattern["operations"], pattern["saves"]) == ("GET /o/{id}", 6, 20)
    assert body["steps"] == [{"drop": "user", "before": 24, "after": 6}]


def test_a_service_that_was_not_heard_is_not_found(handler, http_event, context, tokens):
    answer = ask(handler, http_event, context, tokens["read"], service="nobody")
    assert answer["statusCode"] == 404
    assert "nobody" in answer["body"]


@pytest.mark.parametrize("query", [{}, {"service": "web", "hours": "25"}, {"service": "web", "days": "1"}])
def test_questions_that_make_no_sense_are_refused(handler, http_event, context, tokens, query):
    assert ask(handler, http_event, context, tokens["read"], **query)["statusCode"] == 400


def test_only_those_who_may_read_are_told(handler, http_event, context, tokens):
    assert ask(handler, http_event, context, tokens["ingest"], service="web")["statusCode"] == 403


def test_the_limit_is_that_of_the_catalog(aws, handler, http_event, context, tokens, monkeypatch):
    store(aws, OPEN, users=3)
    limited = replace(handler.catalog.service("web"), series_limit=7)
    monkeypatch.setattr(handler, "catalog", replace(handler.catalog, services={"web": limited}))
    body = as_described(
        "GET", "/v1/telemetry/cardinality", ask(handler, http_event, context, tokens["read"], service="web")
    )
    assert body["limit"] == 7
