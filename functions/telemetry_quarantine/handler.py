"""HTTP GET /v1/quarantine..., POST /v1/quarantine/replay -> what could not be read: listed, shown, counted once."""

import math
import time
from collections import Counter
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.log_raw import RawLogs
from opsloop.adapters.quarantine import Quarantine
from opsloop.adapters.quarantine_shelf import QuarantineShelf
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.dataclass import dataclass, field, replace
from opsloop.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    TooLargeError,
    TransientError,
)
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import cursor_after, cursor_position
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.claim import REPLAY_LOG, Claim
from opsloop.telemetry.fault import KINDS
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.quarantine_json import counts, describe, preview, reading
from opsloop.telemetry.quarantined import UNKNOWN_KIND, Entry, Quarantined, Selection, State, group_and_name, walk
from opsloop.telemetry.replay import Reread, Result, committed, form_of, reread
from opsloop.telemetry.replay_wish import FILTERS, Wish, read_wish

SOURCE = "telemetry_quarantine"
COUNTED = (Result.REPLAYED, Result.PARTLY_REPLAYED)
DEFAULT_RANGE, MAX_RANGE = timedelta(days=7), timedelta(days=100)
EXAMINED_MOST = 1_000  # objects asked about in one request
BUDGET_S = 15.0  # for replays of one request; the gateway waits 30 s
CONFLICTS_ALLOWED = 20
MAX_ANSWERED_BYTES = 4_000_000  # base64 makes 5.4 MB of it; an answer ends at 6 MB
MAX_BODY_BYTES = 6_000_000


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    quarantine_bucket: str
    log_bucket: str
    access_table: str
    log_retention_days: int = 9
    block_retention_days: int = 35
    max_inflated_bytes: int = 67_108_864


settings = read_settings(Settings)
log = TelemetryLog(settings.telemetry_table, SegmentStore(settings.segment_bucket), RawLogs(settings.log_bucket))
shelf = QuarantineShelf(settings.quarantine_bucket)
quarantine = Quarantine(settings.quarantine_bucket)
catalog = load_catalog()
logger, metrics = Logger(), Metrics()
authenticator = Authenticator(AccessTable(settings.access_table).find)
api = Api(authenticator, logger, metrics, max_body_bytes=MAX_BODY_BYTES)
lambda_handler = api.lambda_handler


@dataclass
class Known:
    """What one request knows of the log of replays: its end, and the claims of the groups that it met."""

    tip: str = ""
    claims: dict[str, dict[str, Claim]] = field(default_factory=dict)

    def claim(self, group: str, name: str) -> Claim | None:
        """Return the claim of an object, if it counted."""
        if group not in self.claims:
            self.claims[group] = log.claims(group)
        return self.claims[group].get(name)

    def end(self) -> str:
        """Return where the log ends; its items expire, its entry among the logs to be folded does not."""
        if not self.tip:
            marks = log.tail(REPLAY_LOG, math.inf)
            if not marks:
                log.register(REPLAY_LOG)
            self.tip = marks[-1].end if marks else log.shards()[REPLAY_LOG]
        return self.tip

    def forget(self, group: str) -> None:
        """Read anew what somebody else may have changed."""
        self.tip = ""
        self.claims.pop(group, None)


@api.route("GET", "/v1/quarantine", scope=Scope.READ, query=(*FILTERS, "state", "limit", "cursor"))
def list_objects(request: Request) -> Response:
    """Answer a page of what was set aside, newest first; the first page with counts by kind and source."""
    state = request.choice("state", ("open", "replayed", "all"), default="open")
    wanted = selection(request, None if state == "all" else State(state))
    limit, after = request.integer("limit", default=100, least=1, most=1_000), cursor_position(request) or ""
    page: list[Entry] = []
    selected: list[Quarantined] = []
    shown_to, is_stopped = "", False
    for examined, entry in enumerate(walk(shelf, log.claims, wanted, after)):
        if examined == EXAMINED_MOST or (after and len(page) == limit):
            is_stopped = True
            break
        if len(page) < limit:
            shown_to = entry.found.listed.place
            page += [entry] if entry.is_selected else []
        selected += [entry.found] if entry.is_selected else []
    has_more = is_stopped or len(selected) > len(page)
    return json_response(
        {
            "objects": [describe(entry.found, entry.claim) for entry in page],
            "counts": None if after else counts(selected, is_complete=not is_stopped),
            "next": cursor_after(request, shown_to) if has_more else None,
        }
    )


@api.route("GET", "/v1/quarantine/item", scope=Scope.ADMIN, query=("key",))
def show_object(request: Request) -> Response:
    """Answer one object with its first bytes, and with what our reader makes of it today."""
    found, known = find(request), Known()
    data = shelf.body(found.key)
    read = understood(found, data, LOG_START, request)
    form, signals = form_of(found, data, max_bytes=settings.max_inflated_bytes)
    told = describe(found, known.claim(found.listed.group, found.listed.name))
    return json_response({**told, "preview": preview(data), "reading": reading(read, form, signals)})


@api.route("GET", "/v1/quarantine/body", scope=Scope.ADMIN, query=("key",))
def give_body(request: Request) -> Response:
    """Answer the bytes of one object as they came."""
    found = find(request)
    if found.listed.size_bytes > MAX_ANSWERED_BYTES:
        place = f"s3://{shelf.bucket}/{found.key}"
        raise TooLargeError(f"{found.listed.size_bytes} bytes do not fit an answer: aws s3 cp {place} FILE")
    return Response(200, shelf.body(found.key), {"content-type": "application/octet-stream"})


