"""Pages of KPI rows in DynamoDB: what is read is what was saved, and nobody's save is lost."""

import json
import zlib
from dataclasses import replace

import pytest

from opsloop.adapters.kpi_pages import KpiPages
from opsloop.adapters.kpi_table import KpiTable
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.kpi.model import Page, page_key, row_json
from opsloop.kpi.period import Period
from opsloop.kpi.rollup import hour_rows
from tests.unit.kpi.blocks import DAY, HOUR, SHOP, LogRecord, Span, block

LATER = HOUR + 10_000


@pytest.fixture
def table(aws):
    return KpiTable(aws.names["KPI_TABLE"])


def row(hour=HOUR, *, operation="GET /", requests=1, version=1):
    made = block(hour, [Span(hour, operation)] * requests, [LogRecord(hour)], version=version)
    (found,) = [one for one in hour_rows(made, Period("hour", hour, LATER), SHOP) if one.operation == operation]
    return found


def put(table, *rows):
    return table.put_rows(rows, retention_days=800)


def test_rows_come_back_as_they_were_put(table):
    rows = [row(), row(HOUR + 60), row(operation="GET /café#1")]
    assert put(table, *rows) == 2
    pages = table.read({page_key(one) for one in rows})
    assert sorted([one for page in pages.values() for one in page.rows], key=rows.index) == rows


def test_a_page_is_a_day_of_hours_or_a_month_of_days(table, aws):
    put(table, *[row(DAY + 60 * hour) for hour in range(24)], row(DAY + 1440), replace(row(DAY), resolution="day"))
    keys = sorted(item["sk"]["S"] for item in aws.items("KPI_TABLE"))
    assert keys == ["day#2026-11#request#GET /", "hour#2026-11-20#request#GET /", "hour#2026-11-21#request#GET /"]
    (day,) = [item for item in aws.items("KPI_TABLE") if item["sk"]["S"].startswith("hour#2026-11-20")]
    assert int(day["expires_at"]["N"]) == (DAY + 1440) * 60 + 800 * 86_400


def test_the_same_rows_again_change_nothing(table, aws):
    put(table, row())
    before = aws.items("KPI_TABLE")
    assert put(table, row()) == 0
    assert aws.items("KPI_TABLE") == before


def test_rows_of_older_blocks_do_not_overwrite_those_of_newer_ones(table):
    put(table, row(requests=5, version=7))
    assert put(table, row(requests=1, version=6)) == 0
    (page,) = table.read([page_key(row())]).values()
    assert page.rows[0].requests == 5


def test_a_save_from_a_stale_read_is_refused(table):
    put(table, row())
    (stale,) = table.read([page_key(row())]).values()
    put(table, row(HOUR + 60))
    with pytest.raises(ConflictError, match="is past version 1"):
        table.save(stale.with_rows([row(HOUR + 120)]), retention_days=800)
    with pytest.raises(ConflictError, match="is past version None"):
        table.save(Page(page_key(row()), (row(),)), retention_days=800)


def test_rows_of_two_writers_who_meet_are_both_kept(table, monkeypatch):
    put(table, row())
    save, meetings = table.save, iter([row(HOUR + 60), row(HOUR + 120)])

    def save_after_somebody_else(page, *, retention_days):
        if (other := next(meetings, None)) is not None:
            monkeypatch.setattr(table, "save", save)
            put(table, other)
            monkeypatch.setattr(table, "save", save_after_somebody_else)
        save(page, retention_days=retention_days)

    monkeypatch.setattr(table, "save", save_after_somebody_else)
    put(table, row(HOUR + 180))
    (page,) = table.read([page_key(row())]).values()
    assert [one.start_minute - HOUR for one in page.rows] == [0, 60, 120, 180]


def test_a_writer_that_always_loses_gives_up_and_says_so(table, monkeypatch):
    def lose(page, *, retention_days):
        raise ConflictError("lost")

    monkeypatch.setattr(table, "save", lose)
    with pytest.raises(ConflictError, match="changed 5 times"):
        put(table, row())


