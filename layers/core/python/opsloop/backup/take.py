"""One dump that was asked for: what became of it, attempt by attempt."""

from datetime import datetime
from enum import StrEnum

from opsloop.backup.model import Cause
from opsloop.dataclass import dataclass


class TakeState(StrEnum):
    """How far a dump is that was asked for."""

    REQUESTED = "requested"
    TAKING = "taking"
    TAKEN = "taken"
    FAILED = "failed"  # for good; what follows is the next slot's


@dataclass(frozen=True)
class Take:
    """One dump that was asked for, for the time ``slot``, and how far it is.

    ``key`` and ``upload_id`` are of the upload that the last attempt began; ``why`` says what it failed at.
    ``is_told``: the bus knows of the request.
    """

    database: str
    slot: datetime
    cause: Cause
    requested_at: datetime
    state: TakeState = TakeState.REQUESTED
    is_told: bool = False
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    key: str = ""
    upload_id: str = ""
    dump_id: str = ""
    bytes: int = 0
    rows: int | None = None
    why: str = ""
    correlation_id: str = ""
    revision: int = 0

    @property
    def is_over(self) -> bool:
        """Return whether nothing is left to do."""
        return self.state in (TakeState.TAKEN, TakeState.FAILED)
