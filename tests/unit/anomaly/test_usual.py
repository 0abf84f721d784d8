"""The usual band against the detector: in the next bucket nothing inside it is called, and what lies outside is."""

from functools import cache

import numpy as np
import pytest

from opsloop.anomaly import peaks
from opsloop.anomaly import series as of
from opsloop.anomaly.judge import Bucket, judge
from opsloop.anomaly.policy import FLOORS, policy_from, rules
from opsloop.anomaly.score import logarithm
from opsloop.anomaly.series import BUCKET_MINUTES, Key
from opsloop.anomaly.state import decode, encode
from opsloop.anomaly.step import step
from opsloop.anomaly.usual import limits
from tests.unit.anomaly.quiet import Shop
from tests.unit.anomaly.test_quiet import END, fortnight, told

pytestmark = pytest.mark.xdist_group("fortnight")  # whoever has it first made it for all

HOUR, DAY, WEEK = 60, 1440, 10_080
PRESETS = {"presets": ["error_rate", "p95", "pool", "service_down"]}
POLICIES = {
    "as it comes": {},
    "sensitive": {"sensitivity": 2.0},
    "with presets": PRESETS,
    "wide": {"floors": {"rate": {"relative": 2.0}, "p95": {"absolute": 300.0}}},
}


@cache
def remembered(minutes_after=0):
    """Return what is remembered after a quiet fortnight, and so many minutes more."""
    memory = decode(fortnight(1)[1])
    told(Shop(1), memory, END + minutes_after)
    return encode(memory)


def judged_by(memory, anomaly=None):
    policy = policy_from(anomaly or {})
    return rules(memory.keys, {key.service: policy for key in memory.keys})


def at_rest(memory, expected):
    """Let every series have been at ``expected`` for days, as far as the averages know."""
    maths = memory.maths
    log = logarithm(expected, maths["averages"][:, 0].astype(np.float64))
    maths["before"][:] = 0
    maths["averages"][:, 3] = maths["averages"][:, 4] = np.nan_to_num(log)
    maths["averages"][:, 5:] = 0
    memory.own["high_hits"][:] = memory.own["low_hits"][:] = 0


def is_called(body, anomaly, expected, row, value):
    """Return whether the detector calls series ``row`` when it is at ``value`` and all others at ``expected``."""
    memory = decode(body)
    by = judged_by(memory, anomaly)
    at_rest(memory, expected)
    values = np.where(by.is_of(of.SILENCE), 1.0, expected)
    values[row] = value
    weight = np.array([requests_behind(memory.keys, key, expected) for key in memory.keys])
    if memory.keys[row].measure in (of.RATE, of.PATTERN):
        weight[row] = value * BUCKET_MINUTES
    none = np.zeros(len(values), dtype=bool)
    verdict = judge(memory, Bucket(memory.judged_to, values, weight, none, none), by)
    return row in verdict.began


def requests_behind(keys, key, expected):
    return expected[keys.index(Key(key.service, of.RATE, operation=key.operation))] * BUCKET_MINUTES


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("minutes_after", [0, 25, 55], ids=["hour begins", "hour goes on", "hour ends"])
def test_the_detector_calls_what_lies_beyond_the_band_and_nothing_within(name, minutes_after):
    body, anomaly = remembered(minutes_after), POLICIES[name]
    memory = decode(body)
    by = judged_by(memory, anomaly)
    found = limits(memory, by, np.array([memory.judged_to]))
    expected, low, high = (one[:, 0] for one in found)
    tried = 0
    for row in np.flatnonzero(by.judged & ~by.is_of(of.SILENCE) & ~np.isnan(high)).tolist():
        for edge, end in ((low[row], 0.0), (high[row], np.inf if memory.keys[row].measure != of.ERROR_RATIO else 1.0)):
            inside = expected[row] + (edge - expected[row]) * 0.999
            outside = expected[row] + (edge - expected[row]) * 1.001
            assert not is_called(body, anomaly, expected, row, inside), (memory.keys[row], edge)
            if edge == end:
                continue
            assert is_called(body, anomaly, expected, row, outside), (memory.keys[row], edge)
            tried += 1
    assert tried >= 15


def test_where_there_is_no_band_too_few_requests_come_for_any_value_to_be_called():
    body = remembered()
    memory = decode(body)
    by = judged_by(memory)
    found = limits(memory, by, np.array([memory.judged_to]))
    none = np.flatnonzero(np.isnan(found.high[:, 0]) & by.judged & ~by.is_of(of.SILENCE))
    assert {memory.keys[row].measure for row in none} == {of.P95}
    for row in none.tolist():
        assert not is_called(body, {}, found.expected[:, 0], row, 1e9), memory.keys[row]


def test_what_is_expected_is_what_the_detector_will_expect_all_week_long():
    memory = decode(remembered())
    minutes = END + np.arange(0, WEEK, 35)
    found = limits(memory, judged_by(memory), minutes)
    rows = np.flatnonzero(memory.maths["seen"] > 0)
    for place, minute in enumerate(minutes.tolist()):
        copy = {name: column.copy() for name, column in memory.maths.items()}
        votes = step(copy, rows, minute * 60, np.zeros(len(rows)))
        np.testing.assert_allclose(found.expected[rows, place], votes.expected, rtol=1e-6)


