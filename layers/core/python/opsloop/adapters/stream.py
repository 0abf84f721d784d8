"""The Kinesis stream, as a producer sees it: all records accepted, or an error that says whether to try again."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from opsloop.adapters.aws_client import KINESIS, THROTTLES, AwsError, JsonClient, chance
from opsloop.errors import DependencyUnavailableError, ThrottledError

MAX_CALL_RECORDS = 500
MAX_CALL_BYTES = 5_000_000  # the limit is 5 MiB, keys included
MAX_RECORD_BYTES = 1_048_576  # data and key together
DEADLINE_S = 12.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 1.0
RETRY_AFTER_S = 2


class StreamRecord(Protocol):
    """What is put on the stream."""

    @property
    def data(self) -> bytes:
        """The bytes, at most ``MAX_RECORD_BYTES`` together with the key."""

    @property
    def partition_key(self) -> str:
        """What places the record on a shard."""


class Stream:
    """Puts records. ``sleep``, ``clock`` and ``jitter`` (0 to 1) are given by tests."""

    def __init__(
        self,
        name: str,
        *,
        client: Any = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = chance,
    ) -> None:
        self._name = name
        self._client = client or JsonClient(KINESIS, attempts=1)  # retries are ours, below
        self._sleep, self._clock, self._jitter = sleep, clock, jitter

    def put(self, records: Sequence[StreamRecord]) -> None:
        """Put all ``records``; return only when Kinesis has accepted each.

        Refused entries, and only those, are sent again with growing waits until the deadline. Then ``ThrottledError``
        (429) if the stream was throttled, else ``DependencyUnavailableError`` (503): the sender repeats the whole
        body, and what was accepted already is known by its fingerprint.
        """
        deadline = self._clock() + DEADLINE_S
        for call in _calls(records):
            self._put_call(call, deadline)

    def _put_call(self, records: Sequence[StreamRecord], deadline: float) -> None:
        wait = FIRST_WAIT_S
        while True:
            records, reason = self._attempt(records)
            if not records:
                return
            pause = wait * (0.5 + self._jitter() / 2)
            if self._clock() + pause > deadline:
                message = f"stream refused {len(records)} records: {reason}"
                kind = ThrottledError if reason in THROTTLES else DependencyUnavailableError
                raise kind(message, retry_after_s=RETRY_AFTER_S)
            self._sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _attempt(self, records: Sequence[StreamRecord]) -> tuple[list[StreamRecord], str]:
        """Return the records that were not accepted, and the reason of the first."""
        entries: Any = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        try:
            answer = self._client.call("PutRecords", {"StreamName": self._name, "Records": entries})
        except AwsError as error:
            return list(records), error.code
        if not answer["FailedRecordCount"]:
            return [], ""
        results = zip(records, answer["Records"], strict=True)
        refused = [(record, result["ErrorCode"]) for record, result in results if result.get("ErrorCode")]
        return [record for record, _ in refused], refused[0][1] if refused else ""


def _calls(records: Sequence[StreamRecord]) -> Iterator[Sequence[StreamRecord]]:
    """Yield the records in order, as many at a time as one call takes."""
    call: list[StreamRecord] = []
    size = 0
    for record in records:
        cost = len(record.data) + len(record.partition_key)
        if call and (len(call) == MAX_CALL_RECORDS or size + cost > MAX_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(record)
        size += cost
    if call:
        yield call
