"""Robust lines, quantiles, and what a restore takes next quarter, beside numpy, by simulation and by hand."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.forecast import MAX_POINTS, forecast, quantile, theil_sen, thinned
from opsloop.errors import InvalidInputError
from tests.unit.backup.audit_samples import NOW

RANDOM = np.random.default_rng(7)
GB = 1e9


def test_a_line_is_found_exactly_and_a_quarter_of_wild_points_do_not_move_it_far():
    line = theil_sen([(x, 3.0 + 2.0 * x) for x in range(20)])
    assert (line.slope, line.at_zero, line.slope_low, line.slope_high) == (2.0, 3.0, 2.0, 2.0)
    wild = [(x, 3.0 + 2.0 * x + (1e6 if x % 4 == 0 else 0.0)) for x in range(40)]
    assert theil_sen(wild).slope == pytest.approx(2.0)
    x, y = np.array(wild).T
    assert abs(np.polyfit(x, y, 1)[0]) > 1_000  # least squares follow the wild ones


def test_the_slope_is_the_median_of_all_slopes_between_two_points():
    x = np.sort(RANDOM.uniform(0, 100, 30))
    y = 5.0 + 0.7 * x + RANDOM.normal(0, 4, 30)
    first, second = np.triu_indices(30, 1)
    slopes = (y[second] - y[first]) / (x[second] - x[first])
    line = theil_sen(list(zip(x.tolist(), y.tolist(), strict=True)))
    assert line.slope == pytest.approx(np.median(slopes))
    assert line.at_zero == pytest.approx(np.median(y - line.slope * x))


def test_the_interval_of_the_slope_holds_the_true_one_in_95_of_100_samples():
    held = 0
    for _ in range(400):
        x = np.arange(15.0)
        line = theil_sen(list(zip(x.tolist(), (0.7 * x + RANDOM.normal(0, 2, 15)).tolist(), strict=True)))
        held += line.slope_low <= 0.7 <= line.slope_high
    assert 0.92 <= held / 400 <= 0.99  # three standard errors around 0.95, and a little for the whole ranks


def test_a_line_needs_two_different_places():
    with pytest.raises(InvalidInputError):
        theil_sen([(1.0, 2.0), (1.0, 3.0)])


def test_a_quantile_is_a_value_that_was_measured():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [quantile(values, share) for share in (0.0, 0.2, 0.5, 0.95, 1.0)] == [1.0, 1.0, 3.0, 5.0, 5.0]
    many = RANDOM.exponential(10.0, 400)
    assert quantile(many.tolist(), 0.95) == np.quantile(many, 0.95, method="inverted_cdf")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 600))
def test_thinning_keeps_the_ends_and_the_order(count):
    kept = thinned([(float(x), 0.0) for x in range(count)])
    assert len(kept) == min(count, MAX_POINTS)
    assert (kept[0][0], kept[-1][0]) == (0.0, count - 1.0)
    assert kept == sorted(set(kept))


def sizes(count=30, *, per_day=0.1 * GB, days=29.0):
    """Return a size each day, growing evenly to 10 GB now."""
    step = days / (count - 1)
    return [(NOW - timedelta(days=at * step), 10 * GB - at * step * per_day) for at in range(count)]


def test_seconds_follow_the_line_through_restores_to_the_size_of_the_trend():
    restores = [(size, 4.0 + 2.0 * size / GB) for _, size in sizes()]
    found = forecast(sizes(), restores, NOW)
    assert found.method == "line"
    assert found.size_bytes == pytest.approx((10 + 90 * 0.1) * GB)
    assert found.restore_s == pytest.approx(4.0 + 2.0 * 19)
    assert found.restore_low_s == pytest.approx(found.restore_s)
    assert "has 19 GB in 90 days; a restore then takes 42 seconds" in found.sentence()


def test_where_sizes_hardly_differ_seconds_grow_in_proportion():
    flat = sizes(per_day=0.001 * GB)
    found = forecast(flat, [(size, 5.0) for _, size in flat], NOW)
    assert found.method == "proportional"
    assert found.restore_s == pytest.approx(5.0 * found.size_bytes / np.median([size for _, size in flat]))


def test_the_interval_widens_with_what_restores_deviated_and_holds_nine_of_ten():
    history = sizes(120)
    noise = RANDOM.normal(0, 3, 120)
    restores = [(size, 4.0 + 2.0 * size / GB + noise[at]) for at, (_, size) in enumerate(history)]
    found = forecast(history, restores, NOW)
    truth = 4.0 + 2.0 * 19 + RANDOM.normal(0, 3, 2_000)
    held = np.mean((truth >= found.restore_low_s) & (truth <= found.restore_high_s))
    assert 0.8 <= held <= 1.0
    assert found.restore_low_s < found.restore_s < found.restore_high_s


@pytest.mark.parametrize(
    ("history", "count", "why"),
    [
        ([], 0, "0 dumps over 0 seconds"),
        (sizes(3), 3, "3 dumps over 29 days"),
        (sizes(30, days=10.0), 30, "30 dumps over 10 days"),
        (sizes(30), 2, "too few proven restores, 2"),
    ],
)
def test_too_little_history_gives_no_number_and_says_so(history, count, why):
    found = forecast(history, [(GB, 3.0)] * count, NOW)
    assert (found.restore_s, found.size_bytes) == (None, None)
    assert why in found.sentence()
    assert found.figures()["why_not"] == found.why_not != ""


def test_a_database_that_shrinks_never_gets_smaller_than_nothing():
    found = forecast(sizes(per_day=-5 * GB), [(10 * GB, 20.0)] * 10, NOW)
    assert (found.size_bytes, found.restore_s) == (0.0, 0.0)
