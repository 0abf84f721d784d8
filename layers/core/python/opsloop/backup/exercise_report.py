"""An exercise as the API shows it, and what it achieved beside the objectives."""

from datetime import datetime
from typing import Any

from opsloop.backup import exercise as steps
from opsloop.backup.exercise import Exercise, Restorable, Step, StepState
from opsloop.backup.exercise_due import DisasterStanding
from opsloop.backup.exercise_steps import PHASES
from opsloop.backup.model_upkeep import ExerciseAbandoned, ExerciseDue, ExerciseFinished
from opsloop.clock import format_time

MET, MISSED, UNKNOWN = "met", "missed", "unknown"


def exercise_json(one: Exercise) -> dict[str, Any]:
    """Return an exercise whole: its steps with what was said of each, and what is achieved so far."""
    return {
        **summary_json(one),
        "description": one.description,
        "steps": [_step_json(step) for step in one.steps],
        "restorable": [_restorable_json(found, one.started_at) for found in one.restorable],
        "phases": [{"phase": phase, "seconds": steps.phase_s(one, phase)} for phase in PHASES],
        "fail_over_began_at": _time(steps.fail_over_began(one)),
        "validated_at": _time(steps.validated_at(one)),
        "ended_by": one.ended_by,
        "note": one.note,
    }


def summary_json(one: Exercise) -> dict[str, Any]:
    """Return an exercise as a list shows it."""
    return {
        "id": one.exercise_id,
        "disaster": one.disaster,
        "quarter": one.quarter,
        "state": one.state.value,
        "result": result(one),
        "started_at": format_time(one.started_at),
        "started_by": one.started_by,
        "ended_at": _time(one.ended_at),
        "steps_settled": sum(steps.is_settled(step) for step in one.steps),
        "steps_count": len(one.steps),
        "rto_s": steps.rto_s(one),
        "databases": achieved(one),
    }


def achieved(one: Exercise) -> list[dict[str, Any]]:
    """Return, of each database, what was achieved beside its objectives, and whether that meets them."""
    took_s = steps.rto_s(one)
    found = []
    for each in one.restorable:
        lost_s = steps.rpo_s(one, each.database)
        recovered = (one.recovered_to or {}).get(each.database)
        found.append(
            {
                "database": each.database,
                "rto_s": took_s,
                "rto_target_s": each.rto_s,
                "rto": _judged(took_s, each.rto_s),
                "rpo_s": lost_s,
                "rpo_target_s": each.rpo_s,
                "rpo": _judged(lost_s, each.rpo_s),
                "recovered_to": _time(recovered or each.taken_at),
                "recovered_by": "said" if recovered else "newest_proven" if each.taken_at else "unknown",
            }
        )
    return found


def result(one: Exercise) -> str:
    """Return what came of an exercise: ``passed``, ``failed``, ``unknown``; "" while it runs or was abandoned.

    It failed if a step failed or an objective was missed; it is unknown if an objective could not be measured.
    """
    if one.state is not steps.ExerciseState.FINISHED:
        return ""
    judged = [each[kind] for each in achieved(one) for kind in ("rto", "rpo")]
    if MISSED in judged or any(step.state is StepState.FAILED for step in one.steps):
        return "failed"
    return UNKNOWN if UNKNOWN in judged else "passed"


def finished(one: Exercise) -> ExerciseFinished:
    """Return the fact of a finished exercise."""
    return ExerciseFinished(
        exercise_id=one.exercise_id,
        disaster=one.disaster,
        quarter=one.quarter,
        result=result(one),
        rto_s=steps.rto_s(one),
        databases=tuple(achieved(one)),
        by=one.ended_by,
        note=one.note,
        failed=tuple(
            {"n": step.number, "do": step.do, "note": step.ticks[-1].note}
            for step in one.steps
            if step.state is StepState.FAILED
        ),
    )


def abandoned(one: Exercise) -> ExerciseAbandoned:
    """Return the fact of an exercise that was given up."""
    return ExerciseAbandoned(
        exercise_id=one.exercise_id,
        disaster=one.disaster,
        quarter=one.quarter,
        databases=tuple(each.database for each in one.restorable),
        by=one.ended_by,
        note=one.note,
        settled=sum(steps.is_settled(step) for step in one.steps),
        steps=len(one.steps),
    )


def due(one: DisasterStanding) -> ExerciseDue:
    """Return the fact that a disaster is to be exercised."""
    return ExerciseDue(one.disaster, one.quarter, one.last, one.databases, one.standing.value, one.running)


def standing_json(one: DisasterStanding) -> dict[str, Any]:
    """Return how a disaster stands, as the API gives it."""
    return {
        "disaster": one.disaster,
        "databases": list(one.databases),
        "standing": one.standing.value,
        "quarter": one.quarter,
        "last_quarter": one.last or None,
        "running": one.running or None,
    }


def _step_json(step: Step) -> dict[str, Any]:
    first, last = step.begun_at, step.settled_at
    return {
        "n": step.number,
        "phase": step.phase,
        "do": step.do,
        "target_minutes": step.target_minutes,
        "state": step.state.value,
        "begun_at": _time(first),
        "settled_at": _time(last),
        "minutes": round((last - first).total_seconds() / 60, 2) if first and last else None,
        "said": [
            {"state": one.state.value, "by": one.by, "at": format_time(one.at), "note": one.note} for one in step.ticks
        ],
    }


def _restorable_json(one: Restorable, started_at: datetime) -> dict[str, Any]:
    return {
        "database": one.database,
        "dump_id": one.dump_id or None,
        "taken_at": _time(one.taken_at),
        "age_s": (started_at - one.taken_at).total_seconds() if one.taken_at else None,
        "expected_restore_s": one.expected_s,
        "dump_bytes": one.dump_bytes,
        "rpo_target_s": one.rpo_s,
        "rto_target_s": one.rto_s,
    }


def _judged(seconds: float | None, target_s: float) -> str:
    if seconds is None:
        return UNKNOWN
    return MET if seconds <= target_s else MISSED


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None
