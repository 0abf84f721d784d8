"""The minutes, hours and days that KPI rows stand for, and when one of them is closed."""

from collections.abc import Iterator

from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR, format_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

MINUTES = {"minute": 1, "hour": MINUTES_PER_HOUR, "day": MINUTES_PER_DAY}
GRACE_MINUTES = 2
"""An hour is closed two minutes after its end: batches, ingest and the fold of each minute have then run."""


@dataclass(frozen=True)
class Period:
    """One minute, hour or UTC day, seen at ``now_minute``; minutes count from the epoch."""

    resolution: str
    start_minute: int
    now_minute: int

    def __post_init__(self) -> None:
        if self.resolution not in MINUTES:
            raise InvalidInputError(f"resolution: {self.resolution!r} is not one of {', '.join(MINUTES)}")
        if self.start_minute % MINUTES[self.resolution]:
            raise InvalidInputError(f"{format_time(time_of(self.start_minute))} does not begin a {self.resolution}")

    @property
    def end_minute(self) -> int:
        """The first minute after the period."""
        return self.start_minute + MINUTES[self.resolution]

    @property
    def is_complete(self) -> bool:
        """Whether the period is closed: what arrives for it from now on is late data."""
        return self.now_minute >= self.end_minute + GRACE_MINUTES

    @property
    def elapsed_minutes(self) -> int:
        """How many of its minutes have begun."""
        return max(0, min(self.end_minute, self.now_minute + 1) - self.start_minute)


def period_at(resolution: str, minute: int, *, now_minute: int) -> Period:
    """Return the period of that resolution in which ``minute`` lies."""
    length = MINUTES[resolution]
    return Period(resolution, minute - minute % length, now_minute)


def periods(resolution: str, first_minute: int, end_minute: int, *, now_minute: int) -> Iterator[Period]:
    """Yield, oldest first, the periods with a minute from ``first_minute`` up to but not including ``end_minute``."""
    length = MINUTES[resolution]
    for start in range(first_minute - first_minute % length, end_minute, length):
        yield Period(resolution, start, now_minute)
