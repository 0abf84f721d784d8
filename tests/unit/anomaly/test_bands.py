"""Bands on a grid: which times a point stands for, in which unit, and what is said where there is none."""

import numpy as np
import pytest

from opsloop.anomaly import series as of
from opsloop.anomaly.bands import (
    FEW_REQUESTS,
    FEW_VALUES,
    NEVER_MEASURED,
    NO_BAND,
    NOT_JUDGED,
    OPERATION_RATE,
    WHOLE,
    Band,
    band_json,
    bands,
    grid_of,
    part_of,
    position,
    unmeasured,
)
from opsloop.anomaly.policy import policy_from, rules
from opsloop.anomaly.series import MEASURES, Key
from opsloop.anomaly.standing import NOT_STEADY
from opsloop.anomaly.state import Memory, decode
from opsloop.anomaly.usual import limits
from opsloop.errors import InvalidInputError
from tests.unit.anomaly.quiet import Operation, Shop
from tests.unit.anomaly.test_quiet import END, START, fortnight, told

pytestmark = pytest.mark.xdist_group("fortnight")  # whoever has it first made it for all

DAY = 1440


def memory_of(*services, measures=MEASURES, is_whole=False):
    return part_of(decode(fortnight(1)[1]), services or ("web", "orders", "payments"), measures, is_whole=is_whole)


def banded(memory, grid, anomaly=None):
    policy = policy_from(anomaly or {})
    found = bands(memory, {key.service: policy for key in memory.keys}, grid)
    return {one.key: one for one in found}


def test_a_point_of_an_hour_is_the_mean_of_its_twelve_buckets():
    memory = memory_of("web", is_whole=True)
    hours = banded(memory, grid_of(END - DAY, END, 3600))
    fives = banded(memory, grid_of(END - DAY, END, 300))
    for key in (Key("web", of.RATE), Key("web", of.ERROR_RATIO)):
        mean = fives[key].expected.reshape(24, 12).mean(axis=1)
        np.testing.assert_allclose(hours[key].expected, mean, rtol=1e-9)
        np.testing.assert_allclose(hours[key].high, fives[key].high.reshape(24, 12).mean(axis=1), rtol=0.01)


def test_a_minute_has_the_band_of_its_five_minutes():
    memory = memory_of("web", is_whole=True)
    minutes = banded(memory, grid_of(END - 62, END - 51, 60))[Key("web", of.RATE)]
    policy = policy_from({})
    direct = limits(memory, rules(memory.keys, {"web": policy}), np.array([END - 65, END - 60, END - 55]))
    row = memory.keys.index(Key("web", of.RATE))
    assert minutes.high.tolist() == np.repeat(direct.high[row], [2 + 1, 5, 4])[1:].tolist()


def test_rates_are_told_per_second_and_everything_else_as_it_is_judged():
    one = np.array([120.0])
    told = [band_json(Band(Key("web", measure), one, one / 2, one * 2, True, "")) for measure in (of.RATE, of.P95)]
    assert [(each["unit"], each["expected"], each["low"], each["high"]) for each in told] == [
        ("requests/s", [2.0], [1.0], [4.0]),
        ("ms", [120.0], [60.0], [240.0]),
    ]


def test_numbers_keep_five_digits_and_what_is_not_known_is_null():
    values = np.array([123456.7, 0.00123456, 0.0, np.nan, 1 / 3])
    told = band_json(Band(Key("web", of.P95), values, values, values, True, ""))
    assert told["expected"] == [123457.0, 0.0012346, 0.0, None, 0.33333]


@pytest.mark.parametrize(
    ("first", "end", "step_s", "expected"),
    [
        (END, END + 60, 300, (END, 300, 12)),
        (END + 3, END + 61, 300, (END, 300, 13)),
        (END + 3, END + 4, 3600, (END, 3600, 1)),
        (END, END + 800, None, (END, 60, 800)),
        (END, END + 801, None, (END, 300, 161)),
        (END, END, 300, (END, 300, 0)),
        (END, END - 600, 300, (END, 300, 0)),
    ],
)
def test_a_grid_covers_what_is_asked_from_whole_steps_on(first, end, step_s, expected):
    grid = grid_of(first, end, step_s)
    assert (grid.first_minute, grid.step_s, grid.points) == expected
    assert len(grid.buckets()) == grid.points


