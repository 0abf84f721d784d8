"""What becomes of a batch: the rules of AWS for Kinesis event source mappings, one by one."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from local.pump.delivery import Delivery, Reply
from local.pump.model import Mapping, Record

ARRIVED = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
MAPPING = Mapping(
    id="m",
    function_arn="arn:aws:lambda:us-east-1:000000000000:function:ingest",
    stream_arn="arn:aws:kinesis:us-east-1:000000000000:stream/telemetry",
    failure_destination="arn:aws:sqs:us-east-1:000000000000:failures",
)


class NoWait(threading.Event):
    """An event on which nobody waits."""

    def wait(self, _timeout: float | None = None) -> bool:
        return self.is_set()


class Function:
    """Fails on every batch that holds the poisonous record; says which record that was, if it reports."""

    def __init__(self, poison: str | None = None, *, reports: bool = False) -> None:
        self.poison = poison
        self.reports = reports
        self.batches: list[str] = []
        self.failures: list[dict[str, Any]] = []

    def invoke(self, _function_arn: str, event: dict[str, Any]) -> Reply:
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        self.batches.append("".join(numbers))
        if self.poison not in numbers:
            return Reply(payload={"batchItemFailures": []})
        if self.reports:
            return Reply(payload={"batchItemFailures": [{"itemIdentifier": self.poison}]})
        return Reply(error="Unhandled")

    def report_failure(self, _destination: str, message: dict[str, Any]) -> None:
        self.failures.append(message)


def records(numbers: str, arrived_at: datetime = ARRIVED) -> list[Record]:
    return [Record(number, "key", "ZGF0YQ==", arrived_at) for number in numbers]


def deliver(function: Any, mapping: Mapping, numbers: str = "01234567") -> bool:
    stopped = NoWait()
    return Delivery(function, mapping, "shard-0", stopped, now=ARRIVED.timestamp).run(records(numbers))


def test_a_good_batch_is_delivered_once():
    function = Function()
    assert deliver(function, MAPPING)
    assert function.batches == ["01234567"]
    assert function.failures == []


def test_an_error_repeats_the_whole_batch_until_the_retries_are_used_up():
    function = Function(poison="5")
    assert deliver(function, replace(MAPPING, max_retries=2))
    assert function.batches == ["01234567"] * 3
    info = function.failures[0]["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == ("0", "7", 8)
    assert function.failures[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_bisection_isolates_the_poison_and_keeps_the_order():
    function = Function(poison="5")
    assert deliver(function, replace(MAPPING, max_retries=1, bisects=True))
    assert function.batches == ["01234567", "0123", "4567", "45", "4", "5", "5", "67"]
    assert [failure["KinesisBatchInfo"]["batchSize"] for failure in function.failures] == [1]


def test_a_partial_response_skips_what_is_done_and_counts_its_retries_anew():
    function = Function(poison="5", reports=True)
    assert deliver(function, replace(MAPPING, max_retries=2, bisects=True, reports_item_failures=True))
    assert function.batches == ["01234567", "567", "5", "5", "67"]
    assert function.failures[0]["KinesisBatchInfo"]["startSequenceNumber"] == "5"


def test_a_partial_response_means_success_to_a_mapping_that_does_not_ask_for_it():
    function = Function(poison="5", reports=True)
    assert deliver(function, MAPPING)
    assert function.batches == ["01234567"]


@pytest.mark.parametrize("failed", [[{"itemIdentifier": "9"}], [{"itemIdentifier": ""}], [{"id": "5"}], ["5"]])
def test_an_identifier_that_is_not_in_the_batch_fails_all_of_it(failed):
    class Confused(Function):
        def invoke(self, _function_arn: str, event: dict[str, Any]) -> Reply:
            super().invoke(_function_arn, event)
            return Reply(payload={"batchItemFailures": failed})

    function = Confused()
    assert deliver(function, replace(MAPPING, max_retries=0, reports_item_failures=True))
    assert function.failures[0]["KinesisBatchInfo"]["batchSize"] == 8


def test_records_past_their_age_are_given_up_without_an_invocation_and_younger_ones_are_delivered():
    function = Function()
    old = records("01", datetime(2026, 11, 21, 7, 0, tzinfo=UTC))
    delivery = Delivery(function, replace(MAPPING, max_age_s=60), "shard-0", NoWait(), now=ARRIVED.timestamp)
    assert delivery.run([*old, *records("23")])
    assert function.batches == ["23"]
    assert function.failures[0]["requestContext"]["condition"] == "RecordAgeExceeded"
    assert function.failures[0]["KinesisBatchInfo"]["batchSize"] == 2


def test_throttling_uses_up_no_retries():
    class Busy(Function):
        def invoke(self, _function_arn: str, event: dict[str, Any]) -> Reply:
            reply = super().invoke(_function_arn, event)
            return Reply(is_throttled=True) if len(self.batches) < 5 else reply

    function = Busy()
    assert deliver(function, replace(MAPPING, max_retries=0))
    assert function.batches == ["01234567"] * 5
    assert function.failures == []


def test_a_stopped_delivery_says_that_the_batch_is_not_done():
    stopped = NoWait()
    stopped.set()
    function = Function()
    assert not Delivery(function, MAPPING, "shard-0", stopped).run(records("01"))
    assert function.batches == []
