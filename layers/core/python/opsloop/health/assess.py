"""What the results of the deep checks mean, and the readiness report made of them. Silence is not health."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from opsloop.clock import MINUTES_PER_HOUR, format_time, hour_start, minute_of, time_of
from opsloop.health.model import Check, Probe, Status

PROBE_SILENT_AFTER_S = 180
"""The probe runs each minute: two missed runs may be chance, three are not."""

ROLLUP_DUE_MINUTES = 10
"""Minutes after the end of an hour by which its rollup, started two minutes after it, has to be done."""


def lag_check(component: str, lag_s: float | None, *, warn_s: float, fail_s: float | None, meaning: str) -> Check:
    """Return how a delay of ``lag_s`` seconds is to be taken.

    ``None`` means that there is nothing to be late with yet, which is a warning: nothing is known. With ``fail_s``
    ``None`` no delay is a failure. ``meaning`` says to people what a long delay means.
    """
    if lag_s is None:
        return Check(component, Status.WARN, output="nothing seen yet")
    status = Status.PASS
    if lag_s > warn_s:
        status = Status.WARN
    if fail_s is not None and lag_s > fail_s:
        status = Status.FAIL
    return Check(component, status, round(lag_s, 3), "s", "" if status is Status.PASS else meaning)


def rollup_check(
    last_start_minute: int | None, first_seen_minute: int | None, since_minute: int, now: datetime
) -> Check:
    """Return whether the hours that are over have been rolled up.

    ``last_start_minute`` begins the newest hour rolled up; ``first_seen_minute`` is the first with telemetry. Nothing
    is expected of the time before ``since_minute``, from which on the platform has been there.
    """
    component = "kpi_rollup:age"
    due = hour_start(minute_of(now) - ROLLUP_DUE_MINUTES) - MINUTES_PER_HOUR  # the newest hour that must be done
    if last_start_minute is None:
        if first_seen_minute is None or max(first_seen_minute, since_minute) >= due + MINUTES_PER_HOUR:
            return Check(component, Status.WARN, output="no hour has been rolled up yet")
        return Check(component, Status.FAIL, output=f"the hour of {format_time(time_of(due))} is not rolled up")
    age_s = (now - time_of(last_start_minute + MINUTES_PER_HOUR)).total_seconds()
    if last_start_minute < due:
        return Check(component, Status.FAIL, age_s, "s", f"the hour of {format_time(time_of(due))} is not rolled up")
    return Check(component, Status.PASS, age_s, "s")


def worst(checks: Sequence[Check]) -> Status:
    """Return the status of the component that is worst off; no checks at all are a failure."""
    return max((check.status for check in checks), key=lambda status: status.weight, default=Status.FAIL)


def readiness(probe: Probe | None, now: datetime) -> dict[str, Any]:
    """Return the ``application/health+json`` report at ``now`` from the last ``probe``.

    A probe older than ``PROBE_SILENT_AFTER_S`` makes the whole report ``fail``, whatever it had found.
    """
    checks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    silence = _silence(probe, now)
    checks[silence.component].append(_check_json(silence, now))
    for check in probe.checks if probe else ():
        checks[check.component].append(_check_json(check, probe.time if probe else now))
    report: dict[str, Any] = {
        "status": worst([silence, *(probe.checks if probe else ())]),
        "serviceId": "opsloop",
        "description": "opsloop and what it depends on",
        "checks": dict(checks),
    }
    if silence.output:
        report["output"] = silence.output
    return report


def _silence(probe: Probe | None, now: datetime) -> Check:
    if probe is None:
        return Check("health_probe:age", Status.FAIL, output="the probe has never run, or its result cannot be read")
    age_s = max(0.0, (now - probe.time).total_seconds())
    if age_s > PROBE_SILENT_AFTER_S:
        return Check("health_probe:age", Status.FAIL, age_s, "s", f"silent since {format_time(probe.time)}")
    return Check("health_probe:age", Status.PASS, age_s, "s")


def _check_json(check: Check, time: datetime) -> dict[str, Any]:
    answer: dict[str, Any] = {"status": check.status, "time": format_time(time)}
    if check.observed_value is not None:
        answer["observedValue"] = check.observed_value
        answer["observedUnit"] = check.observed_unit
    if check.output:
        answer["output"] = check.output
    return answer
