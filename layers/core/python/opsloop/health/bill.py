"""The estimate of the month's cost as it is told: per capability, per resource, line by line."""

from datetime import UTC, datetime
from typing import Any

from opsloop.clock import format_time
from opsloop.health.cost import NOT_INCLUDED, Line, Use, cost_lines, month_of, summed
from opsloop.health.model import Probe
from opsloop.health.prices import Prices, prices_of
from opsloop.health.snapshot import Snapshot

LOCAL = "local"
DIGITS = 6  # of USD: a function's day may cost a hundredth of a cent


def bill(seen: Snapshot, probe: Probe | None, region: str, stage: str, now: datetime) -> dict[str, Any]:
    """Return what the month of the last measurement costs. Sums leave out what is UNKNOWN and count it."""
    measured = datetime.fromtimestamp(seen.metrics_time, UTC) if seen.metrics_time else now
    since = probe.since if probe else measured
    month, prices = month_of(measured, since, seen.month_hours), prices_of(region)
    lines = cost_lines(_use(seen), month, prices) if seen.metrics_time else []
    usd, projected, unknown = summed(lines)
    return {
        "month": measured.strftime("%Y-%m"),
        "to": format_time(measured),
        "currency": "USD",
        "is_charged": stage != LOCAL,
        "measured_hours": round(month.measured_h, 2),
        "hours_left": round(month.left_h, 2),
        "usd": _rounded(usd),
        "projected_usd": _rounded(projected),
        "unknown_lines": unknown,
        "capabilities": _by(lines, "capability"),
        "resources": _by(lines, "resource"),
        "lines": [_line(line) for line in lines],
        "prices": _prices(prices),
        "not_included": list(NOT_INCLUDED),
    }


def _use(seen: Snapshot) -> Use:
    return Use(
        sums=seen.month_sums,
        setups={name: (setup.memory_mb, setup.architecture) for name, setup in seen.setups.items()},
        table_bytes={word: table.bytes for word, table in seen.tables.items()},
        bucket_bytes=seen.bucket_bytes,
        shards=seen.shards,
        alarms=len(seen.alarms) or None,
        custom_metrics=seen.custom_metrics or None,
        metric_requests=seen.metric_requests,
    )


def _by(lines: list[Line], field: str) -> list[dict[str, Any]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(str(getattr(line, field)), []).append(line)
    rows = []
    for name, group in groups.items():
        usd, projected, unknown = summed(group)
        row = {"usd": _rounded(usd), "projected_usd": _rounded(projected), "unknown_lines": unknown}
        rows.append({field: name, **({"capability": group[0].capability} if field == "resource" else {}), **row})
    return sorted(rows, key=lambda row: (-(row["usd"] or 0.0), row[field]))


def _line(line: Line) -> dict[str, Any]:
    return {
        "capability": line.capability,
        "resource": line.resource,
        "unit": line.unit,
        "quantity": None if line.quantity is None else round(line.quantity, 3),
        "usd": _rounded(line.usd),
        "projected_usd": _rounded(line.projected_usd),
        "reason": line.reason,
    }


def _prices(prices: Prices) -> dict[str, Any]:
    return {
        "region": prices.region,
        "as_of": prices.as_of,
        "note": prices.note,
        "usd": dict(prices.usd),
        "sources": list(prices.sources),
    }


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, DIGITS)
