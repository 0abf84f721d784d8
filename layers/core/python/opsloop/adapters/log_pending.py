"""What the search store does not have yet: objects of log documents, the longest waiting first, in the log table."""

from collections.abc import Iterable
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError
from opsloop.log.model import Pending
from opsloop.log.names import PENDING_DAYS, PENDING_PARTITIONS, pending_key, pending_partition

_BATCH = 25  # items of a BatchWriteItem
_ROUNDS = 20


class PendingTable:
    """Objects that wait to be searchable."""

    def __init__(self, table_name: str, **options: Any) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB, **options)

    def oldest(self, limit: int) -> list[Pending]:
        """Return up to ``limit`` objects that wait, those that wait longest first."""
        found = [one for number in range(PENDING_PARTITIONS) for one in self._partition(number, limit)]
        return sorted(found, key=lambda one: (one.since_s, one.key))[:limit]

    def waits(self, pending: Pending) -> bool:
        """Return whether the object waits."""
        found = self._call("GetItem", {"TableName": self._table, "Key": _key(pending), "ConsistentRead": True})
        return "Item" in found

    def done(self, pending: Iterable[Pending]) -> None:
        """Note that the objects wait no more; repeating it changes nothing."""
        self._write([{"DeleteRequest": {"Key": _key(one)}} for one in pending])

    def add(self, pending: Iterable[Pending]) -> None:
        """Note that the objects wait (again); repeating it changes nothing."""
        requests = []
        for one in pending:
            expires = {"N": str(one.since_s + PENDING_DAYS * 86_400)}
            requests.append({"PutRequest": {"Item": {**_key(one), "expires_at": expires}}})
        self._write(requests)

    def _partition(self, number: int, limit: int) -> list[Pending]:
        answer = self._call(
            "Query",
            {
                "TableName": self._table,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": pending_partition(number)}},
                "ConsistentRead": True,
                "Limit": limit,
            },
        )
        return [_pending(item["sk"]["S"]) for item in answer["Items"]]

    def _write(self, requests: list[dict[str, Any]]) -> None:
        for first in range(0, len(requests), _BATCH):
            left = {self._table: requests[first : first + _BATCH]}
            for _ in range(_ROUNDS):
                left = self._call("BatchWriteItem", {"RequestItems": left}).get("UnprocessedItems") or {}
                if not left:
                    break
            else:
                raise DependencyUnavailableError("log table: leaves writes undone")

    def _call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._client.call(operation, arguments)
        except AwsError as error:
            raise DependencyUnavailableError(f"log table: {error.code}") from error


def _key(pending: Pending) -> dict[str, Any]:
    pk, sk = pending_key(pending.key, pending.since_s)
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _pending(sk: str) -> Pending:
    since, _, key = sk.partition("#")
    return Pending(key, int(since))
