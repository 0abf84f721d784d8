"""What the answers of CloudWatch say of each hour: so much, nothing, or that nobody measured."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop.health.usage import (
    HOURS_PER_DAY,
    MetricQuestion,
    Resources,
    hours_of_days,
    known_hours,
    last_24_hours,
    last_runs,
    merged,
    questions,
    totals,
)

DAY = datetime(2026, 11, 21, tzinfo=UTC)
NOW = DAY + timedelta(hours=8, minutes=30)
A = MetricQuestion("kpi_query invocations", "AWS/Lambda", "Invocations", "Sum", (("FunctionName", "a"),), 300)
B = MetricQuestion("access_keys invocations", "AWS/Lambda", "Invocations", "Sum", (("FunctionName", "b"),), 300)
P95 = MetricQuestion("kpi_query p95_ms", "AWS/Lambda", "Duration", "p95", (("FunctionName", "a"),))
API = MetricQuestion("api requests", "AWS/ApiGateway", "Count", "Sum", (("ApiId", "x"),))
EVERYTHING = Resources(
    functions={"kpi_query": "opsloop-prod-kpi_query", "kpi_rollup": "opsloop-prod-kpi_rollup"},
    tables={"kpi": "t1"},
    buckets={"log": "b1"},
    stream="s1",
    api_id="a1",
)


def at(hour: float) -> float:
    return (DAY + timedelta(hours=hour)).timestamp()


def of_day(answers, *, asked=(A, B, P95, API), now=NOW):
    return hours_of_days(asked, answers, [DAY], now)["2026-11-21"]


def test_five_minutes_add_up_to_their_hour():
    day = of_day({A.series: [(at(7), 3.0), (at(7.5), 4.0), (at(8), 1.0)]})
    assert (day[A.series][7], day[A.series][8]) == (7.0, 1.0)


def test_where_others_ran_a_function_without_a_point_ran_zero_times():
    assert of_day({A.series: [(at(7), 3.0)]})[B.series][7] == 0.0


def test_an_hour_in_which_nothing_was_measured_is_unknown():
    day = of_day({A.series: [(at(7), 3.0)]})
    assert (day[A.series][6], day[B.series][6]) == (None, None)


def test_one_namespace_says_nothing_of_another():
    assert of_day({A.series: [(at(7), 3.0)]})[API.series] == [None] * HOURS_PER_DAY


def test_a_percentile_without_a_point_is_unknown_and_not_zero():
    assert of_day({A.series: [(at(7), 3.0)]})[P95.series][7] is None


def test_hours_to_come_are_unknown():
    day = of_day({A.series: [(at(8), 3.0), (at(9), 5.0)]})
    assert day[A.series][8:10] == [3.0, None]


def test_a_sum_is_not_taken_back_when_cloudwatch_has_forgotten_some():
    old, new = {A.series: [9.0] + [None] * 23}, {A.series: [2.0] + [None] * 23}
    assert merged(old, new, [A.series])[A.series][0] == 9.0
    assert merged(new, old, [A.series])[A.series][0] == 9.0


def test_of_a_percentile_the_later_word_counts():
    old, new = {P95.series: [9.0, 8.0] + [None] * 22}, {P95.series: [2.0, None] + [None] * 22}
    assert merged(old, new, [A.series])[P95.series][:2] == [2.0, 8.0]


def test_what_was_not_asked_this_time_stays():
    assert merged({API.series: [1.0] * 24}, {A.series: [2.0] * 24}, [A.series])[API.series] == [1.0] * 24


def test_totals_sum_what_is_known_and_leave_out_what_is_not():
    days = [{A.series: [1.0, None] + [None] * 22, B.series: [None] * 24}, {A.series: [2.0, 3.0] + [None] * 22}]
    assert totals(days) == {A.series: 6.0}


def test_the_last_24_hours_reach_into_yesterday_and_end_with_the_present_one():
    yesterday, today = [float(hour) for hour in range(24)], [100.0 + hour for hour in range(24)]
    start, hours = last_24_hours({"2026-11-20": {A.series: yesterday}, "2026-11-21": {A.series: today}}, NOW)
    assert start == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert hours[A.series] == [*yesterday[9:], *today[:9]]


def test_a_day_that_is_not_stored_is_unknown_in_the_last_24_hours():
    _, hours = last_24_hours({"2026-11-21": {A.series: [1.0] * 24}}, NOW)
    assert hours[A.series] == [None] * 15 + [1.0] * 9


def test_a_function_ran_last_when_its_last_count_is_above_zero():
    answers = {A.series: [(at(7), 3.0), (at(8), 0.0), (at(6), 2.0)]}
    assert last_runs(["kpi_query", "access_keys"], answers) == {"kpi_query": at(7)}


def test_the_present_hour_counts_as_far_as_it_has_come():
    day = {A.series: [None] * 6 + [1.0, 0.0, 4.0] + [None] * 15}
    assert known_hours({"2026-11-21": day}, [A.series], NOW) == 2.5


def test_each_function_is_asked_what_the_page_of_health_says():
    asked = [one for one in questions(EVERYTHING) if one.series.startswith("kpi_query ")]
    assert {one.series.partition(" ")[2] for one in asked if not one.is_daily} == {
        "invocations",
        "errors",
        "throttles",
        "duration_ms",
        "p50_ms",
        "p95_ms",
    }
    assert {one.dimensions for one in asked if one.namespace == "AWS/Lambda"} == {
        (("FunctionName", "opsloop-prod-kpi_query"),)
    }


def test_no_two_questions_share_a_series():
    names = [one.series for one in questions(EVERYTHING)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("namespace", ["AWS/Kinesis", "AWS/DynamoDB", "AWS/ApiGateway", "AWS/S3", "AWS/Logs"])
def test_everything_that_is_billed_by_use_is_asked_about(namespace):
    assert any(one.namespace == namespace for one in questions(EVERYTHING))
