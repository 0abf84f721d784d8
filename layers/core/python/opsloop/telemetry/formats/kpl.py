"""A Kinesis Producer Library aggregate -> the records that it holds.

Magic F3 89 9A C2, then AggregatedRecord {1 partition keys, 2 explicit hash keys, 3 Record {1 index of its partition
key, 2 index of its hash key, 3 data, 4 tags}}, then the MD5 of that message.
Source: awslabs/amazon-kinesis-producer, aggregation-format.md.
"""

import hashlib

from opsloop.dataclass import dataclass
from opsloop.errors import TooLargeError
from opsloop.telemetry.fault import CHECKSUM, MALFORMED, TRUNCATED, UnreadableError
from opsloop.telemetry.otlp_schema import LEN, VARINT
from opsloop.telemetry.wire import WireError, read_varint, scan

MAGIC = b"\xf3\x89\x9a\xc2"
MAX_RECORDS = 20_000  # of an aggregate; the library itself stops at 50 KiB or a few thousand
_MD5_BYTES = 16
_PARTITION_KEYS, _RECORDS = 1, 3
_KEY_INDEX, _DATA = 1, 3


@dataclass(frozen=True, slots=True)
class SubRecord:
    """One record of an aggregate, as its producer wanted to put it; ``partition_key`` is empty if none is named."""

    partition_key: str
    data: bytes


def records(aggregate: bytes) -> list[SubRecord]:
    """Return the records of an aggregate (which starts with ``MAGIC``), in order.

    Raises ``UnreadableError`` if the checksum or the message is wrong, ``TooLargeError`` above ``MAX_RECORDS``.
    """
    end = len(aggregate) - _MD5_BYTES
    if end < len(MAGIC):
        raise UnreadableError(f"KPL aggregate is cut off, at byte {len(aggregate)}", TRUNCATED)
    told = aggregate[end:]
    found = hashlib.md5(memoryview(aggregate)[len(MAGIC) : end], usedforsecurity=False).digest()
    if told != found:
        raise UnreadableError(f"KPL aggregate has MD5 {found.hex()}, but says {told.hex()}, at byte {end}", CHECKSUM)
    try:
        return _records(aggregate, end)
    except WireError as error:
        raise UnreadableError(f"KPL aggregate is malformed: {error}", MALFORMED) from None


def _records(aggregate: bytes, end: int) -> list[SubRecord]:
    keys: list[str] = []
    found: list[tuple[int, bytes]] = []
    for number, wire, start, value, stop in scan(aggregate, len(MAGIC), end):
        if number == _PARTITION_KEYS and wire == LEN:
            keys.append(aggregate[value:stop].decode("utf-8", "replace"))
        elif number == _RECORDS and wire == LEN:
            found.append(_record(aggregate, value, stop))
        if len(found) > MAX_RECORDS or len(keys) > MAX_RECORDS:
            raise TooLargeError(f"KPL aggregate holds more than {MAX_RECORDS} records, at byte {start}")
    return [SubRecord(keys[index] if 0 <= index < len(keys) else "", data) for index, data in found]


def _record(aggregate: bytes, at: int, end: int) -> tuple[int, bytes]:
    index, data = -1, b""
    for number, wire, _, value, stop in scan(aggregate, at, end):
        if number == _KEY_INDEX and wire == VARINT:
            index, _ = read_varint(aggregate, value, stop)
        elif number == _DATA and wire == LEN:
            data = aggregate[value:stop]
    return index, data
