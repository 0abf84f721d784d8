"""The loop closes: what the real OpenTelemetry SDK sent is what the API answers, by minute, hour and day."""

from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.e2e.sender import Truth, bodies_of, make_spans

SERVICE = f"e2e-loop-{RUN}"


@pytest.fixture(scope="module")
def past_hour() -> datetime:
    """An hour that is closed whenever this test runs, on a day of its own or shared with now."""
    return (datetime.now(UTC) - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def truth(deployment: Deployment, past_hour: datetime) -> Truth:
    """Spans over two closed hours, sent late, so that folding and rolling up of closed hours is what is tested."""
    truth = Truth()
    spans = make_spans(SERVICE, count=1500, start_s=int(past_hour.timestamp()), spread_s=7200, seed=7, truth=truth)
    for body in bodies_of(spans, per_body=300):
        assert deployment.post("traces", body).status == 200
    return truth


def _times(first: datetime, hours: int) -> dict[str, str]:
    return {"from": first.isoformat(), "to": (first + timedelta(hours=hours)).isoformat()}


def _counted(rows: list[dict[str, object]], field: str) -> int:
    return sum(int(row[field] or 0) for row in rows)


def test_hourly_counts_equal_what_was_sent(deployment: Deployment, truth: Truth, past_hour: datetime):
    def complete() -> list[dict[str, object]] | None:
        deployment.invoke("telemetry_fold")
        if not deployment.is_known(SERVICE):
            return None
        rows = deployment.kpi_rows(SERVICE, resolution="hour", **_times(past_hour, 2))
        return (
            rows if _counted(rows, "requests") == truth.requests.total() and all(r["complete"] for r in rows) else None
        )

    rows = wait_until("both closed hours, recomputed with the late data", complete)
    assert len(rows) == 2
    assert _counted(rows, "errors") == truth.errors.total()
    for operation, requests in truth.requests.items():
        by_operation = deployment.kpi_rows(SERVICE, operation=operation, resolution="hour", **_times(past_hour, 2))
        assert _counted(by_operation, "requests") == requests, operation
        assert _counted(by_operation, "errors") == truth.errors[operation], operation


def test_minutes_add_up_to_their_hour(deployment: Deployment, truth: Truth, past_hour: datetime):
    minutes = deployment.kpi_rows(SERVICE, resolution="minute", **_times(past_hour, 2))
    assert len(minutes) == 120
    assert _counted(minutes, "requests") == truth.requests.total()


def test_a_row_names_the_log_ranges_it_was_made_of(deployment: Deployment, truth: Truth, past_hour: datetime):
    (row, *_) = deployment.kpi_rows(SERVICE, resolution="hour", **_times(past_hour, 1))
    assert sum(source["items"] for source in row["sources"]) == row["requests"]
    assert len(row["hash"]) == 64


def test_days_add_up_to_the_same_counts(deployment: Deployment, truth: Truth, past_hour: datetime):
    rows = deployment.kpi_rows(SERVICE, resolution="day", **_times(past_hour.replace(hour=0), 48))
    assert _counted(rows, "requests") == truth.requests.total()


def test_an_hour_without_data_is_unknown(deployment: Deployment, truth: Truth, past_hour: datetime):
    (row,) = deployment.kpi_rows(SERVICE, resolution="hour", **_times(past_hour - timedelta(hours=5), 1))
    assert row["state"] == "UNKNOWN"
    assert row["requests"] is None
    assert row["availability_ratio"] is None


def test_metrics_and_logs_of_the_sdk_are_counted(deployment: Deployment):
    service = f"e2e-signals-{RUN}"
    url, headers = deployment.stack["api_url"], {"authorization": f"Bearer {deployment.stack['ingest_key']}"}
    resource = Resource.create({"service.name": service})
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{url}/v1/metrics", headers=headers), export_interval_millis=3_600_000
    )
    meters = MeterProvider([reader], resource=resource)
    histogram = meters.get_meter("e2e").create_histogram("e2e.size", unit="By")
    for size in range(1, 41):
        histogram.record(size)
    meters.shutdown()
    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs", headers=headers)))
    logger = logs.get_logger("e2e")
    for number in range(30):
        severity = SeverityNumber.ERROR if number % 10 == 0 else SeverityNumber.INFO
        logger.emit(severity_number=severity, body=f"line {number}")
    logs.shutdown()

    def counted() -> tuple[int, int] | None:
        deployment.invoke("telemetry_fold")
        if not deployment.is_known(service):
            return None
        sizes = _counted(deployment.kpi_rows(service, kpi="metric:e2e.size", resolution="hour"), "count")
        errors = _counted(deployment.kpi_rows(service, resolution="hour"), "log_errors")
        return (sizes, errors) if sizes and errors else None

    assert wait_until("metrics and logs", counted) == (40, 3)


def test_the_api_describes_itself(deployment: Deployment):
    answer = deployment.request("GET", "/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    assert {"/v1/traces", "/v1/metrics", "/v1/logs", "/v1/kpis", "/v1/services", "/v1/keys"} <= set(
        answer.json()["paths"]
    )


def test_the_platform_says_that_it_is_well(deployment: Deployment):
    deployment.invoke("health_probe")

    def passing() -> dict[str, object] | None:
        answer = deployment.request("GET", "/health/ready")
        return answer.json() if answer.status == 200 else None

    ready = wait_until("readiness", passing)
    assert ready["status"] in {"pass", "warn"}
    assert deployment.request("GET", "/health/live").status == 200
