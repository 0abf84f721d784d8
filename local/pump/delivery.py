"""Delivering one batch as AWS does: retries, bisection, partial responses, expiry, and the failure destination.

Rules from the Lambda developer guide, "Configuring error handling controls" and "Configuring partial batch response"
for Kinesis: an error repeats the whole batch; bisection halves it and does not count as a retry; a partial response
names the lowest failed record and everything before it is done; what is out of retries or too old is described to
the failure destination and skipped.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from local.pump.model import Mapping, Record

logger = logging.getLogger("opsloop.pump")
LONGEST_BACKOFF_S = 5.0


@dataclass(frozen=True)
class Reply:
    """What an invocation gave back: a payload, or the kind of error that the function ended with."""

    payload: Any = None
    error: str | None = None
    is_throttled: bool = False


class Invoker(Protocol):
    """What a delivery needs of AWS."""

    def invoke(self, function_arn: str, event: dict[str, Any]) -> Reply:
        """Call the function and wait for its answer."""

    def report_failure(self, destination: str, message: dict[str, Any]) -> None:
        """Send ``message`` to a queue or topic."""


@dataclass(frozen=True)
class Work:
    """A part of the batch and the failures that count against its retries."""

    records: Sequence[Record]
    failures: int = 0


class Delivery:
    """Delivers batches of one shard to one function."""

    def __init__(
        self,
        invoker: Invoker,
        mapping: Mapping,
        shard_id: str,
        stopped: threading.Event,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._invoker = invoker
        self._mapping = mapping
        self._shard_id = shard_id
        self._stopped = stopped
        self._now = now

    def run(self, records: Sequence[Record]) -> bool:
        """Deliver ``records`` until each is done or given up; return False if stopped before that."""
        work = [Work(records)]
        while work:
            if self._stopped.is_set():
                return False
            work[:1] = self._step(work[0])
        return True

    def _step(self, work: Work) -> list[Work]:
        """Try one part of the batch; return what is left to do of it, in order."""
        young = self._without_expired(work)
        if not young:
            return []
        work = Work(young, work.failures)
        event = {"Records": [record.to_event(self._mapping, self._shard_id) for record in work.records]}
        reply = self._invoker.invoke(self._mapping.function_arn, event)
        if reply.is_throttled:
            self._back_off(1)
            return [work]
        done = self._done(work.records, reply)
        if done == len(work.records):
            return []
        self._back_off(work.failures + 1)
        return self._after_failure(work, done, reply)

    def _after_failure(self, work: Work, done: int, reply: Reply) -> list[Work]:
        if done:
            return [Work(work.records[done:], failures=1)]  # the record at its head has failed once
        if self._mapping.bisects and len(work.records) > 1:
            half = len(work.records) // 2
            return [Work(work.records[:half], work.failures), Work(work.records[half:])]
        failures = work.failures + 1
        if 0 <= self._mapping.max_retries < failures:
            self._give_up(work.records, "RetryAttemptsExhausted", failures, reply.error)
            return []
        return [Work(work.records, failures)]

    def _done(self, records: Sequence[Record], reply: Reply) -> int:
        """Return how many records, from the first, the function is through with."""
        if reply.error:
            logger.warning("%s failed %d records: %s", self._mapping.function_name, len(records), reply.error)
            return 0
        if not self._mapping.reports_item_failures or not isinstance(reply.payload, dict):
            return len(records)
        failed = reply.payload.get("batchItemFailures") or []
        positions = {record.sequence_number: position for position, record in enumerate(records)}
        named = [positions.get(str(item.get("itemIdentifier"))) if isinstance(item, dict) else None for item in failed]
        known = [position for position in named if position is not None]
        if len(known) < len(named):
            return 0  # an identifier that is not in the batch: all of it counts as failed
        return min(known, default=len(records))

    def _without_expired(self, work: Work) -> Sequence[Record]:
        if self._mapping.max_age_s < 0:
            return work.records
        oldest = self._now() - self._mapping.max_age_s
        expired = 0
        while expired < len(work.records) and work.records[expired].arrived_at.timestamp() < oldest:
            expired += 1
        if expired:
            self._give_up(work.records[:expired], "RecordAgeExceeded", work.failures, None)
        return work.records[expired:]

    def _back_off(self, failures: int) -> None:
        self._stopped.wait(min(LONGEST_BACKOFF_S, 0.1 * 2 ** min(failures, 10)))

    def _give_up(self, records: Sequence[Record], condition: str, attempts: int, error: str | None) -> None:
        logger.error("%s gave up on %d records: %s", self._mapping.function_name, len(records), condition)
        if self._mapping.failure_destination is None:
            return
        message = self._description(records, condition, attempts, error)
        self._invoker.report_failure(self._mapping.failure_destination, message)

    def _description(
        self, records: Sequence[Record], condition: str, attempts: int, error: str | None
    ) -> dict[str, Any]:
        """Return the invocation record of the failure destination: where the records are, not their data."""
        first, last = records[0], records[-1]
        return {
            "requestContext": {
                "requestId": "",
                "functionArn": self._mapping.function_arn,
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error},
            "version": "1.0",
            "timestamp": stamp(datetime.fromtimestamp(self._now(), UTC)),
            "KinesisBatchInfo": {
                "shardId": self._shard_id,
                "startSequenceNumber": first.sequence_number,
                "endSequenceNumber": last.sequence_number,
                "approximateArrivalOfFirstRecord": stamp(first.arrived_at),
                "approximateArrivalOfLastRecord": stamp(last.arrived_at),
                "batchSize": len(records),
                "streamArn": self._mapping.stream_arn,
            },
        }


def stamp(time_: datetime) -> str:
    """Return ``time_`` in UTC as AWS writes it."""
    return time_.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
