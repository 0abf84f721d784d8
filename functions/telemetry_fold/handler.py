"""Schedule, every minute: shard logs -> blocks of services and hours, ``telemetry.late_data_folded``."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.bus import Bus
from opsloop.adapters.call_links import CallLinks
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, TransientError
from opsloop.events import Event
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.fold import Folding, Key, portions
from opsloop.telemetry.link_window import LinkFolding

CHUNK_SEGMENTS = 100
STOP_BEFORE_END_MS = 30_000  # what is left then is folded by the next run
CONFLICTS_ALLOWED = 10


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    bus_name: str
    block_retention_days: int = 35
    link_retention_days: int = 2


settings = read_settings(Settings)
store = SegmentStore(settings.segment_bucket)
log = TelemetryLog(settings.telemetry_table, store)
blocks = BlockTable(settings.telemetry_table, store)
call_links = CallLinks(settings.telemetry_table)
bus = Bus(settings.bus_name)
catalog = load_catalog()
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Fold what the logs gained; raise if a store did not answer for one of them, after the others are done."""
    now = parse_time(event["time"], name="time")
    correlation_id = event.get("id") or context.aws_request_id
    logger.set_correlation_id(correlation_id)
    metrics.add_metric(name="FoldsStarted", unit=MetricUnit.Count, value=1)
    segments = late = 0
    lag_s = 0.0
    failures: list[TransientError] = []
    for log_key, position in log.shards().items():
        try:
            for folding in pending(log_key, position):
                if segments and context.get_remaining_time_in_millis() < STOP_BEFORE_END_MS:
                    lag_s = max(lag_s, now.timestamp() - folding.segments[0].last_arrival_s)
                    break
                fold(folding, now)
                late += tell_late_data(folding, now, correlation_id)
                log.advance(log_key, position, folding.end)
                position = folding.end
                segments += len(folding.segments)
        except ConflictError as error:
            logger.info("another fold was ahead", log=log_key, reason=error.message)
        except TransientError as error:  # the next run goes on from here
            failures.append(error)
            logger.warning("shard not folded to its end", log=log_key, reason=error.message)
    metrics.add_metric(name="SegmentsFolded", unit=MetricUnit.Count, value=segments)
    metrics.add_metric(name="LateHoursFolded", unit=MetricUnit.Count, value=late)
    metrics.add_metric(name="FoldLagSeconds", unit=MetricUnit.Seconds, value=lag_s)
    logger.info("segments folded", segments=segments, late_hours=late, lag_s=lag_s, shards_failed=len(failures))
    if failures:
        raise failures[0]
    return {"segments": segments, "late_hours": late, "lag_s": lag_s}


def pending(log_key: str, position: str) -> Iterator[Folding]:
    """Yield the segments of the log after ``position``, some at a time."""
    while segments := log.read(log_key, position, CHUNK_SEGMENTS):
        for portion in portions(segments):
            yield Folding(log_key, portion)
        position = segments[-1].end


def fold(folding: Folding, now: datetime) -> None:
    """Bring every block that the segments touch up to date, then the list of services."""
    for key in folding.touched():
        fold_block(folding, key, now)
    fold_links(folding, now)
    blocks.note_services(folding.seen_services())


def fold_block(folding: Folding, key: Key, now: datetime) -> None:
    """Merge the segments into one block; if somebody else saved it meanwhile, into what they saved."""
    limit = catalog.service(key[0]).series_limit
    for _ in range(CONFLICTS_ALLOWED):
        block = folding.fold_into(blocks.get(*key), key, limit)
        if block is None:
            return
        try:
            blocks.save(block, now=now, retention_days=settings.block_retention_days)
        except ConflictError:
            continue
        return
    raise ConflictError(f"block {key}: somebody else saved it {CONFLICTS_ALLOWED} times")


def fold_links(folding: Folding, now: datetime) -> None:
    """Merge the sampled spans of the segments into their windows, but for those that would have expired."""
    links = LinkFolding(folding.log, folding.segments)
    for start in links.windows():
        if start * 60 + settings.link_retention_days * 86_400 > now.timestamp():
            fold_window(links, folding.log, start)


def fold_window(links: LinkFolding, log_key: str, start: int) -> None:
    """Merge the segments into one window; if somebody else saved it meanwhile, into what they saved."""
    for _ in range(CONFLICTS_ALLOWED):
        known = call_links.get(log_key, start)
        window = links.fold_into(known, start)
        if window is None:
            return
        try:
            expected = known.folded_to if known else None
            call_links.save(window, expected, retention_days=settings.link_retention_days)
        except ConflictError:
            continue
        return
    raise ConflictError(f"links of {log_key}: somebody else saved them {CONFLICTS_ALLOWED} times")


def tell_late_data(folding: Folding, now: datetime, correlation_id: str) -> int:
    """Tell which closed hours the segments reached, before the watermark forgets them; return how many.

    The one place where the wall clock counts: an hour may close while a fold is under way, and who rolled it up then
    has not seen what was saved after.
    """
    moment = max(now, datetime.fromtimestamp(time.time(), UTC))
    facts = folding.late_data(moment.timestamp())
    events = [Event(_event_id(folding, fact.service), fact.service, moment, fact, correlation_id) for fact in facts]
    bus.publish(events)
    return sum(len(fact.hours) for fact in facts)


def _event_id(folding: Folding, service: str) -> str:
    text = f"{folding.log} {folding.segments[0].start} {folding.end} {service}"
    return sha256(text.encode()).hexdigest()[:32]
