"""What the API says of the shop's services, KPIs and calls."""

from datetime import timedelta
from typing import Any

from tests.browser.shop import (
    HEARD,
    NOW,
    OPERATIONS,
    PER_MINUTE,
    SPAN,
    TIERS,
    TRACE,
    USUAL_P95_MS,
    Grid,
    error_ratio,
    iso,
    moment_of,
    p95_ms,
    requests,
    rhythm,
)
from tests.browser.stub import Answers, Asked, RefusedError

BOUNDS_MS = [round(4 * 2 ** (number / 2), 3) for number in range(25)]
CALLS = (("web", "orders", "service"), ("orders", "payments", "service"), ("payments", "bank.example", "external"))


def services(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/services."""
    told = []
    for name in sorted(TIERS):
        is_heard = name in HEARD
        told.append(
            {
                "service": name,
                "state": "OK" if is_heard else "UNKNOWN",
                "tier": TIERS[name],
                "owner": "shop",
                "contact": "shop@example.com",
                "environment": "production",
                "description": f"The {name} of the shop.",
                "is_declared": True,
                "first_seen": iso(NOW - timedelta(days=15)) if is_heard else None,
                "last_seen": iso(NOW - timedelta(minutes=1)) if is_heard else None,
            }
        )
    return {"services": told, "next": None}


def asked_services(query: dict[str, str]) -> list[str]:
    """Return the services that ``service`` names; ``*`` means all that are known."""
    named = query.get("service", "*")
    return sorted(TIERS) if named == "*" else named.split(",")


def series(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/kpis/series."""
    grid = Grid(asked.query)
    wanted = asked.query.get("kpi", "requests,errors,error_ratio,p50_ms,p90_ms,p95_ms,p99_ms,mean_ms").split(",")
    rows = []
    for service in asked_services(asked.query):
        _known(service)
        operation = asked.query.get("operation", "")
        names = OPERATIONS.get(service, ()) if operation == "*" else (operation,)
        for name in names:
            share = 1 / len(names)
            columns = {kpi: _kpi(grid, service, kpi, share) for kpi in wanted}
            rows.append({"service": service, "operation": name, "kind": "request", **columns})
    complete = iso(min(NOW, moment_of(asked.query.get("to"), NOW)) - timedelta(minutes=5))
    return {**grid.head(), "complete_to": complete, "series": rows, "series_left_out": 0}


def _known(service: str) -> None:
    if service not in TIERS:
        raise RefusedError(404, "Not Found", f"service {service!r} is not known")


def _kpi(grid: Grid, service: str, kpi: str, share: float) -> list[float | None]:
    factors = {"p50_ms": 0.3, "p90_ms": 0.8, "p95_ms": 1.0, "p99_ms": 1.9, "mean_ms": 0.4}

    def value(at: Any) -> float | None:
        count, ratio, p95 = requests(service, at, grid.step_s), error_ratio(service, at), p95_ms(service, at)
        if count is None or ratio is None or p95 is None:
            return None
        if kpi == "error_ratio":
            return ratio
        if kpi in factors:
            return round(p95 * factors[kpi], 2)
        return round(count * share * (ratio if kpi == "errors" else 1))

    return grid.column(value)


def heatmap(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/kpis/heatmap."""
    grid, service = Grid(asked.query), asked.query["service"]
    _known(service)
    counts: list[list[int] | None] = []
    for start in grid.starts:
        middle, count = p95_ms(service, start), requests(service, start, grid.step_s)
        if middle is None or count is None:
            counts.append(None)
            continue
        weights = [2.0 ** -abs(number - _row_of(middle * 0.3)) for number in range(len(BOUNDS_MS) - 1)]
        counts.append([round(count * weight / sum(weights)) for weight in weights])
    bounds = BOUNDS_MS if any(counts) else []
    kind, operation = asked.query.get("kind", "request"), asked.query.get("operation", "")
    subject = {"service": service, "operation": operation, "kind": kind, "complete_to": iso(NOW - timedelta(minutes=5))}
    return {**grid.head(), **subject, "bounds_ms": bounds, "counts": counts}


def _row_of(duration_ms: float) -> int:
    return sum(bound < duration_ms for bound in BOUNDS_MS) - 1


def operations(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/kpis/operations."""
    service = asked.query["service"]
    _known(service)
    names = OPERATIONS.get(service, ())
    rows = []
    for number, name in enumerate(names):
        share = (len(names) - number) / sum(range(1, len(names) + 1))
        count = round(PER_MINUTE[service] * 1440 * share)
        rows.append(
            {
                "operation": name,
                "kind": "request",
                "requests": count,
                "errors": count // 100,
                "error_ratio": (count // 100) / count,
                "p50_ms": USUAL_P95_MS[service] * 0.3,
                "p95_ms": USUAL_P95_MS[service],
                "p99_ms": USUAL_P95_MS[service] * 1.9,
                "time_ms": count * USUAL_P95_MS[service] * 0.4,
                "share_of_requests": share,
                "share_of_errors": share,
                "share_of_time": share,
                "exemplar": {"trace_id": TRACE, "span_id": SPAN, "value": 612.4, "time": iso(NOW)},
            }
        )
    span = {"from": asked.query.get("from", iso(NOW)), "to": asked.query.get("to", iso(NOW))}
    return {"service": service, **span, "state": "OK" if rows else "UNKNOWN", "operations": rows}


def metrics(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/kpis/metrics."""
    service = asked.query["service"]
    _known(service)
    sent = [
        ("db.client.connection.count", "gauge", "{connection}", ["state"]),
        ("process.cpu.utilization", "gauge", "1", []),
    ]
    told = [
        {"name": name, "kind": kind, "unit": unit, "series": 2, "attributes": attributes, "last_seen": iso(NOW)}
        for name, kind, unit, attributes in (sent if service in HEARD else [])
    ]
    span = {"from": asked.query.get("from", iso(NOW)), "to": asked.query.get("to", iso(NOW))}
    return {"service": service, **span, "metrics": told}


def metric_rows(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/kpis for ``kpi=metric:<name>``: one gauge by hour or minute."""
    query = asked.query
    resolution = query.get("resolution", "hour")
    step_s = {"minute": 60, "hour": 3600, "day": 86_400}[resolution]
    grid = Grid({**query, "step_s": str(step_s)})
    metric = query.get("kpi", "").removeprefix("metric:")
    rows = [
        {
            **dict.fromkeys(("errors", "sum", "exemplar")),
            "service": query["service"],
            "metric": metric,
            "kind": "gauge",
            "operation": "",
            "unit": "1",
            "attributes": {"state": "used"},
            "resolution": resolution,
            "start": iso(start),
            "complete": True,
            "state": "OK",
            "count": 12,
            "mean": round(0.4 * rhythm(start), 3),
            "minimum": 0.1,
            "maximum": 0.9,
            "p50": 0.4,
            "p90": 0.6,
            "p95": 0.7,
            "p99": 0.8,
            "sources": [],
            "version": 1,
            "hash": "0" * 64,
        }
        for start in grid.starts
    ]
    head = grid.head()
    return {
        "service": query["service"],
        "resolution": resolution,
        "from": head["from"],
        "to": head["to"],
        "rows": rows,
        "next": None,
    }


def graph(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/graph."""
    nodes = [
        {
            "name": name,
            "kind": "service",
            "requests_per_minute": PER_MINUTE[name],
            "error_ratio": error_ratio(name, NOW),
            "p95_ms": p95_ms(name, NOW),
            "sampled": 120,
            "is_exact": False,
        }
        for name in HEARD
    ]
    bank = {"name": "bank.example", "kind": "external", "requests_per_minute": 50.0, "error_ratio": 0.0, "p95_ms": 40.0}
    nodes.append({**bank, "sampled": 90, "is_exact": True})
    edges = [
        {
            "caller": caller,
            "callee": callee,
            "callee_kind": kind,
            "kind": "call",
            "calls_per_minute": 55.0,
            "error_ratio": 0.29 if callee == "payments" else 0.01,
            "p50_ms": 30.0,
            "p95_ms": 280.0,
            "sampled": 120,
            "is_exact": False,
            "operations": [
                {
                    "caller_operation": OPERATIONS[caller][-1],
                    "callee_operation": OPERATIONS.get(callee, ("",))[0],
                    "calls_per_minute": 55.0,
                    "error_ratio": 0.01,
                }
            ],
        }
        for caller, callee, kind in CALLS
    ]
    around = asked.query.get("service")
    if around and around not in HEARD:
        raise RefusedError(404, "Not Found", f"nothing is known of calls of {around!r}")
    return {"from": iso(NOW - timedelta(hours=1)), "to": iso(NOW), "nodes": nodes, "edges": edges, "nodes_left_out": 0}


def cardinality(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/telemetry/cardinality."""
    group = {"metric": "db.client.connection.count", "kind": "gauge", "operation": "", "series": 400}
    dimension = {"name": "user.id", "values": 390, "series": 400, "after": 12, "saves": 388, "alone": 390}
    pattern = {"pattern": "GET /users/{id}", "operations": 40, "after": 320, "saves": 39, "examples": ["GET /users/7"]}
    return {
        "service": asked.query["service"],
        "limit": 500,
        "hour": iso(NOW - timedelta(hours=1)),
        "series": 402,
        "overflowed": 0,
        "without_attributes": 12,
        "hours": [{"start": iso(NOW - timedelta(hours=1)), "series": 402, "overflowed": 0}],
        "metrics": [group],
        "operations": [group],
        "dimensions": [{**dimension, "examples": ["7", "8"], "is_allowed": True}],
        "patterns": [pattern],
        "steps": [{"drop": "user.id", "before": 402, "after": 14}],
    }


ANSWERS: Answers = {
    "GET /v1/telemetry/cardinality": cardinality,
    "GET /v1/services": services,
    "GET /v1/kpis": metric_rows,
    "GET /v1/kpis/series": series,
    "GET /v1/kpis/heatmap": heatmap,
    "GET /v1/kpis/operations": operations,
    "GET /v1/kpis/metrics": metrics,
    "GET /v1/graph": graph,
}
