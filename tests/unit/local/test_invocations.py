"""Asynchronous invocations: retried as on AWS, and run again when the cloud died in the middle."""

import threading
from typing import Any

from local.cloud.invocations import Invocation, Invocations, Outcome

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:kpi_rollup"


class Function:
    """Fails as often as it is told to; remembers what it got."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.events: list[Any] = []

    def __call__(self, invocation: Invocation) -> Outcome:
        self.events.append(invocation.event)
        return Outcome(failed=len(self.events) <= self.failures, detail={"attempt": len(self.events)})


def start(function: Function, journal: list[Any], *, retries: int = 2) -> tuple[Invocations, list[Any]]:
    given_up: list[Any] = []
    invocations = Invocations(
        append=journal.append,
        attempt=function,
        retries=lambda _: retries,
        give_up=lambda invocation, outcome: given_up.append((invocation.event, outcome.detail)),
        sleep=lambda _: None,
    )
    return invocations, given_up


def restarted(function: Function, journal: list[Any]) -> Invocations:
    invocations, _ = start(function, [])
    for entry in journal:
        invocations.replay(entry)
    return invocations


def test_two_failures_are_retried_and_leave_nothing_unfinished():
    function, journal = Function(failures=2), []
    invocations, given_up = start(function, journal)
    invocations.accept(Invocation(FUNCTION, {"hour": 9})).join()
    assert function.events == [{"hour": 9}] * 3
    assert given_up == []
    assert restarted(function, journal).pending() == []


def test_a_third_failure_goes_to_the_failure_destination_with_the_event():
    function, journal = Function(failures=99), []
    invocations, given_up = start(function, journal)
    invocations.accept(Invocation(FUNCTION, {"hour": 9})).join()
    assert given_up == [({"hour": 9}, {"attempt": 3})]
    assert restarted(function, journal).pending() == []


def test_a_function_that_wants_no_retries_gets_none():
    function = Function(failures=99)
    invocations, given_up = start(function, [], retries=0)
    invocations.accept(Invocation(FUNCTION, {})).join()
    assert len(function.events) == 1
    assert len(given_up) == 1


def test_an_event_accepted_before_a_kill_is_run_after_it():
    first, second = Function(failures=0), Function(failures=0)
    journal: list[Any] = []
    invocations, _ = start(first, journal)
    invocations.accept(Invocation(FUNCTION, {"hour": 9})).join()
    cut = [entry for entry in journal if entry[0] == "accepted"]  # killed before the end was written
    again = restarted(second, cut)
    assert again.resume() == 1
    assert [entry[3] for entry in cut] == [{"hour": 9}]


def test_a_snapshot_carries_what_is_unfinished():
    function = Function(failures=0)
    unfinished = restarted(function, [["accepted", "id-1", FUNCTION, {"hour": 9}], ["accepted", "id-2", FUNCTION, {}]])
    unfinished.replay(["ended", "id-2"])
    assert restarted(function, unfinished.pending()).pending() == [["accepted", "id-1", FUNCTION, {"hour": 9}]]


def test_only_so_many_run_side_by_side_and_the_others_wait_their_turn() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    everybody = threading.Barrier(2, timeout=10)

    def attempt(_: Invocation) -> Outcome:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        everybody.wait()  # broken unless exactly two are here at a time
        with lock:
            running[0] -= 1
        return Outcome(failed=False, detail={})

    invocations = Invocations(
        append=lambda _: None, attempt=attempt, retries=lambda _: 0, give_up=lambda *_: None, at_once=2
    )
    threads = [invocations.accept(Invocation("arn", number)) for number in range(8)]
    for thread in threads:
        thread.join(10)
    assert most == [2]
    assert invocations.pending() == []
