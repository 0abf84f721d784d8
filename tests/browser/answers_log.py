"""What the API says of the shop's logs, of what was set aside, and of keys and sessions."""

from datetime import datetime, timedelta
from typing import Any

from tests.browser.shop import BEGAN, FAILED_LINE, HEARD, NOW, PATTERN, SPAN, TRACE, iso, moment_of
from tests.browser.stub import Answers, Asked, RefusedError

LINES = 40
QUARANTINED = f"telemetry_ingest/2026-11-21/{'ab' * 32}"
KEY_ID = "9ce74f8b4671"


def line(number: int, at: datetime, service: str = "payments") -> dict[str, Any]:
    """Return one log line; every third is an error of the fault."""
    is_error = number % 3 == 0
    body = FAILED_LINE if is_error else f"GET /payments/pay-{number}/status answered 200 in {20 + number} ms"
    return {
        "id": f"{service}-{number}",
        "time": at.strftime("%Y-%m-%dT%H:%M:%S.000000000Z"),
        "observed_time": None,
        "service": service,
        "severity": "error" if is_error else "info",
        "severity_number": 17 if is_error else 9,
        "severity_text": "ERROR" if is_error else "INFO",
        "body": body,
        "body_json": None,
        "template": PATTERN if is_error else "p00000000",
        "trace_id": TRACE if is_error else "",
        "span_id": SPAN if is_error else "",
        "event_name": "",
        "scope": "shop.payments",
        "attributes": {"http.response.status_code": 500 if is_error else 200, "order.id": f"ord-{number}"},
        "resource": {"service.name": service, "service.version": "1.0.0"},
        "cut": [],
    }


