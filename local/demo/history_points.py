"""The metric points and log records of the shop's history, as OTLP requests."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from local.demo.wire import attribute

NS_PER_MINUTE = 60_000_000_000
POOL_SIZE = 8
SCOPE = InstrumentationScope(name="shop", version="1.0.0")


class LogLine(NamedTuple):
    """One log record of a request; ``trace`` and ``span`` are the numbers in their ids."""

    time_ns: int
    status: int
    method: str
    route: str
    text: str
    trace: int
    span: int


class Minute(NamedTuple):
    """What was counted in ``minute`` (since the epoch), by metric, unit and outcome; how much of the pool was used."""

    minute: int
    counted: Mapping[tuple[str, str, str], int]
    pool_used: int | None


def logs_request(resource: Resource, lines: Sequence[LogLine]) -> bytes:
    """Return the lines as an ``ExportLogsServiceRequest``."""
    records = [_record(line) for line in sorted(lines)]
    scope = ScopeLogs(scope=SCOPE, log_records=records)
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=resource, scope_logs=[scope])])
    return bytes(request.SerializeToString())


def metrics_request(resource: Resource, minutes: Sequence[Minute]) -> tuple[bytes, int]:
    """Return the minutes as an ``ExportMetricsServiceRequest``, and how many points it holds."""
    sums: dict[tuple[str, str], list[NumberDataPoint]] = {}
    pool: list[NumberDataPoint] = []
    for one in minutes:
        start_ns = one.minute * NS_PER_MINUTE
        for (metric, unit, outcome), count in one.counted.items():
            point = NumberDataPoint(
                as_int=count,
                start_time_unix_nano=start_ns,
                time_unix_nano=start_ns + 50_000_000_000,
                attributes=[attribute("outcome", outcome)] if outcome else [],
            )
            sums.setdefault((metric, unit), []).append(point)
        if one.pool_used is not None:
            for state, many in (("used", one.pool_used), ("idle", POOL_SIZE - one.pool_used)):
                labels = [attribute("db.client.connection.state", state)]
                time_ns = start_ns + 50_000_000_000
                pool.append(NumberDataPoint(as_int=many, time_unix_nano=time_ns, attributes=labels))
    metrics = [
        Metric(
            name=metric,
            unit=unit,
            sum=Sum(
                data_points=points,
                is_monotonic=True,
                aggregation_temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
            ),
        )
        for (metric, unit), points in sums.items()
    ]
    if pool:
        metrics.append(Metric(name="db.client.connection.count", unit="{connection}", gauge=Gauge(data_points=pool)))
    scope = ScopeMetrics(scope=SCOPE, metrics=metrics)
    request = ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope])])
    return bytes(request.SerializeToString()), sum(map(len, sums.values())) + len(pool)


def _record(line: LogLine) -> LogRecord:
    is_error = line.status >= 500
    labels: dict[str, str | int] = {"http.request.method": line.method, "http.response.status_code": line.status}
    if line.route:
        labels["http.route"] = line.route
    return LogRecord(
        time_unix_nano=line.time_ns,
        observed_time_unix_nano=line.time_ns,
        severity_number=SeverityNumber.SEVERITY_NUMBER_ERROR if is_error else SeverityNumber.SEVERITY_NUMBER_WARN,
        severity_text="ERROR" if is_error else "WARN",
        body=AnyValue(string_value=line.text),
        attributes=[attribute(key, value) for key, value in labels.items()],
        trace_id=b"opsloop\0" + line.trace.to_bytes(8, "big"),
        span_id=line.span.to_bytes(8, "little"),
    )
