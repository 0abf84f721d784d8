"""The shop's history is what its SDKs would have sent: read here by protobuf's own classes."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from local.demo import behaviour
from local.demo.history import History, Request

SEED, RATE = 5, 2.0
MONDAY_NOON = (behaviour.MONDAY_S + 2_900 * behaviour.DAYS_PER_WEEK * behaviour.SECONDS_PER_DAY) // 60 + 12 * 60
HOURS = 4
END = MONDAY_NOON + 60 * HOURS
ServiceSpan = tuple[str, Span]


def made(seed: int = SEED, first: int = MONDAY_NOON, end: int = END) -> tuple[History, list[Request]]:
    history = History(seed=seed, rate=RATE, first_minute=first, end_minute=end)
    return history, [request for _, requests in history.requests() for request in requests]


@pytest.fixture(scope="module")
def history() -> tuple[History, list[Request]]:
    return made()


@pytest.fixture(scope="module")
def spans(history: tuple[History, list[Request]]) -> list[ServiceSpan]:
    return spans_of(history[1])


def spans_of(requests: list[Request]) -> list[ServiceSpan]:
    found = []
    for request in requests:
        if request.signal == "traces":
            for group in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                service = group.resource.attributes[0].value.string_value
                found += [(service, span) for scope in group.scope_spans for span in scope.spans]
    return found


def status(span: Span) -> int:
    return next(one.value.int_value for one in span.attributes if one.key == "http.response.status_code")


def test_each_request_tells_how_many_items_it_holds(
    history: tuple[History, list[Request]], spans: list[ServiceSpan]
) -> None:
    assert sum(request.items for request in history[1] if request.signal == "traces") == len(spans)
    logs = [ExportLogsServiceRequest.FromString(one.body) for one in history[1] if one.signal == "logs"]
    records = [
        log for one in logs for group in one.resource_logs for scope in group.scope_logs for log in scope.log_records
    ]
    assert sum(request.items for request in history[1] if request.signal == "logs") == len(records)
    failed = Counter(service for service, span in spans if span.kind == Span.SPAN_KIND_SERVER and status(span) >= 400)
    assert len(records) == sum(failed.values()) > 0


def test_it_counts_the_requests_that_its_spans_tell_of(
    history: tuple[History, list[Request]], spans: list[ServiceSpan]
) -> None:
    assert history[0].counted == Counter(service for service, span in spans if span.kind == Span.SPAN_KIND_SERVER)


def test_every_trace_is_a_tree_and_children_lie_within_their_parents(spans: list[ServiceSpan]) -> None:
    traces: dict[bytes, dict[bytes, Span]] = defaultdict(dict)
    for _, span in spans:
        assert span.span_id not in traces[span.trace_id]
        traces[span.trace_id][span.span_id] = span
    depths = Counter()
    for trace in traces.values():
        roots = [span for span in trace.values() if not span.parent_span_id]
        assert len(roots) == 1
        for span in trace.values():
            if span.parent_span_id:
                parent = trace[span.parent_span_id]
                assert parent.start_time_unix_nano <= span.start_time_unix_nano
                assert span.end_time_unix_nano <= parent.end_time_unix_nano
        depths[len(trace)] += 1
    assert set(depths) == {1, 3, 5}


def test_the_first_six_bytes_tell_spans_apart(spans: list[ServiceSpan]) -> None:
    assert len({span.span_id[:6] for _, span in spans}) == len(spans)


def test_log_records_name_the_span_they_were_written_in(
    history: tuple[History, list[Request]], spans: list[ServiceSpan]
) -> None:
    known = {(span.trace_id, span.span_id) for _, span in spans}
    for request in history[1]:
        if request.signal == "logs":
            for group in ExportLogsServiceRequest.FromString(request.body).resource_logs:
                assert {(one.trace_id, one.span_id) for one in group.scope_logs[0].log_records} <= known


def test_web_is_visited_at_the_rate_of_that_hour(spans: list[ServiceSpan]) -> None:
    visits = [
        span.start_time_unix_nano / 60e9 for service, span in spans if service == "web" and not span.parent_span_id
    ]
    assert min(visits) >= MONDAY_NOON
    assert max(visits) < END
    expected = sum(60 * RATE * behaviour.rate_factor(60.0 * minute) for minute in range(MONDAY_NOON, END))
    assert len(visits) == pytest.approx(expected, abs=5 * expected**0.5)  # five standard deviations of a Poisson count


def test_the_bank_takes_as_long_as_in_the_live_shop(spans: list[ServiceSpan]) -> None:
    took = [
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
        for service, span in spans
        if service == "payments" and span.name == "POST /payments"
    ]
    assert np.median(took) == pytest.approx(behaviour.OVERHEAD_MS + behaviour.ASK_BANK_MS, rel=0.05)
    p95 = behaviour.OVERHEAD_MS + behaviour.ASK_BANK_MS * np.exp(1.645 * behaviour.LATENCY_SIGMA)
    assert np.percentile(took, 95) == pytest.approx(p95, rel=0.08)


def test_payments_fail_and_are_declined_as_often_as_in_the_live_shop(spans: list[ServiceSpan]) -> None:
    statuses = Counter(
        status(span) for service, span in spans if service == "payments" and span.name == "POST /payments"
    )
    many = sum(statuses.values())
    for code, ratio in ((503, behaviour.BANK_FAILURE_RATIO), (402, behaviour.DECLINE_RATIO)):
        assert statuses[code] == pytest.approx(many * ratio, abs=5 * (many * ratio) ** 0.5)


def test_the_counters_agree_with_the_spans(history: tuple[History, list[Request]], spans: list[ServiceSpan]) -> None:
    counted: Counter[str] = Counter()
    for request in history[1]:
        if request.signal == "metrics":
            for group in ExportMetricsServiceRequest.FromString(request.body).resource_metrics:
                for metric in group.scope_metrics[0].metrics:
                    counted[metric.name] += sum(point.as_int for point in metric.sum.data_points)
    placed = sum(service == "web" and span.name == "POST /checkout" and status(span) == 201 for service, span in spans)
    assert counted["shop.payments.taken"] == counted["shop.orders.placed"] == placed > 0


def test_the_seed_decides_every_byte_and_no_two_seeds_agree() -> None:
    short = MONDAY_NOON + 20
    assert made(end=short)[1] == made(end=short)[1]
    assert made(end=short)[1] != made(seed=SEED + 1, end=short)[1]


def test_a_request_is_small_enough_for_one_record(
    history: tuple[History, list[Request]], with_databases: list[Request]
) -> None:
    assert max(len(request.body) for request in history[1] + with_databases) < 4 << 20


@pytest.fixture(scope="module")
def with_databases() -> list[Request]:
    history = History(seed=SEED, rate=RATE, first_minute=MONDAY_NOON, end_minute=END, databases_from=MONDAY_NOON + 120)
    return [request for _, requests in history.requests() for request in requests]


def is_of_database(span: Span) -> bool:
    return any(one.key == "db.namespace" for one in span.attributes)


def test_the_spans_of_databases_come_from_their_minute_on_and_change_no_others(
    spans: list[ServiceSpan], with_databases: list[Request]
) -> None:
    found = spans_of(with_databases)
    others = Counter(span.SerializeToString() for _, span in found if not is_of_database(span))
    assert others == Counter(span.SerializeToString() for _, span in spans)
    asked = [span.start_time_unix_nano // 60_000_000_000 for _, span in found if is_of_database(span)]
    assert MONDAY_NOON + 120 <= min(asked) < MONDAY_NOON + 125
    assert sum(one.items for one in with_databases if one.signal == "traces") == len(found)


def test_orders_and_payments_ask_as_often_as_the_live_shop_does(with_databases: list[Request]) -> None:
    found = spans_of(with_databases)
    late = [(service, span) for service, span in found if span.start_time_unix_nano >= (MONDAY_NOON + 120) * 60 * 10**9]
    asked = Counter((service, span.name) for service, span in late if is_of_database(span))
    answered = Counter(
        (service, span.name, status(span)) for service, span in late if span.kind == Span.SPAN_KIND_SERVER
    )
    assert asked["orders", "INSERT orders"] == asked["orders", "INSERT order_lines"]
    assert asked["orders", "INSERT orders"] == answered["orders", "POST /orders", 201]
    assert asked["orders", "UPDATE products"] == asked["payments", "INSERT payments"]  # stock before money
    payments = sum(many for key, many in answered.items() if key[:2] == ("payments", "POST /payments"))
    assert asked["payments", "INSERT payments"] == asked["payments", "UPDATE payments"] == payments
    assert asked["payments", "SELECT payments"] == answered["orders", "GET /orders/{id}", 200]


def test_a_statement_lies_within_its_request(with_databases: list[Request]) -> None:
    found = spans_of(with_databases)
    known = {(span.trace_id, span.span_id): span for _, span in found}
    assert len(known) == len(found)
    for _, span in found:
        if is_of_database(span):
            parent = known[span.trace_id, span.parent_span_id]
            assert parent.kind == Span.SPAN_KIND_SERVER
            assert parent.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano
