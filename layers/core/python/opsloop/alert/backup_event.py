"""What is to be told of backups, read from the events of the bus.

An objective has an episode of its own, from ``backup.objective_missed`` to ``backup.objective_met``. A dump that could
not be taken, or does not restore, is told once per database and cause until a later dump of that database is proven,
the verifier's own drill until it passes: a dump that fails every half hour wakes nobody twice.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from opsloop.alert.field import day_of, object_of, text_of
from opsloop.alert.model import BACKUP, DETECTED, ENDED, Begun, Recovered, Telling
from opsloop.anomaly.model import Severity
from opsloop.backup.model import (
    BackupFailed,
    BackupVerified,
    ObjectiveMet,
    ObjectiveMissed,
    Verdict,
    VerificationFailed,
)
from opsloop.catalog import Database
from opsloop.clock import format_time, parse_time
from opsloop.errors import InvalidInputError

DRILL_FAILED, DRILL_PASSED = "backup.drill_failed", "backup.drill_passed"
DRILL = "drill"
TYPES = frozenset(
    {
        BackupFailed.TYPE,
        BackupVerified.TYPE,
        ObjectiveMet.TYPE,
        ObjectiveMissed.TYPE,
        VerificationFailed.TYPE,
        DRILL_FAILED,
        DRILL_PASSED,
    }
)
LEAST_URGENT_TIER = 3
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,100}")


def read_backup(
    kind: str, data: Mapping[str, Any], time: datetime, databases: Mapping[str, Database]
) -> Telling | Begun | Recovered:
    """Return what an event of that type, one of ``TYPES``, asks to tell; raise ``InvalidInputError``.

    Of a database that ``databases``, the catalog's, do not have, everybody is told who is told of all services.
    """
    if kind in (DRILL_FAILED, DRILL_PASSED):
        return _drill(kind, data, time)
    database = text_of(data, "database")
    known = databases.get(database)
    if kind == BackupVerified.TYPE:
        verification = object_of(data.get("verification"), "verification")
        ended = parse_time(text_of(verification, "ended_at"), name="verification.ended_at")
        return Recovered(database, ended.timestamp(), _proven(verification))
    service, tier = (known.service, known.tier) if known else (str(data.get("service") or ""), 1)
    if kind in (ObjectiveMissed.TYPE, ObjectiveMet.TYPE):
        return _objective(kind, data, time, service, tier)
    told = {**data, "event": kind}
    if kind == BackupFailed.TYPE:
        text_of(data, "why")
        return _begun(database, "take", told, time, service, _severity(tier, is_known=True))
    verification = object_of(data.get("verification"), "verification")
    is_known = text_of(verification, "verdict") != Verdict.UNKNOWN.value
    ended_at = parse_time(text_of(verification, "ended_at"), name="verification.ended_at")
    cause = f"verification-{verification.get('reason') or verification['verdict']}"
    return _begun(database, cause, told, ended_at, service, _severity(tier, is_known=is_known))


def _objective(kind: str, data: Mapping[str, Any], time: datetime, service: str, tier: int) -> Telling:
    for name in ("objective", "standing", "sentence"):
        text_of(data, name)
    since = parse_time(text_of(data, "since"), name="since")
    episode = text_of(data, "episode")
    if not _TOPIC.fullmatch(episode):
        raise InvalidInputError(f"episode: {episode[:100]!r} is not 1 to 100 of A-Z a-z 0-9 _ -")
    return Telling(
        topic=episode,
        state=DETECTED if kind == ObjectiveMissed.TYPE else ENDED,
        day=day_of(since),
        severity=_severity(tier, is_known=data["standing"] != "unknown"),
        service=service,
        data={**data, "event": kind},
        at=time.timestamp(),
        kind=BACKUP,
    )


def _proven(verification: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the proof that ended something changes of what is told: what could be had back is its dump now.

    A dump made elsewhere says when by a clock without a zone: never later than the moment when it was there already.
    """
    ends = [parse_time(str(at), name=name) for name in ("taken_at", "started_at") if (at := verification.get(name))]
    recoverable = {
        "until": format_time(min(ends)) if verification.get("taken_at") else None,
        "by": "dump",
        "is_proven": True,
        "restore_s": verification.get("restore_s"),
    }
    return {"ended_by": dict(verification), "recoverable": recoverable}


def _drill(kind: str, data: Mapping[str, Any], time: datetime) -> Begun | Recovered:
    text_of(data, "drill_id")
    if kind == DRILL_PASSED:
        return Recovered(DRILL, time.timestamp(), {"ended_by": dict(data)})
    return _begun(DRILL, DRILL, {**data, "event": kind}, time, "", Severity.CRITICAL)


def _begun(subject: str, cause: str, data: Mapping[str, Any], at: datetime, service: str, severity: Severity) -> Begun:
    name = sha256(f"{subject} {cause} {at.isoformat()}".encode()).hexdigest()[:12]
    topic = f"backup-{re.sub('[^A-Za-z0-9_-]', '-', subject)[:40]}-{at.astimezone(UTC):%Y%m%dT%H%M%S}-{name}"
    telling = Telling(topic, DETECTED, day_of(at), severity, service, data, at=at.timestamp(), kind=BACKUP)
    return Begun(subject, cause, telling)


def _severity(tier: int, *, is_known: bool) -> Severity:
    """Return how bad it is: what is not known, and what is of the least urgent tier, waits for the morning."""
    return Severity.CRITICAL if is_known and tier < LEAST_URGENT_TIER else Severity.WARNING
