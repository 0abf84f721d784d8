"""What a verdict means for the dump, for the bus, and for an auditor."""

from datetime import datetime, timedelta

from opsloop.backup.document import verification_json
from opsloop.backup.findings import CLOCKS_APART
from opsloop.backup.key import read_key
from opsloop.backup.model import (
    BackupVerified,
    Cause,
    Dump,
    Phase,
    Reason,
    Verdict,
    Verification,
    VerificationFailed,
)
from opsloop.backup.outbox import Letter
from opsloop.backup.wanted import Limits, Wanted
from opsloop.catalog import Database
from opsloop.dataclass import replace

LEAST_STALE = timedelta(days=1)
MESSAGES_TOLD = 5  # on the bus, whose events hold 256 KB; the record and the evidence have all


def wanted_of(database: Database, dump: Dump, cause: Cause, now: datetime, limits: Limits, where: str) -> Wanted:
    """Return what a dump of ``database`` should be.

    One that arrives with content that is older than a day, or than two of its slots, before the time that it goes by,
    is stale; a later proof of an old dump is not about its age.
    """
    age = max(LEAST_STALE, timedelta(hours=2 * database.every_h))
    apart = max(timedelta(0), now - dump.taken_at)
    return Wanted(
        database=database.name,
        now=now,
        source_name=database.source_name,
        assertions=database.assertions,
        max_age_s=(age + apart).total_seconds() if cause is Cause.ARRIVAL else None,
        cause=cause,
        limits=limits,
        where=where,
        dump_id=dump.dump_id,
    )


def could_not(facts: Verification, reason: Reason, why: str, began: datetime, ended: datetime) -> Verification:
    """Return the verdict that nothing is known, and why."""
    return replace(
        facts, verdict=Verdict.UNKNOWN, reason=reason, detail=why, started_at=min(began, ended), ended_at=ended
    )


def timed(verification: Verification, began: datetime, read_s: float) -> Verification:
    """Return ``verification`` with the ``read_s`` seconds of the download as part of reading it."""
    rest = list(verification.phases)
    own_s = sum(one.seconds for one in rest if one.name == "read")
    phases = (Phase("read", read_s + own_s), *(one for one in rest if one.name != "read"))
    return replace(verification, started_at=began, phases=phases)


def verified(dump: Dump, verification: Verification) -> Dump:
    """Return what is known of ``dump`` after a verdict: of two, the later one counts.

    A verdict on another version of the object, which was replaced while that was restored, says nothing of this one.
    Of a dump made elsewhere ``_taken_at`` says when.
    """
    if verification.version not in ("", dump.version):
        return dump
    if verification.is_good:
        is_newer = dump.proven_at is None or dump.proven_at <= verification.ended_at
        if is_newer:
            dump = replace(dump, proven_at=verification.ended_at, restore_s=verification.restore_s)
    if dump.verified_at is not None and dump.verified_at > verification.ended_at:
        return dump
    return replace(
        dump,
        verdict=verification.verdict,
        reason=verification.reason,
        verified_at=verification.ended_at,
        verification_id=verification.verification_id,
        sha256=dump.sha256 or verification.sha256,
        taken_at=_taken_at(dump, verification.taken_at),
    )


def _taken_at(dump: Dump, said: datetime | None) -> datetime:
    """Return when a dump was taken: by its manifest, else never later than what its name, its object or itself says.

    ``said`` is the wall clock in an archive's header, of a zone that nobody knows. A name that says the time in UTC is
    better, unless the two are further apart than zones can be: then it is an old file under a new name.
    """
    if dump.has_manifest or said is None:
        return dump.taken_at
    name = read_key(dump.key)
    named = name.taken_at if name else None
    if named is not None and abs(named - said) <= CLOCKS_APART:
        return named
    return min(said, dump.taken_at if named is None else named)


def letter_of(verification: Verification, correlation_id: str) -> Letter:
    """Return what the bus must hear of a verdict. Its evidence is written before."""
    short = replace(verification, messages=(), findings=verification.findings[:MESSAGES_TOLD])
    kind = BackupVerified.TYPE if verification.is_good else VerificationFailed.TYPE
    return Letter(
        letter_id=verification.verification_id,
        type=kind,
        subject=verification.database,
        time=verification.ended_at,
        data={"database": verification.database, "verification": verification_json(short)},
        correlation_id=correlation_id or verification.verification_id,
        verification_id=verification.verification_id,
    )
