"""The shop over PostgreSQL: the same answers as without, traced, counted exactly, also when the database is killed."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from local.database.server import Server, running
from local.demo import __main__ as demo
from local.demo import pool
from local.demo.housekeeping import tidy
from local.demo.service import NUMBER_HEADER, Answer, send
from local.demo.shop import Shop
from local.demo.telemetry import Destination
from local.demo.truth import Truth
from local.state import StateDir
from tests.unit.demo.front_door import FrontDoor, service_name, serving
from tests.unit.demo.shop_database import ShopDatabase, filled
from tests.unit.demo.test_demo_counts import SEED, flat, flush, own_counts, visit

CLIENT = 3
CART = {"items": [1, 1, 2]}
pytestmark = pytest.mark.xdist_group("shop_database")


@contextmanager
def open_shop(door: FrontDoor, database: ShopDatabase | None) -> Iterator[tuple[Shop, Truth]]:
    with serving(door) as url:
        truth = Truth(started_ns=time.time_ns())
        address = database.address if database else None
        shop = Shop(Destination(url, "opsloop_test_key"), truth, seed=SEED, database=address)
        shop.start()
        try:
            yield shop, truth
        finally:
            shop.stop()
            demo.close(shop, timeout_s=5.0)


def checkout(shop: Shop, number: int) -> Answer:
    return send(shop.web.port, "POST", "/checkout", {NUMBER_HEADER: str(number)}, CART)


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def database_spans(door: FrontDoor) -> list[tuple[str, Any]]:
    return [
        (service, span) for service, span in door.spans() if span.kind == CLIENT and "db.namespace" in attributes(span)
    ]


def test_the_answers_are_those_of_a_shop_without_a_database(shop_database: ShopDatabase) -> None:
    with open_shop(FrontDoor(), None) as (shop, _):
        without = [answer.status for answer in visit(shop, 30)]
    with open_shop(FrontDoor(), shop_database) as (shop, _):
        assert [answer.status for answer in visit(shop, 30)] == without
    assert {200, 201, 404} <= set(without)


def test_an_order_is_in_the_databases_with_its_lines_and_its_payment(shop_database: ShopDatabase) -> None:
    ((before,),) = shop_database.ask("orders", "SELECT stock FROM products WHERE id = 1")
    with open_shop(FrontDoor(), shop_database) as (shop, _):
        assert checkout(shop, 1).status == 201
        shown = send(shop.web.port, "GET", "/orders/1", {NUMBER_HEADER: "2"}, None)
    assert shown.body == {"id": "1", "paid": "settled"}
    newest = "SELECT id, reference, goods_cents FROM orders ORDER BY id DESC LIMIT 1"
    ((order, reference, goods_cents),) = shop_database.ask("orders", newest)
    query = "SELECT product_id, quantity, price_cents FROM order_lines WHERE order_id = %s ORDER BY line"
    lines = shop_database.ask("orders", query, order)
    assert [line[:2] for line in lines] == [(1, 2), (2, 1)]
    assert goods_cents == sum(quantity * price for _, quantity, price in lines)
    assert shop_database.one("orders", "SELECT stock FROM products WHERE id = 1") == before - 2
    paid = "SELECT state::text, amount_cents FROM payments WHERE reference = %s"
    assert shop_database.ask("payments", paid, reference) == [("settled", 3 * 999)]


def test_a_shop_that_starts_again_does_not_find_the_orders_of_the_one_before(shop_database: ShopDatabase) -> None:
    with open_shop(FrontDoor(), shop_database) as (shop, _):
        assert checkout(shop, 3).status == 201
    with open_shop(FrontDoor(), shop_database) as (shop, _):
        assert send(shop.web.port, "GET", "/orders/3", {NUMBER_HEADER: "9"}, None).status == 404
        assert checkout(shop, 3).status == 201  # the number may be used again


def test_every_statement_is_a_client_span_inside_its_request(shop_database: ShopDatabase) -> None:
    door = FrontDoor()
    with open_shop(door, shop_database) as (shop, _):
        assert checkout(shop, 1).status == 201
        flush(shop)
    spans = database_spans(door)
    assert Counter((service, span.name) for service, span in spans) == {
        ("orders", "UPDATE products"): 1,
        ("orders", "INSERT orders"): 1,
        ("orders", "INSERT order_lines"): 1,
        ("payments", "INSERT payments"): 1,
        ("payments", "UPDATE payments"): 1,
    }
    assert len({span.trace_id for _, span in door.spans()}) == 1
    known = {span.span_id: span for _, span in door.spans()}
    for service, span in spans:
        told = attributes(span)
        assert (told["db.system.name"], told["db.namespace"]) == ("postgresql", service)
        assert (told["server.address"], told["server.port"]) == ("127.0.0.1", shop_database.facts.port)
        assert told["db.query.text"].startswith(told["db.operation.name"])
        assert not {"db.system", "db.name", "db.statement"} & set(told)  # the old names
        parent = known[span.parent_span_id]
        assert parent.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= parent.end_time_unix_nano


def test_the_pool_and_the_calls_are_measured_and_counted(shop_database: ShopDatabase) -> None:
    door = FrontDoor()
    with open_shop(door, shop_database) as (shop, truth):
        visit(shop, 40)
        flush(shop)
        assert own_counts(truth) == door.request_counts()
        assert flat(truth.snapshot()["logs"]) == door.log_counts()
        assert flat(truth.snapshot()["metrics"]) == door.metric_counts()
    points = Counter(
        (service, name) for (_, service, name), count in door.metric_counts().items() for _ in range(count)
    )
    calls = Counter(service for service, _ in database_spans(door))
    for service in ("orders", "payments"):
        assert points[service, "db.client.operation.duration"] == calls[service] > 0
        assert points[service, "db.client.connection.count"] >= 2  # used and idle
    assert ("web", "db.client.connection.count") not in points
    assert fine_buckets(door, "orders") == 1


def fine_buckets(door: FrontDoor, service: str) -> int:
    """Return how many bounds of the histograms of calls lie below 5 ms: a call takes one or two."""
    (bounds,) = {
        tuple(point.explicit_bounds)
        for request in door.requests("/v1/metrics")
        for one in request.resource_metrics
        if service_name(one.resource) == service
        for scope in one.scope_metrics
        for metric in scope.metrics
        if metric.name == "db.client.operation.duration"
        for point in metric.histogram.data_points
    }
    return sum(0 < bound < 0.005 for bound in bounds)


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, ShopDatabase]]:
    state = StateDir(tmp_path_factory.mktemp("mortal"))
    with running(state) as (server, facts):
        yield server, filled(state, facts)


def test_a_killed_database_fails_requests_and_nothing_else_and_is_found_again(
    mortal: tuple[Server, ShopDatabase],
) -> None:
    server, database = mortal
    door = FrontDoor()
    with open_shop(door, database) as (shop, truth):
        assert [checkout(shop, number).status for number in (1, 2)] == [201, 201]
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        assert server.has_ended() == -signal.SIGKILL
        assert [checkout(shop, number).status for number in (3, 4)] == [502, 502]
        assert send(shop.web.port, "GET", "/", {NUMBER_HEADER: "5"}, None).status == 200
        lost = send(shop.payments.port, "GET", "/payments/1/status", {NUMBER_HEADER: "6"}, None)
        assert server.start().port == database.facts.port
        assert checkout(shop, 7).status == 201
        found = send(shop.web.port, "GET", "/orders/1", {NUMBER_HEADER: "8"}, None)  # acknowledged before the kill
        flush(shop)
        assert own_counts(truth) == door.request_counts()
        assert flat(truth.snapshot()["logs"]) == door.log_counts()
        assert flat(truth.snapshot()["metrics"]) == door.metric_counts()
    assert lost.status == 500
    assert lost.body["error"].startswith("DatabaseDownError: ")
    assert "\n" not in lost.body["error"]
    assert found.body["paid"] == "settled"
    errors = sum(tally[1] for (_, service, _), tally in own_counts(truth).items() if service == "orders")
    assert errors == 2


def test_a_connection_that_ended_while_it_was_idle_fails_nobody(shop_database: ShopDatabase) -> None:
    with open_shop(FrontDoor(), shop_database) as (shop, _):
        assert checkout(shop, 1).status == 201
        end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s"
        assert shop_database.ask("orders", end, "orders") == [(True,)]
        assert checkout(shop, 2).status == 201


def test_more_requests_than_connections_wait_and_then_fail_by_name(
    shop_database: ShopDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENCE_S", 0.01)
    with open_shop(FrontDoor(), None) as (shop, _), ExitStack() as held:
        few = pool.ConnectionPool("orders", lambda: shop_database.address("orders"), shop.orders.telemetry)
        for _ in range(pool.POOL_SIZE):
            held.enter_context(few.connection())
        with pytest.raises(pool.DatabaseDownError, match="within 10 ms: 8 of 8 in use"), few.connection():
            pass
        held.close()
        with few.connection() as again:
            assert again.execute("SELECT 1").fetchone() == (1,)
        few.close()


def test_chores_keep_the_databases_small_and_write_down_what_went(mortal: tuple[Server, ShopDatabase]) -> None:
    database = mortal[1]
    worth = "SELECT sum(total_cents) FROM orders WHERE id <= 30"
    gone_cents = database.one("orders", worth)
    before = database.one("orders", "SELECT count(*) FROM orders")
    documents = database.one("payments", "SELECT count(*) FROM pg_largeobject_metadata")
    for name in ("orders", "payments"):
        tidy(name, database.address(name), kept=before - 100, batch=30)
    assert database.ask("orders", "SELECT count(*), min(id) FROM orders") == [(before - 30, 31)]
    assert database.one("orders", "SELECT count(*) FROM order_lines WHERE order_id <= 30") == 0
    assert database.ask("orders", "SELECT sum(orders), sum(amount_cents) FROM archived_days") == [(30, gone_cents)]
    assert database.one("orders", "SELECT sum(orders) FROM order_totals") == before - 30
    assert database.one("payments", "SELECT min(id) FROM payments") == 31
    left = database.one("payments", "SELECT count(*) FROM receipts")
    assert database.one("payments", "SELECT count(*) FROM pg_largeobject_metadata") == left  # none without a receipt
    assert left <= documents + 1 - 7  # the first seven went; one may have been written


def test_chores_leave_alone_what_is_within_bounds(mortal: tuple[Server, ShopDatabase]) -> None:
    database = mortal[1]
    before = database.one("orders", "SELECT count(*) FROM orders")
    tidy("orders", database.address("orders"))
    assert database.one("orders", "SELECT count(*) FROM orders") == before


def test_a_statement_that_the_server_ends_is_a_span_in_error(shop_database: ShopDatabase) -> None:
    door = FrontDoor()
    with open_shop(door, shop_database) as (shop, _):
        with psycopg.connect(shop_database.facts.dsn("postgres", "payments")) as locking:
            locking.execute("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
            with psycopg.connect(shop_database.facts.dsn("postgres", "payments"), autocommit=True) as other:
                answers: list[Answer] = []
                request = (shop.payments.port, "GET", "/payments/1/status", {NUMBER_HEADER: "1"}, None)
                thread = demo.threading.Thread(target=lambda: answers.append(send(*request)))
                thread.start()
                end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"
                while thread.is_alive() and not other.execute(end).fetchone():
                    pass  # until its statement waits for the lock, of which PostgreSQL tells nobody
                thread.join()
        flush(shop)
    assert answers[0].status == 500
    ((service, span),) = database_spans(door)
    assert (service, span.name, span.status.code) == ("payments", "SELECT payments", 2)
