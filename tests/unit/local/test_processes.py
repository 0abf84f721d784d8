"""Ending exactly what was started: by start time, with everything in its group, and nothing else."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from local.processes import Identity, end_group, group_members, identity, is_alive, kill_group, left_behind

WAITING = "print('ready', flush=True); import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITING
WITH_CHILD = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); " + WAITING
)

Start = Callable[[str], Identity]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start_(code: str) -> Identity:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        who = identity(process.pid)
        assert who is not None
        return who

    yield start_
    for process in started:
        for pid in group_members(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_a_process_is_known_by_its_number_and_its_start(start):
    leader = start(WAITING)
    assert is_alive(leader)
    assert not is_alive(replace(leader, started="at another time"))


def test_a_process_of_the_same_number_that_started_at_another_time_is_not_touched(start):
    leader = start(WAITING)
    somebody_else = replace(leader, started="at another time")
    end_group(somebody_else, patience_s=0.0)
    assert left_behind(somebody_else) == []
    assert is_alive(leader)


def test_a_process_that_ignores_the_request_to_end_is_killed(start):
    leader = start(STUBBORN)
    end_group(leader, patience_s=0.0)
    assert not is_alive(leader)


def test_what_a_killed_leader_left_behind_is_found_and_ended(start):
    leader = start(WITH_CHILD)
    os.kill(leader.pid, signal.SIGKILL)
    os.waitpid(leader.pid, 0)
    assert len(left_behind(leader)) == 1
    kill_group(leader)
    assert group_members(leader.pid) == []


def test_a_process_that_has_ended_has_no_identity(start):
    leader = start(WAITING)
    os.kill(leader.pid, signal.SIGKILL)
    os.waitpid(leader.pid, 0)
    assert identity(leader.pid) is None
