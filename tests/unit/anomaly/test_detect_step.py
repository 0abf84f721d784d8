"""Stepping production's memory through series gives the votes that ``detect`` gives for each of them.

What differs is that the memory keeps its averages as float32. Profile, histograms and peaks are rounded alike in both.
"""

from pathlib import Path

import numpy as np
import pytest

from bench import anomaly_nab
from opsloop.anomaly import sketch
from opsloop.anomaly.detect import moments, votes
from opsloop.anomaly.score import ENOUGH, LONG_SPANS, SPANS
from opsloop.anomaly.step import BYTES_PER_SERIES, FORM, fresh, step

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "anomaly"
MONDAY = 1_767_571_200
DAY = 288
JUDGED = ("zscore", "shift", "drift", "combined")


def seasonal(rows, seed):
    """Return a lively series with a daily wave, weak weekends, and heavy tails."""
    chance, at = np.random.default_rng(seed), np.arange(rows)
    weekday = np.where(at // DAY % 7 < 5, 1.0, 0.4)
    wave = 100 * weekday * (1.2 + np.sin(2 * np.pi * at / DAY)) + chance.normal(0, 4, rows)
    return np.where(chance.random(rows) < 0.01, wave * 5, wave)


def stepped(series, seconds, is_learnt=None):
    """Return the votes, shape (n_votes, n_series, n_rows), of stepping all series at once; NaN steps are left out."""
    memory, answer = fresh(len(series)), np.full((8, *series.shape), np.nan)
    for place, second in enumerate(seconds.tolist()):
        rows = np.flatnonzero(~np.isnan(series[:, place]))
        learnt = None if is_learnt is None else is_learnt[rows, place]
        answer[:, rows, place] = np.array(step(memory, rows, second, series[rows, place], learnt), dtype=np.float64)
    return answer, memory


@pytest.fixture(scope="module")
def two_weeks_and_more():
    """Return three series of 16 days with gaps of their own, their times, and the votes of stepping."""
    every = slice(None, None, 3)  # a quarter of an hour
    series = np.stack([seasonal(16 * DAY, 1)[every], 1e6 * seasonal(16 * DAY, 2)[every], np.zeros(16 * DAY // 3)])
    rows = series.shape[1]
    series[2, ::50] = 3.0
    series[0, 500:640] = np.nan
    series[1, np.random.default_rng(3).random(rows) < 0.3] = np.nan
    seconds = MONDAY + 900 * np.arange(rows)
    return series, seconds, stepped(series, seconds)[0]


def test_many_series_stepped_at_once_get_the_votes_of_each_alone(two_weeks_and_more):
    series, seconds, found = two_weeks_and_more
    for number, values in enumerate(series):
        known = ~np.isnan(values)
        expected = votes(seconds[known], values[known])
        for name, column in zip(expected._fields, found[:, number, known], strict=True):
            if name in JUDGED:
                np.testing.assert_allclose(column, getattr(expected, name), atol=1e-4)
            else:
                np.testing.assert_allclose(column, getattr(expected, name), rtol=1e-4, atol=1e-3 * np.nanmax(values))


def test_the_comparison_would_see_a_difference_of_one_row(two_weeks_and_more):
    series, seconds, found = two_weeks_and_more
    known = ~np.isnan(series[0])
    late = votes(seconds[known], np.r_[series[0][known][1:], 0.0])
    assert np.abs(found[3, 0, known] - late.combined).max() > 0.1


@pytest.mark.skipif(not DATA.is_dir(), reason="the benchmark's data are not on this machine")
@pytest.mark.parametrize("name", ["realTweets/Twitter_volume_UPS.csv", "realTraffic/TravelTime_451.csv"])
def test_on_real_data_with_gaps_and_repeated_stamps_the_votes_are_the_same(name):
    file = next(one for one in anomaly_nab.read(DATA / "nab") if one.name == name)
    seconds, values = file.timestamps.astype(np.int64)[:2100], file.values[:2100]
    found, _ = stepped(values[None, :], seconds)
    np.testing.assert_allclose(found[3, 0], votes(seconds, values).combined, atol=1e-4)


def test_when_histograms_are_halved_the_votes_still_agree(monkeypatch):
    monkeypatch.setattr(sketch, "MOST", 500)
    values = np.random.default_rng(5).lognormal(3, 1, 900)
    seconds = MONDAY + 300 * np.arange(len(values))
    found, memory = stepped(values[None, :], seconds)
    np.testing.assert_allclose(found[3, 0], votes(seconds, values).combined, atol=1e-4)
    assert memory["counts"].sum(axis=-1).tolist() == [[400] * 4]  # 500, halved, 250 more, halved, 150 more


def test_what_is_not_learnt_is_judged_and_leaves_no_trace_in_the_memory_of_the_past():
    rows = 3 * DAY
    plain, series = seasonal(rows, 6), seasonal(rows, 6)
    hours = slice(2 * DAY, 2 * DAY + 24)  # whole hours
    series[hours] *= 8
    seconds = MONDAY + 300 * np.arange(rows)
    is_learnt = np.ones((1, rows), dtype=bool)
    is_learnt[0, hours] = False
    found, without = stepped(series[None, : hours.stop], seconds[: hours.stop], is_learnt)
    assert found[3, 0, hours].max() > 0.5
    _, before = stepped(plain[None, : hours.start], seconds[: hours.start])
    _, learnt = stepped(series[None, : hours.stop], seconds[: hours.stop])
    ended = (seconds[hours.start] // 3600 - 1) % 168  # the slot of this hour is only written when the next one begins
    assert np.array_equal(np.delete(without["slots"], ended, axis=1), np.delete(before["slots"], ended, axis=1))
    assert np.array_equal(without["counts"], before["counts"])
    assert without["seen"] == before["seen"] == learnt["seen"] - 24
    assert not np.array_equal(learnt["counts"], before["counts"])
    assert np.array_equal(without["averages"][:, LONG_SPANS], before["averages"][:, LONG_SPANS])
    assert not np.array_equal(without["averages"][:, ~LONG_SPANS], before["averages"][:, ~LONG_SPANS])
    assert not without["peaks"][0, :, seconds[hours.start] // 3600 % 50].any()


def test_rows_that_are_not_asked_for_stay_as_they_are():
    memory = fresh(3)
    step(memory, np.array([0, 2]), MONDAY, np.array([5.0, 7.0]))
    kept = {name: column[1].copy() for name, column in memory.items()}
    blank = fresh(1)
    assert all(np.array_equal(kept[name], blank[name][0], equal_nan=name == "curve") for name in FORM)
    assert memory["seen"].tolist() == [1, 0, 1]


def test_too_little_history_is_said():
    values = np.random.default_rng(1).normal(50, 3, ENOUGH + 2)
    found, _ = stepped(values[None, :], MONDAY + 300 * np.arange(len(values)))
    assert found[7, 0].tolist() == [0.0] * ENOUGH + [1.0, 1.0]


def test_a_series_is_remembered_in_less_than_a_kilobyte():
    assert sum(column.nbytes for column in fresh(10).values()) == 10 * BYTES_PER_SERIES
    assert BYTES_PER_SERIES < 1000


def plain_profile(seconds, values):
    """Return what the profile expects in the middle of each row's hour, by a dictionary of slots, without rounding."""
    slots, means, answer, first = {}, {}, [], seconds[0] // 3600
    for second, value in zip(seconds.tolist(), values.tolist(), strict=True):
        hour = second // 3600
        if hour not in means:
            for old in [each for each in means if each < hour]:
                mean = float(np.mean(means.pop(old)))
                slots[old % 168] = (slots[old % 168] + mean) / 2 if old % 168 in slots else mean
            means[hour] = []
        same_hour = [slots[slot] for slot in range(hour % 24, 168, 24) if slot in slots]
        is_weekly = hour - first >= 336 and hour % 168 in slots
        expected = slots[hour % 168] if is_weekly else np.median(same_hour) if same_hour else np.nan
        answer.append(expected)
        means[hour].append(value)
    return np.array(answer)


def test_weekends_are_expected_as_such_after_two_weeks_and_not_before():
    seconds = MONDAY + 1800 * np.arange(22 * 48)
    hour = np.arange(22 * 48) // 2
    is_weekend = hour // 24 % 7 >= 5
    values = np.where(is_weekend, 0.4, 1.0) * 100 * (1.2 + np.sin(2 * np.pi * hour / 24))
    off = np.abs(moments(seconds, values).expected - values)
    assert off[is_weekend & (hour < 168)].mean() > 40
    assert off[is_weekend & (hour > 336)].mean() < 6


def test_halfway_through_an_hour_the_profile_is_the_plain_one():
    rows = 18 * 24
    seconds = MONDAY + 3600 * np.arange(rows) + 1800
    values = seasonal(rows * 12, 9)[::12]
    found, expected = moments(seconds, values).expected, plain_profile(seconds, values)
    known = ~np.isnan(expected)
    assert known.tolist() == [False] * 24 + [True] * (rows - 24)
    np.testing.assert_allclose(found[known], expected[known], rtol=0.008)  # slots are rounded to 0.4 % each time
    assert len(SPANS) == len(LONG_SPANS)
