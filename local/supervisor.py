"""Keeps the processes of a local cloud running: `python -m local.supervisor STATE_DIR`.

It starts what `wanted.json` names, restarts what dies, kills what the dead left behind, and ends everything on
SIGTERM or SIGINT. Each process is recorded with its start time in `processes.json`, so that `make stop` and the next
supervisor can end exactly these, even if this one was killed.
"""

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from local import services
from local.processes import Identity, end_group, identity, kill_group, set_on_signals
from local.services import Service
from local.state import StateDir

logger = logging.getLogger("opsloop.supervisor")
POLL_S = 0.1
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
STEADY_S = 3.0  # who ran that long did not fail at its start: it starts again at once
PATIENCE_S = 20.0
LOG_LIMIT_BYTES = 50 * 1024 * 1024


@dataclass
class Running:
    """A service and its process of the moment."""

    service: Service
    process: subprocess.Popen[bytes]
    identity: Identity
    started_at: float
    delay_s: float = FIRST_DELAY_S


class Supervisor:
    """The running services of one state directory."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._running: dict[str, Running] = {}
        self._due: dict[str, tuple[float, float]] = {}  # name -> when to start again, delay after that
        self.stop = threading.Event()

    def run(self) -> None:
        """Supervise until told to stop."""
        end_recorded(self._state)
        while not self.stop.is_set():
            self.look()
            self.stop.wait(POLL_S)
        for name in reversed(services.ORDER):
            if name in self._running:
                self._end(name)

    def look(self) -> None:
        """Bring what runs in line with what is wanted."""
        wanted = self._state.read("wanted").get("services", [])
        for name in services.ORDER:
            running = self._running.get(name)
            if running and running.process.poll() is not None:
                self._bury(running)
            if running and name not in wanted:
                self._end(name)
            if name in wanted and name not in self._running:
                self._start_when_due(name)

    def _start_when_due(self, name: str) -> None:
        due_at, delay_s = self._due.get(name, (0.0, FIRST_DELAY_S))
        if time.monotonic() < due_at:
            return
        service = services.BUILDERS[name](self._state)
        service.prepare()
        with open_log(self._state.log(name)) as log:
            process = subprocess.Popen(
                service.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=service.environment,
                cwd=services.working_directory(),
                start_new_session=True,
            )
        who = identity(process.pid) or Identity(process.pid, "died at once")
        self._running[name] = Running(service, process, who, time.monotonic(), delay_s)
        self._record()
        logger.info("%s started as process %d", name, process.pid)

    def _bury(self, running: Running) -> None:
        name = running.service.name
        kill_group(running.identity)  # workers of a killed cloud would write into the next one
        ran_s = time.monotonic() - running.started_at
        delay_s = FIRST_DELAY_S if ran_s > STEADY_S else running.delay_s
        logger.warning(
            "%s ended with status %s after %.1f s; it starts again in %.1f s (log: %s)",
            name,
            running.process.returncode,
            ran_s,
            delay_s,
            self._state.log(name),
        )
        self._due[name] = (time.monotonic() + delay_s, min(delay_s * 2, LONGEST_DELAY_S))
        del self._running[name]
        self._record()

    def _end(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            running.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(PATIENCE_S)
        kill_group(running.identity)
        running.process.wait()
        self._record()
        logger.info("%s ended", name)

    def _record(self) -> None:
        self._state.write("processes", {name: one.identity.to_json() for name, one in self._running.items()})


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending, the former one set aside when it has grown large."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def end_recorded(state: StateDir) -> None:
    """End the processes that a killed supervisor left running."""
    recorded = state.read("processes")
    for name in reversed(services.ORDER):
        if name in recorded:
            end_group(Identity(**recorded[name]), PATIENCE_S)
    state.remove("processes")


def main() -> None:
    """Run the supervisor of the state directory named on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    state = StateDir(Path(sys.argv[1]).resolve())
    who = identity(os.getpid())
    if who is None:
        raise SystemExit("cannot read who this process is")
    supervisor = Supervisor(state)
    set_on_signals(supervisor.stop)
    state.write("supervisor", who.to_json())
    supervisor.run()
    state.remove("supervisor")
    logger.info("everything has ended")


if __name__ == "__main__":
    main()
