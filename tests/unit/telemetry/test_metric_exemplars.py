"""Exemplars of metric points: one per series and hour, the greatest, from the point through segments to blocks."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.errors import InvalidInputError
from opsloop.telemetry.exemplar import Exemplar, keep_one_each, pack, unpack
from opsloop.telemetry.fold import Folding
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.model import Series
from opsloop.telemetry.segment import Committed, StreamRecord, decode_body, encode_body
from opsloop.telemetry.shard_log import ShardLog

HOUR = 29_919_840
NS = 10**9
CATALOG = Catalog({}, Service("", 4, "", "", "", ("route",), 1000, 0.05))
KINDS = ("gauge", "sum", "histogram", "exponential_histogram")
POINTS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 119),
        st.lists(
            st.tuples(
                st.integers(-5, 5) | st.floats(-5, 5) | st.just(float("nan")),
                st.integers(0, 3),
                st.sampled_from([16, 16, 16, 8, 0]),
            ),
            max_size=3,
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def request(kind, points):
    """Return a request: points are (route, minute, exemplars (value, trace, size of its id), no recorded value)."""
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s")
    data = getattr(metric, kind)
    if kind != "gauge":
        data.aggregation_temporality = 1
    for route, minute, exemplars, is_nothing in points:
        point = data.data_points.add(time_unix_nano=(HOUR + minute) * 60 * NS, flags=int(is_nothing))
        point.attributes.add(key="route").value.string_value = route
        if kind in ("gauge", "sum"):
            point.as_double = 1.0
        for value, trace, size in exemplars:
            one = point.exemplars.add(trace_id=bytes([trace]) * size, span_id=bytes([trace]) * 8)
            one.time_unix_nano = (HOUR + minute) * 60 * NS - trace
            if isinstance(value, int):
                one.as_int = value
            else:
                one.as_double = value
    return message.SerializeToString()


def plainly(points):
    """The same by a loop: per route and hour the greatest value, then the latest, of those with a trace."""
    kept = {}
    for route, minute, exemplars, is_nothing in points:
        for value, trace, size in exemplars:
            if is_nothing or value != value or size != 16 or not trace:
                continue
            place = route, HOUR + minute - minute % 60
            found = (float(value), (HOUR + minute) * 60 * NS - trace, f"{trace:02x}" * 16, f"{trace:02x}" * 8)
            kept[place] = max(kept.get(place, found), found)
    return kept


def segment(bodies):
    records = [StreamRecord(f"{i + 1:064}", "", body, (HOUR + 120) * 60.0) for i, body in enumerate(bodies)]
    return plan(records, ShardLog("log", 0), CATALOG, max_bytes=1 << 26)


def as_dict(exemplars):
    return {
        (dict(one.series.attributes)["route"], one.hour): (one.value, one.time_ns, one.trace_id, one.span_id)
        for one in exemplars
    }


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(points=POINTS)
def test_the_greatest_exemplar_of_each_series_and_hour_is_kept(kind, points):
    found = segment([request(kind, points[::2]), request(kind, points[1::2])])
    assert as_dict(found.exemplars) == plainly(points)
    assert all(one.series in found.cells.series for one in found.exemplars)
    cells, _, exemplars = decode_body(encode_body(found.cells, found.shares, found.exemplars))
    assert exemplars == found.exemplars
    assert cells.series == found.cells.series


@settings(max_examples=40, deadline=None)
@given(points=POINTS, seed=st.integers(0, 100))
def test_blocks_keep_them_in_any_portions_and_repetitions(points, seed):
    made = [segment([request("histogram", [point])]) for point in points]
    log = [
        Committed("log", f"{i:064}", f"{i + 1:064}", one.cells, one.shares, 0.0, one.exemplars)
        for i, one in enumerate(made)
    ]
    chance, blocks = random.Random(seed), {}
    ends = sorted({chance.randint(1, len(log)) for _ in range(3)} | {len(log)})
    for end in ends:
        folding = Folding("log", log[max(0, end - 4 * len(log)) : end])
        for key in folding.touched():
            blocks[key] = folding.fold_into(blocks.get(key), key, 1000) or blocks[key]
    assert as_dict(one for block in blocks.values() for one in block.exemplars) == plainly(points)


def test_an_exemplar_of_a_series_over_the_limit_is_left_out():
    points = [(f"r{i}", 0, [(i, 1, 16)], False) for i in range(9)]
    made = segment([request("gauge", points)])
    one = Committed("log", "0" * 64, f"{1:064}", made.cells, made.shares, 0.0, made.exemplars)
    block = Folding("log", [one]).fold_into(None, ("unknown_service", HOUR), 3)
    assert len(block.cells.series) == 4
    assert {one.series for one in block.exemplars} <= set(block.cells.series)
    assert len(block.exemplars) == 3


def test_exemplars_come_back_from_their_bytes():
    series = Series("é", "m", "gauge", "op", "s", (("a", "b"),), (1.0, 2.5))
    given = keep_one_each(Exemplar(series, hour, 1.5, 2**63, "0" * 31 + "1", "") for hour in (0, 60))
    assert unpack(pack(given)) == given
    assert (pack(()), unpack(b"")) == (b"", ())
    for wrong in (b"x", pack(given)[:-3]):
        with pytest.raises(InvalidInputError):
            unpack(wrong)
