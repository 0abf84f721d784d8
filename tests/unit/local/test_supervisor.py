"""The supervisor: keeps what is wanted, ends what is not, and cleans up after the dead."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import services
from local.processes import Identity, is_alive, left_behind
from local.services import Service
from local.state import StateDir
from local.stop import stop
from local.supervisor import Supervisor, end_recorded

WITH_WORKER = (
    "import subprocess, sys, time;"
    "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('worker', worker.pid, flush=True); time.sleep(600)"
)
PATIENCE_S = 20.0


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateDir]:
    def build(_: StateDir) -> Service:
        return Service("cloud", [sys.executable, "-c", WITH_WORKER], {})

    monkeypatch.setattr(services, "BUILDERS", {"cloud": build, "pump": build, "demo": build})
    state = StateDir(tmp_path)
    yield state
    end_recorded(state)


@pytest.fixture
def supervisor(state: StateDir) -> Iterator[Supervisor]:
    supervisor = Supervisor(state)
    yield supervisor
    supervisor.stop.set()
    supervisor.run()


def until(condition: Callable[[], object], supervisor: Supervisor) -> None:
    """Let the supervisor look again and again until ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        supervisor.look()


def recorded(state: StateDir, name: str = "cloud") -> Identity:
    return Identity(**state.read("processes")[name])


def worker_started(state: StateDir) -> bool:
    return "worker" in state.log("cloud").read_text()


def test_a_killed_service_is_started_again_and_its_workers_are_gone(state, supervisor):
    state.write("wanted", {"services": ["cloud"]})
    supervisor.look()
    first = recorded(state)
    until(lambda: worker_started(state), supervisor)
    assert len(left_behind(first)) == 2
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: state.read("processes").get("cloud") not in (None, first.to_json()), supervisor)
    assert left_behind(first) == []
    assert is_alive(recorded(state))


def test_a_service_that_is_not_wanted_any_more_is_ended_and_the_others_stay(state, supervisor):
    state.write("wanted", {"services": ["cloud", "demo"]})
    supervisor.look()
    cloud, demo = recorded(state, "cloud"), recorded(state, "demo")
    state.write("wanted", {"services": ["cloud"]})
    supervisor.look()
    assert left_behind(demo) == []
    assert is_alive(cloud)
    assert set(state.read("processes")) == {"cloud"}


def test_a_told_supervisor_ends_all_its_services(state, supervisor):
    state.write("wanted", {"services": ["cloud", "pump"]})
    supervisor.look()
    started = [recorded(state, "cloud"), recorded(state, "pump")]
    supervisor.stop.set()
    supervisor.run()
    assert [left_behind(one) for one in started] == [[], []]


def test_stop_ends_what_a_killed_supervisor_left_running(state, supervisor):
    state.write("wanted", {"services": ["cloud"]})
    supervisor.look()
    orphan = recorded(state)
    assert stop(state)  # there is no record of a supervisor: it was killed
    assert left_behind(orphan) == []
    assert not stop(state)
