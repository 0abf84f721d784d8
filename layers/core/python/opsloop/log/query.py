"""A question about logs: which documents of which time; and what is told of those found."""

from collections.abc import Callable, Mapping, Sequence
from json import dumps
from typing import Any

from opsloop.clock import format_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.log.document import iso_ns
from opsloop.log.model import SEVERITIES
from opsloop.log.search_spec import LOGS
from opsloop.search import MARK_END, MARK_START, Bucket, Found, Hit, Query

NS_PER_S = 1_000_000_000
BUCKETS = 60
INTERVALS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
MAX_TEXT, MAX_STRUCTURE, MAX_PIECE, MAX_SHORT = 10_000, 20_000, 2_000, 500  # characters told of one hit's fields
MAX_ANSWER_BYTES = 4 << 20  # of hits: Lambda answers 6 MB at most
_STRUCTURES = ("body_json", "attributes", "resource")
_SHORT = ("service", "severity_text", "event_name", "scope", "template", "trace_id", "span_id")


@dataclass(frozen=True)
class Question:
    """Documents of the time from ``first_ns`` up to, not including, ``end_ns``; what is empty does not matter.

    ``text`` is as in ``opsloop.search.Query``.
    """

    first_ns: int
    end_ns: int
    service: str = ""
    severities: tuple[str, ...] = ()
    text: str = ""
    trace_id: str = ""
    template: str = ""

    def query(self) -> Query:
        """Return this as a search store is asked."""
        single = {"service": self.service, "trace_id": self.trace_id, "template": self.template}
        terms: dict[str, Sequence[str]] = {name: (value,) for name, value in single.items() if value}
        if self.severities:
            terms["severity"] = self.severities
        return Query(terms, {LOGS.time_field: (self.first_ns, self.end_ns - 1)}, self.text)


def read_severities(names: str, least: str) -> tuple[str, ...]:
    """Return the classes that ``severity`` (``error,fatal``) or ``min_severity`` (``warn``) name; none: any.

    Raises ``InvalidInputError``, naming the field.
    """
    if names and least:
        raise InvalidInputError("min_severity: give this or severity, not both")
    wanted = tuple(dict.fromkeys(one.strip().lower() for one in names.split(","))) if names else ()
    for field, given in (("severity", wanted), ("min_severity", (least.lower(),) if least else ())):
        for name in given:
            if name not in SEVERITIES:
                raise InvalidInputError(f"{field}: {name[:40]!r} is not one of {', '.join(SEVERITIES)}")
    return SEVERITIES[SEVERITIES.index(least.lower()) :] if least else wanted


def page_that_fits(search: Callable[[int], Found], size: int) -> tuple[list[dict[str, Any]], Found]:
    """Return the hits of ``search(size)`` as they are told, of fewer where that would be more than an answer holds."""
    while True:
        found = search(size)
        told = [hit_json(one) for one in found.hits]
        if size == 1 or len(dumps(told)) <= MAX_ANSWER_BYTES:
            return told, found
        size = max(1, size // 2)


def hit_json(hit: Hit) -> dict[str, Any]:
    """Return what is told of a hit: all fields as they were sent, those that are very long cut, which ``cut`` says.

    ``highlights``: per field, pieces of plain text, each a list of parts, which say whether they are what was found.
    """
    told = document_json(hit.doc_id, hit.content)
    told["highlights"] = {field: [_parts(one) for one in texts] for field, texts in hit.highlights.items()}
    return told


def document_json(doc_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of the document ``content``, whose ``time`` is ns since the epoch."""
    cut = []
    told: dict[str, Any] = {"id": doc_id, "time": iso_ns(content["time"])}
    for name in _SHORT:
        text = str(content.get(name, ""))
        told[name] = text[:MAX_SHORT]
        cut += [name] * (len(text) > MAX_SHORT)
    told["severity"], told["severity_number"] = content["severity"], content.get("severity_number", 0)
    body = str(content.get("body", ""))
    told["body"] = body[:MAX_TEXT]
    cut += ["body"] * (len(body) > MAX_TEXT)
    for name in _STRUCTURES:
        value = content.get(name)
        told[name] = value
        if value and len(dumps(value)) > MAX_STRUCTURE:
            told[name] = None
            cut.append(name)
    observed = content.get("observed_ns", 0)
    told["observed_time"] = iso_ns(observed) if 0 < observed < 1 << 62 else None
    told["cut"] = cut
    return told


def _parts(marked: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    left = MAX_PIECE
    for number, stretch in enumerate(marked.split(MARK_START)):
        found, is_marked, rest = stretch.partition(MARK_END)
        for text, is_found in ((found, True), (rest, False)) if number and is_marked else ((stretch, False),):
            if text and left > 0:
                parts.append({"text": text[:left], "is_found": is_found})
                left -= len(text)
    return parts


def interval_s(first_ns: int, end_ns: int) -> int:
    """Return the length of intervals of which some ``BUCKETS`` make up the range, a day at most."""
    fitting = (one for one in INTERVALS_S if end_ns - first_ns <= BUCKETS * one * NS_PER_S)
    return next(fitting, INTERVALS_S[-1])


def counts_json(buckets: Sequence[Bucket], question: Question, interval: int) -> dict[str, Any]:
    """Return counts over time, by severity, without a gap: intervals in which nothing was found are told as 0.

    ``interval`` is in seconds; the first and the last interval reach beyond the range, and count what is in it.
    """
    found = {one.start: one for one in buckets}
    step = interval * NS_PER_S
    starts = range(question.first_ns // step * step, question.end_ns, step)
    rows = []
    for start in starts:
        one = found.get(start) or Bucket(start, 0, {})
        groups = {name: one.groups[name] for name in SEVERITIES if name in one.groups}
        rows.append({"start": _second(start), "count": one.count, "severities": groups})
    return {"interval_s": interval, "buckets": rows}


def _second(ns: int) -> str:
    minute, rest = divmod(ns // NS_PER_S, 60)
    return format_time(time_of(minute).replace(second=rest))
