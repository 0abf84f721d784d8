"""Nightly -> damaged dumps tried on the verifier, `backup.drill_passed` or `backup.drill_failed`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.backup_drills import DrillTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.postgres_cluster import trust_none_but_own
from opsloop.adapters.postgres_drill import drill_here
from opsloop.backup.drill import fact
from opsloop.clock import format_time, parse_time
from opsloop.dataclass import dataclass
from opsloop.events import Event
from opsloop.runtime.settings import read_settings

STOP_BEFORE_END_MS = 75_000  # one control may take a minute, and what came of all is to be stored


@dataclass(frozen=True)
class Settings:
    backup_table: str
    bus_name: str


settings = read_settings(Settings)
drills, bus = DrillTable(settings.backup_table), Bus(settings.bus_name)
logger, metrics = Logger(), Metrics()
trust_none_but_own()  # a process before this one may have been killed by what it restored


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Try every control on the verifier; store what came of it, then tell it."""
    now = parse_time(event["time"], name="time")
    logger.set_correlation_id(event["id"])
    drill = drill_here(
        f"{now:%Y%m%dT%H%M%SZ}", now, has_time=lambda: context.get_remaining_time_in_millis() > STOP_BEFORE_END_MS
    )
    drills.save(drill)
    bus.publish([Event(f"drill/{format_time(now)}", "verifier", now, fact(drill), event["id"])])
    metrics.add_metric(name="DrillsPassed", unit=MetricUnit.Count, value=int(drill.passed))
    metrics.add_metric(name="DrillsFailed", unit=MetricUnit.Count, value=int(not drill.passed))
    metrics.add_metric(name="DrillSeconds", unit=MetricUnit.Seconds, value=drill.seconds)
    if drill.passed:
        logger.info("the verifier was drilled and is sound", controls=len(drill.trials), seconds=drill.seconds)
    else:
        wrong = {one.name: f"expected {one.expected}, got {one.got}" for one in drill.failures}
        logger.error("the verifier is broken: no verdict of it can be trusted", wrong=wrong, seconds=drill.seconds)
    return {"passed": drill.passed, "controls": len(drill.trials), "wrong": [one.name for one in drill.failures]}
