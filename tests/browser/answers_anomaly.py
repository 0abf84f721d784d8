"""What the API says of the shop's anomalies: payments fails, and web and orders feel it."""

from datetime import datetime, timedelta
from typing import Any

from tests.browser.answers_kpi import asked_services
from tests.browser.shop import (
    BEGAN,
    HEARD,
    NEVER_HEARD,
    NOW,
    PER_MINUTE,
    SPAN,
    TRACE,
    USUAL_P95_MS,
    Grid,
    error_ratio,
    iso,
    moment_of,
    rhythm,
)
from tests.browser.stub import Answers, Asked, RefusedError

ORIGIN_ID, EFFECT_ID, PAST_ID = "20261121T0805-payments-errors", "20261121T0810-web-p95", "20261120T2100-orders-rate"
VOTES = {"zscore": 0.97, "shift": 0.61, "drift": 0.04}
BANDS = {"rate": "requests/s", "error_ratio": "ratio", "p95": "ms"}


def _anomaly(anomaly_id: str, service: str, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "anomaly_id": anomaly_id,
        "service": service,
        "measure": "error_ratio",
        "metric": "",
        "operation": "",
        "direction": "high",
        "state": "open",
        "severity": "critical",
        "score": 0.94,
        "value": 0.29,
        "expected": 0.007,
        "low": 0.0,
        "high": 0.037,
        "unit": "ratio",
        "reason": f"{service}: 29 % of 275 requests in 5 minutes failed, usual is 0.7 %, at most 3.7 %.",
        "first_minute": iso(BEGAN),
        "last_minute": iso(NOW - timedelta(minutes=1)),
        "votes": VOTES,
        "contributing": [{"operation": "POST /payments", "share": 0.82, "value": 0.4, "expected": 0.006}],
        "exemplar": {"trace_id": TRACE, "span_id": SPAN, "value": 2041.0},
        "part": "origin",
        "origin_id": ORIGIN_ID,
        "origin_service": "payments",
        "effects": [EFFECT_ID],
        "preset": "",
    }
    return told | changes


def everything() -> list[dict[str, Any]]:
    """Return all anomalies, newest first."""
    p95 = {"measure": "p95", "value": 702.0, "expected": 180.0, "low": 150.0, "high": 240.0, "unit": "ms"}
    slow = "web: 95 % of requests took up to 702 ms, usual is 180 ms, at most 240 ms."
    effect = {"part": "effect", "effects": [], "severity": "warning", "first_minute": iso(BEGAN + timedelta(minutes=5))}
    past = {
        "state": "ended",
        "severity": "info",
        "part": "alone",
        "origin_id": PAST_ID,
        "origin_service": "orders",
        "effects": [],
        "first_minute": iso(NOW - timedelta(hours=11, minutes=30)),
        "last_minute": iso(NOW - timedelta(hours=10, minutes=45)),
    }
    return [
        _anomaly(EFFECT_ID, "web", **p95, **effect, reason=slow),
        _anomaly(ORIGIN_ID, "payments"),
        _anomaly(PAST_ID, "orders", **past),
    ]


