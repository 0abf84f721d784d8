"""What the audit keeps of a database between two looks, and the events that it owes the bus.

Saved together by one conditional write: of two audits at once one wins, and what it found new is told once. Events that
are saved but not yet published are published by the next audit, under the same ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from opsloop.backup.audit import Remembered, Telling
from opsloop.backup.model import ObjectiveMet, ObjectiveMissed, VerificationRequested
from opsloop.dataclass import dataclass
from opsloop.events import Event

KINDS = {kind.TYPE: kind for kind in (ObjectiveMet, ObjectiveMissed, VerificationRequested)}


@dataclass(frozen=True)
class Audited:
    """One database as the last audit left it: its ``assessment`` as JSON, and the events ``owed`` to the bus."""

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