def logs(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/logs."""
    query = asked.query
    last = moment_of(query.get("to"), NOW)
    first = moment_of(query.get("from"), last - timedelta(hours=1))
    service = query.get("service", "payments")
    if service not in HEARD:
        raise RefusedError(404, "Not Found", f"service {service!r} never sent logs")
    hits = [line(number, min(last, NOW) - timedelta(seconds=7 * number), service) for number in range(LINES)]
    if query.get("q"):
        hits = [one for one in hits if query["q"].lower().strip('"') in one["body"].lower()]
        for one in hits:
            one["highlights"] = {"body": [[{"text": one["body"], "is_found": True}]]}
    step = (last - first) / 60
    buckets = [
        {"start": iso(first + number * step), "count": number % 7, "severities": {"info": number % 7}}
        for number in range(60)
    ]
    return {
        "from": iso(first),
        "to": iso(last),
        "order": query.get("order", "newest"),
        "total": len(hits),
        "is_total_exact": True,
        "hits": hits,
        "next": None,
        "counts": {"interval_s": max(1, round(step.total_seconds())), "buckets": buckets},
        "patterns": [{"template": PATTERN, "text": FAILED_LINE, "count": len(hits)}] if hits else [],
        "incomplete": [],
    }


def tail(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/logs/tail."""
    hits = [] if "after" in asked.query else [line(number, NOW, asked.query["service"]) for number in range(5)]
    return {"hits": hits, "after": "cursor", "steps_waiting": 0}


def patterns(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/logs/patterns."""
    last = moment_of(asked.query.get("to"), NOW)
    first = moment_of(asked.query.get("from"), last - timedelta(days=1))
    hours = [iso(first + timedelta(hours=number)) for number in range(round((last - first) / timedelta(hours=1)))]
    counts = [0] * (len(hours) - 1) + [91]
    told = {
        "template": PATTERN,
        "text": "no connection from the pool within {n} ms: {n} of {n} in use",
        "severity": "error",
        "count": sum(counts),
        "counts": counts,
        "first_seen": iso(BEGAN),
        "last_seen": iso(NOW),
        "is_new": True,
    }
    span = {"from": iso(first), "to": iso(last), "hours": hours}
    return {"service": asked.query["service"], **span, "total": 1, "patterns": [told] if hours else []}


def trace(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/logs/trace/{trace_id}."""
    lines = [line(3 * number, NOW - timedelta(minutes=3), service) for number, service in enumerate(HEARD)]
    return {
        "trace_id": asked.parameters["trace_id"],
        "from": iso(NOW - timedelta(hours=1)),
        "to": iso(NOW),
        "lines": lines,
        "objects_listed": 3,
        "objects_read": 3,
        "skipped": [],
        "objects_skipped": 0,
        "is_complete": True,
    }


def standing(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/search."""
    return {
        "is_ready": True,
        "detail": "embedded",
        "documents": 120_000,
        "objects_waiting": 0,
        "is_waiting_exact": True,
        "waiting_since": None,
        "searchable_since": iso(NOW - timedelta(days=15)),
    }


def quarantine(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/quarantine."""
    counts = {"objects": 1, "by_kind": {"malformed": 1}, "by_source": {"telemetry_ingest": 1}, "is_complete": True}
    return {"objects": [quarantined()], "counts": counts, "next": None}


def quarantined() -> dict[str, Any]:
    """Return one object that was set aside."""
    return {
        **dict.fromkeys(("part_of", "position", "replayed_at", "replayed_items", "replayed_by", "content_encoding")),
        "key": QUARANTINED,
        "source": "telemetry_ingest",
        "kind": "malformed",
        "reason": "the third span ends in the middle of a field",
        "arrived_at": iso(NOW - timedelta(hours=2)),
        "set_aside_at": iso(NOW - timedelta(hours=2)),
        "size_bytes": 2_310,
        "part": "whole",
        "signal": "traces",
        "content_type": "application/x-protobuf",
        "correlation_id": "c0rr-1d",
        "state": "open",
    }


def quarantined_in_full(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/quarantine/item."""
    reading = {
        **dict.fromkeys(("first_minute", "last_minute")),
        "outcome": "unreadable",
        "form": "otlp_protobuf",
        "signals": ["traces"],
        "items": 0,
        "services": {},
        "clamped": 0,
        "dropped": 0,
        "refused": [],
        "refused_parts": 0,
        "reason": "the third span ends in the middle of a field",
    }
    return quarantined() | {"preview": {"bytes": 4, "hex": "0a1b2c3d", "text": "..,="}, "reading": reading}


def replay(asked: Asked) -> dict[str, Any]:
    """Answer POST /v1/quarantine/replay."""
    result = {"key": QUARANTINED, "result": "still_unreadable", "items": 0, "refused_parts": 1, "reason": "malformed"}
    is_dry = bool(asked.body.get("dry_run"))
    return {"results": [result], "counts": {"still_unreadable": 1}, "items": 0, "dry_run": is_dry, "next": None}


def keys(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/keys."""
    return {"keys": [key()], "next": None}


def key() -> dict[str, Any]:
    """Return one key."""
    return {
        **dict.fromkeys(("expires_at", "revoked_at", "parent_id", "subject")),
        "key_id": KEY_ID,
        "name": "the on-call phone",
        "scopes": ["read"],
        "state": "valid",
        "created_at": iso(NOW - timedelta(days=3)),
        "kind": "key",
    }


def make_key(asked: Asked) -> dict[str, Any]:
    """Answer POST /v1/keys."""
    return key() | {"token": f"opsloop_{KEY_ID}_{'0' * 64}"}


def deliveries(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/alerts/deliveries."""
    told = {
        "id": "d-1",
        "topic": "20261121T0805-payments-errors",
        "told": "detected",
        "channel": "on-call",
        "state": "undeliverable",
        "service": "payments",
        "severity": "critical",
        "subject": "payments: 29 % of requests fail",
        "reason": "the receiver answered 404",
        "attempts": 3,
        "may_have_arrived": False,
        "receipt": "",
        "created_at": iso(BEGAN),
        "changed_at": iso(NOW),
        "due_at": None,
    }
    return {"deliveries": [told], "next": None}


ANSWERS: Answers = {
    "GET /v1/logs": logs,
    "GET /v1/logs/tail": tail,
    "GET /v1/logs/patterns": patterns,
    "GET /v1/logs/trace/{trace_id}": trace,
    "GET /v1/logs/restores": lambda _: {"restores": []},
    "GET /v1/search": standing,
    "GET /v1/quarantine": quarantine,
    "GET /v1/quarantine/item": quarantined_in_full,
    "POST /v1/quarantine/replay": replay,
    "GET /v1/keys": keys,
    "POST /v1/keys": make_key,
    "GET /v1/alerts/deliveries": deliveries,
    "GET /v1/senders": lambda _: {"senders": [], "next": None},
}
