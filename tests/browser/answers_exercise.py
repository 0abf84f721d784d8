"""What the API says of exercises: one that runs, one that passed, and a disaster that nobody exercised."""

from datetime import timedelta
from typing import Any

from tests.browser.shop import NOW, iso
from tests.browser.stub import Answers, Asked, RefusedError

RUNNING, PASSED = "2026-Q4-database-lost-1", "2026-Q3-database-lost-1"
BEGUN = NOW - timedelta(minutes=20)


def _step(number: int, phase: str, text: str, state: str = "todo", minutes: float | None = None) -> dict[str, Any]:
    said = [{"state": state, "by": "ada", "at": iso(BEGUN + timedelta(minutes=number)), "note": "as the page says"}]
    return {
        "n": number,
        "phase": phase,
        "do": text,
        "target_minutes": 5.0,
        "state": state,
        "begun_at": iso(BEGUN) if minutes else None,
        "settled_at": iso(BEGUN + timedelta(minutes=minutes)) if minutes else None,
        "minutes": minutes,
        "said": said if state != "todo" else [],
    }


def _achieved(took_s: float | None) -> dict[str, Any]:
    return {
        "database": "orders",
        "rto_s": took_s,
        "rto_target_s": 14_400.0,
        "rto": "met" if took_s else "unknown",
        "rpo_s": 9_000.0,
        "rpo_target_s": 900.0,
        "rpo": "missed",
        "recovered_to": iso(NOW - timedelta(hours=2)),
        "recovered_by": "newest_proven",
    }


def brief(wanted: str) -> dict[str, Any]:
    """Return an exercise as the list has it."""
    is_over = wanted == PASSED
    return {
        "id": wanted,
        "disaster": "database-lost",
        "quarter": wanted[:7],
        "state": "finished" if is_over else "running",
        "result": "failed" if is_over else "",
        "started_at": iso(BEGUN - timedelta(days=80 if is_over else 0)),
        "started_by": "ada",
        "ended_at": iso(NOW - timedelta(days=79)) if is_over else None,
        "steps_settled": 4 if is_over else 1,
        "steps_count": 4,
        "rto_s": 1_800.0 if is_over else None,
        "databases": [_achieved(1_800.0 if is_over else None)],
    }


def whole(asked: Asked) -> dict[str, Any]:
    """Return an exercise with its steps."""
    wanted = asked.parameters["id"]
    if wanted not in (RUNNING, PASSED):
        raise RefusedError(404, "Not found", f"there is no exercise {wanted}")
    steps = [
        _step(1, "assess", "Confirm that the primary does not answer.", "done", 6.0),
        _step(2, "fail_over", "Restore the newest proven dump into a new database."),
        _step(3, "validate", "Compare the restored copy with its manifest."),
        _step(4, "communicate", "Tell the owners what was lost."),
    ]
    phases = ("assess", "fail_over", "validate", "communicate")
    restorable = {
        "database": "orders",
        "dump_id": "orders/2026/11/orders-20261121T060000Z.dump",
        "taken_at": iso(NOW - timedelta(hours=2, minutes=30)),
        "age_s": 7_800.0,
        "expected_restore_s": 12.4,
        "dump_bytes": 42_000_000,
        "rpo_target_s": 900.0,
        "rto_target_s": 14_400.0,
    }
    return {
        **brief(wanted),
        "description": "The server of a database is gone with its disk.",
        "steps": steps,
        "restorable": [restorable],
        "phases": [{"phase": phase, "seconds": 360.0 if phase == "assess" else None} for phase in phases],
        "fail_over_began_at": None,
        "validated_at": None,
        "ended_by": "ada" if wanted == PASSED else "",
        "note": "",
    }


def listed(_: Asked) -> dict[str, Any]:
    """Return how every disaster stands, and every exercise."""
    standing = {"databases": ["orders"], "quarter": "2026-Q4", "last_quarter": None, "running": None}
    return {
        "quarter": "2026-Q4",
        "disasters": [
            {**standing, "disaster": "database-lost", "standing": "due", "running": RUNNING, "last_quarter": "2026-Q3"},
            {**standing, "disaster": "data-deleted", "standing": "unknown"},
        ],
        "exercises": [brief(RUNNING), brief(PASSED)],
    }


ANSWERS: Answers = {
    "GET /v1/backups/exercises": listed,
    "GET /v1/backups/exercises/{id}": whole,
}
