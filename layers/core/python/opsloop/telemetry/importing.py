"""An object that somebody put into the import bucket -> pieces, each of which counts once, for ever.

An object version is named by bucket, key and version. It is read once, as a stream record would be, and its requests go
into a log of imports piece by piece; a piece is committed with the claim that it counted. Whoever is told of the same
version again finds the claims.
"""

import json
import re
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from opsloop.clock import parse_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.reading import Payload, partition_key
from opsloop.telemetry.segment import Segment, StreamRecord

LOGS = 8
"""Imports that run at once share so many logs, each folded as a shard's log is: in one they would wait in line."""
PIECE_REQUESTS = 500
PIECE_BYTES = 8 << 20
_GROUP = "import/"
_FAILED = re.compile(rb'\{"attemptsMade":[^\n]{1,4096}"rawData":')


@dataclass(frozen=True)
class StoredObject:
    """One object as S3 tells of it. ``version`` is empty where the bucket keeps none."""

    bucket: str
    key: str
    version: str
    size_bytes: int
    stored_at: datetime

    @property
    def name(self) -> str:
        """Return the object version in one line."""
        return f"s3://{self.bucket}/{self.key}" + (f"?versionId={self.version}" if self.version else "")

    @property
    def claims(self) -> str:
        """Return the group of the claims of this version's pieces."""
        return _GROUP + self._digest()

    @property
    def log(self) -> str:
        """Return the log that takes this version in."""
        return f"log#import#{int(self._digest(), 16) % LOGS}"

    def _digest(self) -> str:
        return sha256(self.name.encode("utf-8", "surrogatepass")).hexdigest()


def object_of(event: Mapping[str, Any]) -> StoredObject:
    """Return the object of an event ``Object Created`` of S3; raise ``InvalidInputError`` for any other event."""
    try:
        detail = event["detail"]
        about = detail["object"]
        version = str(about.get("version-id") or "")
        stored_at = parse_time(event["time"], name="time")
        return StoredObject(detail["bucket"]["name"], about["key"], version, int(about.get("size", 0)), stored_at)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"not an event of S3's Object Created: {type(error).__name__}: {error}") from None


def unwrapped(data: bytes) -> list[bytes]:
    """Return the records of an object: those that Firehose could not deliver, or the object itself.

    What Firehose gave up on lies in its backup bucket as lines of JSON, each with the record as ``rawData`` in base64.
    A line that is none stays as it is, to be refused.
    """
    if not _FAILED.match(data):
        return [data]
    return [_raw(line) for line in data.splitlines() if line.strip()]


def _raw(line: bytes) -> bytes:
    try:
        return a2b_base64(json.loads(line)["rawData"].encode(), strict_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return line


def pieces(payloads: tuple[Payload, ...]) -> Iterator[list[Payload]]:
    """Yield the requests of an object in order, some at a time: the same cuts for the same requests."""
    piece: list[Payload] = []
    size = 0
    for payload in payloads:
        if piece and (len(piece) == PIECE_REQUESTS or size + len(payload.protobuf) > PIECE_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(payload)
        size += len(payload.protobuf)
    if piece:
        yield piece


def as_records(piece: list[Payload], arrival_s: float) -> list[StreamRecord]:
    """Return the requests of a piece as the first records of a log."""
    return [
        StreamRecord(
            _position(LOG_START, number),
            partition_key(payload.signal, payload.fingerprint),
            payload.protobuf,
            arrival_s,
        )
        for number, payload in enumerate(piece, 1)
    ]


def moved(segment: Segment, tip: str) -> Segment:
    """Return ``segment`` at the end of a log that ends at ``tip``."""
    return replace(segment, start=tip, end=_position(tip, segment.records))


def _position(tip: str, further: int) -> str:
    return str(int(tip) + further).zfill(len(LOG_START))
