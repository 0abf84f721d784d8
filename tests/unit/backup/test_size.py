"""A dump much smaller or larger than those before it is noticed; growth and noise are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.model import Format
from opsloop.backup.size import size_check
from opsloop.backup.standing import Standing
from tests.unit.backup.audit_samples import NOW, ORDERS, dump, unproven


def of(newest, before, **changes):
    """Return the check of a dump of ``newest`` bytes after proven ones of ``before``, oldest first."""
    history = [dump(6.0 * (len(before) - at), bytes=size) for at, size in enumerate(before)]
    return size_check(ORDERS, [*history, dump(0.1, bytes=newest, **changes)], NOW)


EVEN = [40_000_000] * 8
NOISY = [40_000_000, 41_000_000, 39_500_000, 40_500_000, 38_800_000, 40_100_000, 41_300_000, 39_900_000]


@pytest.mark.parametrize(
    ("newest", "before", "standing"),
    [
        (40_000_000, EVEN, Standing.MET),
        (33_000_000, EVEN, Standing.MET),  # 17.5 %
        (31_000_000, EVEN, Standing.MISSED),  # 22.5 %, over a spread of nothing
        (49_000_000, EVEN, Standing.MISSED),
        (20_000_000, NOISY, Standing.MISSED),
        (42_500_000, NOISY, Standing.MET),
        (30_000_000, [10_000_000 * at for at in (1, 2, 3, 4, 5, 6, 7, 8)], Standing.MET),  # wide anyway
    ],
)
def test_what_is_unusual_is_far_off_by_spread_and_by_share(newest, before, standing):
    assert of(newest, before).standing is standing


def test_the_sentence_has_the_numbers_and_a_shrink_warns_of_pruning():
    found = of(20_000_000, EVEN)
    assert found.sentence == (
        "The newest dump has 20 MB, 50% smaller than usual: the 8 proven ones before it have 40 MB (median)."
    )
    assert "legal hold" in found.advice[0]
    assert found.figures["change_ratio"] == -0.5


def test_the_score_is_iglewicz_and_hoaglins():
    found = of(42_000_000, [10, 20, 30, 40, 50])  # median 30, absolute deviations 20 10 0 10 20: MAD 10
    assert found.figures["score"] == pytest.approx(0.6745 * (42_000_000 - 30) / 10)


def test_few_proven_dumps_say_nothing_and_nobody_is_told_of_that():
    found = of(1, [40_000_000] * 4)
    assert (found.standing, found.follows) == (Standing.UNKNOWN, "history")


def test_unproven_dumps_and_other_formats_are_nothing_to_compare_with():
    history = [unproven(6.0 * at) for at in range(1, 9)] + [
        dump(6.0 * at + 1, format=Format.SQL_GZ) for at in range(1, 9)
    ]
    assert size_check(ORDERS, [*history, dump(0.1, bytes=1_000)], NOW).standing is Standing.UNKNOWN


def test_an_empty_dump_is_missed_whatever_came_before():
    assert of(0, []).standing is Standing.MISSED


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10**12), st.lists(st.integers(1, 10**12), min_size=5, max_size=25), st.integers(2, 1_000))
def test_the_unit_of_size_does_not_matter(newest, before, factor):
    scaled = of(newest * factor, [one * factor for one in before])
    assert of(newest, before).standing is scaled.standing
