"""The nouns of logs: one record as a document, and what is kept of the object that it lies in."""

from collections.abc import Mapping
from typing import Any, Protocol

from opsloop.dataclass import dataclass

SEVERITIES = ("unspecified", "trace", "debug", "info", "warn", "error", "fatal")
"""Classes of severity, the least first; OpenTelemetry's numbers 1-4 are the second, 21-24 the last."""


@dataclass(frozen=True)
class LogRecord:
    """One log record as it was sent. Times are ns since the epoch, ids lower-case hex or empty.

    ``time_ns`` is the time under which it counts; where that is not the time that was sent, which cannot be right,
    ``sent_ns`` is the latter, else 0. ``severity`` is the class of the number (``trace`` to ``fatal``,
    ``unspecified``). ``body`` is text; ``structure`` the body where it is a list or a map. ``doc_id`` is the position
    of its batch in the log and its number there: the same on every attempt. ``template`` is the name of its pattern.
    """

    doc_id: str
    time_ns: int
    observed_ns: int
    service: str
    severity: str
    severity_number: int
    severity_text: str
    body: str
    structure: Any
    template: str
    trace_id: str
    span_id: str
    event_name: str
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope: str
    sent_ns: int = 0


@dataclass(frozen=True)
class LogObject:
    """One object of log lines: service, day (``2026-11-21``) and hour, and its small index.

    ``key`` is its name in the bucket; ``trace_bloom`` a Bloom filter of the trace ids in it; ``severities`` counts per
    class. Times are ns since the epoch.
    """

    key: str
    service: str
    day: str
    hour: int
    records: int
    first_ns: int
    last_ns: int
    severities: Mapping[str, int]
    trace_bloom: bytes


@dataclass(frozen=True)
class PatternHour:
    """How often each pattern of ``service`` occurred, per minute of the hour that starts at minute ``hour``.

    ``counts`` are by the pattern's name (``Miner.name``): 60 numbers each. ``templates`` and ``severities`` say, per
    name, its text and the greatest severity class seen.
    """

    service: str
    hour: int
    counts: Mapping[str, tuple[int, ...]]
    templates: Mapping[str, str]
    severities: Mapping[str, str]


@dataclass(frozen=True, order=True)
class Pending:
    """An object whose documents the search store does not have yet; its records arrived at ``since_s`` (epoch)."""

    key: str
    since_s: int


class BodyStore(Protocol):
    """Where bodies lie that are too large for a table item."""

    def get(self, key: str) -> bytes:
        """Return the body of that key."""
