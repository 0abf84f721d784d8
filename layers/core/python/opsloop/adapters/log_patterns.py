"""The pattern counts in the log table: what ``log_keep`` counted, for whoever judges or shows it. It is only read."""

from binascii import a2b_base64
from collections.abc import Iterator
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError
from opsloop.log.model import BodyStore, PatternHour
from opsloop.log.names import hour_key, hour_of, service_key
from opsloop.log.pattern_hours import decode

SERVICES, PATTERNS = "services", "patterns"


class PatternTable:
    """How often each pattern of a service occurred, by hour. ``store`` has the bodies that are too large for an item:
    ``LogBucket``."""

    def __init__(self, table_name: str, store: BodyStore) -> None:
        self._table, self._store = table_name, store
        self._client = JsonClient(DYNAMODB)

    def services(self) -> list[str]:
        """Return every service that ever sent a log record, by name."""
        return [item["sk"]["S"] for item in self._query(SERVICES, None)]

    def hours(self, service: str, first_hour: int, last_hour: int) -> list[PatternHour]:
        """Return the hours of ``service`` that start at minute ``first_hour`` to ``last_hour``, oldest first.

        Hours without a record are left out. Raises ``DependencyUnavailableError``.
        """
        found = self._query(service_key(PATTERNS, service), (hour_key(first_hour), hour_key(last_hour)))
        return [self._hour(service, item) for item in found]

    def _hour(self, service: str, item: dict[str, Any]) -> PatternHour:
        body = a2b_base64(item["body"]["B"]) if "body" in item else self._store.get(item["body_key"]["S"])
        return decode(service, hour_of(item["sk"]["S"]), body)

    def _query(self, pk: str, between: tuple[str, str] | None) -> Iterator[dict[str, Any]]:
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if between is not None:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {":first": {"S": between[0]}, ":last": {"S": between[1]}}
        options: dict[str, Any] = {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}
        while True:
            try:
                page = self._client.call("Query", {"TableName": self._table, "ConsistentRead": True, **options})
            except AwsError as error:
                raise DependencyUnavailableError(f"log table: {error.code}") from error
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
