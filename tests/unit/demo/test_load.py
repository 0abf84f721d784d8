"""Visitors come in a daily rhythm, and the same ones for the same seed."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.load import DAILY_SHAPE, rate_factor, visits


def test_the_rates_of_a_day_have_the_base_rate_as_their_mean():
    day = [rate_factor(second) for second in range(0, 86_400, 60)]
    assert sum(day) / len(day) == pytest.approx(1.0, abs=1e-3)


def test_evening_is_at_least_five_times_as_busy_as_night():
    assert rate_factor(19.5 * 3600) == pytest.approx(DAILY_SHAPE[19])
    assert rate_factor(19.5 * 3600) > 5 * rate_factor(3.5 * 3600)


@given(st.floats(min_value=0, max_value=86_400))
def test_the_rate_never_jumps_nor_stops(second: float):
    assert 0.1 < rate_factor(second) < 2.0
    assert abs(rate_factor(second + 60) - rate_factor(second)) < 0.01


def test_the_seed_decides_the_requests():
    assert list(islice(visits(1), 500)) == list(islice(visits(1), 500))
    assert list(islice(visits(1), 500)) != list(islice(visits(2), 500))


def test_every_operation_is_asked_for():
    kinds = Counter((visit.method, visit.path.split("/")[1]) for visit in islice(visits(3), 2000))
    assert set(kinds) == {
        ("GET", ""),
        ("GET", "products"),
        ("POST", "checkout"),
        ("GET", "orders"),
        ("GET", "wp-login.php"),
    }
