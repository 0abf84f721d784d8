"""Reading shards: batches, windows, order, an endpoint that goes away, and resharding."""

from datetime import UTC, datetime
from typing import Any

import pytest

from local.pump.aws import EndpointDownError, to_mapping
from local.pump.delivery import Reply
from local.pump.model import MAX_PAYLOAD_BYTES, Mapping, Record, Shard, fits, ready_shards
from local.pump.reader import ShardReader

ARRIVED = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def record(number: int, size: int = 8) -> Record:
    return Record(f"{number:05d}", "key", "x" * size, ARRIVED)


class Stream:
    """A shard in memory, and the function that is mapped to it."""

    def __init__(self, count: int, *, is_closed: bool = False) -> None:
        self.records = [record(number) for number in range(count)]
        self.is_closed = is_closed
        self.is_down = False
        self.batches: list[list[str]] = []

    def iterator(self, _stream_arn: str, _shard_id: str, *, after: str | None) -> str:
        self._must_be_up()
        return str(sum(after is not None and one.sequence_number <= after for one in self.records))

    def read(self, iterator: str, limit: int) -> tuple[list[Record], str | None]:
        self._must_be_up()
        found = self.records[int(iterator) :][:limit]
        end = int(iterator) + len(found)
        return found, None if self.is_closed and end == len(self.records) else str(end)

    def invoke(self, _function_arn: str, event: dict[str, Any]) -> Reply:
        self._must_be_up()
        self.batches.append([one["kinesis"]["sequenceNumber"] for one in event["Records"]])
        return Reply()

    def _must_be_up(self) -> None:
        if self.is_down:
            raise EndpointDownError("connection refused")


def reader(stream: Any, clock: list[float], *, batch_size: int = 4, window_s: float = 0.0) -> ShardReader:
    mapping = Mapping(
        id="m",
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:ingest",
        stream_arn="arn:aws:kinesis:us-east-1:000000000000:stream/telemetry",
        batch_size=batch_size,
        window_s=window_s,
    )
    return ShardReader(stream, mapping, "shard-0", now=lambda: clock[0])


def numbers(stream: Stream) -> list[list[int]]:
    return [[int(number) for number in batch] for batch in stream.batches]


def test_records_come_in_order_in_batches_of_the_size_asked_for():
    stream = Stream(10, is_closed=True)
    one = reader(stream, [0.0])
    one.run()
    assert numbers(stream) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert one.is_drained


def test_a_batch_waits_for_its_window_unless_it_is_full():
    stream, clock = Stream(3), [100.0]
    one = reader(stream, clock, window_s=2.0)
    one.turn()
    assert numbers(stream) == []
    clock[0] = 102.0
    one.turn()
    assert numbers(stream) == [[0, 1, 2]]
    stream.records += [record(number) for number in range(3, 7)]
    one.turn()
    assert numbers(stream) == [[0, 1, 2], [3, 4, 5, 6]]


def test_a_batch_that_the_endpoint_did_not_take_is_delivered_when_it_is_back():
    stream = Stream(3)
    one = reader(stream, [0.0], window_s=1.0)
    one.turn()
    stream.is_down = True
    with pytest.raises(EndpointDownError):
        one.turn()
    stream.is_down = False
    stream.is_closed = True
    one.run()
    assert numbers(stream) == [[0, 1, 2]]


def test_a_lost_iterator_is_replaced_by_one_after_the_last_record_read():
    stream = Stream(6)
    one = reader(stream, [0.0], batch_size=2)
    one.turn()
    one._iterator = None
    one.turn()
    assert numbers(stream) == [[0, 1], [2, 3]]


def test_an_invocation_carries_no_more_than_six_megabytes_and_at_least_one_record():
    big = [record(number, size=1_400_000) for number in range(6)]
    assert fits(big) == 4
    assert fits([record(0, size=MAX_PAYLOAD_BYTES), record(1)]) == 1
    assert fits([record(number) for number in range(500)]) == 500


def test_children_of_a_resharding_wait_until_their_parents_are_drained():
    shards = [Shard("0"), Shard("1"), Shard("2", ("0",)), Shard("3", ("0", "1"))]
    assert ready_shards(shards, set()) == ["0", "1"]
    assert ready_shards(shards, {"0"}) == ["0", "1", "2"]
    assert ready_shards(shards, {"0", "1"}) == ["0", "1", "2", "3"]


def test_a_parent_past_retention_holds_nobody_up():
    assert ready_shards([Shard("2", ("0",))], set()) == ["2"]


def test_a_mapping_without_limits_retries_for_ever():
    answer = {"UUID": "m", "FunctionArn": "f", "EventSourceArn": "s", "BatchSize": 500}
    assert (to_mapping(answer).max_retries, to_mapping(answer).max_age_s) == (-1, -1)
    assert to_mapping(answer | {"MaximumRetryAttempts": 0}).max_retries == 0
