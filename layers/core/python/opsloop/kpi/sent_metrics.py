"""Which metrics a service sends: names, kinds and units, as its blocks know them."""

from collections.abc import Sequence

import numpy as np

from opsloop.dataclass import dataclass
from opsloop.telemetry.model import LOG_RECORDS, REPLICA, SPAN_DURATION, STREAM, Block

DERIVED = frozenset({SPAN_DURATION, LOG_RECORDS})
"""What opsloop counts itself, from spans and log records: no metric that a service sends."""
_INTERNAL = frozenset({STREAM, REPLICA})


@dataclass(frozen=True)
class SentMetric:
    """One metric of a service. ``series`` counts its series, ``last_minute`` (since the epoch) is the last with data.

    ``attributes`` are the names that tell its series apart, sorted.
    """

    name: str
    kind: str
    unit: str
    series: int
    attributes: tuple[str, ...]
    last_minute: int


def sent_metrics(blocks: Sequence[Block], start: int, end: int) -> list[SentMetric]:
    """Return the metrics with data in minutes ``start`` to before ``end``, by name, kind and unit.

    Streams and replicas of one series are one series, as in the rows of metrics.
    """
    found: dict[tuple[str, str, str], dict[tuple[tuple[str, str], ...], int]] = {}
    for block in blocks:
        cells = block.cells
        inside = (cells.minute >= start) & (cells.minute < end)
        last = np.full(len(cells.series), -1, dtype=np.int64)
        np.maximum.at(last, cells.series_index[inside], cells.minute[inside])
        for one, minute in zip(cells.series, last.tolist(), strict=True):
            if minute < 0 or one.metric in DERIVED:
                continue
            shown = tuple(pair for pair in one.attributes if pair[0] not in _INTERNAL)
            series = found.setdefault((one.metric, one.kind, one.unit), {})
            series[shown] = max(minute, series.get(shown, -1))
    return [
        SentMetric(
            name,
            kind,
            unit,
            series=len(series),
            attributes=tuple(sorted({key for shown in series for key, _ in shown})),
            last_minute=max(series.values()),
        )
        for (name, kind, unit), series in sorted(found.items())
    ]
