"""Clock, POST /v1/backups/{database}/take -> `backup.requested`; queue of these -> a dump in the backup bucket."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.backup_claims import TakeTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.backup.model import Cause
from opsloop.backup.request import Requester
from opsloop.backup.take import take_json
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import NotFoundError
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings


@dataclass(frozen=True)
class Settings:
    access_table: str
    backup_table: str
    bus_name: str


settings = read_settings(Settings)
catalog = load_catalog()
takes, bus = TakeTable(settings.backup_table), Bus(settings.bus_name)
requester = Requester(catalog.databases, takes, bus.publish)
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)


@api.route("POST", "/v1/backups/{database}/take", scope=Scope.OPERATE, query=())
def ask(request: Request) -> Response:
    """Ask for a dump of a database now; where it is, GET /v1/backups/{database} says."""
    name = request.path_parameters["database"]
    database = catalog.databases.get(name)
    if database is None or not database.secret:
        raise NotFoundError(f"database: we take no dumps of {name!r}; the catalog names those that we take")
    take = requester.request(name, request.now, Cause.REQUEST, request.correlation_id)
    request.facts.update(database=name, slot=take.slot.isoformat())
    return json_response(take_json(take), status=202)


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def on_schedule(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Ask for every dump that is due at the time of the event."""
    logger.set_correlation_id(event["id"])
    asked = requester.request_due(parse_time(event["time"], name="time"), event["id"])
    metrics.add_metric(name="BackupsRequested", unit=MetricUnit.Count, value=len(asked))
    logger.info("dumps asked for", databases=[one.database for one in asked])
    return {"requested": len(asked)}


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request, or do what is due by the clock."""
    if "requestContext" in event:
        answer: dict[str, Any] = api.lambda_handler(event, context)
        return answer
    scheduled: dict[str, Any] = on_schedule(event, context)
    return scheduled
