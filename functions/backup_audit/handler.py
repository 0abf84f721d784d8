"""Schedule, every 15 minutes, and each verdict: how backups stand -> assessments; `backup.objective_missed`, `_met`."""

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.backup_assessments import AssessmentTable
from opsloop.adapters.backup_claims import TakeTable
from opsloop.adapters.backup_rds import RdsInstances
from opsloop.adapters.backup_reports import ReportBucket
from opsloop.adapters.backup_table import DumpTable
from opsloop.adapters.backup_verifications import VerificationTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.backup.audit import Evidence, advance, audit
from opsloop.backup.audited import Audited, events, owed_json
from opsloop.backup.page import gauges, history_point
from opsloop.backup.sources import SourceReport, judge, read_source, unreadable
from opsloop.backup.sources_rds import read_rds
from opsloop.backup.standing import Assessment, Standing, assessment_json
from opsloop.catalog import BackupSource, Database
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError, DependencyUnavailableError, NotFoundError, TransientError
from opsloop.runtime.settings import read_settings

DUMPS_FOR, MOST_DUMPS = timedelta(days=120), 2_000  # half-hourly dumps: 41 days
MOST_VERIFICATIONS, MOST_TAKES = 100, 50
TAKES_FOR = timedelta(days=7)
LATE = timedelta(minutes=20)  # the clock's audit of a database did not happen
LATEST = timedelta(days=1)  # that an event may come: an audit further ahead was of a wrong clock, and counts no more
METRICS = {
    "backup_last_success_timestamp_seconds": "BackupAgeSeconds",
    "backup_last_proven_timestamp_seconds": "ProvenAgeSeconds",
    "backup_rpo_seconds": "RpoSeconds",
    "backup_rto_p95_seconds": "RtoP95Seconds",
    "backup_objectives_missed": "ObjectivesMissed",
    "backup_objectives_unknown": "ObjectivesUnknown",
}


@dataclass(frozen=True)
class Settings:
    backup_table: str
    backup_bucket: str
    bus_name: str


settings = read_settings(Settings)
catalog = load_catalog()
assessments = AssessmentTable(settings.backup_table)
dumps, verifications = DumpTable(settings.backup_table), VerificationTable(settings.backup_table)
takes = TakeTable(settings.backup_table)
reports, instances = ReportBucket(settings.backup_bucket), RdsInstances()
bus = Bus(settings.bus_name)
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge databases at the event's time; one that cannot be judged does not stop the others."""
    now = parse_time(event["time"], name="time")
    logger.set_correlation_id(event.get("id") or context.aws_request_id)
    metrics.add_metric(name="AuditsStarted", unit=MetricUnit.Count, value=1)
    found: list[Assessment] = []
    failure: TransientError | None = None
    for database in meant(event, now):
        try:
            found += [one for one in [look_at(database, now)] if one is not None]
        except TransientError as error:  # the next run judges it; this one fails, so that somebody hears of it
            logger.warning("database not judged", database=database.name, reason=error.message)
            failure = error
    counts = {standing: sum(one.standing is standing for one in found) for standing in Standing}
    metrics.add_metric(name="DatabasesAudited", unit=MetricUnit.Count, value=len(found))
    if not event.get("detail"):  # these are of all databases
        metrics.add_metric(name="DatabasesMissingObjectives", unit=MetricUnit.Count, value=counts[Standing.MISSED])
        metrics.add_metric(name="DatabasesUnknown", unit=MetricUnit.Count, value=counts[Standing.UNKNOWN])
    logger.info("backups judged", standings={standing.value: count for standing, count in counts.items()})
    if failure is not None:
        raise failure
    return {"audited": len(found), "standings": {one.database: one.standing.value for one in found}}


def meant(event: dict[str, Any], now: datetime) -> list[Database]:
    """Return the databases to judge: by the clock all; by a verdict its own, and those that the clock has left out."""
    data = (event.get("detail") or {}).get("data")
    if data is None:
        return list(catalog.databases.values())
    known = assessments.all()
    late = {name for name in catalog.databases if name not in known or now - known[name].judged_at > LATE}
    return [one for name, one in catalog.databases.items() if name == data.get("database") or name in late]


def look_at(database: Database, now: datetime) -> Assessment | None:
    """Judge one database, keep what was found, and tell what is new; None if another audit is ahead of this one."""
    before = assessments.find(database.name)
    if before is not None and now < before.judged_at <= now + LATEST:
        return None
    if before is not None and before.owed:  # the last audit ended before it had told everything
        bus.publish(events(database.name, before.owed, before.judged_at))
    found = audit(database, evidence(database, now), now)
    remembered, tellings = advance(database, before.remembered if before else None, found)
    document = assessment_json(found)
    owed = tuple(owed_json(one) for one in tellings)
    audited = Audited(database.name, now, document, remembered, owed, before.revision if before else 0)
    try:
        audited = assessments.save(audited)
        if owed:
            bus.publish(events(database.name, owed, now))
            assessments.save(replace(audited, owed=()))
    except ConflictError:
        logger.info("another audit was ahead", database=database.name)
        return None
    assessments.note(database.name, now, history_point(document))
    report(database, document, now)
    return found


def evidence(database: Database, now: datetime) -> Evidence:
    """Return what is known of a database's backups."""
    return Evidence(
        dumps=list(islice(dumps.of(database.name, since=now - DUMPS_FOR), MOST_DUMPS)),
        verifications=list(islice(verifications.of(database.name), MOST_VERIFICATIONS)),
        takes=list(islice(takes.of(database.name, since=now - TAKES_FOR), MOST_TAKES)),
        reports=[read(source, now) for source in database.sources],
    )


def read(source: BackupSource, now: datetime) -> SourceReport:
    """Return what a source says; one that does not answer is unknown, with the reason."""
    name = source.instance or source.report
    try:
        if source.kind == "rds":
            return judge(source.kind, name, read_rds(instances.describe(source.instance)), now, now)
        document = reports.read(source.report)
    except (NotFoundError, DependencyUnavailableError) as error:
        return unreadable(source.kind, name, error.message)
    return read_source(source.kind, name, document.body, document.written_at, now)


def report(database: Database, document: dict[str, Any], now: datetime) -> None:
    """Measure one database; ages count from now, and what is not known is not sent."""
    for name, value in gauges(database, document, now).items():
        metric = METRICS.get(name)
        if metric is None:
            continue
        shown = now.timestamp() - value if name.endswith("timestamp_seconds") else value
        unit = MetricUnit.Seconds if metric.endswith("Seconds") else MetricUnit.Count
        with single_metric(name=metric, unit=unit, value=max(0.0, shown)) as one:
            one.add_dimension(name="database", value=database.name)
    logger.info("database judged", database=database.name, standing=document["standing"], why=document["summary"])
