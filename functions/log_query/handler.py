"""HTTP GET /v1/logs, /v1/logs/tail, /v1/logs/patterns, /v1/logs/trace/{trace_id}, /v1/search (scope read) -> lines."""

import json
import time
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from aws_lambda_powertools import Logger, Metrics

import opsloop.cold_start
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.log_archive import LogArchive
from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_objects import ObjectTable
from opsloop.adapters.log_patterns import PatternTable
from opsloop.adapters.log_pending import PendingTable
from opsloop.adapters.log_rebuild import RebuildTable
from opsloop.adapters.log_restores import RestoreTable
from opsloop.adapters.search_store import open_search
from opsloop.adapters.search_words import clauses_of
from opsloop.clock import MINUTES_PER_DAY, format_time, minute_of, time_of
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError, NotFoundError
from opsloop.log import gaps
from opsloop.log.document import document
from opsloop.log.gaps import Gaps
from opsloop.log.model import SEVERITIES
from opsloop.log.pattern_list import hours_between, occurred, pattern_json, texts_of
from opsloop.log.query import (
    NS_PER_S,
    Question,
    counts_json,
    document_json,
    hit_json,
    interval_s,
    page_that_fits,
    read_severities,
)
from opsloop.log.search_spec import LOGS
from opsloop.log.tail import Tail, TailCursor
from opsloop.log.trace import Tracer
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import cursor_after, cursor_position
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings
from opsloop.search import TOTAL_LIMIT, Query

PREFIX = "opsloop"  # of the names of indexes
FILTERS = ("service", "severity", "min_severity", "q", "trace_id", "template")
FIRST_PARTS = ("hits", "counts", "patterns")
PARTS = (*FIRST_PARTS, "facets")
ORDERS = ("newest", "oldest", "relevance")
DEFAULT_RANGE, MAX_RANGE, MAX_PATTERN_RANGE = timedelta(hours=1), timedelta(days=31), timedelta(days=7)
MAX_TRACE_RANGE = timedelta(days=7)
NEW_DAYS = 7  # a pattern is new if it was not seen in so many days before the range
TOP_PATTERNS, TOP_SERVICES, MAX_FACETS = 20, 5, 100
HOLD_S, ROUND_S = 20.0, 1.5  # API Gateway waits 29 s; a search store finds what it took after one
TRACE_S = 18.0
"""How long objects are read for one trace."""


@dataclass(frozen=True)
class Settings:
    access_table: str
    log_table: str
    log_bucket: str
    search_endpoint: str  # where documents are searched: https://, http://127.0.0.1, file:///; empty: nowhere
    hot_days: int = 90  # how long documents stay in the search store


settings = read_settings(Settings)
objects = ObjectTable(settings.log_table)
patterns = PatternTable(settings.log_table, LogBucket(settings.log_bucket))
archive = LogArchive(settings.log_bucket)
waiting, rebuilds = PendingTable(settings.log_table), RebuildTable(settings.log_table)
known_gaps = Gaps(waiting, rebuilds, RestoreTable(settings.log_table), objects, settings.hot_days)
store = open_search(settings.search_endpoint, prefix=PREFIX)
api = Api(Authenticator(AccessTable(settings.access_table).find), Logger(), Metrics())
opsloop.cold_start.finish()


@api.route("GET", "/v1/logs", scope=Scope.READ, query=(*FILTERS, "from", "to", "limit", "cursor", "order", "include"))
def search(request: Request) -> Response:
    """Answer the lines that fit, how many over time, their patterns, and what could not be searched."""
    asked = replace(request, query={name: text for name, text in request.query.items() if name != "include"})
    position = cursor_position(asked)
    first_ns, end_ns, inner = _position(position) if position else (*_range(request, MAX_RANGE), "")
    question = _question(request, first_ns, end_ns)
    order = request.choice("order", ORDERS, default=ORDERS[0])
    parts = _parts(request, is_first=position is None)
    size = request.integer("limit", default=100, least=1, most=1_000)
    answer: dict[str, Any] = {"from": _iso(first_ns), "to": _iso(end_ns), "order": order}
    query = question.query()
    if "hits" in parts:
        hits, found = page_that_fits(lambda some: store.search(LOGS, query, order=order, size=some, cursor=inner), size)
        following = json.dumps([first_ns, end_ns, found.cursor])
        answer |= {"total": found.total, "is_total_exact": found.total < TOTAL_LIMIT, "hits": hits}
        answer["next"] = cursor_after(asked, following) if found.cursor else None
        if not found.total:
            check_service(question.service)
    if "counts" in parts:
        interval = interval_s(first_ns, end_ns)
        buckets = store.counts(LOGS, query, interval_ns=interval * NS_PER_S, group_by="severity")
        answer["counts"] = counts_json(buckets, question, interval)
    if "patterns" in parts:
        answer["patterns"] = _top_patterns(question, query)
    if "facets" in parts:
        answer["facets"] = _facets(question)
    answer["incomplete"] = gaps.told(known_gaps.of(question.service, first_ns, end_ns, request.now), end_ns - first_ns)
    return json_response(answer)


