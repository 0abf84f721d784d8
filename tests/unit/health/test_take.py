"""When CloudWatch is asked, about which days, and what becomes of its answers."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop.errors import InvalidInputError
from opsloop.health.snapshot import Snapshot
from opsloop.health.take import days_to_ask, is_due, seconds_of, with_metrics
from opsloop.health.usage import MetricQuestion

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
TODAY = NOW.replace(hour=0, minute=0)
RAN = MetricQuestion("kpi_query invocations", "AWS/Lambda", "Invocations", "Sum", (("FunctionName", "a"),), 300)
SIZE = MetricQuestion("log_bucket bytes", "AWS/S3", "BucketSizeBytes", "Average", (("BucketName", "b"),), 86_400)


@pytest.mark.parametrize(("text", "seconds"), [("300s", 300), ("30m", 1_800), ("1h", 3_600)])
def test_a_length_of_time_is_a_number_with_its_unit(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "30", "-5m", "1.5h", "30d"])
def test_any_other_length_of_time_is_refused(text):
    with pytest.raises(InvalidInputError, match="length of time"):
        seconds_of(text)


def stored(*days):
    return {f"2026-11-{day:02}": {} for day in days}


def dates(days):
    return [day.date().isoformat() for day in days]


def take(before, answers, known=None, now=NOW):
    known = stored(*range(1, 22)) if known is None else known
    days = days_to_ask(known, now)
    return with_metrics(before, known, [RAN, SIZE], answers, days, ["kpi_query"], now)


def test_the_first_question_is_due_and_then_each_after_its_time():
    assert is_due(Snapshot(0.0), NOW, "15m")
    seen = Snapshot(0.0, metrics_time=NOW.timestamp())
    assert not is_due(seen, NOW + timedelta(seconds=839), "15m")
    assert is_due(seen, NOW + timedelta(seconds=840), "15m")  # a minute early is on time: schedules are not exact


def test_usually_yesterday_and_today_are_asked_about():
    assert dates(days_to_ask(stored(*range(1, 21)), NOW)) == ["2026-11-20", "2026-11-21"]


def test_the_month_is_asked_about_from_the_first_day_that_is_missing():
    assert dates(days_to_ask(stored(1, 2, 4, 5), NOW))[0] == "2026-11-03"
    assert len(days_to_ask({}, NOW)) == 21


def test_on_the_first_of_a_month_yesterday_is_of_the_one_before():
    first = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    assert dates(days_to_ask({}, first)) == ["2026-11-30", "2026-12-01"]


def test_the_month_is_the_sum_of_its_days_and_of_no_other():
    known = {**stored(*range(1, 21)), "2026-11-02": {RAN.series: [5.0] + [None] * 23}}
    known["2026-10-31"] = {RAN.series: [1_000.0] * 24}
    taken = take(Snapshot(0.0), {RAN.series: [(NOW.timestamp() - 60, 2.0)]}, known)
    assert taken.snapshot.month_sums[RAN.series] == 7.0
    assert taken.snapshot.month_hours == 1.5  # one of the second, half of the present one
    assert taken.snapshot.month_from == datetime(2026, 11, 1, tzinfo=UTC).timestamp()


def test_the_days_asked_about_are_kept():
    taken = take(Snapshot(0.0), {RAN.series: [(TODAY.timestamp() - 60, 2.0)]})
    assert list(taken.changed) == ["2026-11-20", "2026-11-21"]
    assert taken.changed["2026-11-20"][RAN.series][23] == 2.0


def test_a_function_that_has_not_run_of_late_keeps_its_last_run():
    assert take(Snapshot(0.0, last_runs={"kpi_query": 17.0}), {}).snapshot.last_runs == {"kpi_query": 17.0}


def test_a_bucket_is_as_large_as_it_was_said_last():
    sizes = [(TODAY.timestamp() - 86_400, 100.0), (TODAY.timestamp(), 80.0)]
    taken = take(Snapshot(0.0, bucket_bytes={"segment": 5.0}), {SIZE.series: sizes})
    assert taken.snapshot.bucket_bytes == {"segment": 5.0, "log": 80.0}


def test_requests_are_counted_up_within_a_month_and_anew_in_the_next():
    first = take(Snapshot(0.0), {}).snapshot
    assert first.metric_requests == 2
    assert take(first, {}, now=NOW + timedelta(minutes=15)).snapshot.metric_requests == 4
    assert take(first, {}, known={}, now=datetime(2026, 12, 1, tzinfo=UTC)).snapshot.metric_requests == 2
