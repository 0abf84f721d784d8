"""Which anomaly began the others: cases worked by hand, and what holds for all."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.anomaly import causes
from opsloop.anomaly.model import Anomaly, Direction, Part, Severity, State
from opsloop.anomaly.origin import explain
from opsloop.telemetry.model import CallEdge

HIGH, LOW, SILENT = Direction.HIGH, Direction.LOW, Direction.SILENT
T = 29_000_000


def anomaly(service, measure, direction=HIGH, *, first=0, last=30, score=0.9, value=None, **changes):
    """An anomaly from minute ``first`` to ``last`` of a day, named by what it says."""
    return Anomaly(
        anomaly_id=f"{service}.{measure}.{direction}",
        service=service,
        measure=measure,
        direction=direction,
        state=State.OPEN,
        severity=Severity.WARNING,
        score=score,
        value=value,
        expected=None,
        low=None,
        high=None,
        unit="",
        reason="",
        first_minute=T + first,
        last_minute=T + last,
        **changes,
    )


def calls(caller, callee, *, callee_kind="service", kind="call", error_ratio=0.0, p95_ms=None):
    """An edge of ten calls per minute."""
    return CallEdge(caller, callee, callee_kind, kind, 10.0, error_ratio, p95_ms, p95_ms, 600, True)


SHOP = [calls("web", "orders"), calls("orders", "payments")]


def origins(anomalies, edges):
    """Return of each anomaly, by its id, the id of its origin: its own, another's, or nothing if it is alone."""
    return {one.anomaly_id: one.origin_id for one in explain(anomalies, edges)}


def test_a_fault_in_payments_explains_errors_and_latency_of_all_who_wait_for_it():
    found = explain(
        [
            anomaly("web", "error_ratio", score=1.0),
            anomaly("orders", "error_ratio", first=-5),
            anomaly("orders", "p95"),
            anomaly("payments", "p95", score=1.0),
            anomaly("payments", "error_ratio", first=5, score=0.6),
        ],
        SHOP,
    )
    origin = found[4]
    assert (origin.part, origin.origin_id, origin.origin_service) == (Part.ORIGIN, origin.anomaly_id, "payments")
    assert set(origin.effects) == {
        "web.error_ratio.high",
        "orders.error_ratio.high",
        "orders.p95.high",
        "payments.p95.high",
    }
    for effect in found[:4]:
        assert (effect.part, effect.origin_id, effect.effects) == (Part.EFFECT, origin.anomaly_id, ())
        assert effect.origin_service == "payments"


def test_a_rate_that_drops_further_down_is_an_effect_of_the_errors_before_it():
    edges = [*SHOP, calls("orders", "shipping")]
    found = origins(
        [anomaly("payments", "error_ratio"), anomaly("orders", "error_ratio"), anomaly("shipping", "rate", LOW)], edges
    )
    assert set(found.values()) == {"payments.error_ratio.high"}


def test_users_who_leave_because_of_errors_are_an_effect_of_these():
    found = origins([anomaly("web", "error_ratio"), anomaly("web", "rate", LOW), anomaly("orders", "p95")], SHOP)
    assert set(found.values()) == {"orders.p95.high"}


def test_a_surge_from_outside_explains_traffic_and_overload_below_it():
    surge = [anomaly(service, "rate") for service in ("web", "orders", "payments")]
    overload = [anomaly("payments", "p95", first=5), anomaly("orders", "p95", first=5), anomaly("web", "p95", first=5)]
    assert set(origins([*surge, *overload], SHOP).values()) == {"web.rate.high"}


def test_more_traffic_by_retries_is_an_effect_of_the_errors():
    anomalies = [anomaly("payments", "error_ratio"), anomaly("payments", "rate"), anomaly("orders", "error_ratio")]
    assert set(origins(anomalies, SHOP).values()) == {"payments.error_ratio.high"}


