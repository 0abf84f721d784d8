"""One dump that was asked for: what became of it, attempt by attempt."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from opsloop.backup.model import Cause
from opsloop.clock import format_time
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


def take_id(take: Take) -> str:
    """Return what names a dump that was asked for, once and for all."""
    return f"{take.database}/{format_time(take.slot)}"


def take_json(take: Take) -> dict[str, Any]:
    """Return what answers tell of a dump that was asked for."""
    return {
        "id": take_id(take),
        "database": take.database,
        "slot": format_time(take.slot),
        "cause": take.cause.value,
        "state": take.state.value,
        "attempts": take.attempts,
        "requested_at": format_time(take.requested_at),
        "started_at": format_time(take.started_at) if take.started_at else None,
        "ended_at": format_time(take.ended_at) if take.ended_at else None,
        "dump_id": take.dump_id or None,
        "bytes": take.bytes or None,
        "rows": take.rows,
        "why": take.why or None,
    }
