"""Kinesis -> one item per batch in its shard's write-once log, unreadable records in quarantine.

The hot path: whole batches, no powertools. Metrics are written as CloudWatch's embedded metric format by hand.
"""

import json
import time
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.quarantine import Quarantine
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.stream_identity import StreamIdentity
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.errors import ConflictError
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import Mark, Segment, StreamRecord, Unreadable
from opsloop.telemetry.shard_log import ShardLog, log_name, padded

SOURCE = "telemetry_ingest"
CACHE_S = 60.0
CONFLICTS_ALLOWED = 20  # each means that another writer committed; the shard moved on every time


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    quarantine_bucket: str
    stream_name: str
    fingerprint_window_s: int = 900
    log_retention_days: int = 9
    max_inflated_bytes: int = 67_108_864


settings = read_settings(Settings)
log = TelemetryLog(settings.telemetry_table, SegmentStore(settings.segment_bucket))
quarantine = Quarantine(settings.quarantine_bucket)
stream = StreamIdentity(settings.stream_name)
catalog = load_catalog()
opened: dict[str, tuple[float, ShardLog]] = {}  # per shard: when its log was read, and what is known of it


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Commit every record of ``event``; raise if a store does not answer, so that the batch is delivered again."""
    for shard, records in by_shard(event["Records"]).items():
        segment, conflicts = commit(shard, records)
        report(shard, len(records), segment, conflicts, context.aws_request_id)


def by_shard(records: Iterable[dict[str, Any]]) -> dict[str, list[StreamRecord]]:
    """Return the records of each shard in order of sequence. Lambda's batches are of one shard."""
    shards: dict[str, list[StreamRecord]] = {}
    for record in records:
        kinesis = record["kinesis"]
        shard, _, _ = record["eventID"].partition(":")
        shards.setdefault(shard, []).append(
            StreamRecord(
                padded(kinesis["sequenceNumber"]),
                kinesis["partitionKey"],
                a2b_base64(kinesis["data"]),
                float(kinesis["approximateArrivalTimestamp"]),
            )
        )
    for found in shards.values():
        found.sort(key=lambda record: record.sequence)
    return shards


def commit(shard: str, records: list[StreamRecord]) -> tuple[Segment | None, int]:
    """Extend the shard's log by what it does not have yet; return that, and how often another writer was first."""
    is_cached = shard in opened
    known = open_log(shard, records[0].arrival_s)
    for conflicts in range(CONFLICTS_ALLOWED):
        segment = plan(records, known, catalog, max_bytes=settings.max_inflated_bytes)
        if segment is None and is_cached:  # a redelivery; or the stream was made again, and numbers start anew
            del opened[shard]
            return commit(shard, records)
        if segment is None:
            return None, conflicts
        set_aside(known.log, segment.unreadable)
        try:
            log.append(known.log, segment, retention_days=settings.log_retention_days)
        except ConflictError:
            known.extend(log.marks_after(known.log, known.tip))
            continue
        known.extend([Mark(segment.end, segment.last_arrival_s, segment.fingerprints)])
        return segment, conflicts
    del opened[shard]
    raise ConflictError(f"{known.log}: another writer was first {CONFLICTS_ALLOWED} times")


def open_log(shard: str, first_arrival_s: float) -> ShardLog:
    """Return what is known of the shard's log: of the last minute from memory, else read anew."""
    if shard in opened:
        read_at_s, known = opened[shard]
        if time.monotonic() - read_at_s < CACHE_S:
            return known
    window_s = settings.fingerprint_window_s
    known = ShardLog(log_name(stream.name, stream.created_s(), shard), window_s)
    marks = log.tail(known.log, first_arrival_s - window_s)
    if not marks:
        log.register(known.log)
    known.extend(marks)
    opened[shard] = time.monotonic(), known
    return known


def set_aside(log_key: str, unreadable: Iterable[Unreadable]) -> None:
    """Keep what cannot be read, whole, before the log says that it was dealt with."""
    for one in unreadable:
        facts = {"log": log_key, "sequence": one.record.sequence.lstrip("0"), "key": one.record.partition_key}
        facts |= {"kind": one.kind, "part": "whole" if one.data == one.record.data else "part"}
        arrival = datetime.fromtimestamp(one.record.arrival_s, UTC)
        quarantine.put(SOURCE, one.data, reason=one.reason, now=arrival, facts=facts)


def report(shard: str, delivered: int, segment: Segment | None, conflicts: int, request_id: str) -> None:
    """Write one line that is both log and metrics."""
    now_ms = int(time.time() * 1000)
    counts = {
        "RecordsIngested": segment.records if segment else 0,
        "ItemsIngested": segment.items if segment else 0,
        "RecordsQuarantined": len(segment.unreadable) if segment else 0,
        "DuplicatesSuppressed": segment.duplicates if segment else 0,
        "RecordsSkipped": delivered - (segment.records if segment else 0),
        "PointsClamped": segment.clamped if segment else 0,
        "PointsDropped": segment.dropped if segment else 0,
        "CommitsRaced": conflicts,
    }
    units = [{"Name": name, "Unit": "Count"} for name in counts]
    if segment:
        counts["IngestLagMs"] = max(now_ms - int(segment.first_arrival_s * 1000), 0)
        units.append({"Name": "IngestLagMs", "Unit": "Milliseconds"})
    metrics = {"Namespace": "Opsloop", "Dimensions": [["service"]], "Metrics": units}
    line = {
        "_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [metrics]},
        "level": "INFO",
        "message": "batch ingested" if segment else "batch skipped: all of it is in the log",
        "service": "telemetry",
        "function": SOURCE,
        "correlation_id": request_id,
        "shard": shard,
        "position": segment.end.lstrip("0") if segment else None,
        "reasons": sorted({one.reason for one in segment.unreadable})[:3] if segment else [],
        **counts,
    }
    print(json.dumps(line, separators=(",", ":")))
