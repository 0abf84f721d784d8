"""An anomaly in payments, as the bus tells it, and what becomes of it in tests."""

from collections.abc import Mapping
from typing import Any

from opsloop.alert.model import DeliveryKey, Earlier, Message, Telling
from opsloop.alert.places import Places
from opsloop.alert.receive import read_event
from opsloop.alert.story import compose

ANOMALY_ID = "20261121T0831-4f3a9c1e2b7d4f60"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLACES = Places("https://ops.example.com", "https://api.example.com", "https://docs.example.com/runbooks", lambda _: "")

WEB: dict[str, Any] = {
    "anomaly_id": "20261121T0831-aa00000000000001",
    "service": "web",
    "measure": "p95",
    "direction": "high",
    "state": "open",
    "severity": "warning",
    "score": 0.91,
    "value": 2710.0,
    "expected": 410.0,
    "low": 320.0,
    "high": 540.0,
    "unit": "ms",
    "reason": "p95 of web is 2.7 s; at this hour it usually is 0.4 s.",
    "first_minute": "2026-11-21T08:31:00Z",
    "last_minute": "2026-11-21T08:35:00Z",
    "metric": "",
    "operation": "",
    "votes": {"zscore": 0.95, "shift": 0.9, "drift": 0.0},
    "contributing": [],
    "exemplar": None,
    "part": "effect",
    "origin_id": ANOMALY_ID,
    "origin_service": "payments",
    "effects": [],
    "preset": "",
}
PAYMENTS: dict[str, Any] = {
    **WEB,
    "anomaly_id": ANOMALY_ID,
    "service": "payments",
    "severity": "critical",
    "score": 0.97,
    "value": 2400.0,
    "expected": 300.0,
    "low": 210.0,
    "high": 420.0,
    "reason": "p95 of payments is 2.4 s; on Saturdays at this hour it usually is 0.3 s.",
    "contributing": [
        {"operation": "POST /charge", "share": 0.86, "value": 2600.0, "expected": 310.0},
        {"operation": "POST /refund", "share": 0.14, "value": 900.0, "expected": 250.0},
    ],
    "exemplar": {"trace_id": TRACE, "span_id": "00f067aa0ba902b7", "value": 2731.0},
    "part": "origin",
    "effects": [WEB["anomaly_id"]],
    "preset": "p95 3x",
}
ENDED = {"state": "ended", "last_minute": "2026-11-21T08:55:00Z", "value": 330.0}


def detail(
    kind: str = "anomaly.detected", anomaly: Mapping[str, Any] = PAYMENTS, effects: Any = (WEB,), **changes: Any
) -> dict[str, Any]:
    """Return the ``detail`` of an event of that anomaly, changed."""
    return {
        "type": kind,
        "id": f"{anomaly['anomaly_id']}/{kind}",
        "time": "2026-11-21T08:36:00Z",
        "data": {"anomaly": {**anomaly, **changes}, "effects": list(effects)},
    }


def telling(kind: str = "anomaly.detected", anomaly: Mapping[str, Any] = PAYMENTS, **changes: Any) -> Telling:
    """Return what an event of that anomaly asks to tell."""
    found = read_event(detail(kind, anomaly, **changes))
    assert isinstance(found, Telling)
    return found


def message(told: Telling | None = None, *, earlier: Earlier | None = None, is_repeat: bool = False) -> Message:
    """Return the message of that telling on the channel shop-mail."""
    told = told or telling()
    key = DeliveryKey(told.day, told.topic, told.state, "shop-mail")
    return compose(told, key, earlier, is_repeat, places=PLACES)
