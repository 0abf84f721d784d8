"""What is wrong with the backups of orders, as the bus tells it."""

from typing import Any

from opsloop.alert.backup_event import read_backup
from opsloop.alert.model import DeliveryKey, Earlier, Message, Telling
from opsloop.alert.story import compose
from opsloop.catalog import Database
from opsloop.clock import parse_time
from tests.unit.alert.samples import PLACES


def database(name: str, tier: int) -> Database:
    """Return a database of that tier, of the service of the same name."""
    return Database(name, name, tier, "", name, name, (), (), 6.0, "custom", "standard", False, 0, 900.0, 14_400.0)


DATABASES = {"orders": database("orders", 2), "payments": database("payments", 3)}
RECOVERABLE: dict[str, Any] = {
    "until": "2026-11-21T06:00:00Z",
    "age_s": 9000.0,
    "by": "dump",
    "is_proven": True,
    "dump_id": "orders/2026/11/orders-20261121T060000Z.dump",
    "proven_at": "2026-11-21T06:02:00Z",
    "restore_s": 2.2,
}
RPO: dict[str, Any] = {
    "database": "orders",
    "service": "orders",
    "tier": 2,
    "objective": "rpo",
    "episode": "backup-orders-rpo-20261121T082200",
    "standing": "missed",
    "since": "2026-11-21T08:22:00Z",
    "sentence": "Right now the last 2 hours 22 minutes would be lost: the newest proven dump goes up to 06:00 UTC.",
    "advice": ["Archive the write-ahead log continuously."],
    "measured": 8520.0,
    "target": 900.0,
    "unit": "s",
    "recoverable": RECOVERABLE,
}
TRUNCATED: dict[str, Any] = {
    "verification_id": "20261121T121000Z-orders-4f3a9c1e",
    "dump_id": "orders/2026/11/orders-20261121T120000Z.dump",
    "database": "orders",
    "cause": "arrival",
    "verdict": "failed",
    "reason": "truncated",
    "detail": "The archive ends in the data of public.orders.",
    "started_at": "2026-11-21T12:09:00Z",
    "ended_at": "2026-11-21T12:10:00Z",
    "taken_at": "2026-11-21T12:00:00Z",
    "phases": [{"name": "read", "seconds": 0.4}],
    "findings": [{"reason": "truncated", "where": "public.orders", "expected": "310,412 rows", "found": "end of file"}],
    "messages": ["pg_restore: error: could not read from input file: end of file"],
}
PROVEN: dict[str, Any] = {
    **TRUNCATED,
    "verification_id": "20261121T182000Z-orders-77aa0b12",
    "dump_id": "orders/2026/11/orders-20261121T180000Z.dump",
    "verdict": "proven",
    "reason": None,
    "detail": "Restored, and equal to its manifest.",
    "started_at": "2026-11-21T18:01:00Z",
    "ended_at": "2026-11-21T18:03:00Z",
    "taken_at": "2026-11-21T18:00:00Z",
    "findings": [],
    "messages": [],
}


def read(kind: str, data: dict[str, Any], at: str = "2026-11-21T12:10:00Z") -> Any:
    """Return what an event of that type asks for."""
    return read_backup(kind, data, parse_time(at, name="time"), DATABASES)


def message(telling: Telling, *, earlier: Earlier | None = None, is_repeat: bool = False) -> Message:
    """Return the message of that telling on the channel shop-mail."""
    key = DeliveryKey(telling.day, telling.topic, telling.state, "shop-mail")
    return compose(telling, key, earlier, is_repeat, places=PLACES)
