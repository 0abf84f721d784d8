"""What the API says of backups: a database that meets its objectives, one that misses one, one not known at all."""

from datetime import datetime, timedelta
from typing import Any

from tests.browser.shop import NOW, iso, moment_of
from tests.browser.stub import Answers, Asked, RefusedError

PROOF, FAILED_PROOF = "verification-of-0600", "verification-of-0000"
NEVER_TAKEN = "ledger"
TIERS = {"orders": (2, 900, 14_400), "payments": (3, 3_600, 86_400), NEVER_TAKEN: (1, 300, 3_600)}
EVERY_H = {"orders": 6.0, "payments": 0.5, NEVER_TAKEN: 6.0}
AGES_S = {"orders": 9_000, "payments": 1_500}
ENGINE = 'pg_restore: error: could not execute query: ERROR:  relation "orders_2026_10" does not exist'


def _check(
    standing: str, sentence: str, measured: float | None, objective: float | None, **more: Any
) -> dict[str, Any]:
    return {
        "standing": standing,
        "sentence": sentence,
        "measured": measured,
        "objective": objective,
        "unit": more.pop("unit", "s"),
        "by": more.pop("by", "dump"),
        "advice": more.pop("advice", []),
        "follows": "",
        "figures": more,
    }


def dump(database: str, taken: datetime, verdict: str | None = "proven", reason: str | None = None) -> dict[str, Any]:
    """Return one dump, restored two minutes after it was taken."""
    name = f"{database}/{taken:%Y/%m}/{database}-{taken:%Y%m%dT%H%M%SZ}.dump"
    verified = iso(taken + timedelta(minutes=2)) if verdict else None
    is_good = verdict in ("proven", "restorable")
    return {
        "dump_id": name,
        "database": database,
        "key": f"dumps/{name}",
        "version": "v1",
        "bytes": 42_000_000,
        "taken_at": iso(taken),
        "arrived_at": iso(taken + timedelta(seconds=20)),
        "origin": "opsloop",
        "format": "custom",
        "sha256": "0" * 64,
        "has_manifest": True,
        "rows": 412_345,
        "size_bytes": 180_000_000,
        "wal_lsn": "0/3A2B1C0",
        "verdict": verdict,
        "reason": reason,
        "verified_at": verified,
        "verification_id": (PROOF if is_good else FAILED_PROOF) if verdict else "",
        "proven_at": verified if is_good else None,
        "restore_s": 12.4 if is_good else None,
        "legal_hold": False,
        "locked_until": None,
        "deleted_at": None,
        "deleted_why": "",
        "revision": 2,
    }


def _dumps(database: str) -> list[dict[str, Any]]:
    """Return the dumps of a day, newest first; the last one of payments failed, one of orders waits for its proof."""
    if database == NEVER_TAKEN:
        return []
    step = timedelta(hours=EVERY_H[database])
    newest = NOW - timedelta(seconds=AGES_S[database])
    found = [dump(database, newest - step * number) for number in range(8)]
    if database == "payments":
        return [dump(database, NOW - timedelta(minutes=8), "failed", "missing_table"), *found]
    return [dump(database, NOW - timedelta(minutes=1), None), *found]


def _checks(database: str) -> dict[str, Any]:
    if database == NEVER_TAKEN:
        return {
            name: _check("unknown", "No dump of this database was ever seen.", None, None) for name in ("rpo", "rto")
        }
    _, rpo_s, rto_s = TIERS[database]
    age = AGES_S[database]
    advice = [
        f"Dumps every {EVERY_H[database]:g} hours cannot give 15 minutes. Archive the write-ahead log continuously."
    ]
    is_missed = age > rpo_s
    forecast = {
        "horizon_s": 7_862_400.0, "why_not": "", "method": "line", "size_bytes": 240_000_000.0,
        "size_low_bytes": 220_000_000.0, "size_high_bytes": 260_000_000.0, "restore_s": 17.0, "restore_low_s": 15.0,
        "restore_high_s": 20.0, "sizes": 40, "restores": 40, "days": 30.0,
        "sentence": "In a quarter a restore will take about 17 seconds, of 229 MiB.",
    }  # fmt: skip
    return {
        "rpo": _check(
            "missed" if is_missed else "met",
            f"Right now {age // 60} minutes would be lost: the newest proven dump is that old.",
            float(age),
            float(rpo_s),
            advice=advice if is_missed else [],
            worst_s=age + 600.0,
        ),
        "rto": _check("met", "Nine in ten restores took 13 seconds or less.", 13.1, float(rto_s), forecast=forecast),
        "freshness": _check("met", "The newest dump is of its time.", float(age), EVERY_H[database] * 3600),
        "proof": _check("met", "A dump was restored within the week.", float(age), 604_800.0),
        "size": _check("unknown", "Eight dumps are too few to say what is usual.", 42e6, None, unit="bytes"),
    }


