"""HTTP POST /v1/logs/restore, GET /v1/logs/restores, every 15 minutes -> cold logs brought back for a time."""

import time
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.log_archive import LogArchive
from opsloop.adapters.log_objects import ObjectTable
from opsloop.adapters.log_pending import PendingTable
from opsloop.adapters.log_restores import RestoreTable
from opsloop.adapters.search_store import open_search
from opsloop.clock import format_time, parse_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import DependencyUnavailableError, NotFoundError, TransientError
from opsloop.log.gaps import hot_ns
from opsloop.log.names import LOGS, folder
from opsloop.log.query import NS_PER_S
from opsloop.log.restore import HOURS, Phase, Restore, Restorer, forget, objects_of
from opsloop.log.restore_wish import read_restore
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings

PREFIX = "opsloop"  # of the names of indexes
STOP_BEFORE_END_MS = 30_000
AT_ONCE_S = 8.0  # of work while somebody waits for the answer; the clock goes on with it


@dataclass(frozen=True)
class Settings:
    access_table: str
    log_table: str
    log_bucket: str
    search_endpoint: str  # where documents are searched: https://, http://127.0.0.1, file:///; empty: nowhere
    hot_days: int = 90  # how long documents stay in the search store


settings = read_settings(Settings)
objects, archive = ObjectTable(settings.log_table), LogArchive(settings.log_bucket)
waiting, restores = PendingTable(settings.log_table), RestoreTable(settings.log_table)
restorer = Restorer(restores, objects, archive, waiting)
store = open_search(settings.search_endpoint, prefix=PREFIX)
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)


@api.route("POST", "/v1/logs/restore", scope=Scope.OPERATE, query=())
def ask(request: Request) -> Response:
    """Begin to bring back what has gone cold of a service; the same wish again is answered by how far it is."""
    hot_s = hot_ns(request.now, settings.hot_days) // NS_PER_S
    wanted = read_restore(request.json(), request.now, hot_s=hot_s)
    now_s = int(request.now.timestamp())
    known = restores.find(wanted.restore_id)
    if known is not None and not known.is_over(now_s):
        return json_response(told(known, now_s))
    saved = restores.save(replace(counted(wanted), version=known.version if known else 0))
    request.facts.update(restored_service=saved.service, objects=saved.objects, bytes=saved.size_bytes)
    ends = time.monotonic() + AT_ONCE_S
    after = restorer.go_on(now_s, lambda: time.monotonic() < ends)
    now_is = next((one for one in after if one.restore_id == saved.restore_id), saved)
    return json_response(told(now_is, now_s), status=202)


@api.route("GET", "/v1/logs/restores", scope=Scope.READ, query=())
def list_restores(request: Request) -> Response:
    """Answer what was asked for, the newest first, and how far it is."""
    now_s = int(request.now.timestamp())
    return json_response({"restores": [told(one, now_s) for one in restores.all()]})


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def on_schedule(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Go on with every restore, and let go what is older than the search store keeps."""
    now = parse_time(event["time"], name="time")
    now_s = int(now.timestamp())
    failure: TransientError | None = None
    try:
        restorer.go_on(now_s, lambda: context.get_remaining_time_in_millis() > STOP_BEFORE_END_MS)
    except TransientError as error:  # the next run goes on from there
        failure = error
    found = restores.all()
    open_ones = [one for one in found if one.phase is not Phase.BACK]
    deleted = 0
    if settings.search_endpoint:
        try:
            deleted = forget(store, hot_ns(now, settings.hot_days), found, now_s)
        except DependencyUnavailableError as error:  # the next run deletes it
            logger.warning("old documents stay: the search store does not answer", why=error.message)
    metrics.add_metric(name="LogRestoresOpen", unit=MetricUnit.Count, value=len(open_ones))
    metrics.add_metric(name="LogDocumentsForgotten", unit=MetricUnit.Count, value=deleted)
    logger.info("restores looked after", open=len(open_ones), documents_forgotten=deleted)
    if failure is not None:
        raise failure
    return {"open": len(open_ones), "forgotten": deleted}


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request, or do what is due by the clock."""
    if "requestContext" in event:
        answer: dict[str, Any] = api.lambda_handler(event, context)
        return answer
    scheduled: dict[str, Any] = on_schedule(event, context)
    return scheduled


def counted(restore: Restore) -> Restore:
    """Return ``restore`` with what of it is cold; raise ``NotFoundError`` if nothing at all was kept of that time."""
    keys = {one.key for one in objects_of(restore, objects)}
    if not keys:
        raise NotFoundError(f"service: nothing was kept of {restore.service!r} in that time")
    cold: dict[str, tuple[int, str]] = {}
    for day in restore.dates:
        cold |= archive.cold(f"{LOGS}{folder(restore.service)}/{day}/")
    meant = [found for key, found in cold.items() if key in keys]
    hours = max((HOURS[kind, restore.tier] for _, kind in meant), default=0)
    return replace(restore, objects=len(meant), size_bytes=sum(size for size, _ in meant), hours=hours)


def told(restore: Restore, now_s: int) -> dict[str, Any]:
    """Return what an answer says of ``restore``."""
    return {
        "id": restore.restore_id,
        "service": restore.service,
        "from": _at(restore.first_s),
        "to": _at(restore.end_s),
        "tier": restore.tier.value,
        "days": restore.days,
        "requested_at": _at(restore.requested_s),
        "phase": "over" if restore.is_over(now_s) else restore.phase.value,
        "objects_cold": restore.objects,
        "bytes_cold": restore.size_bytes,
        "expected_hours": restore.hours,
        "objects_asked": restore.asked,
        "objects_back": restore.back,
        "objects_missing": restore.missing,
        "back_at": _at(restore.back_s) if restore.back_s else None,
        "searchable_until": _at(restore.until_s) if restore.until_s else None,
    }


def _at(second: int) -> str:
    return format_time(datetime.fromtimestamp(second, UTC))
