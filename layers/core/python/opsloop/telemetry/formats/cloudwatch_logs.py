"""CloudWatch Logs subscription records -> OTLP log records.

A record is gzip of ``{messageType, owner, logGroup, logStream, subscriptionFilters, logEvents: [{id, timestamp (ms),
message}]}``. A CONTROL_MESSAGE only checks that the destination can be reached: accepted, and nothing in it.
Source: Amazon CloudWatch Logs user guide, "Log group-level subscription filters".

* Resource: ``cloud.provider``, ``cloud.account.id``, ``aws.log.group.names``, ``aws.log.stream.names``; log group
  ``/aws/lambda/<function>`` is ``faas.name`` and so the service; of any other group the last part is ``service.name``.
* Severity is guessed only where the message says it plainly: the JSON member ``level``, ``severity``, ``log_level`` or
  ``levelname`` of a message that is an object; else a level word in capitals that is the first word, or the first
  after a time, or stands in brackets or between tabs within the first 100 characters (``ERROR: ...``,
  ``2026-11-21 10:00:00 ERROR ...``, ``... [WARN] ...``, Lambda's ``<time> <id> ERROR ...`` with tabs). Otherwise it is
  not set: a text with the word "error" in it is not an error.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from opsloop.errors import PermanentError
from opsloop.telemetry.fault import INVALID_ITEM, UnreadableError
from opsloop.telemetry.formats.items import refuse
from opsloop.telemetry.formats.otlp_writer import Groups, any_value, attributes, embed, fixed64, number, text
from opsloop.telemetry.reading import Refusal, Transcoded

_DATA, _CONTROL = "DATA_MESSAGE", "CONTROL_MESSAGE"
_LAMBDA = "/aws/lambda/"
_NS_PER_MS = 1_000_000
_MAX_MS = (1 << 63) // _NS_PER_MS
_LEVEL_MEMBERS = ("level", "severity", "log_level", "levelname")
_SEVERITIES = {
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "INFORMATION": 9,
    "NOTICE": 10,
    "WARN": 13,
    "WARNING": 13,
    "ERROR": 17,
    "ERR": 17,
    "SEVERE": 17,
    "CRITICAL": 18,
    "ALERT": 19,
    "FATAL": 21,
    "EMERGENCY": 21,
    "PANIC": 21,
}
_WORD = "|".join(_SEVERITIES)
_LEVEL = re.compile(
    rf"\s*(?:[\d:.,TZ+\-/ \t]{{8,40}}\s)?(?:\[({_WORD})\]|({_WORD})\b(?![-\w]))"  # first, or first after a time
    rf"|[^\n]{{0,100}}?(?:\[({_WORD})\]|\t({_WORD})\t)"
)


def transcode(messages: Sequence[Any]) -> Transcoded:
    """Return the log request of some subscription messages, parsed from JSON; bad events are refused alone."""
    groups = Groups()
    refused: list[Refusal] = []
    for place, message in enumerate(messages):
        try:
            refused += _add(message, groups)
        except PermanentError as error:
            refused += refuse([message], [f"message {place}: {error}"])
    return Transcoded("logs", groups.request(), tuple(refused))


def _add(message: dict[str, Any], groups: Groups) -> tuple[Refusal, ...]:
    """Add the events of one message; return those that cannot be read, in a message of their own."""
    if message.get("messageType") == _CONTROL:
        return ()
    if message.get("messageType") != _DATA:
        raise UnreadableError(f"messageType: expected {_DATA} or {_CONTROL}", INVALID_ITEM)
    events = message.get("logEvents")
    group, stream = message.get("logGroup"), message.get("logStream")
    if not isinstance(events, list) or not isinstance(group, str) or not isinstance(stream, str):
        raise UnreadableError("expected logEvents, logGroup and logStream", INVALID_ITEM)
    resource = _resource(group, stream, message.get("owner"))
    bad: list[Any] = []
    reasons: list[str] = []
    for place, event in enumerate(events):
        try:
            groups.add(resource, b"", _record(event))
        except PermanentError as error:
            bad.append(event)
            reasons.append(f"event {place}: {error}")
    return refuse([message | {"logEvents": bad}], reasons) if bad else ()


def _resource(group: str, stream: str, owner: object) -> bytes:
    if group.startswith(_LAMBDA) and len(group) > len(_LAMBDA):
        service = ("faas.name", group.removeprefix(_LAMBDA))
    else:
        service = ("service.name", group.rstrip("/").rpartition("/")[2] or group)
    account = [("cloud.account.id", owner)] if isinstance(owner, str) and owner else []
    names = (("aws.log.group.names", [group]), ("aws.log.stream.names", [stream]))
    return attributes(1, [service, ("cloud.provider", "aws"), *account, *names])


def _record(event: Any) -> bytes:
    if not isinstance(event, dict):
        raise UnreadableError("expected an object", INVALID_ITEM)
    time, message = event.get("timestamp"), event.get("message")
    if isinstance(time, bool) or not isinstance(time, int) or not 0 < time < _MAX_MS:
        raise UnreadableError("timestamp: expected milliseconds since 1970", INVALID_ITEM)
    if not isinstance(message, str):
        raise UnreadableError("message: expected a string", INVALID_ITEM)
    word = severity_word(message)
    identity = event.get("id")
    pairs = [("aws.log.event.id", identity)] if isinstance(identity, str) else []
    return b"".join(
        (
            fixed64(1, time * _NS_PER_MS),
            number(2, _SEVERITIES.get(word.upper(), 0)),
            text(3, word),
            embed(5, any_value(message)),
            attributes(6, pairs),
        )
    )


def severity_word(message: str) -> str:
    """Return the level that a message says plainly, as it writes it; empty if it says none."""
    if message.startswith("{"):
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return ""
        members = (document.get(name) for name in _LEVEL_MEMBERS) if isinstance(document, dict) else ()
        return next((one for one in members if isinstance(one, str) and one.upper() in _SEVERITIES), "")
    found = _LEVEL.match(message)
    return next((word for word in found.groups() if word), "") if found else ""
