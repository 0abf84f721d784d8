"""Which patterns occurred, how often, and which of them are new."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from opsloop.clock import MINUTES_PER_HOUR, format_time, hour_start, time_of
from opsloop.dataclass import dataclass
from opsloop.log.model import SEVERITIES, PatternHour

HOURS_AT_ONCE = 6
MAX_HOURS_READ = 96  # services times hours that are looked through for texts


class PatternHours(Protocol):
    """Pattern counts; see ``PatternTable``."""

    def hours(self, service: str, first_hour: int, last_hour: int) -> Sequence[PatternHour]:
        """Return the hours that start from minute ``first_hour`` to ``last_hour``."""


@dataclass(frozen=True)
class Occurred:
    """One pattern of a service. ``hours``: counts by the minute at which the hour starts; ``first_minute``: when it was
    seen first in all the time that was looked at; ``is_new``: not before the range, None where nothing is known of
    that time; ``severity``: the greatest class in the hours of the range."""

    template: str
    text: str
    severity: str
    hours: Mapping[int, int]
    first_minute: int
    last_minute: int
    is_new: bool | None

    @property
    def count(self) -> int:
        """How many lines of the range have it."""
        return sum(self.hours.values())


def occurred(hours: Iterable[PatternHour], first_minute: int, end_minute: int) -> list[Occurred]:
    """Return the patterns of the minutes from ``first_minute`` up to, not including, ``end_minute``, greatest count
    first, ties by name. ``hours``, oldest first, may begin before: that says what is new."""
    counts: dict[str, Counter[int]] = {}
    seen: dict[str, list[int]] = {}
    texts: dict[str, str] = {}
    severities: dict[str, str] = {}
    has_before = False
    for hour in hours:
        for name, minutes in hour.counts.items():
            for minute, count in enumerate(minutes, hour.hour):
                if not count or minute >= end_minute:
                    continue
                has_before = has_before or minute < first_minute
                seen.setdefault(name, [minute, minute])[1] = minute
                if minute >= first_minute:
                    counts.setdefault(name, Counter())[hour.hour] += count
            if name in counts:
                texts[name] = hour.templates.get(name, "") or texts.get(name, "")
                severities[name] = max(severities.get(name, SEVERITIES[0]), hour.severities[name], key=SEVERITIES.index)
    found = [
        Occurred(
            name,
            texts[name],
            severities[name],
            dict(of),
            seen[name][0],
            seen[name][1],
            seen[name][0] >= first_minute if has_before else None,
        )
        for name, of in counts.items()
    ]
    return sorted(found, key=lambda one: (-one.count, one.template))


def pattern_json(one: Occurred, hours: Sequence[int]) -> dict[str, Any]:
    """Return what is told of a pattern; ``counts`` are those of ``hours``, in their order."""
    return {
        "template": one.template,
        "text": one.text,
        "severity": one.severity,
        "count": one.count,
        "counts": [one.hours.get(hour, 0) for hour in hours],
        "first_seen": format_time(time_of(one.first_minute)),
        "last_seen": format_time(time_of(one.last_minute)),
        "is_new": one.is_new,
    }


def hours_between(first_minute: int, end_minute: int) -> range:
    """Return the minutes at which the hours start that have a minute of the range."""
    return range(hour_start(first_minute), end_minute, MINUTES_PER_HOUR)


def texts_of(
    names: Collection[str], services: Iterable[str], patterns: PatternHours, first_minute: int, end_minute: int
) -> dict[str, str]:
    """Return the texts of the patterns ``names``, as far as those of the range's latest hours name them."""
    found: dict[str, str] = {}
    read = 0
    for service in services:
        last = hour_start(end_minute - 1)
        while last >= hour_start(first_minute) and len(found) < len(names) and read < MAX_HOURS_READ:
            first = max(last - (HOURS_AT_ONCE - 1) * MINUTES_PER_HOUR, hour_start(first_minute))
            for hour in reversed(patterns.hours(service, first, last)):
                for name in names:
                    if name not in found and hour.templates.get(name):
                        found[name] = hour.templates[name]
            read += HOURS_AT_ONCE
            last = first - MINUTES_PER_HOUR
    return found
