"""The health table's other items: what the platform did each day of a month, and the last snapshot of it.

A day's item is named by its day of the month, so that there are never more than 31.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from opsloop.adapters.aws_dynamodb import Table as DynamoTable
from opsloop.health.snapshot import Alarm, FunctionSetup, Queue, Snapshot, Table
from opsloop.health.usage import Hours

SNAPSHOT = {"pk": {"S": "platform"}}


class PlatformTable:
    """Days and the snapshot. Raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = DynamoTable(table_name, "health table")

    def days(self, dates: Iterable[str]) -> dict[str, Hours]:
        """Return the hours of each of ``dates`` (``2026-11-21``) that is stored."""
        wanted = sorted(set(dates))
        items = self._table.get_all([_day(date) for date in wanted], is_consistent=False)
        found: dict[str, Hours] = {item["date"]["S"]: json.loads(item["hours"]["S"]) for item in items}
        return {date: found[date] for date in wanted if date in found}  # others are of another month

    def save_day(self, date: str, hours: Hours) -> None:
        """Keep the hours of ``date``, in the place of the same day of another month."""
        text = json.dumps(hours, separators=(",", ":"))
        self._table.call("PutItem", Item={**_day(date), "date": {"S": date}, "hours": {"S": text}})

    def save(self, snapshot: Snapshot) -> None:
        """Keep ``snapshot`` unless a later one is there: a repeated or late schedule changes nothing."""
        time = {"N": repr(snapshot.time)}
        document = {"S": json.dumps(asdict(snapshot), separators=(",", ":"))}
        self._table.holds(
            "PutItem",
            Item={**SNAPSHOT, "time": time, "document": document},
            ConditionExpression="attribute_not_exists(pk) OR #time <= :time",
            ExpressionAttributeNames={"#time": "time"},
            ExpressionAttributeValues={":time": time},
        )

    def read(self) -> Snapshot | None:
        """Return the last snapshot; ``None`` before the first."""
        item = self._table.get(SNAPSHOT)
        if item is None:
            return None
        document = json.loads(item["document"]["S"])
        document["setups"] = {name: FunctionSetup(**one) for name, one in document["setups"].items()}
        document["alarms"] = tuple(Alarm(**one) for one in document["alarms"])
        document["queues"] = {name: Queue(**one) for name, one in document["queues"].items()}
        document["tables"] = {word: Table(**one) for word, one in document["tables"].items()}
        return Snapshot(**document)


def _day(date: str) -> dict[str, Any]:
    return {"pk": {"S": f"day#{date[-2:]}"}}
