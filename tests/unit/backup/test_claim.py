"""Who may begin a piece of work."""

from datetime import timedelta

import pytest

from opsloop.backup.claim import ClaimState, TakenError, claimed, ended, handed_over
from tests.backup_memory import START

LATER = START + timedelta(seconds=961)


def claim(found=None, holder="a", now=START, **options):
    return claimed(found, "verify#x", holder, now, 960.0, **options)


def test_the_first_one_has_it_until_its_lease_ends():
    mine = claim()
    assert (mine.holder, mine.attempts, mine.until) == ("a", 1, START + timedelta(seconds=960))
    with pytest.raises(TakenError) as taken:
        claim(mine, "b")
    assert taken.value.until == mine.until
    assert claim(mine, "b", LATER).attempts == 2


def test_what_was_let_go_may_be_taken_at_once():
    free = ended(claim(), ClaimState.FREE, START)
    assert claim(free, "b").holder == "b"


def test_what_is_done_is_nobodys_ever_again():
    done = ended(claim(), ClaimState.DONE, START)
    with pytest.raises(TakenError) as taken:
        claim(done, "b", LATER + timedelta(days=400))
    assert taken.value.until is None


def test_what_was_handed_over_is_the_runners_until_it_has_not_come():
    waiting = handed_over(claim(), START, 1_800.0)
    assert claim(waiting, "runner", is_runner=True).state is ClaimState.WORKING
    with pytest.raises(TakenError):
        claim(waiting, "b", LATER)
    assert claim(waiting, "b", START + timedelta(seconds=1_801)).holder == "b"


def test_a_runner_takes_nothing_that_somebody_works_on():
    with pytest.raises(TakenError):
        claim(claim(), "runner", is_runner=True)
