"""What a request of an exercise says, and what could be restored when one begins."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from opsloop.backup.exercise import MAX_NOTE, Restorable, StepState, Tick
from opsloop.backup.model import Dump, Verdict
from opsloop.catalog import Database
from opsloop.clock import parse_time
from opsloop.errors import InvalidInputError

SAYABLE = tuple(one.value for one in StepState if one is not StepState.TODO)


def disaster_of(document: Mapping[str, Any]) -> str:
    """Return the disaster that is to be exercised; raise ``InvalidInputError``."""
    _only(document, ("disaster",))
    return _text(document, "disaster", 255)


def tick_of(
    document: Mapping[str, Any], number: str, *, by: str, now: datetime
) -> tuple[Tick, Mapping[str, datetime] | None]:
    """Return what is said of the step ``number``, and up to which moment databases were recovered, if it is said.

    Raises ``InvalidInputError`` that names the field.
    """
    _only(document, ("state", "note", "recovered_to"))
    if not number.isascii() or not number.isdigit() or len(number) > 3:
        raise InvalidInputError(f"n: {number!r} is not the number of a step")
    state = document.get("state")
    if state not in SAYABLE:
        raise InvalidInputError(f"state: expected one of {', '.join(SAYABLE)}")
    recovered = document.get("recovered_to")
    moments: dict[str, datetime] | None = None
    if recovered is not None:
        if not isinstance(recovered, dict) or not all(isinstance(one, str) for one in recovered.values()):
            raise InvalidInputError("recovered_to: expected an object of databases, each with a time in ISO 8601")
        moments = {name: parse_time(text, name=f"recovered_to.{name}") for name, text in recovered.items()}
    return Tick(int(number), StepState(state), by, now, _note(document)), moments


def end_of(document: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the closing note, and whether the exercise is abandoned; raise ``InvalidInputError``."""
    _only(document, ("note", "abandon"))
    is_abandoned = document.get("abandon", False)
    if not isinstance(is_abandoned, bool):
        raise InvalidInputError("abandon: expected true or false")
    return _note(document), is_abandoned


def restorable(database: Database, dumps: Iterable[Dump]) -> Restorable:
    """Return what could be restored of ``database``: the newest proven of ``dumps``, which come newest first.

    Reads no further than that one. A dump that was restored before and could not be tried since does not count.
    """
    for one in dumps:
        is_good = one.verdict in (Verdict.PROVEN, Verdict.RESTORABLE) and one.proven_at is not None
        if is_good and one.deleted_at is None:
            return Restorable(
                database.name, database.rpo_s, database.rto_s, one.dump_id, one.taken_at, one.restore_s, one.bytes
            )
    return Restorable(database.name, database.rpo_s, database.rto_s)


def _note(document: Mapping[str, Any]) -> str:
    note = document.get("note", "")
    if not isinstance(note, str) or len(note) > MAX_NOTE:
        raise InvalidInputError(f"note: expected at most {MAX_NOTE} characters")
    return note.strip()


def _text(document: Mapping[str, Any], name: str, most: int) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise InvalidInputError(f"{name}: expected 1 to {most} characters")
    return value


def _only(document: Mapping[str, Any], names: tuple[str, ...]) -> None:
    if unknown := document.keys() - set(names):
        raise InvalidInputError(f"{min(unknown)}: not a field of this request; there are: {', '.join(names)}")
