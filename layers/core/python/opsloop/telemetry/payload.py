"""One stream record -> signal, protobuf bytes, fingerprint.

Records come from our own receiver (partition key ``<signal>:<fingerprint>``), or from anybody else's exporter, which
names nothing: plain or JSON, none, gzip, zlib or raw deflate. 0x0A is both a newline and the first byte of OTLP, so
nothing is ever stripped before the form is known.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from opsloop.errors import InvalidInputError, PermanentError
from opsloop.telemetry.fault import kind_of
from opsloop.telemetry.inflate import GZIP, RAW_DEFLATE, ZLIB, inflate
from opsloop.telemetry.otlp_json import encode, parse, signal_of
from opsloop.telemetry.otlp_schema import I64, LEN, SIGNALS, VARINT, Signal
from opsloop.telemetry.wire import WireError, scan

FINGERPRINT_BYTES = 8
_KPL_MAGIC = b"\xf3\x89\x9a\xc2"
_TELLING: dict[tuple[int, int], Signal] = {
    (6, VARINT): "traces",  # kind
    (7, I64): "traces",  # start
    (8, I64): "traces",  # end
    (1, I64): "logs",  # time
    (2, VARINT): "logs",  # severity number
    (11, I64): "logs",  # observed time
}
_METRIC_DATA = {(5, LEN), (7, LEN), (9, LEN), (10, LEN), (11, LEN)}  # gauge, sum, histograms, summary


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


def read_record(data: bytes, hint: str, *, max_bytes: int) -> Reading:
    """Return everything that a stream record holds; what cannot be read of it is refused, never raised.

    ``hint`` is the record's partition key. The protobuf bytes are not walked: ``wire.validate`` does that.
    """
    try:
        return Reading("otlp", (read_payload(data, hint, max_bytes=max_bytes),))
    except PermanentError as error:
        return Reading("unknown", (), (Refusal(data, str(error), kind_of(error)),))


def read_payload(data: bytes, hint: str, *, max_bytes: int) -> Payload:
    """Return the OTLP request that a stream record holds.

    ``hint`` is the record's partition key. It is believed where its fingerprint is the payload's; otherwise the
    first item tells the signal. The protobuf bytes are not walked: ``wire.validate`` does that.

    Raises ``InvalidInputError`` (``TooLargeError`` above ``max_bytes`` after inflation) with the reason.
    """
    plain = _plain(data, max_bytes)
    mark = fingerprint(plain)
    signal = _believed(hint, mark)
    if plain.startswith(b"{"):
        document = parse(plain)
        signal = signal or signal_of(document)
        return Payload(signal, encode(document, signal), mark)
    return Payload(signal or detect_signal(plain), plain, mark)


def fingerprint(payload: bytes) -> int:
    """Return the 64-bit hash by which a re-send of ``payload`` is known."""
    return int.from_bytes(hashlib.blake2b(payload, digest_size=FINGERPRINT_BYTES).digest(), "big")


def partition_key(signal: Signal, mark: int) -> str:
    """Return the partition key that our receiver gives a record: it sends a re-send to the same shard."""
    return f"{signal}:{mark:016x}"


def detect_signal(request: bytes) -> Signal:
    """Return the signal of a protobuf export request, told by the fields of its first items.

    The three requests share their outer shape: field 1 resource, in it field 2 scope, in it field 2 item.
    """
    try:
        for at, end in _items(request, 0, len(request)):  # lazily: the first item tells almost always
            if signal := _signal_of_item(request, at, end):
                return signal
    except WireError as error:
        raise InvalidInputError(f"neither OTLP protobuf nor JSON: {error}") from None
    raise InvalidInputError("no item tells whether these are traces, metrics or logs")


def _plain(data: bytes, max_bytes: int) -> bytes:
    if data.startswith(_KPL_MAGIC):
        raise InvalidInputError("a KPL aggregate: switch aggregation off in the producer")
    if data.startswith(b"\x1f\x8b"):
        return inflate(data, GZIP, max_bytes=max_bytes, accept_unterminated=True)
    if _is_zlib(data):
        return inflate(data, ZLIB, max_bytes=max_bytes, accept_unterminated=True)
    if data[:1] not in (b"\n", b"{", b""):  # neither form of OTLP starts otherwise
        return inflate(data, RAW_DEFLATE, max_bytes=max_bytes, accept_unterminated=True)
    return data


def _is_zlib(data: bytes) -> bool:
    """Whether the first two bytes are a zlib header (RFC 1950: method 8, window of at most 32 KiB, checksum)."""
    return len(data) > 2 and data[0] & 0x8F == 0x08 and (data[0] << 8 | data[1]) % 31 == 0


def _believed(hint: str, mark: int) -> Signal | None:
    signal, _, _ = hint.partition(":")
    if signal in SIGNALS and hint == partition_key(signal, mark):
        return signal
    return None


def _items(data: bytes, at: int, end: int, levels: tuple[int, ...] = (1, 2, 2)) -> Iterator[tuple[int, int]]:
    """Yield where the items of a request lie: ``levels`` are the fields of resource, scope and item."""
    wanted, *inner = levels
    for number, wire, _, value, stop in scan(data, at, end):
        if number == wanted and wire == LEN:
            if inner:
                yield from _items(data, value, stop, tuple(inner))
            else:
                yield value, stop


def _signal_of_item(data: bytes, at: int, end: int) -> Signal | None:
    """Return what the item is, by the first field that only one signal has; metrics have fields of spans and logs."""
    may_be_metric = False
    for number, wire, *_ in scan(data, at, end):
        if signal := _TELLING.get((number, wire)):
            return signal
        may_be_metric = may_be_metric or (number, wire) in _METRIC_DATA
    return "metrics" if may_be_metric else None
