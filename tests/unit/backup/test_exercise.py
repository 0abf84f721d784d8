"""An exercise as a state machine, what it achieved, and which disasters are due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup import exercise as steps
from opsloop.backup import exercise_report as report
from opsloop.backup.exercise import Exercise, ExerciseState, Restorable, StepState, Tick
from opsloop.backup.exercise_due import Standing, end_of, standings
from opsloop.backup.exercise_steps import PHASES, USUAL
from opsloop.catalog import Disaster, DrillStep
from opsloop.errors import InvalidInputError

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOST = Disaster("database-lost", ("orders",), "The server is gone.")
SHORT = replace(
    LOST,
    steps=(
        DrillStep("assess", "Look.", 5),
        DrillStep("fail_over", "Restore.", 30),
        DrillStep("validate", "Compare."),
        DrillStep("communicate", "Tell."),
    ),
)
ORDERS = Restorable("orders", 900, 3600, "orders/a.dump", NOW - 10 * MINUTE, 42.0, 1_000)


def begun(disaster: Disaster = SHORT, restorable: Restorable = ORDERS) -> Exercise:
    return steps.begin(disaster, [restorable], NOW, "ada")


def said(exercise: Exercise, step: int, state: str, minute: float, **changes: Any) -> Exercise:
    recovered = changes.pop("recovered_to", None)
    one = Tick(step, StepState(state), changes.pop("by", "ada"), NOW + minute * MINUTE, **changes)
    return steps.tick(exercise, one, recovered)


def worked_off(exercise: Exercise) -> Exercise:
    """Assess until 5, begin to fail over at 8, restore until 38, validate until 50, tell until 55 minutes."""
    for step, state, minute in ((1, "done", 5), (2, "begun", 8), (2, "done", 38), (3, "done", 50), (4, "done", 55)):
        exercise = said(exercise, step, state, minute)
    return exercise


def test_the_usual_steps_go_through_every_phase_unless_the_catalog_has_its_own():
    usual = begun(LOST)
    assert [one.do for one in usual.steps] == [one.do for one in USUAL]
    assert {one.phase for one in usual.steps} == set(PHASES)
    assert [one.do for one in begun().steps] == ["Look.", "Restore.", "Compare.", "Tell."]


def test_the_objectives_are_measured_from_the_fail_over_to_the_validation():
    exercise = worked_off(begun())
    assert steps.rto_s(exercise) == 42 * 60  # minute 8 to minute 50
    assert steps.rpo_s(exercise, "orders") == 10 * 60  # the newest proven dump is 10 minutes old
    assert steps.phase_s(exercise, "fail_over") == 30 * 60
    (found,) = report.achieved(exercise)
    assert (found["rto"], found["rpo"], found["recovered_by"]) == ("met", "met", "newest_proven")


def test_what_people_say_of_the_moment_recovered_to_counts_before_the_dump():
    exercise = said(begun(), 1, "done", 5)
    exercise = said(exercise, 2, "done", 38, recovered_to={"orders": NOW - 20 * MINUTE})
    exercise = said(exercise, 3, "done", 66)
    assert steps.rpo_s(exercise, "orders") == 20 * 60
    assert steps.rto_s(exercise) == 61 * 60  # nobody said when it began: from the end of the assessment on
    (found,) = report.achieved(exercise)
    assert (found["rto"], found["rpo"], found["recovered_by"]) == ("missed", "missed", "said")


def test_without_a_proven_dump_nothing_is_known_of_what_would_be_lost():
    exercise = worked_off(begun(restorable=Restorable("orders", 900, 3600)))
    ended = steps.finish(exercise, NOW + 60 * MINUTE, "ada", "")
    assert report.achieved(ended)[0]["rpo"] == "unknown"
    assert report.result(ended) == "unknown"


@pytest.mark.parametrize(("state", "result"), [("done", "passed"), ("failed", "failed"), ("skipped", "passed")])
def test_a_failed_step_fails_the_exercise(state: str, result: str):
    exercise = said(said(said(begun(), 1, "done", 5), 2, "done", 8), 3, "done", 9)
    ended = steps.finish(said(exercise, 4, state, 10), NOW + 60 * MINUTE, "ada", "")
    assert report.result(ended) == result


def test_a_validation_that_failed_achieves_nothing():
    exercise = said(said(said(begun(), 1, "done", 5), 2, "done", 8), 3, "failed", 9)
    assert steps.rto_s(exercise) is None
    assert steps.rto_s(said(exercise, 3, "done", 30)) == 25 * 60  # tried again, and then it was


def test_several_steps_of_a_phase_count_from_the_last_to_the_last():
    twice = replace(LOST, steps=tuple(DrillStep(phase, "Do.") for phase in ("assess", "fail_over", "validate") * 2))
    exercise = begun(twice)
    for step, minute in ((1, 5), (4, 20), (2, 25), (5, 30), (3, 40), (6, 60)):
        exercise = said(exercise, step, "done", minute)
    assert steps.fail_over_began(exercise) == NOW + 20 * MINUTE  # the later of the two assessments
    assert steps.rto_s(exercise) == 40 * 60
    failed = said(begun(twice), 1, "done", 5)
    for step, state in ((4, "done"), (2, "done"), (5, "done"), (3, "done"), (6, "failed")):
        failed = said(failed, step, state, 10)
    assert steps.rto_s(failed) is None


def test_each_phase_waits_for_the_one_before_and_communicating_for_none():
    with pytest.raises(InvalidInputError, match="step 2 waits for step 1"):
        said(begun(), 2, "begun", 1)
    with pytest.raises(InvalidInputError, match="step 3 waits for step 2"):
        said(said(begun(), 1, "skipped", 1), 3, "done", 2)
    assert said(begun(), 4, "done", 1).steps[3].state is StepState.DONE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 9, "state": "done"}, "no step 9"),
        ({"step": 0, "state": "done"}, "no step 0"),
        ({"step": 1, "state": "todo"}, "cannot be todo"),
        ({"step": 1, "state": "done", "recovered_to": {"payments": NOW}}, "not one of orders"),
        ({"step": 1, "state": "done", "recovered_to": {"orders": NOW + 3 * MINUTE}}, "yet to come"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(change: dict[str, Any], message: str):
    with pytest.raises(InvalidInputError, match=message):
        said(begun(), minute=1, **change)


def test_the_same_said_twice_is_said_once_and_what_is_done_stays_done():
    once = said(begun(), 1, "done", 1, note="seen")
    assert said(once, 1, "done", 2, note="seen") == once
    with pytest.raises(InvalidInputError, match="step 1 is done, it cannot be failed"):
        said(once, 1, "failed", 3)


def test_an_exercise_ends_once_every_step_is_settled_or_when_it_is_abandoned():
    with pytest.raises(InvalidInputError, match="1, 2, 3, 4"):
        steps.finish(begun(), NOW, "ada", "")
    ended = steps.finish(worked_off(begun()), NOW + 60 * MINUTE, "ada", "went well")
    assert (ended.state, ended.ended_by, ended.note) == (ExerciseState.FINISHED, "ada", "went well")
    assert steps.finish(ended, NOW + 99 * MINUTE, "bob", "") == ended
    with pytest.raises(InvalidInputError, match="finished already"):
        steps.finish(ended, NOW, "bob", "", is_abandoned=True)
    with pytest.raises(InvalidInputError, match="is finished; begin another"):
        said(ended, 4, "begun", 61)
    left = steps.finish(begun(), NOW, "ada", "a real incident", is_abandoned=True)
    assert report.result(left) == ""


ticks = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from([*StepState]), st.sampled_from(["ada", "bob"])), max_size=25
)


@settings(max_examples=100, deadline=None)
@given(ticks)
def test_whatever_is_said_in_whatever_order_an_exercise_stays_sound(said_of: list[tuple[int, StepState, str]]):
    exercise = begun()
    for minute, (number, state, by) in enumerate(said_of, 1):
        before = exercise
        one = Tick(number, state, by, NOW + minute * MINUTE)
        try:
            exercise = steps.tick(exercise, one)
        except InvalidInputError:
            continue
        counts = [len(step.ticks) for step in exercise.steps]
        grown = sum(counts) - sum(len(step.ticks) for step in before.steps)
        assert grown in (0, 1)  # nothing that was said is lost
        assert all(
            new.ticks[: len(old.ticks)] == old.ticks for old, new in zip(before.steps, exercise.steps, strict=True)
        )
        assert exercise.steps[number - 1].state is state
        for old, new in zip(before.steps, exercise.steps, strict=True):
            assert old.state is not StepState.DONE or new.state is StepState.DONE
    by_phase = {phase: [step for step in exercise.steps if step.phase == phase] for phase in PHASES}
    if any(step.ticks for step in by_phase["fail_over"]):
        assert all(step.ticks for step in by_phase["assess"])
    took_s = steps.rto_s(exercise)
    assert took_s is None or took_s >= 0
    assert (took_s is not None) <= all(step.state is not StepState.TODO for step in by_phase["validate"])


def ended_at(moment: datetime, **changes: Any) -> Exercise:
    values: dict[str, Any] = {"state": ExerciseState.FINISHED, "ended_at": moment, **changes}
    return replace(begun(), **values)


@pytest.mark.parametrize(
    ("ended", "now", "standing", "is_told"),
    [
        (None, "2026-11-21", Standing.UNKNOWN, True),
        ("2026-10-01", "2026-11-21", Standing.DONE, False),
        ("2026-09-30", "2026-11-21", Standing.DUE, False),
        ("2026-09-30", "2026-12-05", Standing.DUE, True),  # 27 days are left
        ("2026-06-30", "2026-10-01", Standing.OVERDUE, True),
        ("2025-12-31", "2026-01-01", Standing.DUE, False),
        ("2025-09-30", "2026-01-01", Standing.OVERDUE, True),
    ],
)
def test_a_disaster_is_due_once_a_quarter(ended: str | None, now: str, standing: Standing, is_told: bool):
    moment = datetime.fromisoformat(f"{now}T00:00:00+00:00")
    known = [ended_at(datetime.fromisoformat(f"{ended}T23:59:59+00:00"))] if ended else []
    (found,) = standings({LOST.name: LOST}, known, moment)
    assert (found.standing, found.is_to_remind) == (standing, is_told)


def test_only_a_finished_exercise_of_the_same_disaster_counts():
    other = replace(LOST, name="data-deleted")
    known = [ended_at(NOW, state=ExerciseState.ABANDONED), replace(begun(), disaster="data-deleted")]
    deleted, lost = standings({one.name: one for one in (LOST, other)}, known, NOW)
    assert (deleted.disaster, deleted.standing, deleted.running) == ("data-deleted", "unknown", known[1].exercise_id)
    assert (lost.standing, lost.last) == ("unknown", "")


def test_an_exercise_that_is_yet_to_end_does_not_count():
    (found,) = standings({LOST.name: LOST}, [ended_at(NOW + timedelta(days=1))], NOW)
    assert found.standing is Standing.UNKNOWN


def test_a_quarter_ends_where_the_next_one_begins():
    assert end_of("2026-Q4") == datetime(2027, 1, 1, tzinfo=UTC)
    assert end_of("2026-Q1") == datetime(2026, 4, 1, tzinfo=UTC)
    assert [steps.quarter_of(datetime(2026, month, 1, tzinfo=UTC))[-1] for month in range(1, 13)] == [*"111222333444"]


def test_a_report_holds_what_was_said_by_whom_and_when():
    exercise = said(begun(), 1, "begun", 2, by="bob")
    exercise = said(exercise, 1, "done", 5, note="The disk is gone.")
    found = report.exercise_json(exercise)
    assert found["steps"][0] == {
        "n": 1, "phase": "assess", "do": "Look.", "target_minutes": 5, "state": "done", "minutes": 3.0,
        "begun_at": "2026-11-21T09:02:00Z", "settled_at": "2026-11-21T09:05:00Z",
        "said": [
            {"state": "begun", "by": "bob", "at": "2026-11-21T09:02:00Z", "note": ""},
            {"state": "done", "by": "ada", "at": "2026-11-21T09:05:00Z", "note": "The disk is gone."},
        ],
    }  # fmt: skip
    assert found["restorable"][0]["age_s"] == 600
    assert found["restorable"][0]["expected_restore_s"] == 42.0
