"""The regular grid of a chart: points of one length from a start on, up to the point that holds now."""

from opsloop.clock import format_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.kpi.period import GRACE_MINUTES

STEPS_S = (60, 300, 3600, 86_400)
MAX_POINTS = 3_000
"""A series of more points than a wide screen has pixels is nobody's chart."""
COMFORTABLE_POINTS = 800
"""Who does not say a step gets the shortest one with at most so many points."""


@dataclass(frozen=True)
class Grid:
    """``points`` points of ``step_minutes`` each from ``first_minute`` (since the epoch) on, seen at ``now_minute``."""

    first_minute: int
    step_minutes: int
    points: int
    now_minute: int

    @property
    def end_minute(self) -> int:
        """The first minute after the last point."""
        return self.first_minute + self.points * self.step_minutes

    @property
    def complete_to(self) -> int:
        """The minute before which all points are closed: what arrives for them from now on is late data."""
        closed = self.now_minute - GRACE_MINUTES
        return max(self.first_minute, min(self.end_minute, closed - closed % self.step_minutes))

    def starts(self) -> range:
        """Return the first minutes of all points."""
        return range(self.first_minute, self.end_minute, self.step_minutes)

    def about(self) -> dict[str, object]:
        """Return what an answer says of its grid: ``from``, ``to``, ``step_s``, ``points`` and ``complete_to``."""
        return {
            "from": format_time(time_of(self.first_minute)),
            "to": format_time(time_of(self.end_minute)),
            "step_s": self.step_minutes * 60,
            "points": self.points,
            "complete_to": format_time(time_of(self.complete_to)),
        }


def grid_of(first_minute: int, end_minute: int, step_s: int | None, *, now_minute: int) -> Grid:
    """Return the grid of UTC-aligned points that covers ``first_minute`` to before ``end_minute``, as far as begun.

    Without ``step_s`` the step is the shortest that takes at most ``COMFORTABLE_POINTS`` points. A range that has not
    begun has no point.

    Raises
    ------
    InvalidInputError
        If ``step_s`` is none of ``STEPS_S``, or the grid has more than ``MAX_POINTS`` points; it says which step has
        fewer.
    """
    if step_s is not None and step_s not in STEPS_S:
        raise InvalidInputError(f"step_s: {step_s} is not one of {', '.join(map(str, STEPS_S))}")
    end = min(end_minute, now_minute + 1)
    most = COMFORTABLE_POINTS if step_s is None else MAX_POINTS
    for step in STEPS_S if step_s is None else (step_s,):
        grid = _grid(first_minute, end, step // 60, now_minute)
        if grid.points <= most:
            return grid
    fitting = next((step for step in STEPS_S if _grid(first_minute, end, step // 60, now_minute).points <= most), None)
    hint = f"step_s={fitting} would do" if fitting else "shorten the range"
    raise InvalidInputError(f"step_s: {grid.points} points are more than the {most} of one request; {hint}")


def _grid(first_minute: int, end_minute: int, step: int, now_minute: int) -> Grid:
    first = first_minute - first_minute % step
    return Grid(first, step, max(0, -(-(end_minute - first) // step)), now_minute)
