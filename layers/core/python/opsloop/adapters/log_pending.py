"""What the search store does not have yet: objects of log documents, the longest waiting first, in the log table."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.log.model import Pending
from opsloop.log.names import PENDING_DAYS, PENDING_PARTITIONS, pending_key, pending_partition


class PendingTable:
    """Objects that wait to be searchable; ``options`` are those of the client."""

    def __init__(self, table_name: str, **options: Any) -> None:
        self._table = Table(table_name, "log table", **options)

    def oldest(self, limit: int) -> list[Pending]:
        """Return up to ``limit`` objects that wait, those that wait longest first."""
        found = [one for number in range(PENDING_PARTITIONS) for one in self._partition(number, limit)]
        return sorted(found, key=lambda one: (one.since_s, one.key))[:limit]

    def waits(self, pending: Pending) -> bool:
        """Return whether the object waits."""
        return self._table.get(_key(pending), ConsistentRead=True) is not None

    def done(self, pending: Iterable[Pending]) -> None:
        """Note that the objects wait no more; repeating it changes nothing."""
        self._table.write_all([{"DeleteRequest": {"Key": _key(one)}} for one in pending])

    def add(self, pending: Iterable[Pending]) -> None:
        """Note that the objects wait (again); repeating it changes nothing."""
        requests = []
        for one in pending:
            expires = {"N": str(one.since_s + PENDING_DAYS * 86_400)}
            requests.append({"PutRequest": {"Item": {**_key(one), "expires_at": expires}}})
        self._table.write_all(requests)

    def _partition(self, number: int, limit: int) -> list[Pending]:
        found = self._table.query(pending_partition(number), ConsistentRead=True, Limit=limit)
        return [_pending(item["sk"]["S"]) for item in islice(found, limit)]


def _key(pending: Pending) -> dict[str, Any]:
    return place(*pending_key(pending.key, pending.since_s))


def _pending(sk: str) -> Pending:
    since, _, key = sk.partition("#")
    return Pending(key, int(since))
