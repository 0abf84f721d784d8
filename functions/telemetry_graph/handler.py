"""HTTP GET /v1/graph (scope read) -> who calls whom, from a sample of the spans: rates, errors, latency."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics

import opsloop.cold_start
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.call_links import CallLinks
from opsloop.clock import format_time, minute_of, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, NotFoundError
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.graph import Graph
from opsloop.telemetry.graph_view import around, busiest

DEFAULT_RANGE, MAX_RANGE = timedelta(hours=1), timedelta(days=1)
MOST_NODES = 500


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    access_table: str


settings = read_settings(Settings)
call_links = CallLinks(settings.telemetry_table)
api = Api(Authenticator(AccessTable(settings.access_table).find), Logger(), Metrics())
opsloop.cold_start.finish()


@api.route("GET", "/v1/graph", scope=Scope.READ, query=("service", "from", "to"))
def call_graph(request: Request) -> Response:
    """Answer the calls that began in the range, of all services or around one."""
    first, last = _minutes(request)
    graph = call_links.graph(first, last)
    service = request.text("service", default="")
    if service:
        if not any((one.kind, one.name) == ("service", service) for one in graph.nodes):
            raise NotFoundError(
                f"service: {service!r} neither called nor was called in that time, as far as spans tell"
            )
        graph = around(graph, service)
    return json_response(_json(*busiest(graph, MOST_NODES)))


lambda_handler = api.lambda_handler


def _minutes(request: Request) -> tuple[int, int]:
    """Return the first and the last minute that are asked for; a range that ends within a minute has it."""
    end = request.time("to", default=request.now)
    start = request.time("from", default=end - DEFAULT_RANGE)
    if start >= end:
        raise InvalidInputError(f"from: {format_time(start)} is not before to, {format_time(end)}")
    if end - start > MAX_RANGE:
        raise InvalidInputError(f"from: {end - start} is more than the {MAX_RANGE} that one request may ask")
    return minute_of(start), -(-int(end.timestamp()) // 60) - 1


def _json(graph: Graph, left_out: int) -> dict[str, Any]:
    return {
        "from": format_time(time_of(graph.first_minute)),
        "to": format_time(time_of(graph.last_minute + 1)),
        "nodes": [dict(vars(one)) for one in graph.nodes],
        "edges": [
            {**vars(one), "operations": [dict(vars(operation)) for operation in one.operations]} for one in graph.edges
        ],
        "nodes_left_out": left_out,
    }
