"""Queue of S3 objects under raw/, schedule every minute -> log documents and pattern counts, each once."""

import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_raw import RawLogs
from opsloop.adapters.log_table import LogTable
from opsloop.adapters.quarantine import Quarantine
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, TransientError
from opsloop.log.follow import CHUNK_ITEMS, Follower, Lost, Report
from opsloop.log.names import is_kept, log_of_raw
from opsloop.runtime.settings import read_settings
from opsloop.runtime.woken import woken_by
from opsloop.telemetry.log_records import read_records
from opsloop.telemetry.model import LOG_START

SOURCE = "log_keep"
STOP_BEFORE_END_MS = 30_000  # what is left then is kept by the next run
WAITS, WAIT_S = 10, 0.3  # the object is put before its batch is committed, most often by some milliseconds


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    log_table: str
    log_bucket: str
    quarantine_bucket: str
    pattern_retention_days: int = 35


settings = read_settings(Settings)
source = TelemetryLog(settings.telemetry_table, SegmentStore(settings.segment_bucket))
raws = RawLogs(settings.log_bucket)
bucket = LogBucket(settings.log_bucket)
table = LogTable(settings.log_table, bucket)
quarantine = Quarantine(settings.quarantine_bucket)
catalog = load_catalog()
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Keep what the logs gained; raise if a store did not answer for one of them, after the others are done."""
    woken = woken_by(event)
    logger.set_correlation_id(woken[0].get("id") or context.aws_request_id)
    now = max(parse_time(one["time"], name="time") for one in woken)
    report, failures = Report(), list[TransientError]()
    kept = table.kept()
    for log in dict.fromkeys(log for one in woken for log in logs_of(one, kept)):
        follower = Follower(
            log, source, raws, table, bucket, decode, tell, pattern_days=settings.pattern_retention_days
        )
        try:
            follower.follow(kept.get(log, LOG_START), report, lambda: enough_time(context))
        except ConflictError as error:  # many others work on the same service: the next run goes on from here
            logger.info("others were ahead", log=log, reason=error.message)
        except TransientError as error:  # the next run goes on from here
            failures.append(error)
            logger.warning("log not kept to its end", log=log, reason=error.message)
    counts: dict[str, Any] = report.metrics()
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    lag_s = max(0.0, now.timestamp() - report.waiting_since_s) if report.waiting_since_s else 0.0
    metrics.add_metric(name="KeepLagSeconds", unit=MetricUnit.Seconds, value=lag_s)
    logger.info("logs kept", **counts, lag_s=lag_s, logs_failed=len(failures))
    if failures:
        raise failures[0]
    return {"records": report.records, "objects": report.objects, "lost": report.lost}


def logs_of(event: dict[str, Any], kept: dict[str, str]) -> list[str]:
    """Return the logs to follow: that of the object which the event tells of, once its batch is committed, or all."""
    if "object" not in event.get("detail", {}):
        return list(source.shards())
    key = event["detail"]["object"]["key"]
    log = log_of_raw(key)
    position = kept.get(log, LOG_START)
    for _ in range(WAITS):
        if is_kept(key, position):
            return []
        items = source.raw_after(log, position, CHUNK_ITEMS)
        if len(items) == CHUNK_ITEMS or any(item.raw_key == key for item in items):
            break
        time.sleep(WAIT_S)
    return [log]


def decode(arrival_s: float, request: bytes) -> Any:
    """Return the log records of a request by the rules by which telemetry counted them."""
    return read_records(arrival_s, request, catalog)


def enough_time(context: LambdaContext) -> bool:
    """Return whether there is time for another batch."""
    return context.get_remaining_time_in_millis() > STOP_BEFORE_END_MS


def tell(lost: Lost) -> None:
    """Say loudly that committed log records could not be kept, and set aside what there is of them."""
    facts = {"log": lost.log, "raw": lost.raw_key, "kind": "lost"}
    quarantine.put(SOURCE, lost.data, reason=lost.reason, now=lost.arrived_at, facts=facts)
    logger.error("committed log records could not be kept", log=lost.log, raw=lost.raw_key, reason=lost.reason)
