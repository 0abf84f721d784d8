"""Prove one dump of the bucket, exactly once for every arrival and every request, whoever else is at it.

A worker claims the job with a lease that is longer than it can live, restores, and writes the verdict, the dump's
record, the end of its claim and what the bus must hear in one transaction. The verdict's id follows from the job, and
must be new: of two workers, or of one that was killed and its follower, one writes. Everything after that (evidence,
bus) waits in the outbox until it is done.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from opsloop.backup.arrival import Arrival, gone, name_of, registered
from opsloop.backup.claim import Claim, ClaimState, TakenError, claimed, ended, handed_over
from opsloop.backup.document import NewerFormatError, read_manifest
from opsloop.backup.key import key_of, manifest_key, read_key
from opsloop.backup.model import Cause, Dump, Finding, Manifest, Reason, Verdict, Verification
from opsloop.backup.order import OURS
from opsloop.backup.outbox import Outbox
from opsloop.backup.stores import Job, Objects, Stores, Verifier, Workshop
from opsloop.backup.verdict import could_not, letter_of, timed, verified, wanted_of
from opsloop.backup.wanted import Progress
from opsloop.catalog import Database
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError, InvalidInputError, NotFoundError, PermanentError, TransientError

ATTEMPTS = 4  # at one job by this machine; then it is taken to be too large
MOST_ATTEMPTS = 8  # with those of a larger one; then the verdict is that it could not be tried
RETRY_S, CONFLICTS = 60.0, 10
START_WITHIN_S = 1_800.0  # a larger machine takes some minutes to come up
LAST_PROOFS = 20  # looked through for the newest content that was proven


@dataclass(frozen=True)
class Outcome:
    """What came of it: a verdict; or another try in ``again_s``, and ``why``; with neither, nothing is left to do."""

    verification: Verification | None = None
    again_s: float | None = None
    why: str = ""
    is_handed_over: bool = False


class UnknownDatabaseError(InvalidInputError):
    """A dump of a database that no catalog declares: nobody said what is to become of it."""


def job_of(arrival: Arrival) -> Job | None:
    """Return what an object's arrival asks for; None where it is no dump."""
    name = read_key(arrival.key)
    if name is None:
        return None
    return Job(
        name.dump_id,
        Cause.ARRIVAL,
        arrival.at,
        version=arrival.version,
        bytes=arrival.bytes,
        correlation_id=arrival.correlation_id,
    )


