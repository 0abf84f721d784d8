"""The producer: everything accepted, or an error that says whether to try again."""

from typing import NamedTuple

import pytest

from opsloop.adapters.aws_client import AwsError
from opsloop.adapters.stream import DEADLINE_S, Stream
from opsloop.errors import DependencyUnavailableError, ThrottledError

THROTTLED = "ProvisionedThroughputExceededException"


class Record(NamedTuple):
    data: bytes
    partition_key: str


class FakeKinesis:
    """Refuses what ``refuse(call number, entry)`` names an error for; remembers calls and what it accepted."""

    def __init__(self, refuse=lambda _call, _entry: None):
        self.refuse, self.calls, self.accepted = refuse, [], []

    def call(self, operation, arguments):
        assert (operation, arguments["StreamName"]) == ("PutRecords", "s")
        self.calls.append(arguments["Records"])
        results = []
        for entry in arguments["Records"]:
            code = self.refuse(len(self.calls), entry)
            if isinstance(code, Exception):
                raise code
            results.append({"ErrorCode": code} if code else {"SequenceNumber": "1", "ShardId": "s"})
            if not code:
                self.accepted.append(entry["Data"])
        return {"FailedRecordCount": sum("ErrorCode" in result for result in results), "Records": results}


class FakeTime:
    def __init__(self):
        self.now, self.waits = 100.0, []

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


def put(client, records):
    time = FakeTime()
    Stream("s", client=client, sleep=time.sleep, clock=lambda: time.now, jitter=lambda: 1.0).put(records)
    return time


def records(count, size=10):
    return [Record(number.to_bytes(4, "big") * (size // 4), f"key{number}") for number in range(count)]


def test_only_the_refused_entries_are_sent_again_after_growing_waits():
    wanted = records(5)
    client = FakeKinesis(lambda call, entry: THROTTLED if call <= 2 and entry["PartitionKey"] in "key1 key3" else None)
    time = put(client, wanted)
    assert [len(call) for call in client.calls] == [5, 2, 2]
    assert sorted(client.accepted) == sorted(record.data for record in wanted)
    assert time.waits == [0.05, 0.1]


def test_a_stream_that_stays_throttled_ends_in_429_within_the_deadline():
    client = FakeKinesis(lambda _call, _entry: THROTTLED)
    time = FakeTime()
    stream = Stream("s", client=client, sleep=time.sleep, clock=lambda: time.now, jitter=lambda: 1.0)
    with pytest.raises(ThrottledError, match="2 records") as caught:
        stream.put(records(2))
    assert caught.value.status == 429
    assert caught.value.retry_after_s == 2
    assert DEADLINE_S - 1 < sum(time.waits) <= DEADLINE_S


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("InternalFailure", DependencyUnavailableError),
        (AwsError(THROTTLED, 400, ""), ThrottledError),
        (AwsError("AccessDeniedException", 400, ""), DependencyUnavailableError),
        (AwsError("ConnectionRefusedError", 0, ""), DependencyUnavailableError),
    ],
)
def test_each_failure_says_whether_it_was_throttling(fault, kind):
    with pytest.raises(kind) as caught:
        put(FakeKinesis(lambda _call, _entry: fault), records(1))
    assert type(caught.value) is kind


def test_a_failed_call_is_repeated_whole():
    client = FakeKinesis(lambda call, _entry: AwsError("ConnectionRefusedError", 0, "") if call == 1 else None)
    put(client, records(3))
    assert [len(call) for call in client.calls] == [3, 3]


def test_calls_hold_at_most_500_records_and_five_megabytes():
    client = FakeKinesis()
    put(client, records(1_201))
    assert [len(call) for call in client.calls] == [500, 500, 201]
    client = FakeKinesis()
    put(client, records(12, size=1_000_000))
    assert [len(call) for call in client.calls] == [4, 4, 4]
    assert len(client.accepted) == 12


def test_no_records_make_no_call():
    client = FakeKinesis()
    put(client, [])
    assert client.calls == []
