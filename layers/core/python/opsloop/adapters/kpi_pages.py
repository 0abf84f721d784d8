"""The KPI table, as its readers see it: rows stay the JSON that they are stored as.

By the small client: a question for a month of hours is one call for 31 pages, and is answered in a few milliseconds.
"""

import zlib
from binascii import a2b_base64
from collections.abc import Iterable
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.adapters.aws_dynamodb import batch_get
from opsloop.errors import DependencyUnavailableError
from opsloop.kpi.model import ROLLUP_MARK, PageKey, StoredPage, page_key, sort_key, stored_rows


class KpiPages:
    """Pages of KPI rows, read."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def read(self, keys: Iterable[PageKey]) -> dict[PageKey, StoredPage]:
        """Return the pages under ``keys`` that exist."""
        wanted = {(key.service, sort_key(key)): key for key in keys}
        found: dict[PageKey, StoredPage] = {}
        try:
            for item in batch_get(self._client, self._table, list(wanted)):
                key = wanted[item["pk"]["S"], item["sk"]["S"]]
                found[key] = StoredPage(key, _rows(item))
        except AwsError as error:
            raise DependencyUnavailableError(f"kpi table: {error.code}") from error
        return found

    def read_range(self, service: str, resolution: str, first: str, last: str) -> list[StoredPage]:
        """Return the pages of every operation of ``service`` from page start ``first`` to ``last``, oldest first."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": service},
                ":first": {"S": f"{resolution}#{first}#"},
                ":last": {"S": f"{resolution}#{last}#\U0010ffff"},
            },
            "ConsistentRead": True,
        }
        found: list[StoredPage] = []
        while True:
            answer = self._call("Query", request)
            for item in answer["Items"]:
                rows = _rows(item)
                found.append(StoredPage(page_key(rows[0]), rows))
            if "LastEvaluatedKey" not in answer:
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def last_rolled_up(self) -> int | None:
        """Return the start of the last hour that was rolled up for every service; ``None`` before the first."""
        pk, sk = ROLLUP_MARK
        request = {"TableName": self._table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}
        item = self._call("GetItem", request).get("Item")
        return int(item["start_minute"]["N"]) if item else None

    def _call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._client.call(operation, arguments)
        except AwsError as error:
            raise DependencyUnavailableError(f"kpi table: {error.code}") from error


def _rows(item: dict[str, Any]) -> Any:
    return stored_rows(zlib.decompress(a2b_base64(item["rows"]["B"])))
