"""The index of patterns: which lines match is told by words and places, not by how a hash happens to add up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.log.pattern_index import Pattern, PatternIndex

PACKAGE = Path(__file__).resolve().parents[3] / "layers" / "core" / "python"
SWAPS = """
from opsloop.log.patterns import Miner
lines = ["ann of the user was user", "ann of the ann was user", "ann of the 12 was ann", "ann of the ann was 12"]
miner = Miner()
print(miner.add(lines), miner.add(lines), [one.holes for one in miner.patterns()])
"""
words = st.text(alphabet="abcdefgh0123", min_size=1, max_size=3)


@given(st.lists(words, min_size=6, max_size=8), st.data())
def test_words_that_change_places_match_no_pattern(line: list[str], data: st.DataObject) -> None:
    one, other = sorted(data.draw(st.lists(st.integers(0, len(line) - 2), min_size=2, max_size=2, unique=True)))
    swapped = list(line)
    swapped[one], swapped[other] = line[other], line[one]
    pattern = Pattern(1, "p", [*line[:-1], "\x01"], [*line[:-1], "\x01"], frozenset({len(line) - 1}))
    index = PatternIndex([pattern])
    assert index.find(line) is pattern
    assert (index.find(swapped) is pattern) == (swapped[:-1] == line[:-1])


@pytest.mark.parametrize("seed", ["0", "1", "2", "3"])
def test_the_seed_of_pythons_hashes_changes_nothing(seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(PACKAGE)}
    answer = subprocess.run([sys.executable, "-c", SWAPS], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout == "[1, 2, 3, 1] [1, 1, 1, 1] [frozenset({3, 5})]\n"
