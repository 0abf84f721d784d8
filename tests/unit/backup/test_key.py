"""What a key in the backup bucket says."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.backup.key import dump_key, evidence_key, key_of, manifest_key, read_key
from opsloop.backup.model import Format

AT = datetime(2026, 11, 21, 8, 30, 4, tzinfo=UTC)


def test_a_dump_lies_by_database_year_and_month_in_utc():
    east = AT.astimezone(timezone(timedelta(hours=9)))
    assert dump_key("orders", east, Format.CUSTOM) == "dumps/orders/2026/11/orders-20261121T083004Z.dump"
    assert dump_key("orders", AT, Format.SQL_GZ) == "dumps/orders/2026/11/orders-20261121T083004Z.sql.gz"


@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), format=st.sampled_from(Format))
def test_a_key_that_we_make_is_read_back(moment, format):
    at = moment.replace(tzinfo=UTC, microsecond=0)
    name = read_key(dump_key("orders", at, format))
    assert (name.database, name.format, name.taken_at) == ("orders", format, at)
    assert key_of(name.dump_id) == name.key


@pytest.mark.parametrize(
    ("key", "database", "kind"),
    [
        ("dumps/orders/orders.dump", "orders", Format.CUSTOM),
        ("dumps/orders/nightly/2026/x.tar", "orders", Format.TAR),
        ("dumps/orders/x.tar.gz", "orders", Format.TAR),
        ("dumps/orders/x.sql.zst", "orders", Format.SQL_ZST),
        ("dumps/orders/x.y.sql", "orders", Format.SQL),
    ],
)
def test_dumps_made_elsewhere_are_known_by_their_ending(key, database, kind):
    name = read_key(key)
    assert (name.database, name.format, name.taken_at) == (database, kind, None)


@pytest.mark.parametrize(
    "key",
    [
        manifest_key("dumps/orders/orders.dump"),
        evidence_key("orders", "abc"),
        "dumps/orders/",
        "dumps/orders.dump",
        "dumps/orders/.dump",
        "dumps//x.dump",
        "dumps/orders/x.dump.gz",
        "reports/orders/info.dump",
    ],
)
def test_what_is_no_dump_is_none(key):
    assert read_key(key) is None


def test_digits_that_are_no_time_are_a_name_like_any_other():
    assert read_key("dumps/orders/orders-20261399T083004Z.dump").taken_at is None


@given(text=st.text())
def test_any_text_is_read_without_an_error(text):
    found = read_key(f"dumps/{text}")
    assert found is None or re.fullmatch(r"[^/]+", found.database)
