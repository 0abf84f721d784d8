"""One batch of records, aggregated: what becomes one item of a shard's log."""

import json
import struct
import zlib

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.encoding import decode, encode, inflated
from opsloop.telemetry.exemplar import Exemplar, exemplars_from_json, exemplars_json


@dataclass(frozen=True)
class StreamRecord:
    """One record of a shard. ``sequence`` is its sequence number, padded; ``arrival_s`` seconds since the epoch."""

    sequence: str
    partition_key: str
    data: bytes
    arrival_s: float


@dataclass(frozen=True)
class Unreadable:
    """What of a record could not be understood, and why: ``data`` is the whole of it or a part."""

    record: StreamRecord
    data: bytes
    reason: str
    kind: str


@dataclass(frozen=True, order=True)
class Share:
    """What a segment holds for one service and the hour that starts at minute ``hour``: its lineage."""

    service: str
    hour: int
    records: int
    items: int


@dataclass(frozen=True)
class Segment:
    """The records of one shard after ``start`` up to and including ``end``, both padded sequence numbers.

    ``records`` counts all of them; ``duplicates`` of their requests, and what is ``unreadable``, added nothing.
    ``items`` are spans, log records and data points; ``clamped`` of them were moved to the minute of their arrival,
    and ``dropped`` ones, not among them, held no number. ``fingerprints`` are of the requests that are no duplicates.
    ``links``: a sample of the spans, packed, no bytes without spans (``opsloop.telemetry.links``).
    ``log_requests``: those of them that hold log records, the good parts only, each with the arrival of its record.
    """

    start: str
    end: str
    cells: Aggregate
    shares: tuple[Share, ...]
    records: int
    items: int
    duplicates: int
    clamped: int
    dropped: int
    fingerprints: tuple[int, ...]
    unreadable: tuple[Unreadable, ...]
    first_arrival_s: float
    last_arrival_s: float
    exemplars: tuple[Exemplar, ...] = ()
    log_requests: tuple[tuple[float, bytes], ...] = ()
    links: bytes = b""


@dataclass(frozen=True)
class Committed:
    """A log item, as a fold reads it."""

    log: str
    start: str
    end: str
    cells: Aggregate
    shares: tuple[Share, ...]
    last_arrival_s: float
    exemplars: tuple[Exemplar, ...] = ()
    links: bytes = b""


@dataclass(frozen=True)
class Mark:
    """A log item without its body: where it ends, when its last record arrived, which records it has."""

    end: str
    last_arrival_s: float
    fingerprints: tuple[int, ...]


@dataclass(frozen=True)
class RawItem:
    """A log item without its body, and under which key its log requests lie, empty if it has none."""

    start: str
    end: str
    last_arrival_s: float
    raw_key: str


def encode_body(cells: Aggregate, shares: tuple[Share, ...], exemplars: tuple[Exemplar, ...] = ()) -> bytes:
    """Return the body of a log item; equal contents give equal bytes."""
    lineage = [[share.service, share.hour, share.records, share.items] for share in shares]
    content = {"shares": lineage, "exemplars": exemplars_json(exemplars)}
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    head = zlib.compress(text, 6)  # exemplars repeat the names of their series
    return struct.pack("<I", len(head)) + head + encode(cells)


def decode_body(body: bytes) -> tuple[Aggregate, tuple[Share, ...], tuple[Exemplar, ...]]:
    """Return what ``encode_body`` made ``body`` from; raise ``InvalidInputError`` for anything else."""
    try:
        (length,) = struct.unpack_from("<I", body)
        content = json.loads(inflated(body[4 : 4 + length]).decode("utf-8", "surrogatepass"))
        shares = tuple(Share(*item) for item in content["shares"])
        exemplars = exemplars_from_json(content["exemplars"])
    except (zlib.error, struct.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidInputError(f"segment: {error}") from None
    return decode(body[4 + length :]), shares, exemplars
