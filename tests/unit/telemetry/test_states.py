"""States of cumulative streams merge as sets do: the last of ten seconds stays, and nothing adds up."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from opsloop.histogram import SCALE
from opsloop.telemetry.aggregate import Aggregate, from_points, merge, regroup
from opsloop.telemetry.encoding import decode, encode
from opsloop.telemetry.model import Series

STREAMS = [Series("a", "m", "cumulative_sum", attributes=(("opsloop.stream", name),)) for name in "xy"]
GAUGE = Series("a", "m", "gauge")
NS = 1_000_000_000
STATES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 3), st.integers(1, 300), st.integers(0, 9)), min_size=1, max_size=60
)


def states(found):
    """Return the aggregate of states (stream, start in s, time in s, value)."""
    n = len(found)
    index, since, at, value = (np.array(column) for column in zip(*found, strict=True))
    return merge(
        [
            Aggregate(
                series=tuple(STREAMS),
                series_index=index.astype(np.int32),
                minute=at // 60,
                count=np.ones(n, dtype=np.int64),
                errors=np.zeros(n, dtype=np.int64),
                total=value.astype(np.float64),
                minimum=value.astype(np.float64),
                maximum=value.astype(np.float64),
                scale=np.full(n, SCALE, dtype=np.int8),
                bucket_start=np.arange(n + 1),
                bucket_key=value.astype(np.int32),
                bucket_count=np.ones(n, dtype=np.int64),
                times=np.stack([since, at], axis=1) * NS,
            )
        ]
    )


def plainly(found):
    """The same by a dictionary: of the states of one slot the last, of one time the greatest."""
    kept = {}
    for stream, since, at, value in found:
        slot = "start" if at == since else at // 10
        place = stream, since, at // 60, slot
        kept[place] = max(kept.get(place, (0, 0)), (at, value))
    return sorted((stream, since, at, value) for (stream, since, *_), (at, value) in kept.items())


def listed(cells):
    """The states of an aggregate, as they were given."""
    assert cells.count.tolist() == [1] * len(cells)
    assert cells.bucket_key.tolist() == cells.total.tolist()
    names = [STREAMS.index(cells.series[i]) for i in cells.series_index]
    since, at = (cells.times // NS).T.tolist()
    return sorted(zip(names, since, at, map(int, cells.total), strict=True))


@given(STATES)
def test_the_last_state_of_each_start_and_ten_seconds_stays(found):
    assert listed(states(found)) == plainly(found)


@given(STATES, st.integers(0, 1000), st.integers(1, 5))
def test_any_order_any_parts_and_repetitions_give_the_same_bytes(found, seed, parts):
    shuffled = found + found[: len(found) // 2]
    random.Random(seed).shuffle(shuffled)
    portions = [states(portion) for i in range(parts) if (portion := shuffled[i::parts])]
    assert encode(merge([merge(portions[:2]), *portions[1:]])) == encode(states(found))


@given(STATES)
def test_states_and_amounts_share_an_aggregate_and_its_bytes(found):
    amounts = from_points([GAUGE], np.zeros(5, np.int64), np.arange(5), np.arange(5.0))
    both = merge([amounts, states(found), amounts])
    again = decode(encode(both))
    assert encode(again) == encode(both)
    assert again.times.tolist() == both.times.tolist()
    alone = regroup(again, lambda one: one if one == GAUGE else None)
    assert alone.times is None
    assert alone.total.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert listed(regroup(again, lambda one: None if one == GAUGE else one)) == plainly(found)


def test_states_of_different_minutes_stay_apart():
    assert listed(states([(0, 1, 59, 5), (0, 1, 60, 5), (0, 1, 61, 4)])) == [(0, 1, 59, 5), (0, 1, 61, 4)]
