"""The facts told on the bus of retention, of the nightly drill and of exercises: the rest of ``model``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from opsloop.dataclass import dataclass


@dataclass(frozen=True)
class DeletionSuggested:
    """What retention lets go of a database's dumps, told before any of it is deleted. ``mode`` says whether it will be.

    ``dumps`` are the oldest of them, each with why; ``count`` and ``bytes`` are of all.
    """

    TYPE: ClassVar[str] = "backup.deletion_suggested"

    database: str
    retention: str
    mode: str
    count: int
    bytes: int
    dumps: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class BackupPruned:
    """Dumps of a database were deleted. ``stopped`` are those that something spoke against at the last moment.

    ``left`` are as many as the run had no room for.
    """

    TYPE: ClassVar[str] = "backup.pruned"

    database: str
    retention: str
    count: int
    bytes: int
    deletions: tuple[Mapping[str, Any], ...]
    stopped: tuple[Mapping[str, Any], ...]
    left: int


@dataclass(frozen=True)
class DrillPassed:
    """The nightly drill: the sound dump was proven, and every damaged one was rejected for the right reason."""

    TYPE: ClassVar[str] = "backup.drill_passed"

    drill_id: str
    trials: int
    seconds: float
    engine_version: str


@dataclass(frozen=True)
class DrillFailed:
    """The verifier is broken, or could not be tried: no verdict of it can be trusted until this passes again.

    ``failures`` have ``way``, ``expected`` and ``got``.
    """

    TYPE: ClassVar[str] = "backup.drill_failed"

    drill_id: str
    trials: int
    failures: tuple[Mapping[str, Any], ...]
    seconds: float
    engine_version: str


@dataclass(frozen=True)
class ExerciseDue:
    """A disaster was not exercised in the quarter (2026-Q4, UTC). ``last`` is the last quarter in which it was, or "".

    ``standing`` is ``due``, ``overdue`` or ``unknown``; ``running`` is the exercise of it that is under way, or "".
    """

    TYPE: ClassVar[str] = "backup.exercise_due"

    disaster: str
    quarter: str
    last: str
    databases: tuple[str, ...]
    standing: str = "due"
    running: str = ""


@dataclass(frozen=True)
class ExerciseFinished:
    """A disaster was exercised: what was achieved, of each database, beside its objectives.

    ``by`` is who finished it, ``failed`` are the steps that failed, with ``n``, ``do`` and ``note``.
    """

    TYPE: ClassVar[str] = "backup.exercise_finished"

    exercise_id: str
    disaster: str
    quarter: str
    result: str
    rto_s: float | None
    databases: tuple[Mapping[str, Any], ...]
    by: str = ""
    note: str = ""
    failed: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class ExerciseAbandoned:
    """An exercise was given up: it counts for nothing. ``settled`` of its ``steps`` were done, skipped or failed."""

    TYPE: ClassVar[str] = "backup.exercise_abandoned"

    exercise_id: str
    disaster: str
    quarter: str
    databases: tuple[str, ...]
    by: str
    note: str
    settled: int
    steps: int
