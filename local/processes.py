"""Processes that we started, recognised for certain: a pid alone may by now belong to somebody else.

Every service leads a process group of its own, so whatever it left behind when it was killed can be found. The
kernel gives out no pid that is still the number of a group: if the leader is gone and the group has members, they
are ours; if the leader lives but started at another time, ours are long gone.
"""

import os
import signal
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
POLL_S = 0.05


@dataclass(frozen=True)
class Identity:
    """A process: its number, and when it started by a clock that is never set."""

    pid: int
    started: str

    def to_json(self) -> dict[str, Any]:
        """Return the record for a file."""
        return asdict(self)


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/<pid>/stat after the command: [state, parent, group, session, ...]."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _ps(*arguments: str) -> list[list[str]]:
    """Return rows of ps, for systems without /proc."""
    answer = subprocess.run(["/bin/ps", *arguments], capture_output=True, text=True, check=False)
    return [line.split(None, 2) for line in answer.stdout.splitlines()]


def identity(pid: int) -> Identity | None:
    """Return who ``pid`` is now; None when there is no such process, or only its zombie."""
    if PROC.joinpath("self", "stat").exists():
        fields = _stat(pid)
        if fields is None or fields[0] == "Z":
            return None
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return Identity(pid, f"{boot}/{fields[19]}")
    rows = _ps("-o", "stat=,pgid=,lstart=", "-p", str(pid))
    return None if not rows or rows[0][0].startswith("Z") else Identity(pid, rows[0][2])


def is_alive(process: Identity) -> bool:
    """Return whether exactly this process still runs."""
    return identity(process.pid) == process


def group_members(group: int) -> list[int]:
    """Return the processes of a process group, zombies not counted."""
    if PROC.joinpath("self", "stat").exists():
        candidates = [(int(entry.name), _stat(int(entry.name))) for entry in PROC.iterdir() if entry.name.isdigit()]
        return [pid for pid, fields in candidates if fields and fields[0] != "Z" and int(fields[2]) == group]
    rows = _ps("-axo", "pid=,pgid=,stat=")
    return [int(pid) for pid, member_of, state in rows if int(member_of) == group and not state.startswith("Z")]


def left_behind(leader: Identity) -> list[int]:
    """Return what still runs of the group that ``leader`` leads or led."""
    now = identity(leader.pid)
    return [] if now is not None and now != leader else group_members(leader.pid)


def end_group(leader: Identity, patience_s: float = 10.0) -> None:
    """Ask ``leader`` to end, wait, then kill whatever is left of its group."""
    if is_alive(leader):
        os.kill(leader.pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        while is_alive(leader) and time.monotonic() < deadline:
            time.sleep(POLL_S)
    if left_behind(leader):
        kill_group(leader)


def kill_group(leader: Identity) -> None:
    """Kill what is left of the group of ``leader``, if it is still that group."""
    if left_behind(leader):
        try:
            os.killpg(leader.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        while left_behind(leader):
            time.sleep(POLL_S)


def set_on_signals(event: threading.Event) -> None:
    """Set ``event`` on SIGTERM and SIGINT: from a thread, for the main thread may hold the event's lock itself."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=event.set, daemon=True).start())