@pytest.mark.parametrize(("step_s", "days"), [(61, 1), (60, 3), (300, 11)])
def test_a_grid_that_no_chart_could_show_is_refused(step_s, days):
    with pytest.raises(InvalidInputError, match="step_s:"):
        grid_of(END, END + days * DAY, step_s)


def test_an_answer_that_would_be_too_large_is_refused():
    memory = memory_of()
    memory.keys = [*memory.keys] * 2
    with pytest.raises(InvalidInputError, match="measure: 78 series of 2880 points are too many for one answer"):
        bands(memory, {}, grid_of(END - 10 * DAY, END, 300))


def test_every_series_that_is_not_judged_says_why():
    memory = memory_of("payments")
    found = banded(memory, grid_of(END - 60, END, 300))
    assert found[Key("payments", of.RATE)].reason == ""
    assert found[Key("payments", of.RATE, operation="POST /charges")].reason == OPERATION_RATE
    assert found[Key("payments", of.P95, operation="GET /charges/{id}")].reason == FEW_REQUESTS
    assert found[Key("payments", of.SILENCE)].reason == NO_BAND
    for one in found.values():
        assert one.is_judged is (one.reason in ("", NO_BAND)), one.key
        assert np.isnan(one.high).all() == (one.reason != ""), one.key
    assert {one.reason for one in banded(memory, grid_of(END, END + 5, 300), {"is_judged": False}).values()} == {
        NOT_JUDGED
    }


def test_a_young_series_says_how_young_it_is():
    memory = memory_of("web")
    row = memory.keys.index(Key("web", of.RATE))
    memory.own["born"][row] = END - 5 * 60
    found = banded(memory, grid_of(END - 60, END, 300))
    rate = found[Key("web", of.RATE)]
    assert (rate.is_judged, rate.reason) == (False, "too little history: 5.0 h, and 24 h are needed")
    assert np.isnan(rate.high).all()
    memory.own["born"][row] = END - 10 * DAY
    memory.maths["seen"][row] = 199
    assert banded(memory, grid_of(END - 60, END, 300))[Key("web", of.RATE)].reason == FEW_VALUES
    memory.maths["seen"][row] = 200
    assert banded(memory, grid_of(END - 60, END, 300))[Key("web", of.RATE)].reason == ""


def test_a_service_that_is_heard_now_and_then_says_that_its_silence_means_nothing():
    memory = memory_of("web")
    row = memory.keys.index(Key("web", of.SILENCE))
    memory.own["steady"][row] = 0.9
    silence = banded(memory, grid_of(END - 60, END, 300))[Key("web", of.SILENCE)]
    assert (silence.is_judged, silence.reason) == (False, NOT_STEADY)


def test_of_whole_services_the_rates_that_ratios_are_judged_by_are_read_though_not_asked_for():
    assert {key.measure for key in memory_of(measures=[of.P95], is_whole=True).keys} == {of.RATE, of.P95}
    assert not [key for key in memory_of(is_whole=True).keys if key.operation]
    alone = banded(memory_of("web", measures=[of.P95]), grid_of(END, END + 60, 300))[Key("web", of.P95)]
    beside = banded(memory_of(), grid_of(END, END + 60, 300))[Key("web", of.P95)]
    assert alone.high.tolist() == beside.high.tolist()


def test_what_was_never_measured_stands_in_the_answer_with_its_reason():
    found = list(banded(memory_of("web", is_whole=True), grid_of(END, END + 10, 300)).values())
    added = unmeasured(found, {"web": "", "billing": "", "mail": "never heard"}, WHOLE, 2)
    said = [(one.key.service, one.key.measure, one.reason) for one in added]
    assert said == [("billing", one, NEVER_MEASURED) for one in WHOLE] + [("mail", one, "never heard") for one in WHOLE]
    assert {one.is_judged for one in added} == {False}
    assert band_json(added[0])["high"] == [None, None]
    ordered = sorted([*added, *found], key=position)
    assert [one.key.service for one in ordered[:3]] == ["billing"] * 3


def test_a_service_of_few_requests_has_a_rate_and_no_percentile():
    shop = Shop(2, services={"small": (Operation("GET /", 4),)})
    assert shop.seen(START, END)
    memory = _stepped(shop)
    found = banded(memory, grid_of(END, END + 60, 300))
    assert found[Key("small", of.RATE)].is_judged
    assert found[Key("small", of.P95)].reason == FEW_REQUESTS
    assert not np.isnan(found[Key("small", of.P95)].expected).any()


def _stepped(shop):
    memory = Memory(START, START)
    told(shop, memory, END)
    return memory
