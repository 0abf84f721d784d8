"""Nightly drills and exercises of disasters: items of the backup table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.adapters.aws_dynamodb import IS_NEW, Table, is_version, place
from opsloop.adapters.aws_record import body_of, record_of
from opsloop.backup.drill import Drill
from opsloop.backup.exercise import Exercise, ExerciseState
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, DependencyUnavailableError, NotFoundError

KEPT_DAYS = 400  # of nightly drills, after they began
ATTEMPTS = 6  # at writing an exercise, which several people may do at the same time
_DRILLS, _EXERCISES, _RUNNING, _DUE = "drills", "exercises", "exercises_running", "exercises_due"


class DrillTable:
    """Nightly drills, the newest for ``KEPT_DAYS``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def save(self, drill: Drill) -> None:
        """Store a drill; one that is run again takes its own place."""
        expires = int(drill.started_at.timestamp()) + KEPT_DAYS * 86_400
        item = {**place(_DRILLS, drill.drill_id), "body": {"S": body_of(drill)}, "expires_at": {"N": str(expires)}}
        self._table.call("PutItem", Item=item)

    def newest_first(self) -> Iterator[Drill]:
        """Yield drills, the newest first."""
        found = self._table.query(_DRILLS, ScanIndexForward=False, ConsistentRead=True)
        return (record_of(Drill, item["body"]["S"]) for item in found)


class ExerciseTable:
    """Exercises, for ever. One disaster has one running exercise at most."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def all(self) -> list[Exercise]:
        """Return every exercise, the newest first."""
        found = map(_exercise, self._table.query(_EXERCISES, ConsistentRead=True))
        return sorted(found, key=lambda one: (one.started_at, one.exercise_id), reverse=True)

    def find(self, exercise_id: str) -> Exercise | None:
        """Return the exercise of that id as it is now."""
        item = self._table.get(place(_EXERCISES, exercise_id), ConsistentRead=True)
        return None if item is None else _exercise(item)

    def running(self, disaster: str) -> str:
        """Return the id of the exercise of ``disaster`` that runs, or ""."""
        item = self._table.get(place(_RUNNING, disaster), ConsistentRead=True)
        return item["exercise_id"]["S"] if item else ""

    def begin(self, exercise: Exercise) -> Exercise:
        """Store a new exercise; raise ``ConflictError`` where another one of its disaster runs."""
        written = replace(exercise, revision=1)
        lock = {**place(_RUNNING, exercise.disaster), "exercise_id": {"S": exercise.exercise_id}}
        actions = [
            self._put(written, 0),
            {"Put": {"TableName": self._table.name, "Item": lock, "ConditionExpression": IS_NEW}},
        ]
        self._table.transact(actions, conflict=f"disaster: an exercise of {exercise.disaster} is running")
        return written

    def change(self, exercise_id: str, changed: Callable[[Exercise], Exercise]) -> Exercise:
        """Write what ``changed`` makes of an exercise as it is now; made anew where somebody wrote meanwhile.

        Raises ``NotFoundError``, ``ConflictError`` after ``ATTEMPTS``, and what ``changed`` raises.
        """
        for attempt in range(1, ATTEMPTS + 1):
            known = self.find(exercise_id)
            if known is None:
                raise NotFoundError(f"id: there is no exercise {exercise_id!r}; GET /v1/backups/exercises lists them")
            after = changed(known)
            if after == known:
                return known
            try:
                return self._write(after)
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def was_told(self, disaster: str, quarter: str) -> bool:
        """Return whether it was told that an exercise is due."""
        return self._table.get(place(f"{_DUE}#{disaster}", quarter), ConsistentRead=True) is not None

    def note_told(self, disaster: str, quarter: str) -> None:
        """Note that it was told."""
        self._table.call("PutItem", Item=place(f"{_DUE}#{disaster}", quarter))

    def _write(self, exercise: Exercise) -> Exercise:
        written = replace(exercise, revision=exercise.revision + 1)
        actions = [self._put(written, exercise.revision)]
        if written.state is not ExerciseState.RUNNING:
            mine = {":mine": {"S": exercise.exercise_id}}
            lock = {
                "Key": place(_RUNNING, exercise.disaster),
                "ConditionExpression": "attribute_not_exists(pk) OR exercise_id = :mine",
                "ExpressionAttributeValues": mine,
            }
            actions.append({"Delete": {"TableName": self._table.name, **lock}})
        self._table.transact(actions, conflict=f"exercise {exercise.exercise_id} was written meanwhile")
        return written

    def _put(self, exercise: Exercise, after: int) -> dict[str, Any]:
        item = {
            **place(_EXERCISES, exercise.exercise_id),
            "body": {"S": body_of(exercise)},
            "version": {"N": str(exercise.revision)},
        }
        return {"Put": {"TableName": self._table.name, "Item": item, **is_version(after)}}


class ExerciseEvidence:
    """Reports of finished exercises, as JSON objects of the backup bucket."""

    def __init__(self, bucket: str) -> None:
        self._objects = ObjectClient(bucket)

    def put(self, exercise_id: str, document: bytes) -> str:
        """Store the report of an exercise; return its key."""
        key = f"evidence/exercises/{exercise_id}.json"
        try:
            self._objects.put(key, document, content_type="application/json")
        except AwsError as error:
            raise DependencyUnavailableError(f"backup bucket: cannot put {key}: {error}") from error
        return key


def _exercise(item: Mapping[str, Any]) -> Exercise:
    return record_of(Exercise, item["body"]["S"])
