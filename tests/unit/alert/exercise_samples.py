"""Exercises of a disaster of orders, as the bus tells them."""

from typing import Any

from opsloop.alert.exercise_event import read_exercise
from opsloop.alert.model import Begun, Recovered
from opsloop.clock import parse_time
from tests.unit.alert.backup_samples import DATABASES

EXERCISE = "database-lost.20261203T090000Z"
DUE: dict[str, Any] = {
    "disaster": "database-lost",
    "quarter": "2026-Q4",
    "last": "2026-Q3",
    "databases": ["orders"],
    "standing": "due",
    "running": "",
}
NEVER: dict[str, Any] = {**DUE, "last": "", "standing": "unknown", "running": EXERCISE}
PASSED: dict[str, Any] = {
    "exercise_id": EXERCISE,
    "disaster": "database-lost",
    "quarter": "2026-Q4",
    "result": "passed",
    "rto_s": 2520.0,
    "databases": [
        {
            "database": "orders",
            "rto_s": 2520.0,
            "rto_target_s": 14_400.0,
            "rto": "met",
            "rpo_s": 600.0,
            "rpo_target_s": 900.0,
            "rpo": "met",
            "recovered_to": "2026-12-03T08:50:00Z",
            "recovered_by": "said",
        }
    ],
    "by": "7f3a91c2",
    "note": "",
    "failed": [],
}
FAILED: dict[str, Any] = {
    **PASSED,
    "result": "failed",
    "rto_s": 18_000.0,
    "databases": [
        {**PASSED["databases"][0], "rto_s": 18_000.0, "rto": "missed", "rpo_s": 21_600.0, "rpo": "missed"},
    ],
    "note": "Nobody had the password of the new server.",
    "failed": [{"n": 8, "do": "Point applications at the new database.", "note": "The password is in no vault."}],
}
UNKNOWN: dict[str, Any] = {
    **PASSED,
    "result": "unknown",
    "rto_s": None,
    "databases": [{**PASSED["databases"][0], "rto_s": None, "rto": "unknown", "rpo_s": None, "rpo": "unknown"}],
}
ABANDONED: dict[str, Any] = {
    "exercise_id": EXERCISE,
    "disaster": "database-lost",
    "quarter": "2026-Q4",
    "databases": ["orders"],
    "by": "7f3a91c2",
    "note": "A real incident came between.",
    "settled": 3,
    "steps": 13,
}
CASES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("due", "backup.exercise_due", DUE),
    ("never", "backup.exercise_due", NEVER),
    ("failed", "backup.exercise_finished", FAILED),
    ("unknown", "backup.exercise_finished", UNKNOWN),
    ("abandoned", "backup.exercise_abandoned", ABANDONED),
)


def read(kind: str, data: dict[str, Any], at: str = "2026-12-04T07:00:00Z") -> Begun | Recovered:
    """Return what an event of that type asks for."""
    return read_exercise(kind, data, parse_time(at, name="time"), DATABASES)
