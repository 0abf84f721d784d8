"""The health table's other items: what the platform did each day of a month, and the last snapshot of it.

A day's item is named by its day of the month, so that there are never more than 31.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError
from opsloop.health.snapshot import Alarm, FunctionSetup, Queue, Snapshot, Table
from opsloop.health.usage import Hours

SNAPSHOT = "platform"
_READ_AT_ONCE = 100


class PlatformTable:
    """Days and the snapshot. Raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def days(self, dates: Iterable[str]) -> dict[str, Hours]:
        """Return the hours of each of ``dates`` (``2026-11-21``) that is stored."""
        wanted = sorted(set(dates))
        left: dict[str, Any] = {self._table: {"Keys": [{"pk": {"S": _day_key(date)}} for date in wanted]}}
        found: dict[str, Hours] = {}
        for _ in range(_READ_AT_ONCE):
            answer = self._call("BatchGetItem", {"RequestItems": left})
            for item in answer["Responses"].get(self._table, ()):
                found[item["date"]["S"]] = json.loads(item["hours"]["S"])
            left = answer.get("UnprocessedKeys") or {}
            if not left:
                return {date: found[date] for date in wanted if date in found}  # others are of another month
        raise DependencyUnavailableError("health table leaves days unread")

    def save_day(self, date: str, hours: Hours) -> None:
        """Keep the hours of ``date``, in the place of the same day of another month."""
        text = json.dumps(hours, separators=(",", ":"))
        item = {"pk": {"S": _day_key(date)}, "date": {"S": date}, "hours": {"S": text}}
        self._call("PutItem", {"TableName": self._table, "Item": item})

    def save(self, snapshot: Snapshot) -> None:
        """Keep ``snapshot`` unless a later one is there: a repeated or late schedule changes nothing."""
        time = {"N": repr(snapshot.time)}
        document = {"S": json.dumps(asdict(snapshot), separators=(",", ":"))}
        request = {
            "TableName": self._table,
            "Item": {"pk": {"S": SNAPSHOT}, "time": time, "document": document},
            "ConditionExpression": "attribute_not_exists(pk) OR #time <= :time",
            "ExpressionAttributeNames": {"#time": "time"},
            "ExpressionAttributeValues": {":time": time},
        }
        try:
            self._client.call("PutItem", request)
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise DependencyUnavailableError(f"health table: {error.code}") from error

    def read(self) -> Snapshot | None:
        """Return the last snapshot; ``None`` before the first."""
        answer = self._call("GetItem", {"TableName": self._table, "Key": {"pk": {"S": SNAPSHOT}}})
        if "Item" not in answer:
            return None
        document = json.loads(answer["Item"]["document"]["S"])
        document["setups"] = {name: FunctionSetup(**one) for name, one in document["setups"].items()}
        document["alarms"] = tuple(Alarm(**one) for one in document["alarms"])
        document["queues"] = {name: Queue(**one) for name, one in document["queues"].items()}
        document["tables"] = {word: Table(**one) for word, one in document["tables"].items()}
        return Snapshot(**document)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._client.call(operation, request)
        except AwsError as error:
            raise DependencyUnavailableError(f"health table: {error.code}") from error


def _day_key(date: str) -> str:
    return f"day#{date[-2:]}"
