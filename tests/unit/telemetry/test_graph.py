"""Who calls whom: what the samples of any batches give is what protobuf's objects and a plain join give."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry import link_sample
from opsloop.telemetry.graph import Graph, call_graph
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.link_window import LinkFolding
from opsloop.telemetry.segment import Committed, Segment, StreamRecord
from opsloop.telemetry.shard_log import ShardLog
from tests.unit.telemetry.call_traces import (
    ARRIVAL_S,
    CLIENT,
    CONSUMER,
    INTERNAL,
    MINUTE,
    PRODUCER,
    SERVER,
    Placed,
    checkout,
    requests,
    span,
)
from tests.unit.telemetry.plain_graph import plain_edges

CATALOG = Catalog({}, Service("", 4, "", "", "", (), 2000, 0.05))
TRACE = bytes(range(1, 17))
A, B, C, D = (bytes([7] * 7 + [number]) for number in range(4))


def segment(bodies: Sequence[bytes], number: int, log: str = "log#a") -> Segment:
    records = [
        StreamRecord(f"{number * 10_000 + place + 1:064}", "", one, ARRIVAL_S) for place, one in enumerate(bodies)
    ]
    tip = f"{number * 10_000:064}"
    found = plan(records, ShardLog(log, 0, tip=tip), CATALOG, max_bytes=1 << 24)
    assert found is not None
    return found


def committed(bodies: Sequence[bytes], number: int, log: str = "log#a") -> Committed:
    one = segment(bodies, number, log)
    return Committed(log, one.start, one.end, one.cells, one.shares, one.last_arrival_s, one.exemplars, one.links)


def folded(log, segments, windows=None):
    """Return the windows of a log by their start, after the segments are folded into ``windows``."""
    windows = {} if windows is None else windows
    folding = LinkFolding(log, segments)
    for start in folding.windows():
        window = folding.fold_into(windows.get(start), start)
        if window is not None:
            windows[start] = window
    return windows


def graph_of(
    spans: Sequence[Placed], *, batches: int = 4, seed: int = 1, first: int = 0, last: int = 9, **options
) -> Graph:
    """Return the graph of spans that came in so many batches of two logs, in any order."""
    bodies = requests(spans)
    random.Random(seed).shuffle(bodies)
    samples = []
    for number, log in enumerate(("log#a", "log#b")):
        mine = bodies[number::2]
        cut = [mine[place::batches] for place in range(batches)]
        segments = [committed(part, place, log) for place, part in enumerate(cut) if part]
        samples += [(one.start, one.links) for one in folded(log, segments).values()]
    return call_graph(samples, MINUTE + first, MINUTE + last, **options)


def edges(graph):
    return {(one.caller, one.callee, one.kind): one for one in graph.edges}


def nearest_rank(values, share):
    ordered = sorted(values)
    return ordered[max(int(np.ceil(share * len(ordered) - 1e-9)), 1) - 1]


@pytest.mark.parametrize("batches", [1, 3, 20])
def test_edges_are_those_of_a_plain_join_over_all_spans_in_whatever_batches_these_came(batches, monkeypatch):
    monkeypatch.setattr(link_sample, "SMALL_BATCH", 10_000)  # all are
    chance = random.Random(3)
    spans = [one for number in range(60) for one in checkout(chance, minute=number % 10)]
    plain = plain_edges(requests(spans))
    found = {
        key: edge for key, edge in edges(graph_of(spans, batches=batches)).items() if edge.callee_kind == "service"
    }
    assert (
        found.keys()
        == plain.keys()
        == {
            ("web", "orders", "call"),
            ("web", "stock", "call"),
            ("orders", "payments", "call"),
            ("orders", "mail", "message"),
        }
    )
    for key, edge in found.items():
        expected = plain[key]
        assert (edge.sampled, edge.is_exact) == (60, True)
        assert edge.calls_per_minute == pytest.approx(expected.calls / 10)
        assert edge.error_ratio == pytest.approx(expected.errors / expected.calls)
        assert edge.p50_ms == pytest.approx(nearest_rank(expected.durations_ms, 0.5), rel=0.0055)
        assert edge.p95_ms == pytest.approx(nearest_rank(expected.durations_ms, 0.95), rel=0.0055)
        ((outer, inner),) = expected.operations
        (operation,) = edge.operations
        assert (operation.caller_operation, operation.callee_operation) == (outer, inner)
        assert (operation.calls_per_minute, operation.error_ratio) == (edge.calls_per_minute, edge.error_ratio)


def test_a_sample_of_few_spans_per_batch_estimates_the_same_rates():
    """Of 24,000 spans the sample keeps up to 64 of each of 8 batches: an edge is told from some 30 to 50 calls."""
    chance = random.Random(5)
    spans = [one for number in range(2_400) for one in checkout(chance, minute=number % 10)]
    plain = plain_edges(requests(spans))
    graph = graph_of(spans)
    for key, edge in edges(graph).items():
        true = plain[key].calls if key in plain else 2_400
        assert not edge.is_exact
        assert edge.sampled < 200
        assert edge.calls_per_minute * 10 == pytest.approx(true, rel=5 / np.sqrt(edge.sampled))  # five standard errors
        if key in plain:
            assert edge.error_ratio == pytest.approx(plain[key].errors / true, abs=0.15)
    assert len(edges(graph)) == 5


@pytest.mark.parametrize("busy", ["caller", "callee"])
def test_calls_between_a_quiet_and_a_busy_service_are_weighed_by_the_higher_level(busy):
    """The spans of one service come in batches of 30, all kept, those of the other in one, of which few are."""
    chance = random.Random(6)
    attributes = [("server.address", "orders")]
    asked, answered = [], []
    for _ in range(600):
        trace, call, answer = chance.randbytes(16), chance.randbytes(8), chance.randbytes(8)
        asked.append(span("web", "GET /orders", CLIENT, trace, call, attributes=attributes))
        answered.append(span("orders", "GET /orders", SERVER, trace, answer, call))
        answered.append(span("orders", "load", INTERNAL, trace, chance.randbytes(8), answer))
    asked += [
        span(
            "web", "GET /dead", CLIENT, chance.randbytes(16), A, attributes=[("server.address", "dead")], is_error=True
        )
        for _ in range(200)
    ]
    few, many = (asked, answered) if busy == "callee" else (answered, asked)
    cuts = range(0, len(few), 30)
    small = [committed(requests(few[first : first + 30], 30), number) for number, first in enumerate(cuts)]
    large = [committed(requests(many, 1_200), 0, "log#b")]
    samples = [(one.start, one.links) for one in (*folded("log#a", small).values(), *folded("log#b", large).values())]
    by_level = sorted(links.highest for _, links in samples)
    assert by_level[0] == 0
    assert by_level[1] >= 3
    orders, dead = sorted(call_graph(samples, MINUTE, MINUTE + 9).edges, key=lambda one: one.callee, reverse=True)
    assert (orders.callee, dead.callee) == ("orders", "dead")
    assert orders.calls_per_minute * 10 == pytest.approx(600, rel=5 / np.sqrt(orders.sampled))
    assert dead.calls_per_minute * 10 == pytest.approx(200, rel=5 / np.sqrt(dead.sampled))
    assert (orders.error_ratio, dead.error_ratio) == (0.0, 1.0)


def test_what_sends_no_telemetry_is_a_node_by_what_its_callers_say():
    server = span("web", "GET /", SERVER, TRACE, A)
    calls = [
        ("database", "postgresql/shop", [("db.system.name", "postgresql"), ("db.namespace", "shop")]),
        ("database", "redis/cache:6379", [("db.system", "redis"), ("net.peer.name", "cache"), ("net.peer.port", 6379)]),
        ("database", "ledger", [("db.system", "mysql"), ("peer.service", "ledger")]),
        ("external", "api.bank.example", [("server.address", "api.bank.example"), ("server.port", 443)]),
        ("external", "bank:8443", [("server.address", "bank"), ("server.port", 8443)]),
        ("external", "fraud", [("service.peer.name", "fraud"), ("server.address", "10.1.1.1")]),
    ]
    spans = [server]
    for number, (_, _, attributes) in enumerate(calls):
        spans.append(span("web", f"call {number}", CLIENT, TRACE, bytes([number + 1] * 8), A, attributes=attributes))
    message = [("messaging.system", "kafka"), ("messaging.destination.name", "orders")]
    spans.append(span("web", "orders send", PRODUCER, TRACE, B, A, attributes=message))
    spans.append(span("web", "call nobody knows", CLIENT, TRACE, C, A))
    found = graph_of(spans)
    assert [(one.callee_kind, one.callee, one.kind) for one in found.edges] == sorted(
        [*((kind, name, "call") for kind, name, _ in calls), ("queue", "kafka/orders", "message")],
        key=lambda one: one[1],
    )
    assert {(one.kind, one.name) for one in found.nodes if one.kind != "service"} == {
        *((kind, name) for kind, name, _ in calls),
        ("queue", "kafka/orders"),
    }


def test_a_call_that_nobody_answered_reached_for_the_service_that_answers_such_calls():
    attributes = [("server.address", "10.0.0.7"), ("server.port", 8002)]
    spans = []
    for number in range(4):
        trace = bytes([number + 1] * 16)
        is_dead = number == 3
        spans.append(span("web", "POST /orders", CLIENT, trace, A, attributes=attributes, is_error=is_dead, ms=1.0))
        if not is_dead:
            spans.append(span("orders", "POST /orders", SERVER, trace, B, A))
    (edge,) = graph_of(spans).edges
    assert (edge.caller, edge.callee, edge.callee_kind) == ("web", "orders", "service")
    assert (edge.sampled, edge.error_ratio) == (4, 0.25)
    assert [(one.callee_operation, one.error_ratio) for one in edge.operations] == [("POST /orders", 0.0), ("", 1.0)]


@pytest.mark.parametrize("address", ["payments", "payments:8080", "payments.shop.svc.cluster.local"])
def test_a_host_that_is_called_like_a_service_is_that_service_even_if_it_was_silent_all_the_time(address):
    spans = [span("orders", "pay", CLIENT, TRACE, A, attributes=[("server.address", address)], is_error=True)]
    (edge,) = graph_of(spans, services={"payments", "orders"}).edges
    assert (edge.callee, edge.callee_kind, edge.error_ratio) == ("payments", "service", 1.0)
    (edge,) = graph_of(spans).edges
    assert (edge.callee, edge.callee_kind) == (address, "external")


def test_a_caller_that_gave_up_before_the_answer_counts_as_an_error_and_one_that_got_a_4xx_does_not():
    spans = [
        span("web", "slow", CLIENT, TRACE, A, ms=10.0, is_error=True),
        span("orders", "slow", SERVER, TRACE, B, A, ms=50.0),
        span("web", "refused", CLIENT, TRACE, C, ms=10.0, is_error=True),
        span("orders", "refused", SERVER, TRACE, D, C, ms=5.0),
    ]
    (edge,) = graph_of(spans).edges
    assert {one.caller_operation: one.error_ratio for one in edge.operations} == {"slow": 1.0, "refused": 0.0}


def test_client_and_server_that_share_a_span_id_as_zipkins_do_are_one_call():
    spans = [
        span("web", "page", SERVER, TRACE, A),
        span("web", "get", CLIENT, TRACE, B, A, ms=30.0, attributes=[("server.address", "orders.example")]),
        span("orders", "get", SERVER, TRACE, B, A, ms=20.0),
        span("orders", "load", INTERNAL, TRACE, C, B),
        span("payments", "ask", SERVER, TRACE, D, C),
    ]
    found = edges(graph_of(spans))
    assert found.keys() == {("web", "orders", "call"), ("orders", "payments", "call")}
    assert found["web", "orders", "call"].p50_ms == pytest.approx(30.0, rel=0.0055)
    assert found["web", "orders", "call"].sampled == 1


def test_a_client_span_around_another_one_is_not_a_call_of_its_own():
    spans = [
        span("web", "DynamoDB.GetItem", CLIENT, TRACE, A, attributes=[("db.system", "dynamodb")]),
        span("web", "POST", CLIENT, TRACE, B, A, attributes=[("server.address", "dynamodb.eu-west-1.amazonaws.com")]),
    ]
    assert [one.callee for one in graph_of(spans).edges] == ["dynamodb.eu-west-1.amazonaws.com"]


def test_spans_that_came_twice_are_counted_once():
    chance = random.Random(4)
    spans = [one for _ in range(5) for one in checkout(chance)]
    once, twice = graph_of(spans), graph_of([*spans, *spans], seed=9)
    assert twice == once


def test_a_service_has_its_requests_errors_and_latency_and_a_mere_caller_none():
    spans = [
        span("cron", "run", CLIENT, TRACE, A, attributes=[("peer.service", "web")]),
        *(
            span("web", "GET /", SERVER, TRACE, bytes([number] * 8), A, ms=number, is_error=number == 9)
            for number in range(1, 11)
        ),
        span("web", "work", INTERNAL, TRACE, B, A),
    ]
    cron, web = graph_of(spans).nodes
    assert (cron.name, cron.requests_per_minute, cron.error_ratio, cron.p95_ms) == ("cron", 0.0, None, None)
    assert (web.name, web.requests_per_minute, web.error_ratio, web.sampled) == ("web", 1.0, 0.1, 10)
    assert web.p95_ms == pytest.approx(10.0, rel=0.0055)


def test_calls_of_other_minutes_are_left_out_and_a_parent_may_lie_in_the_window_before():
    spans = [
        span("web", "call", CLIENT, TRACE, A, minute=-1),
        span("orders", "call", SERVER, TRACE, B, A, minute=0),
        span("web", "call", CLIENT, TRACE, C, minute=9),
        span("orders", "call", SERVER, TRACE, D, C, minute=10),
    ]
    (edge,) = graph_of(spans).edges
    assert (edge.sampled, edge.calls_per_minute) == (1, 0.1)


def test_without_samples_the_graph_is_empty():
    assert call_graph([], 0, 59) == Graph(0, 59, (), ())


def test_a_consumer_in_its_own_service_makes_no_edge():
    spans = [span("a", "send", PRODUCER, TRACE, A), span("a", "process", CONSUMER, TRACE, B, A)]
    assert graph_of(spans).edges == ()
