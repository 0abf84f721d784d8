"""HTTP GET /health/live, /health/ready (open) -> whether opsloop is up, and whether it works, answered from memory."""

import json
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.health_table import HealthTable
from opsloop.dataclass import dataclass
from opsloop.health.assess import readiness
from opsloop.health.fresh_copy import FreshCopy
from opsloop.health.model import Probe, Status
from opsloop.runtime.settings import read_settings

VALIDITY_S, REFRESH_AFTER_S = 90.0, 15.0


@dataclass(frozen=True)
class Settings:
    health_table: str


settings = read_settings(Settings)
table = HealthTable(settings.health_table)
logger, metrics = Logger(), Metrics()


def _complain(error: Exception) -> None:
    logger.warning("health table could not be read", error=str(error))


copy: FreshCopy[Probe | None] = FreshCopy(
    table.read, validity_s=VALIDITY_S, refresh_after_s=REFRESH_AFTER_S, on_error=_complain
)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one health request; the time of the request is now."""
    request = event["requestContext"]
    path, now = event["rawPath"], datetime.fromtimestamp(request["timeEpoch"] / 1000, UTC)
    if path.endswith("/health/live"):
        report: dict[str, Any] = {"status": Status.PASS, "serviceId": "opsloop"}
    else:
        report = readiness(copy.read(now), now)
        copy.refresh(now)  # goes on after this answer is out
    failed = report["status"] == Status.FAIL
    metrics.add_metric(name="HealthAnswered", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="HealthFailed", unit=MetricUnit.Count, value=int(failed))
    logger.info(
        "health answered",
        correlation_id=request["requestId"],
        path=path,
        status=report["status"],
        request_id=context.aws_request_id,
    )
    return {
        "statusCode": 503 if failed else 200,
        "headers": {"content-type": "application/health+json", "cache-control": "no-store"},
        "body": json.dumps(report),
    }
