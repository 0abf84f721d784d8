"""A log record as a line of JSON in the bucket, and as a document of the search store; and back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from opsloop.errors import InvalidInputError
from opsloop.log.model import LogRecord
from opsloop.search import Document

_NS = 1_000_000_000
_LARGEST = (1 << 63) - 1  # of a number that a search store takes


def line(record: LogRecord, doc_id: str, template: str) -> str:
    """Return ``record`` with its id and pattern as one line of JSON, what is empty left out."""
    content: dict[str, Any] = {"id": doc_id, "time": iso_ns(record.time_ns), "time_ns": record.time_ns}
    if record.sent_ns:
        content["sent_time"], content["sent_ns"] = iso_ns(record.sent_ns), record.sent_ns
    if record.observed_ns:
        content["observed_ns"] = record.observed_ns
    content["service"], content["severity"] = record.service, record.severity
    content |= _told(record)
    content["template"] = template
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def read_line(text: str) -> LogRecord:
    """Return the record of a line; raise ``InvalidInputError`` if it is none."""
    try:
        content = json.loads(text)
        return _record(content["id"], content["time_ns"], content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInputError(f"not a line of log documents: {type(error).__name__}: {error}") from None


def document(record: LogRecord, *, kept: int = 0) -> Document:
    """Return ``record`` as the search store takes it: ``time`` is ns since the epoch, ``kept`` that of its object."""
    content: dict[str, Any] = {"time": record.time_ns, "service": record.service, "severity": record.severity}
    if kept:
        content["kept"] = kept
    if 0 < record.observed_ns <= _LARGEST:
        content["observed_ns"] = record.observed_ns
    if record.sent_ns:
        content["sent_time"] = iso_ns(record.sent_ns)
    content |= _told(record)
    if not isinstance(record.structure, Mapping):
        content.pop("body_json", None)  # a store searches names and values; of a list, body has the whole as JSON
    content["template"] = record.template
    return Document(record.doc_id, content)


def record_of(found: Document) -> LogRecord:
    """Return the record of a document of the search store; a time that was sent and did not count is left out."""
    return _record(found.doc_id, found.content["time"], found.content)


def iso_ns(time_ns: int) -> str:
    """Return ns since the epoch as ISO 8601 in UTC, with nine digits of the second."""
    return f"{_second(time_ns // _NS)}.{time_ns % _NS:09d}Z"


def _told(record: LogRecord) -> dict[str, Any]:
    """Return the fields that are in both, if they say something."""
    found = {
        "severity_number": record.severity_number,
        "severity_text": record.severity_text,
        "body": record.body,
        "body_json": record.structure,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "event_name": record.event_name,
        "attributes": record.attributes,
        "resource": record.resource,
        "scope": record.scope,
    }
    return {name: value for name, value in found.items() if value}


def _record(doc_id: str, time_ns: int, content: Mapping[str, Any]) -> LogRecord:
    get = content.get
    return LogRecord(
        doc_id,
        time_ns,
        get("observed_ns", 0),
        content["service"],
        content["severity"],
        get("severity_number", 0),
        get("severity_text", ""),
        get("body", ""),
        get("body_json"),
        get("template", ""),
        get("trace_id", ""),
        get("span_id", ""),
        get("event_name", ""),
        get("attributes", {}),
        get("resource", {}),
        get("scope", ""),
        get("sent_ns", 0),
    )


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
