"""Starting programs that read strangers' dumps: without network, privileges, other programs or our secrets.

A dump is code. Whatever restores one is started through ``postgres_launcher``, which says what it takes away. Linux
on x86_64 and arm64 only: where it cannot be had, nothing is started (``SandboxUnavailableError``).

The launcher is a program of its own, not a ``preexec_fn``: this process has threads, and such a function could
deadlock among them.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from opsloop.adapters.postgres_launcher import REFUSED as REFUSED
from opsloop.dataclass import dataclass
from opsloop.errors import PermanentError

NOBODY = 65534  # where the machine has no user of that name
PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4
_launcher = Path(__file__).with_name("postgres_launcher.py")


class SandboxUnavailableError(PermanentError):
    """Nothing was started, since it could not be confined; the message says what is missing."""

    status = 503
    title = "Sandbox unavailable"


@dataclass(frozen=True)
class Confinement:
    """What a program may do beyond computing and Unix sockets. Sizes in bytes, 0: as this process.

    ``file_bytes`` bounds each file that it writes, ``space_bytes`` the address space of each of its processes.
    ``on_our_end`` is the signal it gets when the thread that started it ends, however it ends.
    """

    may_execute: bool = False
    may_connect: bool = False
    file_bytes: int = 0
    space_bytes: int = 0
    on_our_end: signal.Signals = signal.SIGKILL


def runs_as() -> tuple[int, int]:
    """Return the user and group that confined programs have: nobody if we are root, else our own."""
    if os.geteuid():
        return os.geteuid(), os.getegid()
    try:
        known = pwd.getpwnam("nobody")
    except KeyError:
        return NOBODY, NOBODY
    return known.pw_uid, known.pw_gid


def confined(command: Sequence[str | Path], confinement: Confinement | None = None) -> list[str]:
    """Return the command line that starts ``command`` (an absolute path and its arguments) confined, from us only."""
    limits = confinement or Confinement()
    if sys.platform != "linux":
        raise SandboxUnavailableError(f"a dump is restored on Linux only, and this is {sys.platform}")
    user, group = runs_as()
    given = {
        "user": user,
        "group": group,
        "parent": os.getpid(),
        "death": int(limits.on_our_end),
        "file": limits.file_bytes or "",
        "space": limits.space_bytes or "",
        "execute": int(limits.may_execute),
        "connect": int(limits.may_connect),
    }
    written = [f"{name}={value}" for name, value in given.items()]
    return [sys.executable, "-I", "-S", str(_launcher), *written, "--", *map(str, command)]


def start_confined(
    command: Sequence[str | Path],
    confinement: Confinement | None = None,
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start ``command`` confined, in a session of its own, with ``environment`` alone, and ``folder`` as its place.

    Of our open files it gets the three given ones; a file that only we may open can be handed over as ``stdin``.
    It ends with status ``REFUSED`` and a line beginning with ``sandbox:`` if it could not be confined. It is killed
    when the thread that called this ends.
    """
    libraries = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR") or "")}  # Lambda's Python needs it
    return subprocess.Popen(
        confined(command, confinement),
        env={**environment, **libraries},
        cwd=folder,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        close_fds=True,
        start_new_session=True,
    )


def run_confined(
    command: Sequence[str | Path],
    confinement: Confinement | None = None,
    *,
    environment: Mapping[str, str],
    folder: Path,
    timeout_s: float,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
) -> "subprocess.CompletedProcess[bytes]":
    """Run ``command`` confined to its end; return its status and what it wrote.

    Raises ``SandboxUnavailableError`` if it could not be confined, ``subprocess.TimeoutExpired`` after killing it.
    """
    pipe = subprocess.PIPE
    started = start_confined(
        command, confinement, environment=environment, folder=folder, stdin=stdin, stdout=pipe, stderr=pipe
    )
    try:
        out, err = started.communicate(timeout=timeout_s)
    except BaseException:  # whatever interrupts us: nothing is left behind
        kill_session(started)
        started.communicate()
        raise
    check_confined(started.returncode, err)
    return subprocess.CompletedProcess(started.args, started.returncode, out, err)


def check_confined(status: int | None, errors: bytes) -> None:
    """Raise ``SandboxUnavailableError`` if a program ended with ``status`` because it could not be confined."""
    if status == REFUSED and errors.lstrip().startswith(b"sandbox:"):
        raise SandboxUnavailableError(errors.decode(errors="replace").strip())


def kill_session(started: "subprocess.Popen[bytes]", signal_: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a program started here and to what it started in the same session."""
    try:
        os.killpg(started.pid, signal_)
    except ProcessLookupError:
        return
    except PermissionError:  # it has not become the user that it will be
        started.send_signal(signal_)


_shields = 0
_shields_lock = threading.Lock()
_dumpable_before = 1


@contextmanager
def shielded() -> Iterator[None]:
    """Keep programs of our own user from reading this process's memory and first environment while this is held.

    On Lambda everything runs as one user, and ``/proc/<us>/environ`` holds the function's credentials. A process that
    may not be dumped is root's in /proc (prctl(2), proc(5)). As root it changes nothing: nobody cannot read root's.
    """
    global _shields, _dumpable_before
    libc = ctypes.CDLL(None, use_errno=True)
    with _shields_lock:
        if _shields == 0:
            _dumpable_before = libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)
            _set_dumpable(libc, 0)
        _shields += 1
    try:
        yield
    finally:
        with _shields_lock:
            _shields -= 1
            if _shields == 0:
                _set_dumpable(libc, 1 if _dumpable_before == 1 else 0)


def _set_dumpable(libc: Any, value: int) -> None:
    if libc.prctl(PR_SET_DUMPABLE, value, 0, 0, 0):
        raise SandboxUnavailableError(f"PR_SET_DUMPABLE: {os.strerror(ctypes.get_errno())}")
