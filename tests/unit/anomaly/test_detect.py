"""``detect`` sees no future, bears any input, finds what it is made for, and reaches its aims on the benchmark data."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import anomaly_kpi, anomaly_nab
from bench.anomaly_baselines import BASELINES
from opsloop.anomaly.alarm import COOL_DOWN
from opsloop.anomaly.detect import detect, votes

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "anomaly"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the benchmark's data are not on this machine")
START = np.datetime64("2026-01-05", "s")  # a Monday
DAY = 288


def times(rows, step_s=300):
    return START + np.arange(rows) * np.timedelta64(step_s, "s")


def daily(days, seed=1):
    """Return a series with a daily wave around 100 and noise of deviation 2, every 5 minutes."""
    rows = np.arange(days * DAY)
    return 100 + 40 * np.sin(2 * np.pi * rows / DAY) + np.random.default_rng(seed).normal(0, 2, len(rows))


def alarm_rows(values):
    return np.flatnonzero(detect(times(len(values)), values)[1] >= 0.5).tolist()


awkward = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=64),
    st.floats(-100, 100),
    st.sampled_from([0.0, -0.0, 1.0, np.nan, 5e-324, 1e308]),
)
stamps = st.one_of(st.sampled_from([0, 1, 60, 300, 3600]), st.integers(0, 10**7))
rows_strategy = st.lists(st.tuples(stamps, awkward), max_size=120)


def series(rows):
    seconds = np.cumsum([gap for gap, _ in rows], dtype=np.int64) + 1_700_000_000
    return seconds.astype("datetime64[s]"), np.array([value for _, value in rows], dtype=np.float64)


@settings(max_examples=150, deadline=None)
@given(rows_strategy)
def test_any_series_gets_a_score_from_0_to_1_for_each_row(rows):
    timestamps, values = series(rows)
    scores = detect(timestamps, values)
    assert scores.shape == (2, len(rows))
    assert np.all((scores >= 0) & (scores <= 1))  # NaN would fail
    assert not scores[:, ~np.isfinite(values)].any()


@settings(max_examples=100, deadline=None)
@given(rows_strategy, rows_strategy, st.data())
def test_what_comes_later_changes_no_score(rows, others, data):
    cut = data.draw(st.integers(0, len(rows)))
    timestamps, values = series(rows)
    whole = detect(timestamps, values)[:, :cut]
    assert np.array_equal(detect(timestamps[:cut], values[:cut]), whole)
    replaced = series([*rows[:cut], *others])
    assert np.array_equal(detect(*replaced)[:, :cut], whole)


def test_what_comes_before_changes_scores():
    values = daily(3)
    other = values.copy()
    other[400:500] += 30
    assert not np.array_equal(detect(times(len(values)), values)[:, 500:], detect(times(len(values)), other)[:, 500:])


@needs_data
@pytest.mark.parametrize("name", ["nab/data/realKnownCause/rogue_agent_key_updown.csv", "kpi/0efb375b.csv"])
def test_on_real_data_neither_cutting_nor_another_future_changes_a_score(name):
    files = anomaly_nab.read(DATA / "nab") if name.startswith("nab") else anomaly_kpi.read(DATA / "kpi")
    file = next(one for one in files if name.endswith(one.name) or one.name in name)
    file = file._replace(timestamps=file.timestamps[:5200], values=file.values[:5200])
    whole = detect(file.timestamps, file.values)
    for cut in (1, 199, 2048, 2049, 3777, 5000):
        assert np.array_equal(detect(file.timestamps[:cut], file.values[:cut]), whole[:, :cut])
        changed = np.r_[file.values[:cut], file.values[cut:][::-1] * 7.0 - 3.0]
        assert np.array_equal(detect(file.timestamps, changed)[:, :cut], whole[:, :cut])


def test_a_detector_that_looks_ahead_would_be_caught():
    values = daily(2)

    def looking_ahead(timestamps, values):
        return detect(timestamps, values - np.mean(values))

    whole = looking_ahead(times(len(values)), values)[:, :300]
    assert not np.array_equal(looking_ahead(times(300), values[:300]), whole)


def test_the_same_series_gets_the_same_scores_and_is_left_as_it_was():
    values = daily(4)
    kept = values.copy()
    assert np.array_equal(detect(times(len(values)), values), detect(times(len(values)), values))
    assert np.array_equal(values, kept)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_short_series_get_scores_of_zero(rows):
    assert detect(times(rows), np.full(rows, 7.0)).tolist() == [[0.0] * rows] * 2


@pytest.mark.parametrize("value", [0.0, 45.0, -1e-9, 1e300])
def test_a_constant_series_never_scores(value):
    assert not detect(times(1000), np.full(1000, value)).any()


def test_the_first_change_of_a_constant_series_is_told():
    values = np.full(1000, 45.0)
    values[700:] = 60.0
    assert alarm_rows(values)[0] == 700


def test_a_change_below_one_percent_of_the_level_is_not_told():
    values = np.full(1000, 45.0)
    values[700:] += 0.2
    assert alarm_rows(values) == []


def test_scores_do_not_depend_on_the_unit():
    values = np.random.default_rng(2).lognormal(3, 1, 2000)
    assert detect(times(2000), values * 1024) == pytest.approx(detect(times(2000), values), abs=0.02)


def test_rows_without_a_value_are_as_if_they_were_not_there():
    values = daily(5)
    missing = np.random.default_rng(3).random(len(values)) < 0.2
    with_gaps = np.where(missing, np.nan, values)
    scores = detect(times(len(values)), with_gaps)
    assert np.array_equal(scores[:, ~missing], detect(times(len(values))[~missing], values[~missing]))


def test_a_spike_is_told_at_its_first_row_and_again_at_most_when_the_cool_down_is_over():
    values = daily(10)
    values[2500:2506] += 60
    first, *others = [row for row in alarm_rows(values) if row >= 2 * DAY]
    assert first == 2500
    assert others in ([], [2500 + COOL_DOWN])


def test_ten_quiet_days_raise_no_alarm():
    for seed in range(8):
        assert [row for row in alarm_rows(daily(10, seed)) if row >= 2 * DAY] == []


def flat():
    return np.random.default_rng(4).normal(100, 5, 10 * DAY)


def test_a_step_is_voted_for_by_the_jump_at_its_row_and_then_by_the_shift():
    values = flat()
    values[2500:] += 60
    found, quiet = (votes(times(len(values)).astype(np.int64), one) for one in (values, flat()))
    assert max(vote[2 * DAY :].max() for vote in (quiet.zscore, quiet.shift, quiet.drift)) < 0.5
    assert found.zscore[2500] > 0.5
    assert found.zscore[2503:].max() < 0.5
    assert found.shift[2502:2510].max() > 0.5


def test_a_slope_of_two_percent_in_50_minutes_is_told_within_six_hours_mostly_by_the_drift():
    values = flat()
    values[2000:] += np.minimum(np.arange(len(values) - 2000) * 0.2, 60)
    first = next(row for row in alarm_rows(values) if row >= 2 * DAY)
    assert 2000 < first < 2072
    found = votes(times(len(values)).astype(np.int64), values)
    assert found.drift[first] > found.shift[first] > found.zscore[first]


def test_a_step_within_the_daily_swing_is_voted_for_by_jump_and_drift():
    step = daily(10)
    step[2500:] += 60
    found = votes(times(len(step)).astype(np.int64), step)
    assert found.zscore[2500] > 0.5
    assert found.drift[2500:2524].max() > 0.5


def test_a_nightly_job_is_remarkable_twice_and_the_same_leap_at_another_hour_again():
    values = daily(10)
    nights = [day * DAY + 36 for day in range(4, 10)]
    for row in nights:
        values[row : row + 3] += 60
    noon = 9 * DAY + 180
    values[noon : noon + 3] += 60
    found = votes(times(len(values)).astype(np.int64), values)
    assert [bool(vote >= 0.5) for vote in found.zscore[nights]] == [True, True, False, False, False, False]
    assert found.zscore[noon] >= 0.5


def test_the_first_rows_of_a_warm_up_raise_no_alarm():
    values = daily(6)
    values[800:806] += 60
    assert detect(times(len(values)), values)[1, 800] >= 0.5
    late = detect(times(len(values)), values, warmup=801)
    assert not late[1, :801].any()
    assert late[0, 800] >= 0.5


@needs_data
def test_one_configuration_reaches_its_aims_on_both_benchmarks_and_beats_a_z_score():
    nab, kpi = anomaly_nab.read(DATA / "nab"), anomaly_kpi.read(DATA / "kpi")
    standard = anomaly_nab.PROFILES["standard"]
    on_nab = [detect(file.timestamps, file.values, file.warmup)[1] for file in nab]
    on_kpi = [detect(file.timestamps, file.values)[1] for file in kpi]
    assert anomaly_nab.best(nab, on_nab, standard).score >= 60
    assert anomaly_kpi.best_events(kpi, on_kpi)[1].f1 >= 0.65
    plain = BASELINES["z-score"]
    assert anomaly_nab.best(nab, [plain(one.timestamps, one.values) for one in nab], standard).score < 60
    assert anomaly_kpi.best_events(kpi, [plain(one.timestamps, one.values) for one in kpi])[1].f1 < 0.65
