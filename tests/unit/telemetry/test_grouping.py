"""Rows grouped by hash against a dictionary; and that nothing but speed rests on the hash."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.telemetry import grouping
from opsloop.telemetry.columns import Buffer
from opsloop.telemetry.grouping import combine, representatives


def same_groups(number, contents):
    """Whether rows have one number if and only if they have one content."""
    pairs = set(zip(number, contents, strict=True))
    return len(pairs) == len(set(number)) == len(set(contents))


@pytest.fixture(params=["hashed", "all in one slot"])
def slots(request, monkeypatch):
    """Run a test by the real hash, and by one that puts every row into the same slot."""
    if request.param != "hashed":
        monkeypatch.setattr(grouping, "_same_slot", lambda rows, _: np.zeros(len(rows), dtype=np.int64))


@pytest.mark.usefixtures("slots")
def test_rows_have_one_number_if_and_only_if_they_are_equal():
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1) | st.just(7)), min_size=1, max_size=60))
    def check(rows):
        array = np.array(rows, dtype=np.uint64)
        first, number = representatives(array)
        assert same_groups(number.tolist(), rows)
        assert [rows[first[one]] for one in number.tolist()] == rows
        alone = array[:, 1].copy()
        assert same_groups(representatives(alone)[1].tolist(), alone.tolist())

    check()


@pytest.mark.parametrize("sizes", [(3, 4, 5), (2**40, 7, 2**40)], ids=["few combinations", "more than fit 64 bits"])
def test_combinations_are_told_apart(sizes):
    chance = random.Random(1)
    rows = [[chance.choice([-1, 0, 1, size - 1]) for size in sizes] for _ in range(500)]
    number, first = combine([np.array(column) for column in zip(*rows, strict=True)])
    contents = [tuple(row) for row in rows]
    assert same_groups(number.tolist(), contents)
    assert [contents[first[one]] for one in number.tolist()] == contents


@given(st.lists(st.binary(max_size=9) | st.binary(min_size=25, max_size=35) | st.binary(min_size=120, max_size=140)))
def test_ranges_of_bytes_are_numbered_by_content(parts):
    parts = parts * 2 + [part + b"\0" for part in parts]  # a zero more is another content
    end = np.cumsum([len(part) for part in parts], dtype=np.int64)
    begin = end - np.array([len(part) for part in parts], dtype=np.int64)
    ids, contents = Buffer(*parts).distinct(begin, end)
    assert [contents[one] for one in ids.tolist()] == parts
    assert len(set(contents)) == len(contents)
