"""What one record holds, once it is read: requests, and what had to be refused."""

import hashlib

from opsloop.dataclass import dataclass
from opsloop.telemetry.otlp_schema import Signal

FINGERPRINT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Payload:
    """One OTLP export request in protobuf. ``fingerprint`` (64 bits) is of the payload as it was before transcoding."""

    signal: Signal
    protobuf: bytes
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Bytes that could not be read, a whole record or a part of one, and why. ``kind``: see ``fault.KINDS``."""

    data: bytes
    reason: str
    kind: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one stream record holds: requests in their order, and what of it cannot be read. ``form`` names its form."""

    form: str
    payloads: tuple[Payload, ...]
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcoded:
    """A piece of another format as one OTLP request, empty if nothing of it could be read, and what was refused."""

    signal: Signal
    protobuf: bytes
    refused: tuple[Refusal, ...] = ()


def fingerprint(payload: bytes) -> int:
    """Return the 64-bit hash by which a re-send of ``payload`` is known.

    SHA-256, cut: processors have instructions for it, so it takes half the time of BLAKE2.
    """
    return int.from_bytes(hashlib.sha256(payload).digest()[:FINGERPRINT_BYTES], "big")


def partition_key(signal: Signal, mark: int) -> str:
    """Return the partition key that our receiver gives a record: it sends a re-send to the same shard."""
    return f"{signal}:{mark:016x}"
