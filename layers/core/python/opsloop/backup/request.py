"""Ask for dumps: by the clock, once for every slot, or because a person wants one now."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from opsloop.backup.due import due_slots
from opsloop.backup.model import BackupRequested, Cause
from opsloop.backup.take import Take, take_id
from opsloop.catalog import Database
from opsloop.clock import format_time, parse_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError, InvalidInputError
from opsloop.events import Event

Publish = Callable[[Sequence[Event]], None]


class Takes(Protocol):
    """Where dumps that were asked for are kept."""

    def find(self, database: str, slot: datetime) -> Take | None:
        """Return what became of the dump for that slot."""

    def save(self, take: Take) -> Take:
        """Write over the revision that was read (0: none); raise ``ConflictError`` if that is not there any more."""


@dataclass(frozen=True)
class Requested:
    """A dump that a message asks for."""

    database: str
    slot: datetime
    cause: Cause
    correlation_id: str


def read_requested(body: str) -> Requested:
    """Return what a message with a ``backup.requested`` of the bus asks for; raise ``InvalidInputError``."""
    try:
        detail = json.loads(body)["detail"]
        data = detail["data"]
        slot, cause = parse_time(data["slot"], name="slot"), Cause(data["cause"])
        return Requested(str(data["database"]), slot, cause, str(detail.get("correlationid", "")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"not a request for a dump: {type(error).__name__}: {error}") from None


class Requester:
    """Asks for dumps of ``databases`` on the bus.

    A request is kept before it is told, and noted as told afterwards: who finds one that is not noted tells it again,
    with the same id and time.
    """

    def __init__(self, databases: Mapping[str, Database], takes: Takes, publish: Publish) -> None:
        self._databases, self._takes, self._publish = databases, takes, publish

    def request_due(self, now: datetime, correlation_id: str) -> list[Take]:
        """Ask for every dump that is due at ``now`` and was not asked for; return those."""
        slots = due_slots(self._databases.values(), now, self._was_told)
        return [self.request(one.database, one.begins_at, Cause.SCHEDULE, correlation_id) for one in slots]

    def request(self, database: str, slot: datetime, cause: Cause, correlation_id: str) -> Take:
        """Ask for one dump and return what is kept of it."""
        wanted = Take(database, slot, cause, requested_at=slot, correlation_id=correlation_id)
        take = self._takes.find(database, slot)
        if take is None:
            try:
                take = self._takes.save(wanted)
            except ConflictError:  # another run asks for the same
                take = self._takes.find(database, slot) or wanted
        if take.is_told:
            return take
        fact = BackupRequested(database, format_time(slot), take.cause.value)
        self._publish([Event(f"{take_id(take)}/requested", database, take.requested_at, fact, take.correlation_id)])
        return self._noted(take)

    def _noted(self, take: Take) -> Take:
        try:
            return self._takes.save(replace(take, is_told=True))
        except ConflictError:  # it is being taken already, or another run told it as well
            return self._takes.find(take.database, take.slot) or take

    def _was_told(self, database: str, slot: datetime) -> bool:
        found = self._takes.find(database, slot)
        return found is not None and (found.is_told or found.attempts > 0)
