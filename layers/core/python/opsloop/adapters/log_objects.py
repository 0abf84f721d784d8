"""The object index of the log table, read: which objects there are of a service and day, and how far its logs are."""

from binascii import a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.adapters.aws_dynamodb import batch_get
from opsloop.errors import DependencyUnavailableError
from opsloop.log.gaps import Place
from opsloop.log.model import LogObject
from opsloop.log.names import PENDING_PARTITIONS, kept_of, objects_key, pending_partition, service_key
from opsloop.log.names import folder as folder_of
from opsloop.log.tail import Reached

MAX_PAGES = 5  # of a partition of what waits, 1 MB each: some thousand objects
_STATE = "state"


class ObjectTable:
    """Objects of log documents by service and day. Implements ``Steps`` of ``opsloop.log.tail`` as well."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def objects(self, service: str, day: str) -> Iterator[LogObject]:
        """Yield the objects of ``service`` and ``day`` (``2026-11-21``), by hour."""
        for page in self._pages(objects_key(service, day)):
            yield from (_object(service, day, item) for item in page)

    def has(self, service: str, day: str) -> bool:
        """Return whether anything was kept of that service and day."""
        return any(next(self._pages(objects_key(service, day), Limit=1, ProjectionExpression="pk"), ()))

    def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """Return the first and last time (ns) of the objects at ``places``, of those that are known."""
        keys = {(objects_key(one.service, one.day), f"{one.hour:02d}#{one.name}"): one for one in places}
        try:
            items = list(batch_get(self._client, self._table, list(keys)))
        except AwsError as error:
            raise DependencyUnavailableError(f"log table: {error.code}") from error
        found = {keys[item["pk"]["S"], item["sk"]["S"]]: item for item in items}
        return {place: (int(item["first_ns"]["N"]), int(item["last_ns"]["N"])) for place, item in found.items()}

    def reached(self, service: str, after: int) -> Reached:
        """Return how many steps of ``service`` were kept, and up to which one all after ``after`` are put in."""
        key = {"pk": {"S": service_key(_STATE, service)}, "sk": {"S": _STATE}}
        options = {"ProjectionExpression": "version", "ConsistentRead": True}
        item = self._call("GetItem", Key=key, **options).get("Item")
        kept = int(item["version"]["N"]) if item else 0
        if kept <= after:
            return Reached(after, max(kept, after))
        waiting = self._waiting(service)
        if waiting is None:
            return Reached(after, kept)
        return Reached(min((one - 1 for one in waiting if one > after), default=kept), kept)

    def _waiting(self, service: str) -> list[int] | None:
        """Return the steps of the objects of ``service`` that wait; None if more wait than can be looked through."""
        found = []
        values = {":folder": {"S": f"#logs/{folder_of(service)}/"}}
        for number in range(PENDING_PARTITIONS):
            pages = self._pages(
                pending_partition(number), values, FilterExpression="contains(sk, :folder)", ConsistentRead=True
            )
            for count, page in enumerate(pages, 1):
                if count > MAX_PAGES:
                    return None
                found += [kept_of(item["sk"]["S"]) for item in page]
        return found

    def _pages(self, pk: str, more: Mapping[str, Any] | None = None, **options: Any) -> Iterator[list[dict[str, Any]]]:
        values = {":pk": {"S": pk}, **(more or {})}
        options |= {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values}
        while True:
            page = self._call("Query", **options)
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            options["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            return self._client.call(operation, {"TableName": self._table, **arguments})
        except AwsError as error:
            raise DependencyUnavailableError(f"log table: {error.code}") from error


def _object(service: str, day: str, item: Mapping[str, Any]) -> LogObject:
    return LogObject(
        item["key"]["S"],
        service,
        day,
        int(item["sk"]["S"][:2]),
        int(item["records"]["N"]),
        int(item["first_ns"]["N"]),
        int(item["last_ns"]["N"]),
        {name: int(count["N"]) for name, count in item["severities"]["M"].items()},
        a2b_base64(item["traces"]["B"]),
    )
