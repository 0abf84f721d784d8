"""What a message says: of an anomaly that began or ended, of a channel that could not be told, of a test."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from opsloop.alert.backup_words import of_backup
from opsloop.alert.exercise_words import of_exercise
from opsloop.alert.field import number_of
from opsloop.alert.model import BACKUP, ENDED, EXERCISE, FAILED, TEST, DeliveryKey, Earlier, Message, Section, Telling
from opsloop.alert.places import Places
from opsloop.alert.words import band, duration, line, listed, moment, number, quantities
from opsloop.clock import parse_time
from opsloop.errors import InvalidInputError

RUNBOOK = "docs/runbooks/anomaly.md"
_NAMES = {
    "rate": "traffic",
    "error_ratio": "error ratio",
    "p95": "p95",
    "throughput": "throughput",
    "saturation": "saturation",
    "pattern": "log pattern",
    "silence": "silence",
}


def compose(telling: Telling, key: DeliveryKey, earlier: Earlier | None, is_repeat: bool, *, places: Places) -> Message:
    """Return the message that tells ``telling`` on the channel of ``key``."""
    if telling.state == FAILED:
        return _of_channel(telling, key, is_repeat, places)
    if telling.state == TEST:
        return _of_test(telling, key, is_repeat)
    if telling.kind == BACKUP:
        return of_backup(telling, key, earlier, is_repeat, places)
    if telling.kind == EXERCISE:
        return of_exercise(telling, key, earlier, is_repeat, places)
    return _of_anomaly(telling, key, earlier, is_repeat, places)


def _of_anomaly(
    telling: Telling, key: DeliveryKey, earlier: Earlier | None, is_repeat: bool, places: Places
) -> Message:
    anomaly: Mapping[str, Any] = telling.data["anomaly"]
    effects: Sequence[Mapping[str, Any]] = telling.data["effects"]
    about = _over(anomaly) if telling.state == ENDED else headline(anomaly)
    reason = line(anomaly.get("reason") or about, 900)
    severity = telling.severity.upper()
    anomaly_id = line(anomaly["anomaly_id"], 100)
    return Message(
        delivery_id=key.id,
        thread=telling.topic,
        state=telling.state,
        severity=telling.severity,
        subject=line(f"[opsloop] {'ENDED' if telling.state == ENDED else severity} {about}", 160),
        status=_status(telling, anomaly),
        headline=about,
        summary=line(f"It is over. What it was: {reason}" if telling.state == ENDED else reason, 1_000),
        facts=(*_facts(telling, anomaly), *(() if places.runbooks else [("What to do", RUNBOOK)])),
        sections=tuple(_sections(anomaly, effects, is_over=telling.state == ENDED)),
        commands=(f"opsloop anomaly show {anomaly_id}",),
        links=tuple(_links(telling, anomaly_id, places)),
        earlier=earlier,
        is_repeat=is_repeat,
    )


def headline(anomaly: Mapping[str, Any]) -> str:
    """Return what an anomaly is in a few words: ``payments p95 2.4 s, usually 0.3 s``."""
    who, what = _subject(anomaly)
    if anomaly.get("direction") == "silent":
        return f"{who} is silent since {moment(_time(anomaly, 'first_minute'))}"
    value, expected = number_of(anomaly, "value"), number_of(anomaly, "expected")
    shown, usual = quantities(line(anomaly.get("unit", ""), 20), value, expected)
    if value is None:
        return f"{who} {what} is unusual"
    if anomaly.get("measure") == "pattern" and not expected:
        return f"{who} new {what} {shown}"
    return f"{who} {what} {shown}" if expected is None else f"{who} {what} {shown}, usually {usual}"


def _over(anomaly: Mapping[str, Any]) -> str:
    who, what = _subject(anomaly)
    return f"{who} is heard from again" if anomaly.get("direction") == "silent" else f"{who} {what} is as usual again"


def _subject(anomaly: Mapping[str, Any]) -> tuple[str, str]:
    """Return who it is about and what was measured."""
    who, measure = line(anomaly["service"], 80), str(anomaly.get("measure", ""))
    if anomaly.get("operation"):
        who = f"{who} {line(anomaly['operation'], 80)}"
    if measure in ("saturation", "throughput") and anomaly.get("metric"):
        return who, line(anomaly["metric"], 60)
    return who, _NAMES.get(measure) or line(measure, 40)


def _status(telling: Telling, anomaly: Mapping[str, Any]) -> str:
    first, last = _time(anomaly, "first_minute"), _time(anomaly, "last_minute")
    if telling.state == ENDED:
        lasted = duration((last - first).total_seconds() + 60)
        return f"Ended at {moment(last, today=first)} after {lasted}"
    return f"{telling.severity.capitalize()} since {moment(first)}"


def _facts(telling: Telling, anomaly: Mapping[str, Any]) -> list[tuple[str, str]]:
    unit = line(anomaly.get("unit", ""), 20)
    value, expected, low, high = (number_of(anomaly, name) for name in ("value", "expected", "low", "high"))
    shown, usual, *_ = quantities(unit, value, expected, low, high)
    facts = []
    if value is not None:
        facts.append(("Last unusual" if telling.state == ENDED else "Now", shown))
    if expected is not None:
        facts.append(("Usually", usual))
    if low is not None and high is not None:
        facts.append(("Expected band", band(unit, low, high, value, expected)))
    facts.append(("First minute", moment(_time(anomaly, "first_minute"))))
    if telling.state == ENDED:
        facts.append(("Last minute", moment(_time(anomaly, "last_minute"))))
    facts.append(("Service", line(anomaly["service"], 128)))
    if anomaly.get("operation"):
        facts.append(("Operation", line(anomaly["operation"])))
    if anomaly.get("metric"):
        facts.append(("Pattern" if anomaly.get("measure") == "pattern" else "Metric", line(anomaly["metric"])))
    if origin := _origin(anomaly):
        facts.append(("Likely origin", origin))
    if preset := line(anomaly.get("preset") or "", 100):
        facts.append(("Threshold", preset))
    if (score := number_of(anomaly, "score")) is not None:
        facts.append(("Score", f"{number(score)} of 1"))
    exemplar = anomaly.get("exemplar")
    if isinstance(exemplar, Mapping) and exemplar.get("trace_id"):
        facts.append(("Trace", line(exemplar["trace_id"], 64)))
    return facts


def _origin(anomaly: Mapping[str, Any]) -> str:
    part, service = anomaly.get("part"), line(anomaly.get("origin_service") or "", 128)
    if part == "origin":
        return f"{service or line(anomaly['service'], 128)} (this one)"
    if part == "effect" and service:
        return f"{service}: look there first"
    return ""


def _sections(anomaly: Mapping[str, Any], effects: Sequence[Mapping[str, Any]], *, is_over: bool) -> list[Section]:
    found = []
    operations = [one for one in anomaly.get("contributing") or () if isinstance(one, Mapping)]
    if operations:
        unit = line(anomaly.get("unit", ""), 20)
        found.append(
            Section(
                f"Most of it {'came' if is_over else 'comes'} from",
                listed([_operation(one, unit) for one in operations]),
            )
        )
    if effects:
        found.append(
            Section(f"What {'followed' if is_over else 'follows'} from it", listed([headline(one) for one in effects]))
        )
    return found


def _operation(one: Mapping[str, Any], unit: str) -> str:
    name = line(one.get("operation", ""), 120)
    share, value, expected = (number_of(one, key) for key in ("share", "value", "expected"))
    shown, usual = quantities(unit, value, expected)
    parts = [f"{number(100 * share)} % of the change"] if share is not None else []
    if value is not None:
        parts.append(shown if expected is None else f"{shown}, usually {usual}")
    return f"{name}: {'; '.join(parts)}" if parts else name


def _links(telling: Telling, anomaly_id: str, places: Places) -> list[tuple[str, str]]:
    links = []
    path = quote(anomaly_id, safe="")
    if places.console:
        links.append(("Open the anomaly", f"{places.console}/anomalies/{path}"))
    elif places.api:
        links.append(("The anomaly, as JSON (needs a key)", f"{places.api}/v1/anomalies/{path}"))
    if page := places.runbook_of(telling.service):
        links.append((f"Runbook of {line(telling.service, 60)}", page))
    if places.runbooks:
        links.append(("What to do about an anomaly", f"{places.runbooks}/anomaly.md"))
    return links


def _of_channel(telling: Telling, key: DeliveryKey, is_repeat: bool, places: Places) -> Message:
    fault = telling.data
    name = line(fault["channel"], 60)
    about = f"could not tell {name}: {line(fault['reason'], 200)}"
    delivery_id = line(fault["delivery_id"], 250)
    facts = [("Channel", name), ("Reason", line(fault["reason"], 500))]
    if fault.get("what"):
        facts.append(("Not told", line(fault["what"], 200)))
    pages = [("What to do", f"{places.runbooks}/alert-undeliverable.md")] if places.runbooks else []
    return Message(
        delivery_id=key.id,
        thread=telling.topic,
        state=telling.state,
        severity=telling.severity,
        subject=line(f"[opsloop] {about}", 160),
        status="A channel does not work",
        headline=f"opsloop {about}",
        summary="People who rely on that channel do not know of what is told there, until it works again.",
        facts=tuple(facts),
        commands=("opsloop alert deliveries --state undeliverable", f"opsloop alert resend {delivery_id}"),
        links=tuple(pages),
        is_repeat=is_repeat,
    )


def _of_test(telling: Telling, key: DeliveryKey, is_repeat: bool) -> Message:
    return Message(
        delivery_id=key.id,
        thread=telling.topic,
        state=telling.state,
        severity=telling.severity,
        subject=f"[opsloop] test of {key.channel}",
        status="Test",
        headline=f"opsloop can tell you on {key.channel}",
        summary="Somebody asked for this message to see whether the channel works. There is nothing to do.",
        commands=("opsloop alert deliveries",),
        is_repeat=is_repeat,
    )


def _time(anomaly: Mapping[str, Any], name: str) -> datetime:
    text = anomaly.get(name)
    if not isinstance(text, str):
        raise InvalidInputError(f"anomaly.{name}: expected an ISO 8601 time")
    return parse_time(text, name=f"anomaly.{name}")
