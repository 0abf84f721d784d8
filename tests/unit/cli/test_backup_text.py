"""Sizes, durations and losses for people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.restore_plan import choose
from opsloop.backup.shelf import dump_of
from opsloop_cli.backup_catalog import expected_of
from opsloop_cli.backup_text import counts, moment, show_plan, size, span
from tests.unit.backup.test_restore_plan import PROVEN_ONLY, TARGET
from tests.unit.backup.test_shelf import MANIFEST, Verdict, attempt, shelved

UNITS_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB"), (4e12, "4.0 TB")],
)
def test_bytes_are_told_in_powers_of_ten(value: float | None, text: str):
    assert size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (3_600 * 6 + 12 * 60 + 59, "6 h 12 min"),
        (86_400 * 3 + 3_600, "3 d 1 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float | None, text: str):
    assert span(seconds) == text


@given(st.integers(60, 10**8))
@settings(max_examples=100, deadline=None)
def test_a_duration_is_never_told_longer_than_it_is_nor_shorter_by_a_unit(seconds: int):
    words = span(seconds).split()
    parts = [(int(words[at]), UNITS_S[words[at + 1]]) for at in range(0, len(words), 2)]
    told = sum(count * unit for count, unit in parts)
    smaller = {86_400: 3_600, 3_600: 60, 60: 1}[parts[0][1]]
    assert 0 <= seconds - told < smaller


def test_times_are_told_to_the_second_and_counts_without_what_is_none():
    assert moment(datetime(2026, 11, 21, 8, 0, 1, 999_999, tzinfo=UTC)) == "2026-11-21T08:00:01Z"
    assert counts({"tables": 1_234, "large_objects": 2, "samples": 0}) == "1,234 tables, 2 large objects"


def test_a_dump_that_says_no_time_is_older_than_its_file(capsys: pytest.CaptureFixture[str]):
    unnamed = replace(shelved(attempt(Verdict.RESTORABLE), path="nightly.sql.gz"), manifest=None)
    named = shelved(attempt(Verdict.PROVEN))
    for one in (unnamed, named):
        at = dump_of(one).taken_at + timedelta(hours=2)
        plan = choose([dump_of(one)], at=at, accepted=PROVEN_ONLY | {Verdict.RESTORABLE})
        show_plan(plan, one.path, TARGET, ())
    lost = [line for line in capsys.readouterr().out.splitlines() if line.startswith("lost")]
    assert "2 h at least; the file is of 2026-11-21T06:01:00Z, its dump is older" in lost[0]
    assert lost[1].endswith(f"what was written in the 2 h after {moment(MANIFEST.taken_at)}")


def test_a_catalog_of_one_database_needs_no_name_and_none_expects_nothing(tmp_path: Path):
    file = tmp_path / "databases.yaml"
    file.write_text("databases: [{name: orders, assertions: [{name: a, sql: SELECT true}]}]")
    found = expected_of(file, None)
    assert (found.database, found.source_name, [one.sql for one in found.assertions]) == (
        "orders",
        "orders",
        ["SELECT true"],
    )
    assert expected_of(None, None).assertions == ()
