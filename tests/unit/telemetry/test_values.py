"""Cells of single values by one sort against the general aggregation, which is tested against plain loops."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsloop.telemetry.aggregate import from_points
from opsloop.telemetry.encoding import encode
from opsloop.telemetry.model import Series
from opsloop.telemetry.values import Values, aggregate, joined

SERIES = tuple(Series(f"service-{number}", "m", "gauge") for number in range(4))
WHOLE = st.integers(0, 2**53 - 1)
MANY = st.integers(-5, 5) | st.floats(-1e9, 1e300) | st.integers(0, 2**60)


def point(value):
    return st.lists(st.tuples(st.integers(0, 3), st.integers(28_000_000, 28_000_300), value, st.booleans()), min_size=1)


def both(points):
    """The same points by both ways."""
    index, minute, value, is_error = (np.array(column) for column in zip(*points, strict=True))
    value = value.astype(np.float64)
    ours = aggregate(joined([Values(SERIES, index, value, is_error)]), minute)
    return encode(ours), encode(from_points(SERIES, index, minute, value, errors=is_error))


@given(point(WHOLE) | point(MANY))
@example([(0, 28_000_000, 0, False), (0, 28_000_000, -0.0, False)])
@example([(0, 28_000_000, -0.0, False), (0, 28_000_000, 0.5, False), (0, 28_000_000, 0, False)])
def test_cells_are_those_of_the_general_aggregation(points):
    ours, theirs = both(points)
    assert ours == theirs


@given(point(st.just(0)))
def test_things_that_are_only_counted_are_counted(points):
    index, minute, _, is_error = (np.array(column) for column in zip(*points, strict=True))
    ours = aggregate(joined([Values(SERIES, index, None, is_error)]), minute)
    assert encode(ours) == encode(from_points(SERIES, index, minute, None, errors=is_error))


@pytest.mark.parametrize("has_value", [True, False])
def test_parts_with_their_own_numbering_add_up(has_value):
    value = np.array([1.0, 2.0]) if has_value else None
    no_errors = np.zeros(2, dtype=bool)
    parts = [
        Values(SERIES[:2], np.array([0, 1]), value, no_errors),
        Values(SERIES[1::-1], np.array([0, 1]), value, no_errors),
    ]
    found = aggregate(joined(parts), np.zeros(4, dtype=np.int64))
    assert found.series == SERIES[:2]
    assert found.count.tolist() == [2, 2]
    assert found.total.tolist() == ([3.0, 3.0] if has_value else [0.0, 0.0])
