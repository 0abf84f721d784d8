"""Schedule every minute -> every dependency looked at, the findings in the health table."""

from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.alert_table import AlertTable
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.health_checks import HealthChecks
from opsloop.adapters.health_table import HealthTable
from opsloop.adapters.kpi_pages import KpiPages
from opsloop.adapters.log_pending import PendingTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_blocks import BlockTable
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.clock import minute_of, parse_time
from opsloop.dataclass import dataclass
from opsloop.health.assess import rollup_check, worst
from opsloop.health.model import Check, Probe, Status
from opsloop.health.progress import fold_check, index_check, ingest_check
from opsloop.health.run_checks import run_checks
from opsloop.health.telling import COMPONENT, telling_check
from opsloop.runtime.settings import read_settings

CHECK_TIMEOUT_S = 8.0


@dataclass(frozen=True)
class Settings:
    tables: str  # every table, as `kpi=<name> access=<name>`
    telemetry_table: str
    alert_table: str
    kpi_table: str
    health_table: str
    stream_name: str
    segment_bucket: str
    quarantine_bucket: str
    log_table: str
    log_bucket: str
    search_endpoint: str  # where documents are searched: https://, http://127.0.0.1, file:///; empty: nowhere
    bus_name: str


settings = read_settings(Settings)
dependencies = HealthChecks(
    tables={word: name for word, _, name in (pair.partition("=") for pair in settings.tables.split())},
    stream=settings.stream_name,
    buckets={"segment": settings.segment_bucket, "quarantine": settings.quarantine_bucket, "log": settings.log_bucket},
    bus=settings.bus_name,
)
store = SegmentStore(settings.segment_bucket)
log, blocks = TelemetryLog(settings.telemetry_table, store), BlockTable(settings.telemetry_table, store)
kpis, health = KpiPages(settings.kpi_table), HealthTable(settings.health_table)
alerts = AlertTable(settings.alert_table)
waiting = PendingTable(settings.log_table)
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ask everything at once and keep the answers; one that does not come in time is a failure of that component."""
    logger.set_correlation_id(event.get("id", context.aws_request_id))
    metrics.add_metric(name="ProbesStarted", unit=MetricUnit.Count, value=1)
    now = parse_time(event["time"], name="time")
    before = health.read()
    since = before.since if before else now
    questions = {
        **dependencies.questions(),
        "ingest:age": lambda: ingest_check(log, now),
        "fold:lag": lambda: fold_check(log, now),
        "log_index:age": lambda: index_check(waiting, now, has_store=bool(settings.search_endpoint)),
        "kpi_rollup:age": lambda: _rollup(since, now),
        COMPONENT: lambda: _telling(now),
    }
    checks = run_checks(questions, timeout_s=CHECK_TIMEOUT_S)
    health.save(Probe(now, checks, since))
    unwell = {check.component: check.output for check in checks if check.status is not Status.PASS}
    failed = sum(check.status is Status.FAIL for check in checks)
    metrics.add_metric(name="ChecksFailed", unit=MetricUnit.Count, value=failed)
    metrics.add_metric(name="ChecksPassed", unit=MetricUnit.Count, value=len(checks) - len(unwell))
    status = worst(checks)
    logger.info("dependencies probed", status=status, checks=len(checks), unwell=unwell)
    return {"status": status, "checks": len(checks), "failed": failed}


def _rollup(since: datetime, now: datetime) -> Check:
    first_seen = min((one.first_seen for one in blocks.services()), default=None)
    return rollup_check(kpis.last_rolled_up(), first_seen, minute_of(since), now)


def _telling(now: datetime) -> Check:
    days = {now.date(), (now - timedelta(days=1)).date()}
    recent = [one for day in sorted(days) for one in alerts.of_day(day.isoformat())]
    return telling_check(len(load_catalog().channels), recent, now)
