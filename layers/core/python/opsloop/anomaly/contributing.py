"""What an anomaly is made of: the operations with the greatest part in it, and a trace to look at."""

from collections.abc import Iterable, Sequence
from typing import Any

from opsloop.anomaly import series as of
from opsloop.anomaly.request_series import NS_PER_MS, REQUEST_KINDS
from opsloop.anomaly.series import BUCKET_MINUTES
from opsloop.dataclass import dataclass
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import SPAN_DURATION

MOST = 5
NS_PER_MINUTE = 60_000_000_000


@dataclass(frozen=True)
class OperationValue:
    """One operation in one bucket: its value, what was expected (None if not known), and its requests."""

    operation: str
    value: float
    expected: float | None
    requests: float


def contributing(measure: str, operations: Sequence[OperationValue], usual: float | None) -> tuple[dict[str, Any], ...]:
    """Return the operations that the change is made of, greatest share first, five at most.

    The share is of errors beyond the expected, of requests more or fewer than expected, or, for the p95, of requests
    weighted by how much slower their operation was. ``usual`` stands in where an operation's own is not known.
    """
    parts = [(one, _part(measure, one, one.expected if one.expected is not None else usual)) for one in operations]
    present = sorted(((part, one) for one, part in parts if part > 0), key=lambda pair: (-pair[0], pair[1].operation))
    whole = sum(part for part, _ in present)
    return tuple(
        {
            "operation": one.operation,
            "share": part / whole,
            "value": one.value,
            "expected": one.expected,
        }
        for part, one in present[:MOST]
    )


def _part(measure: str, one: OperationValue, usual: float | None) -> float:
    expected = 0.0 if usual is None else usual
    if measure == of.ERROR_RATIO:
        return max(0.0, one.value - expected) * one.requests
    if measure == of.P95:
        return max(0.0, one.value / expected - 1) * one.requests if expected > 0 else 0.0
    if measure == of.RATE:
        return abs(one.value - expected) if one.expected is not None else 0.0
    return 0.0


def exemplar(
    exemplars: Iterable[Exemplar], operations: Sequence[str], first_minute: int, minute: int
) -> dict[str, Any] | None:
    """Return the slowest known trace of the requests of ``operations`` (none: of all) since ``first_minute``.

    Blocks keep one trace per operation and hour; one from before the anomaly is no example of it.
    """
    begin, end = first_minute * NS_PER_MINUTE, (minute + BUCKET_MINUTES) * NS_PER_MINUTE
    wanted = set(operations)
    found = [
        one
        for one in exemplars
        if one.series.metric == SPAN_DURATION
        and one.series.kind in REQUEST_KINDS
        and begin <= one.time_ns < end
        and (not wanted or one.series.operation in wanted)
    ]
    if not found:
        return None
    worst = max(found, key=lambda one: one.rank)
    return {"trace_id": worst.trace_id, "span_id": worst.span_id, "value": worst.value / NS_PER_MS}
