"""The health table: the latest result of the deep checks, one item."""

import json
from dataclasses import asdict
from datetime import datetime

from opsloop.adapters.aws_dynamodb import Table
from opsloop.clock import format_time
from opsloop.health.model import Check, Probe, Status

KEY = {"pk": {"S": "probe"}}


class HealthTable:
    """The last probe. Raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "health table")

    def save(self, probe: Probe) -> None:
        """Write ``probe``, unless a later one is there: a repeated or late schedule changes nothing."""
        time = format_time(probe.time)
        item = {
            **KEY,
            "time": {"S": time},
            "checks": {"S": json.dumps([asdict(check) for check in probe.checks])},
            "since": {"S": format_time(probe.since)},
        }
        self._table.holds(
            "PutItem",
            Item=item,
            ConditionExpression="attribute_not_exists(pk) OR #time <= :time",
            ExpressionAttributeNames={"#time": "time"},
            ExpressionAttributeValues={":time": {"S": time}},
        )

    def read(self) -> Probe | None:
        """Return the last probe; ``None`` before the first."""
        item = self._table.get(KEY)
        if item is None:
            return None
        text = {name: value["S"] for name, value in item.items()}
        checks = [Check(**{**check, "status": Status(check["status"])}) for check in json.loads(text["checks"])]
        return Probe(datetime.fromisoformat(text["time"]), tuple(checks), datetime.fromisoformat(text["since"]))