@api.route("GET", "/v1/logs/tail", scope=Scope.READ, query=(*FILTERS, "after", "lines", "limit"))
def tail(request: Request) -> Response:
    """Answer what became searchable of a service since the cursor, as soon as there is something, or after a while."""
    service = request.text("service")
    query = replace(_question(request, 0, 1).query(), ranges={})
    size = request.integer("limit", default=500, least=1, most=1_000)
    follower = Tail(store, objects, service, query, size)
    after, wait = request.text("after", default=""), waiter(HOLD_S)
    if not after:
        check_service(service)
    if after:
        tailed = follower.go_on(TailCursor.of(after), wait)
    else:
        tailed = follower.begin(request.integer("lines", default=10, least=0, most=100), wait)
    hits = [hit_json(one) for one in tailed.found.hits]
    return json_response({"hits": hits, "after": tailed.cursor.text, "steps_waiting": tailed.waiting})


@api.route("GET", "/v1/logs/patterns", scope=Scope.READ, query=("service", "from", "to", "limit"))
def list_patterns(request: Request) -> Response:
    """Answer the patterns of a service, most frequent first, from what was counted: no search store is asked."""
    service, size = request.text("service"), request.integer("limit", default=100, least=1, most=1_000)
    first, end = _times(request, timedelta(days=1), MAX_PATTERN_RANGE)
    first_minute, end_minute = minute_of(first), -(-int(end.timestamp()) // 60)
    hours = hours_between(first_minute, end_minute)
    check_service(service)
    counted = patterns.hours(service, hours[0] - NEW_DAYS * MINUTES_PER_DAY, hours[-1])
    found = occurred(counted, first_minute, end_minute)
    return json_response(
        {
            "service": service,
            "from": format_time(time_of(first_minute)),
            "to": format_time(time_of(end_minute)),
            "hours": [format_time(time_of(hour)) for hour in hours],
            "total": len(found),
            "patterns": [pattern_json(one, hours) for one in found[:size]],
        }
    )


@api.route("GET", "/v1/logs/trace/{trace_id}", scope=Scope.READ, query=("service", "from", "to"))
def trace(request: Request) -> Response:
    """Answer the lines of a trace, read from the objects in which they were kept, and what could not be read."""
    trace_id = request.path_parameters["trace_id"].lower()
    first_ns, end_ns = _range(request, MAX_TRACE_RANGE)
    service = request.text("service", default="")
    deadline = time.monotonic() + TRACE_S
    tracer = Tracer(objects, archive, trace_id, first_ns, end_ns, lambda: time.monotonic() < deadline)
    found = tracer.lines([service] if service else objects.services(), gaps.dates(first_ns, end_ns))
    skipped = [
        {"service": one.service, "from": _iso(one.first_ns), "to": _iso(one.last_ns), "key": one.key, "reason": reason}
        for one, reason in found.skipped
    ]
    lines = [document_json(made.doc_id, made.content) for made in map(document, found.lines)]
    return json_response(
        {
            "trace_id": trace_id,
            "from": _iso(first_ns),
            "to": _iso(end_ns),
            "lines": lines,
            "objects_listed": found.listed,
            "objects_read": found.read,
            "skipped": skipped[:100],
            "objects_skipped": len(skipped),
            "is_complete": found.is_whole_time and not skipped,
        }
    )


@api.route("GET", "/v1/search", scope=Scope.READ, query=())
def show_search(request: Request) -> Response:
    """Answer whether logs can be searched, how many there are, and how many objects wait."""
    standing = store.standing()
    old = waiting.oldest(gaps.MAX_PENDING)
    since = min((one.since_s for one in old), default=None)
    return json_response(
        {
            "is_ready": standing.is_ready,
            "detail": standing.detail,
            "documents": store.count(LOGS, Query()) if standing.is_ready else None,
            "objects_waiting": len(old),
            "is_waiting_exact": len(old) < gaps.MAX_PENDING,
            "waiting_since": None if since is None else format_time(datetime.fromtimestamp(since, UTC)),
            "searchable_since": _iso(gaps.hot_ns(request.now, settings.hot_days)),
        }
    )


lambda_handler = api.lambda_handler


def check_service(name: str) -> None:
    """Raise ``NotFoundError`` for the name of a service that never sent a log record; nothing happens without one."""
    known = objects.services() if name else []
    if name and name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise NotFoundError(f"service: {name!r} has sent no logs{hint}")


def _question(request: Request, first_ns: int, end_ns: int) -> Question:
    text = request.text("q", default="")
    try:
        clauses_of(text)
    except InvalidInputError as error:
        raise InvalidInputError(f"q: {error.message}") from None
    severities = read_severities(request.text("severity", default=""), request.text("min_severity", default=""))
    return Question(
        first_ns,
        end_ns,
        service=request.text("service", default=""),
        severities=severities,
        text=text,
        trace_id=request.text("trace_id", default="").lower(),
        template=request.text("template", default="").lower(),
    )


def _top_patterns(question: Question, query: Query) -> list[dict[str, Any]]:
    top = store.top(LOGS, query, field="template", size=TOP_PATTERNS)
    services = [question.service]
    if top and not question.service:
        services = [name for name, _ in store.top(LOGS, query, field="service", size=TOP_SERVICES)]
    names = [name for name, _ in top]
    first_minute, end_minute = question.first_ns // NS_PER_S // 60, -(-question.end_ns // NS_PER_S // 60)
    texts = texts_of(names, services, patterns, first_minute, end_minute)
    return [{"template": name, "text": texts.get(name), "count": count} for name, count in top]


def _facets(question: Question) -> dict[str, Any]:
    """Return how many lines each service and each class has; each as if it were not itself filtered by."""
    services = store.top(LOGS, replace(question, service="").query(), field="service", size=MAX_FACETS)
    severities = dict(store.top(LOGS, replace(question, severities=()).query(), field="severity", size=MAX_FACETS))
    return {
        "services": [{"service": name, "count": count} for name, count in services],
        "severities": {name: severities[name] for name in SEVERITIES if name in severities},
    }


def _parts(request: Request, *, is_first: bool) -> tuple[str, ...]:
    """Return what is asked for: on the first page all but facets, on later ones hits alone, unless it is said."""
    text = request.text("include", default=",".join(FIRST_PARTS) if is_first else PARTS[0])
    names = tuple(text.split(","))
    for name in names:
        if name not in PARTS:
            raise InvalidInputError(f"include: {name[:40]!r} is not one of {', '.join(PARTS)}")
    return names


def _position(text: str) -> tuple[int, int, str]:
    try:
        first_ns, end_ns, inner = json.loads(text)
        return int(first_ns), int(end_ns), str(inner)
    except (ValueError, TypeError):
        raise InvalidInputError("cursor: not one of ours; begin again without it") from None


def _times(request: Request, default: timedelta, most: timedelta) -> tuple[datetime, datetime]:
    end = request.time("to", default=request.now)
    first = request.time("from", default=end - default)
    if first >= end:
        raise InvalidInputError(f"from: {format_time(first)} is not before to, {format_time(end)}")
    if end - first > most:
        raise InvalidInputError(f"from: {end - first} is more than the {most} that one request may ask")
    if first.year < 1970:
        raise InvalidInputError(f"from: {format_time(first)} is before 1970")
    return first, end


def _range(request: Request, most: timedelta) -> tuple[int, int]:
    first, end = _times(request, DEFAULT_RANGE, most)
    return _ns(first), _ns(end)


def _ns(moment: datetime) -> int:
    return (moment - time_of(0)) // timedelta(microseconds=1) * 1_000


def _iso(ns: int) -> str:
    return format_time(time_of(0) + timedelta(microseconds=ns // 1_000))


def waiter(hold_s: float) -> Any:
    """Return ``wait()``: waits a round and returns True, or False once the request was held for long enough."""
    ends = time.monotonic() + hold_s

    def wait() -> bool:
        if time.monotonic() >= ends:
            return False
        time.sleep(ROUND_S)
        return True

    return wait
