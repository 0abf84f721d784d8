"""HTTP /v1/anomalies (scope read; POST feedback, exclusions: operate) -> what was unusual, and what people said."""

import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

import opsloop.cold_start
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.anomaly_state import StateTable
from opsloop.adapters.anomaly_table import AnomalyTable
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_patterns import PatternTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.anomaly import backtest, bands, carried
from opsloop.anomaly.around import HISTORY_MINUTES, Past, around, key_of
from opsloop.anomaly.model import Anomaly, State, anomaly_json
from opsloop.anomaly.page import EVERY, NEVER_HEARD, NEVER_JUDGED, detail, feedback_json, unknown_json
from opsloop.anomaly.policy import policies_of
from opsloop.anomaly.said import Trying, feedback_of, trying_of, window_json, window_of
from opsloop.anomaly.series import MEASURES
from opsloop.anomaly.state import Memory, decode
from opsloop.clock import format_time, minute_of, time_of
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError, NotFoundError
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import cursor_after, cursor_position, page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.model import SeenService
from opsloop.telemetry.pressure import OWN_SERVICE

DEFAULT_RANGE, MAX_RANGE = timedelta(hours=24), timedelta(days=92)
MAX_BAND_RANGE = timedelta(days=31)
OWN_HEALTH = "its own telemetry is left to its health: GET /v1/health"
QUERY = ("service", "state", "from", "to", "limit", "cursor")
ANY = "any"
CONTINUATION = re.compile("[0-9a-f]{64}")
SERIES_S, SLICE_S = 12.0, 15.0
"""So long the days before an anomaly are read for its band, and hours are stepped through in one slice of a backtest;
API Gateway waits 29 s."""


@dataclass(frozen=True)
class Settings:
    access_table: str
    anomaly_table: str
    telemetry_table: str
    segment_bucket: str
    log_table: str
    log_bucket: str


settings = read_settings(Settings)
anomalies = AnomalyTable(settings.anomaly_table)
store = SegmentStore(settings.segment_bucket)
blocks = BlockTable(settings.telemetry_table, store)
states = StateTable(settings.anomaly_table, store)
patterns = PatternTable(settings.log_table, LogBucket(settings.log_bucket))
catalog = load_catalog()
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)
lambda_handler = api.lambda_handler
opsloop.cold_start.finish()