def anomalies(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/anomalies."""
    query = asked.query
    last = moment_of(query.get("to"), NOW)
    first = moment_of(query.get("from"), last - timedelta(days=1))

    def is_wanted(one: dict[str, Any]) -> bool:
        is_state = query.get("state", "any") in ("any", one["state"])
        is_then = moment_of(one["first_minute"], NOW) < last and moment_of(one["last_minute"], NOW) >= first
        return is_state and is_then and query.get("service", one["service"]) == one["service"]

    unheard = {"service": NEVER_HEARD, "measure": "", "metric": "", "reason": "nothing was ever heard of it"}
    return {
        "from": iso(first),
        "to": iso(last),
        "judged_to": iso(NOW - timedelta(minutes=5)),
        "anomalies": [one for one in everything() if is_wanted(one)],
        "unknown": [unheard],
        "next": None,
    }


def anomaly(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/anomalies/{id}."""
    found = next((one for one in everything() if one["anomaly_id"] == asked.parameters["id"]), None)
    if found is None:
        raise RefusedError(404, "Not Found", f"there is no anomaly {asked.parameters['id']!r}")
    first = moment_of(found["first_minute"], NOW) - timedelta(hours=2)
    points = []
    for number in range(29):
        start = first + number * timedelta(minutes=5)
        value = error_ratio(found["service"], start)
        points.append({"start": iso(start), "value": value, "expected": 0.007, "low": 0.0, "high": 0.037})
    brief = {
        name: {key: one[key] for key in ("anomaly_id", "service", "measure", "reason")}
        for name, one in _by_id().items()
    }
    series = {"bucket_minutes": 5, "history_from": iso(first - timedelta(days=15)), "why_no_band": "", "points": points}
    is_effect = found["part"] == "effect"
    return found | {
        "effects": [brief[one] for one in found["effects"]],
        "origin": brief[found["origin_id"]] if is_effect else None,
        "series": series,
        "feedback": [
            {"anomaly_id": found["anomaly_id"], "verdict": "useful", "note": "", "by": "9ce74f8b4671", "at": iso(NOW)}
        ],
    }


def _by_id() -> dict[str, dict[str, Any]]:
    return {one["anomaly_id"]: one for one in everything()}


def feedback(asked: Asked) -> dict[str, Any]:
    """Answer POST /v1/anomalies/{id}/feedback."""
    note = asked.body.get("note", "")
    told = {"anomaly_id": asked.parameters["id"], "verdict": asked.body["verdict"], "note": note}
    return {**told, "by": "9ce74f8b4671", "at": iso(NOW)}


def bands(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/anomalies/bands."""
    grid = Grid(asked.query)
    wanted = asked.query.get("measure", ",".join(BANDS)).split(",")
    told = []
    for service in asked_services(asked.query):
        for measure in (one for one in wanted if one in BANDS):
            usual = grid.column(lambda at, service=service, measure=measure: _usual(service, measure, at))
            told.append(
                {
                    "service": service,
                    "measure": measure,
                    "metric": "",
                    "operation": "",
                    "unit": BANDS[measure],
                    "expected": usual,
                    "low": [None if one is None else round(one * 0.8, 5) for one in usual],
                    "high": [None if one is None else round(one * 1.25, 5) for one in usual],
                    "judged": service in HEARD,
                    "reason": "" if service in HEARD else "nothing was ever heard of it",
                }
            )
    return {**grid.head(), "judged_to": iso(NOW - timedelta(minutes=5)), "series": told}


def _usual(service: str, measure: str, at: datetime) -> float | None:
    if service not in HEARD:
        return None
    if measure == "rate":
        return round(PER_MINUTE[service] * rhythm(at) / 60, 4)
    return 0.007 if measure == "error_ratio" else USUAL_P95_MS[service]


def exclusion(**changes: Any) -> dict[str, Any]:
    """Return a time of which nothing is learned."""
    window = {"from": iso(NOW - timedelta(days=3)), "to": iso(NOW - timedelta(days=2)), "reason": "a sale"}
    return {"exclusion_id": "e0c1d2", "service": "orders", **window, **changes}


def exclusions(asked: Asked) -> dict[str, Any]:
    """Answer GET /v1/anomalies/exclusions."""
    return {"exclusions": [exclusion()], "next": None}


def exclude(asked: Asked) -> Any:
    """Answer POST /v1/anomalies/exclusions."""
    return exclusion(**asked.body)


ANSWERS: Answers = {
    "GET /v1/anomalies": anomalies,
    "GET /v1/anomalies/bands": bands,
    "GET /v1/anomalies/exclusions": exclusions,
    "POST /v1/anomalies/exclusions": exclude,
    "DELETE /v1/anomalies/exclusions/{id}": lambda _: None,
    "GET /v1/anomalies/{id}": anomaly,
    "POST /v1/anomalies/{id}/feedback": feedback,
}
