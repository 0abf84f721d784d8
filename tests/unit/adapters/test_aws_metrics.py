"""CloudWatch is asked in a protocol that AWS speaks, all of it, and its answers become ours."""

import gzip
import json
from pathlib import Path

import botocore
import pytest

from opsloop.adapters import aws_metrics
from opsloop.adapters.aws_client import AwsError
from opsloop.adapters.aws_metrics import CLOUDWATCH, MAX_PAGES, CloudWatch
from opsloop.errors import DependencyUnavailableError
from opsloop.health.usage import MetricQuestion

DEAD_LETTERS = {
    "AlarmName": "opsloop-prod-telemetry-FoldAlarmsDeadLetters8D95",
    "AlarmDescription": "telemetry_fold gave up on work, which waits in its queue."
    " What to do: docs/runbooks/dead-letters.md",
    "StateValue": "ALARM",
    "StateReason": "Threshold Crossed: 1 datapoint [2.0] was greater than the threshold (0.0).",
    "StateUpdatedTimestamp": 1_795_249_800.5,
    "Dimensions": [{"Name": "QueueName", "Value": "opsloop-prod-telemetry-FoldFailures3636"}],
}


class Scripted:
    """Answers with what it was given, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def call(self, operation, request):
        self.asked.append((operation, request))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def cloudwatch(monkeypatch):
    def scripted(*answers):
        client = Scripted(*answers)
        monkeypatch.setattr(aws_metrics, "JsonClient", lambda *_given, **_options: client)
        return CloudWatch(), client

    return scripted


def question(number):
    return MetricQuestion(f"f{number} invocations", "AWS/Lambda", "Invocations", "Sum", (("FunctionName", "f"),), 300)


def result(place, *points):
    return {"Id": f"q{place}", "Timestamps": [time for time, _ in points], "Values": [value for _, value in points]}


def test_the_protocol_is_one_that_aws_describes():
    folder = Path(botocore.__file__).parent / "data" / "cloudwatch" / "2010-08-01"
    about = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))["metadata"]
    assert "json" in about["protocols"]
    assert (about["endpointPrefix"], about["targetPrefix"], about["jsonVersion"]) == CLOUDWATCH


def test_a_question_is_asked_as_cloudwatch_wants_it(cloudwatch):
    port, client = cloudwatch({"MetricDataResults": []})
    port.read([question(1)], 100.0, 200.0)
    [(operation, request)] = client.asked
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
    }
    assert operation == "GetMetricData"
    assert (request["StartTime"], request["EndTime"]) == (100.0, 200.0)
    assert request["MetricDataQueries"] == [
        {"Id": "q0", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}}
    ]


def test_pages_are_read_to_the_end_and_their_points_put_together(cloudwatch):
    port, client = cloudwatch(
        {"MetricDataResults": [result(0, (1, 2.0)), result(1)], "NextToken": "more"},
        {"MetricDataResults": [result(0, (2, 3.0))]},
    )
    assert port.read([question(1), question(2)], 0.0, 9.0) == {"f1 invocations": [(1.0, 2.0), (2.0, 3.0)]}
    assert client.asked[1][1]["NextToken"] == "more"


def test_no_request_has_more_questions_than_cloudwatch_takes(cloudwatch):
    port, client = cloudwatch(
        {"MetricDataResults": [result(499, (1, 1.0))]}, {"MetricDataResults": [result(0, (1, 2.0))]}
    )
    found = port.read([question(number) for number in range(501)], 0.0, 9.0)
    assert [len(request["MetricDataQueries"]) for _, request in client.asked] == [500, 1]
    assert found == {"f499 invocations": [(1.0, 1.0)], "f500 invocations": [(1.0, 2.0)]}


def test_an_alarm_is_told_in_words_with_its_page_and_its_queue(cloudwatch):
    port, _ = cloudwatch({"MetricAlarms": [DEAD_LETTERS]})
    [alarm] = port.alarms("opsloop-prod-")
    assert alarm.what == "telemetry_fold gave up on work, which waits in its queue."
    assert (alarm.runbook, alarm.function, alarm.is_dead_letters) == ("dead-letters", "telemetry_fold", True)
    assert (alarm.queue, alarm.state) == ("opsloop-prod-telemetry-FoldFailures3636", "ALARM")
    assert alarm.since == 1_795_249_800.5


@pytest.mark.parametrize(
    ("description", "what", "runbook", "function"),
    [
        ("The API answered with a 5xx status. What to do: docs/runbooks/api-errors.md", "The API", "api-errors", ""),
        ("somebody's own alarm", "somebody's own alarm", "", ""),
        (None, "", "", ""),
    ],
    ids=["of no function", "without a page", "without a description"],
)
def test_an_alarm_that_names_no_function_or_page_is_told_too(cloudwatch, description, what, runbook, function):
    port, _ = cloudwatch({"MetricAlarms": [{**DEAD_LETTERS, "AlarmDescription": description, "Dimensions": []}]})
    [alarm] = port.alarms("x")
    assert alarm.what.startswith(what)
    assert (alarm.runbook, alarm.function, alarm.queue) == (runbook, function, "")


def test_a_refusal_is_told_by_its_code(cloudwatch):
    port, _ = cloudwatch(AwsError("AccessDenied", 403, "User: arn:aws:sts::123456789012:x is not authorized"))
    with pytest.raises(DependencyUnavailableError, match=r"CloudWatch: DescribeAlarms: AccessDenied$"):
        port.alarms("x")


def test_pages_without_end_are_a_fault(cloudwatch):
    port, client = cloudwatch({"Metrics": [{}], "NextToken": "again"})
    with pytest.raises(DependencyUnavailableError, match="more than"):
        port.count("Opsloop")
    assert len(client.asked) == MAX_PAGES
