"""HTTP on /v1/backups/exercises and /drills, daily clock -> disasters exercised step by step, told where due."""

import json
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.backup_drills import DrillTable, ExerciseEvidence, ExerciseTable
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.backup import exercise as steps
from opsloop.backup import exercise_request as asked
from opsloop.backup.drill import drill_json
from opsloop.backup.exercise import Exercise, ExerciseState
from opsloop.backup.exercise_due import Standing, standings
from opsloop.backup.exercise_report import abandoned, due, exercise_json, finished, standing_json, summary_json
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import NotFoundError
from opsloop.events import Event
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings


@dataclass(frozen=True)
class Settings:
    access_table: str
    backup_table: str
    backup_bucket: str
    bus_name: str


settings = read_settings(Settings)
catalog = load_catalog()
exercises, drills = ExerciseTable(settings.backup_table), DrillTable(settings.backup_table)
dumps = DumpTable(settings.backup_table)
evidence, bus = ExerciseEvidence(settings.backup_bucket), Bus(settings.bus_name)
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)


@api.route("GET", "/v1/backups/drills", scope=Scope.READ, query=("limit", "cursor"))
def list_drills(request: Request) -> Response:
    """Answer the nightly drills of the verifier, the newest first, each with every control that was tried."""
    found = drills.newest_first()
    page = page_of(found, request, position=lambda one: _turned(one.drill_id), default_limit=30, most=100)
    return json_response({"drills": [drill_json(one) for one in page.items], "next": page.next})


@api.route("GET", "/v1/backups/exercises", scope=Scope.READ, query=())
def list_exercises(request: Request) -> Response:
    """Answer how each disaster stands this quarter, and every exercise, the newest first."""
    known = exercises.all()
    found = standings(catalog.disasters, known, request.now)
    return json_response(
        {
            "quarter": steps.quarter_of(request.now),
            "disasters": [standing_json(one) for one in found],
            "exercises": [summary_json(one) for one in known],
        }
    )


@api.route("GET", "/v1/backups/exercises/{id}", scope=Scope.READ, query=())
def show(request: Request) -> Response:
    """Answer one exercise: its steps, what was said of each, and what is achieved so far."""
    return json_response(exercise_json(_known(request.path_parameters["id"])))


@api.route("POST", "/v1/backups/exercises", scope=Scope.OPERATE, query=())
def begin(request: Request) -> Response:
    """Begin the exercise of a disaster, with what could be restored of each of its databases at this moment."""
    name = asked.disaster_of(request.json())
    disaster = catalog.disasters.get(name)
    if disaster is None:
        raise NotFoundError(f"disaster: {name!r} is not one of {', '.join(sorted(catalog.disasters)) or 'none'}")
    restorable = [
        asked.restorable(catalog.databases[one], dumps.of(one, until=request.now)) for one in disaster.databases
    ]
    begun = exercises.begin(steps.begin(disaster, restorable, request.now, _who(request)))
    metrics.add_metric(name="ExercisesBegun", unit=MetricUnit.Count, value=1)
    request.facts.update(exercise=begun.exercise_id, disaster=name)
    return json_response(exercise_json(begun), status=201)


@api.route("POST", "/v1/backups/exercises/{id}/steps/{n}", scope=Scope.OPERATE, query=())
def tick(request: Request) -> Response:
    """Say of a step that it is begun, done, skipped or failed."""
    number = request.path_parameters["n"]
    said, recovered_to = asked.tick_of(request.json(), number, by=_who(request), now=request.now)
    after = exercises.change(request.path_parameters["id"], lambda one: steps.tick(one, said, recovered_to))
    request.facts.update(exercise=after.exercise_id, step=said.step, state=said.state.value)
    return json_response(exercise_json(after))


@api.route("POST", "/v1/backups/exercises/{id}/finish", scope=Scope.OPERATE, query=())
def finish(request: Request) -> Response:
    """End an exercise: as finished, with a report kept as evidence, or as abandoned; either is told."""
    note, is_abandoned = asked.end_of(request.json())
    by = _who(request)
    after = exercises.change(
        request.path_parameters["id"],
        lambda one: steps.finish(one, request.now, by, note, is_abandoned=is_abandoned),
    )
    if after.state is ExerciseState.FINISHED:
        _tell_finished(after, request.correlation_id)
    else:
        moment = after.ended_at or after.started_at
        bus.publish([Event(after.exercise_id, after.disaster, moment, abandoned(after), request.correlation_id)])
        metrics.add_metric(name="ExercisesAbandoned", unit=MetricUnit.Count, value=1)
    return json_response(exercise_json(after))


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def on_schedule(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Tell, once a quarter, of each disaster that is to be exercised."""
    now = parse_time(event["time"], name="time")
    logger.set_correlation_id(event["id"])
    found = standings(catalog.disasters, exercises.all(), now)
    told = 0
    for one in found:
        if one.is_to_remind and not exercises.was_told(one.disaster, one.quarter):
            key = f"exercise/{one.disaster}/{one.quarter}"
            bus.publish([Event(key, one.disaster, now, due(one), event["id"])])
            exercises.note_told(one.disaster, one.quarter)
            told += 1
    waiting = [one.disaster for one in found if one.standing is not Standing.DONE]
    late = [one.disaster for one in found if one.standing in (Standing.OVERDUE, Standing.UNKNOWN)]
    metrics.add_metric(name="ExerciseChecks", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="ExercisesWaiting", unit=MetricUnit.Count, value=len(waiting))
    metrics.add_metric(name="ExercisesOverdue", unit=MetricUnit.Count, value=len(late))
    logger.info("exercises looked after", waiting=waiting, overdue=late, told=told)
    return {"waiting": len(waiting), "overdue": len(late), "told": told}


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request, or do what is due by the clock."""
    if "requestContext" in event:
        answer: dict[str, Any] = api.lambda_handler(event, context)
        return answer
    scheduled: dict[str, Any] = on_schedule(event, context)
    return scheduled


def _tell_finished(exercise: Exercise, correlation_id: str) -> None:
    """Keep the report, then tell; asked again after a crash between, both are done again, the same."""
    document = json.dumps(exercise_json(exercise), ensure_ascii=False, indent=1).encode()
    evidence.put(exercise.exercise_id, document)
    moment = exercise.ended_at or exercise.started_at
    bus.publish([Event(exercise.exercise_id, exercise.disaster, moment, finished(exercise), correlation_id)])
    metrics.add_metric(name="ExercisesFinished", unit=MetricUnit.Count, value=1)


def _known(exercise_id: str) -> Exercise:
    found = exercises.find(exercise_id)
    if found is None:
        raise NotFoundError(f"id: there is no exercise {exercise_id!r}; GET /v1/backups/exercises lists them")
    return found


def _who(request: Request) -> str:
    return request.key.holder_id if request.key else ""


def _turned(drill_id: str) -> str:
    """Return a text by which drills are in order, the newest first."""
    return drill_id.translate(str.maketrans("0123456789", "9876543210"))
