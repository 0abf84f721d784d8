"""What each operation of a service contributed over a range: requests, errors and time, and its share of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsloop.clock import hour_start
from opsloop.dataclass import dataclass
from opsloop.kpi.columns import columns_of, of_operation, span_cells
from opsloop.kpi.exemplar import exemplar_json
from opsloop.kpi.model import KIND_OF_SPAN, KINDS
from opsloop.kpi.rollup import NS_PER_MS
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import SPAN_DURATION, Block

NUMBERS = ("requests", "errors", "error_ratio", "p50_ms", "p95_ms", "p99_ms")
_ALL_TIME = 1 << 40
"""One cell for the whole range, however long."""


@dataclass(frozen=True)
class OperationTotals:
    """One operation and kind over a range. Shares, 0 to 1, are of all operations of its kind; ``None`` of nothing.

    ``time_ms`` is the sum of its spans' durations. ``exemplar`` is the slowest known span of the range's hours.
    """

    operation: str
    kind: str
    requests: int
    errors: int
    error_ratio: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    time_ms: float
    share_of_requests: float
    share_of_errors: float | None
    share_of_time: float | None
    exemplar: dict[str, Any] | None


def operation_totals(blocks: Sequence[Block], start: int, end: int) -> list[OperationTotals]:
    """Return the operations heard of in minutes ``start`` to before ``end``: by kind, requests first, then by time.

    Their numbers are those of one merged histogram each, so percentiles are of all spans of the range.
    """
    cells = span_cells(blocks, of_operation(None, None), start=start, end=end, step=_ALL_TIME)
    numbers = columns_of(cells, NUMBERS)
    kind = np.array([KINDS.index(one.kind) for one in cells.series], dtype=np.int64)  # one cell per series, in order
    requests, errors, time = (_shares(column, kind) for column in (cells.count, cells.errors, cells.total))
    slowest = _slowest(blocks, start, end)
    rows = [
        OperationTotals(
            operation=one.operation,
            kind=one.kind,
            **{name: column[at].item() for name, column in numbers.items()},
            time_ms=float(cells.total[at]) / NS_PER_MS,
            share_of_requests=float(requests[at]),
            share_of_errors=_known(errors[at]),
            share_of_time=_known(time[at]),
            exemplar=exemplar_json(slowest.get((one.operation, one.kind)), divisor=NS_PER_MS),
        )
        for at, one in enumerate(cells.series)
    ]
    return sorted(rows, key=lambda row: (KINDS.index(row.kind), -row.time_ms, row.operation))


def _shares(amounts: NDArray[Any], kind: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each amount divided by the sum of those of its kind; NaN where that is 0."""
    whole = np.bincount(kind, weights=amounts, minlength=len(KINDS))[kind]
    shares: NDArray[np.float64] = np.divide(amounts, whole, out=np.full(len(amounts), np.nan), where=whole > 0)
    return shares


def _known(share: float) -> float | None:
    return float(share) if np.isfinite(share) else None


def _slowest(blocks: Sequence[Block], start: int, end: int) -> dict[tuple[str, str], Exemplar]:
    """Return per operation and kind the exemplar with the greatest value of the hours that the range touches."""
    first, last = hour_start(start), end
    found: dict[tuple[str, str], Exemplar] = {}
    for one in (exemplar for block in blocks for exemplar in block.exemplars):
        kind = KIND_OF_SPAN.get(one.series.kind) if one.series.metric == SPAN_DURATION else None
        if kind is None or not first <= one.hour < last:
            continue
        place = one.series.operation, kind
        if place not in found or one.rank > found[place].rank:
            found[place] = one
    return found
