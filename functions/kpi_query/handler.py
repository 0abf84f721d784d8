"""HTTP GET /v1/services, /v1/kpis (scope read) -> who is known, and KPI rows from stored pages and open blocks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics

import opsloop.cold_start
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.kpi_pages import KpiPages
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import format_time, minute_of, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.kpi.exemplar import hours_of, span_exemplars
from opsloop.kpi.metric import METRIC_PREFIX, MetricQuestion, read_metric_rows
from opsloop.kpi.model import EXEMPLAR, IDENTITY, KINDS, KPI_NAMES, WHOLE_SERVICE, KpiRow, State, row_json
from opsloop.kpi.period import MINUTES
from opsloop.kpi.read import Question, read_rows
from opsloop.kpi.services import KnownService, known_services, not_known
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import cursor_position, page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings

EVERY = "*"
DEFAULT_RANGE = {"minute": timedelta(hours=1), "hour": timedelta(hours=24), "day": timedelta(days=30)}
MAX_RANGE = {"minute": timedelta(days=1), "hour": timedelta(days=31), "day": timedelta(days=800)}
MAX_METRIC_RANGE = {"minute": timedelta(hours=6), "hour": timedelta(days=7), "day": timedelta(days=31)}
QUERY = ("service", "operation", "kind", "kpi", "from", "to", "resolution", "limit", "cursor")


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


@api.route("GET", "/v1/services", scope=Scope.READ, query=("limit", "cursor"))
def list_services(request: Request) -> Response:
    """Answer every service of the catalog and every one heard from, by name."""
    known = known_services(catalog, blocks.services(), minute_of(request.now))
    page = page_of(known, request, position=lambda one: one.service.name)
    return json_response({"services": [_service_json(one) for one in page.items], "next": page.next})


@api.route("GET", "/v1/kpis", scope=Scope.READ, query=QUERY)
def list_kpis(request: Request) -> Response:
    """Answer the rows of one service, of the KPIs or of one metric, oldest first."""
    name = request.text("service")
    resolution = request.choice("resolution", tuple(MINUTES), default="hour")
    wanted = request.text("kpi", default="")
    is_metric = wanted.startswith(METRIC_PREFIX)
    first, end = _range(request, resolution, MAX_METRIC_RANGE if is_metric else MAX_RANGE)
    found = _metric_rows(request, resolution, first, end) if is_metric else _kpi_rows(request, resolution, first, end)
    columns = None if is_metric else _columns(wanted)
    page = page_of(found, request, position=lambda row: row.position, default_limit=1_000)
    if all(row.state is State.UNKNOWN for row in page.items):
        _check_service(name)
    rows = [row_json(row) for row in page.items]
    if columns and EXEMPLAR in columns:
        rows = [row | {EXEMPLAR: one} for row, one in zip(rows, _exemplars(page.items), strict=True)]
    return json_response(
        {
            "service": name,
            "resolution": resolution,
            "from": format_time(first),
            "to": format_time(end),
            "rows": [{key: row[key] for key in columns} for row in rows] if columns else rows,
            "next": page.next,
        }
    )


lambda_handler = api.lambda_handler


def _kpi_rows(request: Request, resolution: str, first: datetime, end: datetime) -> Any:
    operation = request.text("operation", default=WHOLE_SERVICE)
    kind = request.choice("kind", (*KINDS, EVERY), default=EVERY if operation == EVERY else "request")
    question = Question(
        service=catalog.service(request.text("service")),
        resolution=resolution,
        first_minute=_first_minute(request, first),
        end_minute=_end_minute(end),
        now_minute=minute_of(request.now),
        operation=None if operation == EVERY else operation,
        kind=None if kind == EVERY else kind,
    )
    return read_rows(question, blocks=blocks, pages=pages)


def _metric_rows(request: Request, resolution: str, first: datetime, end: datetime) -> Any:
    question = MetricQuestion(
        service=request.text("service"),
        metric=request.text("kpi").removeprefix(METRIC_PREFIX),
        resolution=resolution,
        first_minute=minute_of(first),
        end_minute=_end_minute(end),
        now_minute=minute_of(request.now),
    )
    return read_metric_rows(question, blocks=blocks)


def _exemplars(rows: Sequence[KpiRow]) -> list[dict[str, Any] | None]:
    hours = hours_of(rows)
    return span_exemplars(rows, blocks.read_exemplars(rows[0].service, *hours)) if hours else []


def _range(request: Request, resolution: str, most: dict[str, timedelta]) -> tuple[datetime, datetime]:
    end = request.time("to", default=request.now)
    first = request.time("from", default=end - DEFAULT_RANGE[resolution])
    if first >= end:
        raise InvalidInputError(f"from: {format_time(first)} is not before to, {format_time(end)}")
    if end - first > most[resolution]:
        limit = most[resolution]
        raise InvalidInputError(
            f"from: {end - first} is more than the {limit} that one request for {resolution}s may ask"
        )
    return first, end


def _first_minute(request: Request, first: datetime) -> int:
    """Return where reading begins: on later pages at the cursor, since everything before it was answered."""
    position = cursor_position(request)
    start = position.partition("\0")[0] if position else ""
    return max(minute_of(first), int(start)) if start.isdecimal() else minute_of(first)


def _end_minute(end: datetime) -> int:
    return -(-int(end.timestamp()) // 60)  # a range that ends within a minute has that minute in it


def _columns(wanted: str) -> tuple[str, ...] | None:
    names = tuple(name for name in wanted.split(",") if name)
    for name in names:
        if name not in (*KPI_NAMES, EXEMPLAR):
            valid = ", ".join((*KPI_NAMES, EXEMPLAR))
            raise InvalidInputError(f"kpi: {name!r} is not one of {valid}, or {METRIC_PREFIX}<name of a metric>")
    return (*IDENTITY, *dict.fromkeys(names)) if names else None


def _check_service(name: str) -> None:
    """Raise ``NotFoundError`` for a service that nobody declared and that was never heard from."""
    if name in catalog.services:
        return
    names = {one.service for one in blocks.services()}
    if name not in names:
        raise not_known(name, {*names, *catalog.services})


def _service_json(known: KnownService) -> dict[str, Any]:
    service = known.service
    return {
        "service": service.name,
        "state": known.state,
        "tier": service.tier,
        "owner": service.owner,
        "contact": service.contact,
        "environment": service.environment,
        "description": service.description,
        "is_declared": service.is_declared,
        "first_seen": None if known.first_seen is None else format_time(time_of(known.first_seen)),
        "last_seen": None if known.last_seen is None else format_time(time_of(known.last_seen)),
    }
