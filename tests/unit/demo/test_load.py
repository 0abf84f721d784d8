"""Visitors come in a daily rhythm, and the same ones for the same seed."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.behaviour import DAILY_SHAPE, MONDAY_S, SECONDS_PER_DAY, WEEKLY_SHAPE, rate_factor
from local.demo.load import visits

WEEK_S = 7 * SECONDS_PER_DAY


def test_the_rates_of_a_week_have_the_base_rate_as_their_mean():
    week = [rate_factor(second) for second in range(0, WEEK_S, 60)]
    assert sum(week) / len(week) == pytest.approx(1.0, abs=1e-3)


def test_evening_is_at_least_three_times_as_busy_as_night():
    noon_of_wednesday = MONDAY_S + 2.5 * SECONDS_PER_DAY
    evening, night = noon_of_wednesday + 7.5 * 3600, noon_of_wednesday - 8.5 * 3600
    assert rate_factor(evening) == pytest.approx(DAILY_SHAPE[19] * WEEKLY_SHAPE[2], rel=0.01)
    assert rate_factor(evening) > 3 * rate_factor(night)


def test_sunday_is_the_quietest_day():
    noons = [rate_factor(MONDAY_S + (day + 0.5) * SECONDS_PER_DAY) for day in range(7)]
    assert min(noons) == noons[6]


@given(st.floats(min_value=0, max_value=2e9))
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
