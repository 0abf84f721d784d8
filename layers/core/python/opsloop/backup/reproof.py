"""A proof that a person asks for: of a dump that is there, whatever was said of it before.

The request's id follows from what was last said of the dump. Until that proof has its verdict, asking again is asking
for the same one, so that nobody who is impatient has a dump restored twice; after it, it is another one.
"""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

from opsloop.backup.claim import Claim, ClaimState
from opsloop.backup.model import Cause, Dump
from opsloop.backup.stores import Job
from opsloop.errors import ConflictError

REQUESTED, PROVING = "requested", "proving"


def next_proof(dump: Dump, now: datetime, correlation_id: str, is_there: Callable[[str], bool]) -> Job:
    """Return the proof of ``dump`` that comes next; ``is_there`` says of a verification's id whether it has a verdict.

    Raises ``ConflictError`` for a dump that was deleted.
    """
    if dump.deleted_at is not None:
        raise ConflictError(f"dump_id: {dump.dump_id} was deleted: {dump.deleted_why or 'its object is gone'}")
    last = dump.verification_id
    while True:
        request_id = sha256(f"{dump.dump_id} {dump.version} {last}".encode()).hexdigest()[:32]
        job = Job(dump.dump_id, Cause.REQUEST, now, request_id=request_id, correlation_id=correlation_id)
        if not is_there(job.verification_id):
            return job
        last = job.verification_id  # its verdict was on another version, or came after a later one


def proof_json(dump: Dump, job: Job, claim: Claim | None, now: datetime) -> dict[str, Any]:
    """Return what the API says of a proof that was asked for; its verdict will be ``verification_id``."""
    held = (ClaimState.WORKING, ClaimState.HANDED_OVER)
    is_held = claim is not None and claim.state in held and claim.until > now
    return {
        "verification_id": job.verification_id,
        "database": dump.database,
        "dump_id": dump.dump_id,
        "cause": job.cause.value,
        "state": PROVING if is_held else REQUESTED,
    }
