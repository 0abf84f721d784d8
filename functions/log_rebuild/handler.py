"""HTTP GET, POST /v1/search/rebuild -> the index of logs is made anew by ``log_index``; how far that is."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.log_pending import PendingTable
from opsloop.adapters.log_rebuild import RebuildTable
from opsloop.clock import format_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, NotFoundError
from opsloop.log.rebuild import Rebuild
from opsloop.log.rebuild_wish import read_rebuild
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings

WAITING_SHOWN = 1_000


@dataclass(frozen=True)
class Settings:
    access_table: str
    log_table: str


settings = read_settings(Settings)
rebuilds = RebuildTable(settings.log_table)
waiting = PendingTable(settings.log_table)
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)
lambda_handler = api.lambda_handler


@api.route("GET", "/v1/search/rebuild", scope=Scope.READ, query=())
def show(request: Request) -> Response:
    """Answer how far the rebuild is that was asked for last."""
    del request
    rebuild = rebuilds.current()
    if rebuild is None:
        raise NotFoundError("no rebuild has been asked for")
    return json_response(told(rebuild))


@api.route("POST", "/v1/search/rebuild", scope=Scope.OPERATE, query=())
def ask(request: Request) -> Response:
    """Note that the index is to be made anew; what is under way is not interrupted."""
    known = rebuilds.current()
    if known is not None and not known.is_marked:
        raise ConflictError(f"a rebuild of {known.first} to {known.last} is under way: wait until it is done")
    wanted = read_rebuild(request.json(), request.now, version=known.version if known else 0)
    rebuild = rebuilds.save(wanted)
    request.facts.update(first=rebuild.first, last=rebuild.last, whole=rebuild.is_whole)
    return json_response(told(rebuild), status=202)


def told(rebuild: Rebuild) -> dict[str, Any]:
    """Return what the answer says of a rebuild. It is done when no object waits that was marked."""
    old = [one for one in waiting.oldest(WAITING_SHOWN) if one.since_s <= rebuild.requested_s]
    is_done = rebuild.is_marked and not old
    return {
        "index": "logs",
        "from": rebuild.first,
        "to": rebuild.last,
        "requested_at": format_time(time_of(0) + timedelta(seconds=rebuild.requested_s)),
        "phase": "done" if is_done else rebuild.phase.value,
        "objects_marked": rebuild.marked,
        "objects_waiting": len(old),
        "is_waiting_exact": len(old) < WAITING_SHOWN,
    }
