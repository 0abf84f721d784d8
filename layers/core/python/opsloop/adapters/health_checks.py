"""One small question to each thing that opsloop depends on: are you there, and able to work?"""

from collections.abc import Callable, Mapping
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, EVENTBRIDGE, KINESIS, AwsError, JsonClient, ObjectClient
from opsloop.health.model import Check, Status

IMPATIENT: dict[str, Any] = {"connect_timeout_s": 1.0, "read_timeout_s": 2.0, "attempts": 2}


class HealthChecks:
    """Questions to the tables, the stream, the buckets and the bus, each named after its component."""

    def __init__(self, *, tables: Mapping[str, str], stream: str, buckets: Mapping[str, str], bus: str) -> None:
        self._dynamodb, self._kinesis, self._events = (
            JsonClient(service, **IMPATIENT) for service in (DYNAMODB, KINESIS, EVENTBRIDGE)
        )
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
        return str(self._dynamodb.call("DescribeTable", {"TableName": name})["Table"]["TableStatus"])

    def _stream_status(self) -> str:
        summary = self._kinesis.call("DescribeStreamSummary", {"StreamName": self._stream})
        return str(summary["StreamDescriptionSummary"]["StreamStatus"])

    def _bucket_status(self, name: str) -> str:
        ObjectClient(name, **IMPATIENT).head("")
        return "ACTIVE"

    def _bus_status(self) -> str:
        self._events.call("DescribeEventBus", {"Name": self._bus})
        return "ACTIVE"


def _check(component: str, ask: Callable[[], str]) -> Check:
    """Return what ``ask`` found; an error is told by its code alone, since messages may carry names and ids."""
    try:
        status = ask()
    except AwsError as error:
        output = f"answered {error.code.removeprefix('HTTP')}" if error.status else f"no answer: {error.code}"
        return Check(component, Status.FAIL, output=output)
    if status == "ACTIVE":
        return Check(component, Status.PASS, status)
    if status == "UPDATING":  # a table or stream keeps serving while its settings or shards change
        return Check(component, Status.WARN, status, output="is being changed")
    return Check(component, Status.FAIL, status, output=f"is {status}")