def test_a_band_follows_the_hour_of_the_week():
    memory = decode(remembered())
    minutes = END - WEEK + np.arange(2 * HOUR, WEEK, 95)
    first, second = (limits(memory, judged_by(memory), minutes + ahead) for ahead in (0, 2 * WEEK))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    rate = memory.keys.index(Key("web", of.RATE))
    assert first.expected[rate].max() > 2 * first.expected[rate].min()


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_expected_lies_in_the_band_and_the_band_where_values_can_be(name):
    memory = decode(remembered(25))
    by = judged_by(memory, POLICIES[name])
    found = limits(memory, by, END - 3 * DAY + np.arange(0, 4 * DAY, 55))
    known = ~np.isnan(found.high)
    assert known.any(axis=1).sum() >= 20
    assert (found.low[known] >= 0).all()
    assert (found.low[known] <= found.expected[known]).all()
    assert (found.high[known] >= found.expected[known]).all()
    is_ratio = by.is_of(of.ERROR_RATIO)[:, None] & known
    assert (found.high[is_ratio] <= 1).all()
    only_high = (by.is_of(of.ERROR_RATIO, of.P95))[:, None] & known
    assert (found.low[only_high] == 0).all()


def test_no_band_is_narrower_than_the_floors_and_sensitivity_never_widens_one():
    memory = decode(remembered())
    minutes = END + np.arange(0, DAY, 25)
    plain = limits(memory, judged_by(memory), minutes)
    for row, key in enumerate(memory.keys):
        floor = FLOORS[key.measure]
        least = np.maximum(floor.absolute, floor.relative * plain.expected[row])
        width = plain.high[row] - plain.expected[row]
        is_capped = plain.high[row] == 1
        assert (width >= least * (1 - 1e-9))[~np.isnan(width) & ~is_capped].all(), key
    sensitive = limits(memory, judged_by(memory, {"sensitivity": 4.0}), minutes)
    both = ~np.isnan(plain.high) & ~np.isnan(sensitive.high)
    assert (sensitive.high[both] <= plain.high[both] * (1 + 1e-4)).all()
    assert (sensitive.high[both] < plain.high[both] * 0.9).any()
    assert (sensitive.low[both] >= plain.low[both] * (1 - 1e-4)).all()


def test_a_preset_is_the_edge_where_it_is_the_nearer_one():
    memory = decode(remembered())
    wide = {"floors": {"p95": {"relative": 1.0}}}
    row = memory.keys.index(Key("web", of.P95))
    with_preset = limits(memory, judged_by(memory, PRESETS | wide), np.array([END + 4 * HOUR]))
    assert with_preset.high[row, 0] == pytest.approx(1.5 * with_preset.expected[row, 0], rel=1e-3)
    plain = limits(memory, judged_by(memory, wide), np.array([END + 4 * HOUR]))
    assert plain.high[row, 0] >= 2 * plain.expected[row, 0]


def test_what_leaps_every_day_at_an_hour_may_leap_at_that_hour():
    memory = decode(remembered())
    row = memory.keys.index(Key("web", of.RATE))
    minutes = END + np.array([4, 9]) * HOUR + 30
    plain = limits(memory, judged_by(memory), minutes)
    for days in (1, 2):
        memory.maths["peaks"][row, :, ((END + 4 * HOUR) // HOUR - 24 * days) % peaks.HOURS] = peaks.code(np.array(4.0))
    leaping = limits(memory, judged_by(memory), minutes)
    assert leaping.high[row, 0] > 2 * plain.high[row, 0]
    assert leaping.high[row, 1] == plain.high[row, 1]


def test_quiet_days_stay_within_the_band_learnt_from_them():
    shop = Shop(1)
    memory = decode(remembered())
    place = {key: row for row, key in enumerate(memory.keys)}
    beyond = total = 0
    for hour in range(END - DAY, END, HOUR):
        minutes = hour + np.arange(0, HOUR, BUCKET_MINUTES)
        found = limits(memory, judged_by(memory), minutes)
        for service in shop.services:
            measured = of.measure(service, shop.read(service, hour - HOUR, hour), (), hour, len(minutes))
            for key, values in zip(measured.keys, measured.values, strict=True):
                if key.measure == of.SILENCE or (key.operation and key.measure == of.RATE):
                    continue
                row = place[key]
                beyond += np.count_nonzero((values > found.high[row]) | (values < found.low[row]))
                total += np.count_nonzero(~np.isnan(found.high[row]))
    assert total > 4_000
    assert beyond <= total / 2_000


def test_nothing_is_expected_of_a_series_without_a_value():
    memory = decode(remembered())
    memory.grow([Key("new", of.RATE)], memory.judged_to)
    found = limits(memory, judged_by(memory), np.array([memory.judged_to]))
    assert [bool(np.isnan(one[-1, 0])) for one in found] == [True, True, True]
