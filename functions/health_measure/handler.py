"""Schedule every five minutes -> what functions, queues and alarms did, and the month's use, in the health table."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.aws_inventory import Inventory
from opsloop.adapters.aws_metrics import CloudWatch
from opsloop.adapters.catalog_layer import load_functions
from opsloop.adapters.platform_table import PlatformTable
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import DependencyUnavailableError
from opsloop.health.facts import read_facts
from opsloop.health.snapshot import Snapshot
from opsloop.health.take import days_to_ask, is_due, with_metrics
from opsloop.health.usage import Resources, age_questions, questions
from opsloop.runtime.settings import read_settings

WORKERS = 8
AGE_WINDOW_S = 1_800
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    deployment: str  # what the names of its functions, queues and alarms begin with, such as `opsloop-prod`
    tables: str  # every table, as `kpi=<name> access=<name>`
    buckets: str  # every bucket, as `segment=<name> log=<name>`
    stream_name: str
    api_id: str  # of the HTTP API, by which CloudWatch knows it
    health_table: str
    metrics_every: str  # how long after it CloudWatch is asked again, such as `30m`: each question costs


settings = read_settings(Settings)
names = sorted(read_facts(load_functions()))


def pairs(text: str) -> dict[str, str]:
    """Return the names in ``kpi=<name> access=<name>``, by word."""
    return {word: name for word, _, name in (pair.partition("=") for pair in text.split())}


resources = Resources(
    functions={name: f"{settings.deployment}-{name}" for name in names},
    tables=pairs(settings.tables),
    buckets=pairs(settings.buckets),
    stream=settings.stream_name,
    api_id=settings.api_id,
)
table, inventory, cloudwatch = PlatformTable(settings.health_table), Inventory(), CloudWatch()
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at everything; what does not answer is told with its reason, and what was known of it before stays."""
    logger.set_correlation_id(event.get("id", context.aws_request_id))
    now = parse_time(event["time"], name="time")
    before = table.read() or Snapshot(time=0.0)
    faults: dict[str, str] = {}
    seen = _inventory(before, now, faults)
    if is_due(before, now, settings.metrics_every):
        taken = _ask("metrics", lambda: _metrics(seen, now), None, faults)
        seen = taken or seen
    seen = replace(seen, faults=faults)
    table.save(seen)
    metrics.add_metric(name="PlatformMeasured", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="PlatformFaults", unit=MetricUnit.Count, value=len(faults))
    logger.info("platform measured", alarms=len(seen.alarms), queues=len(seen.queues), faults=faults)
    return {"alarms": len(seen.alarms), "queues": len(seen.queues), "faults": faults}


def _inventory(before: Snapshot, now: datetime, faults: dict[str, str]) -> Snapshot:
    """Return ``before`` with the alarms, queues, setups and sizes of ``now``."""
    alarms = _ask("alarms", lambda: tuple(cloudwatch.alarms(f"{settings.deployment}-")), before.alarms, faults)
    with ThreadPoolExecutor(WORKERS) as pool:
        queues = dict(_each(pool, {alarm.queue for alarm in alarms if alarm.queue}, inventory.queue))
        setups = pool.submit(_known, resources.functions, inventory.setup, before.setups, "setups", faults)
        sizes = pool.submit(_known, resources.tables, inventory.table, before.tables, "tables", faults)
    return replace(
        before,
        time=now.timestamp(),
        alarms=alarms,
        queues=queues,
        setups=setups.result(),
        tables=sizes.result(),
        shards=_ask("stream", lambda: inventory.shards(resources.stream), before.shards, faults),
        custom_metrics=_ask("own metrics", lambda: cloudwatch.count("Opsloop"), before.custom_metrics, faults),
    )


def _metrics(before: Snapshot, now: datetime) -> Snapshot:
    """Return ``before`` with what CloudWatch says, whose hours are kept by day."""
    month = [now - timedelta(days=ago) for ago in range(now.day)]
    stored = table.days(one.date().isoformat() for one in (*month, now - timedelta(days=1)))
    asked = [one for one in questions(resources) if not one.is_daily or before.daily_on != now.date().isoformat()]
    days = days_to_ask(stored, now)
    answers = cloudwatch.read(asked, days[0].timestamp(), now.timestamp())
    taken = with_metrics(before, stored, asked, answers, days, names, now)
    for date, hours in taken.changed.items():
        table.save_day(date, hours)
    return replace(taken.snapshot, **_ages(taken.snapshot, now))


def _ages(seen: Snapshot, now: datetime) -> dict[str, Any]:
    """Return how long messages have waited in the queues that have some, and what asking that adds to the requests."""
    asked = age_questions(name for name, queue in seen.queues.items() if queue.messages)
    found = cloudwatch.read(asked, now.timestamp() - AGE_WINDOW_S, now.timestamp()) if asked else {}
    ages = {name: max(points)[1] for name, points in found.items()}
    return {"queue_ages": ages, "metric_requests": seen.metric_requests + len(asked)}


def _ask(what: str, ask: Callable[[], T], otherwise: T, faults: dict[str, str]) -> T:
    try:
        return ask()
    except DependencyUnavailableError as error:
        faults[what] = error.message
        return otherwise


def _each(pool: ThreadPoolExecutor, asked: Iterable[str], ask: Callable[[str], T]) -> Iterable[tuple[str, T]]:
    some = sorted(asked)
    return zip(some, pool.map(ask, some), strict=True)


def _known(
    asked: Mapping[str, str], ask: Callable[[str], T], before: Mapping[str, T], what: str, faults: dict[str, str]
) -> dict[str, T]:
    """Return what each answers, by its word; of one that does not, what was known ``before``."""
    found = {}
    for word, name in asked.items():
        answer = _ask(what, lambda name=name: ask(name), before.get(word), faults)  # type: ignore[misc]
        if answer is not None:
            found[word] = answer
    return found
