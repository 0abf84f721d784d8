"""The pattern counts in the log table: what ``log_keep`` counted, for whoever judges or shows it. It is only read."""

from binascii import a2b_base64
from typing import Any

from opsloop.adapters.aws_dynamodb import Table
from opsloop.log.model import BodyStore, PatternHour
from opsloop.log.names import hour_key, hour_of, service_key
from opsloop.log.pattern_hours import decode

PATTERNS = "patterns"


class PatternTable:
    """How often each pattern of a service occurred, by hour. ``store`` has the bodies that are too large for an item:
    ``LogBucket``."""

    def __init__(self, table_name: str, store: BodyStore) -> None:
        self._table, self._store = Table(table_name, "log table"), store

    def hours(self, service: str, first_hour: int, last_hour: int) -> list[PatternHour]:
        """Return the hours of ``service`` that start at minute ``first_hour`` to ``last_hour``, oldest first.

        Hours without a record are left out. Raises ``DependencyUnavailableError``.
        """
        between = hour_key(first_hour), hour_key(last_hour)
        found = self._table.query(service_key(PATTERNS, service), between=between, ConsistentRead=True)
        return [self._hour(service, item) for item in found]

    def _hour(self, service: str, item: dict[str, Any]) -> PatternHour:
        body = a2b_base64(item["body"]["B"]) if "body" in item else self._store.get(item["body_key"]["S"])
        return decode(service, hour_of(item["sk"]["S"]), body)
