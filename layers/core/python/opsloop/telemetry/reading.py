"""What one record holds, once it is read: requests, and what had to be refused."""

from xxhash import xxh3_64_intdigest

from opsloop.dataclass import dataclass
from opsloop.telemetry.otlp_schema import Signal

JSON_SHARE = 4
"""JSON may be this part of the limit of inflation only: as Python objects it takes up to 20 times its size."""


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
    """Return the 64-bit hash by which a re-send of ``payload`` is known: XXH3.

    No secret is needed: to have somebody's telemetry taken for a re-send, one has to know its bytes, times included,
    before it is sent, and hold an ingest key. Cryptographic hashes take a tenth of the time of ingest.
    Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
    """
    return xxh3_64_intdigest(payload)


def partition_key(signal: Signal, mark: int) -> str:
    """Return the partition key that our receiver gives a record: it sends a re-send to the same shard."""
    return f"{signal}:{mark:016x}"
