"""Requests for dumps: told once, again after a crash, and read back from the queue."""

import json
from datetime import timedelta

import pytest

from opsloop.backup.model import Cause
from opsloop.backup.request import Requester, read_requested
from opsloop.backup.take import Take, TakeState, take_id, take_json
from opsloop.errors import DependencyUnavailableError, InvalidInputError
from tests.backup_memory import DATABASES, START, Kept, KilledError, Memory, killed_at, steps_of

SLOT = START.replace(hour=6, minute=0)


def request_due(memory):
    requester = Requester(DATABASES, Kept(memory, "take", "database slot"), memory.publish)
    return requester.request_due(START, "run-1")


def test_a_request_is_told_once_and_again_with_the_same_id_after_a_crash_at_any_step():
    number = steps_of(quiet := Memory(), lambda: request_due(quiet))
    assert [one.id for one in quiet.published] == ["orders/2026-11-21T06:00:00Z/requested"]
    assert request_due(quiet) == []
    for place in range(number):
        memory = Memory()
        alive = killed_at(memory, place)
        with pytest.raises(KilledError):
            request_due(memory)
        alive()
        request_due(memory)
        request_due(memory)
        assert {(one.id, one.time, one.correlation_id) for one in memory.published} == {
            ("orders/2026-11-21T06:00:00Z/requested", SLOT, "run-1")
        }
        assert memory.of("take")[0].is_told


def test_a_bus_that_does_not_answer_is_told_by_the_next_run():
    memory = Memory()

    def refuse(_events):
        raise DependencyUnavailableError("bus")

    with pytest.raises(DependencyUnavailableError):
        Requester(DATABASES, Kept(memory, "take", "database slot"), refuse).request_due(START, "run-1")
    assert [one.database for one in request_due(memory)] == ["orders"]
    assert len(memory.published) == 1


def test_what_is_told_is_read_back():
    memory = Memory()
    request_due(memory)
    wanted = read_requested(json.dumps({"detail": memory.published[0].detail()}))
    assert (wanted.database, wanted.slot, wanted.cause, wanted.correlation_id) == (
        "orders",
        SLOT,
        Cause.SCHEDULE,
        "run-1",
    )


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"detail": {"data": {"slot": "x", "cause": "schedule"}}}'])
def test_another_message_is_refused(body):
    with pytest.raises(InvalidInputError):
        read_requested(body)


def test_an_answer_says_how_far_a_take_is():
    take = Take(
        "orders", SLOT, Cause.REQUEST, SLOT, state=TakeState.FAILED, attempts=4, ended_at=SLOT + timedelta(hours=1),
        why="it is down",
    )  # fmt: skip
    assert take_id(take) == "orders/2026-11-21T06:00:00Z"
    assert take_json(take) == {
        "id": "orders/2026-11-21T06:00:00Z", "database": "orders", "slot": "2026-11-21T06:00:00Z", "cause": "request",
        "state": "failed", "attempts": 4, "requested_at": "2026-11-21T06:00:00Z", "started_at": None,
        "ended_at": "2026-11-21T07:00:00Z", "dump_id": None, "bytes": None, "rows": None, "why": "it is down",
    }  # fmt: skip
