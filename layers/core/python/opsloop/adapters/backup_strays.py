"""Dumps in the bucket that are nobody's: an item each of the backup table, until somebody declares their database."""

from datetime import datetime, timedelta

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.backup.stray import Stray
from opsloop.clock import format_time, parse_time

_PK = "strays"
KEPT_DAYS = 400


class StrayTable:
    """Keys of objects that look like dumps, and why each was set aside. Items expire after ``KEPT_DAYS``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def add(self, key: str, arrived_at: datetime, reason: str) -> None:
        """Keep one; again is the same. Raises ``DependencyUnavailableError``."""
        expires = int((arrived_at + timedelta(days=KEPT_DAYS)).timestamp())
        item = {
            **place(_PK, key),
            "arrived_at": {"S": format_time(arrived_at)},
            "reason": {"S": reason},
            "expires_at": {"N": str(expires)},
        }
        self._table.call("PutItem", Item=item)

    def all(self) -> list[Stray]:
        """Return those that were set aside, by key; raise ``DependencyUnavailableError``."""
        return [
            Stray(item["sk"]["S"], parse_time(item["arrived_at"]["S"], name="arrived_at"), item["reason"]["S"])
            for item in self._table.query(_PK, ConsistentRead=True)
        ]
