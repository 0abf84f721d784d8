"""Clock, HTTP on /v1/backups: plans, deletions, holds -> dumps that may go listed, then deleted where enforced."""

from datetime import datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.backup_deletions import DeletionTable, DumpObjects
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.backup.prune import Done, Pruner, pruned, suggested
from opsloop.backup.retention_hold import Keeper
from opsloop.backup.retention_record import DeletionState, database_of, deletion_json, plan_json
from opsloop.backup.retention_source import advice
from opsloop.catalog import Database, RetentionClass
from opsloop.clock import format_time, parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, NotFoundError, TransientError
from opsloop.events import Event
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings

STOP_BEFORE_END_MS = 30_000
MOST_LOGGED = 20
MOST_LOOKED_AT = 1_000  # of the newest deletions of a database, for those that this run ended


@dataclass(frozen=True)
class Settings:
    access_table: str
    backup_table: str
    backup_bucket: str
    bus_name: str
    backup_prune_enabled: bool = True  # the switch that stops every deletion, whatever the catalog says
    backup_prune_most: int = 100  # deletions of one run, of all databases together


settings = read_settings(Settings)
catalog = load_catalog()
dumps, bus = DumpTable(settings.backup_table), Bus(settings.bus_name)
deletions, objects = DeletionTable(settings.backup_table), DumpObjects(settings.backup_bucket)
pruner, keeper = Pruner(dumps, objects, deletions), Keeper(dumps, objects, deletions)
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)


@api.route("GET", "/v1/backups/prune", scope=Scope.READ, query=("database",))
def show_plans(request: Request) -> Response:
    """Answer the last plan of each database, or of one: what goes, what stays, and why each."""
    wanted = request.text("database", default="")
    found = [one for one in deletions.plans() if wanted in ("", one["database"])]
    if wanted and not found:
        raise NotFoundError(f"database: there is no plan of {wanted!r} yet; GET /v1/backups names the databases")
    return json_response({"is_enabled": settings.backup_prune_enabled, "plans": found})


@api.route("GET", "/v1/backups/deletions", scope=Scope.READ, query=("database", "limit", "cursor"))
def list_deletions(request: Request) -> Response:
    """Answer the deletions of a database, the newest first."""
    found = deletions.of(request.text("database"))
    page = page_of(found, request, position=lambda one: _turned(one.deletion_id))
    return json_response({"deletions": [deletion_json(one) for one in page.items], "next": page.next})


@api.route("POST", "/v1/backups/deletions/{id}/undo", scope=Scope.OPERATE, query=())
def undo(request: Request) -> Response:
    """Bring back what a deletion hid, for as long as the bucket keeps it."""
    done = keeper.undo(request.path_parameters["id"], request.now, _who(request))
    metrics.add_metric(name="BackupDeletionsUndone", unit=MetricUnit.Count, value=1)
    request.facts.update(database=done.database, dump_id=done.dump_id)
    return json_response(deletion_json(done))


@api.route("POST", "/v1/backups/{database}/hold", scope=Scope.OPERATE, query=())
def hold(request: Request) -> Response:
    """Put a dump under legal hold: nobody deletes it until it is released."""
    return _held(request, is_on=True)


