"""A file of telemetry -> what it is, what is in it, and which series ingest would make of it.

The series come from ``ingest.plan``, the code of the stream's consumer, with the data's own newest time as the time of
arrival: so an old file is explained as it counted when it was new.
"""

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsloop.catalog import Catalog
from opsloop.clock import format_time, time_of
from opsloop.dataclass import dataclass
from opsloop.telemetry.census import Census, take_census
from opsloop.telemetry.container import NONE, Container, compression_of, one_of, unwrap
from opsloop.telemetry.fault import COMPRESSION
from opsloop.telemetry.inflate import framing_of
from opsloop.telemetry.ingest import MAX_AHEAD_MINUTES, plan
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.payload import Refusal, read_record
from opsloop.telemetry.segment import Segment, StreamRecord
from opsloop.telemetry.series_minute import SeriesMinute, series_minutes
from opsloop.telemetry.shard_log import ShardLog

RESEND_WINDOW_S = 900  # what ingest has unless the catalog says otherwise for a stream
_SDK = ("name", "language", "version")
_AT_BYTE = re.compile(r"at byte (\d+)")


@dataclass(frozen=True)
class Refused:
    """A part that cannot be read. ``byte``: of the fault, in the part as it is after inflation; None if unknown."""

    reason: str
    kind: str
    byte: int | None
    size: int


@dataclass(frozen=True)
class Explanation:
    """All there is to say of one file. ``error`` is None unless nothing of it can be read."""

    file: str
    format: str
    forms: tuple[str, ...]
    compression: str
    signal: str
    records: int
    items: int
    rejected: int
    duplicates: int
    clamped: int
    arrival: str
    services: Mapping[str, int]
    resources: tuple[Mapping[str, Any], ...]
    scopes: tuple[Mapping[str, Any], ...]
    sdks: tuple[Mapping[str, Any], ...]
    dimensions_dropped: Mapping[str, int]
    series: tuple[SeriesMinute, ...]
    exemplars: tuple[Mapping[str, Any], ...]
    refused: tuple[Refused, ...]
    error: str | None


