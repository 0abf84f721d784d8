"""A confined program has no network, no privileges, no other programs and none of our secrets; else nothing starts."""

import ctypes
import json
import os
import platform
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opsloop.adapters import postgres_launcher, postgres_sandbox
from opsloop.adapters.postgres_sandbox import (
    Confinement,
    SandboxUnavailableError,
    confined,
    kill_session,
    run_confined,
    runs_as,
    shielded,
    start_confined,
)

INSIDE = Path(__file__).with_name("inside.py")
LAUNCHER = Path(postgres_launcher.__file__)
CORE = LAUNCHER.parents[2]
SHELL, ENVIRONMENT, ROOT = Path("/bin/sh"), {"PATH": "/usr/bin:/bin"}, Path("/")
DENIED, DONE = "Permission denied", "done"
only_here = pytest.mark.skipif(platform.machine() != "x86_64", reason="names system calls by x86_64's numbers")


def shell(script: str, confinement: Confinement | None = None, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    given = {"environment": ENVIRONMENT, "folder": ROOT, "timeout_s": 30.0, **options}
    return run_confined([SHELL, "-c", script], confinement, **given)


def from_inside(mode: str) -> dict[str, Any]:
    command = [sys.executable, str(INSIDE), mode, str(LAUNCHER), str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@only_here
def test_from_inside_nothing_leads_out() -> None:
    found = from_inside("confined")
    refused = {"inet", "inet6", "netlink", "execute", "memfd", "trace", "keyctl", "own namespace", "io_uring"}
    refused |= {"x32", "i386"}
    assert {name for name in refused if found[name] != DENIED} == set()
    assert found["become root"] == "Operation not permitted"
    assert (found["unix"], found["fork"]) == (DONE, DONE)
    assert (found["umask"], found["core"], found["file"]) == (0o077, 0, 4_096)
    assert (found["no new privileges"], found["seccomp"], found["capabilities"]) == ("1", "2", 0)
    if os.geteuid() == 0:
        assert found["users"] == [65_534]
        assert found["parent's environment"] == DENIED


@only_here
def test_the_same_attempts_succeed_where_nothing_is_confined() -> None:
    found = from_inside("free")
    assert {found[name] for name in ("inet", "inet6", "unix", "execute", "memfd", "trace", "keyctl")} == {DONE}
    assert DENIED not in (found["io_uring"], found["x32"], found["i386"])
    assert (found["seccomp"], found["no new privileges"]) == ("0", "0")


def test_a_confined_program_starts_and_starts_no_other() -> None:
    done = shell("echo started; /bin/true || echo refused")
    assert done.stdout == b"started\nrefused\n"
    assert b"Permission denied" in done.stderr
    assert shell("/bin/true && echo started", Confinement(may_execute=True)).stdout == b"started\n"


def test_it_gets_the_given_environment_and_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never to be seen")
    monkeypatch.setenv("PGPASSWORD", "nor this")
    script = 'while IFS= read -r line; do echo "$line"; done < /proc/self/environ; set'
    done = shell(script, environment={"PATH": "/bin", "GIVEN": "yes"})
    assert b"GIVEN=yes" in done.stdout
    assert b"AWS_" not in done.stdout
    assert b"PGPASSWORD" not in done.stdout
    assert b"LD_LIBRARY_PATH" not in done.stdout


def test_it_gets_three_open_files_of_ours_even_one_that_its_user_may_not_open(tmp_path: Path) -> None:
    secret = tmp_path / "dump"
    secret.write_bytes(b"content\n")
    secret.chmod(0o600)
    beyond = os.open(secret, os.O_RDONLY)
    os.set_inheritable(beyond, True)
    with secret.open("rb") as handed_over:
        script = 'read line; echo "$line"; for one in /proc/self/fd/*; do echo "${one##*/}"; done'
        done = shell(script, stdin=handed_over)
    os.close(beyond)
    content, *numbers = done.stdout.decode().split()
    assert content == "content"
    assert str(beyond) not in numbers
    assert {"0", "1", "2"} <= set(numbers)


def test_its_files_and_address_space_are_bounded(tmp_path: Path) -> None:
    limits = Confinement(may_execute=True, space_bytes=256 * 2**20, file_bytes=2**20)
    done = shell("ulimit -v; ulimit -f; ulimit -c", limits)
    assert done.stdout.split() == [str(256 * 2**10).encode(), str(2**20 // 512).encode(), b"0"]


def test_one_that_takes_too_long_is_killed_with_what_it_started() -> None:
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        shell("echo $$; /bin/sleep 600 & wait", Confinement(may_execute=True), timeout_s=0.3)
    leader = int((caught.value.stdout or b"0").split()[0])
    left = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if session_of(pid) == leader]
    assert left == []


def session_of(pid: int) -> int:
    """Return the session of a process that runs; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] == "Z" else int(fields[3])


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(CORE)!r})
from opsloop.adapters.postgres_sandbox import Confinement, start_confined
started = start_confined(["/bin/sleep", "600"], environment={{}}, folder=Path("/"))
print(started.pid, flush=True)
sys.stdin.read()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe) as parent:
        assert parent.stdout is not None
        watched = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    ended, _, _ = select.select([watched], [], [], 20)
    os.close(watched)
    assert ended


REFUSING = """
import sys
sys.path.insert(0, {core!r})
from opsloop.adapters import postgres_launcher as launcher
{change}
launcher.main(["user=65534", "group=65534", "parent={parent}", "death=9", "--", "/bin/echo", "started"])
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("launcher.NATIVE.clear()", "no seccomp filter is known"),
        ("launcher.SECCOMP_MODE_FILTER = 77", "seccomp: Invalid argument"),
        ("launcher.filter_program = lambda *_, **__: []", "seccomp: Invalid argument"),
        ("launcher.PR_SET_NO_NEW_PRIVS = 99_999", "no_new_privs: Invalid argument"),
        ("launcher.os.getppid = lambda: 1", "the parent has ended"),
        ("launcher.os.setresuid = lambda *_: None", "still root"),
    ],
)
def test_whatever_cannot_be_taken_away_nothing_is_started(change: str, said: str) -> None:
    if "root" in said and os.geteuid():
        pytest.skip("only root has privileges to give up")
    script = REFUSING.format(core=str(CORE), change=change, parent=os.getpid())
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (postgres_launcher.REFUSED, "")
    assert done.stderr.startswith("sandbox: ")
    assert said in done.stderr


def test_the_same_launcher_starts_it_where_all_can_be_taken_away() -> None:
    script = REFUSING.format(core=str(CORE), change="", parent=os.getpid())
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "started\n")


