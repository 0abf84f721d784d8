"""What is written down of retention: each deletion, and the plan that it came from."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from opsloop.backup.model import Dump
from opsloop.backup.retention import Decision, Plan
from opsloop.catalog import RetentionClass
from opsloop.clock import format_time
from opsloop.dataclass import dataclass

MOST_SHOWN = 5_000  # decisions of a plan that are stored, of each kind: an item of the table holds 400 KB
MOST_TOLD = 100  # of those that an event names
UNDO_DAYS = 30  # for which the bucket keeps what a delete marker hides


class DeletionState(StrEnum):
    """How far a deletion is. Only the first is open."""

    BEGUN = "begun"
    DELETED = "deleted"
    STOPPED = "stopped"  # something spoke against it at the last moment; the dump is there
    UNDONE = "undone"


@dataclass(frozen=True)
class Deletion:
    """One deletion: what, why, by which class, when, and what became of it.

    ``marker`` is the version of the delete marker that hides the object. ``said`` is what stopped it, or why it was
    undone and by whom. The id holds the database, so that it is found by its id.
    """

    deletion_id: str
    database: str
    dump_id: str
    key: str
    version: str
    bytes: int
    taken_at: datetime
    rules: tuple[str, ...]
    why: str
    by: str
    begun_at: datetime
    state: DeletionState = DeletionState.BEGUN
    ended_at: datetime | None = None
    marker: str = ""
    said: str = ""
    revision: int = 0


def begun(dump: Dump, decision: Decision, chosen: RetentionClass, now: datetime) -> Deletion:
    """Return the deletion of ``dump`` that begins at ``now``. The same run, started again, begins the same."""
    digest = hashlib.blake2b(f"{dump.dump_id} {dump.version}".encode(), digest_size=6).hexdigest()
    return Deletion(
        deletion_id=f"{dump.database}.{now:%Y%m%dT%H%M%SZ}.{digest}",
        database=dump.database,
        dump_id=dump.dump_id,
        key=dump.key,
        version=dump.version,
        bytes=dump.bytes,
        taken_at=dump.taken_at,
        rules=tuple(decision.rules),
        why=decision.why,
        by=f"retention class {chosen.name} ({chosen.policy})",
        begun_at=now,
    )


def database_of(deletion_id: str) -> str:
    """Return the database that a deletion's id names, "" if it is not one of ours."""
    parts = deletion_id.rsplit(".", 2)
    return parts[0] if len(parts) == 3 else ""


def deletion_json(one: Deletion) -> dict[str, Any]:
    """Return a deletion as the API gives it."""
    return {
        "id": one.deletion_id,
        "database": one.database,
        "dump_id": one.dump_id,
        "bytes": one.bytes,
        "taken_at": format_time(one.taken_at),
        "rules": list(one.rules),
        "why": one.why,
        "by": one.by,
        "state": one.state.value,
        "begun_at": format_time(one.begun_at),
        "ended_at": format_time(one.ended_at) if one.ended_at else None,
        "said": one.said,
    }


def plan_json(
    database: str,
    chosen: RetentionClass,
    found: Plan,
    now: datetime,
    *,
    is_stopped: bool,
    advice: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a plan as it is stored and as the API gives it.

    ``is_stopped``: the switch forbids every deletion. ``advice`` is about other tools' backups.
    """
    return {
        "database": database,
        "retention": chosen.name,
        "policy": chosen.policy,
        "mode": chosen.mode,
        "is_stopped": is_stopped,
        "planned_at": format_time(now),
        "keep_count": len(found.keep),
        "keep_bytes": sum(one.copy.bytes for one in found.keep),
        "delete_count": len(found.delete),
        "delete_bytes": sum(one.copy.bytes for one in found.delete),
        "delete": decisions_json(found.delete[:MOST_SHOWN]),
        "keep": decisions_json(found.keep[-MOST_SHOWN:]),
        "advice": list(advice),
    }


def decisions_json(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    """Return decisions as the API gives them, in their order."""
    return [
        {
            "dump_id": one.copy.copy_id,
            "taken_at": format_time(one.copy.taken_at) if one.copy.taken_at else None,
            "bytes": one.copy.bytes,
            "rules": [rule.value for rule in one.rules],
            "why": one.why,
        }
        for one in decisions
    ]
