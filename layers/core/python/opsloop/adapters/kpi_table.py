"""The KPI table as its writer sees it: pages of rows, a day of hours or a month of days, saved by compare-and-swap.

The sort key is ``<resolution>#<page start>#<kind>#<operation>``: the page of one operation is one known key, and all
operations over a range of days are one query (docs/adr/0009-kpi-pages.md). Readers have ``kpi_pages``.
"""

import json
import zlib
from binascii import a2b_base64
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.errors import ConflictError
from opsloop.kpi.model import ROLLUP_MARK, KpiRow, Page, PageKey, page_key, row_from_json, row_json, sort_key

CONFLICTS_ALLOWED = 5


class KpiTable:
    """Pages of KPI rows, read and saved, and the note of the last hour that was rolled up for all services."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "kpi table")

    def read(self, keys: Iterable[PageKey]) -> dict[PageKey, Page]:
        """Return the pages under ``keys`` that exist."""
        wanted = {(key.service, sort_key(key)): key for key in keys}
        items = self._table.get_all([place(*one) for one in wanted])
        return {wanted[item["pk"]["S"], item["sk"]["S"]]: _page(item) for item in items}

    def save(self, page: Page, *, retention_days: int) -> None:
        """Write ``page``; raise ``ConflictError`` if it was saved by somebody else since it was read."""
        content = json.dumps([row_json(row) for row in page.rows], separators=(",", ":"))
        pk, sk = page.key.service, sort_key(page.key)
        item = {
            **place(pk, sk),
            "rows": {"B": zlib.compress(content.encode())},
            "expires_at": {"N": str(int((page.end + timedelta(days=retention_days)).timestamp()))},
            "version": {"N": str((page.version or 0) + 1)},
        }
        if page.version is None:
            was_saved = self._put_if(item, "attribute_not_exists(version)")
        else:
            was_saved = self._put_if(item, "version = :read", {":read": {"N": str(page.version)}})
        if not was_saved:
            raise ConflictError(f"kpi page {pk} {sk} is past version {page.version}")

    def put_rows(self, rows: Sequence[KpiRow], *, retention_days: int) -> int:
        """Put ``rows`` into their pages, newer ones there kept; return how many pages changed."""
        by_page: dict[PageKey, list[KpiRow]] = {}
        for row in rows:
            by_page.setdefault(page_key(row), []).append(row)
        pages = self.read(by_page)
        changed = 0
        for key, new_rows in by_page.items():
            changed += self._put(pages.get(key, Page(key)), new_rows, retention_days)
        return changed

    def mark_rolled_up(self, hour: int) -> None:
        """Note that the hour starting at minute ``hour`` is rolled up for every service, unless a later one is."""
        start = {"N": str(hour)}
        item = {**place(*ROLLUP_MARK), "start_minute": start}
        self._put_if(item, "attribute_not_exists(pk) OR start_minute <= :hour", {":hour": start})

    def _put(self, page: Page, rows: Sequence[KpiRow], retention_days: int) -> bool:
        for _ in range(CONFLICTS_ALLOWED):
            merged = page.with_rows(rows)
            if merged is page:
                return False
            try:
                self.save(merged, retention_days=retention_days)
                return True
            except ConflictError:
                page = self.read([page.key]).get(page.key, Page(page.key))
        raise ConflictError(f"kpi page {page.key}: changed {CONFLICTS_ALLOWED} times while it was being saved")

    def _put_if(self, item: dict[str, Any], condition: str, values: dict[str, Any] | None = None) -> bool:
        """Put ``item`` if ``condition`` holds for what is in its place; return whether it did."""
        more = {"ExpressionAttributeValues": values} if values else {}
        return self._table.holds("PutItem", Item=item, ConditionExpression=condition, **more)


def _page(item: dict[str, Any]) -> Page:
    rows = tuple(row_from_json(row) for row in json.loads(zlib.decompress(a2b_base64(item["rows"]["B"]))))
    return Page(page_key(rows[0]), rows, int(item["version"]["N"]))
