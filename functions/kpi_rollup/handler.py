"""Schedules (hourly, daily), late data on the bus -> rows of closed hours and days, ``kpi.rolled_up``."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.kpi_table import KpiTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.clock import format_time, minute_of, parse_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import DependencyUnavailableError
from opsloop.events import Event
from opsloop.kpi.model import KpiRolledUp
from opsloop.kpi.plan import Plan, plan_late, plan_schedule
from opsloop.kpi.update import Updated, update_service
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.model import LateDataFolded

STOP_BEFORE_END_MS = 10_000
SERVICES_PER_EVENT = 500  # an EventBridge entry ends at 256 KB


@dataclass(frozen=True)
class Settings:
    telemetry_table: str
    segment_bucket: str
    kpi_table: str
    bus_name: str
    kpi_retention_days: int = 800


settings = read_settings(Settings)
blocks = BlockTable(settings.telemetry_table, SegmentStore(settings.segment_bucket))
pages = KpiTable(settings.kpi_table)
bus = Bus(settings.bus_name)
catalog = load_catalog()
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Bring the rows that ``event`` is about up to date; raise if a service is left, so that it is tried again."""
    metrics.add_metric(name="RollupsStarted", unit=MetricUnit.Count, value=1)
    now = parse_time(event["time"], name="time")
    plan, services, correlation_id = _read(event, now)
    logger.set_correlation_id(correlation_id or context.aws_request_id)
    done, left = _update(plan, services, context)
    _tell(plan, done, now, correlation_id or context.aws_request_id)
    totals = {
        "services": len(done),
        "hours": sum(len(one.hours) for one in done.values()),
        "days": sum(len(one.days) for one in done.values()),
        "rows": sum(one.rows for one in done.values()),
        "pages": sum(one.pages for one in done.values()),
    }
    metrics.add_metric(name="KpiRowsWritten", unit=MetricUnit.Count, value=totals["rows"])
    metrics.add_metric(name="ServiceRollupsFailed", unit=MetricUnit.Count, value=len(left))
    logger.info("KPIs rolled up", time=event["time"], services_left=len(left), totals=totals)
    if left:
        raise DependencyUnavailableError(f"{len(left)} services are left to roll up, {left[0]!r} first")
    if not _is_late_data(event) and plan.due:
        pages.mark_rolled_up(plan.due[-1])
    return totals


def _read(event: dict[str, Any], now: datetime) -> tuple[Plan, dict[str, int | None], str]:
    """Return the plan, the services it is about with the minute each was first seen, and the correlation id."""
    seen = {one.service: one.first_seen for one in blocks.services()}
    if _is_late_data(event):
        data = event["detail"]["data"]
        hours = [minute_of(parse_time(hour, name="hours")) for hour in data["hours"]]
        service = data["service"]
        return plan_late(minute_of(now), hours), {service: seen.get(service)}, event["detail"]["correlationid"]
    plan = plan_schedule(minute_of(now), event.get("resolution"))
    return plan, {name: seen.get(name) for name in sorted({*seen, *catalog.services})}, event.get("id", "")


def _is_late_data(event: dict[str, Any]) -> bool:
    return bool(event.get("detail-type") == LateDataFolded.TYPE)


def _update(
    plan: Plan, services: dict[str, int | None], context: LambdaContext
) -> tuple[dict[str, Updated], list[str]]:
    """Return what was done per service, and the services that failed or for which no time was left."""
    done: dict[str, Updated] = {}
    left: list[str] = []
    for name, first_seen in services.items():
        if context.get_remaining_time_in_millis() < STOP_BEFORE_END_MS:
            left.append(name)
            continue
        try:
            done[name] = update_service(
                catalog.service(name),
                plan,
                known_since=first_seen,
                blocks=blocks,
                pages=pages,
                retention_days=settings.kpi_retention_days,
            )
        except Exception:  # the boundary between services: one that cannot be computed must not stop the others
            logger.exception("service not rolled up", service_name=name)
            left.append(name)
    return done, left


def _tell(plan: Plan, done: dict[str, Updated], now: datetime, correlation_id: str) -> None:
    """Publish which rows are written. Told again after a retry, an event has the same id."""
    for resolution, due in (("hour", plan.due), ("day", plan.days)):
        starts = sorted({*due, *(start for one in done.values() for start in getattr(one, f"{resolution}s"))})
        for services in _portions(sorted(done)) if starts else ():
            fact = KpiRolledUp(resolution, [format_time(time_of(start)) for start in starts], services)
            key = f"{correlation_id} {resolution} {services[0]} {format_time(now)}"
            subject = services[0] if len(services) == 1 else "all"
            bus.publish([Event(sha256(key.encode()).hexdigest()[:32], subject, now, fact, correlation_id)])


def _portions(services: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(services), SERVICES_PER_EVENT):
        yield services[first : first + SERVICES_PER_EVENT]
