"""HTTP GET /v1/backups and below, POST .../verify (operate) -> how databases stand; a dump that is proven again."""

from datetime import datetime, timedelta
from itertools import islice

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

import opsloop.cold_start
from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.backup_assessments import AssessmentTable
from opsloop.adapters.backup_claims import ClaimTable, TakeTable
from opsloop.adapters.backup_reports import ReportBucket
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.backup.document import dump_json, verification_json
from opsloop.backup.key import evidence_key
from opsloop.backup.model import Cause, Dump, Verification, VerificationRequested
from opsloop.backup.page import before_of, by_day, database_json, in_order, newest_first
from opsloop.backup.reproof import next_proof, proof_json
from opsloop.backup.take import take_json
from opsloop.catalog import Database
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError, NotFoundError
from opsloop.events import Event
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import cursor_position, page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response, tagged_response
from opsloop.runtime.settings import read_settings

LAST_VERIFICATIONS, LAST_TAKES = 10, 20
MAX_DUMP_ID = 1_024
TAKES_FOR = timedelta(days=2)
USUAL_DUMPS, USUAL_HISTORY = timedelta(days=90), timedelta(days=30)
MOST_HISTORY = {"hour": timedelta(days=92), "day": timedelta(days=366)}


@dataclass(frozen=True)
class Settings:
    access_table: str
    backup_table: str
    backup_bucket: str
    bus_name: str


settings = read_settings(Settings)
catalog = load_catalog()
assessments = AssessmentTable(settings.backup_table)
dumps, verifications = DumpTable(settings.backup_table), VerificationTable(settings.backup_table)
takes, claims = TakeTable(settings.backup_table), ClaimTable(settings.backup_table)
documents, bus = ReportBucket(settings.backup_bucket), Bus(settings.bus_name)
metrics = Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), Logger(), metrics)
opsloop.cold_start.finish()


@api.route("GET", "/v1/backups", scope=Scope.READ, query=("limit", "cursor"))
def list_backups(request: Request) -> Response:
    """Answer every database of the catalog, by name."""
    known = assessments.all()
    declared = [catalog.databases[name] for name in sorted(catalog.databases)]
    page = page_of(declared, request, position=lambda one: one.name)
    items = [database_json(one, known.get(one.name), request.now) for one in page.items]
    return json_response({"backups": items, "next": page.next})


@api.route("GET", "/v1/backups/{database}", scope=Scope.READ, query=())
def get_backup(request: Request) -> Response:
    """Answer one database, with what is going on."""
    database = _database(request)
    audited = assessments.find(database.name)
    asked = islice(takes.of(database.name, since=request.now - TAKES_FOR), LAST_TAKES)
    last = islice(verifications.of(database.name), LAST_VERIFICATIONS)
    episodes = audited.remembered.episodes if audited else {}
    return json_response(
        {
            **database_json(database, audited, request.now),
            "takes": [take_json(one) for one in asked if not one.is_over],
            "verifications": [verification_json(replace(one, messages=())) for one in last],
            "episodes": {
                name: {"standing": one.standing.value, "since": format_time(one.since), "told": one.told}
                for name, one in episodes.items()
            },
            "assertions": [one.name for one in database.assertions],
        }
    )


@api.route("GET", "/v1/backups/{database}/dumps", scope=Scope.READ, query=("from", "to", "limit", "cursor"))
def list_dumps(request: Request) -> Response:
    """Answer the dumps of a database, newest first; a later page is read from where the one before it ended."""
    database = _database(request)
    first, end = _range(request, USUAL_DUMPS)
    position = cursor_position(request)
    last = before_of(position) if position else None
    until = end if last is None else min(end, last + timedelta(microseconds=1))
    found = in_order(dumps.of(database.name, since=first, until=until))
    page = page_of(found, request, position=lambda one: newest_first(one.taken_at, one.dump_id))
    return json_response({"dumps": [dump_json(one) for one in page.items], "next": page.next})


