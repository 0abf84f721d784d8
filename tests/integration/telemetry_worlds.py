"""The environments of the simulation's functions: the real modules, without AWS behind them."""

from collections.abc import Callable
from dataclasses import replace
from inspect import unwrap
from types import ModuleType
from typing import Any

from tests.integration.telemetry_simulation import STREAMS, Environments

ENVIRONMENT = {
    "TELEMETRY_TABLE": "none",
    "KPI_TABLE": "none",
    "SEGMENT_BUCKET": "none",
    "LOG_BUCKET": "none",
    "QUARANTINE_BUCKET": "none",
    "ACCESS_TABLE": "none",
    "BUS_NAME": "none",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_DISABLED": "true",
}


class Silent:
    """A logger and metrics of which nothing is heard."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def environments_of(load: Callable[[str], ModuleType]) -> Environments:
    """Return two environments of each function, loaded by ``load``, that say nothing."""
    names = ("telemetry_ingest", "telemetry_fold", "kpi_rollup", "telemetry_quarantine")
    found = Environments(*([load(name) for _ in range(2)] for name in names))
    for handler in found.ingests:
        handler.catalog = replace(handler.catalog, streams=STREAMS)
        handler.report = no_lines
    for handler in found.folds + found.rollups + found.replays:
        handler.logger = handler.metrics = Silent()
        handler.lambda_handler = unwrap(handler.lambda_handler)  # without what logs and measures it
    return found


def no_lines(*_: Any) -> tuple[()]:
    """Report nothing."""
    return ()