@api.route("POST", "/v1/backups/{database}/release", scope=Scope.OPERATE, query=())
def release(request: Request) -> Response:
    """Take a legal hold away."""
    return _held(request, is_on=False)


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def on_schedule(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan for every database, tell the plans, then delete where the class says so and nothing stops it."""
    now = parse_time(event["time"], name="time")
    logger.set_correlation_id(event["id"])
    failure: TransientError | None = None
    counts = {"suggested": 0, "deleted": 0, "stopped": 0, "left": 0, "failed": 0, "done": 1}
    for database in catalog.databases.values():
        room = settings.backup_prune_most - counts["deleted"] - counts["stopped"]
        try:
            _count(counts, *prune(database, now, event["id"], context, room))
        except TransientError as error:  # the other databases are looked after, and the run is tried again
            failure = error
            counts["failed"] += 1
            logger.error("retention of a database failed", database=database.name, why=error.message)
    for name, key in (
        ("BackupDeletionsSuggested", "suggested"),
        ("BackupsDeleted", "deleted"),
        ("BackupDeletionsStopped", "stopped"),
        ("BackupPrunesFailed", "failed"),
        ("BackupPrunesDone", "done"),
    ):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=counts[key])
    logger.info("retention looked after", is_enabled=settings.backup_prune_enabled, counts=counts)
    if failure is not None:
        raise failure
    return counts


def prune(
    database: Database, now: datetime, correlation_id: str, context: LambdaContext, room: int
) -> tuple[int, Done]:
    """Return how many deletions were suggested for ``database``, and what was done: stored and told first."""
    chosen = catalog.retention[database.retention]
    found = pruner.plan(database, chosen, now)
    is_stopped = not settings.backup_prune_enabled
    others = advice_on(database, chosen, now)
    deletions.keep_plan(plan_json(database.name, chosen, found, now, is_stopped=is_stopped, advice=others))
    day = f"{database.name}/{format_time(now)}"
    if found.delete:
        fact = suggested(database.name, chosen, found)
        names = [one.copy.copy_id for one in found.delete[:MOST_LOGGED]]
        told = {"count": fact.count, "bytes": fact.bytes, "mode": fact.mode, "oldest": names}
        logger.info("deletions suggested", database=database.name, told=told)
        bus.publish([Event(f"{day}/suggested", database.name, now, fact, correlation_id)])
    if chosen.mode != "enforce" or is_stopped:
        return len(found.delete), Done(pruner.end_open(database.name, now))
    done = pruner.carry_out(
        database,
        chosen,
        now,
        most=room,
        has_time=lambda: context.get_remaining_time_in_millis() > STOP_BEFORE_END_MS,
    )
    ended = [one for one in islice(deletions.of(database.name), MOST_LOOKED_AT) if one.ended_at == now]
    if ended:  # by this run, an attempt of it that failed half way included
        fact_of_all = pruned(database.name, chosen, Done(tuple(ended), done.left))
        bus.publish([Event(f"{day}/pruned", database.name, now, fact_of_all, correlation_id)])
    return len(found.delete), done


def advice_on(database: Database, chosen: RetentionClass, now: datetime) -> list[dict[str, Any]]:
    """Return what the class would let go of other tools' backups, by their reports in the bucket."""
    found = []
    for source in database.sources:
        if source.report:
            body, written_at = objects.report(source.report)
            found.append(advice(source.kind, source.report, body, written_at, chosen, now))
    return found


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request, or do what is due by the clock."""
    if "requestContext" in event:
        answer: dict[str, Any] = api.lambda_handler(event, context)
        return answer
    scheduled: dict[str, Any] = on_schedule(event, context)
    return scheduled


def _held(request: Request, *, is_on: bool) -> Response:
    dump_id = request.json().get("dump_id")
    if not isinstance(dump_id, str) or not 0 < len(dump_id) <= 1_024:
        raise InvalidInputError("dump_id: expected the id of a dump, as GET /v1/backups/{database}/dumps gives it")
    dump, has_holds = keeper.hold(request.path_parameters["database"], dump_id, is_on=is_on)
    metrics.add_metric(name="BackupsHeld" if is_on else "BackupsReleased", unit=MetricUnit.Count, value=1)
    request.facts.update(database=dump.database, dump_id=dump_id, by=_who(request))
    answer = {"database": dump.database, "dump_id": dump.dump_id, "legal_hold": dump.legal_hold}
    return json_response({**answer, "is_in_bucket": is_on and has_holds})


def _count(counts: dict[str, int], planned: int, done: Done) -> None:
    counts["suggested"] += planned
    counts["deleted"] += sum(one.state is DeletionState.DELETED for one in done.ended)
    counts["stopped"] += sum(one.state is DeletionState.STOPPED for one in done.ended)
    counts["left"] += done.left


def _who(request: Request) -> str:
    return request.key.holder_id if request.key else ""


def _turned(deletion_id: str) -> str:
    """Return a text by which the deletions of a database are in order, the newest first."""
    rest = deletion_id.removeprefix(database_of(deletion_id))
    return rest.translate(str.maketrans("0123456789abcdef", "fedcba9876543210"))
