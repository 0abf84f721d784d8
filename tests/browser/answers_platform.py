"""What the API says of opsloop's own functions, queues, configuration and cost."""

from datetime import timedelta
from typing import Any

from tests.browser.shop import NOW, iso
from tests.browser.stub import Answers, Asked

HOURS = 24
STARTED = {"telemetry_ingest": "Kinesis", "kpi_query": "GET /v1/kpis", "anomaly_detect": "every 5 minutes"}


def _column(value: float) -> list[float | None]:
    """Return an hourly series of which the first hour is UNKNOWN."""
    return [None, *([value] * (HOURS - 1))]


def function(name: str, trigger: str) -> dict[str, Any]:
    """Return what is told of one function; the last one is UNKNOWN."""
    known = {
        "invocations": 1380.0,
        "errors": 2.0,
        "throttles": 0.0,
        "error_ratio": 0.0014,
        "p50_ms": 41.0,
        "p95_ms": 180.0,
    }
    is_known = name != "anomaly_detect"
    columns = {key: _column(known[key] / HOURS) for key in ("invocations", "errors", "throttles", "p50_ms", "p95_ms")}
    return {
        **(known if is_known else dict.fromkeys(known)),
        "name": name,
        "capability": name.partition("_")[0],
        "stack": f"opsloop-{name.partition('_')[0]}",
        "trigger": trigger,
        "effect": "what it is there for",
        "last_run_at": iso(NOW - timedelta(minutes=5)) if is_known else None,
        "memory_mb": 512,
        "timeout_s": 60,
        "runtime": "python3.11",
        "architecture": "arm64",
        "deployed_at": iso(NOW - timedelta(days=1)),
        "series": columns,
        "reason": "" if is_known else "CloudWatch did not answer",
    }


def queue(name: str, messages: int | None) -> dict[str, Any]:
    """Return one queue of failures."""
    return {
        "name": f"opsloop-{name}-failures",
        "function": name,
        "is_dead_letters": True,
        "messages": messages,
        "in_flight": None if messages is None else 0,
        "runbook": "dead-letters",
        "state": "OK" if messages == 0 else "ALARM",
        "reason": "" if messages is not None else "SQS did not answer",
    }


def cost() -> dict[str, Any]:
    """Return the estimate of the month: telemetry costs most, and search is UNKNOWN."""
    sums = {"telemetry": 3.1, "kpi": 1.2, "log": None}
    known = [
        {
            "capability": name,
            "usd": usd,
            "projected_usd": usd and round(usd * 1.4, 2),
            "unknown_lines": int(usd is None),
        }
        for name, usd in sums.items()
    ]
    line = {"unit": "request", "quantity": 1000.0, "reason": ""}
    return {
        "month": f"{NOW:%Y-%m}",
        "to": iso(NOW),
        "currency": "USD",
        "is_charged": False,
        "measured_hours": 480.0,
        "hours_left": 220.0,
        "usd": 4.3,
        "projected_usd": 6.02,
        "unknown_lines": 1,
        "capabilities": known,
        "resources": [{**one, "resource": f"{one['capability']}_ingest"} for one in known],
        "lines": [
            {**line, "capability": "kpi", "resource": "kpi_query", "usd": 1.2, "projected_usd": 1.68},
            {**line, "capability": "log", "resource": "search", "quantity": None, "usd": None, "projected_usd": None},
        ],
        "prices": {
            "region": "us-east-1",
            "as_of": "2026-11-01",
            "note": "",
            "usd": {"request": 0.0000002},
            "sources": [],
        },
        "not_included": ["what the network costs"],
    }


def configuration() -> dict[str, Any]:
    """Return what is configured."""
    setting = {"name": "KPI_TABLE", "value": "kpi", "is_default": False, "meaning": "The table of KPIs."}
    channel = {"name": "on-call", "kind": "slack", "min_severity": "warning", "services": None}
    catalog = {"services": 4, "owners": ["shop"], "streams": {"shop": 1}, "channels": [channel]}
    return {
        "stage": "local",
        "region": "us-east-1",
        "version": "0.1.0",
        "runtimes": ["python3.11"],
        "architectures": ["arm64"],
        "search": {"kind": "embedded", "endpoint": None},
        "retention_days": {"blocks": 35},
        "catalog": catalog,
        "functions": [{"name": name, "is_known": True, "settings": [setting]} for name in STARTED],
    }


def platform(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/platform."""
    check = {
        "component": "stream:status",
        "status": "pass",
        "time": iso(NOW),
        "value": "ACTIVE",
        "unit": "",
        "output": "",
    }
    ringing = {"name": "opsloop-lag", "what": "the stream is behind", "function": "telemetry_ingest", "runbook": "lag"}
    return {
        "measured_at": iso(NOW - timedelta(minutes=2)),
        "metrics_at": iso(NOW - timedelta(minutes=4)),
        "age_s": 120.0,
        "is_stale": False,
        "faults": {"anomaly_detect": "CloudWatch did not answer"},
        "health": {"status": "warn", "probed_at": iso(NOW), "checks": [check]},
        "alarms": {
            "counts": {"alarm": 1, "ok": 12, "unknown": 2},
            "reason": "",
            "ringing": [{**ringing, "since": iso(NOW - timedelta(minutes=9)), "reason": "threshold crossed"}],
        },
        "grid": {"from": iso(NOW - timedelta(hours=HOURS)), "step_s": 3_600, "points": HOURS},
        "functions": [function(name, trigger) for name, trigger in sorted(STARTED.items())],
        "stream": {
            "iterator_age_ms": _column(800.0),
            "incoming_bytes": _column(2.4e7),
            "incoming_records": _column(52_000.0),
            "refused_records": _column(0.0),
            "shards": 2,
        },
        "api": {"requests": _column(4_100.0), "client_errors": _column(3.0), "server_errors": _column(0.0)},
        "queues": [queue("alert_notify", 3), queue("log_index", None), queue("kpi_rollup", 0)],
        "redrive": "Find the cause first, then redrive in the console of SQS.",
        "configuration": configuration(),
        "cost": cost(),
    }


ANSWERS: Answers = {"GET /v1/platform": platform}