def test_all_operations_of_some_days_are_one_query(table, aws):
    rows = [row(DAY, operation=name) for name in ("a", "b")] + [row(DAY + 1440 * day) for day in (1, 2)]
    put(table, *rows)
    found = KpiPages(aws.names["KPI_TABLE"]).read_range("shop", "hour", "2026-11-20", "2026-11-21")
    assert [(page.key.start, page.key.operation) for page in found] == [
        ("2026-11-20", "a"),
        ("2026-11-20", "b"),
        ("2026-11-21", "GET /"),
    ]


def test_operations_longer_than_a_key_keep_their_pages_and_names(table):
    names = ["x" * 2_000 + end for end in ("1", "2")] + ["\ud800"]
    put(table, *[row(operation=name) for name in names])
    pages = table.read([page_key(row(operation=name)) for name in names])
    assert sorted(page.rows[0].operation for page in pages.values()) == names
    assert all(key == page.key for key, page in pages.items())


def test_more_pages_than_one_batch_are_read(table):
    days = [row(DAY + 1440 * day) for day in range(105)]
    put(table, *days)
    assert len(table.read([page_key(one) for one in days])) == 105


def test_the_last_hour_rolled_up_never_goes_back(table, aws):
    reader = KpiPages(aws.names["KPI_TABLE"])
    assert reader.last_rolled_up() is None
    table.mark_rolled_up(HOUR)
    table.mark_rolled_up(HOUR - 60)
    assert reader.last_rolled_up() == HOUR


def test_a_page_is_stored_as_it_ever_was_and_read_from_that(table, aws):
    """The item is spelt out: pages of years lie in tables, whatever wrote them."""
    key = page_key(row())
    content = zlib.compress(json.dumps([row_json(row())]).encode())
    item = {
        "pk": {"S": "shop"},
        "sk": {"S": "hour#2026-11-20#request#GET /"},
        "rows": {"B": content},
        "expires_at": {"N": "1"},
        "version": {"N": "7"},
    }
    aws.client("dynamodb").put_item(TableName=aws.names["KPI_TABLE"], Item=item)
    (page,) = table.read([key]).values()
    assert (page.rows, page.version) == ((row(),), 7)
    table.save(page.with_rows([row(HOUR + 60)]), retention_days=1)
    (saved,) = aws.items("KPI_TABLE")
    assert {name: list(value) for name, value in saved.items()} == {name: list(value) for name, value in item.items()}
    assert saved["version"] == {"N": "8"}
    assert len(json.loads(zlib.decompress(saved["rows"]["B"]))) == 2


def test_a_missing_table_is_a_dependency_that_is_unavailable(aws):
    table, reader = KpiTable("nobody"), KpiPages("nobody")
    for call in (lambda: table.read([page_key(row())]), lambda: put(table, row()), reader.last_rolled_up):
        with pytest.raises(DependencyUnavailableError, match="kpi table"):
            call()


@pytest.mark.parametrize("resolution", ["hour", "day"])
def test_a_reader_sees_what_the_writer_saved(table, aws, resolution):
    length = {"hour": 60, "day": 1440}[resolution]
    names = ["GET /", "x" * 2_000, "\ud800"]
    saved = [
        replace(row(DAY + length * at, operation=name), resolution=resolution) for name in names for at in range(3)
    ]
    put(table, *saved)
    keys = {page_key(one) for one in saved}
    found = KpiPages(aws.names["KPI_TABLE"]).read([*keys, replace(min(keys, key=str), service="nobody")])
    assert found.keys() == keys
    read = sorted((one for page in found.values() for one in page.rows), key=lambda one: one.position)
    assert [row_json(one) for one in read] == [row_json(one) for one in sorted(saved, key=lambda one: one.position)]
    for one, theirs in zip(read, sorted(saved, key=lambda one: one.position), strict=True):
        assert (one.start_minute, one.position, one.state) == (theirs.start_minute, theirs.position, theirs.state)
        assert (one.operation, one.kind, one.version) == (theirs.operation, theirs.kind, theirs.version)
        assert page_key(one) == page_key(theirs)
