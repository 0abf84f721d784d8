"""What each retention policy keeps, of backups that could be kept at all.

What is not proven is never counted, but stays within the time that is kept: a class that keeps 14 backups keeps the
14 newest proven ones, and what was taken among them.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from opsloop.catalog import RetentionClass
from opsloop.dataclass import dataclass


@dataclass(frozen=True)
class Span:
    """One backup: when it was taken (UTC), whether it stands alone, whether it is proven."""

    copy_id: str
    at: datetime
    is_full: bool
    is_proven: bool


def kept_by_policy(chosen: RetentionClass, spans: Sequence[Span], now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the id of each backup that the class keeps, with why in words; one may come for several reasons.

    ``spans`` are in the order of their times. What kept ones build on is the caller's to add.
    """
    if chosen.policy in ("full", "incremental"):
        yield from _newest(spans, chosen.keep)
    elif chosen.policy == "rolling":
        yield from _since(spans, chosen.days, now)
    elif chosen.policy == "point_in_time":
        yield from _since(spans, chosen.days, now)
        yield from _base(spans, now - timedelta(days=chosen.days))
    else:
        for name, count, period in (
            ("day", chosen.daily, _day),
            ("week", chosen.weekly, _week),
            ("month", chosen.monthly, _month),
            ("year", chosen.yearly, _year),
        ):
            yield from _last_of_each(spans, name, count, period)


def _newest(spans: Sequence[Span], keep: int) -> Iterator[tuple[str, str]]:
    """Yield all since the ``keep``-th newest full backup that is proven, by itself."""
    counted = [one for one in spans if one.is_full and one.is_proven]
    first = counted[-keep:][0].at if counted else None
    for one in spans:
        if first is None or one.at >= first:
            yield one.copy_id, f"among the {keep} newest full backups that are proven, and what was taken since"


def _since(spans: Sequence[Span], days: int, now: datetime) -> Iterator[tuple[str, str]]:
    first = now - timedelta(days=days)
    for one in spans:
        if one.at >= first:
            yield one.copy_id, f"taken in the last {days} days"


def _base(spans: Sequence[Span], first: datetime) -> Iterator[tuple[str, str]]:
    """Yield what the oldest moment of the window is restored from: the last proven before it, and the last full one."""
    before = [one for one in spans if one.at <= first and one.is_proven]
    for one in dict.fromkeys([*before[-1:], *[full for full in before if full.is_full][-1:]]):
        yield one.copy_id, "the first moments of the window are restored from it"


def _last_of_each(
    spans: Sequence[Span], name: str, count: int, period: Callable[[datetime], str]
) -> Iterator[tuple[str, str]]:
    """Yield the last backup of each of the ``count`` newest periods that have a proven one.

    That is the last proven one of its period. A period in between that has none keeps its last unproven one,
    uncounted. Periods are those with backups, not those of the calendar: an outage does not use them up.
    """
    last: dict[str, Span] = {}
    for one in spans:
        known = last.get(period(one.at))
        if known is None or one.is_proven or not known.is_proven:
            last[period(one.at)] = one
    counted = 0
    for label, one in reversed(last.items()):
        if counted == count:
            return
        counted += one.is_proven
        yield one.copy_id, f"the last of the {name} {label}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _week(at: datetime) -> str:
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02}"


def _month(at: datetime) -> str:
    return f"{at:%Y-%m}"


def _year(at: datetime) -> str:
    return f"{at:%Y}"
