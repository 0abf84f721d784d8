"""Times as people type them mean what they say."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_cli.failure import CommandError, ExitCode
from opsloop_cli.moment import read_moment

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

counts = st.integers(min_value=0, max_value=5000)


@given(weeks=counts, days=counts, hours=counts, minutes=counts, seconds=counts)
def test_a_relative_time_is_the_sum_of_its_parts(weeks: int, days: int, hours: int, minutes: int, seconds: int):
    text = f"-{weeks}w{days}d{hours}h{minutes}m{seconds}s"
    expected = NOW - timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert read_moment(text, now=NOW, name="--from") == expected


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.timezones()))
def test_iso_8601_means_the_same_moment_in_utc(moment: datetime):
    read = read_moment(moment.isoformat(), now=NOW, name="--from")
    assert read == moment.astimezone(UTC)
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("-90m", datetime(2026, 11, 21, 7, 0, tzinfo=UTC)),
        ("-1d12h", datetime(2026, 11, 19, 20, 30, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-21T09:00:00+01:00", datetime(2026, 11, 21, 8, 0, tzinfo=UTC)),
        ("1795250000", datetime(2026, 11, 21, 8, 33, 20, tzinfo=UTC)),
    ],
)
def test_each_form_is_read(text: str, expected: datetime):
    assert read_moment(text, now=NOW, name="--from") == expected


@pytest.mark.parametrize(
    "text",
    ["", "-", "2h", "+2h", "-2", "-2y", "- 2h", "-2h ", "yesterday", "2026-13-01", "2026-11-21T08:00", "-9999999w"],
)
def test_anything_else_is_a_usage_error_that_names_the_option(text: str):
    with pytest.raises(CommandError, match="--from") as raised:
        read_moment(text, now=NOW, name="--from")
    assert raised.value.code is ExitCode.USAGE
