"""Parts of a request -> stream records: gzipped where that pays, keyed so that a re-send reaches the same shard."""

import gzip
from collections import Counter
from collections.abc import Sequence, Set
from typing import NamedTuple

from opsloop.dataclass import dataclass, field
from opsloop.telemetry.otlp_json import varint
from opsloop.telemetry.otlp_schema import LEN, Signal
from opsloop.telemetry.payload import fingerprint, partition_key
from opsloop.telemetry.split import Part, divide

_WORTH_TRYING = 1_024  # bytes; below, gzip saves nothing that Kinesis counts
_WORTH_IT = 0.9  # of the plain size, at most
_EMPTY_RESOURCE = b"\x0a\x00"
_RESOURCE, _SCHEMA_URL = 1, 3  # fields of every request, and of every resource in one
_ORIGIN = b"opsloop:origin:"
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


def ship(request: bytes, signal: Signal, max_record_bytes: int, *, origin: bytes = b"") -> Shipment:
    """Return the records of a valid request of ``signal``: the same for the same request, in its order.

    Parts of at most ``max_record_bytes`` before compression. What cannot be cut and stays larger even compressed is
    refused. ``origin`` marks the parts: see ``mark_origin``.
    """
    division = divide(request, signal, max_record_bytes)
    shipment = Shipment(refused=list(division.refused), reasons=Counter(division.reasons))
    too_large: list[Part] = []
    marks: set[int] = set()
    for part in division.parts:
        request, mark = _distinct(mark_origin(part.protobuf, origin) if origin else part.protobuf, marks)
        data = _compressed(request)
        if len(data) > max_record_bytes:
            too_large.append(part)
            continue
        marks.add(mark)
        shipment.records.append(Record(data, partition_key(signal, mark)))
        shipment.items += part.items
    _refuse(shipment, too_large, max_record_bytes)
    return shipment


def mark_origin(request: bytes, origin: bytes) -> bytes:
    """Return ``request`` with a last resource that holds nothing and names, as its schema, where the request came from.

    Where deliveries have names of their own, these decide what is a re-send: equal contents of two deliveries are two
    things that happened, and one delivery that comes again has the same fingerprint.
    """
    schema = _ORIGIN + origin.hex().encode()
    resource = varint(_SCHEMA_URL << 3 | LEN) + varint(len(schema)) + schema
    return request + varint(_RESOURCE << 3 | LEN) + varint(len(resource)) + resource


def _distinct(request: bytes, marks: Set[int]) -> tuple[bytes, int]:
    """Return ``request`` with a fingerprint that is not among ``marks``.

    Equal parts of one body (the same log line a thousand times, without times) are not a re-send: each further one
    gets one more empty resource at its end.
    """
    mark = fingerprint(request)
    while mark in marks:
        request += _EMPTY_RESOURCE
        mark = fingerprint(request)
    return request, mark


def _refuse(shipment: Shipment, too_large: Sequence[Part], max_record_bytes: int) -> None:
    for part in too_large:
        shipment.refused.append(part)
        shipment.reasons[f"item larger than {max_record_bytes} bytes, compressed"] += part.items


def _compressed(data: bytes) -> bytes:
    if len(data) < _WORTH_TRYING:
        return data
    packed = gzip.compress(data, _FAST, mtime=0)
    return packed if len(packed) <= _WORTH_IT * len(data) else data
