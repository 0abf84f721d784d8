"""The demo's own counts equal what a front door received, failures included."""

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from local.demo import __main__ as demo
from local.demo.load import visits
from local.demo.service import NUMBER_HEADER, Answer, send
from local.demo.shop import Shop
from local.demo.telemetry import Destination
from local.demo.truth import Truth
from tests.unit.demo.front_door import SERVER_SPAN, FrontDoor, service_name, serving

SEED = 7


@contextmanager
def open_shop(door: FrontDoor, *, prefix: str = "") -> Iterator[tuple[Shop, Truth]]:
    with serving(door) as url:
        truth = Truth(started_ns=time.time_ns())
        shop = Shop(Destination(url, "opsloop_test_key"), truth, seed=SEED, prefix=prefix)
        shop.start()
        try:
            yield shop, truth
        finally:
            shop.stop()
            demo.close(shop, timeout_s=5.0)


def visit(shop: Shop, count: int) -> list[Answer]:
    return [
        send(shop.web.port, visit.method, visit.path, {NUMBER_HEADER: str(visit.number)}, visit.body)
        for visit in islice(visits(SEED), count)
    ]


def flush(shop: Shop) -> None:
    for service in shop.services:
        service.telemetry.flush()


def own_counts(truth: Truth) -> dict[tuple[int, str, str], list[int]]:
    return {
        (int(minute), service, operation): [tally["requests"], tally["errors"]]
        for minute, services in truth.snapshot()["minutes"].items()
        for service, operations in services.items()
        for operation, tally in operations.items()
    }


def flat(nested: dict[str, dict[str, dict[str, int]]]) -> Counter[tuple[int, str, str]]:
    return Counter(
        {
            (int(minute), service, name): count
            for minute, services in nested.items()
            for service, names in services.items()
            for name, count in names.items()
        }
    )


def test_own_counts_equal_the_spans_logs_and_points_that_arrived():
    door = FrontDoor()
    with open_shop(door) as (shop, truth):
        answers = visit(shop, 120)
        flush(shop)
        assert own_counts(truth) == door.request_counts()
        assert flat(truth.snapshot()["logs"]) == door.log_counts()
        assert flat(truth.snapshot()["metrics"]) == door.metric_counts()
    assert {answer.status for answer in answers} >= {200, 201, 404}
    assert sum(count for count, _ in door.request_counts().values()) > 120  # orders and payments were called too


def test_a_span_that_never_arrived_makes_the_counts_differ():
    door = FrontDoor()
    with open_shop(door) as (shop, truth):
        visit(shop, 5)
        flush(shop)
        assert own_counts(truth) == door.request_counts()
        door.bodies.remove(next(body for body in door.bodies if body[0] == "/v1/traces"))
        assert own_counts(truth) != door.request_counts()


def test_one_trace_leads_through_all_three_services():
    door = FrontDoor()
    with open_shop(door) as (shop, _):
        placed = send(shop.web.port, "POST", "/checkout", {NUMBER_HEADER: "1"}, {"items": [1]})
        flush(shop)
    assert placed.status == 201
    spans = door.spans()
    assert len({span.trace_id for _, span in spans}) == 1
    parents = {span.span_id: (service, span.name) for service, span in spans}
    servers = {
        (service, span.name): parents.get(span.parent_span_id) for service, span in spans if span.kind == SERVER_SPAN
    }
    assert servers == {
        ("web", "POST /checkout"): None,
        ("orders", "POST /orders"): ("web", "POST /orders"),
        ("payments", "POST /payments"): ("orders", "POST /payments"),
    }


def test_only_orders_compresses_and_every_body_carries_the_key():
    door = FrontDoor()
    with open_shop(door) as (shop, _):
        visit(shop, 30)
        flush(shop)
    assert door.keys == {"Bearer opsloop_test_key"}
    encodings = {
        (service_name(request.resource_spans[0].resource), door.encodings[request.SerializeToString()])
        for request in door.requests("/v1/traces")
    }
    assert encodings == {("web", "identity"), ("orders", "gzip"), ("payments", "identity")}


def test_an_unanswered_batch_is_sent_again_with_the_same_bytes_and_counts_once():
    door = FrontDoor()
    with open_shop(door) as (shop, truth):
        door.lost_answers = 2  # taken, but answered 500, which the SDK's exporter takes for a final failure
        visit(shop, 3)
        flush(shop)
        assert own_counts(truth) == door.request_counts()
        assert sum(delivery["failed_attempts"] for delivery in truth.snapshot()["delivery"]["web"].values()) == 2
    repeated = [body for body, times in Counter(door.bodies).items() if times > 1]
    assert 1 <= len(repeated) <= 2


def test_refused_and_rejected_items_are_never_called_acknowledged():
    door = FrontDoor()
    with open_shop(door) as (shop, truth):
        door.failures = [400]
        send(shop.web.port, "GET", "/", {NUMBER_HEADER: "1"}, None)
        shop.web.telemetry.flush()
        door.rejected_spans = 1
        send(shop.web.port, "GET", "/", {NUMBER_HEADER: "2"}, None)
        shop.web.telemetry.flush()
        delivery = truth.snapshot()["delivery"]["web"]
    assert delivery["traces"]["made"] == 4  # two server spans, two internal ones
    assert sum(signal["refused"] for signal in delivery.values()) >= 2
    assert demo.report({"web": delivery}) == 1


def test_a_failing_route_answers_500_and_counts_as_an_error():
    door = FrontDoor()
    with open_shop(door) as (shop, truth):
        answer = send(shop.orders.port, "POST", "/orders", {NUMBER_HEADER: "not a number"}, {})
        flush(shop)
        assert own_counts(truth) == door.request_counts()
    assert answer.status == 500
    assert [tally for (_, _, operation), tally in own_counts(truth).items() if operation == "POST /orders"] == [[1, 1]]


def test_the_same_seed_gives_the_same_answers():
    with open_shop(FrontDoor()) as (shop, _):
        first = [answer.status for answer in visit(shop, 60)]
    with open_shop(FrontDoor(), prefix="again-") as (shop, _):
        assert [answer.status for answer in visit(shop, 60)] == first
        assert [service.name for service in shop.services] == ["again-web", "again-orders", "again-payments"]


def test_the_truth_is_served():
    truth = Truth(started_ns=60_000_000_001)
    truth.count_request("web", "GET /", start_ns=120_000_000_000, is_error=True)
    with open_shop(FrontDoor()) as (shop, _):
        server = demo.serve_truth(truth, shop)
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_address[1]}/truth") as response:
            served = json.load(response)
        server.shutdown()
        server.server_close()
    assert served["started_minute"] == 1
    assert served["complete_from"] == 2
    assert served["minutes"] == {"2": {"web": {"GET /": {"requests": 1, "errors": 1}}}}


def test_counting_from_many_threads_loses_nothing():
    truth = Truth(started_ns=0)

    def count() -> None:
        for _ in range(500):
            truth.count_request("web", "GET /", start_ns=0, is_error=False)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert own_counts(truth) == {(0, "web", "GET /"): [4000, 0]}


def test_only_a_day_of_minutes_is_kept():
    truth = Truth(started_ns=0)
    for minute in range(1443):
        truth.count_request("web", "GET /", start_ns=minute * 60_000_000_000, is_error=False)
    snapshot = truth.snapshot()
    assert len(snapshot["minutes"]) == 1440
    assert snapshot["complete_from"] == 3
