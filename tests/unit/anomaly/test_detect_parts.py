"""The parts of the mathematics by themselves: histograms, peaks, slots, the sum of evidence, alarms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.anomaly import peaks, profile, sketch
from opsloop.anomaly.alarm import COOL_DOWN, HALF_LIFE, RAISED, alarms
from opsloop.anomaly.detect import recurring_sizes, usual_sizes
from opsloop.anomaly.score import ALARM, ENOUGH, WEIGHTS, Moment, evidence, judge, score, share

MONDAY = 1_767_571_200


def counted(sizes):
    counts = np.zeros((1, sketch.BINS), dtype=np.uint16)
    for one in sizes:
        sketch.add(counts, np.array([one]))
    return counts


@pytest.mark.parametrize("deviation", [0.3, 1.0, 2.0])
def test_the_usual_great_size_is_the_quantile_within_half_an_octave(deviation):
    sizes = np.random.default_rng(1).lognormal(-2, deviation, 4000)
    ratio = sketch.usual(counted(sizes))[0] / np.quantile(sizes, 0.99)
    assert 2**-0.5 < ratio < 2**0.5


def test_an_empty_histogram_has_no_usual_size():
    assert sketch.usual(counted([])).tolist() == [0.0]


def test_the_histograms_of_a_series_are_those_of_its_rows_before():
    measured = np.random.default_rng(2).lognormal(-2, 1, (300, 4))
    found = usual_sizes(measured)
    assert found[0].tolist() == [0.0] * 4
    for row in (1, 57, 299):
        expected = [sketch.usual(counted(measured[:row, column]))[0] for column in range(4)]
        assert found[row].tolist() == expected


def test_a_full_histogram_is_halved_and_keeps_its_quantile(monkeypatch):
    monkeypatch.setattr(sketch, "MOST", 1000)
    sizes = np.random.default_rng(3).lognormal(-2, 1, 1000)
    before, after = counted(sizes[:999]), counted(sizes)
    assert (before.sum(), after.sum()) == (999, 500)
    assert sketch.usual(after)[0] == pytest.approx(sketch.usual(before)[0], rel=0.2)


@given(st.floats(2**-9, 2**22))
def test_a_peak_is_kept_rounded_up_by_nine_percent_at_most(size):
    kept = float(peaks.size(peaks.code(np.array([size])))[0])
    assert size * 0.999 <= kept <= size * 1.0906


def test_no_peak_is_zero():
    assert peaks.size(peaks.code(np.zeros(1))).tolist() == [0.0]


def test_what_recurs_was_reached_around_this_hour_on_both_days_before():
    seconds = MONDAY + 3600 * np.arange(96)
    measured = np.zeros((96, 1))
    measured[[10, 35]] = [[4.0], [2.0]]  # at 10 and, a day and an hour later, at 11
    found = recurring_sizes(seconds, measured)[:, 0]
    kept = float(peaks.size(peaks.code(np.array([2.0])))[0])
    assert np.flatnonzero(found).tolist() == [58, 59]  # 10 and 11 o'clock on the day after: around both
    assert found[58:60].tolist() == [kept, kept]


@given(st.floats(-1e38, 1e38))
def test_a_slot_is_right_to_four_parts_in_a_thousand(value):
    kept = float(profile.unpack(profile.pack(np.array([value])))[0])
    assert kept == pytest.approx(value, rel=0.004, abs=1e-38)


def test_an_unknown_slot_takes_the_first_mean_and_moves_half_of_the_way_to_the_next():
    unknown = np.array([profile.UNKNOWN], dtype=np.uint16)
    once = profile.learnt(unknown, np.array([64.0]))
    twice = profile.learnt(once, np.array([128.0]))
    assert [float(profile.unpack(slots)[0]) for slots in (once, twice)] == [64.0, 96.0]
    assert profile.learnt(twice, np.array([np.nan])).tolist() == twice.tolist()


def test_the_expected_value_is_the_median_of_the_known_days_until_the_week_is_known():
    days = profile.pack(np.array([[10.0, 12.0, np.nan, 500.0, 11.0, np.nan, np.nan]]))
    week = profile.pack(np.array([10.0]))
    assert profile.centre(days, week, np.array([False])).tolist() == [11.5]
    assert profile.centre(days, week, np.array([True])).tolist() == [10.0]
    assert np.isnan(profile.centre(profile.pack(np.full((1, 7), np.nan)), week, np.array([False])))


def test_between_the_middles_of_hours_the_expectation_is_a_straight_line():
    curve = np.array([[10.0, 20.0, 40.0]] * 4 + [[np.nan, 20.0, np.nan]])
    found = profile.between(curve, np.array([0.0, 900.0, 1800.0, 2700.0, 0.0]))
    assert found.tolist() == [15.0, 17.5, 20.0, 25.0, 20.0]


def test_an_average_is_a_mean_at_first_and_then_forgets():
    assert [float(share(9, np.array(count))) for count in (1, 2, 5, 6, 50)] == [1.0, 0.5, 0.2, 0.2, 0.2]


def votes_of(ratios, seen=ENOUGH):
    """Return the votes of a row whose jump, change, shift and drift are ``ratios`` times their usual great size."""
    one = np.ones(1)
    moment = Moment(one, one, one, one, one, one, one, np.ones((1, 7)), np.array([seen]), np.array([10_000]))
    usual = np.array([[0.09, 0.19, 0.29, 0.39]])
    measured = (usual + 0.01) * np.array([ratios])
    return judge(moment, measured, usual, np.zeros((1, 4)))


def test_evidence_is_what_exceeds_half_of_the_usual_great_size_and_adds_up():
    found = votes_of([2.0, 1.0, 1.0, 0.4])
    parts = [WEIGHTS[0] * 1.0, WEIGHTS[1] * 0.5, 0.0]
    expected = [part / (part + ALARM) for part in (*parts, sum(parts))]
    assert [float(vote[0]) for vote in (found.zscore, found.shift, found.drift, found.combined)] == pytest.approx(
        expected
    )
    assert evidence(found.combined) == pytest.approx([sum(parts)])


def test_half_of_the_usual_great_size_in_everything_is_nothing():
    assert votes_of([0.5, 0.5, 0.5, 0.5]).combined.tolist() == [0.0]


def test_with_half_of_the_history_only_half_of_a_size_counts():
    assert votes_of([4.0, 4.0, 4.0, 4.0], seen=ENOUGH // 2).combined == pytest.approx(votes_of([2.0] * 4).combined)
    assert not votes_of([4.0] * 4, seen=ENOUGH - 1).is_known[0]
    assert votes_of([4.0] * 4).is_known[0]


def told(weights, warmup=0):
    found = alarms(score(np.array(weights, dtype=np.float64)), warmup)
    return {int(row): float(evidence(found[row])) for row in np.flatnonzero(found)}


def test_an_alarm_needs_its_evidence():
    assert told([0.0, ALARM * 0.99, ALARM * 1.01]) == {2: pytest.approx(ALARM * 1.01)}


def test_in_the_cool_down_only_what_is_much_worse_is_told():
    weights = [0.0] * 60
    weights[10:14] = [2.0, 3.0, 5.9, 7.0]  # the last is more than three times the first
    assert list(told(weights)) == [10, 13]


def test_after_the_cool_down_the_bar_is_raised_and_comes_down_again():
    weights = np.zeros(COOL_DOWN + HALF_LIFE + 1)
    weights[[0, COOL_DOWN, HALF_LIFE]] = [2.0, ALARM * 1.05, 2.0]
    found = told(weights)
    assert list(found) == [0, HALF_LIFE]
    assert found[HALF_LIFE] == pytest.approx(2.0 / (1 + RAISED / 2))


def test_the_warm_up_raises_no_alarm_and_starts_no_cool_down():
    assert list(told([0.0, 5.0, 5.0, 5.0], warmup=2)) == [2]