def explain(
    file: str, data: bytes, catalog: Catalog, *, now_s: float, arrival_s: float | None = None, max_bytes: int
) -> Explanation:
    """Return what ``data``, the content of ``file``, is to ingest.

    Parameters
    ----------
    file : str
        Its name, for people.
    data : bytes
        A record of any form, or records in an event from Kinesis or a delivery from Firehose.
    catalog : Catalog
        Says which attributes are dimensions, and how many series a service may have.
    now_s : float
        Seconds since the epoch: no data can be newer.
    arrival_s : float, optional
        When the data arrived; without it, the newest time in them.
    max_bytes : int
        What a record may inflate to.
    """
    container = unwrap(data, max_bytes=max_bytes)
    readings = [read_record(record, key, max_bytes=max_bytes) for record, key in container.records]
    census = take_census(payload for reading in readings for payload in reading.payloads)
    arrival_s = newest_s(census, now_s) if arrival_s is None else arrival_s
    segment = plan_file(container, arrival_s, catalog, max_bytes=max_bytes)
    refusals = [*container.refused, *(Refusal(one.data, one.reason, one.kind) for one in segment.unreadable)]
    refused = tuple(_refused(one) for one in refusals)
    compressions = [container.compression] if container.compression != NONE else []
    pairs = zip(container.records, readings, strict=True)
    compressions += [compression_of(record, reading, max_bytes=max_bytes) for (record, _), reading in pairs]
    forms = tuple(sorted({reading.form for reading in readings}))
    return Explanation(
        file=file,
        format=container.form or one_of(forms),
        forms=forms,
        compression=one_of(compressions),
        signal=one_of([payload.signal for reading in readings for payload in reading.payloads]),
        records=len(readings),
        items=segment.items,
        rejected=segment.dropped + sum(_items_of(one, max_bytes) for one in refusals),
        duplicates=segment.duplicates,
        clamped=segment.clamped,
        arrival=format_time(time_of(int(arrival_s) // 60)),
        services=_services(segment),
        **_about(census, catalog),
        series=tuple(series_minutes(segment.cells)),
        exemplars=tuple(_exemplars(segment)),
        refused=refused,
        error=_error(segment, refused),
    )


def newest_s(census: Census, now_s: float) -> float:
    """Return the newest time of an item that can be right; else now."""
    latest = (int(now_s) + 60 * MAX_AHEAD_MINUTES) * 10**9
    return max((time_ns for time_ns in census.times_ns if time_ns <= latest), default=int(now_s * 10**9)) / 10**9


def plan_file(container: Container, arrival_s: float, catalog: Catalog, *, max_bytes: int) -> Segment:
    """Return the segment that ingest would make of the records, had they all arrived at ``arrival_s``."""
    records = [
        StreamRecord(f"{place + 1:0{len(LOG_START)}}", key, record, arrival_s)
        for place, (record, key) in enumerate(container.records)
    ]
    empty = StreamRecord(f"{1:0{len(LOG_START)}}", "", b"", arrival_s)
    segment = plan(records or [empty], ShardLog("file", RESEND_WINDOW_S), catalog, max_bytes=max_bytes)
    if segment is None:
        raise AssertionError("every record lies above the start of an empty log")
    return segment


def _refused(one: Refusal) -> Refused:
    found = _AT_BYTE.search(one.reason)
    byte = int(found[1]) if found else None
    if byte is None and one.kind == COMPRESSION:
        byte = _broken_at(one.data)
    return Refused(one.reason, one.kind, byte, len(one.data))


def _broken_at(data: bytes) -> int | None:
    """Return the byte that makes compressed data unreadable: the first that zlib objects to."""
    if framing_of(data) is None:
        return None
    decompressor = zlib.decompressobj(47)  # gzip or zlib, by the header
    for at in range(len(data)):
        try:
            decompressor.decompress(data[at : at + 1])
        except zlib.error:
            return at
    return len(data)


def _items_of(refusal: Refusal, max_bytes: int) -> int:
    """Return how many items were refused with these bytes: at least one."""
    return max(take_census(read_record(refusal.data, "", max_bytes=max_bytes).payloads).items, 1)


def _error(segment: Segment, refused: Sequence[Refused]) -> str | None:
    if segment.items or not refused:
        return None
    first = refused[0]
    where = f", at byte {first.byte}" if first.byte is not None and not _AT_BYTE.search(first.reason) else ""
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return f"{first.reason}{where}{more}"


def _services(segment: Segment) -> dict[str, int]:
    items = Counter[str]()
    for share in segment.shares:
        items[share.service] += share.items
    return dict(sorted(items.items()))


def _about(census: Census, catalog: Catalog) -> dict[str, Any]:
    dropped, sdks = Counter[str](), Counter[tuple[str, ...]]()
    for (service, key), items in census.attributes.items():
        if key not in catalog.service(service).dimensions:
            dropped[key] += items
    for resource, items in census.resources.items():
        text = dict(resource)
        if text.get("telemetry.sdk.name"):
            sdks[tuple(text.get(f"telemetry.sdk.{part}", "") for part in _SDK)] += items
    return {
        "resources": tuple({"attributes": dict(one), "items": n} for one, n in sorted(census.resources.items())),
        "scopes": tuple({"name": one[0], "version": one[1], "items": n} for one, n in sorted(census.scopes.items())),
        "sdks": tuple({**dict(zip(_SDK, one, strict=True)), "items": n} for one, n in sorted(sdks.items())),
        "dimensions_dropped": dict(sorted(dropped.items())),
    }


def _exemplars(segment: Segment) -> Iterator[dict[str, Any]]:
    for one in segment.exemplars:
        yield {
            "service": one.series.service,
            "operation": one.series.operation,
            "metric": one.series.metric,
            "kind": one.series.kind,
            "hour": format_time(time_of(one.hour)),
            "value": one.value if math.isfinite(one.value) else None,
            "trace_id": one.trace_id,
            "span_id": one.span_id,
        }
