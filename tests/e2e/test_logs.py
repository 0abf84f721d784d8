"""Logs of the real SDK, from the front door to the search store: kept as sent, counted by pattern, found in a minute.

The local cloud enforces IAM: a grant that is missing fails here.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from opsloop.adapters import aws_environment
from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_patterns import PatternTable
from opsloop.adapters.search_store import open_search
from opsloop.clock import minute_of
from opsloop.log.search_spec import LOGS
from opsloop.search import Query, SearchStore
from tests.e2e.deployment import RUN, Deployment, wait_until

SERVICE = f"logs-{RUN}"
LINES = 300


Say = Callable[..., None]


@contextmanager
def sdk_logger(deployment: Deployment, service: str) -> Iterator[Say]:
    """Give ``say(severity, body, **attributes)``, whose records the SDK sends as OTLP."""
    headers = {"authorization": f"Bearer {deployment.stack['ingest_key']}"}
    exporter = OTLPLogExporter(endpoint=f"{deployment.stack['api_url']}/v1/logs", headers=headers)
    provider = LoggerProvider(resource=Resource.create({"service.name": service}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("e2e")

    def say(severity: SeverityNumber, body: str, **attributes: str | int) -> None:
        record = LogRecord(timestamp=time.time_ns(), severity_number=severity, body=body, context=get_current())
        record.attributes = attributes
        logger.emit(record)

    try:
        yield say
        assert provider.force_flush(30_000)
    finally:
        provider.shutdown()


@pytest.fixture(scope="module")
def store(deployment: Deployment) -> SearchStore:
    return open_search(deployment.stack["search_endpoint"], prefix="opsloop")


@pytest.fixture(scope="module")
def sent(deployment: Deployment) -> tuple[Counter[str], str]:
    """Send lines of three kinds, one of them within a span; return how many of each severity, and the trace."""
    counts: Counter[str] = Counter()
    with sdk_logger(deployment, SERVICE) as say:
        for number in range(LINES):
            counts["info"] += 1
            say(SeverityNumber.INFO, f"order {number} paid by card in {3 * number} ms", **{"shop.order": number})
        with TracerProvider().get_tracer("e2e").start_as_current_span("pay") as span:
            counts["error"] += 1
            say(SeverityNumber.ERROR, "payment of order 7 refused: gateway timeout")
            trace_id = f"{span.get_span_context().trace_id:032x}"
    return counts, trace_id


def found(store: SearchStore, **query: object) -> int:
    return store.count(LOGS, Query(terms={"service": [SERVICE]}, **query))


def test_lines_are_searchable_within_a_minute(
    deployment: Deployment, store: SearchStore, sent, record_property
) -> None:
    counts, trace_id = sent
    since = time.monotonic()
    wait_until("all lines in the search store", lambda: found(store) >= counts.total() or None, seconds=60)
    print(f"searchable {time.monotonic() - since:.1f} s after the last was sent")
    assert found(store) == counts.total()
    assert found(store, text="gateway timeout") == 1
    (hit,) = store.search(LOGS, Query(terms={"service": [SERVICE], "trace_id": [trace_id]})).hits
    assert hit.content["severity"] == "error"
    assert hit.content["body"] == "payment of order 7 refused: gateway timeout"
    assert store.search(LOGS, Query(terms={"service": [SERVICE]}, text="shop.order=17")).total == 1
    severities = dict(store.top(LOGS, Query(terms={"service": [SERVICE]}), field="severity", size=5))
    assert severities == counts


def test_patterns_are_counted_as_the_kpis_count_records(
    deployment: Deployment, store: SearchStore, sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, _ = sent
    wait_until("all lines in the search store", lambda: found(store) >= counts.total() or None)
    aws_environment_of(deployment, monkeypatch)
    table = PatternTable(deployment.stack["log_table"], LogBucket(deployment.stack["log_bucket"]))
    now = datetime.now(UTC)
    hours = table.hours(SERVICE, minute_of(now - timedelta(hours=2)), minute_of(now) + 60)
    by_template: Counter[str] = Counter()
    for hour in hours:
        by_template.update({hour.templates[name]: sum(minutes) for name, minutes in hour.counts.items()})
    assert sorted(by_template.values()) == [1, LINES]
    deployment.invoke("telemetry_fold")
    rows = wait_until("records in the KPIs", lambda: rows_of(deployment, now))
    assert sum(row["count"] for row in rows) == counts.total()


def rows_of(deployment: Deployment, now: datetime) -> list[dict[str, int]]:
    start, end = (
        f"{moment:%Y-%m-%dT%H:%M:00Z}" for moment in (now - timedelta(minutes=20), now + timedelta(minutes=2))
    )
    rows = deployment.kpi_rows(
        SERVICE, **{"kpi": "metric:log.records", "resolution": "minute", "from": start, "to": end}
    )
    return [row for row in rows if row.get("count")]


def aws_environment_of(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let our own client speak to the local cloud as an operator."""
    for variable, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_REGION", deployment.stack["region"])
    monkeypatch.setattr(aws_environment, "overridden", lambda _: deployment.stack["aws_endpoint_url"])


def test_a_rebuilt_index_holds_the_same(deployment: Deployment, store: SearchStore, sent) -> None:
    counts, _ = sent
    wait_until("all lines in the search store", lambda: found(store) >= counts.total() or None)
    before = {one.doc_id: one.content for one in store.scan(LOGS, Query(terms={"service": [SERVICE]}))}
    store.drop(LOGS)
    answer = deployment.request(
        "POST", "/v1/search/rebuild", key=deployment.stack["admin_key"], body=b"{}", content_type="application/json"
    )
    assert answer.status == 202, answer.body
    later = f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    wait_until(
        "the rebuild",
        lambda: deployment.invoke("log_index", time=later) and deployment.get("/v1/search/rebuild")["phase"] == "done",
    )
    after = {one.doc_id: one.content for one in store.scan(LOGS, Query(terms={"service": [SERVICE]}))}
    assert after == before