def requested_job(event: Mapping[str, Any]) -> Job:
    """Return the job that a ``backup.verification_requested`` on the bus asks for; raise ``InvalidInputError``."""
    try:
        detail = event["detail"]
        data = detail["data"]
        name = name_of(str(data["dump_id"]))
        asked_at = parse_time(detail["time"], name="time")
        correlation_id = str(detail.get("correlationid", ""))
        cause, request_id = Cause(data["cause"]), str(detail["id"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        text = f"not a request to verify a dump: {type(error).__name__}: {error}"
        raise InvalidInputError(text) from None
    return Job(name.dump_id, cause, asked_at, request_id=request_id, correlation_id=correlation_id)


class Prover:
    """Does jobs. ``holder`` names this worker and nobody else; ``clock`` tells the time."""

    def __init__(
        self,
        databases: Mapping[str, Database],
        stores: Stores,
        bucket: Objects,
        verifier: Verifier,
        workshop: Workshop,
        outbox: Outbox,
        *,
        holder: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._databases, self._stores, self._bucket = databases, stores, bucket
        self._verifier, self._workshop, self._outbox = verifier, workshop, outbox
        self._holder, self._clock = holder, clock
        self._most = MOST_ATTEMPTS if workshop.is_runner else ATTEMPTS

    def prove(self, job: Job, progress: Progress = lambda _phase, _done, _whole: None) -> Outcome:
        """Do ``job`` unless it is done or somebody is at it.

        Raises ``UnknownDatabaseError`` for a dump of no declared database, ``TransientError`` where a store does not
        answer: then the lease is let go if that is possible, and runs out if not.
        """
        if name_of(job.dump_id).database not in self._databases:
            raise UnknownDatabaseError(f"{key_of(job.dump_id)}: the catalog declares no such database")
        job = self._versioned(job)
        try:
            claim = self._claim(job)
        except TakenError as taken:
            if taken.until is None:
                self._outbox.send_all()  # who did it may have been killed before it told anybody
                return Outcome()
            seconds = max(1.0, (taken.until - self._clock()).total_seconds() + 1.0)
            return Outcome(again_s=seconds, why="somebody else is at it")
        try:
            if self._stores.verifications.find(job.verification_id) is not None:  # its claim has expired since
                self._stores.claims.save(ended(claim, ClaimState.DONE, self._clock()))
                return Outcome()
            return self._work(job, claim, progress)
        except TransientError as error:
            if claim.attempts >= self._most:
                now = self._clock()
                return self._conclude(
                    job, claim, could_not(job_facts(job), Reason.NOT_STARTED, error.message, now, now)
                )
            self._let_go(claim)
            raise

    def _versioned(self, job: Job) -> Job:
        """Return the job of the version that is there now: one that was replaced is nobody's backup any more.

        Without this, S3's events of one object in the wrong order would bring the old one back.
        """
        if job.cause is not Cause.ARRIVAL:
            return job
        stored = self._bucket.look(key_of(job.dump_id))
        return job if stored is None else replace(job, version=stored.version)

    def _claim(self, job: Job) -> Claim:
        found = self._stores.claims.find(job.claim_id)
        shop = self._workshop
        wanted = claimed(found, job.claim_id, self._holder, self._clock(), shop.lease_s, is_runner=shop.is_runner)
        try:
            return self._stores.claims.save(wanted)
        except ConflictError:
            raise TakenError(self._clock() + timedelta(seconds=RETRY_S)) from None

    def _work(self, job: Job, claim: Claim, progress: Progress) -> Outcome:
        """Return what came of one attempt."""
        dump, manifest, fault = self._register(job)
        began = self._clock()
        facts = job_facts(job)
        if dump.deleted_at is not None:
            text = f"{dump.key} was deleted before it could be read"
            return self._conclude(job, claim, could_not(facts, Reason.NOT_FOUND, text, began, self._clock()))
        if fault is not None:
            found = could_not(facts, fault.reason, fault.found, began, self._clock())
            verdict = Verdict.UNKNOWN if fault.reason in OURS else Verdict.FAILED
            return self._conclude(job, claim, replace(found, verdict=verdict, findings=(fault,)))
        if claim.attempts > self._most:
            text = (
                f"{claim.attempts - 1} attempts ended without a verdict: each ran out of time or memory, or was killed"
            )
            return self._too_large(job, claim, could_not(facts, Reason.TOO_LARGE, text, began, self._clock()))
        try:
            verification = self._attempt(job, dump, manifest, progress)
        except NotFoundError as error:
            verification = could_not(facts, Reason.NOT_FOUND, error.message, began, self._clock())
        verification = replace(verification, version=dump.version)
        if verification.reason is Reason.TOO_LARGE:
            return self._too_large(job, claim, verification)
        if verification.reason is Reason.NOT_STARTED and claim.attempts < self._most:
            self._let_go(claim)
            return Outcome(again_s=RETRY_S * claim.attempts, why=verification.detail)
        return self._conclude(job, claim, verification)

    def _register(self, job: Job) -> tuple[Dump, Manifest | None, Finding | None]:
        """Return what is kept of the dump now, its manifest if it has one, and what is wrong with that."""
        name, dumps = name_of(job.dump_id), self._stores.dumps
        for _ in range(CONFLICTS):
            known = dumps.find(job.dump_id)
            stored = self._bucket.look(name.key)
            manifest, fault = (None, None) if stored is None else self._manifest(name.key)
            if stored is None:
                now_is = gone(name, job.asked_at, job.bytes, known, self._clock())
            else:
                now_is = registered(name, stored, manifest, known, job.asked_at)
            if now_is == known:
                return now_is, manifest, fault
            try:
                moved = replace(now_is, revision=known.revision if known else 0)
                self._stores.commit(dumps.change(moved, before=known), conflict=f"dump {name.dump_id} has changed")
            except ConflictError:
                continue
            return replace(moved, revision=moved.revision + 1), manifest, fault
        raise ConflictError(f"dump {name.dump_id} changes all the time")

    def _manifest(self, key: str) -> tuple[Manifest | None, Finding | None]:
        where = manifest_key(key)
        try:
            return read_manifest(json.loads(self._bucket.read(where))), None
        except NotFoundError:
            return None, None
        except NewerFormatError as error:
            return None, Finding(Reason.UNSUPPORTED, where, "a manifest of a format known here", str(error))
        except (InvalidInputError, ValueError) as error:
            return None, Finding(Reason.CORRUPT, where, "a manifest that can be read", str(error))

    def _attempt(self, job: Job, dump: Dump, manifest: Manifest | None, progress: Progress) -> Verification:
        """Return the verdict on a dump that is there, by this machine."""
        began = self._clock()
        limits = self._workshop.limits(dump.bytes)
        if limits is None:
            text = f"{dump.bytes} bytes do not fit on the disk of this machine"
            return could_not(job_facts(job), Reason.TOO_LARGE, text, began, self._clock())
        with self._workshop.file(dump.dump_id.rpartition("/")[2]) as (path, file):
            whole = float(dump.bytes)
            self._bucket.download(dump.key, dump.version, file, lambda done: progress("read", float(done), whole))
            file.close()
            read_s = (self._clock() - began).total_seconds()
            limits = self._workshop.limits(0) or limits
            wanted = wanted_of(self._databases[dump.database], dump, job.cause, began, limits, self._workshop.where)
            wanted = replace(wanted, verification_id=job.verification_id, newer_than=self._newest_before(dump, job))
            try:
                verification = self._verifier.verify(path, manifest, wanted, progress)
            except Exception as error:  # noqa: BLE001 -- the boundary to the engine: what nobody foresaw in a stranger's dump
                text = f"{type(error).__name__}: {error}"
                return could_not(job_facts(job), Reason.NOT_STARTED, text, began, self._clock())
        return timed(verification, began, read_s)

    def _newest_before(self, dump: Dump, job: Job) -> datetime | None:
        """Return the newest content that was proven, if ``dump``, made elsewhere, arrives as something newer than it.

        What has a manifest says when it was taken; an old file under a new name would not.
        """
        if dump.has_manifest or job.cause is not Cause.ARRIVAL:
            return None
        proofs = islice(self._stores.verifications.of(dump.database), LAST_PROOFS)
        newest = max((one.taken_at for one in proofs if one.is_good and one.taken_at), default=None)
        return newest if newest is not None and dump.taken_at > newest else None

    def _too_large(self, job: Job, claim: Claim, verification: Verification) -> Outcome:
        """Have a larger machine try, and if there is none, say so."""
        shop = self._workshop
        if not shop.is_runner and claim.attempts <= MOST_ATTEMPTS:
            waiting = self._stores.claims.save(handed_over(claim, self._clock(), START_WITHIN_S))
            try:
                if shop.ask_larger(job, claim.attempts):
                    return Outcome(is_handed_over=True, again_s=START_WITHIN_S, why=verification.detail)
                more = "; there is no larger runner on this stage"
            except TransientError:
                self._let_go(waiting)
                raise
            except PermanentError as error:
                more = f"; the larger runner cannot be started: {error.message}"
            claim = waiting
            verification = replace(verification, detail=f"{verification.detail}{more}")
        return self._conclude(job, claim, verification)

    def _conclude(self, job: Job, claim: Claim, found: Verification) -> Outcome:
        """Write the verdict, once, and tell it."""
        stores, name = self._stores, name_of(job.dump_id)
        verification = replace(
            found,
            verification_id=job.verification_id,
            dump_id=job.dump_id,
            database=name.database,
            cause=job.cause,
            where=self._workshop.where,
        )
        letter = letter_of(verification, job.correlation_id)
        for _ in range(CONFLICTS):
            dump = stores.dumps.find(job.dump_id)
            after = [] if dump is None else stores.dumps.change(verified(dump, verification), before=dump)
            actions = [*after, *stores.verifications.addition(verification), *stores.letters.addition(letter)]
            actions += stores.claims.change(ended(claim, ClaimState.DONE, self._clock()))
            try:
                stores.commit(actions, conflict=f"verification {job.verification_id} is not ours any more")
            except ConflictError:
                now_is = stores.claims.find(job.claim_id)
                if now_is is None or now_is.revision != claim.revision:  # the lease ran out: the verdict is another's
                    return Outcome(again_s=RETRY_S, why="the lease ran out")
                continue
            self._outbox.send(letter)
            return Outcome(verification)
        raise ConflictError(f"dump {job.dump_id} changes all the time")

    def _let_go(self, claim: Claim) -> None:
        try:
            self._stores.claims.save(ended(claim, ClaimState.FREE, self._clock()))
        except TransientError:  # then it runs out
            return


def job_facts(job: Job) -> Verification:
    """Return a verdict on ``job`` with nothing in it yet."""
    return Verification(
        job.verification_id,
        job.dump_id,
        name_of(job.dump_id).database,
        job.cause,
        Verdict.UNKNOWN,
        None,
        "",
        job.asked_at,
        job.asked_at,
        dump_bytes=job.bytes,
        version=job.version,
    )
