"""Which hours and days a trigger asks to be rolled up. Its time is the one in the event, so a day can be replayed."""

from collections.abc import Iterable

from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR, day_start
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.kpi.period import GRACE_MINUTES, Period, period_at

HOURS_LOOKED_AT_AGAIN = 3
"""A fold that ran while the hour was being closed may have missed it; the next hours' rollups look again."""
DAYS_LOOKED_AT_AGAIN = 2


@dataclass(frozen=True)
class Plan:
    """Starts, in minutes since the epoch, of the closed hours and days to bring up to date.

    ``due`` are the hours that the trigger is about; the other ``hours`` are looked at again.
    """

    now_minute: int
    hours: tuple[int, ...]
    days: tuple[int, ...]
    due: tuple[int, ...] = ()

    def hour_ranges(self) -> list[tuple[int, int]]:
        """Return first and last hour of each UTC day that has to be read, whole days where the day is to be made."""
        ranges = {day: (day, day + MINUTES_PER_DAY - MINUTES_PER_HOUR) for day in self.days}
        for hour in self.hours:
            first, last = ranges.get(day_start(hour), (hour, hour))
            ranges[day_start(hour)] = (min(first, hour), max(last, hour))
        return [ranges[day] for day in sorted(ranges)]


def plan_schedule(now_minute: int, resolution: str | None) -> Plan:
    """Return what a schedule asks for: ``hour``, ``day``, or both where it does not say (a day only after midnight).

    An hourly run is about the newest closed hour. A daily run is about the newest closed day, and looks again at all
    closed hours of the last two days.
    """
    if resolution not in (None, "hour", "day"):
        raise InvalidInputError(f"resolution: {resolution!r} is not one of hour, day")
    last_hour = period_at("hour", now_minute - GRACE_MINUTES, now_minute=now_minute).start_minute - MINUTES_PER_HOUR
    today = day_start(now_minute - GRACE_MINUTES)
    if resolution == "day":
        first_hour = today - DAYS_LOOKED_AT_AGAIN * MINUTES_PER_DAY
        days = tuple(range(first_hour, today, MINUTES_PER_DAY))
    else:
        first_hour = last_hour - HOURS_LOOKED_AT_AGAIN * MINUTES_PER_HOUR
        is_after_midnight = resolution is None and last_hour < today
        days = (today - MINUTES_PER_DAY,) if is_after_midnight else ()
    hours = tuple(range(first_hour, last_hour + 1, MINUTES_PER_HOUR))
    return Plan(now_minute, hours, days, due=(last_hour,))


def plan_late(now_minute: int, hours: Iterable[int]) -> Plan:
    """Return what late data ask for: the closed ones of ``hours``, and their days as far as these are closed."""
    closed = sorted({hour for hour in hours if Period("hour", hour, now_minute).is_complete})
    days = sorted({day_start(hour) for hour in closed if Period("day", day_start(hour), now_minute).is_complete})
    return Plan(now_minute, tuple(closed), tuple(days), due=tuple(closed))
