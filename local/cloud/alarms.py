"""Alarms on Lambda's metrics are judged as on AWS: each on its own function, every minute.

The emulator judges an alarm once, when it is made, and on the metrics of all functions together. Alarms on what is not
recorded here (SQS, Kinesis, our own metrics) stay without data.
"""

import time
from collections.abc import Callable
from typing import Any

NAMESPACE = "AWS/Lambda"
JUDGED_EVERY_S = 60.0
BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}


class Judge:
    """Judges the alarms of ``cloudwatch`` (MiniStack's module), none before its whole time was seen."""

    def __init__(self, cloudwatch: Any, clock: Callable[[], float] = time.time) -> None:
        self._cloudwatch, self._clock = cloudwatch, clock
        self._since = self._judged_at = clock()

    def install(self) -> None:
        """Judge in the place of the emulator, also when an alarm is made."""
        self._cloudwatch._evaluate_alarm = self.judge

    def judge_all(self) -> None:
        """Judge every alarm, once a minute at most."""
        now = self._clock()
        if now - self._judged_at >= JUDGED_EVERY_S:
            self._judged_at = now
            for alarm in list(self._cloudwatch._alarms.values()):
                self.judge(alarm)

    def judge(self, alarm: dict[str, Any]) -> None:
        """Bring the state of ``alarm`` up to date, and tell its topic of a change."""
        period, periods = float(alarm.get("Period") or 60), int(alarm.get("EvaluationPeriods") or 1)
        now, compare = self._clock(), BREACHES.get(str(alarm.get("ComparisonOperator")))
        if alarm.get("Namespace") != NAMESPACE or compare is None or now - self._since < period * periods:
            return
        values = [self._value(alarm, now - (ago + 1) * period, now - ago * period) for ago in range(periods)]
        limit = float(alarm.get("Threshold") or 0.0)
        is_missing_bad = alarm.get("TreatMissingData") == "breaching"
        is_bad = all(is_missing_bad if value is None else compare(value, limit) for value in values)
        shown = ", ".join("no data" if value is None else f"{value:g}" for value in values)
        self._enter(alarm, "ALARM" if is_bad else "OK", f"{alarm.get('Statistic')} of {period:g} s was {shown}")

    def _value(self, alarm: dict[str, Any], start: float, end: float) -> float | None:
        dimensions = {one["Name"]: one["Value"] for one in alarm.get("Dimensions") or ()}
        key = (NAMESPACE, alarm.get("MetricName"), self._cloudwatch._dims_key(dimensions))
        points = []
        for point in reversed(self._cloudwatch._metrics.get(key) or []):
            if point["Timestamp"] < start:
                break
            if point["Timestamp"] < end:
                points.append(point)
        if not points:
            return None
        return float(self._cloudwatch._stat_value(self._cloudwatch._calc_stats(points), alarm.get("Statistic"), points))

    def _enter(self, alarm: dict[str, Any], state: str, reason: str) -> None:
        before = alarm.get("StateValue")
        if before == state:
            return
        alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(self._clock()))
        self._cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
        self._cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
