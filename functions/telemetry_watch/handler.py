"""Schedule, every minute: age of the oldest record not yet ingested -> pressure item, metric, a gauge of our own."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.pressure_table import PressureTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.stream_backlog import StreamBacklog
from opsloop.adapters.stream_identity import StreamIdentity
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.clock import minute_of, parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.pressure import WATCH_LOG, Pressure, gauge_request
from opsloop.telemetry.segment import StreamRecord
from opsloop.telemetry.shard_log import ShardLog, log_name, padded


@dataclass(frozen=True)
class Settings:
    stream_name: str
    telemetry_table: str
    segment_bucket: str
    log_retention_days: int = 9


settings = read_settings(Settings)
stream = StreamIdentity(settings.stream_name)
backlog = StreamBacklog(settings.stream_name, settings.telemetry_table)
pressure = PressureTable(settings.telemetry_table, settings.stream_name)
log = TelemetryLog(settings.telemetry_table, SegmentStore(settings.segment_bucket))
catalog = load_catalog()
logger, metrics = Logger(), Metrics()
ends: list[str] = []  # the last known end of our own log, while this environment lives


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Measure and tell; raise if something does not answer, so that no measurement stands there as if it were one."""
    now = parse_time(event["time"], name="time")
    logger.set_correlation_id(event.get("id") or context.aws_request_id)
    metrics.add_dimension(name="stream", value=settings.stream_name)  # or the stages of an account would be one
    metrics.add_metric(name="WatchesStarted", unit=MetricUnit.Count, value=1)
    ages = measure(now)
    age_s = max(ages.values(), default=0.0)
    try:
        pressure.put(Pressure(age_s, now.timestamp()))
    except ConflictError as error:  # a late start of this function
        logger.info("measurement not stored", reason=error.message)
    keep(age_s, now)
    metrics.add_metric(name="OldestRecordAgeSeconds", unit=MetricUnit.Seconds, value=age_s)
    logger.info("backlog measured", age_s=age_s, shards={shard: age for shard, age in ages.items() if age})
    return {"age_s": age_s, "shards": len(ages)}


def measure(now: datetime) -> dict[str, float]:
    """Return the age of the oldest unread record of every shard; 0 where all is read."""
    created_s = stream.created_s()
    ages = {}
    for shard in stream.parents():
        arrived_s = backlog.oldest_arrival_s(shard, log_name(settings.stream_name, created_s, shard))
        ages[shard] = 0.0 if arrived_s is None else max(0.0, now.timestamp() - arrived_s)
    return ages


def keep(age_s: float, now: datetime) -> None:
    """Add the measurement to our own log, so that it is a KPI: once per minute, however often this is started.

    Not by the stream: there it would wait in the very queue that it measures, and no stream would ever fall silent.
    """
    known = ShardLog(WATCH_LOG, 0.0, ends.pop() if ends else end())
    record = StreamRecord(padded(str(minute_of(now))), "", gauge_request(age_s, now.timestamp()), now.timestamp())
    segment = plan([record], known, catalog, max_bytes=len(record.data))
    if segment is None:
        logger.info("minute already kept", end=known.tip)
        ends.append(known.tip)
        return
    try:
        log.append(WATCH_LOG, segment, retention_days=settings.log_retention_days)
    except ConflictError:
        logger.info("somebody else kept this minute", end=known.tip)
        return
    ends.append(segment.end)


def end() -> str:
    """Return where our own log ends; when all its items have expired, where it was folded to."""
    marks = log.tail(WATCH_LOG, float("inf"))
    if marks:
        return marks[-1].end
    log.register(WATCH_LOG)
    return log.shards().get(WATCH_LOG, LOG_START)
