"""The nightly drill of the verifier: a sound dump must be proven, and each damaged one rejected for the right reason.

A verifier that finds everything in order shows nothing by it. So every night it is given dumps of which we know what
is wrong with them; one verdict that is not as it must be, and the verifier itself is reported broken.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from opsloop.backup import damage
from opsloop.backup.damage import CONTROLS, Control, Specimen
from opsloop.backup.model import Manifest, Reason, Verdict, Verification
from opsloop.backup.model_upkeep import DrillFailed, DrillPassed
from opsloop.backup.wanted import GIB, Limits, Wanted
from opsloop.clock import format_time
from opsloop.dataclass import dataclass

NOT_TRIED, NO_TIME = "not tried", "no time is left for it"
LIMITS = Limits(seconds=60.0, statement_s=30.0, disk_bytes=GIB, memory_bytes=GIB)  # of one specimen


@dataclass(frozen=True)
class Trial:
    """What became of one control: the verdict and reason that were due, and those that came.

    ``got`` is ``not tried`` where the specimen could not be made or the verifier ended in an error; ``detail`` is the
    verifier's sentence, or that error.
    """

    name: str
    about: str
    expected: str
    got: str
    passed: bool
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Drill:
    """One night's drill. ``drill_id`` is the time for which it ran, so that one run again takes its own place.

    ``make_s`` is how long the sample database and its dumps took.
    """

    drill_id: str
    started_at: datetime
    seconds: float
    make_s: float
    engine_version: str
    trials: tuple[Trial, ...]

    @property
    def passed(self) -> bool:
        """Return whether every control was tried and came out as it must."""
        return {one.name for one in self.trials} >= {one.name for one in CONTROLS} and all(
            one.passed for one in self.trials
        )

    @property
    def failures(self) -> tuple[Trial, ...]:
        """Return the trials that did not come out as they must."""
        return tuple(one for one in self.trials if not one.passed)


class Examined(Protocol):
    """The verifier as the drill needs it: ``opsloop.backup.verify.Verifier``, or one that lies."""

    def verify(self, path: Path, manifest: Manifest | None, wanted: Wanted) -> Verification:
        """Verify a specimen as any dump is verified."""


def run(
    drill_id: str,
    now: datetime,
    make: Callable[[], Iterable[Specimen]],
    verifier: Examined,
    clock: Callable[[], float],
    *,
    limits: Limits = LIMITS,
    has_time: Callable[[], bool] = lambda: True,
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Drill:
    """Return what becomes of every specimen that ``make`` makes, each verified at ``now``.

    ``clock`` counts seconds. Controls for which no time is left are not tried, so that what came of the others is
    told all the same. ``told`` hears how many controls are done, of how many.
    """
    begun = clock()
    trouble, specimens = "it was not made", dict[str, Specimen]()
    try:
        specimens = {one.name: one for one in (make() if has_time() else ())}
    except Exception as error:  # noqa: BLE001 -- the boundary of what is tested: no control is tried then
        trouble = _words(error)
    made_s = clock() - begun
    trials: list[Trial] = []
    engine = ""

    def asked(specimen: Specimen) -> Verification:
        return verifier.verify(specimen.path, specimen.manifest, damage.wanted(specimen, drill_id, now, limits))

    for place, control in enumerate(CONTROLS):
        told(place, len(CONTROLS))
        specimen = specimens.get(control.name) or Specimen(control.name, Path(), trouble=trouble)
        if not has_time():
            specimen = Specimen(control.name, Path(), trouble=NO_TIME)
        trial, version = _try(control, specimen, asked, clock)
        trials.append(trial)
        engine = engine or version
    told(len(CONTROLS), len(CONTROLS))
    return Drill(drill_id, now, clock() - begun, made_s, engine, tuple(trials))


def _try(
    control: Control, specimen: Specimen, asked: Callable[[Specimen], Verification], clock: Callable[[], float]
) -> tuple[Trial, str]:
    begun = clock()
    if specimen.trouble:
        return _trial(control, NOT_TRIED, False, 0.0, specimen.trouble), ""
    try:
        found = asked(specimen)
    except Exception as error:  # noqa: BLE001 -- the boundary of what is tested: its error is a result
        return _trial(control, NOT_TRIED, False, clock() - begun, _words(error)), ""
    passed = found.verdict is control.verdict and found.reason in (control.reasons or (None,))
    got = _said(found.verdict, (found.reason,) if found.reason else ())
    return _trial(control, got, passed, clock() - begun, found.detail[:500]), found.engine_version


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _trial(control: Control, got: str, passed: bool, seconds: float, detail: str) -> Trial:
    expected = _said(control.verdict, control.reasons)
    return Trial(control.name, control.about, expected, got, passed, round(seconds, 3), detail)


def _said(verdict: Verdict, reasons: Sequence[Reason]) -> str:
    return f"{verdict.value}: {' or '.join(reasons)}" if reasons else verdict.value


def fact(drill: Drill) -> DrillPassed | DrillFailed:
    """Return the fact that is told of a drill."""
    if drill.passed:
        return DrillPassed(drill.drill_id, len(drill.trials), round(drill.seconds, 3), drill.engine_version)
    wrong = tuple(
        {"way": one.name, "expected": one.expected, "got": one.got, "detail": one.detail} for one in drill.failures
    )
    return DrillFailed(drill.drill_id, len(drill.trials), wrong, round(drill.seconds, 3), drill.engine_version)


def drill_json(drill: Drill) -> dict[str, Any]:
    """Return a drill as the API and the command give it."""
    return {
        "id": drill.drill_id,
        "started_at": format_time(drill.started_at),
        "passed": drill.passed,
        "seconds": round(drill.seconds, 3),
        "make_s": round(drill.make_s, 3),
        "engine_version": drill.engine_version,
        "controls": [
            {
                "name": one.name,
                "about": one.about,
                "expected": one.expected,
                "got": one.got,
                "passed": one.passed,
                "seconds": one.seconds,
                "detail": one.detail,
            }
            for one in drill.trials
        ],
    }
