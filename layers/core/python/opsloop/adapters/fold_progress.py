"""How far the shard logs are folded: which of their items, and of which minutes, are in no block yet."""

from collections.abc import Iterator
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError
from opsloop.telemetry.model import LOG_START

SHARDS = "shards"


class FoldProgress:
    """The positions up to which logs are folded, and what follows them."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def folded(self) -> dict[str, str]:
        """Return every log, with the position up to which it is folded."""
        found = self._query(":pk", {":pk": {"S": SHARDS}}, "sk, folded_to")
        return {item["sk"]["S"]: item.get("folded_to", {}).get("S", LOG_START) for item in found}

    def waiting(self, log: str, position: str) -> Iterator[tuple[str, int, int]]:
        """Yield what follows ``position`` in ``log``: each item's end, and its first and last minute since the epoch.

        Items without telemetry are left out.
        """
        values = {":pk": {"S": log}, ":position": {"S": position}}
        for item in self._query(":pk AND sk >= :position", values, "#to, min_minute, max_minute", {"#to": "to"}):
            if "min_minute" in item:
                yield item["to"]["S"], int(item["min_minute"]["N"]), int(item["max_minute"]["N"])

    def _query(
        self, condition: str, values: dict[str, Any], projection: str, names: dict[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": f"pk = {condition}",
            "ExpressionAttributeValues": values,
            "ProjectionExpression": projection,
            "ConsistentRead": True,
        }
        if names:
            request["ExpressionAttributeNames"] = names
        while True:
            try:
                answer = self._client.call("Query", request)
            except AwsError as error:
                raise DependencyUnavailableError(f"telemetry table: {error.code}") from error
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
