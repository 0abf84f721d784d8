"""What a Prometheus remote-write request says, whichever version of it: series, samples, exemplars."""

import struct
from collections.abc import Mapping, Sequence

from opsloop.dataclass import dataclass, field

STALE = 0x7FF0000000000002  # the one NaN that means: this series has ended (prometheus, model/value)
NO_RECORDED_VALUE = 1  # OTLP's flag of a data point for it
CUMULATIVE = 2
NS_PER_MS = 1_000_000
GAUGE, SUM, HISTOGRAM, EXPONENTIAL = 5, 7, 9, 10  # the fields of an OTLP metric


@dataclass(frozen=True, slots=True)
class Meta:
    """What a sender says of a metric; ``type`` is empty where it says nothing."""

    type: str
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One value, as the bits of a double, at a time; ``start_ms`` is 0 where it is not known."""

    bits: int
    time_ms: int
    start_ms: int

    @property
    def value(self) -> float:
        """The value as a number."""
        found: float = struct.unpack("<d", self.bits.to_bytes(8, "little"))[0]
        return found

    @property
    def is_stale(self) -> bool:
        """Whether it says that its series has ended."""
        return self.bits == STALE


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One measurement that a series names, with the labels that it came with."""

    labels: Mapping[str, str]
    value: float
    time_ms: int


@dataclass(slots=True)
class Series:
    """One series. ``histograms`` are native ones: the field of a metric that they go to, and the point without labels.

    ``taken`` are the times of samples that became part of a classic histogram.
    """

    name: str
    labels: dict[str, str]
    samples: list[Sample]
    histograms: list[tuple[int, bytes]]
    exemplars: Sequence[Exemplar]
    meta: Meta
    taken: set[int] = field(default_factory=set)