@api.route("GET", "/v1/backups/{database}/history", scope=Scope.READ, query=("from", "to", "resolution"))
def get_history(request: Request) -> Response:
    """Answer the points of a database over time."""
    database = _database(request)
    resolution = request.choice("resolution", tuple(MOST_HISTORY), default="hour")
    first, end = _range(request, USUAL_HISTORY)
    if end - first > MOST_HISTORY[resolution]:
        most = MOST_HISTORY[resolution].days
        raise InvalidInputError(f"from: more than the {most} days that one request by {resolution} may ask for")
    points = assessments.points(database.name, first, end)
    return json_response(
        {
            "database": database.name,
            "from": format_time(first),
            "to": format_time(end),
            "resolution": resolution,
            "points": by_day(points) if resolution == "day" else list(points),
        }
    )


@api.route("POST", "/v1/backups/{database}/verify", scope=Scope.OPERATE, query=())
def ask_for_proof(request: Request) -> Response:
    """Have a dump restored and compared once more; what was said of it before stays."""
    database = _database(request)
    dump = _dump(database, request)
    job = next_proof(dump, request.now, request.correlation_id, lambda one: verifications.find(one) is not None)
    wish = VerificationRequested(database.name, dump.dump_id, Cause.REQUEST.value)
    bus.publish([Event(job.request_id, database.name, request.now, wish, request.correlation_id)])
    metrics.add_metric(name="VerificationsRequested", unit=MetricUnit.Count, value=1)
    request.facts.update(database=database.name, dump_id=dump.dump_id, verification_id=job.verification_id)
    return json_response(proof_json(dump, job, claims.find(job.claim_id), request.now), status=202)


@api.route("GET", "/v1/backups/verifications/{id}", scope=Scope.READ, query=())
def get_verification(request: Request) -> Response:
    """Answer one verification, whole."""
    return json_response(verification_json(_verification(request)))


@api.route("GET", "/v1/backups/verifications/{id}/evidence", scope=Scope.READ, query=())
def get_evidence(request: Request) -> Response:
    """Answer the evidence of a verification, as it was stored."""
    found = _verification(request)
    body = documents.read(evidence_key(found.database, found.verification_id)).body
    return tagged_response(request, body, {"content-type": "application/json", "cache-control": "private, no-cache"})


lambda_handler = api.lambda_handler


def _database(request: Request) -> Database:
    name = request.path_parameters["database"]
    found = catalog.databases.get(name)
    if found is None:
        known = ", ".join(sorted(catalog.databases)) or "none"
        raise NotFoundError(f"database: {name!r} is not in the catalog; there are: {known}")
    return found


def _dump(database: Database, request: Request) -> Dump:
    """Return the dump that a request names; where it names none, the newest that is there."""
    wish = request.json()
    if unknown := wish.keys() - {"dump_id"}:
        raise InvalidInputError(f"{min(unknown)}: not a field of this request; there is: dump_id")
    if "dump_id" not in wish:
        newest = next((one for one in dumps.of(database.name) if one.deleted_at is None), None)
        if newest is None:
            raise NotFoundError(f"database: there is no dump of {database.name}")
        return newest
    dump_id = wish["dump_id"]
    if not isinstance(dump_id, str) or not 0 < len(dump_id) <= MAX_DUMP_ID:
        raise InvalidInputError("dump_id: expected the id of a dump, as GET /v1/backups/{database}/dumps gives it")
    found = dumps.find(dump_id)
    if found is None or found.database != database.name:
        raise NotFoundError(f"dump_id: there is no dump {dump_id!r} of {database.name}")
    return found


def _verification(request: Request) -> Verification:
    verification_id = request.path_parameters["id"]
    found = verifications.find(verification_id)
    if found is None:
        raise NotFoundError(f"verification: there is no {verification_id!r}")
    return found


def _range(request: Request, usual: timedelta) -> tuple[datetime, datetime]:
    end = request.time("to", default=request.now)
    first = request.time("from", default=end - usual)
    if first >= end:
        raise InvalidInputError(f"from: {format_time(first)} is not before to, {format_time(end)}")
    return first, end
