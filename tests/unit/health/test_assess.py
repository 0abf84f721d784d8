"""What the platform says of itself: silence is not health."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop.clock import minute_of
from opsloop.health.assess import lag_check, readiness, rollup_check, worst
from opsloop.health.model import Check, Probe, Status

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
WELL = Check("stream:status", Status.PASS, "ACTIVE")


def probe(*checks: Check, age: timedelta = timedelta(seconds=40)) -> Probe:
    return Probe(NOW - age, checks or (WELL,), NOW - timedelta(days=9))


def test_a_well_platform_passes_and_tells_the_age_of_what_it_knows():
    report = readiness(probe(), NOW)
    assert report["status"] == "pass"
    assert report["checks"]["health_probe:age"][0]["observedValue"] == 40.0
    assert report["checks"]["stream:status"] == [
        {"status": "pass", "time": "2026-11-21T08:29:20Z", "observedValue": "ACTIVE", "observedUnit": ""}
    ]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((Status.PASS, Status.PASS), Status.PASS),
        ((Status.PASS, Status.WARN), Status.WARN),
        ((Status.FAIL, Status.WARN, Status.PASS), Status.FAIL),
        ((), Status.FAIL),
    ],
)
def test_the_platform_is_as_well_as_its_worst_component(statuses, expected):
    assert worst([Check("x", status) for status in statuses]) is expected


def test_one_failing_component_fails_the_report_and_says_which():
    broken = Check("kpi_table:status", Status.FAIL, output="answered ResourceNotFoundException")
    report = readiness(probe(WELL, broken), NOW)
    assert report["status"] == "fail"
    assert report["checks"]["kpi_table:status"][0]["output"] == "answered ResourceNotFoundException"


def test_a_silent_probe_is_a_failure_though_all_it_found_was_well():
    assert readiness(probe(age=timedelta(seconds=180)), NOW)["status"] == "pass"
    report = readiness(probe(age=timedelta(seconds=181)), NOW)
    assert report["status"] == "fail"
    assert report["output"] == "silent since 2026-11-21T08:26:59Z"
    assert report["checks"]["stream:status"][0]["status"] == "pass"


def test_a_probe_that_never_ran_is_a_failure():
    assert readiness(None, NOW)["status"] == "fail"


@pytest.mark.parametrize(
    ("lag_s", "expected"),
    [(0.0, Status.PASS), (300.0, Status.PASS), (300.1, Status.WARN), (900.1, Status.FAIL), (None, Status.WARN)],
)
def test_a_delay_warns_before_it_fails(lag_s, expected):
    assert lag_check("fold:lag", lag_s, warn_s=300, fail_s=900, meaning="late").status is expected


def test_a_delay_that_may_be_mere_silence_never_fails():
    check = lag_check("ingest:age", 1e6, warn_s=600, fail_s=None, meaning="senders are silent, or ingest stands still")
    assert (check.status, check.output) == (Status.WARN, "senders are silent, or ingest stands still")


def hour(text: str) -> int:
    return minute_of(datetime.fromisoformat(f"2026-11-21T{text}:00Z"))


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        ("08:30", "07:00", Status.PASS),
        ("08:09", "06:00", Status.PASS),  # the hour from 07:00 has until 08:10
        ("08:10", "06:00", Status.FAIL),
        ("08:30", "05:00", Status.FAIL),
    ],
)
def test_an_hour_has_ten_minutes_to_be_rolled_up(now, last, expected):
    moment = datetime.fromisoformat(f"2026-11-21T{now}:00Z")
    assert rollup_check(hour(last), hour("00:00"), hour("00:00"), moment).status is expected


def test_a_rollup_that_never_ran_fails_once_an_hour_with_telemetry_is_over():
    long_ago = hour("00:00")
    assert rollup_check(None, None, long_ago, NOW).status is Status.WARN
    assert rollup_check(None, hour("08:05"), long_ago, NOW).status is Status.WARN
    assert rollup_check(None, hour("07:59"), long_ago, NOW).status is Status.FAIL


def test_hours_before_the_platform_was_there_need_no_rollup_by_the_schedule():
    assert rollup_check(None, hour("05:00"), hour("08:10"), NOW).status is Status.WARN
    assert rollup_check(None, hour("05:00"), hour("07:10"), NOW).status is Status.FAIL
