"""Kinesis -> items of the shards' write-once logs, one per batch or so, unreadable records in quarantine.

The hot path: whole batches, no powertools. Metrics are written as CloudWatch's embedded metric format by hand. One
function may serve several streams, and shards in any order: what it knows is what the logs say.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pybase64 import b64decode

import opsloop.cold_start
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.log_raw import RawLogs
from opsloop.adapters.quarantine import Quarantine
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.stream_identity import StreamIdentity
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, TooLargeError
from opsloop.runtime.allocator import keep_freed_memory
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.open_log import CONFLICTS_ALLOWED, open_log
from opsloop.telemetry.segment import Mark, Segment, StreamRecord, Unreadable
from opsloop.telemetry.shard_log import ShardLog, padded

SOURCE = "telemetry_ingest"
CACHE_S = 60.0
QUIET_S = 5.0  # a stream cannot be deleted and made again in less: its life is looked up after such a gap

Shard = tuple[str, str]
"""The name of a stream, and the id of one of its shards."""


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    quarantine_bucket: str
    log_bucket: str
    fingerprint_window_s: int = 900
    log_retention_days: int = 9
    max_inflated_bytes: int = 16_777_216


keep_freed_memory()
settings = read_settings(Settings)
log = TelemetryLog(settings.telemetry_table, SegmentStore(settings.segment_bucket), RawLogs(settings.log_bucket))
quarantine = Quarantine(settings.quarantine_bucket)
catalog = load_catalog()
streams: dict[str, StreamIdentity] = {}
opened: dict[Shard, tuple[float, ShardLog]] = {}  # when a shard's log was read, and what is known of it
opsloop.cold_start.finish()


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Commit every record of ``event``; raise if a store does not answer, so that the batch is delivered again."""
    for shard, records in by_shard(event["Records"]).items():
        segments, conflicts = commit(shard, records)
        for line in report(shard, len(records), segments, conflicts, context.aws_request_id):
            print(json.dumps(line, separators=(",", ":")))


def by_shard(records: Iterable[dict[str, Any]]) -> dict[Shard, list[StreamRecord]]:
    """Return the records of each shard in order of sequence. Lambda's batches are of one shard."""
    shards: dict[Shard, list[StreamRecord]] = {}
    for record in records:
        kinesis = record["kinesis"]
        stream, _, _ = record["eventSourceARN"].partition(":stream/")[2].partition("/")  # a consumer's name may follow
        shard, _, _ = record["eventID"].partition(":")
        shards.setdefault((stream, shard), []).append(
            StreamRecord(
                padded(kinesis["sequenceNumber"]),
                kinesis["partitionKey"],
                b64decode(kinesis["data"], validate=True),
                float(kinesis["approximateArrivalTimestamp"]),
            )
        )
    for found in shards.values():
        found.sort(key=lambda record: record.sequence)
    return shards


def commit(shard: Shard, records: list[StreamRecord]) -> tuple[list[Segment], int]:
    """Extend the shard's log by what it does not have yet; return that, and how often another writer was first.

    It takes one segment, or, where that does not fit into an item, several that follow one another: whoever comes
    after a crash between them goes on from the last.
    """
    segments: list[Segment] = []
    kept: set[Unreadable] = set()
    known, conflicts, room = open_shard(shard, records), 0, len(records)
    while rest := portion(records, known)[:room]:
        segment = plan(rest, known, catalog, max_bytes=settings.max_inflated_bytes)
        if segment is None:
            break
        set_aside(known.log, segment.unreadable, kept)
        try:
            append(known, segment)
        except TooLargeError:
            room = len(rest) // 2
        except ConflictError:
            conflicts += 1
            del opened[shard]
            if conflicts == CONFLICTS_ALLOWED:
                raise ConflictError(f"{known.log}: another writer was first {conflicts} times") from None
            known = open_shard(shard, records)
        else:
            segments.append(segment)
    return segments, conflicts


def portion(records: Sequence[StreamRecord], known: ShardLog) -> list[StreamRecord]:
    """Return the first records that the log does not have yet, as many as arrived within one window.

    A segment tells one time for all its requests; so a repetition is known as one up to the window after the request,
    and never after twice the window.
    """
    rest = [record for record in records if record.sequence > known.tip]
    if not rest or known.window_s <= 0 or rest[-1].arrival_s - rest[0].arrival_s <= known.window_s:
        return rest
    return [record for record in rest if record.arrival_s - rest[0].arrival_s <= known.window_s]


