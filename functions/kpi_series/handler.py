"""HTTP GET /v1/kpis/series, heatmap, operations, metrics (scope read) -> columns for charts, merged from histograms."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics

import opsloop.cold_start
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.kpi_pages import KpiPages
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR, format_time, hour_start, minute_of, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.kpi.columns import COLUMNS, of_operation, whole_service
from opsloop.kpi.grid import Grid, grid_of
from opsloop.kpi.heatmap import heatmap
from opsloop.kpi.model import KINDS, WHOLE_SERVICE, State
from opsloop.kpi.operations import operation_totals
from opsloop.kpi.sent_metrics import sent_metrics
from opsloop.kpi.series import KpiSeries, SeriesQuestion, busiest, read_series
from opsloop.kpi.services import not_known
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.model import Block

EVERY = "*"
DEFAULT_RANGE = timedelta(days=1)
MAX_DAYS = 800
MAX_BLOCK_HOURS = 2_500
"""Hours of blocks that one answer is merged from, of all its services together: some two seconds' work."""
MAX_VALUES = 250_000
"""Numbers in one answer: 100 services with a day of 5 minutes and all KPIs; a function answers 6 MB at most."""
READERS = 4
"""Services read at a time: while one waits for its blocks, others are merged."""


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    kpi_table: str
    access_table: str


settings = read_settings(Settings)
blocks = BlockTable(settings.telemetry_table, SegmentStore(settings.segment_bucket))
pages = KpiPages(settings.kpi_table)
catalog = load_catalog()
api = Api(Authenticator(AccessTable(settings.access_table).find), Logger(), Metrics())
opsloop.cold_start.finish()


@api.route(
    "GET",
    "/v1/kpis/series",
    scope=Scope.READ,
    query=("service", "operation", "kind", "kpi", "from", "to", "step_s"),
)
def list_series(request: Request) -> Response:
    """Answer KPIs of services as columns on one grid, by service, operation and kind."""
    grid = _grid(request)
    names = _names(request.text("kpi", default=""))
    operation, kind = _place(request)
    services = _services(request.text("service"))
    _check_size(services, grid, len(names))
    asked = names if "requests" in names else ("requests", *names)  # the busiest ones are told where there are too many

    def read(service: str) -> list[KpiSeries]:
        question = SeriesQuestion(service, grid, asked, operation, kind)
        return read_series(question, blocks=blocks, pages=pages)

    with ThreadPoolExecutor(READERS) as readers:
        found = [one for series in readers.map(read, services) for one in series]
    most = MAX_VALUES // max(1, grid.points * len(names))
    return json_response(
        {
            **grid.about(),
            "series": [_series_json(one, names) for one in busiest(found, most)],
            "series_left_out": max(0, len(found) - most),
        }
    )


@api.route("GET", "/v1/kpis/heatmap", scope=Scope.READ, query=("service", "operation", "kind", "from", "to", "step_s"))
def latency_heatmap(request: Request) -> Response:
    """Answer how many spans of each duration a service, or one operation of it, had at each point."""
    grid = _grid(request)
    operation, kind = request.text("operation", default=WHOLE_SERVICE), request.choice("kind", KINDS, default="request")
    (service,) = _services(request.text("service"), most=1)
    _check_hours([service], grid.first_minute, grid.end_minute)
    relabel = of_operation(operation, kind) if operation else whole_service(kind)
    found = heatmap(_read(service, grid.first_minute, grid.end_minute), relabel, grid)
    return json_response(
        {
            **grid.about(),
            "service": service,
            "operation": operation,
            "kind": kind,
            "bounds_ms": found.bounds_ms,
            "counts": found.counts,
        }
    )


@api.route("GET", "/v1/kpis/operations", scope=Scope.READ, query=("service", "from", "to"))
def list_operations(request: Request) -> Response:
    """Answer what each operation of a service contributed over the range."""
    service, first, end = _one_service(request)
    totals = operation_totals(_read(service, first, end), first, end)
    return json_response(
        {
            **_about(service, first, end),
            "state": State.OK if totals else State.UNKNOWN,
            "operations": [vars(one) for one in totals],
        }
    )


