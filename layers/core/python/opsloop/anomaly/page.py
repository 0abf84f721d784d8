"""Anomalies as people and scripts read them: what cannot be judged beside what was called, and one anomaly whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opsloop.anomaly.model import Anomaly, anomaly_json
from opsloop.anomaly.record import Feedback
from opsloop.anomaly.saved import Standing
from opsloop.clock import MINUTES_PER_DAY, format_time, time_of
from opsloop.telemetry.model import SeenService

EVERY = "*"
LATE_MINUTES = 15
"""The detector runs every five minutes: what it has not judged for so long is said."""
FORGOTTEN_MINUTES = 14 * MINUTES_PER_DAY
"""The detector forgets what it did not hear for so long, and then says nothing of it any more."""
NEVER_JUDGED = "nothing was ever judged"
NEVER_HEARD = "no telemetry was ever heard of it"


def unknown_json(
    judged: Standing | None, declared: Iterable[str], seen: Iterable[SeenService], now_minute: int, service: str = ""
) -> list[dict[str, str]]:
    """Return what cannot be judged, and why: ``service``, ``measure``, ``metric``, ``reason``, by service.

    Without an anomaly somebody could take it for well. ``service`` "*" stands for every service, ``measure`` "" for all
    that there is of it. ``declared`` are the catalog's services, ``seen`` those heard from; ``service`` "" is any.
    """
    heard = {one.service: one.last_seen for one in seen}
    found = [_entry(EVERY, "", reason) for reason in _standstill(judged, now_minute)]
    for name in sorted(({*declared} | heard.keys()) if not service else {service}):
        measures = judged.unknown.get(name, {}) if judged else {}
        found += [_entry(name, *of_measure) for of_measure in sorted(measures.items())]
        if name not in heard:
            found.append(_entry(name, "", NEVER_HEARD))
        elif heard[name] < now_minute - FORGOTTEN_MINUTES:
            found.append(_entry(name, "", f"no telemetry since {_time(heard[name])}"))
    return found


def _standstill(judged: Standing | None, now_minute: int) -> list[str]:
    if judged is None:
        return [NEVER_JUDGED]
    is_late = judged.judged_to < now_minute - LATE_MINUTES
    return [f"nothing was judged since {_time(judged.judged_to)}"] if is_late else []


def _entry(service: str, series: str, reason: str) -> dict[str, str]:
    measure, _, metric = series.partition(" ")
    return {"service": service, "measure": measure, "metric": metric, "reason": reason}


def brief(anomaly: Anomaly) -> dict[str, str]:
    """Return what names an anomaly where another one is told of."""
    return {
        "anomaly_id": anomaly.anomaly_id,
        "service": anomaly.service,
        "measure": anomaly.measure,
        "reason": anomaly.reason,
    }


def detail(
    anomaly: Anomaly,
    *,
    origin: Anomaly | None,
    effects: Sequence[Anomaly],
    series: Mapping[str, Any],
    feedback: Sequence[Feedback],
) -> dict[str, Any]:
    """Return one anomaly with its series, the anomaly that it follows from, and those that follow from it."""
    return {
        **anomaly_json(anomaly),
        "effects": [brief(one) for one in effects],
        "origin": brief(origin) if origin else None,
        "series": dict(series),
        "feedback": [feedback_json(one) for one in feedback],
    }


def feedback_json(feedback: Feedback) -> dict[str, str]:
    """Return what somebody said; ``by`` is the id of the key."""
    return {
        "anomaly_id": feedback.anomaly_id,
        "verdict": feedback.verdict,
        "note": feedback.note,
        "by": feedback.by,
        "at": _time(feedback.at_minute),
    }


def _time(minute: int) -> str:
    return format_time(time_of(minute))
