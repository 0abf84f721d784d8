"""One look at a database's backups: every check, what it comes to, and what has changed since people were told.

``audit`` judges. ``advance`` remembers: from what was remembered and what was found it makes what is remembered next,
and the events to publish, once per change. Both are pure; the events are saved with what is remembered and published
afterwards, so that a crash in between publishes them again, under the same ids.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from opsloop.backup.freshness import freshness, grace_s, interval_s, next_due, usable
from opsloop.backup.model import (
    Cause,
    Dump,
    ObjectiveMet,
    ObjectiveMissed,
    Verdict,
    Verification,
    VerificationRequested,
)
from opsloop.backup.objective import newest_proof, proof, recoverables, rpo, rto
from opsloop.backup.size import size_check
from opsloop.backup.sources import SourceReport, source_json, sources_check
from opsloop.backup.standing import Assessment, Check, Failure, Standing, recoverable_json, worst
from opsloop.backup.take import Take, TakeState
from opsloop.catalog import Database
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, field, replace

PATIENCE_S = 1_800.0
"""How long something is unknown before people are told: one answer of S3 that failed is no news."""
REQUEST_EVERY_S = 86_400.0
"""A proof that is too old is asked for once in so many seconds."""
REQUEST_AGE_S = 6.5 * 86_400.0
"""From which age on a new proof is asked for: in time for the weekly one."""


@dataclass(frozen=True)
class Evidence:
    """All that is known of one database's backups. ``dumps`` in any order, deleted ones too."""

    dumps: Sequence[Dump]
    verifications: Sequence[Verification] = ()
    takes: Sequence[Take] = ()
    reports: Sequence[SourceReport] = ()


@dataclass(frozen=True)
class Episode:
    """How one check stands since ``since``, and what people were told: ``told`` is "", ``missed`` or ``unknown``.

    ``told_since`` is when what they were told of began: it names the episode.
    """

    standing: Standing
    since: datetime
    told: str = ""
    told_since: datetime | None = None


@dataclass(frozen=True)
class Remembered:
    """What is remembered of a database from one audit to the next. ``requested_slot`` is the last proof's."""

    first_audited_at: datetime
    episodes: Mapping[str, Episode] = field(default_factory=dict)
    requested_slot: str = ""


@dataclass(frozen=True)
class Telling:
    """One event to publish: its data, and the id by which a second one is known."""

    event_id: str
    data: ObjectiveMissed | ObjectiveMet | VerificationRequested


def audit(database: Database, evidence: Evidence, now: datetime) -> Assessment:
    """Return how the backups of ``database`` stand at ``now``, by all that is known of them."""
    fresh = freshness(database, evidence.dumps, now)
    lost = rpo(database, evidence.dumps, evidence.reports, now)
    if fresh.standing is Standing.UNKNOWN and lost.by == "dump" and lost.standing is not Standing.UNKNOWN:
        lost = _in_doubt(lost)
    checks = (
        fresh,
        proof(database, evidence.dumps, now),
        lost,
        rto(database, evidence.dumps, evidence.verifications, now),
        size_check(database, evidence.dumps, now),
        *([sources_check(evidence.reports)] if evidence.reports else []),
    )
    counted = [one for one in checks if one.follows != "history"]  # a size without a history says nothing of backups
    standing = worst(one.standing for one in counted)
    kept = usable(evidence.dumps, now)
    return Assessment(
        database=database.name,
        judged_at=now,
        standing=standing,
        summary=_summary(counted, standing),
        checks=checks,
        next_due=next_due(database, now),
        recoverable=recoverables(evidence.dumps, evidence.reports, now),
        newest_dump=kept[-1] if kept else None,
        newest_proof=newest_proof(evidence.dumps, now),
        last_failure=last_failure(evidence),
        sources=tuple(source_json(one) for one in evidence.reports),
    )


def last_failure(evidence: Evidence) -> Failure | None:
    """Return the last take or verification that failed (or could not be tried), None if there was none."""
    found = [
        Failure(
            "verification", one.ended_at, one.reason.value if one.reason else one.verdict.value, one.detail,
            one.verification_id, one.dump_id,
        )
        for one in evidence.verifications
        if one.verdict in (Verdict.FAILED, Verdict.UNKNOWN) and one.cause is not Cause.DRILL
    ] + [
        Failure("take", one.ended_at or one.requested_at, "take_failed", one.why)
        for one in evidence.takes
        if one.state is TakeState.FAILED
    ]  # fmt: skip
    return max(found, key=lambda one: one.at, default=None)


