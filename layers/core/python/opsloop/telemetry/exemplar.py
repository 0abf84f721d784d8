"""Exemplars: one trace per series and hour, so that whoever looks at a number can open an example of it.

Of several the one with the greatest value stays (an example of the worst), then the latest. So merging is commutative,
associative, and idempotent: any order of segments, and a segment merged twice, give the same exemplar.
"""

import json
import zlib
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.telemetry.encoding import inflated
from opsloop.telemetry.model import Series


@dataclass(frozen=True)
class Exemplar:
    """One measured value of ``series``, and its trace; the ids are lower-case hex.

    ``hour`` is the minute at which the hour starts in which the value counts, that of its span or metric point. Its own
    time, ns since the epoch, may lie a little before.
    """

    series: Series
    hour: int
    value: float
    time_ns: int
    trace_id: str
    span_id: str

    @property
    def rank(self) -> tuple[float, int, str, str]:
        """Of the exemplars of one place the one with the greatest rank stays."""
        return self.value, self.time_ns, self.trace_id, self.span_id


_in_order = attrgetter("service", "metric", "kind", "operation", "unit", "attributes", "bounds")


def keep_one_each(exemplars: Iterable[Exemplar]) -> tuple[Exemplar, ...]:
    """Return one exemplar per series and hour, sorted by these."""
    kept: dict[tuple[Series, int], Exemplar] = {}
    for one in exemplars:
        place = one.series, one.hour
        there = kept.get(place)
        if there is None or one.rank > there.rank:
            kept[place] = one
    return tuple(kept[place] for place in sorted(kept, key=lambda place: (_in_order(place[0]), place[1])))


def exemplars_json(exemplars: Iterable[Exemplar]) -> list[Any]:
    """Return exemplars as JSON: their series, each once, and the rest by the number of the series."""
    numbers: dict[Series, int] = {}
    rows = [
        (numbers.setdefault(one.series, len(numbers)), one.hour, one.value, one.time_ns, one.trace_id, one.span_id)
        for one in exemplars
    ]
    return [
        [(one.service, one.metric, one.kind, one.operation, one.unit, one.attributes, one.bounds) for one in numbers],
        rows,
    ]


def exemplars_from_json(content: Any) -> tuple[Exemplar, ...]:
    """Return the exemplars that ``exemplars_json`` wrote."""
    described, rows = content
    series = [
        Series(service, metric, kind, operation, unit, tuple((key, value) for key, value in attributes), tuple(bounds))
        for service, metric, kind, operation, unit, attributes, bounds in described
    ]
    return tuple(Exemplar(series[number], *rest) for number, *rest in rows)


def pack(exemplars: Iterable[Exemplar]) -> bytes:
    """Return exemplars as bytes; none are no bytes."""
    content = exemplars_json(exemplars)
    if not content[1]:
        return b""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)  # random ids: higher levels gain 4 %


def unpack(packed: bytes) -> tuple[Exemplar, ...]:
    """Return the exemplars that ``pack`` wrote; raise ``InvalidInputError`` for anything else."""
    if not packed:
        return ()
    try:
        return exemplars_from_json(json.loads(inflated(packed).decode("utf-8", "surrogatepass")))
    except (zlib.error, ValueError, TypeError, IndexError, RecursionError) as error:
        raise InvalidInputError(f"exemplars: {error}") from None
