"""Alarms of the local cloud ring for their own function, of what is recent, and not before enough was seen."""

from types import SimpleNamespace
from typing import Any

import pytest

from local.cloud.alarms import Judge

START = 1_795_250_000.0
ERRORS = {
    "AlarmName": "errors",
    "Namespace": "AWS/Lambda",
    "MetricName": "Errors",
    "Dimensions": [{"Name": "FunctionName", "Value": "mine"}],
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
    "StateValue": "INSUFFICIENT_DATA",
}
NOT_RUNNING = {
    **ERRORS,
    "AlarmName": "silent",
    "MetricName": "Invocations",
    "Period": 600,
    "Threshold": 1,
    "ComparisonOperator": "LessThanThreshold",
    "TreatMissingData": "breaching",
}


class Cloud:
    """The parts of the emulator's CloudWatch that hold alarms and points, half an hour after the start."""

    def __init__(self) -> None:
        self.now = START
        self.told: list[tuple[str, str]] = []
        self.module = SimpleNamespace(
            _alarms={},
            _metrics={},
            _dims_key=lambda one: tuple(sorted(one.items())),
            _calc_stats=lambda points: {"Sum": sum(one["Value"] for one in points)},
            _stat_value=lambda stats, name, _points: stats[name],
            _record_history=lambda *_all: None,
            _dispatch_alarm_actions=lambda alarm, _before, state, _why: self.told.append((alarm["AlarmName"], state)),
        )
        self.judge = Judge(self.module, clock=lambda: self.now)
        self.judge.install()
        self.now += 1_800

    def point(self, value: float, ago_s: float, function: str = "mine", metric: str = "Errors") -> None:
        key = ("AWS/Lambda", metric, (("FunctionName", function),))
        self.module._metrics.setdefault(key, []).append({"Timestamp": self.now - ago_s, "Value": value})

    def state(self, alarm: dict[str, Any]) -> str:
        copy = dict(alarm)
        self.module._evaluate_alarm(copy)
        return str(copy["StateValue"])


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_an_error_of_its_function_rings(cloud: Cloud) -> None:
    cloud.point(1.0, ago_s=10)
    assert cloud.state(ERRORS) == "ALARM"
    assert cloud.told == [("errors", "ALARM")]


def test_an_error_of_another_function_does_not(cloud: Cloud) -> None:
    cloud.point(1.0, ago_s=10, function="other")
    assert cloud.state(ERRORS) == "OK"


def test_an_error_of_long_ago_does_not_ring_any_more(cloud: Cloud) -> None:
    cloud.point(1.0, ago_s=301)
    assert cloud.state({**ERRORS, "StateValue": "ALARM"}) == "OK"
    assert cloud.told == [("errors", "OK")]


def test_a_function_that_was_silent_rings_where_silence_is_a_fault(cloud: Cloud) -> None:
    assert cloud.state(NOT_RUNNING) == "ALARM"
    cloud.point(1.0, ago_s=60, metric="Invocations")
    assert cloud.state(NOT_RUNNING) == "OK"


def test_nothing_is_judged_before_its_whole_time_was_seen(cloud: Cloud) -> None:
    cloud.now = START + 599
    assert cloud.state(NOT_RUNNING) == "INSUFFICIENT_DATA"


def test_of_several_periods_each_must_be_bad(cloud: Cloud) -> None:
    cloud.point(1.0, ago_s=10)
    assert cloud.state({**ERRORS, "EvaluationPeriods": 2}) == "OK"
    cloud.module._metrics.clear()
    cloud.point(1.0, ago_s=310)
    cloud.point(1.0, ago_s=10)
    assert cloud.state({**ERRORS, "EvaluationPeriods": 2}) == "ALARM"


def test_what_is_not_recorded_here_stays_without_data(cloud: Cloud) -> None:
    assert cloud.state({**ERRORS, "Namespace": "AWS/SQS"}) == "INSUFFICIENT_DATA"


def test_all_alarms_are_judged_once_a_minute(cloud: Cloud) -> None:
    cloud.module._alarms["errors"] = dict(ERRORS)
    cloud.judge.judge_all()
    assert cloud.module._alarms["errors"]["StateValue"] == "OK"
    cloud.point(1.0, ago_s=0)
    cloud.judge.judge_all()
    assert cloud.module._alarms["errors"]["StateValue"] == "OK"  # not yet
    cloud.now += 60
    cloud.judge.judge_all()
    assert cloud.module._alarms["errors"]["StateValue"] == "ALARM"


def test_a_state_that_stays_is_told_once(cloud: Cloud) -> None:
    cloud.point(1.0, ago_s=10)
    alarm = dict(ERRORS)
    cloud.judge.judge(alarm)
    cloud.judge.judge(alarm)
    assert cloud.told == [("errors", "ALARM")]
