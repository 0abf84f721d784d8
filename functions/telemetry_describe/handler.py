"""HTTP GET /v1/telemetry/cardinality (scope read) -> what multiplies a service's series, and what dropping it saves."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import MINUTES_PER_HOUR, format_time, hour_start, minute_of, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import NotFoundError
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.cardinality import HourTally, Report, report, tally

DEFAULT_HOURS, MOST_HOURS = 3, 24


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    access_table: str


settings = read_settings(Settings)
blocks = BlockTable(settings.telemetry_table, SegmentStore(settings.segment_bucket))
catalog = load_catalog()
api = Api(Authenticator(AccessTable(settings.access_table).find), Logger(), Metrics())
lambda_handler = api.lambda_handler


@api.route("GET", "/v1/telemetry/cardinality", scope=Scope.READ, query=("service", "hours"))
def cardinality(request: Request) -> Response:
    """Answer what multiplies the series of a service, told from the hour with the most series of the last few."""
    name = request.text("service")
    hours = request.integer("hours", default=DEFAULT_HOURS, least=1, most=MOST_HOURS)
    service = catalog.service(name)
    found = report(name, service.series_limit, _tallies(name, minute_of(request.now), hours))
    if found is None:
        raise NotFoundError(f"service: nothing of {name!r} was folded in the last {hours} hours")
    return json_response(_json(found))


def _tallies(service: str, now_minute: int, hours: int) -> Iterator[HourTally]:
    """Yield the last hours, one block in memory at a time, the newest first."""
    for ago in range(hours):
        start = hour_start(now_minute) - ago * MINUTES_PER_HOUR
        block = blocks.get(service, start)
        if block is not None:
            yield tally(start, block.cells, service)


def _json(found: Report) -> dict[str, Any]:
    document = asdict(found)
    document["hour"] = format_time(time_of(found.hour))
    for hour in document["hours"]:
        hour["start"] = format_time(time_of(hour["start"]))
    return document