@api.route("GET", "/v1/anomalies", scope=Scope.READ, query=QUERY)
def list_anomalies(request: Request) -> Response:
    """Answer the anomalies of a time, newest first, and what cannot be judged."""
    first, end = _range(request)
    service = request.text("service", default="")
    state = request.choice("state", (ANY, *State), default=ANY)
    page = anomalies.list(
        first_minute=minute_of(first),
        end_minute=-(-int(end.timestamp()) // 60),
        service=service,
        state=None if state == ANY else State(state),
        after=cursor_position(request) or "",
        limit=request.integer("limit", default=100, least=1, most=1_000),
    )
    judged = anomalies.standing()
    unknown = unknown_json(judged, catalog.services, blocks.services(), minute_of(request.now), service)
    return json_response(
        {
            "from": format_time(first),
            "to": format_time(end),
            "judged_to": format_time(time_of(judged.judged_to)) if judged else None,
            "anomalies": [anomaly_json(one) for one in page.anomalies],
            "unknown": unknown,
            "next": cursor_after(request, page.next) if page.next else None,
        }
    )


@api.route("GET", "/v1/anomalies/exclusions", scope=Scope.READ, query=("limit", "cursor"))
def list_exclusions(request: Request) -> Response:
    """Answer the windows that stay out of baselines, the latest first."""
    found = [window_json(one) for one in anomalies.excluded_windows()]
    found.sort(key=_exclusion_position)
    page = page_of(found, request, position=_exclusion_position)
    return json_response({"exclusions": page.items, "next": page.next})


@api.route("POST", "/v1/anomalies/exclusions", scope=Scope.OPERATE, query=())
def exclude(request: Request) -> Response:
    """Keep a time out of baselines: from then on nothing of it is learned."""
    window = window_of(request.json())
    anomalies.exclude(window)
    metrics.add_metric(name="WindowsExcluded", unit=MetricUnit.Count, value=1)
    return json_response(window_json(window), status=201)


@api.route("DELETE", "/v1/anomalies/exclusions/{id}", scope=Scope.OPERATE, query=())
def include(request: Request) -> Response:
    """Take a window back: what is judged in it from then on is learned."""
    identity = request.path_parameters["id"]
    if not anomalies.include(identity):
        raise NotFoundError(
            f"id: there is no exclusion {identity!r}; GET /v1/anomalies/exclusions lists those there are"
        )
    metrics.add_metric(name="WindowsIncluded", unit=MetricUnit.Count, value=1)
    return Response(204)


@api.route("GET", "/v1/anomalies/bands", scope=Scope.READ, query=("service", "measure", "from", "to", "step_s"))
def list_bands(request: Request) -> Response:
    """Answer the usual band of the series of one service, or of all services as wholes, by what is learnt now."""
    service = request.text("service")
    first, end = _range(request, MAX_BAND_RANGE)
    step_s = request.integer("step_s", least=60, most=86_400) if "step_s" in request.query else None
    until = min(-(-int(end.timestamp()) // 60), minute_of(request.now) + 1)
    grid = bands.grid_of(minute_of(first), until, step_s)
    measures = _measures(request, bands.WHOLE if service == EVERY else MEASURES)
    saved = states.read()
    memory = decode(saved.memory) if saved else Memory(0, 0)
    why = _whereabouts(service, is_judged=saved is not None)
    part = bands.part_of(memory, why, measures, is_whole=service == EVERY)
    found = [one for one in bands.bands(part, policies_of(catalog, [*why]), grid) if one.key.measure in measures]
    shown = [one for one in measures if one in bands.WHOLE or "measure" in request.query]
    found += bands.unmeasured(found, why, shown, grid.points)
    return json_response(
        {
            **grid.about(),
            "judged_to": format_time(time_of(saved.judged_to)) if saved else None,
            "series": [bands.band_json(one) for one in sorted(found, key=bands.position)],
        }
    )


@api.route("GET", "/v1/anomalies/{id}", scope=Scope.READ, query=("band",))
def show(request: Request) -> Response:
    """Answer one anomaly with its series, what it follows from, what follows from it, and what was said of it."""
    has_time = _budget(SERIES_S)
    has_band = request.choice("band", ("yes", "no"), default="yes") == "yes"
    anomaly = _known(request)
    judged = anomalies.standing()
    judged_to = judged.judged_to if judged else anomaly.last_minute + 1
    origin = anomalies.get(anomaly.origin_id) if anomaly.origin_id not in ("", anomaly.anomaly_id) else None
    followed = [found for one in anomaly.effects if (found := anomalies.get(one)) is not None]
    effects = [one for one in followed if one.origin_id == anomaly.anomaly_id]  # since then it may have another
    series = around(anomaly, _past(anomaly), judged_to, has_time, has_band=has_band)
    feedback = anomalies.feedback(anomaly.anomaly_id)
    return json_response(detail(anomaly, origin=origin, effects=effects, series=series, feedback=feedback))


@api.route("POST", "/v1/anomalies/{id}/feedback", scope=Scope.OPERATE, query=())
def say(request: Request) -> Response:
    """Store what the caller says of an anomaly, in the place of what the same key said before."""
    by = request.key.holder_id if request.key else ""
    identity = request.path_parameters["id"]
    feedback = feedback_of(request.json(), identity, by=by, now_minute=minute_of(request.now))
    _known(request)
    anomalies.put_feedback(feedback)
    metrics.add_metric(name="FeedbackStored", unit=MetricUnit.Count, value=1)
    return json_response(feedback_json(feedback))


@api.route("POST", "/v1/anomalies/backtest", scope=Scope.READ, query=())
def try_thresholds(request: Request) -> Response:
    """Answer what would have been called in a past time, or how far that is worked out, and how to go on."""
    has_time = _budget(SLICE_S)
    trying = trying_of(request.json(), now_minute=minute_of(request.now))
    services = _tried_services(trying)
    names = [one.service for one in services]
    catalogs = {backtest.NOW: catalog}
    if trying.thresholds is not None:
        catalogs[backtest.PROPOSED] = backtest.with_thresholds(catalog, names, trying.thresholds)
    past = backtest.Past(blocks, patterns, services, anomalies.excluded_windows())
    question = backtest.Question(trying.first_minute, trying.end_minute, catalogs)
    before = backtest.begun(question, past)
    if trying.continuation:
        before = carried.decode(_carried_body(trying.continuation), trying.name)
        question = replace(question, end_minute=before.end_minute)
    after = backtest.slice_of(question, past, before, has_time)
    return json_response(
        {
            "from": format_time(time_of(question.first_minute)),
            "to": format_time(time_of(question.end_minute)),
            "history_from": format_time(time_of(after.begun_at)),
            "judged_to": format_time(time_of(after.at)),
            "services": names,
            "done": after.is_done,
            "continuation": None if after.is_done else store.put(carried.encode(after, trying.name)),
            "unknown": after.unknown or [],
            **(backtest.result_json(after) if after.is_done else backtest.NOTHING_YET),
        }
    )


def _tried_services(trying: Trying) -> list[SeenService]:
    """Return the services in question; raise ``NotFoundError`` for one that was never heard from."""
    found = [one for one in blocks.services() if one.service != OWN_SERVICE and trying.service in ("", one.service)]
    if not found:
        raise NotFoundError(f"service: {trying.service!r} was never heard from; GET /v1/services lists those that were")
    return found


def _measures(request: Request, choices: Sequence[str]) -> tuple[str, ...]:
    """Return the measures asked for, of ``choices``; all of them where none is named."""
    named = tuple(dict.fromkeys(request.text("measure").split(","))) if "measure" in request.query else tuple(choices)
    for one in named:
        if one not in choices:
            of_all = " of all services" if len(choices) < len(MEASURES) else ""
            raise InvalidInputError(f"measure: {one!r} is not one of those{of_all}: {', '.join(choices)}")
    return named


def _whereabouts(service: str, *, is_judged: bool) -> dict[str, str]:
    """Return the services in question, each with why nothing can be known of it, or ""."""
    seen = {one.service for one in blocks.services()}
    known = sorted(seen | catalog.services.keys())
    if service not in (EVERY, *known):
        raise NotFoundError(f"service: {service!r} is not known; GET /v1/services lists those that are")
    reasons = {name: "" if name in seen else NEVER_HEARD for name in known if service in (EVERY, name)}
    if not is_judged:
        reasons = {name: reason or NEVER_JUDGED for name, reason in reasons.items()}
    return reasons | ({OWN_SERVICE: OWN_HEALTH} if OWN_SERVICE in reasons else {})


def _carried_body(continuation: str) -> bytes:
    if not CONTINUATION.fullmatch(continuation):
        raise InvalidInputError("continuation: not one of ours; begin again without it")
    return store.get(continuation)


def _known(request: Request) -> Anomaly:
    identity = request.path_parameters["id"]
    anomaly = anomalies.get(identity)
    if anomaly is None:
        raise NotFoundError(f"id: there is no anomaly {identity!r}; GET /v1/anomalies lists those there are")
    return anomaly


def _past(anomaly: Anomaly) -> Past:
    """Return where the series of ``anomaly`` is read, and what the detector did not learn of it."""
    seen = {one.service: one.first_seen for one in blocks.services()}
    earlier = anomalies.list(
        first_minute=anomaly.first_minute - HISTORY_MINUTES,
        end_minute=anomaly.last_minute + 1,
        service=anomaly.service,
        limit=10_000,
    )
    return Past(
        blocks=blocks,
        patterns=patterns,
        first_seen=seen.get(anomaly.service, anomaly.first_minute),
        windows=anomalies.excluded_windows(),
        anomalies=[one for one in earlier.anomalies if key_of(one) == key_of(anomaly)],
    )


def _budget(seconds: float) -> Callable[[], bool]:
    """Return whether ``seconds`` from now are not over, to be asked again and again."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


def _range(request: Request, most: timedelta = MAX_RANGE) -> tuple[datetime, datetime]:
    end = request.time("to", default=request.now)
    first = request.time("from", default=end - DEFAULT_RANGE)
    if first >= end:
        raise InvalidInputError(f"from: {format_time(first)} is not before to, {format_time(end)}")
    if end - first > most:
        raise InvalidInputError(f"from: {end - first} is more than the {most.days} days that one request may ask")
    return first, end


def _exclusion_position(window: dict[str, Any]) -> str:
    """Return a text by which windows are in order, the latest first: each digit of its time turned round."""
    turned = window["from"].translate(str.maketrans("0123456789", "9876543210"))
    return f"{turned} {window['to']} {window['service']}"
