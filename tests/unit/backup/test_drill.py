"""The drill reports a verifier that is wrong in any way: one that finds all well, one that errs, one that ends."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from opsloop.adapters.aws_record import body_of, record_of
from opsloop.backup.damage import CONTROLS, DATABASE, Control, Specimen
from opsloop.backup.drill import Drill, drill_json, fact, run
from opsloop.backup.model import Cause, Reason, Verdict, Verification
from opsloop.backup.model_upkeep import DrillFailed, DrillPassed
from opsloop.backup.wanted import Wanted

NOW = datetime(2026, 11, 21, 2, 40, tzinfo=UTC)
BY_NAME = {one.name: one for one in CONTROLS}
SAMPLES = [Specimen(one.name, Path(one.name)) for one in CONTROLS]


class Verifier:
    """Says what it should, but for what ``lies`` changes; remembers what it was asked."""

    def __init__(self, **lies: Any) -> None:
        self.lies, self.asked = lies, list[Wanted]()

    def verify(self, path: Path, _manifest: Any, wanted: Wanted) -> Verification:
        self.asked.append(wanted)
        control = BY_NAME[path.name]
        verdict, reason = self.lies.get(path.name, self.lies.get("everything", (control.verdict, first(control))))
        if isinstance(reason, Exception):
            raise reason
        return Verification(
            wanted.verification_id, wanted.dump_id, "drill", Cause.DRILL, verdict, reason, "It says so.", NOW, NOW,
            engine_version="18.4",
        )  # fmt: skip


def first(control: Control) -> Reason | None:
    return control.reasons[0] if control.reasons else None


def drilled(verifier: Verifier, samples: Iterable[Specimen] = SAMPLES) -> Drill:
    ticks = iter(range(10_000))
    return run("20261121T024000Z", NOW, lambda: samples, verifier, lambda: float(next(ticks)))


def test_a_verifier_that_is_right_of_everything_passes():
    verifier = Verifier()
    drill = drilled(verifier)
    assert drill.passed
    assert (len(drill.trials), drill.failures, drill.engine_version) == (len(CONTROLS), (), "18.4")
    assert fact(drill) == DrillPassed(drill.drill_id, len(CONTROLS), drill.seconds, "18.4")
    assert {one.source_name for one in verifier.asked} == {DATABASE}
    assert all(one.cause is Cause.DRILL and one.max_age_s == 86_400 for one in verifier.asked)


@pytest.mark.parametrize(
    "lie",
    [(Verdict.PROVEN, None), (Verdict.RESTORABLE, None), (Verdict.FAILED, Reason.CORRUPT), (Verdict.UNKNOWN, None)],
)
def test_a_verifier_that_says_the_same_of_everything_is_broken(lie):
    drill = drilled(Verifier(everything=lie))
    right = {one.name for one in CONTROLS if (one.verdict, first(one)) == lie}
    assert {one.name for one in drill.failures} == BY_NAME.keys() - right
    told = fact(drill)
    assert isinstance(told, DrillFailed)
    assert len(told.failures) == len(CONTROLS) - len(right)


@pytest.mark.parametrize("name", BY_NAME)
def test_each_control_alone_shows_that_the_verifier_is_broken(name):
    control = BY_NAME[name]
    wrong = [
        (Verdict.UNKNOWN, Reason.NOT_STARTED),
        (Verdict.FAILED, Reason.TOO_LARGE),
        (Verdict.UNKNOWN, first(control)),
    ]
    if control.verdict is Verdict.FAILED:
        wrong += [(Verdict.PROVEN, None), (Verdict.RESTORABLE, None), (Verdict.FAILED, None)]
    for lie in wrong:
        drill = drilled(Verifier(**{name: lie}))
        assert not drill.passed
        (trial,) = drill.failures
        assert (trial.name, trial.detail) == (name, "It says so.")
        assert trial.got == (f"{lie[0].value}: {lie[1].value}" if lie[1] else lie[0].value)


def test_the_right_verdict_for_another_reason_is_wrong():
    drill = drilled(Verifier(missing_table=(Verdict.FAILED, Reason.CHECKSUM_MISMATCH)))
    (told,) = fact(drill).failures  # type: ignore[union-attr]
    assert told == {
        "way": "missing_table", "expected": "failed: missing_table", "got": "failed: checksum_mismatch",
        "detail": "It says so.",
    }  # fmt: skip


def test_a_verifier_that_ends_in_an_error_was_not_tried_and_the_rest_is():
    drill = drilled(Verifier(stale=(Verdict.FAILED, ValueError("no such file"))))
    (trial,) = drill.failures
    assert (trial.name, trial.got, trial.detail) == ("stale", "not tried", "ValueError: no such file")


def test_a_specimen_that_could_not_be_made_fails_the_drill():
    samples = [replace(one, trouble="OSError: disk full") if one.name == "no_rows" else one for one in SAMPLES]
    (trial,) = drilled(Verifier(), samples).failures
    assert (trial.got, trial.detail) == ("not tried", "OSError: disk full")
    (missing,) = drilled(Verifier(), SAMPLES[1:]).failures
    assert (missing.name, missing.got) == ("sound", "not tried")


def test_without_a_server_every_control_is_not_tried():
    def make() -> Any:
        raise RuntimeError("PostgreSQL does not start")

    drill = run("x", NOW, make, Verifier(), lambda: 0.0)
    assert {one.got for one in drill.trials} == {"not tried"}
    assert "PostgreSQL does not start" in drill.trials[0].detail
    assert not drill.passed


def test_without_time_what_is_left_is_not_tried_and_the_rest_is_told():
    left = iter([True] * 5 + [False] * 100)
    drill = run("x", NOW, lambda: SAMPLES, Verifier(), lambda: 0.0, has_time=lambda: next(left))
    assert [one.passed for one in drill.trials] == [True] * 4 + [False] * (len(CONTROLS) - 4)
    assert {one.detail for one in drill.failures} == {"no time is left for it"}
    assert isinstance(fact(drill), DrillFailed)


def test_a_drill_of_fewer_controls_than_there_are_has_not_passed():
    drill = drilled(Verifier())
    assert not replace(drill, trials=drill.trials[:-1]).passed
    assert not replace(drill, trials=()).passed


def test_a_drill_is_the_same_after_it_was_stored():
    drill = drilled(Verifier(empty=(Verdict.PROVEN, None)))
    assert record_of(Drill, body_of(drill)) == drill
    told = drill_json(drill)
    assert (told["passed"], len(told["controls"])) == (False, len(CONTROLS))
    assert re.fullmatch(r"20261121T024000Z", told["id"])


def test_progress_is_told_from_nothing_to_everything():
    heard: list[tuple[int, int]] = []
    run("x", NOW, lambda: SAMPLES, Verifier(), lambda: 0.0, told=lambda done, of: heard.append((done, of)))
    assert (heard[0], heard[-1]) == ((0, len(CONTROLS)), (len(CONTROLS), len(CONTROLS)))
