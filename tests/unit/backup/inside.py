"""Run in a process of its own by test_sandbox.py: tries what a confined program may not do; prints what came of it.

``confined`` and the address of our launcher come first: it confines this very process, so that Python can tell what it
meets, and then tries. Without ``confined`` it only tries: that shows that the attempts are possible at all.
"""

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location

LIBC = ctypes.CDLL(None, use_errno=True)


def tried(attempt: Callable[[], object]) -> str:
    """Return ``done``, or the error's name as the kernel gives it."""
    try:
        attempt()
    except OSError as error:
        return os.strerror(error.errno or 0)
    return "done"


def called(number: int, *arguments: int) -> Callable[[], None]:
    """Return what makes the system call ``number`` of x86_64 and raises its error."""

    def attempt() -> None:
        if LIBC.syscall(number, *[ctypes.c_long(value) for value in arguments]) < 0:
            raise OSError(ctypes.get_errno(), "")

    return attempt


def called_as_i386() -> None:
    """Make i386's getpid by its own gate, as a program of 64 bit can."""
    code = bytes.fromhex("53 b8 14 00 00 00 cd 80 48 98 5b c3")  # push rbx; mov eax, 20; int 0x80; cdqe; pop rbx; ret
    page = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    answer = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if answer < 0:
        raise OSError(-answer, "")


def executed() -> None:
    """Become another program, in a child."""
    child = os.fork()
    if child == 0:
        try:
            os.execv("/bin/true", ["/bin/true"])  # noqa: S606 -- what is tried
        except OSError as error:
            os._exit(error.errno or 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status, "")


def read(path: str) -> Callable[[], object]:
    """Return what reads a file."""

    def attempt() -> None:
        with open(path, "rb") as file:
            file.read()

    return attempt


def main(mode: str, launcher: str, parent: str) -> None:
    """Confine this process if ``mode`` says so, try everything, and print it as JSON."""
    if mode == "confined":
        spec = spec_from_file_location("launcher", launcher)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        given = {"user": "65534", "group": "65534", "parent": parent, "death": str(int(signal.SIGKILL)), "file": "4096"}
        module.confine(LIBC, given, path_at=1)
    attempts: dict[str, Callable[[], object]] = {
        "inet": lambda: socket.socket(socket.AF_INET),
        "inet6": lambda: socket.socket(socket.AF_INET6),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "fork": lambda: os.waitpid(os.fork() or os._exit(0), 0),
        "execute": executed,
        "memfd": lambda: os.memfd_create("x"),
        "trace": called(101, 0),  # PTRACE_TRACEME
        "keyctl": called(250, 0, -3, 0),  # the session's keyring
        "io_uring": called(425, 1, 0),
        "x32": called(0x40000000 | 39),
        "i386": called_as_i386,
        "parent's environment": read(f"/proc/{parent}/environ"),
        "become root": lambda: os.setuid(0),
        "own namespace": called(272, 0x10000000),  # unshare(CLONE_NEWUSER); last, since it changes who we are
    }
    with open("/proc/self/status", encoding="utf-8") as lines:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    facts = {
        "users": sorted({*os.getresuid(), *os.getresgid(), *os.getgroups()}),
        "umask": os.umask(0o077),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "file": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        "no new privileges": status["NoNewPrivs"],
        "seccomp": status["Seccomp"],
        "capabilities": int(status["CapEff"], 16),
    }
    print(json.dumps({**facts, **{name: tried(attempt) for name, attempt in attempts.items()}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
