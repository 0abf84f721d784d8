"""What is to be told of exercises of disasters, read from the events of the bus.

That a disaster waits for its exercise is told once a quarter; that one was abandoned, or did not achieve what it should
have, once each. An exercise of the disaster that is finished later ends all of it. Nothing of this is an emergency:
what did not work out, and what nobody has tried for a quarter, is a warning, which waits for the morning; the rest is
less than that.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opsloop.alert.field import day_of, text_of
from opsloop.alert.model import DETECTED, EXERCISE, Begun, Recovered, Telling
from opsloop.anomaly.model import Severity
from opsloop.catalog import Database
from opsloop.clock import format_time
from opsloop.errors import InvalidInputError

ABANDONED, DUE, FINISHED = "backup.exercise_abandoned", "backup.exercise_due", "backup.exercise_finished"
TYPES = frozenset({ABANDONED, DUE, FINISHED})
PASSED = "passed"
_LATE = ("overdue", "unknown")
_QUARTER = re.compile(r"\d{4}-Q[1-4]")


def read_exercise(
    kind: str, data: Mapping[str, Any], time: datetime, databases: Mapping[str, Database]
) -> Begun | Recovered:
    """Return what an event of that type, one of ``TYPES``, asks to tell; raise ``InvalidInputError``.

    It is told to those of the service that owns the disaster's databases; where several do, to those of all services.
    """
    disaster, quarter = text_of(data, "disaster"), text_of(data, "quarter")
    if not _QUARTER.fullmatch(quarter):
        raise InvalidInputError(f"quarter: {quarter[:20]!r} is not one such as 2026-Q4")
    subject, service = f"exercise/{disaster}", _service(data, databases)
    told = {**data, "event": kind}
    if kind == DUE:
        severity = Severity.WARNING if text_of(data, "standing") in _LATE else Severity.INFO
        return _begun(subject, f"due-{quarter}", f"{disaster}-{quarter}", told, time, service, severity)
    name = text_of(data, "exercise_id")
    if kind == ABANDONED:
        return _begun(subject, f"abandoned-{name}", name, told, time, service, Severity.INFO)
    over = Recovered(subject, time.timestamp(), {"ended_by": {**data, "ended_at": format_time(time)}})
    if text_of(data, "result") == PASSED:
        return over
    return _begun(subject, f"result-{name}", name, told, time, service, Severity.WARNING, ends=over)


def _begun(
    subject: str,
    cause: str,
    name: str,
    data: Mapping[str, Any],
    at: datetime,
    service: str,
    severity: Severity,
    *,
    ends: Recovered | None = None,
) -> Begun:
    topic = f"exercise-{re.sub('[^A-Za-z0-9_-]', '-', name)[:80]}"
    telling = Telling(topic, DETECTED, day_of(at), severity, service, data, at=at.timestamp(), kind=EXERCISE)
    return Begun(subject, cause, telling, ends)


def _service(data: Mapping[str, Any], databases: Mapping[str, Database]) -> str:
    named = [one.get("database") if isinstance(one, Mapping) else one for one in data.get("databases") or ()]
    known = [databases.get(str(one)) for one in named]
    owners = {one.service if one else "" for one in known}
    return owners.pop() if len(owners) == 1 else ""
