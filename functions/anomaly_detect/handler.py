"""Schedule, every 5 minutes: blocks, log patterns -> anomalies; ``anomaly.detected``, ``anomaly.ended``."""

import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.anomaly_state import StateTable
from opsloop.adapters.anomaly_table import AnomalyTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.call_links import CallLinks
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.fold_progress import FoldProgress
from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_patterns import PatternTable
from opsloop.adapters.pressure_table import PressureTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.anomaly.ready import complete_to, judged_range, unfolded
from opsloop.anomaly.run import World, run
from opsloop.clock import format_time, parse_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, TransientError
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.pressure import OWN_SERVICE, Pressure

STOP_BEFORE_END_MS = 45_000  # what is left then is judged by the next run
WAIT_S, LOOKS = 4.0, 10


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    log_table: str
    log_bucket: str
    anomaly_table: str
    bus_name: str
    stream_name: str


settings = read_settings(Settings)
store = SegmentStore(settings.segment_bucket)
blocks = BlockTable(settings.telemetry_table, store)
links = CallLinks(settings.telemetry_table)
patterns = PatternTable(settings.log_table, LogBucket(settings.log_bucket))
progress = FoldProgress(settings.telemetry_table)
pressure = PressureTable(settings.telemetry_table, settings.stream_name)
states = StateTable(settings.anomaly_table, store)
anomalies = AnomalyTable(settings.anomaly_table)
bus = Bus(settings.bus_name)
catalog = load_catalog()
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge the buckets that are over at the event's time. With ``"relearn": true`` begin anew from the blocks."""
    now = parse_time(event["time"], name="time")
    logger.set_correlation_id(event.get("id") or context.aws_request_id)
    metrics.add_metric(name="DetectionsStarted", unit=MetricUnit.Count, value=1)
    world = World(
        catalog=catalog,
        blocks=blocks,
        patterns=patterns,
        edges=links.edges,
        states=states,
        anomalies=anomalies,
        publish=bus.publish,
        ready=ready,
    )
    try:
        outcome = run(
            world,
            now,
            [one for one in blocks.services() if one.service != OWN_SERVICE],  # that is left to health
            has_time=lambda: context.get_remaining_time_in_millis() > STOP_BEFORE_END_MS,
            relearns=event.get("relearn") is True,
        )
    except ConflictError as error:
        logger.info("another run was ahead", reason=error.message)
        metrics.add_metric(name="DetectionsOvertaken", unit=MetricUnit.Count, value=1)
        return {"overtaken": True}
    metrics.add_metric(name="BucketsJudged", unit=MetricUnit.Count, value=outcome.buckets)
    metrics.add_metric(name="SeriesJudged", unit=MetricUnit.Count, value=outcome.series)
    metrics.add_metric(name="AnomaliesBegun", unit=MetricUnit.Count, value=outcome.begun)
    metrics.add_metric(name="AnomaliesOpen", unit=MetricUnit.Count, value=outcome.open)
    metrics.add_metric(name="BucketsLeft", unit=MetricUnit.Count, value=outcome.left)
    answer = {**vars(outcome), "judged_to": None}
    if outcome.judged_to is not None:
        answer["judged_to"] = format_time(time_of(outcome.judged_to))
    logger.info("buckets judged", **answer)
    return answer


def ready(first_minute: int, end_minute: int) -> tuple[int, int]:
    """Wait a little for what has arrived to be folded; return up to where to judge, and from where on data lack."""
    left = unfolded(progress, first_minute, end_minute)
    for _ in range(LOOKS):
        if not left:
            break
        time.sleep(WAIT_S)
        left = left.left(progress.folded())
    until, complete = judged_range(end_minute, complete_to(end_minute, left, measured()))
    if complete < end_minute:
        logger.info("data are missing", complete_to=format_time(time_of(complete)), logs=sorted(left.ends))
    return until, complete


def measured() -> Pressure | None:
    """Return how far ingest is behind, None where that is not known."""
    try:
        return pressure.get()
    except TransientError as error:
        logger.warning("backlog not known", reason=error.message)
        return None
