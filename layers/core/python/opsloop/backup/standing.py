"""How a database's backups stand: what was checked, what came of it in plain words, what could be had back now.

Times are aware UTC datetimes, durations seconds, sizes bytes. An unknown is never good: of several standings the
worst is ``missed``, then ``unknown``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from opsloop.backup.document import dump_json
from opsloop.backup.model import Dump
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, field

CHECKS = ("freshness", "proof", "rpo", "rto", "size", "sources")
"""What is checked, in the order in which one explains the next; ``sources`` only where the catalog names some."""


class Standing(StrEnum):
    """Whether something is as it should be."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


_WORST_FIRST = (Standing.MISSED, Standing.UNKNOWN, Standing.MET)


def worst(standings: Iterable[Standing]) -> Standing:
    """Return the worst of ``standings``; of none, ``unknown``."""
    return min(standings, key=_WORST_FIRST.index, default=Standing.UNKNOWN)


@dataclass(frozen=True)
class Check:
    """One thing that was checked. ``measured`` and ``objective`` are in ``unit`` (``s`` or ``bytes``).

    ``sentence`` says all of it to a person; ``advice`` what would help. ``by`` says what was measured by: ``dump``,
    ``restore``, or the kind of a source. ``follows`` names the check (or ``verification``: an event of its own) that
    this one merely follows from: people are told of that alone. ``figures`` are further numbers by name.
    """

    name: str
    standing: Standing
    sentence: str
    measured: float | None = None
    objective: float | None = None
    unit: str = "s"
    by: str = ""
    advice: tuple[str, ...] = ()
    follows: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recoverable:
    """What could be had back right now: everything committed up to ``until``.

    ``by`` is ``dump`` or the kind of a source. ``is_proven``: by a restore of ours, not by a report. ``restore_s`` is
    how long that restore took.
    """

    until: datetime
    by: str
    is_proven: bool
    dump_id: str = ""
    proven_at: datetime | None = None
    restore_s: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why the last thing that went wrong went wrong. ``what`` is ``take`` or ``verification``."""

    what: str
    at: datetime
    reason: str
    detail: str
    verification_id: str = ""
    dump_id: str = ""


@dataclass(frozen=True)
class Assessment:
    """All that one audit found of one database."""

    database: str
    judged_at: datetime
    standing: Standing
    summary: str
    checks: tuple[Check, ...]
    next_due: datetime
    recoverable: tuple[Recoverable, ...] = ()  # the best first; by dump and by each source
    newest_dump: Dump | None = None
    newest_proof: Dump | None = None
    last_failure: Failure | None = None
    sources: tuple[Mapping[str, Any], ...] = ()

    def check(self, name: str) -> Check:
        """Return the check of that name; raise ``KeyError`` if there is none."""
        return {one.name: one for one in self.checks}[name]


def assessment_json(one: Assessment) -> dict[str, Any]:
    """Return ``one`` as the JSON object that is stored, answered and shown."""
    return {
        "database": one.database,
        "judged_at": format_time(one.judged_at),
        "standing": one.standing.value,
        "summary": one.summary,
        "checks": {check.name: check_json(check) for check in one.checks},
        "next_due": format_time(one.next_due),
        "recoverable": [recoverable_json(each, one.judged_at) for each in one.recoverable],
        "newest_dump": None if one.newest_dump is None else dump_json(one.newest_dump),
        "newest_proof": None if one.newest_proof is None else dump_json(one.newest_proof),
        "last_failure": None if one.last_failure is None else failure_json(one.last_failure),
        "sources": [dict(each) for each in one.sources],
    }


def check_json(check: Check) -> dict[str, Any]:
    """Return ``check`` as a JSON object."""
    return {
        "standing": check.standing.value,
        "sentence": check.sentence,
        "measured": check.measured,
        "objective": check.objective,
        "unit": check.unit,
        "by": check.by,
        "advice": list(check.advice),
        "follows": check.follows,
        "figures": dict(check.figures),
    }


def recoverable_json(one: Recoverable, now: datetime) -> dict[str, Any]:
    """Return ``one`` as a JSON object, with its age at ``now``."""
    return {
        "until": format_time(one.until),
        "age_s": max(0.0, (now - one.until).total_seconds()),
        "by": one.by,
        "is_proven": one.is_proven,
        "dump_id": one.dump_id,
        "proven_at": _time(one.proven_at),
        "restore_s": one.restore_s,
    }


def failure_json(one: Failure) -> dict[str, Any]:
    """Return ``one`` as a JSON object."""
    return {
        "what": one.what,
        "at": format_time(one.at),
        "reason": one.reason,
        "detail": one.detail,
        "verification_id": one.verification_id,
        "dump_id": one.dump_id,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
