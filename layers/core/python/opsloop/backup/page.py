"""What the API answers of backups: each database with its objectives, its dumps, its history, a verification.

The catalog says which databases there are; the last audit how they stand. An audit that is old says nothing of now.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from opsloop.backup.audited import Audited
from opsloop.backup.freshness import MAX_SKEW_S, next_due
from opsloop.backup.model import Dump
from opsloop.backup.standing import Standing
from opsloop.backup.wording import moment, span
from opsloop.catalog import Database
from opsloop.clock import format_time, parse_time

AUDITED_WITHIN = timedelta(minutes=45)
"""Three audits that did not happen, and how things stand is not known any more."""
AHEAD = timedelta(seconds=MAX_SKEW_S)
NO_AUDIT = "This database was not audited yet; that happens every 15 minutes."


def database_json(database: Database, audited: Audited | None, now: datetime) -> dict[str, Any]:
    """Return one database of the list: what the catalog says of it, and how it stood at the last audit."""
    facts = {
        "database": database.name,
        "description": database.description,
        "service": database.service,
        "tier": database.tier,
        "every_h": database.every_h,
        "format": database.format,
        "retention": database.retention,
        "legal_hold": database.legal_hold,
        "is_taken_here": bool(database.secret),
        "rpo_s": database.rpo_s,
        "rto_s": database.rto_s,
        "next_due": format_time(next_due(database, now)),
    }
    found = dict(audited.assessment) if audited else _nothing()
    if audited is not None and not -AHEAD <= now - audited.judged_at <= AUDITED_WITHIN:
        found |= _outdated(found, audited.judged_at, now)
    since = _since(audited, found["standing"])
    return {**found, **facts, "since": since, "gauges": gauges(database, found, now)}


def gauges(database: Database, found: Mapping[str, Any], now: datetime) -> dict[str, float]:
    """Return the figures of a database under the names that exporters of metrics use; what is not known is left out.

    OpenMetrics: names in base units, times in seconds since the epoch; the label is ``database``.
    """
    checks = found["checks"]
    newest, proven, best = found["newest_dump"], found["newest_proof"], found["recoverable"]
    known = {
        "backup_last_success_timestamp_seconds": _epoch(newest, "taken_at"),
        "backup_last_proven_timestamp_seconds": _epoch(proven, "proven_at"),
        "backup_size_bytes": newest["bytes"] if newest else None,
        "backup_restore_seconds": proven["restore_s"] if proven else None,
        "backup_recoverable_timestamp_seconds": _epoch(best[0] if best else None, "until"),
        "backup_rpo_seconds": _age(best[0] if best else None, now),
        "backup_rpo_objective_seconds": database.rpo_s,
        "backup_rto_p95_seconds": checks.get("rto", {}).get("measured"),
        "backup_rto_objective_seconds": database.rto_s,
        "backup_objectives_missed": _count(checks, Standing.MISSED),
        "backup_objectives_unknown": _count(checks, Standing.UNKNOWN),
    }
    return {name: float(value) for name, value in known.items() if value is not None}


def _count(checks: Mapping[str, Any], standing: Standing) -> int | None:
    """Return how many checks stand so; None before the first audit, for nobody has looked."""
    return sum(one["standing"] == standing for one in checks.values()) if checks else None


def history_point(assessment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of an assessment (its JSON) for the history of a database."""
    checks, newest = assessment["checks"], assessment["newest_dump"] or {}
    return {
        "at": assessment["judged_at"],
        "standing": assessment["standing"],
        "bytes": newest.get("bytes"),
        "size_bytes": newest.get("size_bytes"),
        "rpo_s": checks["rpo"]["measured"],
        "rpo_worst_s": checks["rpo"]["figures"].get("worst_s"),
        "rto_p50_s": checks["rto"]["figures"].get("p50_s"),
        "rto_p95_s": checks["rto"]["measured"],
        "age_s": checks["freshness"]["measured"],
        "proof_age_s": checks["proof"]["measured"],
    }


def by_day(points: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one point per day (UTC): the last one, with the day's greatest losses and ages, and its worst standing."""
    order = (Standing.MET.value, Standing.UNKNOWN.value, Standing.MISSED.value)
    days: dict[str, dict[str, Any]] = {}
    for point in points:
        day = str(point["at"])[:10]
        before = days.get(day)
        merged = dict(point)
        if before is not None:
            for name in ("rpo_s", "rpo_worst_s", "age_s", "proof_age_s"):
                merged[name] = max((one for one in (before[name], point[name]) if one is not None), default=None)
            merged["standing"] = max(before["standing"], point["standing"], key=order.index)
        days[day] = merged
    return [days[day] for day in sorted(days)]


def newest_first(at: datetime, name: str) -> str:
    """Return a text by which later moments sort before earlier ones, for cursors."""
    return f"{10**17 - int(at.timestamp() * 1_000_000):018d}#{name}"


def in_order(dumps: Iterable[Dump]) -> Iterator[Dump]:
    """Yield ``dumps``, which come newest first, by ``newest_first``: those of one moment by their ids."""
    for _, same in groupby(dumps, key=lambda one: one.taken_at):
        yield from sorted(same, key=lambda one: one.dump_id)


def before_of(position: str) -> datetime | None:
    """Return the moment of a position that ``newest_first`` made, None of any other text."""
    digits = position.partition("#")[0]
    if not (digits.isascii() and digits.isdecimal()) or len(digits) != 18:
        return None
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=10**17 - int(digits))
    except OverflowError:
        return None


def _nothing() -> dict[str, Any]:
    return {
        "judged_at": None,
        "standing": Standing.UNKNOWN.value,
        "summary": NO_AUDIT,
        "checks": {},
        "recoverable": [],
        "newest_dump": None,
        "newest_proof": None,
        "last_failure": None,
        "sources": [],
    }


def _outdated(found: Mapping[str, Any], judged_at: datetime, now: datetime) -> dict[str, Any]:
    age = (now - judged_at).total_seconds()
    when = f"{span(age)} ago" if age > 0 else "which is yet to come"
    was = f"The last audit was at {moment(judged_at)}, {when}: how it stands now is not known."
    return {"standing": Standing.UNKNOWN.value, "summary": f"{was} Then: {found['summary']}"}


def _since(audited: Audited | None, standing: str) -> str | None:
    """Return since when a check stands as the whole does, the earliest of them."""
    episodes = audited.remembered.episodes.values() if audited else ()
    begun = [one.since for one in episodes if one.standing.value == standing]
    return format_time(min(begun)) if begun else None


def _epoch(document: Mapping[str, Any] | None, name: str) -> float | None:
    text = document.get(name) if document else None
    return parse_time(text, name=name).timestamp() if text else None


def _age(best: Mapping[str, Any] | None, now: datetime) -> float | None:
    until = _epoch(best, "until")
    return None if until is None else max(0.0, now.timestamp() - until)