def test_a_surge_that_began_after_the_errors_did_not_cause_them():
    anomalies = [anomaly("web", "error_ratio"), anomaly("web", "rate", first=10)]
    assert set(origins(anomalies, SHOP).values()) == {"web.error_ratio.high"}


def test_less_traffic_from_outside_explains_less_traffic_below_it():
    anomalies = [anomaly(service, "rate", LOW) for service in ("payments", "orders", "web")]
    assert set(origins(anomalies, SHOP).values()) == {"web.rate.low"}


def test_traffic_does_not_go_from_the_called_to_the_caller():
    anomalies = [anomaly("orders", "rate", LOW), anomaly("web", "error_ratio")]
    assert set(origins(anomalies, [calls("web", "orders")]).values()) == {"web.error_ratio.high"}
    assert set(origins([anomaly("orders", "rate", LOW), anomaly("web", "rate", HIGH)], SHOP).values()) == {""}


def test_less_traffic_explains_no_trouble_of_its_service():
    anomalies = [anomaly("web", "rate", LOW, first=-40), anomaly("web", "p95")]
    assert set(origins(anomalies, SHOP).values()) == {""}


def test_a_silent_service_explains_errors_of_its_callers_and_the_silence_of_whom_it_called():
    silence = anomaly("orders", "silence", SILENT)
    below, above = anomaly("payments", "silence", SILENT), anomaly("web", "error_ratio")
    assert set(origins([silence, below, above], SHOP).values()) == {"orders.silence.silent"}


def test_two_faults_that_nothing_connects_stay_apart():
    edges = [*SHOP, calls("admin", "reports")]
    found = explain(
        [
            anomaly("web", "p95"),
            anomaly("payments", "p95"),
            anomaly("orders", "p95"),
            anomaly("admin", "error_ratio"),
            anomaly("reports", "error_ratio"),
            anomaly("mail", "p95"),
        ],
        edges,
    )
    assert [one.origin_id for one in found] == [*["payments.p95.high"] * 3, *["reports.error_ratio.high"] * 2, ""]
    assert (found[5].part, found[5].origin_service, found[5].effects) == (Part.ALONE, "", ())


def test_two_faults_under_one_caller_are_two_origins_and_the_caller_follows_the_clearer_one():
    edges = [calls("web", "orders"), calls("web", "search")]
    anomalies = [
        anomaly("orders", "error_ratio", score=0.7),
        anomaly("search", "p95", score=0.95),
        anomaly("web", "error_ratio"),
    ]
    found = explain(anomalies, edges)
    assert [one.part for one in found] == [Part.ALONE, Part.ORIGIN, Part.EFFECT]
    assert found[2].origin_id == "search.p95.high"


def test_a_caller_without_an_anomalous_callee_is_its_own_origin():
    found = explain([anomaly("web", "error_ratio"), anomaly("web", "p95"), anomaly("payments", "p95")], SHOP)
    assert [one.part for one in found] == [Part.ORIGIN, Part.EFFECT, Part.ALONE]  # orders between them is as usual


def test_services_that_call_each_other_are_taken_as_one_and_the_first_to_begin_has_the_origin():
    edges = [calls("a", "b"), calls("b", "c"), calls("c", "a"), calls("web", "a")]
    anomalies = [
        anomaly("a", "error_ratio", first=5),
        anomaly("b", "p95", first=0),
        anomaly("c", "error_ratio", first=10),
        anomaly("web", "p95", first=12),
    ]
    assert set(origins(anomalies, edges).values()) == {"b.p95.high"}


@pytest.mark.parametrize(
    ("first", "last", "is_effect"), [(0, 30, True), (-15, -10, True), (-16, 30, False), (31, 60, False), (15, 60, True)]
)
def test_an_effect_overlaps_its_cause_or_begins_within_a_quarter_of_an_hour(first, last, is_effect):
    """Payments is unusual from 0 to 10; an anomaly that began 16 minutes before it does not follow from it."""
    anomalies = [anomaly("payments", "p95", first=0, last=10), anomaly("orders", "p95", first=first, last=last)]
    assert (origins(anomalies, SHOP)["orders.p95.high"] != "") is is_effect