def test_a_refusal_is_told_from_a_failure_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("echo no >&2; exit 97").returncode == 97  # the program's own, whatever number it takes
    with pytest.raises(SandboxUnavailableError, match="No such file"):
        run_confined(["/nonexistent/program"], environment={}, folder=ROOT, timeout_s=30.0)
    refusing = tmp_path / "launcher.py"
    refusing.write_text(
        'import sys\nsys.exit(sys.stderr.write("sandbox: seccomp: Function not implemented\\n") and 97)'
    )
    monkeypatch.setattr(postgres_sandbox, "_launcher", refusing)
    with pytest.raises(SandboxUnavailableError, match="seccomp: Function not implemented"):
        shell("echo started")


def test_other_systems_than_linux_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_sandbox.sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailableError, match="on Linux only, and this is darwin"):
        confined(["/bin/true"])


def test_a_session_is_ended_once_and_again_without_harm() -> None:
    started = start_confined(["/bin/sleep", "600"], environment={}, folder=ROOT)
    kill_session(started)
    assert started.wait(20) == -9
    kill_session(started)


SAME_USER = """
import ctypes, os, sys
sys.path.insert(0, {core!r})
from opsloop.adapters.postgres_sandbox import shielded
if os.geteuid() == 0:
    os.setresgid({group}, {group}, {group})
    os.setresuid({user}, {user}, {user})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as a program is that was started as this user
def read_by_a_child():
    child = os.fork()
    if child == 0:
        try:
            found = os.read(os.open(f"/proc/{{os.getppid()}}/environ", os.O_RDONLY), 9999)
            os._exit(0 if b"AWS_SECRET" in found else 2)
        except PermissionError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
before = read_by_a_child()
with shielded():
    with shielded():
        within = read_by_a_child()
    still = read_by_a_child()
print(before, within, still, read_by_a_child())
"""


def test_programs_of_our_own_user_cannot_read_our_environment_while_it_is_shielded() -> None:
    user, group = runs_as()
    script = SAME_USER.format(core=str(CORE), user=user, group=group)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"AWS_SECRET_ACCESS_KEY": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    readable, refused = "0", "1"
    assert done.stdout.split() == [readable, refused, refused, readable], done.stderr


def test_the_shield_is_lifted_again_in_this_process() -> None:
    prctl = ctypes.CDLL(None).prctl
    before = prctl(3, 0, 0, 0, 0)
    with shielded():
        assert prctl(3, 0, 0, 0, 0) == 0
    assert prctl(3, 0, 0, 0, 0) == before
