"""The object index of the log table, read: which objects there are of a service and day, and how far its logs are."""

from binascii import a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.log.gaps import Place
from opsloop.log.model import LogObject
from opsloop.log.names import PENDING_PARTITIONS, kept_of, objects_key, pending_partition, service_key
from opsloop.log.names import folder as folder_of
from opsloop.log.tail import Reached

MAX_PAGES = 5  # of a partition of what waits, 1 MB each: some thousand objects
SERVICES, _STATE = "services", "state"


class ObjectTable:
    """Objects of log documents by service and day. Implements ``Steps`` of ``opsloop.log.tail`` as well."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "log table")

    def services(self) -> list[str]:
        """Return every service that ever sent a log record, by name."""
        return [item["sk"]["S"] for item in self._table.query(SERVICES, ConsistentRead=True)]

    def objects(self, service: str, day: str) -> Iterator[LogObject]:
        """Yield the objects of ``service`` and ``day`` (``2026-11-21``), by hour."""
        for item in self._table.query(objects_key(service, day)):
            yield _object(service, day, item)

    def has(self, service: str, day: str) -> bool:
        """Return whether anything was kept of that service and day."""
        return any(self._table.query(objects_key(service, day), Limit=1, ProjectionExpression="pk"))

    def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """Return the first and last time (ns) of the objects at ``places``, of those that are known."""
        keys = {(objects_key(one.service, one.day), f"{one.hour:02d}#{one.name}"): one for one in places}
        items = self._table.get_all([place(*one) for one in keys])
        found = {keys[item["pk"]["S"], item["sk"]["S"]]: item for item in items}
        return {one: (int(item["first_ns"]["N"]), int(item["last_ns"]["N"])) for one, item in found.items()}

    def reached(self, service: str, after: int) -> Reached:
        """Return how many steps of ``service`` were kept, and up to which one all after ``after`` are put in."""
        key = place(service_key(_STATE, service), _STATE)
        item = self._table.get(key, ProjectionExpression="version", ConsistentRead=True)
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
        folder = {"S": f"#logs/{folder_of(service)}/"}
        for number in range(PENDING_PARTITIONS):
            pages = self._table.pages(
                "Query",
                KeyConditionExpression="pk = :pk",
                FilterExpression="contains(sk, :folder)",
                ExpressionAttributeValues={":pk": {"S": pending_partition(number)}, ":folder": folder},
                ConsistentRead=True,
            )
            for count, page in enumerate(pages, 1):
                if count > MAX_PAGES:
                    return None
                found += [kept_of(item["sk"]["S"]) for item in page]
        return found


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
