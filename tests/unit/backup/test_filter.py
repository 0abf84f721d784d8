"""The seccomp filter, on both architectures: run by an interpreter of our own, since here there is one processor."""

import errno
import re
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.adapters.postgres_launcher import (
    CLONE,
    CLONE3,
    EXECVE,
    NATIVE,
    NEVER,
    SOCKET,
    SOCKETPAIR,
    RefusedError,
    filter_program,
)
from tests.unit.backup.bpf import ALLOWED, answer

MACHINES = ("x86_64", "aarch64")
OUR_PATH = 0x7F12_3456_789A
# read, write, openat, mmap, futex, fsync, kill, fork (aarch64 has only clone), shmget, exit_group
NEEDED = {"x86_64": (0, 1, 257, 9, 202, 74, 62, 57, 29, 231), "aarch64": (63, 64, 56, 222, 98, 82, 129, 94, 194, 94)}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
KNOWN = {"socket": SOCKET, "socketpair": SOCKETPAIR, "clone": CLONE, "clone3": CLONE3, "execve": EXECVE}


def asked(machine: str, number: int, *arguments: int, path_at: int | None = OUR_PATH, connect: bool = False) -> object:
    program = filter_program(machine, path_at=path_at, may_connect=connect)
    return answer(program, NATIVE[machine], number, *arguments)


def of(numbers: tuple[int | None, int | None], machine: str) -> int:
    number = numbers[MACHINES.index(machine)]
    assert number is not None
    return number


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"no {HEADERS[machine]} (apt-get install linux-libc-dev)")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", HEADERS[machine].read_text())
    numbers = {name: int(number) for name, number in reversed(found)}
    for name, pair in (NEVER | KNOWN).items():
        assert numbers.get(name) == pair[MACHINES.index(machine)], name


@pytest.mark.parametrize("machine", MACHINES)
def test_what_a_database_needs_is_allowed(machine: str) -> None:
    for number in NEEDED[machine]:
        assert asked(machine, number) == ALLOWED


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_that_lead_out_are_refused_whatever_their_arguments(machine: str) -> None:
    for name, numbers in NEVER.items():
        if numbers[MACHINES.index(machine)] is not None:
            for argument in (0, 1, OUR_PATH):
                assert asked(machine, of(numbers, machine), argument, path_at=None) == errno.EACCES, name


@pytest.mark.parametrize("machine", MACHINES)
def test_only_unix_sockets_are_made(machine: str) -> None:
    families = (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK, 0, 44)
    for call in (SOCKET, SOCKETPAIR):
        assert asked(machine, of(call, machine), socket.AF_UNIX, socket.SOCK_STREAM) == ALLOWED
        for family in families:
            assert asked(machine, of(call, machine), family, socket.SOCK_STREAM) == errno.EACCES
            assert asked(machine, of(call, machine), family, connect=True) == ALLOWED


@pytest.mark.parametrize("machine", MACHINES)
def test_processes_are_made_but_no_namespaces(machine: str) -> None:
    fork, thread = 0x1200011, 0x3D0F00  # what glibc's fork and pthread_create pass
    assert asked(machine, of(CLONE, machine), fork) == ALLOWED
    assert asked(machine, of(CLONE, machine), thread) == ALLOWED
    for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert asked(machine, of(CLONE, machine), fork | flag) == errno.EACCES
    assert asked(machine, of(CLONE3, machine)) == errno.ENOSYS  # so that glibc takes clone


@pytest.mark.parametrize("machine", MACHINES)
def test_one_path_may_be_executed(machine: str) -> None:
    assert asked(machine, of(EXECVE, machine), OUR_PATH) == ALLOWED
    for other in (0, OUR_PATH + 1, OUR_PATH & 0xFFFFFFFF, OUR_PATH | 1 << 63, OUR_PATH ^ 1 << 32):
        assert asked(machine, of(EXECVE, machine), other) == errno.EACCES
        assert asked(machine, of(EXECVE, machine), other, path_at=None) == ALLOWED


def test_no_call_of_another_abi_is_answered() -> None:
    program = filter_program("x86_64", path_at=None)
    i386, arm = 0x40000003, 0x40000028
    for architecture in (i386, arm, NATIVE["aarch64"]):
        assert answer(program, architecture, 0) == errno.EACCES
    assert answer(program, NATIVE["x86_64"], 0x40000000) == errno.EACCES  # x32's read


def test_a_machine_that_is_not_known_has_no_filter() -> None:
    with pytest.raises(RefusedError, match="no seccomp filter is known for riscv64"):
        filter_program("riscv64", path_at=None)


@settings(max_examples=60, deadline=None)
@given(
    machine=st.sampled_from(MACHINES),
    number=st.integers(0, 500),
    arguments=st.lists(st.integers(0, 2**64 - 1), max_size=6),
)
def test_every_call_gets_an_answer_and_unlisted_ones_are_allowed(
    machine: str, number: int, arguments: list[int]
) -> None:
    column = MACHINES.index(machine)
    listed = {pair[column] for pair in (NEVER | KNOWN).values()}
    given_ = asked(machine, number, *arguments)
    assert given_ in (ALLOWED, errno.EACCES, errno.ENOSYS)
    assert number in listed or given_ == ALLOWED