def _standing(database: str) -> str:
    return {"orders": "missed", "payments": "met"}.get(database, "unknown")


def database(name: str) -> dict[str, Any]:
    """Return what is told of one database."""
    tier, rpo_s, rto_s = TIERS[name]
    dumps = _dumps(name)
    proven = next((one for one in dumps if one["verdict"] == "proven"), None)
    failed = next((one for one in dumps if one["verdict"] == "failed"), None)
    return {
        "database": name,
        "description": f"What {name} keeps.",
        "service": name,
        "tier": tier,
        "every_h": EVERY_H[name],
        "format": "custom",
        "retention": "standard",
        "legal_hold": False,
        "is_taken_here": True,
        "rpo_s": rpo_s,
        "rto_s": rto_s,
        "next_due": iso(NOW + timedelta(minutes=30)),
        "judged_at": iso(NOW - timedelta(minutes=4)) if proven else None,
        "standing": _standing(name),
        "since": iso(NOW - timedelta(hours=2)) if proven else None,
        "summary": "No dump of this database was ever seen." if not proven else _checks(name)["rpo"]["sentence"],
        "checks": _checks(name) if proven else {},
        "recoverable": [_recoverable(proven)] if proven else [],
        "newest_dump": dumps[0] if dumps else None,
        "newest_proof": proven,
        "last_failure": _failure(failed) if failed else None,
        "sources": _sources() if name == "orders" else [],
        "gauges": {"backup_rpo_seconds": float(AGES_S[name])} if proven else {},
    }


def _recoverable(proven: dict[str, Any]) -> dict[str, Any]:
    taken = moment_of(proven["taken_at"], NOW)
    return {
        "until": proven["taken_at"],
        "age_s": (NOW - taken).total_seconds(),
        "by": "dump",
        "is_proven": True,
        "dump_id": proven["dump_id"],
        "proven_at": proven["proven_at"],
        "restore_s": 12.4,
    }


def _failure(failed: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": "verification",
        "at": failed["verified_at"],
        "reason": "missing_table",
        "detail": "The restored copy has no table public.orders_2026_10.",
        "verification_id": FAILED_PROOF,
        "dump_id": failed["dump_id"],
    }


def _sources() -> list[dict[str, Any]]:
    return [
        {
            "kind": "pgbackrest",
            "name": "reports/orders/pgbackrest.json",
            "standing": "unknown",
            "sentence": "The report is 3 days old, so nothing is known of it now.",
            "written_at": iso(NOW - timedelta(days=3)),
            "newest_backup_at": iso(NOW - timedelta(days=3)),
            "archive_until": iso(NOW - timedelta(days=3)),
            "window_from": iso(NOW - timedelta(days=17)),
            "archive_wal": "00000001000000000000004F",
            "backups": 14,
            "bytes": 2_400_000_000,
            "errors": [],
            "is_proven": False,
        }
    ]


