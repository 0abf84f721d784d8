"""What fails again and again is told once, and once that it is over, whoever hears of it how often in what order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.alert.model import Begun, Telling, Trouble
from opsloop.alert.trouble import begin, end
from opsloop.clock import format_time, parse_time
from opsloop.errors import ConflictError, DependencyUnavailableError
from tests.unit.alert.backup_samples import PROVEN, TRUNCATED, read
from tests.unit.alert.world import START_S, World


class MemoryTroubles:
    """Troubles in memory, with versions; ``fails`` are raised in turn instead of keeping."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Trouble] = {}
        self.fails: list[Exception] = []

    def trouble(self, subject: str, cause: str) -> Trouble | None:
        return self.kept.get((subject, cause))

    def troubles(self, subject: str) -> list[Trouble]:
        return [one for (of, _), one in self.kept.items() if of == subject]

    def keep(self, trouble: Trouble) -> None:
        if self.fails:
            raise self.fails.pop(0)
        before = self.kept.get((trouble.subject, trouble.cause))
        if (before.version if before else 0) != trouble.version - 1:
            raise ConflictError("somebody else wrote meanwhile")
        self.kept[trouble.subject, trouble.cause] = trouble


class Told(World):
    """A world that hears of dumps that fail and of dumps that are proven, ``minute`` after its start."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles = MemoryTroubles()

    def hear(self, minute: float, *, fails: bool, reason: str = "truncated") -> None:
        at = format_time(parse_time(str(START_S + 60 * minute), name="at"))
        self.now = max(self.now, START_S + 60 * minute + 30)
        sample = {**(TRUNCATED if fails else PROVEN), "ended_at": at, "reason": reason if fails else None}
        kind = "backup.verification_failed" if fails else "backup.verified"
        wish = read(kind, {"database": "orders", "verification": sample}, at)
        if isinstance(wish, Begun):
            begin(self.troubles, wish, self.tell)
        else:
            end(self.troubles, wish, self.tell)

    def said(self) -> list[str]:
        return self.mail.states()


def test_a_dump_that_fails_every_half_hour_is_told_once_and_its_end_once():
    world = Told()
    for minute in (0, 30, 60):
        world.hear(minute, fails=True)
    assert world.said() == ["detected"]
    for minute in (90, 120):
        world.hear(minute, fails=False)
    assert world.said() == ["detected", "ended"]
    assert world.mail.got[1].earlier is not None
    world.hear(150, fails=True)
    assert world.said() == ["detected", "ended", "detected"]
    assert world.mail.got[0].thread != world.mail.got[2].thread


def test_another_reason_is_told_of_its_own_and_one_proof_ends_both():
    world = Told()
    world.hear(0, fails=True)
    world.hear(30, fails=True, reason="checksum_mismatch")
    assert world.said() == ["detected", "detected"]
    world.hear(60, fails=False)
    assert world.said() == ["detected", "detected", "ended", "ended"]


def test_a_proof_ends_nothing_that_failed_after_it():
    world = Told()
    world.hear(30, fails=True)
    world.hear(0, fails=False)
    assert world.said() == ["detected"]


def test_a_proof_of_what_never_failed_is_told_to_nobody():
    world = Told()
    world.hear(0, fails=False)
    assert world.said() == []


def test_a_failure_that_is_heard_of_after_its_end_is_told_to_nobody():
    world = Told()
    world.hear(0, fails=True)
    world.hear(60, fails=False)
    world.hear(30, fails=True)
    assert world.said() == ["detected", "ended"]


def test_a_worker_that_dies_before_it_told_leaves_it_to_the_next_delivery():
    world = Told()

    def die(_telling: Telling) -> None:
        raise DependencyUnavailableError("the alert table does not answer")

    for fails in (True, False):
        kind = "backup.verification_failed" if fails else "backup.verified"
        wish = read(kind, {"database": "orders", "verification": TRUNCATED if fails else PROVEN})
        world.now = parse_time(PROVEN["ended_at"], name="at").timestamp()
        do = begin if fails else end
        with pytest.raises(DependencyUnavailableError):
            do(world.troubles, wish, die)
        for _ in range(2):
            do(world.troubles, wish, world.tell)
    assert world.said() == ["detected", "ended"]


def test_of_two_workers_with_two_failures_at_once_one_tells_and_the_other_joins_when_it_comes_back():
    world = Told()
    world.troubles.fails = [ConflictError("somebody else wrote meanwhile")]
    with pytest.raises(ConflictError):
        world.hear(1, fails=True)
    world.hear(0, fails=True)
    world.hear(1, fails=True)
    assert world.said() == ["detected"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=12))
def test_however_often_each_is_delivered_every_run_of_failures_is_told_once_and_ended_once(heard):
    world = Told()
    for minute, (fails, deliveries) in enumerate(heard):
        for _ in range(deliveries):
            world.hear(minute, fails=fails)
    expected = []
    for fails, _ in heard:
        if fails and (not expected or expected[-1] == "ended"):
            expected.append("detected")
        elif not fails and expected and expected[-1] == "detected":
            expected.append("ended")
    assert world.said() == expected
