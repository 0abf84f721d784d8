"""Where tests make their folders: in memory where there is room for them, else where the machine wants them.

They make and remove some hundred thousand small files, many of them databases'. A file system can look through all
that were removed in the last minutes for each new one (ext4 without a journal does), which costs more than the tests.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

GIBIBYTE = 1 << 30
ROOM_BYTES = 8 * GIBIBYTE  # some twice what a whole run holds at once
PREFIX = "ops-"  # short: paths of Unix sockets have 107 bytes


def use_memory(mount: Path = Path("/dev/shm"), meminfo: Path = Path("/proc/meminfo")) -> Path | None:
    """Make a folder in ``mount`` this process's temporary folder and that of those it starts; None where it cannot be.

    The folder goes when this process ends; those of processes that were killed go first.
    """
    if "TMPDIR" in os.environ or not _has_room(mount, meminfo):
        return None
    for left in mount.glob(f"{PREFIX}*"):
        if left.lstat().st_uid == os.geteuid() and not Path("/proc", left.name.removeprefix(PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = mount / f"{PREFIX}{os.getpid()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)  # who restores dumps is another user
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    return folder


def _has_room(mount: Path, meminfo: Path) -> bool:
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        free, flags = _free(mount), os.statvfs(mount).f_flag
    except (OSError, ValueError):  # not Linux
        return False
    available = int(lines.get("MemAvailable", "0 kB").split()[0]) * 1_024
    is_usable = not flags & os.ST_NOEXEC and os.access(mount, os.W_OK)
    return is_usable and free >= ROOM_BYTES and available >= 2 * ROOM_BYTES


def _free(mount: Path) -> int:
    found = os.statvfs(mount)
    return found.f_bavail * found.f_frsize
