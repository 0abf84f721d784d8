"""The nouns of telemetry: series, blocks with their lineage, services seen and their calls, and the facts told."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

from opsloop.dataclass import dataclass

if TYPE_CHECKING:  # whoever needs only the nouns does not pay for numpy
    from opsloop.telemetry.aggregate import Aggregate
    from opsloop.telemetry.exemplar import Exemplar

SPAN_DURATION = "span.duration"
LOG_RECORDS = "log.records"
SPAN_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")  # by OTLP's number
SEVERITIES = ("unspecified", "trace", "debug", "info", "warn", "error", "fatal")  # OTLP: 1-4, 5-8, ... 21-24
NODE_KINDS = ("service", "database", "queue", "external")
"""What a call can reach. The last three send no telemetry."""
OVERFLOW = "otel.metric.overflow"
"""The attribute, and the operation of spans, of what went over a service's series limit."""
STREAM = "opsloop.stream"
"""The attribute that keeps cumulative streams of one series apart: a hash of resource and attributes."""
REPLICA = "opsloop.replica"
"""The attribute that says which of several replicas sent a series, where the catalog names what tells them apart."""
CUMULATIVE_KINDS = frozenset(
    {"cumulative_sum", "cumulative_histogram", "cumulative_exponential_histogram", "cumulative_summary"}
)
"""Kinds of series whose cells are states: totals since a start. Two states are never added up."""
LOG_START = "0" * 64
"""Where the log of a shard begins: below each sequence number, padded to the same width."""


@dataclass(frozen=True, order=True)
class Series:
    """What is counted together. ``unit`` is UCUM; ``bounds`` are those of an explicit histogram, else empty."""

    service: str
    metric: str
    kind: str
    operation: str = ""
    unit: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Source:
    """The part of one shard's log that went into a block.

    ``first`` is the key of the first log item, ``last`` the end of the last one. ``records`` and ``items`` count what
    these log items held for the block's service and hour.
    """

    log: str
    first: str
    last: str
    segments: int
    records: int
    items: int


@dataclass(frozen=True)
class Block:
    """The folded minutes of one service and hour.

    ``hour`` is the minute since the epoch at which the hour starts. ``folded`` says per log up to which position it is
    merged in. ``version`` 0 is a block that was never saved.
    """

    service: str
    hour: int
    cells: "Aggregate"
    folded: Mapping[str, str]
    sources: tuple[Source, ...]
    version: int = 0
    exemplars: "tuple[Exemplar, ...]" = ()


@dataclass(frozen=True)
class SeenService:
    """A service that sent telemetry, with the first and last minute (since the epoch) that it has data for."""

    service: str
    first_seen: int
    last_seen: int


@dataclass(frozen=True)
class LateDataFolded:
    """Data reached hours of ``service`` that were closed already. ``hours``: their starts, ISO 8601 in UTC."""

    TYPE: ClassVar[str] = "telemetry.late_data_folded"

    service: str
    hours: list[str]


@dataclass(frozen=True, order=True)
class CalledOperation:
    """What of the caller calls what of the callee; names are empty where one of them sends no spans of it."""

    caller_operation: str
    callee_operation: str
    calls_per_minute: float
    error_ratio: float


@dataclass(frozen=True, order=True)
class CallEdge:
    """Calls of ``caller``, a service, to ``callee`` over some minutes, as their spans tell.

    ``callee_kind`` is one of ``NODE_KINDS``: a ``service`` sends telemetry of its own, the others are known from their
    callers alone. ``kind`` is ``call``, where the caller waits for the answer, or ``message``. An error is a call whose
    callee failed, or which its caller gave up before the callee ended, or whose callee says nothing. Durations are
    those that the caller saw (of a message: those of its processing). ``sampled`` is how many calls the numbers were
    told from; ``is_exact`` says that these were all. ``operations``: the most frequent ones first.
    """

    caller: str
    callee: str
    callee_kind: str
    kind: str
    calls_per_minute: float
    error_ratio: float
    p50_ms: float | None
    p95_ms: float | None
    sampled: int
    is_exact: bool
    operations: tuple[CalledOperation, ...] = ()


class BodyStore(Protocol):
    """Where bodies go that are too large for a table item."""

    def put(self, body: bytes) -> str:
        """Store ``body`` and return its key, which follows from its content."""

    def get(self, key: str) -> bytes:
        """Return the body of that key."""
