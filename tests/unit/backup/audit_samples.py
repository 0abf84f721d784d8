"""A database and its dumps at one moment, for the tests of the audit."""

from datetime import UTC, datetime, timedelta
from typing import Any

from opsloop.backup.model import Cause, Dump, Phase, Reason, Verdict, Verification
from opsloop.catalog import Database
from opsloop.dataclass import replace

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ORDERS = Database(
    name="orders",
    service="orders",
    tier=2,
    description="",
    secret="orders",
    source_name="orders",
    schemas=(),
    exclude_schemas=(),
    every_h=6.0,
    format="custom",
    retention="standard",
    legal_hold=False,
    object_lock_days=0,
    rpo_s=8 * 3600.0,
    rto_s=14_400.0,
)


def hours(count: float) -> timedelta:
    """Return that many hours."""
    return timedelta(hours=count)


def dump(age_h: float, **changes: Any) -> Dump:
    """Return a dump that was taken ``age_h`` hours ago, arrived a minute and was proven two minutes later."""
    at = NOW - hours(age_h)
    usual = Dump(
        dump_id=f"orders/{age_h:g}.dump",
        database="orders",
        key=f"dumps/orders/{age_h:g}.dump",
        version="v1",
        bytes=40_000_000,
        taken_at=at,
        arrived_at=at + timedelta(minutes=1),
        size_bytes=120_000_000,
        verdict=Verdict.PROVEN,
        verified_at=at + timedelta(minutes=2),
        proven_at=at + timedelta(minutes=2),
        restore_s=2.0,
    )
    return replace(usual, **changes)


def unproven(age_h: float, **changes: Any) -> Dump:
    """Return a dump that nobody verified yet."""
    nothing: dict[str, Any] = {"verdict": None, "verified_at": None, "proven_at": None, "restore_s": None}
    return dump(age_h, **(nothing | changes))


def failed(age_h: float, reason: Reason = Reason.TRUNCATED, **changes: Any) -> Dump:
    """Return a dump that does not restore."""
    return unproven(age_h, verdict=Verdict.FAILED, reason=reason, verified_at=NOW - hours(age_h), **changes)


def restored(age_h: float, seconds: float, **changes: Any) -> Verification:
    """Return a verification that ended ``age_h`` hours ago and restored within ``seconds``."""
    usual = Verification(
        verification_id=f"proof-{age_h:g}",
        dump_id=f"orders/{age_h:g}.dump",
        database="orders",
        cause=Cause.ARRIVAL,
        verdict=Verdict.PROVEN,
        reason=None,
        detail="",
        started_at=NOW - hours(age_h) - timedelta(seconds=seconds),
        ended_at=NOW - hours(age_h),
        phases=(Phase("read", seconds / 4), Phase("restore", seconds * 3 / 4), Phase("compare", 1_000.0)),
    )
    return replace(usual, **changes)
