"""By how much cumulative streams rose: whatever the order, the shards and the repetitions, it is what was measured.

The truth is a list of measurements. Senders are played with protobuf's own objects: they tell running totals, start
anew with or without saying so, and the points reach several shards in any order, some of them twice.
"""

import bisect
import math
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.kpi.metric import metric_rows
from opsloop.telemetry.fold import Folding
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import Committed, StreamRecord, decode_body, encode_body
from opsloop.telemetry.shard_log import ShardLog
from tests.unit.telemetry.plain_decoder import index

HOUR = 29_919_840
DAY = HOUR - HOUR % 1440
CATALOG = Catalog({}, Service("", 4, "", "", "", (), 1000, 0.05))
BOUNDS = (1.0, 10.0, 100.0)
NS = 10**9
KINDS = ("sum", "histogram", "exponential_histogram", "summary")


@dataclass(frozen=True)
class State:
    """What a sender says at one time: all that it measured since ``start``, both in seconds after the hour's start."""

    start: int
    at: int
    values: tuple[int, ...]
    scale: int = 6


@dataclass
class Story:
    """One sender's life: its states, and per minute what was measured in it, told by the state that ends it."""

    host: str
    states: list[State] = field(default_factory=list)
    measured: dict[int, list[int]] = field(default_factory=dict)

    def tell(self, at: int, since: int, total: list[int], new: list[int], scale: int) -> None:
        self.states.append(State(since, at, tuple(total), scale))
        self.measured.setdefault(at // 60, []).extend(new)


@st.composite
def stories(draw):
    """Draw the lives of up to three senders: some restart and say so, some do not."""
    found = []
    for host in range(draw(st.integers(1, 3))):
        story = Story(f"host-{host}")
        since, at, total, scale = draw(st.integers(1, 600)), 0, [], draw(st.integers(-2, 8))
        at = since
        for _ in range(draw(st.integers(1, 8))):
            at += draw(st.integers(10, 900))
            new = draw(st.lists(st.integers(1, 1000), max_size=4))
            event = draw(st.sampled_from(["", "", "", "restart", "unsaid", "coarser"]))
            if event == "restart":
                since, total = at - 5, []
            elif event == "unsaid" and len(new) < len(total) and sum(new) < sum(total):
                total = []
            elif event == "coarser":
                scale = max(scale - 1, -3)
            total = total + new
            story.tell(at, since, total, new, scale)
        found.append(story)
    return found


def request(kind, points, temporality=2):
    """Return a request with those points (host, state)."""
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s")
    data = getattr(metric, kind)
    if kind != "summary":
        data.aggregation_temporality = temporality
    if kind == "sum":
        data.is_monotonic = True
    for host, state in points:
        point = data.data_points.add(
            start_time_unix_nano=(HOUR * 60 + state.start) * NS, time_unix_nano=(HOUR * 60 + state.at) * NS
        )
        point.attributes.add(key="host").value.string_value = host
        if kind == "sum":
            point.as_int = sum(state.values)
            continue
        point.count, point.sum = len(state.values), float(sum(state.values))
        if kind == "histogram":
            counts = Counter(bisect.bisect_left(BOUNDS, value) for value in state.values)
            point.explicit_bounds.extend(BOUNDS)
            point.bucket_counts.extend(counts[i] for i in range(len(BOUNDS) + 1))
        elif kind == "exponential_histogram":
            point.scale = state.scale
            places = Counter(_index(value, state.scale) for value in state.values)
            if places:
                point.positive.offset = min(places)
                point.positive.bucket_counts.extend(places[i] for i in range(min(places), max(places) + 1))
    return message.SerializeToString()


def _index(value, scale):
    if scale >= 0:
        return index(float(value), min(scale, 6)) if scale <= 6 else math.ceil(math.log2(value) * 2**scale) - 1
    return index(float(value), 0) // 2**-scale


def folded(bodies_per_shard, catalog=CATALOG, segment_size=2, limit=1000):
    """Return the blocks that the records of each shard become, segment by segment."""
    blocks = {}
    for shard, bodies in enumerate(bodies_per_shard):
        name, log = f"log#{shard}", ShardLog(f"log#{shard}", 0)
        records = [StreamRecord(f"{i + 1:064}", "", body, (HOUR + 240) * 60.0) for i, body in enumerate(bodies)]
        segments = []
        start = "0" * 64
        for first in range(0, len(records), segment_size):
            made = plan(records[first : first + segment_size], log, catalog, max_bytes=1 << 26)
            cells, shares, kept = decode_body(encode_body(made.cells, made.shares, made.exemplars))
            segments.append(Committed(name, start, made.end, cells, shares, made.last_arrival_s, kept))
            start = made.end
        if segments:
            folding = Folding(name, segments)
            for key in folding.touched():
                blocks[key] = folding.fold_into(blocks.get(key), key, limit) or blocks[key]
    return [blocks[key] for key in sorted(blocks)]


def rows_of(blocks, resolution):
    found = metric_rows(blocks, "m", resolution, DAY, DAY + 2880, now_minute=HOUR + 10_000)
    return {row.start_minute: row for row in found}


def scattered(kind, points, seed, shards=3):
    """Return the points as records of several shards: shuffled, some of them twice, some requests with several."""
    chance = random.Random(seed)
    points = points + chance.sample(points, len(points) // 3)
    chance.shuffle(points)
    found = [[] for _ in range(shards)]
    while points:
        size = chance.randint(1, 3)
        found[chance.randrange(shards)].append(request(kind, points[:size]))
        points = points[size:]
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(told=stories(), seed=st.integers(0, 10_000))
def test_the_increase_is_what_was_measured_in_any_order_over_any_shards(kind, told, seed):
    points = [(story.host, state) for story in told for state in story.states]
    by_minute = rows_of(folded(scattered(kind, points, seed)), "minute")
    truth: dict[int, list[int]] = {}
    for story in told:
        for minute, values in story.measured.items():
            truth.setdefault(HOUR + minute, []).extend(values)
    assert by_minute.keys() == truth.keys()
    for minute, values in truth.items():
        assert by_minute[minute].sum == sum(values)
        if kind != "sum":
            assert by_minute[minute].count == len(values)
            assert by_minute[minute].mean == (sum(values) / len(values) if values else None)


@pytest.mark.parametrize("kind", ["histogram", "exponential_histogram"])
@settings(max_examples=40, deadline=None)
@given(told=stories(), seed=st.integers(0, 10_000))
def test_percentiles_of_the_increase_are_those_of_the_same_measurements_sent_as_deltas(kind, told, seed):
    points = [(story.host, state) for story in told for state in story.states]
    found = rows_of(folded(scattered(kind, points, seed)), "day")
    coarsest = min(state.scale for story in told for state in story.states)
    deltas = [
        (story.host, State(0, minute * 60, tuple(values), coarsest))
        for story in told
        for minute, values in story.measured.items()
    ]
    expected = rows_of(folded([[request(kind, deltas, temporality=1)]]), "day")
    (row,), (other,) = found.values(), expected.values()
    assert (row.count, row.sum) == (other.count, other.sum)
    if row.count and kind == "histogram":
        assert (row.p50, row.p90, row.p95, row.p99) == (other.p50, other.p90, other.p95, other.p99)
    elif row.count:
        truth = sorted(value for story in told for values in story.measured.values() for value in values)
        base = 2.0 ** (2.0 ** -min(coarsest, 6))
        for got, p in ((row.p50, 0.5), (row.p90, 0.9), (row.p99, 0.99)):
            true = truth[math.ceil(p * len(truth)) - 1]
            assert got == pytest.approx(true, rel=(base - 1) / (base + 1) * (1 + 1e-9))


def test_a_state_at_its_own_start_says_that_what_was_before_is_not_known():
    states = [State(60, 60, (5,) * 100), State(60, 65, (5,) * 102), State(60, 130, (5,) * 110)]
    by_minute = rows_of(folded([[request("histogram", [("a", one)]) for one in states]]), "minute")
    assert [(row.start_minute - HOUR, row.count, row.sum) for row in by_minute.values()] == [(1, 2, 10.0), (2, 8, 40.0)]


def test_two_processes_under_one_name_that_started_at_different_times_both_count():
    points = [("a", State(10 + one, 60 * n + 30 + one, (1,) * (n * (one + 1)))) for n in range(1, 5) for one in (0, 1)]
    (row,) = rows_of(folded([[request("histogram", [one]) for one in points]]), "hour").values()
    assert row.count == 4 + 8


def test_a_summary_per_period_counts_each_period_with_its_extremes():
    def send(start, at, count, low, high):
        message = ExportMetricsServiceRequest()
        metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
        point = metric.summary.data_points.add(count=count, sum=2.5 * count)
        point.start_time_unix_nano, point.time_unix_nano = (HOUR * 60 + start) * NS, (HOUR * 60 + at) * NS
        for quantile, value in ((0.0, low), (0.5, 3.0), (1.0, high)):
            point.quantile_values.add(quantile=quantile, value=value)
        return message.SerializeToString()

    bodies = [send(0, 60, 10, 1.0, 9.0), send(60, 120, 4, 0.5, 3.0), send(120, 180, 7, 2.0, 12.0)]
    (row,) = rows_of(folded([bodies[::-1], bodies]), "hour").values()
    assert (row.count, row.sum, row.minimum, row.maximum, row.p50) == (21, 52.5, 0.5, 12.0, None)


def test_values_that_move_into_a_widened_zero_bucket_are_no_restart():
    def send(at, count, zero_count, positive):
        message = ExportMetricsServiceRequest()
        metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
        metric.exponential_histogram.aggregation_temporality = 2
        point = metric.exponential_histogram.data_points.add(count=count, sum=1.0, zero_count=zero_count, scale=0)
        point.start_time_unix_nano, point.time_unix_nano = (HOUR * 60 + 1) * NS, (HOUR * 60 + at) * NS
        point.positive.bucket_counts.extend(positive)
        return message.SerializeToString()

    # 3 values in (1, 2] and 2 in (2, 4]; then the threshold becomes 2, and 4 more come in (2, 4]
    blocks = folded([[send(30, 5, 0, [3, 2]), send(90, 9, 3, [0, 6])]])
    later = rows_of(blocks, "minute")[HOUR + 1]
    assert later.count == 4
    assert later.p50 == later.p99 == pytest.approx(8 / 3)  # the middle of (2, 4] in relative terms


def test_streams_over_the_series_limit_are_counted_and_the_others_keep_their_increase():
    crowd = Catalog({}, Service("", 4, "", "", "", (), 3, 0.05))
    points = [(f"host-{n}", State(1, 60 * m + 5, (1,) * (10 * m + n))) for n in range(8) for m in range(1, 4)]
    blocks = folded([[request("histogram", points)]], crowd, limit=3)
    found = metric_rows(blocks, "m", "hour", HOUR, HOUR + 60, now_minute=HOUR + 10_000)
    kept, lost = sorted(found, key=lambda row: row.kind)
    assert (kept.kind, lost.kind) == ("cumulative_histogram", "overflow")
    assert (lost.sum, lost.p50, lost.attributes) == (None, None, {"otel.metric.overflow": "true"})
    assert lost.count == 24 - 3 * 3
    assert kept.count == sum(30 + n for n in (5, 6, 7))
