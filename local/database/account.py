"""Under whose name the server runs: PostgreSQL refuses root, so a root becomes ``nobody`` first."""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

NOBODY = 65534
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2  # linux/prctl.h
CAP_DAC_OVERRIDE, CAPABILITY_VERSION_3 = 1, 0x20080522  # linux/capability.h


def owner(uid: int | None = None) -> tuple[int, int] | None:
    """Return the user and group that the server's files belong to; None where that is who we are."""
    return (NOBODY, NOBODY) if (os.geteuid() if uid is None else uid) == 0 else None


def is_reachable(path: Path) -> bool:
    """Return whether everybody may go to ``path``; the home of root, for one, is closed."""
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents])


def drop(*needed: Path) -> Callable[[], None] | None:
    """Return what a new process calls before it becomes the server; None if it may stay who it is.

    Where one of the folders ``needed`` lies behind a door that is closed to ``nobody``, the process keeps the right to
    go through it, and no other right of root's.
    """
    who = owner()
    if who is None:
        return None
    is_closed = sys.platform == "linux" and not all(is_reachable(path) for path in needed)
    libc = ctypes.CDLL(None, use_errno=True)  # loaded here: the new process should do as little as possible

    def become_nobody() -> None:
        if is_closed:
            _call(libc, "prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setresgid(who[1], who[1], who[1])
        os.setresuid(who[0], who[0], who[0])
        if is_closed:
            one = 1 << CAP_DAC_OVERRIDE
            header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
            sets = (ctypes.c_uint32 * 6)(one, one, one, 0, 0, 0)  # effective, permitted, inheritable; low, then high
            _call(libc, "capset", header, sets)
            _call(libc, "prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)

    return become_nobody


def _call(libc: ctypes.CDLL, name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)