def verification(asked: Asked) -> dict[str, Any]:
    """Return one of the two verifications there are."""
    wanted = asked.parameters["id"]
    if wanted not in (PROOF, FAILED_PROOF):
        raise RefusedError(404, "Not found", f"there is no verification {wanted}")
    is_good = wanted == PROOF
    finding = {
        "reason": "missing_table",
        "where": "public.orders_2026_10",
        "expected": "24100 rows",
        "found": "no such table",
    }
    names = ("read", "inspect", "start", "restore", "compare", "check", "assert")
    seconds = (1.1, 0.1, 0.9, 10.3, 2.2, 1.4, 0.1)
    return {
        "verification_id": wanted,
        "dump_id": dump("orders", NOW)["dump_id"],
        "database": "orders",
        "cause": "arrival",
        "verdict": "proven" if is_good else "failed",
        "reason": None if is_good else "missing_table",
        "detail": "Restored whole and equal to its manifest." if is_good else "A table of the manifest is not there.",
        "started_at": iso(NOW - timedelta(minutes=2)),
        "ended_at": iso(NOW - timedelta(minutes=1)),
        "taken_at": iso(NOW - timedelta(minutes=3)),
        "phases": [{"name": name, "seconds": each} for name, each in zip(names, seconds, strict=True)],
        "findings": [] if is_good else [finding],
        "compared": {"tables": 14, "rows": 412_345, "sequences": 6},
        "messages": [] if is_good else [ENGINE],
        "dump_bytes": 42_000_000,
        "sha256": "0" * 64,
        "restored_bytes": 180_000_000,
        "peak_memory_bytes": 140_000_000,
        "engine_version": "18.4",
        "dump_version": "15.18",
        "where": "lambda",
        "restore_s": 12.4,
    }


def whole(asked: Asked) -> dict[str, Any]:
    """Return one database with what is going on."""
    name = asked.parameters["database"]
    if name not in TIERS:
        raise RefusedError(404, "Not found", f"database: {name} is not in the catalog")
    return {
        **database(name),
        "takes": [],
        "verifications": [],
        "episodes": {},
        "assertions": ["every order has a customer"],
    }


def listed(asked: Asked) -> dict[str, Any]:
    """Return the dumps within the time that was asked for."""
    first, last = moment_of(asked.query.get("from"), NOW - timedelta(days=90)), moment_of(asked.query.get("to"), NOW)
    found = [one for one in _dumps(asked.parameters["database"]) if first <= moment_of(one["taken_at"], NOW) < last]
    return {"dumps": found, "next": None}


def history(asked: Asked) -> dict[str, Any]:
    """Return an hourly history in which nothing was audited for a while."""
    name = asked.parameters["database"]
    first, last = moment_of(asked.query.get("from"), NOW - timedelta(days=30)), moment_of(asked.query.get("to"), NOW)
    points = []
    moment = first.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while moment < last and name != NEVER_TAKEN:
        hour = moment.hour
        if hour not in (3, 4):
            lost = (hour % 6) * 3600.0 + 900.0
            points.append(
                {
                    "at": iso(moment),
                    "standing": _standing(name),
                    "bytes": 41_000_000 + hour * 40_000,
                    "size_bytes": 178_000_000 + hour * 90_000,
                    "rpo_s": lost,
                    "rpo_worst_s": 22_000.0,
                    "rto_p50_s": 12.0,
                    "rto_p95_s": 13.1,
                    "age_s": lost,
                    "proof_age_s": lost,
                }
            )
        moment += timedelta(hours=1)
    return {"database": name, "from": iso(first), "to": iso(last), "resolution": "hour", "points": points}


def drills(_: Asked) -> dict[str, Any]:
    """Return last night's drill, which went as it must."""
    due = {"undamaged": "proven", "truncated": "failed: truncated", "empty": "failed: empty", "stale": "failed: stale"}
    controls = [
        {
            "name": name,
            "about": f"a dump that is {name}",
            "expected": expected,
            "got": expected,
            "passed": True,
            "seconds": 1.2,
            "detail": "",
        }
        for name, expected in due.items()
    ]
    started = NOW.replace(hour=2, minute=0)
    night = {
        "id": iso(started),
        "started_at": iso(started),
        "passed": True,
        "seconds": 14.2,
        "make_s": 3.1,
        "engine_version": "18.4",
        "controls": controls,
    }
    return {"drills": [night], "next": None}


ANSWERS: Answers = {
    "GET /v1/backups": lambda _: {"backups": [database(name) for name in TIERS], "next": None},
    "GET /v1/backups/{database}": whole,
    "GET /v1/backups/{database}/dumps": listed,
    "GET /v1/backups/{database}/history": history,
    "GET /v1/backups/verifications/{id}": verification,
    "GET /v1/backups/verifications/{id}/evidence": lambda asked: {"verification_id": asked.parameters["id"]},
    "GET /v1/backups/drills": drills,
}
