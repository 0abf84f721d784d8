"""The KPI table as its writer sees it: pages of rows, a day of hours or a month of days, saved by compare-and-swap.

The sort key is ``<resolution>#<page start>#<kind>#<operation>``: the page of one operation is one known key, and all
operations over a range of days are one query (docs/adr/0009-kpi-pages.md). Readers have ``kpi_pages``.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import timedelta

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.exceptions import PutError, PynamoDBException
from pynamodb.models import Model

from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.kpi.model import ROLLUP_MARK, KpiRow, Page, PageKey, page_key, row_from_json, row_json, sort_key

CONFLICTS_ALLOWED = 5
CONDITION_FAILED = "ConditionalCheckFailedException"


class KpiPageRecord(Model):
    """Stored shape of a page."""

    class Meta:
        table_name = "unbound"  # KpiTable sets it

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    rows = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute()
    version = VersionAttribute()


class RollupMarkRecord(Model):
    """Stored shape of the note that a whole hour was rolled up: one item."""

    class Meta:
        table_name = "unbound"  # KpiTable sets it

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    start_minute = NumberAttribute()


class KpiTable:
    """Pages of KPI rows, read and saved, and the note of the last hour that was rolled up for all services."""

    def __init__(self, table_name: str) -> None:
        for record in (KpiPageRecord, RollupMarkRecord):
            record.Meta.table_name = table_name
            record._connection = None  # a model keeps the connection of the table that it was first bound to

    def read(self, keys: Iterable[PageKey]) -> dict[PageKey, Page]:
        """Return the pages under ``keys`` that exist."""
        wanted = {(key.service, sort_key(key)): key for key in keys}
        try:
            records = list(KpiPageRecord.batch_get(list(wanted), consistent_read=True)) if wanted else []
        except PynamoDBException as error:
            raise DependencyUnavailableError(f"kpi table: {error.cause_response_code}") from error
        return {wanted[record.pk, record.sk]: _page(record) for record in records}

    def save(self, page: Page, *, retention_days: int) -> None:
        """Write ``page``; raise ``ConflictError`` if it was saved by somebody else since it was read."""
        content = json.dumps([row_json(row) for row in page.rows], separators=(",", ":"))
        record = KpiPageRecord(
            page.key.service,
            sort_key(page.key),
            rows=zlib.compress(content.encode()),
            expires_at=int((page.end + timedelta(days=retention_days)).timestamp()),
        )
        if page.version is not None:
            record.version = page.version
        try:
            record.save()
        except PutError as error:
            if error.cause_response_code == CONDITION_FAILED:
                raise ConflictError(f"kpi page {record.pk} {record.sk} is past version {page.version}") from error
            raise DependencyUnavailableError(f"kpi table: {error.cause_response_code}") from error

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
        record = RollupMarkRecord(*ROLLUP_MARK, start_minute=hour)
        try:
            record.save(RollupMarkRecord.pk.does_not_exist() | (RollupMarkRecord.start_minute <= hour))
        except PutError as error:
            if error.cause_response_code != CONDITION_FAILED:
                raise DependencyUnavailableError(f"kpi table: {error.cause_response_code}") from error

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


def _page(record: KpiPageRecord) -> Page:
    rows = tuple(row_from_json(row) for row in json.loads(zlib.decompress(record.rows)))
    return Page(page_key(rows[0]), rows, int(record.version))
