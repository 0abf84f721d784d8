"""What is to be told, read from the events of the bus."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from opsloop.alert.backup_event import TYPES as BACKUP_TYPES
from opsloop.alert.backup_event import read_backup
from opsloop.alert.exercise_event import TYPES as EXERCISE_TYPES
from opsloop.alert.exercise_event import read_exercise
from opsloop.alert.field import day_of, object_of, text_of
from opsloop.alert.model import (
    DETECTED,
    ENDED,
    FAILED,
    TEST,
    Begun,
    DeliveryFailed,
    DeliveryKey,
    Recovered,
    ResendRequested,
    Telling,
    TestRequested,
)
from opsloop.anomaly.model import AnomalyDetected, AnomalyEnded, Part, Severity
from opsloop.catalog import Database
from opsloop.clock import parse_time
from opsloop.errors import InvalidInputError

MOST_EFFECTS = 50
_STATES = {AnomalyDetected.TYPE: DETECTED, AnomalyEnded.TYPE: ENDED}
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,100}")
_DELIVERY = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)\.(?P<topic>[A-Za-z0-9_-]{1,100})\.(?P<state>[a-z]{1,20})\.(?P<channel>[a-z0-9-]{1,40})"
)


def read_event(
    detail: object, databases: Mapping[str, Database] = MappingProxyType({})
) -> Telling | DeliveryKey | Begun | Recovered:
    """Return what an event (CloudEvents, EventBridge's ``detail``) asks for: a telling, or one delivery to repeat.

    ``databases`` are the catalog's: an event of one is told to those who are told of its service. Raises
    ``InvalidInputError`` for what is none of ours.
    """
    event = object_of(detail, "detail")
    kind, data = event.get("type"), object_of(event.get("data"), "data")
    time = parse_time(text_of(event, "time"), name="time")
    if kind in _STATES:
        return _anomaly(data, _STATES[str(kind)], time.timestamp())
    if kind in BACKUP_TYPES:
        return read_backup(str(kind), data, time, databases)
    if kind in EXERCISE_TYPES:
        return read_exercise(str(kind), data, time, databases)
    if kind == DeliveryFailed.TYPE:
        return _fault(data, time)
    if kind == TestRequested.TYPE:
        channel = data.get("channel") or ""
        topic = _topic(f"test-{text_of(data, 'test_id')}")
        return Telling(topic, TEST, day_of(time), Severity.INFO, "", data, only=str(channel))
    if kind == ResendRequested.TYPE:
        return parse_delivery_id(text_of(data, "delivery_id"))
    raise InvalidInputError(f"type: {kind!r} is nothing that people are told of")


def parse_delivery_id(text: str) -> DeliveryKey:
    """Return the key that ``text`` stands for; raise ``InvalidInputError`` if it is none."""
    match = _DELIVERY.fullmatch(text)
    if match is None:
        raise InvalidInputError("id: expected a delivery's id, as GET /v1/alerts/deliveries lists them")
    return DeliveryKey(match["day"], match["topic"], match["state"], match["channel"])


def _anomaly(data: Mapping[str, Any], state: str, at: float) -> Telling:
    anomaly = object_of(data.get("anomaly"), "anomaly")
    listed = data.get("effects") or []
    if not isinstance(listed, list):
        raise InvalidInputError("effects: expected a list")
    effects = [object_of(one, "effects") for one in listed[:MOST_EFFECTS]]
    for one in (anomaly, *effects):
        text_of(one, "service")
        parse_time(text_of(one, "first_minute"), name="first_minute")
    first = parse_time(text_of(anomaly, "first_minute"), name="anomaly.first_minute")
    parse_time(text_of(anomaly, "last_minute"), name="anomaly.last_minute")
    return Telling(
        topic=_topic(text_of(anomaly, "anomaly_id")),
        state=state,
        day=day_of(first),
        severity=max((_severity(one) for one in (anomaly, *effects)), key=list(Severity).index),
        service=text_of(anomaly, "service"),
        data={"anomaly": dict(anomaly), "effects": [dict(one) for one in effects]},
        is_effect=anomaly.get("part") == Part.EFFECT,
        origin_service=str(anomaly.get("origin_service") or ""),
        at=at,
    )


def _fault(data: Mapping[str, Any], time: datetime) -> Telling:
    """Return the telling of a channel that failed: the same one for all its faults of an hour."""
    channel = text_of(data, "channel")
    for name in ("delivery_id", "reason"):
        text_of(data, name)
    return Telling(
        topic=_topic(f"channel-{channel}-{time.astimezone(UTC):%Y%m%d%H}"),
        state=FAILED,
        day=day_of(time),
        severity=Severity.CRITICAL,
        service="",
        data=data,
        without=channel,
    )


def _severity(anomaly: Mapping[str, Any]) -> Severity:
    try:
        return Severity(str(anomaly.get("severity")))
    except ValueError:
        raise InvalidInputError(f"severity: {anomaly.get('severity')!r} is not one of {', '.join(Severity)}") from None


def _topic(text: str) -> str:
    if not _TOPIC.fullmatch(text):
        raise InvalidInputError(f"id: {text[:100]!r} is not 1 to 100 of A-Z a-z 0-9 _ -")
    return text
