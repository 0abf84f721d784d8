"""Clock, POST /v1/backups/{database}/take -> `backup.requested`; queue of these -> a dump in the backup bucket."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.aws_dynamodb import Table
from opsloop.adapters.backup_bucket import BackupBucket, Lock, TakenDumps
from opsloop.adapters.backup_claims import ClaimTable, TakeTable
from opsloop.adapters.backup_outbox import LetterTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_dump import DumpSource
from opsloop.adapters.secret_store import Secrets
from opsloop.adapters.work_queue import WorkQueue
from opsloop.backup.connect import read_login
from opsloop.backup.evidence import EvidenceWriter
from opsloop.backup.model import Cause, Format, Manifest
from opsloop.backup.outbox import Outbox
from opsloop.backup.request import Requester, read_requested
from opsloop.backup.stores import Stores
from opsloop.backup.take import TakeState, take_id, take_json
from opsloop.backup.taking import Sink, Taker, Taking, TakingStores
from opsloop.catalog import Database
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import (
    DependencyUnavailableError,
    InvalidInputError,
    NotFoundError,
    OpsloopError,
    PermanentError,
    TransientError,
)
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings

LEASE_S = 960.0  # longer than Lambda lets this function run
SPARE_S = 45.0  # to end a dump that takes too long, and to say so
TRANSIENT_S = 60.0


@dataclass(frozen=True)
class Settings:
    access_table: str
    backup_table: str
    backup_bucket: str
    bus_name: str
    secret_prefix: str  # what the names of the databases' secrets begin with


settings = read_settings(Settings)
catalog = load_catalog()
bucket, bus, queue = BackupBucket(settings.backup_bucket), Bus(settings.bus_name), WorkQueue()
secrets = Secrets(settings.secret_prefix)
takes, claims = TakeTable(settings.backup_table), ClaimTable(settings.backup_table)
dumps, letters = DumpTable(settings.backup_table), LetterTable(settings.backup_table)
commit = Table(settings.backup_table, "backup table").transact
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
    """Ask for every dump that is due at the time of the event, and tell what a crash left untold."""
    logger.set_correlation_id(event["id"])
    asked = requester.request_due(parse_time(event["time"], name="time"), event["id"])
    told = outbox().send_all()
    metrics.add_metric(name="BackupsRequested", unit=MetricUnit.Count, value=len(asked))
    metrics.add_metric(name="BackupFactsToldLate", unit=MetricUnit.Count, value=told)
    logger.info("dumps asked for", databases=[one.database for one in asked], told_late=told)
    return {"requested": len(asked), "told_late": told}


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def on_queue(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take what the messages ask for; what is not done comes back when it may be done."""
    metrics.add_metric(name="BackupRequestsReceived", unit=MetricUnit.Count, value=len(event["Records"]))
    failed = [record for record in event["Records"] if not is_done(record, context)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def is_done(record: dict[str, Any], context: LambdaContext) -> bool:
    """Return whether nothing is left to do about a message; if there is, have it come back in time."""
    again_s: float | None = TRANSIENT_S
    try:
        taking = take(record, lambda: context.get_remaining_time_in_millis() / 1_000 - SPARE_S)
        report(taking)
        again_s = taking.again_s
    except InvalidInputError as error:  # until the queue gives it up and keeps it apart
        logger.error("event not understood", message_id=record["messageId"], reason=error.message)
    except PermanentError as error:
        logger.error("no such dump is taken", message_id=record["messageId"], reason=error.message)
        again_s = None
    except TransientError as error:
        logger.warning("dump not taken yet", message_id=record["messageId"], reason=error.message)
    if again_s is None:
        return True
    try:
        queue.postpone(record["eventSourceARN"], record["receiptHandle"], again_s)
    except TransientError as error:  # it comes back all the same, after the queue's own time
        logger.warning("message not postponed", message_id=record["messageId"], reason=error.message)
    return False


def take(record: dict[str, Any], left_s: Callable[[], float]) -> Taking:
    """Take the dump that one message asks for."""
    wanted = read_requested(record["body"])
    logger.set_correlation_id(wanted.correlation_id or record["messageId"])
    taker = Taker(
        catalog.databases,
        TakingStores(takes, claims, dumps, letters, commit),
        TakenDumps(bucket, now),
        dump,
        outbox(),
        holder=os.urandom(8).hex(),
        clock=now,
        lease_s=LEASE_S,
        left_s=left_s,
    )
    return taker.take(wanted.database, wanted.slot, wanted.cause, wanted.correlation_id)


def dump(database: Database, sink: Sink, seconds: float, expect: Callable[[int], None]) -> Manifest:
    """Dump a database into ``sink``; a secret that was changed meanwhile is read anew."""
    try:
        login = read_login(secrets.read(database.secret, is_fresh=True), name=f"secret {database.secret}")
        source = DumpSource(login, tools())
    except (PermanentError, TransientError):
        sink.abort()
        raise
    try:
        return source.take(
            sink,
            schemas=database.schemas,
            exclude_schemas=database.exclude_schemas,
            format=Format(database.format),
            seconds=seconds,
            progress=lambda _phase, _done, size_bytes: expect(size_bytes),
        )
    except OpsloopError:
        raise
    except Exception as error:  # the boundary to a team's database: whatever is in it, the next attempt comes in time
        logger.exception("dump failed unexpectedly", database=database.name)
        raise DependencyUnavailableError(f"unexpected {type(error).__name__}: {error}") from error


def outbox() -> Outbox:
    """Return what tells facts, with the evidence of those that have some."""
    stores = Stores(dumps, VerificationTable(settings.backup_table), claims, letters, commit)
    writer = EvidenceWriter(catalog.databases, stores, bucket, put_evidence, "opsloop backup_verify")
    return Outbox(letters, bus.publish, writer.write)


def put_evidence(key: str, body: bytes, until: datetime | None, legal_hold: bool) -> None:
    """Store evidence, locked as its dump."""
    bucket.put(key, body, lock=Lock(until, legal_hold))


def report(taking: Taking) -> None:
    """Count what came of it and log it."""
    found = taking.take
    if found is None or not taking.did:
        logger.info("nothing to take", waits_s=taking.again_s)
        return
    facts: dict[str, Any] = {
        "take": take_id(found),
        "attempts": found.attempts,
        "dump_id": found.dump_id,
        "bytes": found.bytes,
    }
    taken, failed = found.state is TakeState.TAKEN, found.state is TakeState.FAILED
    metrics.add_metric(name="BackupsTaken", unit=MetricUnit.Count, value=int(taken))
    metrics.add_metric(name="BackupsFailed", unit=MetricUnit.Count, value=int(failed))
    metrics.add_metric(name="BackupAttemptsFailed", unit=MetricUnit.Count, value=int(not taken))
    if not taken:
        (logger.error if failed else logger.warning)("dump not taken", why=found.why, again_s=taking.again_s, **facts)
        return
    seconds = (found.ended_at - found.started_at).total_seconds() if found.ended_at and found.started_at else 0.0
    metrics.add_metric(name="BackupDuration", unit=MetricUnit.Seconds, value=seconds)
    metrics.add_metric(name="BackupSize", unit=MetricUnit.Bytes, value=found.bytes)
    logger.info("dump taken", seconds=seconds, rows=found.rows, **facts)


def now() -> datetime:
    """Return the time: leases and keys are of this moment, whenever the event was."""
    return datetime.now(UTC)


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request, take what a queue hands over, or do what is due by the clock."""
    if "requestContext" in event:
        answer: dict[str, Any] = api.lambda_handler(event, context)
        return answer
    done: dict[str, Any] = (on_queue if "Records" in event else on_schedule)(event, context)
    return done
