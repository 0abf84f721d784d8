"""The nouns of telemetry: series, blocks with their lineage, services seen, and the facts told on the bus."""

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


class BodyStore(Protocol):
    """Where bodies go that are too large for a table item."""

    def put(self, body: bytes) -> str:
        """Store ``body`` and return its key, which follows from its content."""

    def get(self, key: str) -> bytes:
        """Return the body of that key."""
