"""Which hours and days a trigger is about; the time is the event's."""

from datetime import datetime

import pytest

from opsloop.clock import format_time, minute_of, time_of
from opsloop.errors import InvalidInputError
from opsloop.kpi.period import Period, periods
from opsloop.kpi.plan import plan_late, plan_schedule


def at(text: str) -> int:
    return minute_of(datetime.fromisoformat(f"2026-{text}:00+00:00"))


def told(minutes: tuple[int, ...]) -> list[str]:
    return [format_time(time_of(minute))[5:16] for minute in minutes]


def test_an_hourly_run_is_about_the_hour_before_and_looks_again_at_three_more():
    plan = plan_schedule(at("11-21T08:02"), "hour")
    assert told(plan.due) == ["11-21T07:00"]
    assert told(plan.hours) == ["11-21T04:00", "11-21T05:00", "11-21T06:00", "11-21T07:00"]
    assert plan.days == ()


def test_a_run_that_comes_before_the_hour_is_closed_is_about_the_one_that_is():
    assert told(plan_schedule(at("11-21T08:01"), "hour").due) == ["11-21T06:00"]


def test_a_daily_run_is_about_the_day_before_and_looks_again_at_two_days():
    plan = plan_schedule(at("11-21T00:10"), "day")
    assert told(plan.days) == ["11-19T00:00", "11-20T00:00"]
    assert (told(plan.hours)[0], told(plan.hours)[-1], len(plan.hours)) == ("11-19T00:00", "11-20T23:00", 48)


def test_a_plain_scheduled_event_makes_the_day_too_once_it_is_over():
    assert told(plan_schedule(at("11-21T00:10"), None).days) == ["11-20T00:00"]
    assert plan_schedule(at("11-21T01:02"), None).days == ()
    assert plan_schedule(at("11-21T00:01"), None).days == ()  # the last hour is still open


def test_late_data_recompute_closed_hours_and_their_closed_days_and_leave_open_ones_alone():
    hours = [at("11-20T22:00"), at("11-21T06:00"), at("11-21T08:00"), at("11-20T22:00")]
    plan = plan_late(at("11-21T08:30"), hours)
    assert told(plan.hours) == ["11-20T22:00", "11-21T06:00"]
    assert told(plan.days) == ["11-20T00:00"]


def test_whole_days_are_read_where_the_day_is_made_and_single_hours_elsewhere():
    plan = plan_late(at("11-21T08:30"), [at("11-20T22:00"), at("11-21T05:00"), at("11-21T06:00")])
    assert [told(pair) for pair in plan.hour_ranges()] == [
        ["11-20T00:00", "11-20T23:00"],
        ["11-21T05:00", "11-21T06:00"],
    ]


def test_a_resolution_that_nobody_knows_is_refused():
    with pytest.raises(InvalidInputError, match="'week' is not one of hour, day"):
        plan_schedule(at("11-21T08:02"), "week")


@pytest.mark.parametrize(
    ("now", "complete", "elapsed"), [("07:29", False, 30), ("08:01", False, 60), ("08:02", True, 60)]
)
def test_an_hour_is_closed_two_minutes_after_its_end(now, complete, elapsed):
    period = Period("hour", at("11-21T07:00"), at(f"11-21T{now}"))
    assert (period.is_complete, period.elapsed_minutes) == (complete, elapsed)


def test_a_period_begins_where_its_resolution_says():
    with pytest.raises(InvalidInputError, match="2026-11-21T07:30:00Z does not begin a hour"):
        Period("hour", at("11-21T07:30"), at("11-21T08:00"))


def test_periods_cover_a_range_whose_end_is_not_in_it():
    found = list(periods("hour", at("11-21T07:30"), at("11-21T09:00"), now_minute=at("11-21T10:00")))
    assert told(tuple(period.start_minute for period in found)) == ["11-21T07:00", "11-21T08:00"]
