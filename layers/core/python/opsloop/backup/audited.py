"""What the audit keeps of a database between two looks, and the events that it owes the bus.

Saved together by one conditional write: of two audits at once one wins, and what it found new is told once. Events that
are saved but not yet published are published by the next audit, under the same ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from opsloop.backup.audit import Episode, Remembered, Telling
from opsloop.backup.model import ObjectiveMet, ObjectiveMissed, VerificationRequested
from opsloop.backup.standing import Standing
from opsloop.clock import format_time, parse_time
from opsloop.dataclass import dataclass
from opsloop.events import Event

KINDS = {kind.TYPE: kind for kind in (ObjectiveMet, ObjectiveMissed, VerificationRequested)}


@dataclass(frozen=True)
class Audited:
    """One database as the last audit left it. ``assessment`` is its JSON, ``owed`` events as ``owed_json`` makes them."""

    database: str
    judged_at: datetime
    assessment: Mapping[str, Any]
    remembered: Remembered
    owed: tuple[Mapping[str, Any], ...] = ()
    revision: int = 0


def owed_json(telling: Telling) -> dict[str, Any]:
    """Return an event that is still to be published as JSON."""
    return {"id": telling.event_id, "type": telling.data.TYPE, "data": asdict(telling.data)}


def events(database: str, owed: Sequence[Mapping[str, Any]], at: datetime) -> list[Event]:
    """Return the events to publish for what is ``owed`` since ``at``."""
    return [Event(one["id"], database, at, KINDS[one["type"]](**one["data"]), one["id"]) for one in owed]


def remembered_json(one: Remembered) -> dict[str, Any]:
    """Return ``one`` as JSON, as it is kept."""
    return {
        "first_audited_at": format_time(one.first_audited_at),
        "requested_slot": one.requested_slot,
        "episodes": {
            name: {
                "standing": each.standing.value,
                "since": format_time(each.since),
                "told": each.told,
                "told_since": None if each.told_since is None else format_time(each.told_since),
            }
            for name, each in one.episodes.items()
        },
    }


def read_remembered(document: Mapping[str, Any]) -> Remembered:
    """Return what ``remembered_json`` wrote."""
    return Remembered(
        parse_time(document["first_audited_at"], name="first_audited_at"),
        {
            name: Episode(
                Standing(each["standing"]),
                parse_time(each["since"], name="since"),
                each["told"],
                None if each["told_since"] is None else parse_time(each["told_since"], name="told_since"),
            )
            for name, each in document["episodes"].items()
        },
        int(document["requested_slot"]),
    )
