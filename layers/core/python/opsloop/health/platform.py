"""How the platform itself does, as ``GET /v1/platform`` tells it: from the last snapshot and the last probe."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opsloop.catalog import Catalog
from opsloop.clock import format_time
from opsloop.health.assess import readiness
from opsloop.health.bill import bill
from opsloop.health.configuration import About, configuration
from opsloop.health.facts import FunctionFact
from opsloop.health.model import Probe
from opsloop.health.snapshot import ALARM, OK, Alarm, Snapshot
from opsloop.health.usage import HOUR_S, HOURS_PER_DAY, Hours

STALE_AFTER_S = 1_200
"""The platform is measured every five minutes: three missed runs and a bit are not chance."""

OF_STREAM = ("iterator_age_ms", "incoming_bytes", "incoming_records", "refused_records")

NEVER = "the platform was never measured"
NOT_JUDGED = "CloudWatch has not judged any alarm yet."
NOT_DESCRIBED = "Lambda could not be asked how it is set up"
NOT_MEASURED = "CloudWatch has no AWS/Lambda metrics of the last 24 hours here"
REDRIVE = (
    "Look at the messages, mend the cause, then let SQS hand them over again: aws sqs start-message-move-task"
    " --source-arn ARN for a queue behind another queue; what a schedule or the stream started runs again by itself,"
    " and its message is only a record to delete."
)


def platform(
    seen: Snapshot | None,
    probe: Probe | None,
    facts: Mapping[str, FunctionFact],
    catalog: Catalog,
    about: About,
    now: datetime,
) -> dict[str, Any]:
    """Return the whole document. What is not known is ``None`` beside a reason; before the first snapshot all of it."""
    kept = seen or Snapshot(time=0.0)
    age_s = (now - kept.at).total_seconds() if seen else None
    return {
        "measured_at": format_time(kept.at) if seen else None,
        "metrics_at": None if kept.metrics_time is None else _time(kept.metrics_time),
        "age_s": age_s,
        "is_stale": age_s is None or age_s > STALE_AFTER_S,
        "faults": dict(kept.faults) if seen else {"measuring": NEVER},
        "health": _health(probe, now),
        "alarms": _alarms(kept),
        "grid": {"from": _time(kept.hours_from), "step_s": HOUR_S, "points": HOURS_PER_DAY} if kept.hours else None,
        "functions": [_function(fact, kept) for fact in sorted(facts.values(), key=lambda one: one.name)],
        "stream": _series(kept.hours, "stream", *OF_STREAM) | {"shards": kept.shards},
        "api": _series(kept.hours, "api", "requests", "client_errors", "server_errors"),
        "queues": _queues(kept),
        "redrive": REDRIVE,
        "configuration": configuration(kept, facts, catalog, about),
        "cost": bill(kept, probe, about.region, about.stage, now),
    }


def _health(probe: Probe | None, now: datetime) -> dict[str, Any]:
    report = readiness(probe, now)
    checks = [
        {
            "component": name,
            "status": one["status"],
            "time": one["time"],
            "value": one.get("observedValue"),
            "unit": one.get("observedUnit", ""),
            "output": one.get("output", ""),
        }
        for name, found in report["checks"].items()
        for one in found
    ]
    return {"status": report["status"], "probed_at": format_time(probe.time) if probe else None, "checks": checks}


def _alarms(kept: Snapshot) -> dict[str, Any]:
    unknown = [one for one in kept.alarms if one.state not in (ALARM, OK)]
    reason = kept.faults.get("alarms", "")
    if kept.alarms and len(unknown) == len(kept.alarms):
        reason = NOT_JUDGED
    ringing = [one for one in kept.alarms if one.state == ALARM]
    counts = {"alarm": len(ringing), "ok": len(kept.alarms) - len(ringing) - len(unknown), "unknown": len(unknown)}
    return {"counts": counts if kept.alarms else None, "reason": reason, "ringing": [_alarm(one) for one in ringing]}


def _alarm(one: Alarm) -> dict[str, Any]:
    since = None if one.since is None else _time(one.since)
    told = {"name": one.name, "what": one.what, "function": one.function or None, "runbook": one.runbook or None}
    return {**told, "since": since, "reason": one.reason}


def _function(fact: FunctionFact, kept: Snapshot) -> dict[str, Any]:
    setup, name = kept.setups.get(fact.name), fact.name
    series = _series(kept.hours, name, "invocations", "errors", "throttles", "p50_ms", "p95_ms")
    sums = {measure: _sum(series[measure]) for measure in ("invocations", "errors", "throttles")}
    ran = kept.last_runs.get(name)
    busy = sums["invocations"]
    return {
        "name": name,
        "capability": fact.word,
        "stack": fact.stack,
        "trigger": fact.trigger,
        "effect": fact.effect,
        **sums,
        "error_ratio": sums["errors"] / busy if busy and sums["errors"] is not None else None,
        "p50_ms": _last(series["p50_ms"]),
        "p95_ms": _last(series["p95_ms"]),
        "last_run_at": None if ran is None else _time(ran),
        "memory_mb": setup.memory_mb if setup else None,
        "timeout_s": setup.timeout_s if setup else None,
        "runtime": setup.runtime if setup else None,
        "architecture": setup.architecture if setup else None,
        "deployed_at": _lambda_time(setup.deployed_at) if setup else None,
        "series": series,
        "reason": "" if busy is not None and setup else NOT_MEASURED if setup else NOT_DESCRIBED,
    }


def _queues(kept: Snapshot) -> list[dict[str, Any]]:
    """Return every queue that an alarm watches: those of failures first, those with messages before the others."""
    watched: dict[str, list[Alarm]] = {}
    for alarm in kept.alarms:
        if alarm.queue:
            watched.setdefault(alarm.queue, []).append(alarm)
    rows = []
    for name, alarms in watched.items():
        first, found = alarms[0], kept.queues.get(name)
        rows.append(
            {
                "name": name,
                "function": first.function or None,
                "is_dead_letters": first.is_dead_letters,
                "messages": found.messages if found else None,
                "in_flight": found.in_flight if found else None,
                "oldest_age_s": kept.queue_ages.get(name) if found and found.messages else None,
                "runbook": first.runbook or None,
                "state": first.state,
                "reason": found.reason if found else "the queue was not looked at",
            }
        )
    return sorted(rows, key=lambda row: (not row["is_dead_letters"], -(row["messages"] or 0), row["name"]))


def _series(hours: Hours | Mapping[str, list[float | None]], subject: str, *measures: str) -> dict[str, Any]:
    return {one: hours.get(f"{subject} {one}", [None] * HOURS_PER_DAY) for one in measures}


def _sum(hours: list[float | None]) -> float | None:
    known = [value for value in hours if value is not None]
    return sum(known) if known else None


def _last(hours: list[float | None]) -> float | None:
    return next((value for value in reversed(hours) if value is not None), None)


def _time(epoch_s: float) -> str:
    return format_time(datetime.fromtimestamp(epoch_s, UTC))


def _lambda_time(text: str) -> str | None:
    """Return Lambda's ``2026-11-21T08:30:00.000+0000`` as everybody writes it."""
    try:
        return format_time(datetime.fromisoformat(text))
    except ValueError:
        return None
