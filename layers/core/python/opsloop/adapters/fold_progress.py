"""How far the shard logs are folded: which of their items, and of which minutes, are in no block yet."""

from collections.abc import Iterator

from opsloop.adapters.aws_dynamodb import Table
from opsloop.telemetry.model import LOG_START

SHARDS = "shards"


class FoldProgress:
    """The positions up to which logs are folded, and what follows them. Raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "telemetry table")

    def folded(self) -> dict[str, str]:
        """Return every log, with the position up to which it is folded."""
        found = self._table.query(SHARDS, ProjectionExpression="sk, folded_to", ConsistentRead=True)
        return {item["sk"]["S"]: item.get("folded_to", {}).get("S", LOG_START) for item in found}

    def waiting(self, log: str, position: str) -> Iterator[tuple[str, int, int]]:
        """Yield what follows ``position`` in ``log``: each item's end, and its first and last minute since the epoch.

        Items without telemetry are left out.
        """
        found = self._table.query(
            log,
            since=position,
            ProjectionExpression="#to, min_minute, max_minute",
            ExpressionAttributeNames={"#to": "to"},
            ConsistentRead=True,
        )
        for item in found:
            if "min_minute" in item:
                yield item["to"]["S"], int(item["min_minute"]["N"]), int(item["max_minute"]["N"])
