"""Exemplars: one trace per series and hour, so that whoever looks at a number can open an example of it.

Of several the one with the greatest value stays (an example of the worst), then the latest. So merging is commutative,
associative, and idempotent: any order of segments, and a segment merged twice, give the same exemplar.
"""

from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from opsloop.dataclass import dataclass
from opsloop.telemetry.model import Series


@dataclass(frozen=True)
class Exemplar:
    """One measured value of ``series`` in the hour that starts at minute ``hour``; the ids are lower-case hex."""

    series: Series
    hour: int
    value: float
    time_ns: int
    trace_id: str
    span_id: str


def keep_one_each(exemplars: Iterable[Exemplar]) -> tuple[Exemplar, ...]:
    """Return one exemplar per series and hour, sorted by these."""
    kept: dict[tuple[Series, int], Exemplar] = {}
    for one in exemplars:
        place = one.series, one.hour
        there = kept.get(place)
        if there is None or _rank(one) > _rank(there):
            kept[place] = one
    return tuple(kept[place] for place in sorted(kept))


def exemplars_json(exemplars: Iterable[Exemplar]) -> list[Any]:
    """Return exemplars as a JSON array."""
    return [astuple(one) for one in exemplars]


def exemplars_from_json(content: Iterable[Any]) -> tuple[Exemplar, ...]:
    """Return the exemplars that ``exemplars_json`` wrote."""
    return tuple(Exemplar(_series(series), *rest) for series, *rest in content)


def _rank(one: Exemplar) -> tuple[float, int, str, str]:
    return one.value, one.time_ns, one.trace_id, one.span_id


def _series(content: Any) -> Series:
    service, metric, kind, operation, unit, attributes, bounds = content
    return Series(service, metric, kind, operation, unit, tuple((k, v) for k, v in attributes), tuple(bounds))
