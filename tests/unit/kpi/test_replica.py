"""Replicas that send the same series count once: of each minute the one with most points."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.kpi.metric import metric_rows
from tests.unit.kpi.test_increase import DAY, HOUR, NS, folded

PLAIN = Service("web", 1, "", "", "", ("replica", "route"), 1000, 0.05)
DEDUPED = replace(PLAIN, replica_attribute="replica")
START = HOUR * 60 - 86_400  # yesterday: known by its first state only


def request(replica, points, *, kind="sum", place="item", temporality=2, start=START):
    """Return a request of one replica with points (route, second of the hour, total)."""
    message = ExportMetricsServiceRequest()
    group = message.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = "web"
    if place == "resource":
        group.resource.attributes.add(key="replica").value.string_value = replica
    metric = group.scope_metrics.add().metrics.add(name="m")
    data = getattr(metric, kind)
    if kind != "gauge":
        data.aggregation_temporality = temporality
    if kind == "sum":
        data.is_monotonic = True
    for route, second, total in points:
        point = data.data_points.add(start_time_unix_nano=start * NS, time_unix_nano=(HOUR * 60 + second) * NS)
        if place == "item":
            point.attributes.add(key="replica").value.string_value = replica
        point.attributes.add(key="route").value.string_value = route
        if kind == "histogram":
            point.count, point.sum = total, 2.0 * total
        else:
            point.as_int = total
    return message.SerializeToString()


def rows(bodies, service=DEDUPED, resolution="hour"):
    blocks = folded(bodies, Catalog({"web": service}, PLAIN))
    found = metric_rows(blocks, "m", resolution, DAY, DAY + 2880, now_minute=HOUR + 10_000)
    return {(row.start_minute - HOUR, row.attributes["route"]): row for row in found if row.start_minute >= HOUR - 60}


def total_at(second):
    """What the counter that both replicas watch says: 7 more each second."""
    return 1_000_000 + 7 * second


def watched(replica, seconds, **more):
    return [request(replica, [(route, second, total_at(second)) for route in "ab"], **more) for second in seconds]


@pytest.mark.parametrize("place", ["item", "resource"])
@pytest.mark.parametrize(("kind", "what"), [("sum", "sum"), ("histogram", "count")])
def test_two_replicas_give_the_single_truth(place, kind, what):
    one = watched("r1", range(0, 3600, 60), place=place, kind=kind)
    both = [one, watched("r2", range(0, 3600, 60), place=place, kind=kind)]
    increase = total_at(3540) - total_at(0)
    for bodies, service in (([one], PLAIN), (both, DEDUPED), (both[::-1], DEDUPED)):
        assert [getattr(row, what) for row in rows(bodies, service).values()] == [increase] * 2
    assert all("replica" not in row.attributes for row in rows(both).values())


def test_without_the_catalogs_word_for_them_replicas_add_up():
    undeclared = replace(PLAIN, dimensions=("route",))
    both = [watched(name, range(0, 3600, 60)) for name in ("r1", "r2")]
    increase = total_at(3540) - total_at(0)
    assert [row.sum for row in rows(both, undeclared).values()] == [2 * increase] * 2


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), died=st.integers(3, 50), back=st.integers(0, 50), offset=st.integers(1, 29))
def test_a_replica_that_dies_is_followed_by_the_other_without_a_gap_or_twice(seed, died, back, offset):
    seconds = [60 * minute for minute in range(60)]
    first = [second for second in seconds if not died <= second // 60 < died + back]
    bodies = watched("r1", first) + watched("r2", [second + offset for second in seconds])
    random.Random(seed).shuffle(bodies)
    per_minute = 7 * 60
    for row in rows([bodies[::2], bodies[1::2]]).values():
        assert abs(row.sum - (total_at(3540) - total_at(0))) <= per_minute
    for (minute, _), row in rows([bodies], resolution="minute").items():
        assert minute == 0 or 0 <= row.sum <= 2 * per_minute, minute


def test_a_replica_that_is_alone_counts_over_its_own_gap():
    bodies = watched("r1", [0, 60, 1200, 1260])
    assert [row.sum for row in rows([bodies]).values()] == [7 * 1260] * 2


def test_the_one_with_most_points_counts_of_equals_the_first_by_name():
    def gauge(replica, seconds, value):
        return request(replica, [("a", second, value) for second in seconds], kind="gauge")

    bodies = [gauge("r1", [0], 1), gauge("r2", [0, 20, 40], 2), gauge("r2", [60], 2), gauge("r1", [80], 1)]
    for order in (bodies, bodies[::-1]):
        found = rows([order[:1], order[1:]], resolution="minute")
        assert [(row.count, row.sum) for row in found.values()] == [(3, 6.0), (1, 1.0)]


def test_deltas_of_two_replicas_count_once_per_minute():
    def deltas(replica, seconds):
        return [request(replica, [("a", second, 5)], temporality=1) for second in seconds]

    bodies = [deltas("r1", range(0, 1800, 60)), deltas("r2", range(10, 3600, 60))]
    assert [row.sum for row in rows(bodies).values()] == [5 * 60]


def test_a_process_that_starts_within_the_hour_counts_from_zero_once():
    start = HOUR * 60 + 300
    bodies = []
    for name, offset in (("r1", 0), ("r2", 20)):
        points = [(300 + 60 * n + offset, 60 * n + offset) for n in range(1, 40)]
        bodies.append([request(name, [("a", second, total)], start=start) for second, total in points])
    assert [row.sum for row in rows(bodies).values()] == [60 * 39]
    followed = rows([bodies[0][:5], bodies[1]])  # r1 tells 5 minutes, then r2 what it saw rise since its own fifth
    assert [row.sum for row in followed.values()] == [60 * 5 + 60 * 34]


def test_another_service_of_the_same_batch_keeps_its_replicas():
    other = watched("r1", range(0, 600, 60))
    bodies = [[*other, *(body.replace(b"web", b"app") for body in other)]]
    blocks = folded(bodies, Catalog({"web": DEDUPED}, replace(PLAIN, name="")))
    names = {series.service: dict(series.attributes).keys() for block in blocks for series in block.cells.series}
    assert names["web"] == {"opsloop.replica", "opsloop.stream", "route"}
    assert names["app"] == {"opsloop.stream", "replica", "route"}