@api.route("GET", "/v1/kpis/metrics", scope=Scope.READ, query=("service", "from", "to"))
def list_metrics(request: Request) -> Response:
    """Answer the metrics that a service sent in the range."""
    service, first, end = _one_service(request)
    metrics = [
        {
            "name": one.name,
            "kind": one.kind,
            "unit": one.unit,
            "series": one.series,
            "attributes": one.attributes,
            "last_seen": format_time(time_of(one.last_minute)),
        }
        for one in sent_metrics(_read(service, first, end), first, end)
    ]
    return json_response({**_about(service, first, end), "metrics": metrics})


lambda_handler = api.lambda_handler


def _minutes(request: Request) -> tuple[int, int]:
    """Return the first minute asked for and the one after the last; a range that ends within a minute has it."""
    end = request.time("to", default=request.now)
    first = request.time("from", default=end - DEFAULT_RANGE)
    if first >= end:
        raise InvalidInputError(f"from: {format_time(first)} is not before to, {format_time(end)}")
    if end - first > timedelta(days=MAX_DAYS):
        raise InvalidInputError(f"from: {(end - first).days} days are more than the {MAX_DAYS} of one request")
    return minute_of(first), -(-int(end.timestamp()) // 60)


def _grid(request: Request) -> Grid:
    first, end = _minutes(request)
    step = request.integer("step_s", least=1, most=MINUTES_PER_DAY * 60) if "step_s" in request.query else None
    return grid_of(first, end, step, now_minute=minute_of(request.now))


def _names(wanted: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name in wanted.split(",") if name)) or COLUMNS
    for name in names:
        if name not in COLUMNS:
            raise InvalidInputError(f"kpi: {name!r} is not one of {', '.join(COLUMNS)}")
    return names


def _place(request: Request) -> tuple[str | None, str | None]:
    operation = request.text("operation", default=WHOLE_SERVICE)
    kind = request.choice("kind", (*KINDS, EVERY), default=EVERY if operation == EVERY else "request")
    return (None if operation == EVERY else operation), (None if kind == EVERY else kind)


def _services(wanted: str, *, most: int | None = None) -> list[str]:
    """Return the services named, sorted: every one that is known, one (whose name may have a comma), or a list."""
    known = {*catalog.services, *(one.service for one in blocks.services())}
    if wanted in known:
        return [wanted]
    names = sorted(known if wanted == EVERY else {name for name in wanted.split(",") if name})
    if most is not None and (wanted == EVERY or len(names) != most):
        raise InvalidInputError(f"service: {wanted!r} is not the name of one service")
    if not names and wanted != EVERY:
        raise InvalidInputError("service: name one, several separated by commas, or * for all")
    for name in names:
        if name not in known:
            raise not_known(name, known)
    return names


def _check_size(services: Sequence[str], grid: Grid, kpis: int) -> None:
    values = len(services) * grid.points * kpis
    if values > MAX_VALUES:
        raise InvalidInputError(
            f"service: {len(services)} services with {grid.points} points of {kpis} KPIs are {values} numbers, more "
            f"than the {MAX_VALUES} of one request; name fewer services or KPIs, a longer step_s or a shorter range"
        )
    if grid.step_minutes < MINUTES_PER_HOUR:
        _check_hours(services, grid.first_minute, grid.end_minute)


def _check_hours(services: Sequence[str], first: int, end: int) -> None:
    hours = len(services) * -(-(end - hour_start(first)) // MINUTES_PER_HOUR)
    if hours > MAX_BLOCK_HOURS:
        raise InvalidInputError(
            f"from: {hours} hours of {len(services)} services together are more than the {MAX_BLOCK_HOURS} that one "
            "request may merge; shorten the range, name fewer services, or of series take step_s=3600"
        )


def _one_service(request: Request) -> tuple[str, int, int]:
    first, end = _minutes(request)
    (service,) = _services(request.text("service"), most=1)
    _check_hours([service], first, end)
    return service, first, end


def _about(service: str, first: int, end: int) -> dict[str, Any]:
    return {"service": service, "from": format_time(time_of(first)), "to": format_time(time_of(end))}


def _read(service: str, first: int, end: int) -> list[Block]:
    return blocks.read(service, hour_start(first), hour_start(end - 1))


def _series_json(one: KpiSeries, names: Sequence[str]) -> dict[str, Any]:
    place = {"service": one.service, "operation": one.operation, "kind": one.kind}
    return place | {name: one.values[name] for name in names}
