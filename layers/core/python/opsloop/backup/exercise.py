"""The quarterly exercise of a disaster: a checklist that is worked off by people, and what it achieved.

An exercise runs until somebody finishes or abandons it. A step is to do, begun, and then done, skipped or failed; what
failed or was skipped may be begun or done after all, what is done stays done. Failing over waits for the assessment,
validating for the fail-over; communicating goes on beside them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from opsloop.backup.exercise_steps import USUAL
from opsloop.catalog import Disaster
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError

MAX_NOTE = 2_000


class StepState(StrEnum):
    """How far a step is."""

    TODO = "todo"
    BEGUN = "begun"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class ExerciseState(StrEnum):
    """How far an exercise is."""

    RUNNING = "running"
    FINISHED = "finished"
    ABANDONED = "abandoned"


SETTLED = (StepState.DONE, StepState.SKIPPED, StepState.FAILED)
_AFTER = {
    StepState.TODO: (StepState.BEGUN, *SETTLED),
    StepState.BEGUN: SETTLED,
    StepState.FAILED: (StepState.BEGUN, StepState.DONE, StepState.SKIPPED),
    StepState.SKIPPED: (StepState.BEGUN, StepState.DONE),
    StepState.DONE: (),
}
_WAITS_FOR = {"assess": (), "fail_over": ("assess",), "validate": ("assess", "fail_over"), "communicate": ()}


@dataclass(frozen=True)
class Tick:
    """What one person said of one step."""

    step: int
    state: StepState
    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class Step:
    """One step, numbered from 1. ``ticks`` are all that was said of it, in order; the last one counts."""

    number: int
    phase: str
    do: str
    target_minutes: float | None = None
    ticks: tuple[Tick, ...] = ()

    @property
    def state(self) -> StepState:
        """Return how far the step is."""
        return self.ticks[-1].state if self.ticks else StepState.TODO

    @property
    def begun_at(self) -> datetime | None:
        """Return when somebody first began it; None if nobody said so."""
        return next((one.at for one in self.ticks if one.state is StepState.BEGUN), None)

    @property
    def settled_at(self) -> datetime | None:
        """Return when it was done, skipped or failed; None if it is not."""
        return self.ticks[-1].at if self.state in SETTLED else None


@dataclass(frozen=True)
class Restorable:
    """What could be restored of one database when the exercise began, beside its objectives (seconds).

    ``taken_at`` and the rest are None where nothing is proven. ``expected_s`` is how long its own restore took.
    """

    database: str
    rpo_s: float
    rto_s: float
    dump_id: str = ""
    taken_at: datetime | None = None
    expected_s: float | None = None
    dump_bytes: int = 0


@dataclass(frozen=True)
class Exercise:
    """One exercise of one disaster. ``recovered_to`` says up to which moment a database was had back."""

    exercise_id: str
    disaster: str
    description: str
    quarter: str
    started_at: datetime
    started_by: str
    steps: tuple[Step, ...]
    restorable: tuple[Restorable, ...]
    state: ExerciseState = ExerciseState.RUNNING
    recovered_to: Mapping[str, datetime] | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    note: str = ""
    revision: int = 0


def quarter_of(moment: datetime) -> str:
    """Return the calendar quarter (UTC) of ``moment``: 2026-Q4."""
    return f"{moment.year}-Q{(moment.month - 1) // 3 + 1}"


def begin(disaster: Disaster, restorable: Sequence[Restorable], now: datetime, by: str) -> Exercise:
    """Return the exercise of ``disaster`` that ``by`` begins at ``now`` (UTC)."""
    steps = disaster.steps or USUAL
    return Exercise(
        exercise_id=f"{disaster.name}.{now:%Y%m%dT%H%M%SZ}",
        disaster=disaster.name,
        description=disaster.description,
        quarter=quarter_of(now),
        started_at=now,
        started_by=by,
        steps=tuple(Step(place, one.phase, one.do, one.target_minutes) for place, one in enumerate(steps, 1)),
        restorable=tuple(restorable),
    )


def tick(exercise: Exercise, said: Tick, recovered_to: Mapping[str, datetime] | None = None) -> Exercise:
    """Return ``exercise`` after ``said``; the same said again by the same person changes nothing.

    Raises ``InvalidInputError`` for a step that is not there, one whose turn has not come, a change that cannot be, an
    exercise that is over, and a moment of recovery that is in the future or of another database.
    """
    if exercise.state is not ExerciseState.RUNNING:
        raise InvalidInputError(f"state: the exercise is {exercise.state.value}; begin another one")
    if not 1 <= said.step <= len(exercise.steps):
        raise InvalidInputError(f"n: there is no step {said.step}; the last one is {len(exercise.steps)}")
    step = exercise.steps[said.step - 1]
    merged = _recovered(exercise, recovered_to, said.at)
    if step.ticks and replace(step.ticks[-1], at=said.at) == said:
        return replace(exercise, recovered_to=merged)
    if said.state not in _AFTER[step.state]:
        raise InvalidInputError(f"state: step {said.step} is {step.state.value}, it cannot be {said.state.value}")
    if waits := [one.number for one in exercise.steps if one.phase in _WAITS_FOR[step.phase] and not is_settled(one)]:
        raise InvalidInputError(f"n: step {said.step} waits for step {waits[0]}, which is to be settled before")
    after = replace(step, ticks=(*step.ticks, said))
    steps = (*exercise.steps[: said.step - 1], after, *exercise.steps[said.step :])
    return replace(exercise, steps=steps, recovered_to=merged)


def finish(exercise: Exercise, now: datetime, by: str, note: str, *, is_abandoned: bool = False) -> Exercise:
    """Return ``exercise`` as finished, or abandoned; a finished one stays as it is.

    Raises ``InvalidInputError`` where steps are not settled, or where it ended the other way before.
    """
    wanted = ExerciseState.ABANDONED if is_abandoned else ExerciseState.FINISHED
    if exercise.state is wanted:
        return exercise
    if exercise.state is not ExerciseState.RUNNING:
        raise InvalidInputError(f"state: the exercise is {exercise.state.value} already")
    if not is_abandoned and (left := [str(one.number) for one in exercise.steps if not is_settled(one)]):
        raise InvalidInputError(f"steps: these are to be done, skipped or failed first: {', '.join(left)}")
    return replace(exercise, state=wanted, ended_at=now, ended_by=by, note=note)


def is_settled(step: Step) -> bool:
    """Return whether a step is done, skipped or failed."""
    return step.state in SETTLED


def fail_over_began(exercise: Exercise) -> datetime | None:
    """Return when failing over began; None if it has not.

    That is when somebody first began a step of it; where nobody said so, when the assessment was settled, and where
    there is none, when the exercise began.
    """
    begun = [one.begun_at for one in exercise.steps if one.phase == "fail_over" and one.begun_at is not None]
    if begun:
        return min(begun)
    assessed = [one for one in exercise.steps if one.phase == "assess"]
    if not all(is_settled(one) for one in assessed):
        return None
    return max((one.settled_at for one in assessed if one.settled_at), default=exercise.started_at)


def validated_at(exercise: Exercise) -> datetime | None:
    """Return when the last step of validation was done; None if one of them is not, or none is there.

    Where a disaster has no steps of validation, those of failing over count.
    """
    phase = "validate" if any(one.phase == "validate" for one in exercise.steps) else "fail_over"
    steps = [one for one in exercise.steps if one.phase == phase]
    is_whole = steps and all(one.state in (StepState.DONE, StepState.SKIPPED) for one in steps)
    done = [one.settled_at for one in steps if one.state is StepState.DONE and one.settled_at]
    return max(done) if is_whole and done else None


def rto_s(exercise: Exercise) -> float | None:
    """Return the seconds from the beginning of the fail-over until it was validated; None: not known."""
    first, last = fail_over_began(exercise), validated_at(exercise)
    return (last - first).total_seconds() if first is not None and last is not None and last >= first else None


def rpo_s(exercise: Exercise, database: str) -> float | None:
    """Return the seconds before the exercise's beginning that would be lost of a database; None: not known.

    That is up to the moment that people say it was recovered to; where they say nothing, up to its newest proven dump.
    """
    recovered = (exercise.recovered_to or {}).get(database)
    if recovered is None:
        recovered = next((one.taken_at for one in exercise.restorable if one.database == database), None)
    return max(0.0, (exercise.started_at - recovered).total_seconds()) if recovered is not None else None


def phase_s(exercise: Exercise, phase: str) -> float | None:
    """Return the seconds from a phase's first tick to its last; None where it is not settled, or has no steps."""
    steps = [one for one in exercise.steps if one.phase == phase]
    if not steps or not all(is_settled(one) for one in steps):
        return None
    times = [said.at for one in steps for said in one.ticks]
    return (max(times) - min(times)).total_seconds()


def _recovered(exercise: Exercise, said: Mapping[str, datetime] | None, now: datetime) -> Mapping[str, datetime] | None:
    if not said:
        return exercise.recovered_to
    known = [one.database for one in exercise.restorable]
    for database, moment in said.items():
        if database not in known:
            raise InvalidInputError(f"recovered_to: {database!r} is not one of {', '.join(known)}")
        if moment > now:
            raise InvalidInputError(f"recovered_to: {database} cannot be recovered to a moment that is yet to come")
    return {**(exercise.recovered_to or {}), **said}
