"""S3 objects under import/ -> the log of imports, once per object version; what is unreadable in quarantine."""

import json
import math
from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.import_bucket import ImportBucket
from opsloop.adapters.log_raw import RawLogs
from opsloop.adapters.quarantine import Quarantine
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError, InvalidInputError
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.claim import Claim
from opsloop.telemetry.fault import TOO_LARGE, UNEXPECTED
from opsloop.telemetry.importing import StoredObject, as_records, moved, object_of, pieces, unwrapped
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.payload import read_record
from opsloop.telemetry.reading import Payload, Reading, Refusal
from opsloop.telemetry.segment import Segment
from opsloop.telemetry.shard_log import ShardLog

SOURCE = "telemetry_import"
CONFLICTS_ALLOWED = 50  # each means that another import committed a piece


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    quarantine_bucket: str
    log_bucket: str
    import_bucket: str
    max_object_bytes: int = 134_217_728  # Firehose's largest; a larger object is named in quarantine, and stays
    max_inflated_bytes: int = 268_435_456
    log_retention_days: int = 9


settings = read_settings(Settings)
bucket = ImportBucket(settings.import_bucket)
quarantine = Quarantine(settings.quarantine_bucket)
log = TelemetryLog(settings.telemetry_table, SegmentStore(settings.segment_bucket), RawLogs(settings.log_bucket))
catalog = load_catalog()
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Count what the object holds and has not counted yet; raise if something does not answer, to be started again."""
    logger.set_correlation_id(event.get("id") or context.aws_request_id)
    metrics.add_metric(name="ImportsStarted", unit=MetricUnit.Count, value=1)
    found, reading = read(object_of(event))
    set_aside(found, reading.refused)
    items = 0
    for number, piece in enumerate(pieces(reading.payloads)):
        items += count(found, number, piece)
    metrics.add_metric(name="ItemsImported", unit=MetricUnit.Count, value=items)
    metrics.add_metric(name="ItemsRejected", unit=MetricUnit.Count, value=len(reading.refused))
    logger.info(
        "object imported",
        object=found.name,
        form=reading.form,
        requests=len(reading.payloads),
        items=items,
        refused=len(reading.refused),
        reasons=sorted({one.reason for one in reading.refused})[:3],
    )
    return {"items": items, "requests": len(reading.payloads), "refused": len(reading.refused)}


def read(found: StoredObject) -> tuple[StoredObject, Reading]:
    """Return the object with its version, and what it holds; of one that is too large a reference is refused."""
    if found.size_bytes > settings.max_object_bytes:
        reference = {"object": found.name, "size_bytes": found.size_bytes}
        reason = f"object is {found.size_bytes} bytes, more than {settings.max_object_bytes}: split it"
        refusal = Refusal(json.dumps(reference).encode(), reason, TOO_LARGE)
        return found, Reading("unread", (), (refusal,))
    data, version = bucket.read(found.key, found.version)
    found = replace(found, version=version)
    readings, left = [], settings.max_inflated_bytes
    for record in unwrapped(data):
        readings.append(understood(record, left))
        left -= sum(len(payload.protobuf) for payload in readings[-1].payloads)
    forms = sorted({one.form for one in readings})
    payloads = tuple(payload for one in readings for payload in one.payloads)
    return found, Reading(" ".join(forms), payloads, tuple(refusal for one in readings for refusal in one.refused))


def understood(record: bytes, max_bytes: int) -> Reading:
    """Return what a record holds, as ingest would read it."""
    if max_bytes <= 0:
        reason = f"the object holds more than {settings.max_inflated_bytes} bytes after inflation"
        return Reading("unread", (), (Refusal(record, reason, TOO_LARGE),))
    try:
        return read_record(record, "", max_bytes=max_bytes)
    except Exception as error:  # noqa: BLE001 - the boundary to strangers' bytes, which are kept whole
        return Reading("unknown", (), (Refusal(record, f"unexpected {type(error).__name__}: {error}", UNEXPECTED),))


def count(found: StoredObject, number: int, piece: list[Payload]) -> int:
    """Commit one piece with its claim; return how many items it added, none where it had counted before."""
    name = f"{number:06d}"
    segment: Segment | None = None
    for _ in range(CONFLICTS_ALLOWED):
        if name in log.claims(found.claims):
            logger.info("piece has counted before", object=found.name, piece=number)
            return 0
        segment = segment or planned(found, piece)
        segment = moved(segment, end(found.log))
        claim = Claim(found.claims, name, segment.end, found.stored_at.timestamp(), segment.items, SOURCE)
        try:
            log.append(found.log, segment, retention_days=settings.log_retention_days, claim=claim)
        except ConflictError:
            continue
        return segment.items
    raise ConflictError(f"{found.name}: somebody else was first {CONFLICTS_ALLOWED} times")


def planned(found: StoredObject, piece: list[Payload]) -> Segment:
    """Return what a piece adds, after what cannot be read of it has been set aside. It has no window: see its claim."""
    records = as_records(piece, found.stored_at.timestamp())
    segment = plan(records, ShardLog(found.log, 0.0), catalog, max_bytes=settings.max_inflated_bytes)
    if segment is None:
        raise InvalidInputError(f"{found.name}: a piece without requests")
    set_aside(found, [Refusal(one.data, one.reason, one.kind) for one in segment.unreadable])
    return replace(segment, fingerprints=())


def end(name: str) -> str:
    """Return where the log ``name`` ends; when all its items have expired, where it was folded to."""
    marks = log.tail(name, math.inf)
    if marks:
        return marks[-1].end
    log.register(name)
    return log.shards().get(name, LOG_START)


def set_aside(found: StoredObject, refused: Iterable[Refusal]) -> None:
    """Keep what cannot be read, with its object, before the rest counts."""
    for one in refused:
        facts = {"object": found.name, "kind": one.kind, "part": "part"}
        quarantine.put(SOURCE, one.data, reason=one.reason, now=found.stored_at, facts=facts)
