"""What opsloop says of itself: measured in the background, answered from one table, and never well by silence."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from moto.cloudwatch.models import Statistics, cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID

from opsloop.adapters.health_table import HealthTable
from opsloop.adapters.platform_table import PlatformTable
from opsloop.health.model import Check, Probe, Status
from opsloop.health.snapshot import FunctionSetup
from opsloop.health.usage import questions
from tests.conftest import NOW
from tests.integration.described import as_described

QUEUE = "opsloop-test-telemetry-FoldFailures"
SETUPS = {"memory_mb": 1024, "timeout_s": 60, "runtime": "python3.13", "architecture": "arm64"}
ENVIRONMENT = {
    "DEPLOYMENT": "opsloop-test",
    "BUCKETS": "segment=opsloop-test-segment log=opsloop-test-log",
    "API_ID": "a1b2c3d4e5",
    "METRICS_EVERY": "15m",
    "STAGE": "prod",
    "RETENTION": "quarantine=90 raw_logs=3",
}


@pytest.fixture(autouse=True)
def percentiles(monkeypatch):
    """Teach the mocked CloudWatch percentiles, which it answers with nothing."""
    known = Statistics.get_statistics_for_type

    def with_percentiles(self, stat):
        if not stat.startswith("p"):
            return known(self, stat)
        return float(np.percentile([float(one.value) for one in self.metric_data], float(stat[1:])))

    monkeypatch.setattr(Statistics, "get_statistics_for_type", with_percentiles)


@pytest.fixture
def measure_month(aws, load_handler, monkeypatch):
    handler = load_handler("health_measure", **ENVIRONMENT)
    monkeypatch.setattr(handler.inventory, "setup", setup)
    return handler


@pytest.fixture
def measure(measure_month, aws):
    """Return the handler of a platform that has measured every day of the month before."""
    for day in range(1, NOW.day):
        PlatformTable(aws.names["HEALTH_TABLE"]).save_day(f"2026-11-{day:02}", {})
    return measure_month


def setup(name):
    """Stand for Lambda, in which the tests deploy nothing."""
    settings = {"KPI_TABLE": "opsloop-test-kpi"} if name == "opsloop-test-kpi_query" else {}
    return FunctionSetup(deployed_at="2026-11-20T08:00:00.000+0000", settings=settings, **SETUPS)


@pytest.fixture
def show(aws, tokens, load_handler):
    return load_handler("health_platform", AWS_REGION="us-east-1", **ENVIRONMENT)


def ran(function, at, *, duration_ms=200.0, error=0.0):
    """Put one invocation into CloudWatch, whose public requests take nothing in the namespaces of AWS."""
    dimensions = [{"Name": "FunctionName", "Value": f"opsloop-test-{function}"}]
    naive = at.replace(tzinfo=None)  # as the mocked one compares them
    values = {"Invocations": 1.0, "Errors": error, "Throttles": 0.0, "Duration": duration_ms}
    data = [
        {"MetricName": name, "Value": value, "Dimensions": dimensions, "Timestamp": naive, "Unit": "None"}
        for name, value in values.items()
    ]
    cloudwatch_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].put_metric_data("AWS/Lambda", data)


def watch(aws, state="OK"):
    cloudwatch = aws.client("cloudwatch")
    name = "opsloop-test-telemetry-FoldAlarmsDeadLetters"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="telemetry_fold gave up on work, which waits in its queue."
        " What to do: docs/runbooks/dead-letters.md",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": QUEUE}],
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Period=300,
        Threshold=0,
        Statistic="Maximum",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="Threshold crossed: 2 > 0")


def platform(show, event, context):
    return as_described("GET", "/v1/platform", show.lambda_handler(event("health_platform/platform"), context))


def function(document, name):
    return next(one for one in document["functions"] if one["name"] == name)


def test_before_the_first_measurement_everything_is_unknown(show, event, context):
    told = platform(show, event, context)
    assert (told["measured_at"], told["is_stale"], told["grid"]) == (None, True, None)
    assert told["faults"] == {"measuring": "the platform was never measured"}
    assert told["health"]["status"] == "fail"
    assert {one["invocations"] for one in told["functions"]} == {None}
    assert (told["alarms"]["counts"], told["queues"], told["cost"]["usd"]) == (None, [], None)


def test_the_sample_schedule_measures_and_the_sample_request_tells(aws, measure, show, event, context):
    ran("kpi_query", NOW - timedelta(minutes=7), duration_ms=100.0)
    ran("kpi_query", NOW - timedelta(minutes=6), duration_ms=300.0, error=1.0)
    url = aws.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
    for body in ("one", "two"):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    watch(aws, "ALARM")
    assert measure.lambda_handler(event("health_measure/scheduled"), context) == {
        "alarms": 1,
        "queues": 1,
        "faults": {},
    }
    told = platform(show, event, context)
    assert (told["measured_at"], told["age_s"], told["is_stale"]) == ("2026-11-21T08:30:00Z", 0.0, False)
    assert told["grid"] == {"from": "2026-11-20T09:00:00Z", "step_s": 3600, "points": 24}
    query = function(told, "kpi_query")
    assert (query["invocations"], query["errors"], query["error_ratio"]) == (2.0, 1.0, 0.5)
    assert query["series"]["invocations"] == [None] * 23 + [2.0]
    assert query["last_run_at"] == "2026-11-21T08:20:00Z"
    assert (query["memory_mb"], query["reason"]) == (1024, "")
    [queue] = told["queues"]
    assert (queue["function"], queue["messages"], queue["runbook"]) == ("telemetry_fold", 2, "dead-letters")
    assert told["alarms"]["counts"] == {"alarm": 1, "ok": 0, "unknown": 0}
    [alarm] = told["alarms"]["ringing"]
    assert (alarm["what"], alarm["function"]) == (
        "telemetry_fold gave up on work, which waits in its queue.",
        "telemetry_fold",
    )


def test_a_function_that_did_not_run_while_others_did_ran_zero_times(measure, show, event, context):
    ran("kpi_query", NOW - timedelta(minutes=7))
    measure.lambda_handler(event("health_measure/scheduled"), context)
    keys = function(platform(show, event, context), "access_keys")
    assert (keys["invocations"], keys["series"]["invocations"][-1], keys["p95_ms"]) == (0.0, 0.0, None)
    assert keys["series"]["invocations"][0] is None  # nobody ran then: nothing was measured


def test_what_is_not_measured_is_unknown_with_its_reason_and_never_zero(measure, show, event, context):
    measure.lambda_handler(event("health_measure/scheduled"), context)
    told = platform(show, event, context)
    query = function(told, "kpi_query")
    assert (query["invocations"], query["reason"]) == (
        None,
        "CloudWatch has no AWS/Lambda metrics of the last 24 hours here",
    )
    requests = [one for one in told["cost"]["lines"] if one["unit"] == "HTTP API request"]
    assert [(one["usd"], one["reason"]) for one in requests] == [
        (None, "CloudWatch has no AWS/ApiGateway metrics here")
    ]


def test_the_month_costs_what_its_invocations_cost(measure_month, show, event, context):
    ran("kpi_query", datetime(2026, 11, 2, 3, 4, tzinfo=UTC), duration_ms=500.0)
    ran("kpi_query", NOW - timedelta(minutes=7), duration_ms=1_500.0)
    ran("kpi_query", datetime(2026, 10, 31, 23, 59, tzinfo=UTC))  # of another month
    measure_month.lambda_handler(event("health_measure/scheduled"), context)
    lines = {(one["resource"], one["unit"]): one for one in platform(show, event, context)["cost"]["lines"]}
    assert lines["kpi_query", "Lambda request"]["quantity"] == 2.0
    seconds = lines["kpi_query", "Lambda arm64 GB-second"]
    assert (seconds["quantity"], seconds["usd"]) == (2.0, round(2.0 * 1.33334e-5, 6))  # 2 s of 1,024 MB


def test_cloudwatch_is_asked_no_more_often_than_told_and_the_rest_each_time(aws, measure, event, context, monkeypatch):
    asked = []
    read = measure.cloudwatch.read
    monkeypatch.setattr(measure.cloudwatch, "read", lambda *given: asked.append(given) or read(*given))
    sample = event("health_measure/scheduled")
    for minute in (0, 5, 10, 15):
        time = (NOW + timedelta(minutes=minute)).isoformat()
        measure.lambda_handler({**sample, "time": time}, context)
    assert len(asked) == 2
    first, second = ({one.series for one in given[0]} for given in asked)
    assert "kpi_query log_bytes" in first - second  # what changes once a day is asked once a day
    assert measure.table.read().metric_requests == len(first) + len(second)


def test_a_queue_that_does_not_answer_is_unknown_and_others_are_told(aws, measure, show, event, context):
    watch(aws)
    measure.lambda_handler(event("health_measure/scheduled"), context)
    [queue] = platform(show, event, context)["queues"]
    assert queue["messages"] is None
    assert "NonExistentQueue" in queue["reason"] or "QueueDoesNotExist" in queue["reason"]


def test_the_age_of_the_oldest_message_is_asked_where_one_waits(aws, measure, show, event, context):
    url = aws.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
    watch(aws, "ALARM")
    measure.lambda_handler(event("health_measure/scheduled"), context)
    without = measure.table.read().metric_requests
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="one")
    dimensions = [{"Name": "QueueName", "Value": QUEUE}]
    name = "ApproximateAgeOfOldestMessage"
    later = NOW + timedelta(minutes=15)
    for minutes, age_s in ((10, 600.0), (5, 900.0)):
        at = (later - timedelta(minutes=minutes)).replace(tzinfo=None)
        data = [{"MetricName": name, "Value": age_s, "Dimensions": dimensions, "Timestamp": at, "Unit": "Seconds"}]
        cloudwatch_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].put_metric_data("AWS/SQS", data)
    measure.lambda_handler({**event("health_measure/scheduled"), "time": later.isoformat()}, context)
    [queue] = platform(show, event, context)["queues"]
    assert (queue["messages"], queue["oldest_age_s"]) == (1, 900.0)
    daily = sum(one.is_daily for one in questions(measure.resources))
    assert measure.table.read().metric_requests == without + (without - daily) + 1


def test_lambda_that_does_not_answer_is_a_fault_and_the_figures_stay(aws, load_handler, show, event, context):
    handler = load_handler("health_measure", **ENVIRONMENT)  # asks the mocked Lambda, which has no functions
    ran("kpi_query", NOW - timedelta(minutes=7))
    handler.lambda_handler(event("health_measure/scheduled"), context)
    told = platform(show, event, context)
    assert told["faults"] == {"setups": "Lambda: ResourceNotFoundException"}
    query = function(told, "kpi_query")
    assert (query["invocations"], query["memory_mb"]) == (1.0, None)
    assert query["reason"] == "Lambda could not be asked how it is set up"


def test_the_answer_names_the_checks_and_no_secrets(aws, measure, show, event, context):
    HealthTable(aws.names["HEALTH_TABLE"]).save(Probe(NOW, (Check("fold:lag", Status.WARN, 200.0, "s", "late"),), NOW))
    measure.lambda_handler(event("health_measure/scheduled"), context)
    told = platform(show, event, context)
    assert told["health"]["status"] == "warn"
    late = next(one for one in told["health"]["checks"] if one["component"] == "fold:lag")
    assert (late["value"], late["unit"], late["output"]) == (200.0, "s", "late")
    configured = {one["name"]: one for one in told["configuration"]["functions"]}["kpi_query"]["settings"]
    assert {one["name"]: one["value"] for one in configured}["KPI_TABLE"] == "opsloop-test-kpi"
    assert told["configuration"]["retention_days"] == {"quarantine": 90, "raw logs": 3}
    assert told["configuration"]["catalog"]["services"] == 1


def test_an_old_measurement_says_that_it_is_old(measure, show, event, http_event, context, tokens):
    measure.lambda_handler(event("health_measure/scheduled"), context)
    later = http_event("GET", "/v1/platform", token=tokens["read"], now=NOW + timedelta(seconds=1_201))
    told = as_described("GET", "/v1/platform", show.lambda_handler(later, context))
    assert (told["age_s"], told["is_stale"]) == (1_201.0, True)


@pytest.mark.parametrize(("name", "status"), [("ingest", 403), ("revoked", 401)])
def test_a_key_without_the_read_scope_is_told_nothing(show, http_event, context, tokens, name, status):
    answer = show.lambda_handler(http_event("GET", "/v1/platform", token=tokens[name]), context)
    assert answer["statusCode"] == status
    as_described("GET", "/v1/platform", answer)


def test_a_missing_table_is_answered_503(aws, tokens, load_handler, event, context):
    show = load_handler("health_platform", HEALTH_TABLE="not-there", **ENVIRONMENT)
    answer = show.lambda_handler(event("health_platform/platform"), context)
    assert answer["statusCode"] == 503
