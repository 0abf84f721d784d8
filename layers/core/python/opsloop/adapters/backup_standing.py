"""What people are told besides what went wrong: what could be had back all the same, and what PostgreSQL said.

Reads items that ``backup_assessments`` and ``backup_verifications`` keep, without all that these bring along.
"""

import json
from collections.abc import Mapping
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place

MOST_MESSAGES, MOST_CHARACTERS = 5, 500


class StandingTable:
    """Assessments and verifications of the backup table; raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def recoverable(self, database: str) -> Mapping[str, Any] | None:
        """Return the newest state that could be had back, as JSON; None if there is none, {} before any audit."""
        item = self._table.get(place("assessments", database))
        if item is None:
            return {}
        found = json.loads(item["body"]["S"])["assessment"]["recoverable"]
        return dict(found[0]) if found else None

    def messages(self, verification_id: str) -> list[str]:
        """Return the last messages of the engine in a verification, none where there is no such verification."""
        pointer = self._table.get(place(f"verification#{verification_id}", "place"))
        item = self._table.get(place(pointer["at_pk"]["S"], pointer["at_sk"]["S"])) if pointer else None
        found = json.loads(item["body"]["S"])["messages"] if item else []
        return [str(one)[:MOST_CHARACTERS] for one in found[-MOST_MESSAGES:]]
