"""What of a database could be had back, as the last audit found it: for those who tell people, without the rest."""

import json
from collections.abc import Mapping
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place


class StandingTable:
    """The items that ``backup_assessments`` keeps; raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def recoverable(self, database: str) -> Mapping[str, Any] | None:
        """Return the newest state that could be had back, as JSON; None if there is none, {} before any audit."""
        item = self._table.get(place("assessments", database))
        if item is None:
            return {}
        found = json.loads(item["body"]["S"])["assessment"]["recoverable"]
        return dict(found[0]) if found else None
