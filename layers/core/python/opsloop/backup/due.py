"""When is a dump due? Slots of a database, counted from the epoch, and which of them nobody has asked for yet."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from opsloop.catalog import Database
from opsloop.dataclass import dataclass

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Slot:
    """One dump that is due: of which database, and since when."""

    database: str
    begins_at: datetime


def slot_of(now: datetime, every_h: float) -> datetime:
    """Return when the slot began that ``now`` lies in; slots are ``every_h`` hours long and begin at the epoch."""
    length = timedelta(hours=every_h)
    return _EPOCH + (now - _EPOCH) // length * length


def due_slots(
    databases: Iterable[Database], now: datetime, was_requested: Callable[[str, datetime], bool]
) -> list[Slot]:
    """Return the newest slot of each database that we dump ourselves, unless it was requested.

    Slots before that are not made up for: a dump of now is worth more than one for then.
    """
    slots = [Slot(one.name, slot_of(now, one.every_h)) for one in databases if one.secret]
    return [slot for slot in slots if not was_requested(slot.database, slot.begins_at)]
