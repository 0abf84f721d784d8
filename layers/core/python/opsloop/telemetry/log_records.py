"""OTLP log requests -> log records one by one, by the rules by which ``logs`` counts them.

The same service, severity class and minute, so that whoever counts the records finds what the KPIs say. Fields that
tell nothing of these are read as far as they can be: a record that was counted is never lost for its body.
Layout: opentelemetry-proto v1, logs/v1/logs.proto.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from opsloop.catalog import Catalog
from opsloop.clock import MINUTES_PER_DAY, NS_PER_MINUTE
from opsloop.dataclass import dataclass
from opsloop.log.model import LogRecord
from opsloop.telemetry.any_value import any_value, attributes, fields, text
from opsloop.telemetry.envelope import resource_attributes, service_name
from opsloop.telemetry.ingest import MAX_AGE_DAYS, MAX_AHEAD_MINUTES, backfill_minute
from opsloop.telemetry.model import SEVERITIES
from opsloop.telemetry.otlp_schema import I64, LEN, VARINT
from opsloop.telemetry.wire import WireError, read_varint

_RESOURCE_LOGS, _RESOURCE, _SCOPE_LOGS, _SCOPE, _RECORDS = 1, 1, 2, 1, 2
_TIME, _SEVERITY, _SEVERITY_TEXT, _BODY, _ATTRIBUTES, _TRACE_ID, _SPAN_ID, _OBSERVED, _EVENT_NAME = (
    *(1, 2, 3, 5, 6, 9, 10),
    *(11, 12),
)
_LAST_SEVERITY = 24
_MAX_ID_BYTES = 64  # OTLP's have 16 and 8; others send what they have


@dataclass(frozen=True)
class _Around:
    """What is the same for the records of a scope: service, resource, scope, and when they may be from."""

    service: str
    resource: dict[str, Any]
    scope: str
    arrival_s: float
    first_minute: int
    last_minute: int


def read_records(arrival_s: float, request: bytes, catalog: Catalog) -> Iterator[LogRecord]:
    """Yield the log records of a request that is not malformed, in order, without ids and patterns.

    ``arrival_s``: when its record arrived. Raises ``WireError`` where the request breaks off.
    """
    for begin, end in _children(request, 0, len(request), _RESOURCE_LOGS):
        content, scopes = b"", []
        for number, wire, at, stop in fields(request, begin, end):
            if (number, wire) == (_RESOURCE, LEN):
                content = request[at:stop]
            elif (number, wire) == (_SCOPE_LOGS, LEN):
                scopes.append((at, stop))
        service, resource = _resource(content)
        first, last = _bounds(service, arrival_s, catalog)
        for at, stop in scopes:
            around = _Around(service, resource, _scope_name(request, at, stop), arrival_s, first, last)
            for place, until in _children(request, at, stop, _RECORDS):
                yield _record(request, place, until, around)


def _children(data: bytes, at: int, end: int, wanted: int) -> list[tuple[int, int]]:
    return [(begin, stop) for number, wire, begin, stop in fields(data, at, end) if (number, wire) == (wanted, LEN)]


@lru_cache(maxsize=4096)
def _resource(content: bytes) -> tuple[str, dict[str, Any]]:
    """Return the service of a resource, and its attributes: a sender repeats its own in every request."""
    counted = resource_attributes(content)
    if counted is None:
        raise WireError("a resource that was counted cannot be read", 0)
    return service_name(counted), attributes(content, _children(content, 0, len(content), 1))


def _scope_name(data: bytes, at: int, end: int) -> str:
    name = ""
    for begin, stop in _children(data, at, end, _SCOPE):
        for number, wire, first, last in fields(data, begin, stop):
            if (number, wire) == (1, LEN):
                name = text(data, first, last)
    return name


def _bounds(service: str, arrival_s: float, catalog: Catalog) -> tuple[int, int]:
    """Return the first and the last minute that a record of ``service`` may say; see ``ingest``."""
    arrival = int(arrival_s) // 60
    first = min(arrival - MAX_AGE_DAYS * MINUTES_PER_DAY, backfill_minute(catalog, service))
    return first, arrival + MAX_AHEAD_MINUTES


def _record(data: bytes, at: int, end: int, around: _Around) -> LogRecord:
    sent_ns = observed_ns = severity = 0
    severity_text = trace_id = span_id = event_name = ""
    body: Any = None
    pairs: list[tuple[int, int]] = []
    for number, wire, begin, stop in fields(data, at, end):
        if wire == LEN:
            if number == _ATTRIBUTES:
                pairs.append((begin, stop))
            elif number == _BODY:
                body = any_value(data, begin, stop)
            elif number == _TRACE_ID:
                trace_id = _hex(data, begin, stop)
            elif number == _SPAN_ID:
                span_id = _hex(data, begin, stop)
            elif number == _SEVERITY_TEXT:
                severity_text = text(data, begin, stop)
            elif number == _EVENT_NAME:
                event_name = text(data, begin, stop)
        elif wire == I64:
            if number == _TIME:
                sent_ns = int.from_bytes(data[begin:stop], "little")
            elif number == _OBSERVED:
                observed_ns = int.from_bytes(data[begin:stop], "little")
        elif wire == VARINT and number == _SEVERITY:
            severity = read_varint(data, begin, stop)[0]
    severity = severity if severity <= _LAST_SEVERITY else 0
    words, structure = _body(body)
    time_ns, was_sent_ns = _time(sent_ns or observed_ns, around)
    return LogRecord(
        "",
        time_ns,
        observed_ns,
        around.service,
        SEVERITIES[(severity + 3) // 4],
        severity,
        severity_text,
        words,
        structure,
        "",
        trace_id,
        span_id,
        event_name,
        attributes(data, pairs),
        around.resource,
        around.scope,
        was_sent_ns,
    )


def _time(time_ns: int, around: _Around) -> tuple[int, int]:
    """Return the time under which a record counts, and the one that was sent where that is another."""
    if around.first_minute <= time_ns // NS_PER_MINUTE <= around.last_minute:
        return time_ns, 0
    whole = int(around.arrival_s)
    return whole * 1_000_000_000 + int((around.arrival_s - whole) * 1e9), time_ns


def _body(body: Any) -> tuple[str, Any]:
    """Return a body as text, and as it is where it has a structure: its message, or the whole in JSON."""
    if isinstance(body, str):
        return body, None
    if isinstance(body, dict | list):
        message = body.get("message") if isinstance(body, dict) else None
        whole = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return message if isinstance(message, str) else whole, body
    return "" if body is None else json.dumps(body), None


def _hex(data: bytes, at: int, end: int) -> str:
    """Return an id; none for one of zeros, which stands for no id."""
    found = data[at : min(end, at + _MAX_ID_BYTES)]
    return found.hex() if any(found) else ""
