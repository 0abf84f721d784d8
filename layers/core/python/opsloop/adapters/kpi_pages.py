"""The KPI table, as its readers see it: rows stay the JSON that they are stored as.

By the small client: a question for a month of hours is one call for 31 pages, and is answered in a few milliseconds.
"""

import zlib
from binascii import a2b_base64
from collections.abc import Iterable
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.kpi.model import ROLLUP_MARK, PageKey, StoredPage, page_key, sort_key, stored_rows


class KpiPages:
    """Pages of KPI rows, read. Raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "kpi table")

    def read(self, keys: Iterable[PageKey]) -> dict[PageKey, StoredPage]:
        """Return the pages under ``keys`` that exist."""
        wanted = {(key.service, sort_key(key)): key for key in keys}
        found: dict[PageKey, StoredPage] = {}
        for item in self._table.get_all([place(*one) for one in wanted]):
            key = wanted[item["pk"]["S"], item["sk"]["S"]]
            found[key] = StoredPage(key, _rows(item))
        return found

    def read_range(self, service: str, resolution: str, first: str, last: str) -> list[StoredPage]:
        """Return the pages of every operation of ``service`` from page start ``first`` to ``last``, oldest first."""
        between = f"{resolution}#{first}#", f"{resolution}#{last}#\U0010ffff"
        found = map(_rows, self._table.query(service, between=between, ConsistentRead=True))
        return [StoredPage(page_key(rows[0]), rows) for rows in found]

    def last_rolled_up(self) -> int | None:
        """Return the start of the last hour that was rolled up for every service; ``None`` before the first."""
        item = self._table.get(place(*ROLLUP_MARK))
        return int(item["start_minute"]["N"]) if item else None


def _rows(item: dict[str, Any]) -> Any:
    return stored_rows(zlib.decompress(a2b_base64(item["rows"]["B"])))
