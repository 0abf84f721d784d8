"""Is every dump proven, how much would be lost, how long would it take: against the objectives of a database.

What can be had back is the newest state that a restore proved, or up to which a source reports continuous archiving.
Dumps come at intervals: what a failure just before the next one would lose counts, not only what it would lose now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from opsloop.backup.forecast import Forecast, forecast, quantile
from opsloop.backup.freshness import grace_s, interval_s, usable
from opsloop.backup.model import Cause, Dump, Verdict, Verification
from opsloop.backup.sources import SourceReport
from opsloop.backup.standing import Check, Recoverable, Standing
from opsloop.backup.wording import moment, span
from opsloop.catalog import Database

MAX_PROOF_AGE_S = 7 * 86_400.0
VERIFY_WITHIN_S = 3_600.0
"""How long after its arrival a dump may be without a verdict."""
MIN_RESTORES = 5
FEW_MARGIN = 2.0
"""Fewer restores than ``MIN_RESTORES`` must have been this many times faster than the objective."""
RTO_SAMPLES = 50
RTO_WINDOW = timedelta(days=90)
LAG_SAMPLES = 20
COUNTED = ("fetching and checking the dump", "starting PostgreSQL", "restoring data, indexes and constraints")
NOT_COUNTED = (
    "noticing that the database is lost",
    "deciding to restore",
    "getting a server to restore to",
    "write-ahead log replayed after the dump",
    "pointing applications at the restored database",
)
_GOOD = (Verdict.PROVEN, Verdict.RESTORABLE)
_EVERY_H = (168, 48, 24, 12, 8, 6, 4, 3, 2, 1, 0.5, 0.25)  # what the catalog takes


def newest_proof(dumps: Sequence[Dump], now: datetime) -> Dump | None:
    """Return the newest dump whose last verification restored it, None if there is none."""
    good = [one for one in usable(dumps, now) if one.verdict in _GOOD and one.proven_at is not None]
    return good[-1] if good else None


def proof(database: Database, dumps: Sequence[Dump], now: datetime) -> Check:
    """Return whether dumps are proven: the newest one has a good verdict, and the last proof is a week old at most.

    ``measured`` is the seconds since a dump of this database was last restored, ``objective`` a week.
    """
    kept = usable(dumps, now)
    if not kept:
        return _proof(Standing.UNKNOWN, f"There is no dump of {database.name} to prove.", follows="freshness")
    newest, proven = kept[-1], newest_proof(dumps, now)
    when = max((one.proven_at for one in kept if one.verdict in _GOOD and one.proven_at), default=None)
    age = None if when is None else max(0.0, (now - when).total_seconds())
    last = "None was ever proven." if proven is None else f"The newest that restores is from {moment(proven.taken_at)}."
    if newest.verdict in (Verdict.FAILED, Verdict.UNKNOWN):
        why = f": {newest.reason.value.replace('_', ' ')}" if newest.reason else ""
        is_bad = newest.verdict is Verdict.FAILED
        what = "does not restore" if is_bad else "could not be tried"
        said = f"The newest dump, from {moment(newest.taken_at)}, {what}{why}. {last}"
        advice = ("Read the findings of its verification, then take a new dump.",)
        return _proof(Standing.MISSED if is_bad else Standing.UNKNOWN, said, age, advice=advice, follows="verification")
    if proven is None or age is None:
        is_waiting = (now - newest.arrived_at).total_seconds() <= VERIFY_WITHIN_S
        said = f"No dump of {database.name} was proven yet; the newest arrived at {moment(newest.arrived_at)}."
        return _proof(Standing.UNKNOWN, said, follows="wait" if is_waiting else "", advice=_VERIFY)
    if age > MAX_PROOF_AGE_S:
        said = f"A dump was last restored {span(age)} ago; once a week is wanted. {last}"
        return _proof(Standing.MISSED, said, age, advice=_VERIFY)
    if newest.verdict is None and (now - newest.arrived_at).total_seconds() > VERIFY_WITHIN_S:
        waited = span((now - newest.arrived_at).total_seconds())
        said = f"The newest dump, from {moment(newest.taken_at)}, has no verdict after {waited}. {last}"
        return _proof(Standing.UNKNOWN, said, age, advice=_VERIFY)
    good = "proven" if proven.verdict is Verdict.PROVEN else "restorable, with nothing to compare it with"
    said = f"The dump from {moment(proven.taken_at)} was restored {span(age)} ago and is {good}."
    return _proof(Standing.MET, said, age)


def recoverables(dumps: Sequence[Dump], reports: Sequence[SourceReport], now: datetime) -> tuple[Recoverable, ...]:
    """Return what could be had back at ``now``, by the newest proven dump and by each source, newest first."""
    found = [one.recoverable for one in reports]
    proven = newest_proof(dumps, now)
    if proven is not None:
        found.append(Recoverable(proven.taken_at, "dump", True, proven.dump_id, proven.proven_at, proven.restore_s))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.until, reverse=True))


def rpo(database: Database, dumps: Sequence[Dump], reports: Sequence[SourceReport], now: datetime) -> Check:
    """Return how much would be lost, against the recovery point objective.

    ``measured`` is ``now`` minus the newest recoverable state. Where only dumps (or snapshots) give one, ``worst_s`` is
    the interval of the schedule plus the lag from a dump's snapshot to its proof (the median of the last 20). That must
    be within the objective, too: else it is missed, however new the last dump is.
    """
    found = recoverables(dumps, reports, now)
    unsure = [one for one in reports if one.standing is Standing.UNKNOWN or one.is_open_ended]
    doubts = "".join(f" {one.sentence}" for one in unsure)
    if not found:
        is_waiting = bool(usable(dumps, now))
        said = f"Nothing is known that {database.name} could be recovered from.{doubts}"
        return Check(
            "rpo", Standing.UNKNOWN, said, objective=database.rpo_s, follows="proof" if is_waiting else "freshness"
        )
    best = found[0]
    is_continuous = any(one.archive_until == best.until and one.kind == best.by for one in reports)
    measured = max(0.0, (now - best.until).total_seconds())
    lag = proof_lag_s(dumps, now)
    worst = measured if is_continuous else max(measured, interval_s(database) + lag)
    figures = {"worst_s": worst, "until": best.until.isoformat().replace("+00:00", "Z"), "proof_lag_s": lag}
    said = _loss(best, measured, worst, database, is_continuous=is_continuous)
    standing, follows = Standing.MET, ""
    advice: tuple[str, ...] = ()
    if worst > database.rpo_s:
        standing = Standing.UNKNOWN if unsure else Standing.MISSED
        advice = () if is_continuous else rpo_advice(database, lag)
        said += doubts
    if _is_late(database, dumps, now) and not is_continuous and interval_s(database) + lag <= database.rpo_s:
        follows = "freshness"
    if standing is Standing.UNKNOWN and any(one.standing is Standing.UNKNOWN for one in reports):
        follows = "sources"
    return Check("rpo", standing, said, measured, database.rpo_s, "s", best.by, advice, follows, figures)


def proof_lag_s(dumps: Sequence[Dump], now: datetime) -> float:
    """Return the seconds from a dump's snapshot to its first proof, as the median of the last ones; 0 if there is none.

    A dump that was proven again counts not at all: its ``proven_at`` is the last one's.
    """
    lags = [
        (one.proven_at - one.taken_at).total_seconds()
        for one in usable(dumps, now)
        if one.proven_at is not None and one.proven_at - one.arrived_at < timedelta(seconds=VERIFY_WITHIN_S)
    ][-LAG_SAMPLES:]
    return max(0.0, median(lags)) if lags else 0.0


def rpo_advice(database: Database, lag_s: float) -> tuple[str, ...]:
    """Return what would meet an RPO that dumps miss."""
    every = interval_s(database)
    if every + lag_s <= database.rpo_s:
        return ("The schedule would do: see why the newest proven dump is this old.",)
    advice = [
        f"Dumps every {span(every)} cannot give {span(database.rpo_s)}. Archive the write-ahead log continuously"
        " (pgBackRest, Barman or WAL-G, archive_timeout = 60), or use point-in-time recovery (RDS), and name it under"
        f" sources of {database.name} in the catalog."
    ]
    fitting = next((one for one in _EVERY_H if one * 3600 + lag_s <= database.rpo_s), None)
    if fitting is not None:
        advice.append(f"Or take a dump every {span(fitting * 3600)}: every_h: {fitting:g}.")
    advice.append("A replica alone does not help: what is deleted by mistake is deleted there, too.")
    return tuple(advice)


def rto(database: Database, dumps: Sequence[Dump], verifications: Sequence[Verification], now: datetime) -> Check:
    """Return how long a restore takes, against the recovery time objective.

    ``measured`` is the 95th percentile of the last 50 good restores of 90 days (``restore_s``: see ``COUNTED``; a
    person's part, ``NOT_COUNTED``, comes on top). Fewer than ``MIN_RESTORES`` are judged by the slowest: missed where
    it is beyond the objective, met where it was twice as fast, and unknown in between.
    """
    taken = restore_times(verifications, now)
    ahead = forecast(*_sizes_and_restores(dumps), now)
    figures: dict[str, Any] = {
        "restores": len(taken), "counted": list(COUNTED), "not_counted": list(NOT_COUNTED), "forecast": ahead.figures(),
    }  # fmt: skip
    if not taken:
        said = f"No restore of {database.name} was measured in {RTO_WINDOW.days} days."
        return Check("rto", Standing.UNKNOWN, said, objective=database.rto_s, follows="proof", figures=figures)
    slowest, p50, p95 = max(taken), quantile(taken, 0.5), quantile(taken, 0.95)
    figures |= {"p50_s": p50, "p95_s": p95, "max_s": slowest}
    is_few = len(taken) < MIN_RESTORES
    if is_few:
        count = f"{len(taken)} proven restore{'' if len(taken) == 1 else 's'}"
        said = f"The slowest of {count} took {span(slowest)}; from {MIN_RESTORES} on the 95th percentile counts."
        margin = FEW_MARGIN
    else:
        said = f"Of {len(taken)} proven restores half took {span(p50)} at most, 95 of 100 {span(p95)}."
        margin = 1.0
    said += f" The objective is {span(database.rto_s)}, and a person's part comes on top."
    standing = Standing.MET
    if p95 * margin > database.rto_s:
        standing = Standing.MISSED if p95 > database.rto_s else Standing.UNKNOWN
    advice = rto_advice(database, ahead, is_slow=p95 > database.rto_s)
    return Check("rto", standing, said, p95, database.rto_s, "s", "restore", advice, figures=figures)


def rto_advice(database: Database, ahead: Forecast, *, is_slow: bool) -> tuple[str, ...]:
    """Return what would make restores fast enough, now or at the size that is forecast."""
    will_be = ahead.restore_high_s is not None and ahead.restore_high_s > database.rto_s
    if not is_slow and not will_be:
        return ()
    when = (
        "A restore takes longer than the objective" if is_slow else "At next quarter's size a restore may take longer"
    )
    return (
        f"{when}: restore physical backups (pgBackRest --delta, WAL-G) or in parallel (pg_restore -j), fail over to a"
        " standby, or move old partitions elsewhere.",
    )


def restore_times(verifications: Sequence[Verification], now: datetime) -> list[float]:
    """Return the seconds that the last good restores of ``RTO_WINDOW`` took, newest first; drills are no measure."""
    good = [
        one
        for one in verifications
        if one.is_good and one.cause is not Cause.DRILL and one.restore_s > 0 and now - one.ended_at <= RTO_WINDOW
    ]
    good.sort(key=lambda one: one.ended_at, reverse=True)
    return [one.restore_s for one in good[:RTO_SAMPLES]]


_VERIFY = ("Ask for a proof: POST /v1/backups/dumps/{dump_id}/verify, and see whether backup_verify runs.",)


def _proof(standing: Standing, said: str, age: float | None = None, **more: Any) -> Check:
    return Check("proof", standing, said, age, MAX_PROOF_AGE_S, by="restore", **more)


def _is_late(database: Database, dumps: Sequence[Dump], now: datetime) -> bool:
    kept = usable(dumps, now)
    return not kept or (now - kept[-1].taken_at).total_seconds() > interval_s(database) + grace_s(database)


def _loss(best: Recoverable, measured: float, worst: float, database: Database, *, is_continuous: bool) -> str:
    source = "the newest proven dump" if best.by == "dump" else f"what {best.by} reports (not proven by a restore)"
    said = f"Right now the last {span(measured)} would be lost: {source} goes up to {moment(best.until)}."
    if not is_continuous and worst > measured:
        said += f" Just before the next dump is proven it would be {span(worst)}."
    return f"{said} The objective is {span(database.rpo_s)}."


def _sizes_and_restores(dumps: Sequence[Dump]) -> tuple[list[tuple[datetime, float]], list[tuple[float, float]]]:
    """Return sizes by time, and seconds by size: of the databases where every dump has one, else of the files."""
    has_all = bool(dumps) and all(one.size_bytes is not None for one in dumps if one.verdict in _GOOD)

    def of(dump: Dump) -> float:
        return float(dump.size_bytes or 0) if has_all else float(dump.bytes)

    good = [one for one in dumps if one.verdict in _GOOD]
    sizes = [(one.taken_at, of(one)) for one in good]
    return sizes, [(of(one), one.restore_s) for one in good if one.restore_s]
