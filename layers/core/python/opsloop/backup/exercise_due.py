"""Which disasters were exercised this quarter, which are due, and whom to remind of it when."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from opsloop.backup.exercise import Exercise, ExerciseState, quarter_of
from opsloop.catalog import Disaster
from opsloop.dataclass import dataclass

REMIND = timedelta(days=28)  # before a quarter ends; at once where the last one went by without an exercise


class Standing(StrEnum):
    """Whether a disaster was exercised. ``UNKNOWN``: never, so that nobody knows."""

    DONE = "done"
    DUE = "due"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class DisasterStanding:
    """How one disaster stands in a quarter. ``last`` is the last quarter in which it was exercised, or ""."""

    disaster: str
    databases: tuple[str, ...]
    standing: Standing
    quarter: str
    last: str
    running: str  # the id of the exercise that runs, or ""
    is_to_remind: bool


def standings(
    disasters: Mapping[str, Disaster], exercises: Iterable[Exercise], now: datetime
) -> list[DisasterStanding]:
    """Return how each disaster stands at ``now``, by name. Only a finished exercise counts, in the quarter it ended."""
    known = list(exercises)
    quarter = quarter_of(now.astimezone(UTC))
    found = []
    for name, disaster in sorted(disasters.items()):
        own = [one for one in known if one.disaster == name]
        ended = [one.ended_at for one in own if one.state is ExerciseState.FINISHED and one.ended_at is not None]
        last = max((quarter_of(moment.astimezone(UTC)) for moment in ended if moment <= now), default="")
        standing = _standing(last, quarter)
        is_late = standing in (Standing.OVERDUE, Standing.UNKNOWN)
        is_near = standing is Standing.DUE and end_of(quarter) - now <= REMIND
        running = max((one.exercise_id for one in own if one.state is ExerciseState.RUNNING), default="")
        found.append(DisasterStanding(name, disaster.databases, standing, quarter, last, running, is_late or is_near))
    return found


def end_of(quarter: str) -> datetime:
    """Return the moment at which ``quarter`` (2026-Q4) is over."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return datetime(year + number // 4, number % 4 * 3 + 1, 1, tzinfo=UTC)


def _standing(last: str, quarter: str) -> Standing:
    if not last:
        return Standing.UNKNOWN
    if last == quarter:
        return Standing.DONE
    return Standing.DUE if _before(quarter) == last else Standing.OVERDUE


def _before(quarter: str) -> str:
    year, number = int(quarter[:4]), int(quarter[-1])
    return f"{year}-Q{number - 1}" if number > 1 else f"{year - 1}-Q4"
