"""Blocks for tests, made of spans and log records that the test knows one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opsloop.catalog import Service
from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.model import LOG_RECORDS, SPAN_DURATION, Block, Series, Source

HOUR = 29_919_840  # 2026-11-20T16:00Z, in minutes since the epoch
DAY = HOUR - HOUR % 1440
SHOP = Service(
    name="shop",
    tier=1,
    owner="team",
    contact="#team",
    environment="test",
    dimensions=(),
    series_limit=100,
    availability_error_ratio=0.05,
)


@dataclass(frozen=True)
class Span:
    minute: int
    operation: str = "GET /"
    kind: str = "server"
    ms: float = 10.0
    is_error: bool = False


@dataclass(frozen=True)
class LogRecord:
    minute: int
    severity: str = "info"


def block(
    hour: int, spans: Sequence[Span] = (), logs: Sequence[LogRecord] = (), *, version: int = 1, service: str = "shop"
) -> Block:
    """Return the block of ``hour`` with those of the spans and log records that lie in it."""
    spans = [span for span in spans if hour <= span.minute < hour + 60]
    logs = [log for log in logs if hour <= log.minute < hour + 60]
    durations = from_points(
        [Series(service, SPAN_DURATION, span.kind, span.operation, "ns") for span in spans],
        np.arange(len(spans)),
        np.array([span.minute for span in spans], dtype=np.int64),
        np.array([span.ms * 1e6 for span in spans]),
        errors=np.array([span.is_error for span in spans], dtype=bool),
    )
    records = from_points(
        [Series(service, LOG_RECORDS, log.severity, unit="{record}") for log in logs],
        np.arange(len(logs)),
        np.array([log.minute for log in logs], dtype=np.int64),
        None,
        errors=np.array([log.severity in {"error", "fatal"} for log in logs], dtype=bool),
    )
    source = Source("log#s#1#0", f"{hour:064}", f"{hour + 1:064}", 1, 1, len(spans) + len(logs))
    return Block(service, hour, merge([durations, records]), {source.log: source.last}, (source,), version)
