"""One small question to each thing that opsloop depends on: are you there, and able to work?"""

from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from opsloop.health.model import Check, Status

IMPATIENT = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})


class HealthChecks:
    """Questions to the tables, the stream, the buckets and the bus, each named after its component."""

    def __init__(self, *, tables: Mapping[str, str], stream: str, buckets: Mapping[str, str], bus: str) -> None:
        self._dynamodb = boto3.client("dynamodb", config=IMPATIENT)
        self._kinesis = boto3.client("kinesis", config=IMPATIENT)
        self._s3 = boto3.client("s3", config=IMPATIENT)
        self._events = boto3.client("events", config=IMPATIENT)
        self._tables, self._stream, self._buckets, self._bus = tables, stream, buckets, bus

    def questions(self) -> dict[str, Callable[[], Check]]:
        """Return what to ask, by component."""
        asked: dict[str, Callable[[], str]] = {"stream:status": self._stream_status, "bus:status": self._bus_status}
        for word, name in self._tables.items():
            asked[f"{word}_table:status"] = lambda name=name: self._table_status(name)  # type: ignore[misc]
        for word, name in self._buckets.items():
            asked[f"{word}_bucket:status"] = lambda name=name: self._bucket_status(name)  # type: ignore[misc]
        return {component: lambda c=component, ask=ask: _check(c, ask) for component, ask in asked.items()}  # type: ignore[misc]

    def _table_status(self, name: str) -> str:
        return str(self._dynamodb.describe_table(TableName=name)["Table"]["TableStatus"])

    def _stream_status(self) -> str:
        summary: Any = self._kinesis.describe_stream_summary(StreamName=self._stream)
        return str(summary["StreamDescriptionSummary"]["StreamStatus"])

    def _bucket_status(self, name: str) -> str:
        self._s3.head_bucket(Bucket=name)
        return "ACTIVE"

    def _bus_status(self) -> str:
        self._events.describe_event_bus(Name=self._bus)
        return "ACTIVE"


def _check(component: str, ask: Callable[[], str]) -> Check:
    """Return what ``ask`` found; an error is told by its code alone, since messages may carry names and ids."""
    try:
        status = ask()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        return Check(component, Status.FAIL, output=f"answered {code}")
    except BotoCoreError as error:
        return Check(component, Status.FAIL, output=f"no answer: {type(error).__name__}")
    if status == "ACTIVE":
        return Check(component, Status.PASS, status)
    if status == "UPDATING":  # a table or stream keeps serving while its settings or shards change
        return Check(component, Status.WARN, status, output="is being changed")
    return Check(component, Status.FAIL, status, output=f"is {status}")
