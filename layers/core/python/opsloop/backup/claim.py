"""Who works on what: a lease that runs out, so that two never do the same, and one that was killed is followed."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from opsloop.dataclass import dataclass, replace


class ClaimState(StrEnum):
    """How far the work is. What is ``FREE`` or past its lease may be taken."""

    WORKING = "working"
    HANDED_OVER = "handed_over"  # to the larger runner, which takes it when it starts
    FREE = "free"
    DONE = "done"


@dataclass(frozen=True)
class Claim:
    """One piece of work and who is at it, until when. ``attempts`` counts those who began."""

    claim_id: str
    holder: str
    until: datetime
    state: ClaimState = ClaimState.WORKING
    attempts: int = 1
    revision: int = 0


class Claims(Protocol):
    """Where claims are kept."""

    def find(self, claim_id: str) -> Claim | None:
        """Return the claim as it is now."""

    def save(self, claim: Claim) -> Claim:
        """Write over the revision that was read (0: none); raise ``ConflictError`` if that is not there any more."""


class TakenError(Exception):
    """Somebody else is at it, until ``until``; None: it is done."""

    def __init__(self, until: datetime | None) -> None:
        super().__init__("done" if until is None else f"taken until {until.isoformat()}")
        self.until = until


def claimed(
    found: Claim | None, claim_id: str, holder: str, now: datetime, lease_s: float, *, is_runner: bool = False
) -> Claim:
    """Return the claim of ``holder`` after ``found``; raise ``TakenError``.

    What was handed over is the runner's (``is_runner``) until the lease of that runs out, then anybody's.
    """
    until = now + timedelta(seconds=lease_s)
    if found is None:
        return Claim(claim_id, holder, until)
    if found.state is ClaimState.DONE:
        raise TakenError(None)
    for_runner = found.state is ClaimState.HANDED_OVER and is_runner
    if found.state is not ClaimState.FREE and not for_runner and found.until > now and found.holder != holder:
        raise TakenError(found.until)
    return replace(found, holder=holder, until=until, state=ClaimState.WORKING, attempts=found.attempts + 1)


def ended(claim: Claim, state: ClaimState, now: datetime) -> Claim:
    """Return ``claim`` after its holder stopped at ``now``."""
    return replace(claim, state=state, until=now)


def handed_over(claim: Claim, now: datetime, lease_s: float) -> Claim:
    """Return ``claim`` as it waits for the runner, for at most ``lease_s``."""
    return replace(claim, state=ClaimState.HANDED_OVER, until=now + timedelta(seconds=lease_s))
