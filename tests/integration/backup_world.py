"""Databases with dumps in the mocked AWS, for the audit and what reads it."""

from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.backup.model import Cause, Dump, Phase, Reason, Verdict, Verification
from opsloop.catalog import Assertion, BackupSource, Catalog, Database
from opsloop.dataclass import replace
from tests.conftest import NOW

BUCKET = "opsloop-test-backups"
ORDERS = Database(
    name="orders",
    service="web",
    tier=2,
    description="Orders of the shop.",
    secret="orders",
    source_name="orders",
    schemas=(),
    exclude_schemas=(),
    every_h=0.5,
    format="custom",
    retention="standard",
    legal_hold=False,
    object_lock_days=0,
    rpo_s=3600.0,
    rto_s=14_400.0,
    assertions=(Assertion("there are orders", "SELECT count(*) > 0 FROM orders"),),
)


class FakeBus:
    """Keeps what is published; ``fails`` counts how many times it refuses first."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.fails: list[BaseException] = []

    def publish(self, events: Any) -> None:
        """Keep the details of ``events``."""
        if self.fails:
            raise self.fails.pop(0)
        self.told += [one.detail() for one in events]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the details of one type."""
        return [one for one in self.told if one["type"] == kind]


def declare(handler: ModuleType, *databases: Database) -> None:
    """Let the catalog of ``handler`` have ``databases`` (orders, unless told otherwise)."""
    known = {one.name: one for one in databases or (ORDERS,)}
    handler.catalog = Catalog({}, handler.catalog.undeclared, databases=known)


def sourced(*sources: BackupSource) -> Database:
    """Return orders with ``sources``."""
    return replace(ORDERS, sources=sources)


def dump(minutes: float, **changes: Any) -> Dump:
    """Return a dump of orders that was taken ``minutes`` before now, and proven two minutes later."""
    at = NOW - timedelta(minutes=minutes)
    name = f"orders/2026/11/orders-{at:%Y%m%dT%H%M%SZ}.dump"
    usual = Dump(
        dump_id=name,
        database="orders",
        key=f"dumps/{name}",
        version="v1",
        bytes=40_000_000,
        taken_at=at,
        arrived_at=at + timedelta(seconds=30),
        has_manifest=True,
        rows=300_000,
        size_bytes=120_000_000,
        verdict=Verdict.PROVEN,
        verified_at=at + timedelta(minutes=2),
        verification_id=f"proof-{minutes:g}",
        proven_at=at + timedelta(minutes=2),
        restore_s=2.2,
    )
    return replace(usual, **changes)


def verification(
    minutes: float, *, seconds: float = 2.2, verdict: Verdict = Verdict.PROVEN, **changes: Any
) -> Verification:
    """Return what came of restoring the dump of ``minutes`` before now, ``seconds`` long."""
    at = NOW - timedelta(minutes=minutes)
    usual = Verification(
        verification_id=f"proof-{minutes:g}",
        dump_id=dump(minutes).dump_id,
        database="orders",
        cause=Cause.ARRIVAL,
        verdict=verdict,
        reason=Reason.TRUNCATED if verdict is Verdict.FAILED else None,
        detail="The dump ends in the middle of orders." if verdict is Verdict.FAILED else "Restored, and equal.",
        started_at=at + timedelta(minutes=1),
        ended_at=at + timedelta(minutes=2),
        taken_at=at,
        phases=(Phase("read", 0.2), Phase("restore", seconds - 0.2), Phase("compare", 1.0)),
        messages=("pg_restore: warning: errors ignored on restore: 0",),
        where="lambda",
    )
    return replace(usual, **changes)


def store(aws: Any, *, dumps: list[Dump] = [], verifications: list[Verification] = []) -> None:  # noqa: B006 -- read only
    """Put dumps and verifications into the table."""
    table, proofs = DumpTable(aws.names["BACKUP_TABLE"]), VerificationTable(aws.names["BACKUP_TABLE"])
    for one in dumps:
        table.save(one)
    for each in verifications:
        proofs.save(each)


def clock(now: datetime = NOW) -> dict[str, Any]:
    """Return the event of the audit's schedule at ``now``."""
    return {"time": now.isoformat(), "id": f"audit-{now:%H%M}"}
