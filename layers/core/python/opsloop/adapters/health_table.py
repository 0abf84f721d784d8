"""The health table: the latest result of the deep checks, one item."""

import json
from dataclasses import asdict
from datetime import datetime

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.clock import format_time
from opsloop.errors import DependencyUnavailableError
from opsloop.health.model import Check, Probe, Status

KEY = "probe"


class HealthTable:
    """The last probe."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def save(self, probe: Probe) -> None:
        """Write ``probe``, unless a later one is there: a repeated or late schedule changes nothing."""
        time = format_time(probe.time)
        item = {
            "pk": {"S": KEY},
            "time": {"S": time},
            "checks": {"S": json.dumps([asdict(check) for check in probe.checks])},
            "since": {"S": format_time(probe.since)},
        }
        try:
            self._client.call(
                "PutItem",
                {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk) OR #time <= :time",
                    "ExpressionAttributeNames": {"#time": "time"},
                    "ExpressionAttributeValues": {":time": {"S": time}},
                },
            )
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise DependencyUnavailableError(f"health table: {error.code}") from error

    def read(self) -> Probe | None:
        """Return the last probe; ``None`` before the first."""
        try:
            answer = self._client.call("GetItem", {"TableName": self._table, "Key": {"pk": {"S": KEY}}})
        except AwsError as error:
            raise DependencyUnavailableError(f"health table: {error.code}") from error
        if "Item" not in answer:
            return None
        text = {name: value["S"] for name, value in answer["Item"].items()}
        checks = [Check(**{**check, "status": Status(check["status"])}) for check in json.loads(text["checks"])]
        return Probe(datetime.fromisoformat(text["time"]), tuple(checks), datetime.fromisoformat(text["since"]))