def advance(database: Database, before: Remembered | None, found: Assessment) -> tuple[Remembered, tuple[Telling, ...]]:
    """Return what is remembered after ``found``, and what is to be told.

    Told is a check that is missed, at once, and one that is unknown for ``PATIENCE_S``; a database without any dump
    only when its first one is late. A check that merely follows from another is not told. What was told is told to be
    over once, when it is met again.
    """
    now = found.judged_at
    known = before or Remembered(now)
    episodes: dict[str, Episode] = {}
    tellings: list[Telling] = []
    for check in found.checks:
        last = known.episodes.get(check.name)
        same = last is not None and last.standing is check.standing
        episode = Episode(
            check.standing,
            last.since if same and last else now,
            last.told if last else "",
            last.told_since if last else None,
        )
        if check.standing is Standing.MET and episode.told:
            tellings.append(_telling(ObjectiveMet, database, check, episode, found))
            episode = replace(episode, told="", told_since=None)
        elif _is_due(database, check, episode, known, now):
            episode = replace(episode, told=check.standing.value, told_since=episode.since)
            tellings.append(_telling(ObjectiveMissed, database, check, episode, found))
        episodes[check.name] = episode
    slot = _request_slot(found, known)
    if slot and found.newest_dump is not None:
        wish = VerificationRequested(database.name, found.newest_dump.dump_id, Cause.SCHEDULE.value)
        tellings.append(Telling(_id(database.name, wish.TYPE, slot), wish))
    return Remembered(known.first_audited_at, episodes, slot or known.requested_slot), tuple(tellings)


def _is_due(database: Database, check: Check, episode: Episode, known: Remembered, now: datetime) -> bool:
    """Return whether people are to be told now that ``check`` is not met."""
    if check.standing is Standing.MET or check.follows or episode.told == Standing.MISSED.value:
        return False
    if check.standing is Standing.MISSED:
        return True
    if check.figures.get("dumps") == 0:  # nobody waits for the first one longer than for any other
        since = max(episode.since, known.first_audited_at)
        return not episode.told and (now - since).total_seconds() > interval_s(database) + grace_s(database)
    return not episode.told and (now - episode.since).total_seconds() >= PATIENCE_S


def _telling(
    kind: type[ObjectiveMissed] | type[ObjectiveMet],
    database: Database,
    check: Check,
    episode: Episode,
    found: Assessment,
) -> Telling:
    since = episode.told_since or episode.since
    name = f"backup-{database.name}-{check.name}-{since:%Y%m%dT%H%M%S}"
    data = kind(
        database=database.name,
        service=database.service,
        tier=database.tier,
        objective=check.name,
        episode=name,
        standing=check.standing.value,
        since=format_time(since),
        sentence=check.sentence,
        advice=check.advice,
        measured=check.measured,
        target=check.objective,
        unit=check.unit,
        recoverable=recoverable_json(found.recoverable[0], found.judged_at) if found.recoverable else None,
    )
    return Telling(_id(name, kind.TYPE), data)


def _request_slot(found: Assessment, known: Remembered) -> str:
    """Return the slot for which a new proof of the newest dump is asked for, "" if none is.

    Slots count from the last proof: the first begins when it is ``REQUEST_AGE_S`` old, then one each day.
    """
    newest, age = found.newest_dump, found.check("proof").measured
    if newest is None or age is None or age < REQUEST_AGE_S:
        return ""
    if newest.verdict is None and (found.judged_at - newest.arrived_at).total_seconds() < REQUEST_EVERY_S:
        return ""  # its arrival asked for a proof of its own
    proven_s = round(found.judged_at.timestamp() - age)
    slot = f"{proven_s}-{int((age - REQUEST_AGE_S) // REQUEST_EVERY_S)}"
    return "" if slot == known.requested_slot else slot


def _in_doubt(check: Check) -> Check:
    said = f"{check.sentence} A dump's clock is wrong, so that is in doubt."
    return replace(check, standing=Standing.UNKNOWN, sentence=said, follows="freshness")


def _summary(checks: Sequence[Check], standing: Standing) -> str:
    """Return the first sentence of what is worst, of what people are told of rather than of what follows from it."""
    if standing is Standing.MET:
        return "Every objective is met. " + next(one.sentence for one in checks if one.name == "rpo")
    worst_ones = [one for one in checks if one.standing is standing]
    first = min(worst_ones, key=lambda one: bool(one.follows))
    more = sum(one.standing is not Standing.MET and not one.follows for one in checks if one is not first)
    others = f"{more} other check{'' if more == 1 else 's'} of it {'is' if more == 1 else 'are'} not met, too"
    return f"{first.sentence} ({others}.)" if more else first.sentence


def _id(*parts: str) -> str:
    return sha256(" ".join(parts).encode()).hexdigest()[:32]