def test_messages_pass_traffic_on_but_no_errors_back():
    queue = [calls("orders", "mail", kind="message")]
    assert set(origins([anomaly("mail", "error_ratio"), anomaly("orders", "error_ratio")], queue).values()) == {""}
    assert set(origins([anomaly("mail", "rate", LOW), anomaly("orders", "rate", LOW)], queue).values()) == {
        "orders.rate.low"
    }


def test_without_a_graph_only_the_anomalies_of_one_service_explain_each_other():
    measures = ["throughput", "rate", "pattern", "saturation", "p95", "error_ratio"]
    anomalies = [anomaly("orders", measure, score=1.0) for measure in measures] + [anomaly("web", "error_ratio")]
    found = origins(anomalies, [])
    assert found.pop("web.error_ratio.high") == ""
    assert set(found.values()) == {"orders.error_ratio.high"}


def test_silence_goes_before_all_other_measures_of_its_service():
    anomalies = [anomaly("orders", "error_ratio", score=1.0), anomaly("orders", "silence", SILENT, score=0.5)]
    assert set(origins(anomalies, []).values()) == {"orders.silence.silent"}


def test_fewer_errors_and_less_latency_are_effects_at_most():
    faster = anomaly("orders", "p95", LOW, score=1.0)
    assert set(origins([faster, anomaly("orders", "error_ratio")], SHOP).values()) == {"orders.error_ratio.high"}
    assert set(origins([faster, anomaly("web", "p95")], SHOP).values()) == {""}
    assert set(origins([faster, anomaly("orders", "rate", LOW, first=10)], SHOP).values()) == {"orders.rate.low"}


DATABASE = {"callee_kind": "database"}


def test_a_database_without_telemetry_is_named_where_its_calls_account_for_the_trouble():
    edges = [*SHOP, calls("orders", "postgresql/shop", p95_ms=1_900.0, **DATABASE)]
    anomalies = [anomaly("orders", "p95", value=2_000.0, score=0.8), anomaly("web", "p95", value=2_100.0)]
    found = explain(anomalies, edges)
    assert [one.part for one in found] == [Part.ORIGIN, Part.EFFECT]
    assert {one.origin_service for one in found} == {"postgresql/shop"}
    assert {one.origin_id for one in found} == {"orders.p95.high"}
    quick = [*SHOP, calls("orders", "postgresql/shop", p95_ms=900.0, **DATABASE)]
    assert {one.origin_service for one in explain(anomalies, quick)} == {"orders"}


def test_a_database_that_two_services_share_makes_one_origin_of_their_trouble():
    edges = [
        calls("orders", "postgresql/shop", error_ratio=0.2, **DATABASE),
        calls("stock", "postgresql/shop", error_ratio=0.3, **DATABASE),
    ]
    anomalies = [
        anomaly("stock", "error_ratio", value=0.3, first=5),
        anomaly("orders", "error_ratio", value=0.25),
        anomaly("orders", "p95", value=100.0, score=1.0),
    ]
    found = explain(anomalies, edges)
    assert {one.origin_id for one in found} == {"orders.error_ratio.high"}
    assert {one.origin_service for one in found} == {"postgresql/shop"}
    later = [replace(anomalies[0], first_minute=T + 300, last_minute=T + 330), *anomalies[1:]]
    assert explain(later, edges)[0].origin_id == "stock.error_ratio.high"


