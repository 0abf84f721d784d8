"""AWS/Lambda metrics of every invocation, whatever started it, as on AWS.

The emulator records those alone that its Invoke request started: not what HTTP, schedules, queues and the bus start.
Points are counted up per minute and by rounded duration, since one of each invocation would fill the memory in days.
"""

import threading
import time
from collections.abc import Callable
from math import floor, log10
from typing import Any

NAMESPACE = "AWS/Lambda"
STEP_S = 60
KEPT_S = 3 * 86_400
DIGITS = 2  # of a duration: within 5 %


def install(
    lambda_svc: Any, cloudwatch: Any, after: Callable[[], None], clock: Callable[[], float] = time.time
) -> None:
    """Have ``lambda_svc`` and ``cloudwatch`` (MiniStack's modules) count every invocation, and call ``after`` each."""
    write_logs = lambda_svc._emit_lambda_logs
    counts = Counts(cloudwatch, clock)

    def ended(
        function: dict[str, Any], request_id: str, text: str, error: bool, duration_ms: float, **more: Any
    ) -> None:
        write_logs(function, request_id, text, error, duration_ms, **more)
        name = str((function.get("config") or function).get("FunctionName", "unknown"))
        counts.add(name, {"Invocations": 1.0, "Errors": float(error), "Throttles": 0.0})
        counts.add(name, {"Duration": rounded(duration_ms)}, unit="Milliseconds")
        after()

    def throttled(name: str, *, throttle: bool, **_more: Any) -> None:
        if throttle:
            counts.add(name, {"Throttles": 1.0})

    lambda_svc._emit_lambda_logs = ended
    lambda_svc._emit_lambda_metrics = throttled


class Counts:
    """Points of the last days: how often each value was seen in each minute."""

    def __init__(self, cloudwatch: Any, clock: Callable[[], float]) -> None:
        self._cloudwatch, self._clock = cloudwatch, clock
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], tuple[float, dict[float, dict[str, Any]]]] = {}

    def add(self, function: str, values: dict[str, float], unit: str = "Count") -> None:
        """Count each of ``values``, by metric, once for this minute."""
        minute = self._clock() // STEP_S * STEP_S
        with self._lock:
            for metric, value in values.items():
                self._count(function, metric, value, unit, minute)

    def _count(self, function: str, metric: str, value: float, unit: str, minute: float) -> None:
        start, seen = self._open.get((function, metric), (0.0, {}))
        if start != minute:
            seen = {}
            self._open[function, metric] = (minute, seen)
        if value in seen:
            seen[value]["Count"] += 1.0
            return
        dimensions = {"FunctionName": function}
        bucket = self._cloudwatch._metric_bucket((NAMESPACE, metric, self._cloudwatch._dims_key(dimensions)))
        while bucket and bucket[0]["Timestamp"] < minute - KEPT_S:
            bucket.pop(0)
        seen[value] = {"Timestamp": minute, "Value": value, "Count": 1.0, "Unit": unit, "Dimensions": dimensions}
        bucket.append(seen[value])


def rounded(duration_ms: float) -> float:
    """Return a duration to two digits: what takes less than a millisecond took one, as AWS bills it."""
    whole = max(1.0, float(duration_ms))
    return float(round(whole, DIGITS - 1 - floor(log10(whole))))
