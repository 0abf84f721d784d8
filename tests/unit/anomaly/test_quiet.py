"""Fifteen quiet days call nobody, and a fault is called within one bucket: on the same shop, at defaults."""

from functools import cache

import numpy as np
import pytest

from opsloop.anomaly import judge as judging
from opsloop.anomaly.hour import Hours
from opsloop.anomaly.model import Severity
from opsloop.anomaly.scan import Scan
from opsloop.anomaly.state import Memory, decode, encode
from opsloop.catalog import Catalog, Service
from opsloop.clock import MINUTES_PER_DAY
from tests.unit.anomaly.quiet import START, Fault, NoPatterns, Shop

pytestmark = pytest.mark.xdist_group("fortnight")  # whoever has it first made it for all

DAYS = 15
END = START + DAYS * MINUTES_PER_DAY
FAULT = END + 9 * 60 + 10
CATALOG = Catalog({}, Service("", 2, "", "", "test", (), 2_000, 0.05))


def told(shop, memory, end):
    """Return what is told until ``end``, in order, by a detector that remembers ``memory``."""
    scan = Scan(memory, CATALOG, (), lambda _first, _last: ())
    hours = Hours(shop, NoPatterns(), shop.seen(START, end), end)
    found = []
    for hour in range(memory.judged_to - memory.judged_to % 60, end, 60):
        found += scan.step(hours.hour(hour), end, partial_from=end).told
    return found


@cache
def fortnight(seed):
    """Return what is told in fifteen quiet days, and what is remembered of them."""
    memory = Memory(START, START)
    return told(Shop(seed), memory, END), encode(memory)


def after_a_fortnight(*faults, until=FAULT + 90):
    return told(Shop(1, faults=faults), decode(fortnight(1)[1]), until)


def first_of(found, service, measure):
    return next(one for one in found if (one.anomaly.service, one.anomaly.measure) == (service, measure))


def test_fifteen_quiet_days_call_nobody():
    found, _ = fortnight(1)
    assert [one.anomaly.reason for one in found] == []


def test_what_keeps_quiet_days_quiet_are_the_floors_and_chance(monkeypatch):
    beyond = judging.beyond

    def without_floors(value, weight, expected, rules):
        is_high, _ = beyond(value, weight, expected, rules)
        return is_high, np.isfinite(value)

    monkeypatch.setattr(judging, "beyond", without_floors)
    assert told(Shop(1), decode(fortnight(1)[1]), END + MINUTES_PER_DAY)


def test_slow_and_failing_payments_are_called_within_one_bucket():
    found = after_a_fortnight(Fault("payments", FAULT, FAULT + 60, slower=4.0, error_ratio=0.30))
    for measure in ("p95", "error_ratio"):
        one = first_of(found, "payments", measure)
        assert (one.minute, one.anomaly.first_minute) == (FAULT + 5, FAULT)
        assert one.anomaly.severity is Severity.CRITICAL
    assert {one.anomaly.service for one in found} == {"payments"}
    assert all(one.minute == FAULT + 75 for one in found if one.is_end)


@pytest.mark.parametrize(
    ("fault", "measure", "minutes"),
    [
        (Fault("web", FAULT, FAULT + 60, slower=2.0), "p95", 5),
        (Fault("web", FAULT, FAULT + 60, error_ratio=0.06), "error_ratio", 10),
        (Fault("web", FAULT, FAULT + 60, traffic=0.3), "rate", 5),
        (Fault("web", FAULT, FAULT + 60, traffic=3.0), "rate", 5),
        (Fault("orders", FAULT, FAULT + 60, is_silent=True), "silence", 10),
    ],
    ids=["twice as slow", "6 percent fail", "a third of the traffic", "three times the traffic", "silent"],
)
def test_each_fault_is_called_in_its_measure(fault, measure, minutes):
    found = after_a_fortnight(fault)
    one = first_of(found, fault.service, measure)
    assert one.minute - FAULT <= minutes
    assert sum(not one.is_end for one in found) == sum(one.is_end for one in found) == 1


def test_a_tenth_more_of_everything_is_not_called():
    fault = Fault("web", FAULT, FAULT + 60, slower=1.1, error_ratio=0.012, traffic=1.1)
    assert after_a_fortnight(fault) == []


def test_what_is_remembered_takes_some_hundred_bytes_per_series():
    _, body = fortnight(1)
    assert len(body) / len(decode(body).keys) < 600
