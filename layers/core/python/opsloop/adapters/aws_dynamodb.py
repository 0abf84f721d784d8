"""One DynamoDB table, asked in our words: its failures are our errors, and an answer in several parts is one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.errors import ConflictError, DependencyUnavailableError

MAX_KEYS, MAX_WRITES = 100, 25  # of one BatchGetItem, of one BatchWriteItem
MAX_ROUNDS = 20  # each does some of a batch: what is left after them means that the table is throttled
IS_NEW = "attribute_not_exists(pk)"
_CONDITION_FAILED = "ConditionalCheckFailedException"
_LOST = {
    _CONDITION_FAILED,
    "ConditionalCheckFailed",  # this, and one below, of an action in a transaction
    "TransactionConflictException",
    "TransactionConflict",
}


class Table:
    """The table ``name``, which errors call ``what``; ``options`` are those of its client.

    Whatever fails raises ``DependencyUnavailableError``: ``<what>: <AWS's code>``, or, where anybody may ask, without
    the code.
    """

    def __init__(self, name: str, what: str, *, tells_code: bool = True, **options: Any) -> None:
        self.name, self.client = name, JsonClient(DYNAMODB, **options)
        self._what, self._tells_code = what, tells_code

    def call(self, operation: str, *, conflict: str = "", **arguments: Any) -> dict[str, Any]:
        """Return the answer of ``operation`` on this table.

        With ``conflict`` a condition that does not hold raises ``ConflictError`` with that message.
        """
        return self._send(operation, {"TableName": self.name, **arguments}, conflict)

    def holds(self, operation: str, **arguments: Any) -> bool:
        """Do ``operation`` if its condition holds; return whether it did."""
        try:
            self.client.call(operation, {"TableName": self.name, **arguments})
        except AwsError as error:
            if error.code == _CONDITION_FAILED:
                return False
            raise self._unavailable(error) from error  # a transaction that was met says nothing of the condition
        return True

    def get(self, key: Mapping[str, Any], **options: Any) -> dict[str, Any] | None:
        """Return the item under ``key``, or None."""
        item: dict[str, Any] | None = self.call("GetItem", Key=key, **options).get("Item")
        return item

    def get_all(self, keys: Sequence[Mapping[str, Any]], *, is_consistent: bool = True) -> Iterator[dict[str, Any]]:
        """Yield the items under ``keys`` (each once) that exist, in no order."""
        for first in range(0, len(keys), MAX_KEYS):
            wanted = {"Keys": keys[first : first + MAX_KEYS], "ConsistentRead": is_consistent}
            for answer in self._rounds("BatchGetItem", wanted, left="UnprocessedKeys"):
                yield from answer["Responses"].get(self.name, ())

    def write_all(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Do ``requests``, of BatchWriteItem, in no order and each for itself."""
        for first in range(0, len(requests), MAX_WRITES):
            for _ in self._rounds("BatchWriteItem", requests[first : first + MAX_WRITES], left="UnprocessedItems"):
                pass

    def query(
        self,
        pk: str,
        *,
        since: str | None = None,
        between: tuple[str, str] | None = None,
        prefix: str = "",
        **options: Any,
    ) -> Iterator[dict[str, Any]]:
        """Yield the items under ``pk`` by sort key, page by page.

        Of all, those from ``since`` on, ``between`` two (both included), or those that begin with ``prefix``.
        """
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if since is not None:
            condition, values[":since"] = f"{condition} AND sk >= :since", {"S": since}
        if between is not None:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {":first": {"S": between[0]}, ":last": {"S": between[1]}}
        if prefix:
            condition, values[":prefix"] = f"{condition} AND begins_with(sk, :prefix)", {"S": prefix}
        for page in self.pages("Query", KeyConditionExpression=condition, ExpressionAttributeValues=values, **options):
            yield from page

    def pages(self, operation: str, **arguments: Any) -> Iterator[list[dict[str, Any]]]:
        """Yield the items that Query or Scan finds, page by page (1 MB each, or as many items as its ``Limit``)."""
        while True:
            answer = self.call(operation, **arguments)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def save(self, item: Mapping[str, Any], *, after: int, conflict: str) -> None:
        """Put ``item`` as version ``after + 1`` in the place of version ``after`` (0: of nothing).

        Raises ``ConflictError``, with the message ``conflict``, if that version is not there any more.
        """
        versioned = {**item, "version": {"N": str(after + 1)}}
        self.call("PutItem", conflict=conflict, Item=versioned, **is_version(after))

    def transact(self, actions: Sequence[Mapping[str, Any]], *, conflict: str) -> None:
        """Do all of ``actions`` or none.

        Raises ``ConflictError``, with the message ``conflict``, if a condition does not hold or another one was at it.
        Where an answer is lost on its way, asking again does nothing twice, and finds nothing of ours in the way.
        """
        once = {"ClientRequestToken": os.urandom(16).hex()}
        self._send("TransactWriteItems", {"TransactItems": actions, **once}, conflict)

    def _rounds(self, operation: str, batch: Any, *, left: str) -> Iterator[dict[str, Any]]:
        """Yield the answers of a batch, until nothing of it is ``left``."""
        request: dict[str, Any] = {self.name: batch}
        for _ in range(MAX_ROUNDS):
            answer = self._send(operation, {"RequestItems": request})
            yield answer
            request = answer.get(left) or {}
            if not request:
                return
        raise DependencyUnavailableError(f"{self._what}: {left}")

    def _send(self, operation: str, arguments: Mapping[str, Any], conflict: str = "") -> dict[str, Any]:
        try:
            return self.client.call(operation, arguments)
        except AwsError as error:
            if conflict and _LOST & {error.code, *error.reasons}:
                raise ConflictError(conflict) from error
            raise self._unavailable(error) from error

    def _unavailable(self, error: AwsError) -> DependencyUnavailableError:
        return DependencyUnavailableError(
            f"{self._what}: {error.code}" if self._tells_code else f"{self._what} does not answer"
        )


def place(pk: str, sk: str) -> dict[str, Any]:
    """Return the key ``pk`` and ``sk``, as requests and items have it."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def is_version(number: int) -> dict[str, Any]:
    """Return the condition that an item is still at that version, as arguments of a put; 0: that there is none."""
    if not number:
        return {"ConditionExpression": IS_NEW}
    return {"ConditionExpression": "version = :read", "ExpressionAttributeValues": {":read": {"N": str(number)}}}
