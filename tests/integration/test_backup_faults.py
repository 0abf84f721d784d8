"""Workers are killed at every step, work side by side in any order, or are told twice: one dump, one verdict each."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.claim import ClaimState
from opsloop.backup.document import manifest_json
from opsloop.backup.model import Cause, Manifest, Reason, Verdict
from opsloop.backup.outbox import Outbox
from opsloop.backup.prove import ATTEMPTS, MOST_ATTEMPTS, Prover
from opsloop.backup.stores import Job
from opsloop.backup.take import TakeState
from opsloop.backup.taking import Taker, TakingStores
from opsloop.errors import DependencyUnavailableError, PermanentError, TransientError
from tests.backup_memory import (
    DATABASES,
    START,
    Bucket,
    FixedVerifier,
    Kept,
    KilledError,
    Letters,
    Memory,
    Workshop,
    dump_of,
    killed_at,
    steps_of,
    take_turns,
)

DUMP_ID = "orders/2026/11/orders-20261121T083000Z.dump"
MANIFEST = Manifest(
    database="orders", taken_at=START, server_version="15.18", server_version_num=150018, encoding="UTF8",
    collation="C", extensions={}, roles=(), schema_hashes={}, tables={}, sequences={}, large_objects={}, invalid=(),
    size_bytes=1, wal_lsn="0/1", timeline=1, sha256="ab" * 32,
)  # fmt: skip
JOB = Job(DUMP_ID, Cause.ARRIVAL, START, version="v1", bytes=6)
LEASE = timedelta(hours=2)


def world() -> Memory:
    memory = Memory()
    bucket = Bucket(memory)
    bucket.put(f"dumps/{DUMP_ID}.manifest.json", json.dumps(manifest_json(MANIFEST)).encode())
    bucket.put(f"dumps/{DUMP_ID}", b"PGDMP.")
    return memory


def outbox(memory: Memory) -> Outbox:
    def write(verification_id: str) -> None:
        with memory.step("evidence"):
            memory.items["evidence", verification_id] = memory.items["verification", verification_id]

    return Outbox(Letters(memory), memory.publish, write)


_workers = iter(range(1_000_000))


def prove(memory: Memory, job: Job = JOB, verifier: Any = None, shop: Any = None) -> Any:
    holder = f"worker-{next(_workers)}"
    prover = Prover(
        DATABASES, memory.stores(), Bucket(memory), verifier or FixedVerifier(memory=memory),
        shop or Workshop(memory), outbox(memory), holder=holder, clock=memory.clock,
    )  # fmt: skip
    return prover.prove(job)


def deliver_until_done(memory: Memory, work: Any) -> int:
    """Deliver a message, each time after all leases ran out, until nothing is left to do; return how often."""
    for number in range(20):
        memory.now += LEASE
        try:
            if work().again_s is None:
                return number + 1
        except TransientError:
            continue
    raise AssertionError("it never ends")


def check_proven_once(memory: Memory) -> None:
    outbox(memory).send_all()
    (verdict,) = memory.of("verification")
    (claim,) = memory.of("claim")
    assert claim.state is ClaimState.DONE
    assert {one.id for one in memory.published} == {verdict.verification_id}
    assert len({one.time for one in memory.published}) == 1
    assert memory.of("evidence") == [verdict]
    assert memory.of("letter") == []
    dump = dump_of(memory)
    assert (dump.verdict, dump.verification_id) == (verdict.verdict, verdict.verification_id)
    assert dump.proven_at == verdict.ended_at


def test_a_verifier_that_is_killed_at_any_step_is_followed_and_gives_one_verdict():
    number = steps_of(quiet := world(), lambda: prove(quiet))
    check_proven_once(quiet)
    assert number > 20
    for place in range(number):
        memory = world()
        alive = killed_at(memory, place)
        with pytest.raises(KilledError):
            prove(memory)
        alive()
        deliver_until_done(memory, lambda memory=memory: prove(memory))
        check_proven_once(memory)


@settings(max_examples=60, deadline=None)
@given(order=st.lists(st.integers(0, 1), max_size=80))
def test_two_verifiers_side_by_side_in_any_order_give_one_verdict(order):
    memory = world()
    results = take_turns(memory, [lambda: prove(memory), lambda: prove(memory)], order)
    assert not [one for one in results if isinstance(one, BaseException) and not isinstance(one, TransientError)]
    deliver_until_done(memory, lambda: prove(memory))
    check_proven_once(memory)


@settings(max_examples=40, deadline=None)
@given(order=st.lists(st.integers(0, 1), max_size=80), late=st.integers(0, 40))
def test_a_verifier_that_outlives_its_lease_writes_no_second_verdict(order, late):
    memory = world()

    def slow() -> Any:
        return prove(memory, verifier=FixedVerifier(memory=memory))

    def follower() -> Any:
        memory.now += LEASE
        return prove(memory)

    take_turns(memory, [slow, follower], [0] * late + order)
    deliver_until_done(memory, lambda: prove(memory))
    check_proven_once(memory)


@settings(max_examples=30, deadline=None)
@given(order=st.lists(st.integers(0, 1), max_size=80))
def test_an_arrival_and_a_request_give_a_verdict_each_and_the_later_one_stands(order):
    memory = world()
    asked = Job(DUMP_ID, Cause.REQUEST, START, request_id="r1")
    take_turns(memory, [lambda: prove(memory), lambda: prove(memory, asked)], order)
    for job in (JOB, asked):
        deliver_until_done(memory, lambda job=job: prove(memory, job))
    outbox(memory).send_all()
    found = memory.of("verification")
    assert {one.cause for one in found} == {Cause.ARRIVAL, Cause.REQUEST}
    assert len(found) == len({one.id for one in memory.published}) == 2
    assert dump_of(memory).verified_at == max(one.ended_at for one in found)


@pytest.mark.parametrize("kind", ["commit", "look", "read", "publish", "evidence", "find dump"])
def test_a_store_that_does_not_answer_delays_the_verdict_and_changes_nothing(kind):
    memory = world()
    failures = [3]

    def hook(name: str) -> None:
        if name == kind and failures[0]:
            failures[0] -= 1
            raise DependencyUnavailableError(f"{kind}: throttled")

    memory.hook = hook
    deliver_until_done(memory, lambda: prove(memory))
    memory.hook = lambda _name: None
    check_proven_once(memory)


def test_what_fails_because_of_us_is_tried_again_and_then_unknown():
    memory, verifier = world(), FixedVerifier(Verdict.UNKNOWN, Reason.NOT_STARTED)
    assert deliver_until_done(memory, lambda: prove(memory, verifier=verifier)) == ATTEMPTS
    (found,) = memory.of("verification")
    assert (found.verdict, found.reason, verifier.seen) == (Verdict.UNKNOWN, Reason.NOT_STARTED, ATTEMPTS)
    assert dump_of(memory).proven_at is None


def test_what_is_too_large_is_handed_over_once_and_proven_by_the_larger_machine():
    memory, asked = world(), list[Job]()
    small = FixedVerifier(Verdict.UNKNOWN, Reason.TOO_LARGE)
    outcome = prove(memory, verifier=small, shop=Workshop(memory, larger=asked))
    assert outcome.is_handed_over
    assert (len(asked), memory.of("verification")) == (1, [])
    assert prove(memory, verifier=small, shop=Workshop(memory, larger=asked)).again_s  # told again: it is the runner's
    assert prove(memory, asked[0], shop=Workshop(memory, is_runner=True)).verification.verdict is Verdict.PROVEN
    assert prove(memory).again_s is None
    assert len(asked) == 1
    check_proven_once(memory)


def test_a_larger_machine_that_never_starts_is_asked_again_and_in_the_end_the_verdict_is_unknown():
    memory, asked = world(), list[Job]()
    small = FixedVerifier(Verdict.UNKNOWN, Reason.TOO_LARGE)
    deliver_until_done(memory, lambda: prove(memory, verifier=small, shop=Workshop(memory, larger=asked)))
    assert len(asked) == MOST_ATTEMPTS
    (found,) = memory.of("verification")
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)


def test_a_worker_that_is_killed_each_time_ends_in_a_verdict():
    memory = world()

    class Deadly(FixedVerifier):
        def verify(self, *_facts: Any) -> Any:
            raise KilledError

    for _ in range(ATTEMPTS):
        memory.now += LEASE
        with pytest.raises(KilledError):
            prove(memory, verifier=Deadly())
    memory.now += LEASE
    found = prove(memory, verifier=Deadly()).verification
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert f"{ATTEMPTS} attempts ended without a verdict" in found.detail


def test_what_killed_every_small_worker_is_tried_by_the_larger_machine():
    memory, asked = world(), list[Job]()

    class Deadly(FixedVerifier):
        def verify(self, *_facts: Any) -> Any:
            raise KilledError

    for _ in range(ATTEMPTS):
        memory.now += LEASE
        with pytest.raises(KilledError):
            prove(memory, verifier=Deadly(), shop=Workshop(memory, larger=asked))
    memory.now += LEASE
    assert prove(memory, verifier=Deadly(), shop=Workshop(memory, larger=asked)).is_handed_over
    assert prove(memory, asked[0], shop=Workshop(memory, is_runner=True)).verification.verdict is Verdict.PROVEN
    check_proven_once(memory)


def test_a_larger_machine_that_is_refused_makes_the_verdict_unknown():
    class Refused(Workshop):
        def ask_larger(self, *_facts: Any) -> bool:
            raise PermanentError("runner: AccessDeniedException")

    memory, small = world(), FixedVerifier(Verdict.UNKNOWN, Reason.TOO_LARGE)
    found = prove(memory, verifier=small, shop=Refused(memory)).verification
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert found.detail.endswith("the larger runner cannot be started: runner: AccessDeniedException")


def test_a_message_that_comes_after_its_claim_expired_gives_no_second_verdict():
    memory, verifier = world(), FixedVerifier()
    prove(memory, verifier=verifier)
    for place in [place for place in memory.items if place[0] == "claim"]:
        del memory.items[place]
    assert prove(memory, verifier=verifier).again_s is None
    assert verifier.seen == 1
    check_proven_once(memory)


def test_who_finds_the_verdict_written_tells_it_for_the_one_who_was_killed():
    memory = world()

    def hook(name: str) -> None:
        if name == "evidence":
            raise KilledError

    memory.hook = hook
    with pytest.raises(KilledError):
        prove(memory)
    memory.hook = lambda _name: None
    assert memory.published == []
    prove(memory)
    assert len(memory.published) == 1
    assert memory.of("evidence") == memory.of("verification")


def test_a_dump_that_was_replaced_is_proven_in_its_new_version_alone():
    memory = world()
    first = Job(DUMP_ID, Cause.ARRIVAL, START, version="v2")
    Bucket(memory).put(f"dumps/{DUMP_ID}", b"PGDMP..")
    newest = memory.objects[f"dumps/{DUMP_ID}"][2]
    for job in (Job(DUMP_ID, Cause.ARRIVAL, START, version=newest), first):  # S3 may tell them in the wrong order
        prove(memory, job)
    assert dump_of(memory).version == newest
    check_proven_once(memory)


def taker(memory: Memory, source: Any = None) -> Taker:
    def dump(_database: Any, sink: Any, _seconds: float, expect: Any) -> Manifest:
        expect(10)
        sink.write(b"PGD")
        sink.write(b"MP.")
        try:
            sink.finish(MANIFEST)
        except TransientError:
            sink.abort()
            raise
        return MANIFEST

    stores = TakingStores(
        Kept(memory, "take", "database slot"),  # type: ignore[arg-type]
        Kept(memory, "claim", "claim_id"),
        Kept(memory, "dump", "dump_id"),
        Letters(memory),
        memory.commit,
    )
    return Taker(
        DATABASES, stores, Bucket(memory), source or dump, outbox(memory), holder=f"worker-{next(_workers)}",
        clock=memory.clock, lease_s=960.0, left_s=lambda: 800.0,
    )  # fmt: skip


def take(memory: Memory, source: Any = None) -> Any:
    return taker(memory, source).take("orders", START, Cause.SCHEDULE, "c1")


def check_taken_once(memory: Memory) -> None:
    outbox(memory).send_all()
    (found,) = memory.of("take")
    assert found.state is TakeState.TAKEN
    assert memory.uploads.keys() - {""} == set() or found.attempts > 1
    dumps = [key for key in memory.objects if not key.endswith(".manifest.json")]
    assert dumps == [f"dumps/{found.dump_id}"]
    assert memory.objects.keys() == {*dumps, f"{dumps[0]}.manifest.json"}
    assert {one.id for one in memory.published} == {"orders/2026-11-21T08:30:00Z/taken"}
    assert len({one.time for one in memory.published}) == 1
    assert dump_of(memory).dump_id == found.dump_id


def test_a_taker_that_is_killed_at_any_step_is_followed_and_leaves_one_whole_dump():
    number = steps_of(quiet := Memory(), lambda: take(quiet))
    check_taken_once(quiet)
    assert quiet.uploads == {}
    orphans = 0
    for place in range(number):
        memory = Memory()
        alive = killed_at(memory, place)
        with pytest.raises(KilledError):
            take(memory)
        alive()
        deliver_until_done(memory, lambda memory=memory: take(memory))
        check_taken_once(memory)
        orphans += len(memory.uploads)
    assert orphans <= 4  # begun, and killed before its id was kept: the bucket's lifecycle rule ends those


@settings(max_examples=60, deadline=None)
@given(order=st.lists(st.integers(0, 1), max_size=80))
def test_two_takers_side_by_side_in_any_order_take_one_dump(order):
    memory = Memory()
    results = take_turns(memory, [lambda: take(memory), lambda: take(memory)], order)
    assert not [one for one in results if isinstance(one, BaseException) and not isinstance(one, TransientError)]
    deliver_until_done(memory, lambda: take(memory))
    check_taken_once(memory)
    assert memory.of("take")[0].attempts == 1


@pytest.mark.parametrize("kind", ["begin", "write", "put manifest", "complete", "label", "commit", "publish", "look"])
def test_a_bucket_or_store_that_does_not_answer_delays_a_dump_and_leaves_nothing_half(kind):
    memory = Memory()
    failures = [2]

    def hook(name: str) -> None:
        if name == kind and failures[0]:
            failures[0] -= 1
            raise DependencyUnavailableError(f"{kind}: throttled")

    memory.hook = hook
    deliver_until_done(memory, lambda: take(memory))
    memory.hook = lambda _name: None
    check_taken_once(memory)


def test_an_answer_to_completion_that_is_lost_is_no_failure():
    memory, lost = Memory(), [0]

    def hook(name: str) -> None:
        lost[0] += name == "complete"
        if name == "complete" and lost[0] == 2:  # after it took effect
            raise DependencyUnavailableError("complete: the answer was lost")

    memory.hook = hook
    assert take(memory).take.state is TakeState.TAKEN
    memory.hook = lambda _name: None
    check_taken_once(memory)
    assert memory.of("take")[0].attempts == 1
