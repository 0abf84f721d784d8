"""Aggregates merge exactly, in any order and in any parts; their bytes say the same thing back."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError
from opsloop.telemetry import encoding
from opsloop.telemetry.aggregate import EXPLICIT, Aggregate, empty, from_points, merge, regroup, select
from opsloop.telemetry.encoding import decode, encode
from opsloop.telemetry.model import Series
from tests.unit.telemetry.plain_decoder import as_dict, key

SERIES = [Series(service, "m", kind, str(i)) for service in ("a", "b") for kind in ("server", "client") for i in (1, 2)]
POINTS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 130), st.integers(0, 2**40), st.integers(1, 3), st.booleans()),
    min_size=1,
    max_size=40,
)


def aggregated(points):
    index, minute, value, weight, error = zip(*points, strict=True)
    return from_points(
        SERIES,
        np.array(index),
        np.array(minute),
        np.array(value, dtype=np.float64),
        weight=np.array(weight),
        errors=np.array(error),
    )


def plainly(points):
    """The same by plain loops."""
    cells = {}
    for index, minute, value, weight, error in points:
        cell = cells.setdefault((SERIES[index], minute), [0, 0, 0, value, value, 6, Counter()])
        cell[0] += weight
        cell[1] += error
        cell[2] += value * weight
        cell[3], cell[4] = min(cell[3], value), max(cell[4], value)
        cell[6][key(value)] += weight
    return {place: (*cell[:6], dict(sorted(cell[6].items()))) for place, cell in cells.items()}


@given(POINTS)
def test_points_aggregate_as_plain_loops_say(points):
    assert as_dict(aggregated(points)) == plainly(points)


@given(POINTS, st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_order_and_any_parts_merge_to_the_same_bytes(points, chance, parts):
    shuffled = list(points)
    chance.shuffle(shuffled)
    portions = [aggregated(portion) for i in range(parts) if (portion := shuffled[i::parts])]
    nested = merge([merge(portions[:2]), *portions[2:], empty()])
    assert encode(nested) == encode(aggregated(points))


def test_one_more_measurement_changes_the_bytes():
    points = [(0, 5, 100, 1, False), (1, 5, 7, 1, True)]
    assert encode(aggregated(points)) != encode(aggregated([*points, (0, 5, 100, 1, False)]))


@given(POINTS)
def test_regrouping_to_hours_counts_what_plain_loops_count(points):
    hourly = regroup(
        aggregated(points), lambda one: Series(one.service, "m", one.kind) if one.kind == "server" else None, 60
    )
    expected = Counter()
    for index, minute, _, weight, _ in points:
        if SERIES[index].kind == "server":
            expected[SERIES[index].service, minute - minute % 60] += weight
    assert {(one.service, at): cell[0] for (one, at), cell in as_dict(hourly).items()} == dict(expected)


def histogram(scale, keys, count, series=SERIES[0], low=1.0, high=2.0):
    """An aggregate of one cell."""
    return Aggregate(
        (series,),
        np.zeros(1, np.int32),
        np.full(1, 9),
        np.full(1, count),
        np.zeros(1, np.int64),
        np.full(1, 5.0),
        np.full(1, low),
        np.full(1, high),
        np.full(1, scale, np.int8),
        np.array([0, len(keys)]),
        np.array(list(keys), np.int32),
        np.array(list(keys.values())),
    )


def test_cells_of_two_scales_merge_at_the_coarser_one():
    merged = merge([histogram(6, {8: 1, 9: 2, 16: 3}, 6), histogram(3, {1: 10, 5: 20}, 30)])
    ((_, cell),) = as_dict(merged).items()
    assert cell[0] == 36
    assert cell[5:] == (3, {1: 13, 2: 3, 5: 20})  # 8 // 8 = 9 // 8 = 1, 16 // 8 = 2


def test_explicit_histograms_merge_by_bucket_number_and_only_under_their_own_bounds():
    narrow, wide = (Series("a", "m", "histogram", bounds=bounds) for bounds in ((1.0, 2.0), (1.0, 9.0)))
    parts = [histogram(EXPLICIT, {0: 1, 2: 1}, 2, one) for one in (narrow, narrow, wide)]
    assert {one.bounds: cell[6] for (one, _), cell in as_dict(merge(parts)).items()} == {
        (1.0, 2.0): {0: 2, 2: 2},
        (1.0, 9.0): {0: 1, 2: 1},
    }
    together = regroup(merge(parts), lambda one: Series(one.service, one.metric, one.kind))
    assert [cell[0] for cell in as_dict(together).values()] == [6]
    assert [cell[6] for cell in as_dict(together).values()] == [{}]  # no false buckets


def test_an_unknown_minimum_makes_the_whole_unknown():
    merged = merge([histogram(6, {8: 1}, 1), histogram(6, {8: 1}, 1, low=np.nan)])
    assert np.isnan(merged.minimum).all()
    assert merged.maximum.tolist() == [2.0]


@given(POINTS)
def test_bytes_come_back_as_the_same_aggregate(points):
    aggregate = aggregated(points)
    assert as_dict(decode(encode(aggregate))) == as_dict(aggregate)
    assert encode(decode(encode(aggregate))) == encode(aggregate)


def test_the_empty_aggregate_and_a_selection_of_nothing_come_back():
    nothing = select(aggregated([(0, 1, 1, 1, False)]), np.zeros(1, dtype=bool))
    assert encode(merge([nothing])) == encode(empty())
    assert len(decode(encode(empty()))) == 0


def test_series_with_bounds_attributes_and_odd_names_come_back():
    odd = Series("s\U0001f600\ud800", "m", "histogram", "GET /é\x00", "By", (("k", "v"),), (0.1, 2.5))
    assert decode(encode(histogram(EXPLICIT, {0: 1}, 1, odd))).series == (odd,)


def test_garbage_is_refused_and_never_crashes():
    good = bytearray(encode(aggregated([(i % 8, i, i * 1000, 1, False) for i in range(50)])))
    chance = random.Random(3)
    refused = 0
    for _ in range(500):
        bad = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        try:
            decode(bytes(bad[: chance.randint(0, len(bad))]))
        except InvalidInputError:
            refused += 1
    assert refused > 450


@pytest.mark.parametrize("column", ["series_index", "count", "bucket_start", "bucket_first", "bucket_step"])
def test_columns_that_do_not_fit_together_are_refused(column, monkeypatch):
    aggregate = aggregated([(0, 1, 5, 1, False), (1, 2, 5, 1, False)])
    columns = encoding._columns(aggregate)
    monkeypatch.setattr(encoding, "_columns", lambda _: {**columns, column: columns[column][:-1]})
    with pytest.raises(InvalidInputError, match="aggregate"):
        decode(encode(aggregate))


def test_bodies_of_older_versions_hold_the_keys_themselves_and_are_read(monkeypatch):
    aggregate = aggregated([(i % 8, i // 8, i * i, 1, False) for i in range(50)])
    body = encode(aggregate)
    monkeypatch.setattr(encoding, "_columns", lambda one: {name: getattr(one, name) for name in encoding._COLUMNS})
    older = encode(aggregate)
    assert older != body
    assert decode(older).bucket_key.tolist() == decode(body).bucket_key.tolist() == aggregate.bucket_key.tolist()