def append(known: ShardLog, segment: Segment) -> None:
    """Commit the segment, unless another writer was first; a segment of one record is committed however large."""
    log.append(
        known.log,
        segment,
        retention_days=settings.log_retention_days,
        guards=known.guards(),
        may_split=segment.records > 1,
    )
    known.extend([Mark(segment.end, segment.last_arrival_s, segment.fingerprints)])


def open_shard(shard: Shard, records: Sequence[StreamRecord]) -> ShardLog:
    """Return what is known of the shard's log: from memory if the records go on where it ended, else read anew.

    Records from before the end are a redelivery, or those of a stream that was made again: the same numbers in a log of
    another name. So are, perhaps, records after a gap.
    """
    first = records[0]
    if shard in opened:
        read_at_s, known = opened[shard]
        goes_on = first.sequence > known.tip and abs(first.arrival_s - known.last_arrival_s) < QUIET_S
        if goes_on and time.monotonic() - read_at_s < CACHE_S:
            return known
    name, shard_id = shard
    if name not in streams:
        streams[name] = StreamIdentity(name)
    known = open_log(
        log,
        streams[name],
        shard_id,
        first_arrival_s=first.arrival_s,
        window_s=catalog.streams.get(name, settings.fingerprint_window_s),
        retention_days=settings.log_retention_days,
    )
    opened[shard] = time.monotonic(), known
    return known


def set_aside(log_key: str, unreadable: Iterable[Unreadable], kept: set[Unreadable]) -> None:
    """Keep what cannot be read, whole, before the log says that it was dealt with. ``kept``: what is there already."""
    for one in unreadable:
        if one in kept:
            continue
        facts = {"log": log_key, "sequence": one.record.sequence.lstrip("0"), "key": one.record.partition_key}
        facts |= {"kind": one.kind, "part": "whole" if one.data == one.record.data else "part"}
        arrival = datetime.fromtimestamp(one.record.arrival_s, UTC)
        quarantine.put(SOURCE, one.data, reason=one.reason, now=arrival, facts=facts)
        kept.add(one)


def report(
    shard: Shard, delivered: int, segments: Sequence[Segment], conflicts: int, request_id: str
) -> Iterator[dict[str, Any]]:
    """Yield lines that are both log and metrics: one of all counts, and one per kind of what is in quarantine."""
    now_ms = int(time.time() * 1000)
    unreadable = [one for segment in segments for one in segment.unreadable]
    counts = {
        "RecordsIngested": sum(segment.records for segment in segments),
        "ItemsIngested": sum(segment.items for segment in segments),
        "RecordsQuarantined": len(unreadable),
        "DuplicatesSuppressed": sum(segment.duplicates for segment in segments),
        "RecordsSkipped": delivered - sum(segment.records for segment in segments),
        "PointsClamped": sum(segment.clamped for segment in segments),
        "PointsDropped": sum(segment.dropped for segment in segments),
        "SegmentsCommitted": len(segments),
        "CommitsRaced": conflicts,
    }
    units = dict.fromkeys(counts, "Count")
    if segments:
        counts["IngestLagMs"] = max(now_ms - int(segments[0].first_arrival_s * 1000), 0)
        units["IngestLagMs"] = "Milliseconds"
    common = {"level": "INFO", "service": "telemetry", "function": SOURCE, "correlation_id": request_id}
    common |= {"stream": shard[0], "shard": shard[1]}
    yield {
        "_aws": emf(now_ms, ["service"], units),
        **common,
        "message": "batch ingested" if segments else "batch skipped: all of it is in the log",
        "position": segments[-1].end.lstrip("0") if segments else None,
        "reasons": sorted({one.reason for one in unreadable})[:3],
        **counts,
    }
    for kind, count in sorted(Counter(one.kind for one in unreadable).items()):
        yield {
            "_aws": emf(now_ms, ["service", "kind"], {"RecordsQuarantined": "Count"}),
            **common,
            "message": "records quarantined",
            "kind": kind,
            "RecordsQuarantined": count,
        }


def emf(now_ms: int, dimensions: list[str], units: dict[str, str]) -> dict[str, Any]:
    """Return the head by which CloudWatch finds the metrics ``units`` in a line of log."""
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": "Opsloop", "Dimensions": [dimensions], "Metrics": metrics}
    return {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}
