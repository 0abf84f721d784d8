"""The call graph over HTTP: from records of any shard to what is answered, once, whatever is repeated."""

import base64
import json
import random
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from opsloop.errors import DependencyUnavailableError
from tests.conftest import NOW
from tests.integration.described import as_described
from tests.unit.telemetry.call_traces import checkout, requests

CHECKOUTS = 40
FIRST, LAST = "2026-11-21T08:10:00Z", "2026-11-21T08:20:00Z"


def record(body, number, shard):
    sequence = str(49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898 + number)
    return {
        "kinesis": {
            "partitionKey": f"key-{number}",
            "sequenceNumber": sequence,
            "data": base64.b64encode(body).decode(),
            "approximateArrivalTimestamp": NOW.timestamp() - 600,
        },
        "eventID": f"shardId-00000000000{shard}:{sequence}",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/opsloop-test-stream",
    }


@pytest.fixture
def bodies():
    """Requests of 40 checkouts, four in each minute from 08:10 to 08:20."""
    chance = random.Random(1)
    spans = []
    for number in range(CHECKOUTS):
        for service, one in checkout(chance):
            shift = int((NOW - timedelta(minutes=20 - number // 4)).timestamp()) * 10**9 - one.start_time_unix_nano
            one.start_time_unix_nano += shift
            one.end_time_unix_nano += shift
            spans.append((service, one))
    found = requests(spans, 5)
    chance.shuffle(found)
    return found


@pytest.fixture
def deliver(aws, load_handler, context):
    handler = load_handler("telemetry_ingest")

    def run(bodies, *, size=7, shards=2):
        for shard in range(shards):
            records = [record(body, number, shard) for number, body in enumerate(bodies) if number % shards == shard]
            for first in range(0, len(records), size):
                handler.lambda_handler({"Records": records[first : first + size]}, context)

    return run


@pytest.fixture
def fold(aws, load_handler, monkeypatch, context):
    context.remaining_ms = 300_000
    handler = load_handler("telemetry_fold")
    monkeypatch.setattr(handler, "time", SimpleNamespace(time=lambda: 0.0))
    handler.bus = SimpleNamespace(publish=lambda _events: None)
    every_minute = {"id": "fold", "time": "2026-11-21T08:30:00Z"}
    handler.run = lambda **changes: handler.lambda_handler({**every_minute, **changes}, context)
    return handler


@pytest.fixture
def ask(aws, tokens, load_handler, http_event, context):
    handler = load_handler("telemetry_graph")

    def get(key="read", **query):
        wanted = urlencode({"from": FIRST, "to": LAST} | query)
        return handler.lambda_handler(http_event("GET", "/v1/graph", query=wanted, token=tokens[key], now=NOW), context)

    return get


def calls(answer):
    """Return how many calls each edge has."""
    body = as_described("GET", "/v1/graph", answer)
    return {
        (one["caller"], one["callee"], one["kind"]): round(one["calls_per_minute"] * 10, 6) for one in body["edges"]
    }


ONCE = {
    ("web", "orders", "call"): CHECKOUTS,
    ("web", "stock", "call"): CHECKOUTS,
    ("orders", "payments", "call"): CHECKOUTS,
    ("orders", "postgresql/shop", "call"): CHECKOUTS,
    ("orders", "mail", "message"): CHECKOUTS,
}


def test_calls_between_services_of_different_shards_are_found_and_exact(bodies, deliver, fold, ask):
    deliver(bodies)
    fold.run()
    answer = ask()
    assert calls(answer) == ONCE
    body = json.loads(answer["body"])
    assert (body["from"], body["to"], body["nodes_left_out"]) == (FIRST, LAST, 0)
    assert all(one["is_exact"] for one in (*body["nodes"], *body["edges"]))
    rates = {one["name"]: one["requests_per_minute"] for one in body["nodes"]}
    assert rates == {"web": 4.0, "orders": 4.0, "payments": 4.0, "mail": 4.0, "stock": 4.0, "postgresql/shop": 4.0}


def test_batches_delivered_again_cut_otherwise_and_folded_again_count_no_call_twice(bodies, deliver, fold, ask, aws):
    deliver(bodies, size=7)
    fold.run()
    deliver(bodies, size=11)
    fold.run()
    fold.run()
    assert calls(ask()) == ONCE


@pytest.mark.parametrize("step", ["note_services", "advance", "save"])
def test_a_fold_that_died_on_its_way_counts_no_call_twice(bodies, deliver, fold, ask, monkeypatch, step):
    deliver(bodies)
    owner = {"note_services": fold.blocks, "advance": fold.log, "save": fold.call_links}[step]
    real, done = getattr(owner, step), []

    def die_after(*arguments, **options):
        done.append(real(*arguments, **options))
        raise DependencyUnavailableError("away")  # it was written, and nobody heard

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, die_after)
        with pytest.raises(DependencyUnavailableError):
            fold.run()
    assert done
    fold.run()
    assert calls(ask()) == ONCE


def test_a_fold_that_forgets_up_to_where_a_window_is_folded_writes_more_than_there_is(
    bodies, deliver, fold, ask, aws, monkeypatch
):
    """The negative control: each segment lies in its window twice then. That a span is one by its id still holds."""
    deliver(bodies)
    fold.run()
    before = kept(fold, aws)
    real = fold.call_links.get
    forgets = lambda log, start: (window := real(log, start)) and window.__class__(log, start, "", window.links)  # noqa: E731
    monkeypatch.setattr(fold.call_links, "get", forgets)
    monkeypatch.setattr(fold.call_links, "save", lambda window, _expected, **_: told.append(window))
    monkeypatch.setattr(fold.log, "shards", lambda: dict.fromkeys(shards, "0" * 64))
    monkeypatch.setattr(fold.log, "advance", lambda *_: None)
    told, shards = [], [item["sk"]["S"] for item in aws.items("TELEMETRY_TABLE") if item["pk"]["S"] == "shards"]
    fold.run()
    assert sum(len(window.links) for window in told) == 2 * before


def kept(fold, aws):
    """Return how many spans the windows in the table have."""
    items = [item for item in aws.items("TELEMETRY_TABLE") if item["pk"]["S"].startswith("links#")]
    return sum(len(fold.call_links.get(one["sk"]["S"], _minute(one["pk"]["S"])).links) for one in items)


def _minute(pk):
    from opsloop.clock import minute_of, parse_time

    return minute_of(parse_time(f"{pk.removeprefix('links#')}:00Z", name="window"))


def test_a_window_saved_by_another_fold_meanwhile_is_not_overwritten(bodies, deliver, fold, ask, monkeypatch):
    deliver(bodies)
    real, raced = fold.call_links.save, []

    def save_second(window, expected, **options):
        if not raced:
            raced.append(window)
            real(window, expected, **options)  # the other fold, which did the same
        real(window, expected, **options)

    monkeypatch.setattr(fold.call_links, "save", save_second)
    fold.run()
    assert raced
    assert calls(ask()) == ONCE


def test_windows_expire_two_days_after_they_began_and_what_would_have_expired_is_not_written(
    bodies, deliver, fold, aws
):
    deliver(bodies)
    fold.run(time="2026-11-23T08:10:00Z")
    windows = {item["pk"]["S"] for item in aws.items("TELEMETRY_TABLE") if item["pk"]["S"].startswith("links#")}
    assert windows == set()
    fold = aws.items("TELEMETRY_TABLE")
    assert any(item["pk"]["S"].startswith("block#") for item in fold)


def test_the_sample_asks_for_what_is_around_orders(bodies, deliver, fold, ask, load_handler, event, context, tokens):
    deliver(bodies)
    fold.run()
    body = as_described("GET", "/v1/graph", ask(service="payments"))
    assert {(one["caller"], one["callee"]) for one in body["edges"]} == {("web", "orders"), ("orders", "payments")}
    answer = load_handler("telemetry_graph").lambda_handler(event("telemetry_graph/around_orders"), context)
    assert answer["statusCode"] == 404  # the sample asks for ten minutes before these
    as_described("GET", "/v1/graph", answer)


def test_of_too_many_nodes_the_busiest_are_answered_and_the_others_counted(
    bodies, deliver, fold, ask, load_handler, monkeypatch, http_event, tokens, context
):
    deliver(bodies)
    fold.run()
    handler = load_handler("telemetry_graph")
    monkeypatch.setattr(handler, "MOST_NODES", 4)
    asked = http_event("GET", "/v1/graph", query=urlencode({"from": FIRST, "to": LAST}), token=tokens["read"], now=NOW)
    body = as_described("GET", "/v1/graph", handler.lambda_handler(asked, context))
    assert (len(body["nodes"]), body["nodes_left_out"]) == (4, 2)
    names = {one["name"] for one in body["nodes"]}
    assert all({one["caller"], one["callee"]} <= names for one in body["edges"])


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"service": "nobody"}, 404, "nobody"),
        ({"from": LAST, "to": FIRST}, 400, "from"),
        ({"from": "2026-11-19T08:00:00Z"}, 400, "1 day"),
        ({"kind": "x"}, 400, "kind"),
    ],
)
def test_other_questions_are_refused_by_name(ask, query, status, says):
    answer = ask(**query)
    assert answer["statusCode"] == status
    assert says in answer["body"]


def test_without_the_read_scope_there_is_no_graph_and_without_spans_an_empty_one(ask):
    assert ask(key="ingest")["statusCode"] == 403
    assert calls(ask()) == {}


def test_a_missing_table_is_answered_503(aws, tokens, load_handler, http_event, context):
    handler = load_handler("telemetry_graph", TELEMETRY_TABLE="not-there")
    answer = handler.lambda_handler(http_event("GET", "/v1/graph", token=tokens["read"], now=NOW), context)
    assert answer["statusCode"] == 503
