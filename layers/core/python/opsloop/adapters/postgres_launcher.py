"""Confines itself, then becomes the program it was asked for: `python -I -S postgres_launcher.py a=1 ... -- PROGRAM`.

It runs alone, with the standard library and before anything of a stranger is read, and it imports nothing of ours, so
that root's copy of Python can start it wherever our package lies. `postgres_sandbox` writes its arguments. What it
takes away (docs/adr/0019-postgres-binaries.md has the reasons) lasts for the program and all that it starts:

- privileges: of root it becomes nobody, and `no_new_privs` keeps set-uid programs from giving any back;
- the network: `socket` makes Unix sockets alone, and io_uring, which could make others, is not there;
- other programs, unless ``execute=1``: `execve` is refused but for the one call that this file makes;
- other processes, the kernel and its namespaces: `ptrace`, `bpf`, `mount`, `setns`, `keyctl`, `kexec_load` and others.

If any of it cannot be had, it ends with status 97 and a line on standard error that begins with ``sandbox:``.
"""

import ctypes
import os
import resource
import sys

REFUSED = 97  # exit status: not confined, so nothing was started

NATIVE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_* of linux/audit.h
X32 = 0x40000000  # the bit that a call by x86_64's second ABI has
ARCHITECTURE_AT, NUMBER_AT, ARGUMENTS_AT = 4, 0, 16  # in struct seccomp_data, little-endian
LOAD, EQUAL, AND_ANY, RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: ld [k], jeq #k, jset #k, ret #k
ALLOW, FAIL = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
EACCES, ENOSYS = 13, 38
AF_UNIX = 1
NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 1, 38, 22, 2

# call -> its number on x86_64 and on aarch64 (asm/unistd_64.h, asm-generic/unistd.h); None where it does not exist
SOCKET, SOCKETPAIR, CLONE, CLONE3, EXECVE = (41, 198), (53, 199), (56, 220), (435, 435), (59, 221)
NEVER: dict[str, tuple[int | None, int | None]] = {
    "execveat": (322, 281),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "personality": (135, 92),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, k: struct sock_filter


class RefusedError(Exception):
    """The process cannot be confined; nothing may be started."""


def filter_program(machine: str, *, path_at: int | None, may_connect: bool = False) -> list[Instruction]:
    """Return the seccomp filter for ``machine`` (``x86_64`` or ``aarch64``) as instructions of classic BPF.

    ``path_at`` is the address of the one path that `execve` may be called with (the program starts with a fresh
    address space, in which that address means nothing); None allows every program. ``may_connect`` leaves sockets of
    every family. Calls by another architecture's ABI, or by x32, are refused whatever they are.
    """
    if machine not in NATIVE:
        raise RefusedError(f"no seccomp filter is known for {machine}")
    column = 0 if machine == "x86_64" else 1
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, NATIVE[machine]),
        (RETURN, 0, 0, FAIL | EACCES),
        (LOAD, 0, 0, NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(AND_ANY, 0, 1, X32), (RETURN, 0, 0, FAIL | EACCES)]
    for numbers in NEVER.values():
        number = numbers[column]
        if number is not None:
            program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, FAIL | EACCES)]
    # glibc falls back to clone, whose flags can be looked at
    program += [(EQUAL, 0, 1, CLONE3[column]), (RETURN, 0, 0, FAIL | ENOSYS)]
    program += _when(CLONE[column], [(AND_ANY, 1, 0, NEW_NAMESPACES)])
    if not may_connect:
        for call in (SOCKET, SOCKETPAIR):
            program += _when(call[column], [(EQUAL, 0, 1, AF_UNIX)])
    if path_at is not None:
        low, high = path_at & 0xFFFFFFFF, path_at >> 32
        check = [(EQUAL, 0, 3, low), (LOAD, 0, 0, ARGUMENTS_AT + 4), (EQUAL, 0, 1, high)]
        program += _when(EXECVE[column], check)
    return [*program, (RETURN, 0, 0, ALLOW)]


def _when(number: int, check: list[Instruction]) -> list[Instruction]:
    """Return what decides about the call ``number`` by its first argument's low word.

    ``check`` is followed by the answers allow (where it falls through) and refuse (one further).
    """
    answers = [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, FAIL | EACCES)]
    block = [(LOAD, 0, 0, ARGUMENTS_AT), *check, *answers]
    return [(EQUAL, 0, len(block), number), *block]


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _packed(program: list[Instruction]) -> bytes:
    return b"".join(
        code.to_bytes(2, "little") + bytes((true, false)) + k.to_bytes(4, "little") for code, true, false, k in program
    )


def _prctl(libc: ctypes.CDLL, what: str, *arguments: object) -> None:
    if libc.prctl(*arguments, *[ctypes.c_ulong(0)] * (5 - len(arguments))):
        raise RefusedError(f"{what}: {os.strerror(ctypes.get_errno())}")


def _limit(which: int, wanted: int) -> None:
    """Set a resource limit, or leave a harder one that is there."""
    _, hard = resource.getrlimit(which)
    least = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (least, least))


def confine(libc: ctypes.CDLL, given: dict[str, str], path_at: int) -> None:
    """Take away everything that the program is not to have; raise ``RefusedError`` if something stays."""
    os.umask(0o077)
    _limit(resource.RLIMIT_CORE, 0)
    for name, which in (("file", resource.RLIMIT_FSIZE), ("space", resource.RLIMIT_AS)):
        if given.get(name):
            _limit(which, int(given[name]))
    if os.geteuid() == 0:
        user, group = int(given["user"]), int(given["group"])
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    if 0 in os.getresuid():
        raise RefusedError("still root")
    _prctl(libc, "a signal when the parent ends", PR_SET_PDEATHSIG, ctypes.c_ulong(int(given["death"])))
    if os.getppid() != int(given["parent"]):
        raise RefusedError("the parent has ended")
    _prctl(libc, "no_new_privs", PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    only = None if given.get("execute") == "1" else path_at
    rules = filter_program(os.uname().machine, path_at=only, may_connect=given.get("connect") == "1")
    loaded = _Program(len(rules), _packed(rules))
    _prctl(libc, "seccomp", PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(loaded))


def main(arguments: list[str]) -> None:
    """Confine this process and become the program behind ``--``; end with status 97 if that fails."""
    split = arguments.index("--")
    given = dict(one.split("=", 1) for one in arguments[:split])
    command = [os.fsencode(part) for part in arguments[split + 1 :]]
    libc = ctypes.CDLL(None, use_errno=True)
    path = ctypes.create_string_buffer(command[0])
    parts = (ctypes.c_char_p * (len(command) + 1))(*command, None)
    libc.unsetenv(b"LD_LIBRARY_PATH")  # this Python's own libraries are nothing to the program
    environment = ctypes.c_void_p.in_dll(libc, "environ")
    try:
        confine(libc, given, ctypes.addressof(path))
        libc.execve(ctypes.c_void_p(ctypes.addressof(path)), parts, environment)
        raise RefusedError(f"{os.fsdecode(command[0])}: {os.strerror(ctypes.get_errno())}")
    except (RefusedError, OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        sys.stderr.flush()
        os._exit(REFUSED)


if __name__ == "__main__":
    main(sys.argv[1:])