def test_a_database_is_not_named_where_a_service_explains_the_trouble():
    edges = [*SHOP, calls("orders", "postgresql/shop", p95_ms=1_900.0, **DATABASE)]
    found = explain([anomaly("orders", "p95", value=2_000.0), anomaly("payments", "p95", value=1_500.0)], edges)
    assert {one.origin_service for one in found} == {"payments"}
    found = explain([anomaly("orders", "p95", value=2_000.0), anomaly("orders", "silence", SILENT)], edges)
    assert {(one.origin_id, one.origin_service) for one in found} == {("orders.silence.silent", "orders")}


def test_an_effect_that_was_told_as_origin_changes_when_its_origin_appears():
    orders, web, payments = anomaly("orders", "p95"), anomaly("web", "p95"), anomaly("payments", "p95", first=10)
    before = explain([orders, web], SHOP)
    assert before[0].part is Part.ORIGIN
    after = explain([*before, payments], SHOP)
    assert {one.origin_id for one in after} == {"payments.p95.high"}
    assert explain(after[:2], SHOP) == before  # and back, should it end first


SERVICES = ("web", "orders", "payments", "stock", "mail")
MADE = st.builds(
    anomaly,
    st.sampled_from(SERVICES),
    st.sampled_from(causes.MEASURES),
    st.sampled_from(Direction),
    first=st.integers(0, 40),
    last=st.integers(40, 80),
    score=st.floats(0, 1),
    value=st.one_of(st.none(), st.floats(0, 1)),
)
EDGE = st.builds(
    calls,
    st.sampled_from(SERVICES),
    st.sampled_from((*SERVICES, "db")),
    kind=st.sampled_from(["call", "message"]),
    error_ratio=st.floats(0, 1),
).map(lambda edge: replace(edge, callee_kind="database") if edge.callee == "db" else edge)
ANOMALIES = st.lists(MADE, max_size=12, unique_by=lambda one: one.anomaly_id)


@settings(max_examples=300)
@given(ANOMALIES, st.lists(EDGE, max_size=10), st.randoms(use_true_random=False))
def test_the_answer_does_not_depend_on_the_order_and_asking_again_changes_nothing(anomalies, edges, chance):
    found = explain(anomalies, edges)
    shuffled, edges_shuffled = list(anomalies), list(edges)
    chance.shuffle(shuffled)
    chance.shuffle(edges_shuffled)
    again = explain(shuffled, edges_shuffled)
    assert {one.anomaly_id: one for one in again} == {one.anomaly_id: one for one in found}
    assert explain(found, edges) == found


@settings(max_examples=300)
@given(ANOMALIES, st.lists(EDGE, max_size=10))
def test_each_effect_has_one_origin_that_lists_it(anomalies, edges):
    found = explain(anomalies, edges)
    assert [one.anomaly_id for one in found] == [one.anomaly_id for one in anomalies]
    by_id = {one.anomaly_id: one for one in found}
    for one in found:
        match one.part:
            case Part.ALONE:
                assert (one.origin_id, one.origin_service, one.effects) == ("", "", ())
            case Part.EFFECT:
                origin = by_id[one.origin_id]
                assert origin.part is Part.ORIGIN
                assert one.anomaly_id in origin.effects
                assert one.origin_service == origin.origin_service
                assert one.effects == ()
            case Part.ORIGIN:
                assert one.origin_id == one.anomaly_id
                assert set(one.effects) == {
                    other.anomaly_id for other in found if other.origin_id == one.anomaly_id and other is not one
                }


@settings(max_examples=200)
@given(ANOMALIES, st.lists(EDGE, max_size=10))
def test_an_effect_is_connected_with_its_origin(anomalies, edges):
    """By a second method: what the edges do not connect never shares an origin."""
    group = {service: service for service in (*SERVICES, "db")}

    def head(service):
        return service if group[service] == service else head(group[service])

    for edge in edges:
        group[head(edge.caller)] = head(edge.callee)
    found = {one.anomaly_id: one for one in explain(anomalies, edges)}
    for one in found.values():
        if one.part is Part.EFFECT:
            assert head(one.service) == head(found[one.origin_id].service)
