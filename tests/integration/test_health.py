"""The platform's own health: probed every minute, answered from memory, and never well by silence."""

from datetime import timedelta

import pytest

from opsloop.adapters.health_table import HealthTable
from opsloop.adapters.kpi_table import KpiTable
from opsloop.clock import minute_of
from opsloop.health.model import Check, Probe, Status
from tests.conftest import NOW
from tests.integration.described import as_described
from tests.tables import TABLES


@pytest.fixture
def probe(aws, load_handler):
    return load_handler("health_probe")


@pytest.fixture
def check(aws, load_handler):
    return load_handler("health_check")


@pytest.fixture
def table(aws):
    return HealthTable(aws.names["HEALTH_TABLE"])


def ready(check, http_event, context, now=NOW):
    answer = check.lambda_handler(http_event("GET", "/health/ready", now=now), context)
    if check.copy._thread:
        check.copy._thread.join()
    return answer["statusCode"], as_described("GET", "/health/ready", answer)


def components(report, status):
    return {name for name, checks in report["checks"].items() if checks[0]["status"] == status}


def test_the_sample_schedule_finds_every_dependency_at_work(probe, table, event, context):
    answer = probe.lambda_handler(event("health_probe/scheduled"), context)
    assert (answer["status"], answer["failed"]) == ("warn", 0)
    found = {check.component: check.status for check in table.read().checks}
    silent = {"ingest:age": "warn", "kpi_rollup:age": "warn", "fold:lag": "pass"}  # nothing was ever sent
    alone = {"alert:channels": "warn", "log_index:age": "warn"}  # the tests declare none, and have no search store
    assert found == silent | alone | dict.fromkeys(
        [
            *(f"{word}_table:status" for word in TABLES),
            *(f"{word}_bucket:status" for word in ("segment", "quarantine", "log")),
            "stream:status",
            "bus:status",
        ],
        "pass",
    )


@pytest.mark.parametrize(
    ("break_it", "component", "output"),
    [
        (lambda aws: aws.client("kinesis").delete_stream(StreamName=aws.names["STREAM_NAME"]), "stream:status", ""),
        (
            lambda aws: aws.client("dynamodb").delete_table(TableName=aws.names["ACCESS_TABLE"]),
            "access_table:status",
            "answered ResourceNotFoundException",
        ),
        (
            lambda aws: aws.client("s3").delete_bucket(Bucket=aws.names["QUARANTINE_BUCKET"]),
            "quarantine_bucket:status",
            "answered 404",
        ),
        (
            lambda aws: aws.client("events").delete_event_bus(Name=aws.names["BUS_NAME"]),
            "bus:status",
            "answered ResourceNotFoundException",
        ),
        (
            lambda aws: aws.client("dynamodb").delete_table(TableName=aws.names["TELEMETRY_TABLE"]),
            "fold:lag",
            "could not be checked: DependencyUnavailableError",
        ),
    ],
)
def test_a_dependency_that_is_gone_is_found_and_the_others_are_still_told(
    aws, probe, check, event, http_event, context, break_it, component, output
):
    break_it(aws)
    probe.lambda_handler(event("health_probe/scheduled"), context)
    status, report = ready(check, http_event, context)
    assert (status, report["status"]) == (503, "fail")
    assert component in components(report, "fail")
    assert output in report["checks"][component][0].get("output", "")
    assert "kpi_table:status" in components(report, "pass")


def test_a_rollup_that_is_overdue_fails(aws, probe, table, event, context):
    kpis = KpiTable(aws.names["KPI_TABLE"])
    kpis.mark_rolled_up(minute_of(NOW) - 30 - 120)
    probe.lambda_handler(event("health_probe/scheduled"), context)
    found = {check.component: check.status for check in table.read().checks}
    assert found["kpi_rollup:age"] is Status.FAIL
    kpis.mark_rolled_up(minute_of(NOW) - 30 - 60)
    probe.lambda_handler(event("health_probe/scheduled"), context)
    found = {check.component: check.status for check in table.read().checks}
    assert found["kpi_rollup:age"] is Status.PASS


def test_an_earlier_probe_does_not_replace_a_later_one(table):
    table.save(Probe(NOW, (Check("a:b", Status.PASS),), NOW))
    table.save(Probe(NOW - timedelta(minutes=1), (Check("a:b", Status.FAIL),), NOW))
    assert table.read() == Probe(NOW, (Check("a:b", Status.PASS),), NOW)


def test_readiness_tells_what_the_probe_found_and_how_long_ago(check, table, http_event, context):
    table.save(Probe(NOW - timedelta(seconds=45), (Check("stream:status", Status.PASS, "ACTIVE"),), NOW))
    status, report = ready(check, http_event, context)
    assert (status, report["status"]) == (200, "pass")
    assert report["checks"]["health_probe:age"][0]["observedValue"] == 45.0


def test_a_warning_is_ready(check, table, http_event, context):
    table.save(Probe(NOW, (Check("fold:lag", Status.WARN, 200.0, "s", "late"),), NOW))
    assert ready(check, http_event, context)[0] == 200


def test_a_probe_that_falls_silent_becomes_a_failure(check, table, http_event, context):
    table.save(Probe(NOW, (Check("stream:status", Status.PASS, "ACTIVE"),), NOW))
    assert ready(check, http_event, context)[0] == 200
    status, report = ready(check, http_event, context, NOW + timedelta(seconds=181))
    assert status == 503
    assert report["output"] == "silent since 2026-11-21T08:30:00Z"


def test_a_platform_that_was_never_probed_is_not_ready(check, event, context):
    answer = check.lambda_handler(event("health_check/ready"), context)
    assert answer["statusCode"] == 503
    assert "never run" in as_described("GET", "/health/ready", answer)["output"]


def test_readiness_is_answered_from_memory_and_the_copy_renewed_behind_it(
    check, table, http_event, context, monkeypatch
):
    table.save(Probe(NOW, (Check("stream:status", Status.PASS, "ACTIVE"),), NOW))
    assert ready(check, http_event, context)[0] == 200
    table.save(Probe(NOW + timedelta(seconds=20), (Check("stream:status", Status.FAIL, "DELETING"),), NOW))
    assert ready(check, http_event, context, NOW + timedelta(seconds=20))[0] == 200  # the copy, 20 s old
    assert ready(check, http_event, context, NOW + timedelta(seconds=21))[0] == 503  # renewed after the answer before


def test_a_health_table_that_is_away_is_a_failure_and_not_an_error(aws, check, http_event, context):
    aws.client("dynamodb").delete_table(TableName=aws.names["HEALTH_TABLE"])
    status, report = ready(check, http_event, context)
    assert status == 503
    assert "cannot be read" in report["output"]


def test_liveness_asks_nothing_of_anybody(aws, check, event, context):
    aws.client("dynamodb").delete_table(TableName=aws.names["HEALTH_TABLE"])
    answer = check.lambda_handler(event("health_check/live"), context)
    assert answer["statusCode"] == 200
    assert as_described("GET", "/health/live", answer)["status"] == "pass"


def test_no_answer_names_a_table_bucket_or_account(aws, probe, check, event, http_event, context):
    aws.client("dynamodb").delete_table(TableName=aws.names["ACCESS_TABLE"])
    probe.lambda_handler(event("health_probe/scheduled"), context)
    answer = check.lambda_handler(http_event("GET", "/health/ready"), context)
    assert not [name for name in aws.names.values() if name in answer["body"]]
    assert "arn:" not in answer["body"]
