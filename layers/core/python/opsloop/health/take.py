"""How the answers of CloudWatch become part of the snapshot: days brought up to date, the month summed, 24 hours."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError
from opsloop.health.snapshot import Snapshot
from opsloop.health.usage import (
    SUM,
    Hours,
    MetricQuestion,
    Points,
    hours_of_days,
    known_hours,
    last_24_hours,
    last_runs,
    merged,
    totals,
)

OF_ALL_FUNCTIONS = " invocations"
SLACK_S = 60  # schedules are seconds early or late
UNITS_S = {"s": 1, "m": 60, "h": 3_600}


@dataclass(frozen=True)
class Taken:
    """The new snapshot, and the days whose hours changed, by date."""

    snapshot: Snapshot
    changed: Mapping[str, Hours]


def seconds_of(text: str) -> int:
    """Return the seconds of a length of time such as ``30m`` or ``1h``; raise ``InvalidInputError`` for another."""
    amount, unit = text[:-1], text[-1:]
    if not amount.isdecimal() or unit not in UNITS_S:
        raise InvalidInputError(f"{text!r} is no length of time such as 30m; its units are {', '.join(UNITS_S)}")
    return int(amount) * UNITS_S[unit]


def is_due(seen: Snapshot, now: datetime, every: str) -> bool:
    """Return whether CloudWatch was last asked so long ago as ``every`` (such as ``30m``) says, or never."""
    if seen.metrics_time is None:
        return True
    return now.timestamp() - seen.metrics_time >= seconds_of(every) - SLACK_S


def days_to_ask(stored: Mapping[str, Hours], now: datetime) -> list[datetime]:
    """Return the beginnings of the days to ask about: yesterday and today, and every day of this month since the first
    that is not ``stored``."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = [today.replace(day=day) for day in range(1, today.day + 1)]
    missing = next((day for day in month if day.date().isoformat() not in stored), today)
    first = min(missing, today - timedelta(days=1))
    return [first + timedelta(days=more) for more in range((today - first).days + 1)]


def with_metrics(
    before: Snapshot,
    stored: Mapping[str, Hours],
    asked: Sequence[MetricQuestion],
    answers: Mapping[str, Points],
    days: Sequence[datetime],
    functions: Iterable[str],
    now: datetime,
) -> Taken:
    """Return ``before`` with the ``answers`` to what was ``asked`` about ``days`` up to ``now``."""
    names = tuple(functions)
    sums = [one.series for one in asked if one.stat == SUM]
    new = hours_of_days(asked, answers, days, now)
    changed = {date: merged(stored.get(date, {}), hours, sums) for date, hours in new.items()}
    known = {**stored, **changed}
    this_month = {date: hours for date, hours in known.items() if date[:7] == now.strftime("%Y-%m")}
    hours_from, hours = last_24_hours(known, now)
    buckets = {
        one.series.partition("_bucket")[0]: max(answers[one.series])[1]
        for one in asked
        if one.namespace == "AWS/S3" and answers.get(one.series)
    }
    is_same_month = before.metrics_time is not None and before.month_from == _month_start(now).timestamp()
    snapshot = replace(
        before,
        metrics_time=now.timestamp(),
        daily_on=now.date().isoformat(),
        hours_from=hours_from.timestamp(),
        hours=hours,
        month_from=_month_start(now).timestamp(),
        month_hours=known_hours(this_month, [f"{name}{OF_ALL_FUNCTIONS}" for name in names], now),
        month_sums=totals(this_month.values()),
        last_runs={**before.last_runs, **last_runs(names, answers)},
        bucket_bytes={**before.bucket_bytes, **buckets},
        metric_requests=(before.metric_requests if is_same_month else 0) + len(asked),
    )
    return Taken(snapshot, changed)


def _month_start(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
