"""Which attributes and operations multiply the series of a service, and what it would save to give one up.

Every number is counted, none estimated: series are compared without the attribute (or with ids taken out of operation
names), and distinct ones counted. Series in the overflow are gone, so a service over its limit has more than is seen.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from opsloop.dataclass import dataclass, replace
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.model import OVERFLOW, REPLICA, STREAM, Series

_OURS = frozenset({STREAM, REPLICA})
"""Attributes that ingest sets: no catalog allows them. Delta temporality at the sender ends the streams."""
MIN_OPERATIONS = 5
"""So many operation names that differ only in ids are told as one pattern."""
MOST_GROUPS, MOST_EXAMPLES, MOST_STEPS = 20, 5, 5
ID = "{id}"
_ID = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"  # UUID
    r"|[0-9]+"
    r"|(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}"  # hexadecimal
    r"|(?=[A-Za-z_]*[0-9])[A-Za-z0-9_]{12,}"  # any long word with a digit in it
    r")(?![A-Za-z0-9])"
)


@dataclass(frozen=True)
class HourTally:
    """The series of one service in the hour that starts at minute ``start``, with what each counted."""

    start: int
    counts: Mapping[Series, int]

    @property
    def plain(self) -> list[Series]:
        """Return the series that are not the overflow."""
        return [one for one in self.counts if not _is_overflow(one)]

    @property
    def overflowed(self) -> int:
        """Return how much was counted in the overflow."""
        return sum(count for one, count in self.counts.items() if _is_overflow(one))


@dataclass(frozen=True)
class Hour:
    """One hour: how many series besides the overflow, and how much was counted in that."""

    start: int
    series: int
    overflowed: int


@dataclass(frozen=True)
class Group:
    """A metric and kind, or one operation, and how many of the series are its own."""

    metric: str
    kind: str
    operation: str
    series: int


@dataclass(frozen=True)
class Dimension:
    """An attribute: its distinct values, and how many series have it.

    Without it there would be ``after`` series, so giving it up ``saves`` the rest; with no other attribute there would
    be as many as ``alone`` says.
    """

    name: str
    values: int
    series: int
    after: int
    saves: int
    alone: int
    examples: tuple[str, ...]
    is_allowed: bool


@dataclass(frozen=True)
class Pattern:
    """Operation names that differ in ids only, and how many series there would be if they were one."""

    pattern: str
    operations: int
    after: int
    saves: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """The attribute that saves most once those of the steps before are gone."""

    drop: str
    before: int
    after: int


@dataclass(frozen=True)
class Report:
    """What multiplies the series of a service, told from the hour with the most of them (``hour``, a minute)."""

    service: str
    limit: int
    hour: int
    series: int
    overflowed: int
    without_attributes: int
    hours: tuple[Hour, ...]
    metrics: tuple[Group, ...]
    operations: tuple[Group, ...]
    dimensions: tuple[Dimension, ...]
    patterns: tuple[Pattern, ...]
    steps: tuple[Step, ...]


def tally(start: int, cells: Aggregate, service: str) -> HourTally:
    """Return the series of ``service`` that ``cells``, those of one hour, have."""
    counts = np.bincount(cells.series_index, weights=cells.count, minlength=len(cells.series)).tolist()
    pairs = zip(cells.series, counts, strict=True)
    return HourTally(start, {one: int(count) for one, count in pairs if one.service == service})


def report(
    service: str, limit: int, tallies: Iterable[HourTally], *, allowed: Collection[str] | None = None
) -> Report | None:
    """Return what multiplies the series of ``service``; None if it has none.

    Parameters
    ----------
    service : str
    limit : int
        The most series that an hour of it may have.
    tallies : iterable of HourTally
        Read one after the other; the one with the most series is kept.
    allowed : collection of str, optional
        The dimensions that the catalog allows; without it, all that there are.
    """
    hours: list[Hour] = []
    fullest: HourTally | None = None
    for one in tallies:
        if not one.counts:
            continue
        hours.append(Hour(one.start, len(one.plain), one.overflowed))
        if fullest is None or hours[-1].series > len(fullest.plain):
            fullest = one
    if fullest is None:
        return None
    series = fullest.plain
    return Report(
        service=service,
        limit=limit,
        hour=fullest.start,
        series=len(series),
        overflowed=fullest.overflowed,
        without_attributes=_distinct(series, _with_only(STREAM)),
        hours=tuple(sorted(hours, key=lambda one: one.start)),
        metrics=_groups(series, lambda one: (one.metric, one.kind, "")),
        operations=_groups((one for one in series if one.operation), lambda one: (one.metric, one.kind, one.operation)),
        dimensions=_dimensions(series, allowed),
        patterns=_patterns(series),
        steps=_steps(series),
    )


def pattern_of(operation: str) -> str:
    """Return the name of an operation with ``{id}`` in the place of numbers, UUIDs and other ids."""
    return _ID.sub(ID, operation)


def _is_overflow(one: Series) -> bool:
    return (OVERFLOW, "true") in one.attributes


def _distinct(series: Iterable[Series], changed: Callable[[Series], Series]) -> int:
    return len({changed(one) for one in series})


def _without(name: str) -> Callable[[Series], Series]:
    return lambda one: replace(one, attributes=tuple(pair for pair in one.attributes if pair[0] != name))


def _with_only(name: str) -> Callable[[Series], Series]:
    return lambda one: replace(one, attributes=tuple(pair for pair in one.attributes if pair[0] in _OURS | {name}))


def _names(series: Iterable[Series]) -> list[str]:
    return sorted({name for one in series for name, _ in one.attributes})


def _groups(series: Iterable[Series], key: Callable[[Series], tuple[str, str, str]]) -> tuple[Group, ...]:
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for one in series:
        counts[key(one)] += 1
    found = [Group(*place, count) for place, count in counts.items()]
    return tuple(sorted(found, key=lambda one: (-one.series, one.metric, one.kind, one.operation))[:MOST_GROUPS])


def _dimensions(series: list[Series], allowed: Collection[str] | None) -> tuple[Dimension, ...]:
    found = []
    for name in _names(series):
        values = [value for one in series for key, value in one.attributes if key == name]
        distinct = sorted(set(values))
        after = _distinct(series, _without(name))
        found.append(
            Dimension(
                name=name,
                values=len(distinct),
                series=len(values),
                after=after,
                saves=len(series) - after,
                alone=_distinct(series, _with_only(name)),
                examples=tuple(distinct[:MOST_EXAMPLES]),
                is_allowed=name not in _OURS and (allowed is None or name in allowed),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.saves, -one.alone, one.name)))


def _patterns(series: list[Series]) -> tuple[Pattern, ...]:
    operations: dict[str, set[str]] = defaultdict(set)
    for one in series:
        if one.operation:
            operations[pattern_of(one.operation)].add(one.operation)
    found = []
    for pattern, names in operations.items():
        if len(names) < MIN_OPERATIONS:
            continue
        own = [one for one in series if one.operation in names]
        saves = len(own) - len({replace(one, operation=pattern) for one in own})
        found.append(Pattern(pattern, len(names), len(series) - saves, saves, tuple(sorted(names)[:MOST_EXAMPLES])))
    return tuple(sorted(found, key=lambda one: (-one.saves, one.pattern))[:MOST_GROUPS])


def _steps(series: list[Series]) -> tuple[Step, ...]:
    """Return the attributes to drop one after the other, each time the one that saves most."""
    steps: list[Step] = []
    left = series
    while len(steps) < MOST_STEPS:
        choices = [({*map(_without(name), left)}, name) for name in _names(left) if name not in _OURS]
        best = min(choices, key=lambda one: (len(one[0]), one[1]), default=None)
        if best is None or len(best[0]) == len(left):
            break
        steps.append(Step(best[1], len(left), len(best[0])))
        left = sorted(best[0])
    return tuple(steps)
