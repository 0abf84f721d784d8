"""Queue of S3 objects under logs/, schedule every minute -> documents in the search store, oldest first."""

import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_objects import ObjectTable
from opsloop.adapters.log_pending import PendingTable
from opsloop.adapters.log_rebuild import RebuildTable
from opsloop.adapters.search_store import open_search
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import DependencyUnavailableError
from opsloop.log.fill import Filled, fill
from opsloop.log.model import Pending
from opsloop.log.rebuild import Rebuilder
from opsloop.log.search_spec import LOGS
from opsloop.runtime.settings import read_settings
from opsloop.runtime.woken import woken_by

STOP_BEFORE_END_MS = 20_000
OBJECTS_AT_ONCE = 500
PREFIX = "opsloop"  # of the names of indexes, where the endpoint names none
YOUNG_S = 10  # what has just been kept is put in by the event of its object
WAITS, WAIT_S = 5, 0.2  # the object is put before it is entered as waiting, most often by some milliseconds


@dataclass(frozen=True)
class Settings:
    log_table: str
    log_bucket: str
    search_endpoint: str  # where documents are searched: https://, http://127.0.0.1, file:///; empty: nowhere


settings = read_settings(Settings)
bucket = LogBucket(settings.log_bucket)
objects = ObjectTable(settings.log_table)
waiting = PendingTable(settings.log_table)
rebuilds = RebuildTable(settings.log_table)
store = open_search(settings.search_endpoint, prefix=PREFIX)
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Make documents searchable; where the store does not take them they keep waiting, and health says so."""
    woken = woken_by(event)
    logger.set_correlation_id(woken[0].get("id") or context.aws_request_id)
    now_s = max(int(parse_time(one["time"], name="time").timestamp()) for one in woken)
    metrics.add_metric(name="IndexingsStarted", unit=MetricUnit.Count, value=1)
    if not settings.search_endpoint:
        logger.info("no search store: documents wait", objects=0)
        return {"objects": 0, "documents": 0, "why_not": "no search store"}
    try:
        store.prepare(LOGS)
        pending = of_events(woken)
        if pending is None:
            Rebuilder(rebuilds, objects, waiting, store).go_on(now_s, lambda: enough_time(context))
            pending = [one for one in waiting.oldest(OBJECTS_AT_ONCE) if one.since_s <= now_s - YOUNG_S]
        filled = fill(pending, bucket, store, waiting, lambda: enough_time(context))
    except DependencyUnavailableError as error:
        filled = Filled(why_not=error.message)
    report(filled, now_s)
    return {"objects": filled.objects, "documents": filled.documents, "why_not": filled.why_not}


def of_events(woken: list[dict[str, Any]]) -> list[Pending] | None:
    """Return the objects that the events tell of, if they wait; None if an event is not of an object."""
    if not all("object" in one.get("detail", {}) for one in woken):
        return None
    keys = dict.fromkeys(one["detail"]["object"]["key"] for one in woken)
    told = [Pending(key, bucket.since_s(key)) for key in keys]
    found: list[Pending] = []
    for _ in range(WAITS):
        found += [one for one in told if waiting.waits(one)]
        told = [one for one in told if one not in found]
        if not told:
            break
        time.sleep(WAIT_S)
    return found  # the others are put in already, or were never entered: another writer was first


def enough_time(context: LambdaContext) -> bool:
    """Return whether there is time for more."""
    return context.get_remaining_time_in_millis() > STOP_BEFORE_END_MS


def report(filled: Filled, now_s: int) -> None:
    """Say what came of it, in a log line and in metrics."""
    oldest = waiting.oldest(1)
    age_s = max(0, now_s - oldest[0].since_s) if oldest else 0
    counts = {
        "LogDocumentsIndexed": filled.documents,
        "LogDocumentsRefused": filled.refused,
        "LogObjectsUnreadable": filled.unreadable,
    }
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.add_metric(name="SearchPendingAgeSeconds", unit=MetricUnit.Seconds, value=age_s)
    facts: dict[str, Any] = {"objects": filled.objects, **counts, "pending_age_s": age_s}
    if filled.reasons:
        facts["reasons"] = filled.reasons
    if filled.why_not:
        logger.warning("documents wait: the search store does not take them", why=filled.why_not, **facts)
    else:
        logger.info("documents indexed", **facts)