@api.route("POST", "/v1/quarantine/replay", scope=Scope.OPERATE, query=())
def replay(request: Request) -> Response:
    """Count what can be read now of the objects that the body names, each once however often it is asked for."""
    wish = read_wish(request.json())
    known, deadline = Known(), time.monotonic() + BUDGET_S
    results: list[dict[str, Any]] = []
    next_cursor = None
    if wish.keys:
        results = [by_key(key, wish, known, request, deadline) for key in wish.keys]
    else:
        asked, place = replace(request, query=wish.query), ""
        for entry in walk(shelf, log.claims, selection(asked, State.OPEN), cursor_position(asked) or ""):
            if len(results) == wish.limit or time.monotonic() > deadline:
                next_cursor = cursor_after(asked, place)
                break
            place = entry.found.listed.place
            results += [result_of(entry.found, wish, known, request)] if entry.is_selected else []
    tally = Counter(one["result"] for one in results)
    items = sum(one["items"] for one in results if one["result"] in COUNTED)
    report(tally, items, wish, request)
    answer = {"results": results, "counts": dict(tally), "items": items, "dry_run": wish.is_dry_run}
    return json_response({**answer, "next": next_cursor})


def selection(request: Request, state: State | None) -> Selection:
    """Return what the filters of a request select; without times what arrived in the last 7 days."""
    end = request.time("to", default=request.now + timedelta(seconds=1))
    start = request.time("from", default=end - DEFAULT_RANGE)
    if not start < end <= start + MAX_RANGE:
        raise InvalidInputError(f"from: expected a time before to, by {MAX_RANGE.days} days at most")
    kind, source = request.text("kind", default=""), request.text("source", default="")
    if kind and kind not in (*KINDS, UNKNOWN_KIND):
        raise InvalidInputError(f"kind: {kind!r} is not one of {', '.join((*KINDS, UNKNOWN_KIND))}")
    if "/" in source:
        raise InvalidInputError(f"source: {source!r} is not the name of a function")
    return Selection(start, end, source, kind, request.text("reason", default=""), state)


def find(request: Request) -> Quarantined:
    """Return the object whose ``key`` the query names."""
    key = request.text("key")
    group_and_name(key)
    return shelf.find(key)


def understood(found: Quarantined, data: bytes, tip: str, request: Request) -> Reread:
    """Return what our reader makes of an object, or of what it was mended to, today."""
    return reread(
        found,
        data,
        tip,
        catalog,
        request.now,
        max_bytes=settings.max_inflated_bytes,
        block_days=settings.block_retention_days,
    )


def by_key(key: str, wish: Wish, known: Known, request: Request, deadline: float) -> dict[str, Any]:
    """Return what became of the object ``key``."""
    if time.monotonic() > deadline:
        return told(key, Result.FAILED, "there was no time left for it; send it again")
    try:
        return result_of(shelf.find(key), wish, known, request)
    except NotFoundError as error:
        return told(key, Result.NOT_FOUND, error.message)


def result_of(found: Quarantined, wish: Wish, known: Known, request: Request) -> dict[str, Any]:
    """Return what became of one object. One that fails for lack of an answer does not keep the others from theirs."""
    group, name = found.listed.group, found.listed.name
    try:
        for _ in range(CONFLICTS_ALLOWED):
            if claim := known.claim(group, name):
                return told(found.key, Result.ALREADY_REPLAYED, "", items=claim.items)
            data = shelf.body(found.key) if wish.body is None else wish.body
            read = understood(found, data, LOG_START if wish.is_dry_run else known.end(), request)
            if read.result in COUNTED and not wish.is_dry_run:
                try:
                    count(found, read, known, request)
                except ConflictError:
                    known.forget(group)
                    continue
            return told(found.key, read.result, read.reason, items=read.segment.items, refused=len(read.refused))
        raise ConflictError(f"somebody else was first {CONFLICTS_ALLOWED} times")
    except TransientError as error:
        return told(found.key, Result.FAILED, error.message)
    except PermanentError as error:  # it vanished after it was listed
        return told(found.key, Result.NOT_FOUND, error.message)


def count(found: Quarantined, read: Reread, known: Known, request: Request) -> None:
    """Set aside anew what is still refused, then commit the rest together with the claim that the object counted."""
    group, name = found.listed.group, found.listed.name
    for one in read.left_over(name):
        kept = {
            fact: found.facts[fact] for fact in ("log", "sequence", "signal", "correlation-id") if fact in found.facts
        }
        facts = {**kept, "kind": one.kind, "part": "part", "part-of": found.key}
        quarantine.put(SOURCE, one.data, reason=one.reason, now=found.arrived_at, facts=facts)
    key_id = request.key.holder_id if request.key else ""
    claim = Claim(group, name, read.segment.end, request.now.timestamp(), read.segment.items, key_id)
    segment = committed(read.segment, request.now)
    log.append(REPLAY_LOG, segment, retention_days=settings.log_retention_days, claim=claim)
    known.tip = segment.end
    known.claims[group][name] = claim


def told(key: str, result: Result, reason: str, *, items: int = 0, refused: int = 0) -> dict[str, Any]:
    """Return what the answer says of one object."""
    return {"key": key, "result": result, "items": items, "refused_parts": refused, "reason": reason}


def report(tally: Counter[str], items: int, wish: Wish, request: Request) -> None:
    """Say in the log line and in metrics what came of it."""
    request.facts.update(results=dict(tally), items=items, dry_run=wish.is_dry_run)
    if not wish.is_dry_run:
        objects = sum(tally[result] for result in COUNTED)
        metrics.add_metric(name="ObjectsReplayed", unit=MetricUnit.Count, value=objects)
        metrics.add_metric(name="ItemsReplayed", unit=MetricUnit.Count, value=items)
