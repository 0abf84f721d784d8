"""What multiplies series: every number against a plain count of tuples; files as if every attribute were allowed."""

from itertools import product
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Service
from opsloop.telemetry.cardinality import HourTally, pattern_of, report
from opsloop.telemetry.model import OVERFLOW, STREAM, Series
from opsloop.telemetry.what_if import tallies_of_files

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared/data/otlp"
SHOP = Service("shop", 4, "", "", "", (), 2_000, 0.05)
ROUTES, USERS, ZONES = ("/", "/cart", "/pay"), tuple(f"u{number}" for number in range(40)), ("a", "b")

NO_SCALARS = ("array_value", "kvlist_value", "bytes_value")


def span(operation="GET", **attributes):
    return Series("shop", "span.duration", "server", operation, "ns", tuple(sorted(attributes.items())))


def hour(series, start=0):
    return HourTally(start, dict.fromkeys(series, 2))


EVERY = [span(route=route, user=user, zone=zone) for route, user, zone in product(ROUTES, USERS, ZONES)]


def test_dropping_an_attribute_is_counted_exactly_and_the_best_comes_first():
    found = report("shop", 2_000, [hour(EVERY)])
    told = {one.name: (one.values, one.series, one.after, one.saves, one.alone) for one in found.dimensions}
    assert list(told) == ["user", "route", "zone"]
    assert told == {"user": (40, 240, 6, 234, 40), "route": (3, 240, 80, 160, 3), "zone": (2, 240, 120, 120, 2)}
    assert (found.series, found.without_attributes) == (240, 1)


def test_an_attribute_that_follows_from_another_saves_nothing_alone():
    series = [span(user=user, name=user.upper()) for user in USERS]
    found = report("shop", 2_000, [hour(series)])
    assert {one.name: one.saves for one in found.dimensions} == {"name": 0, "user": 0}
    assert found.steps == ()


def test_the_steps_drop_each_time_what_saves_most():
    found = report("shop", 100, [hour([*EVERY, span("POST", user="u1")])])
    assert [(one.drop, one.before, one.after) for one in found.steps] == [
        ("user", 241, 7),
        ("route", 7, 3),
        ("zone", 3, 2),
    ]


def test_operations_that_differ_in_ids_are_one_pattern():
    names = [f"GET /users/{number}/orders" for number in range(30)]
    series = [span(name, zone=zone) for name in names for zone in ZONES] + [span("GET /users")]
    (found,) = report("shop", 2_000, [hour(series)]).patterns
    assert (found.pattern, found.operations, found.saves, found.after) == ("GET /users/{id}/orders", 30, 58, 3)
    assert found.examples[0] in names


def test_operations_without_ids_are_no_pattern():
    series = [span(f"GET /{name}") for name in ("cart", "pay", "search", "home", "help", "v1/users", "v2/users")]
    assert report("shop", 2_000, [hour(series)]).patterns == ()


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("GET /users/123", "GET /users/{id}"),
        ("GET /v1/users", "GET /v1/users"),
        ("GET /o/5f2d3a6e-0000-4000-8000-0000000000aB/x", "GET /o/{id}/x"),
        ("GET /o/5f2d3a6e00aa", "GET /o/{id}"),
        ("GET /deadbeef", "GET /deadbeef"),
        ("job cart_7Zk2Qq91xYt", "job {id}"),
        ("http2 push", "http2 push"),
        ("", ""),
    ],
)
def test_ids_are_known_by_their_look(name, pattern):
    assert pattern_of(name) == pattern


def test_the_overflow_is_no_series_and_what_it_counted_is_told():
    over = Series("shop", "span.duration", "server", OVERFLOW, "ns", ((OVERFLOW, "true"),))
    found = report("shop", 2, [HourTally(60, {span("a"): 5, span("b"): 4, over: 77})])
    assert (found.series, found.overflowed, found.limit) == (2, 77, 2)
    assert [one.name for one in found.dimensions] == []


def test_the_fullest_hour_is_told_and_the_others_are_listed():
    found = report("shop", 2_000, [hour(EVERY[:50], 120), hour(EVERY[:70], 60), hour([], 0)])
    assert (found.hour, found.series) == (60, 70)
    assert [(one.start, one.series) for one in found.hours] == [(60, 70), (120, 50)]


def test_streams_are_told_and_never_suggested():
    series = [
        Series("shop", "requests", "cumulative_sum", "", "1", ((STREAM, f"{number:016x}"), ("zone", zone)))
        for number, zone in enumerate(ZONES * 9)
    ]
    found = report("shop", 2_000, [hour(series)])
    told = {one.name: one for one in found.dimensions}
    assert (told[STREAM].values, told[STREAM].saves, told[STREAM].is_allowed) == (18, 16, False)
    assert told["zone"].saves == 0
    assert found.steps == ()
    assert found.without_attributes == 18


def test_metrics_and_operations_are_ranked_by_their_series():
    found = report("shop", 2_000, [hour([*EVERY, span("POST"), Series("shop", "pool", "gauge")])])
    assert [(one.metric, one.kind, one.series) for one in found.metrics] == [
        ("span.duration", "server", 241),
        ("pool", "gauge", 1),
    ]
    assert [(one.operation, one.series) for one in found.operations] == [("GET", 240), ("POST", 1)]


def test_nothing_is_no_report():
    assert report("shop", 2_000, [hour([])]) is None


def traces(spans):
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    group.resource.attributes.add(key="zone").value.string_value = "a"
    scope = group.scope_spans.add()
    for place, (name, attributes) in enumerate(spans):
        start = 1_763_600_000 * 10**9 + place
        span = scope.spans.add(name=name, kind=2, start_time_unix_nano=start, end_time_unix_nano=start + 5)
        for key, value in attributes.items():
            span.attributes.add(key=key).value.int_value = value
    return request.SerializeToString()


def test_a_file_is_counted_as_if_each_attribute_were_allowed_and_no_limit_held():
    spans = [("GET /", {"user": number % 700, "shard": number % 3}) for number in range(3_000)]
    tallies, names = tallies_of_files([traces(spans)], SHOP, now_s=1_795_300_000, max_bytes=1 << 26)
    found = report("shop", 2_000, tallies, allowed=("zone",))
    assert names == ["shop"]
    assert found.series == len({(attributes["user"], attributes["shard"]) for _, attributes in spans})
    told = {one.name: (one.values, one.alone, one.is_allowed) for one in found.dimensions}
    assert told == {
        "user": (700, 700, False),
        "shard": (3, 3, False),
        "zone": (1, 1, True),
        "service.name": (1, 1, False),
    }


@pytest.mark.skipif(not SHARED.is_dir(), reason="the larger set of samples is not beside this checkout")
def test_the_series_of_a_shared_sample_are_its_distinct_attributes_by_protobufs_own_objects():
    body = (SHARED / "shop-traces-1.pb").read_bytes()
    expected = set()
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        for one in (one for scope in group.scope_spans for one in scope.spans):
            pairs = frozenset(
                (pair.key, str(pair.value))
                for pair in one.attributes
                if pair.value.WhichOneof("value") not in ("array_value", "kvlist_value", "bytes_value")
            )
            expected.add((one.name, one.kind, pairs))
    service = Service("shop-web", 4, "", "", "", (), 2_000, 0.05)
    tallies, _ = tallies_of_files([body], service, now_s=1_795_300_000, max_bytes=1 << 26)
    assert report("shop-web", 2_000, tallies).series == len(expected)
