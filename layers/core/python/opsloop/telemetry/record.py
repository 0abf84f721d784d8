"""Parts of a request -> stream records: gzipped where that pays, keyed so that a re-send reaches the same shard."""

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from opsloop.telemetry.otlp_schema import Signal
from opsloop.telemetry.payload import fingerprint, partition_key
from opsloop.telemetry.split import Part, divide

_WORTH_TRYING = 1_024  # bytes; below, gzip saves nothing that Kinesis counts
_WORTH_IT = 0.9  # of the plain size, at most
_FAST = 1  # level; deterministic together with a fixed time in the header


class Record(NamedTuple):
    """One stream record and the key that places it."""

    data: bytes
    partition_key: str


@dataclass
class Shipment:
    """What becomes of one request: records for the stream, and what is refused, with reasons and counts."""

    records: list[Record] = field(default_factory=list)
    items: int = 0
    refused: list[Part] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def rejected(self) -> int:
        """How many items are refused."""
        return self.reasons.total()


def ship(request: bytes, signal: Signal, max_record_bytes: int) -> Shipment:
    """Return the records of a valid request of ``signal``: the same for the same request, in its order.

    Parts of at most ``max_record_bytes`` before compression. What cannot be cut and stays larger even compressed is
    refused.
    """
    division = divide(request, signal, max_record_bytes)
    shipment = Shipment(refused=list(division.refused), reasons=Counter(division.reasons))
    too_large: list[Part] = []
    for part in division.parts:
        data = _compressed(part.protobuf)
        if len(data) > max_record_bytes:
            too_large.append(part)
            continue
        shipment.records.append(Record(data, partition_key(signal, fingerprint(part.protobuf))))
        shipment.items += part.items
    _refuse(shipment, too_large, max_record_bytes)
    return shipment


def _refuse(shipment: Shipment, too_large: Sequence[Part], max_record_bytes: int) -> None:
    for part in too_large:
        shipment.refused.append(part)
        shipment.reasons[f"item larger than {max_record_bytes} bytes, compressed"] += part.items


def _compressed(data: bytes) -> bytes:
    if len(data) < _WORTH_TRYING:
        return data
    packed = gzip.compress(data, _FAST, mtime=0)
    return packed if len(packed) <= _WORTH_IT * len(data) else data
