"""What a server uses: memory of its processes, and room on disk, read from Linux.

Memory is the sum of proportional set sizes (PSS, proc_pid_smaps(5)): each page is counted once, however many
processes share it, so that the sum says what the machine has less of. Where another user's page tables may not be read
(root in a container without CAP_SYS_PTRACE), the private pages of each process and the largest shared part stand in,
which is a little more.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

KILOBYTE = 1_024


def process_tree(root: int) -> list[int]:
    """Return the ids of a process of one thread and of all that descend from it; empty when it has ended."""
    found = [root] if _parent(root) else []
    if not os.path.exists(f"/proc/{root}/task/{root}/children"):  # a kernel built without CONFIG_PROC_CHILDREN
        children = _all_children()
        for process in found:  # grows while it is walked
            found += children[process]
        return found
    for process in found:
        found += _children(process)
    return found


def memory_bytes(processes: Iterable[int]) -> int:
    """Return the memory that the processes use together; those that have ended count nothing."""
    total = largest_shared = 0
    for process in processes:
        try:
            total += _field(f"/proc/{process}/smaps_rollup", "Pss:")
        except PermissionError:
            private, shared = _private_and_shared(process)
            total += private
            largest_shared = max(largest_shared, shared)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total + largest_shared


def disk_bytes(folder: Path) -> int:
    """Return the room that a folder takes on its disk, in whole blocks; files that vanish meanwhile count nothing."""
    total = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += _blocks(entry) * 512
        except OSError:  # PostgreSQL removes folders while we look
            continue
    return total


def _blocks(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks
    except FileNotFoundError:
        return 0


def _children(process: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _all_children() -> dict[int, list[int]]:
    """Return the children of every process of this machine."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            children[_parent(int(name))].append(int(name))
    return children


def _parent(process: int) -> int:
    """Return the id of a process's parent; 0 for one that has ended, or has ended and waits to be buried."""
    try:
        status = Path(f"/proc/{process}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    state, parent = status[status.rindex(b")") + 2 :].split()[:2]  # a name may hold blanks and brackets
    return 0 if state == b"Z" else int(parent)


def _private_and_shared(process: int) -> tuple[int, int]:
    path = f"/proc/{process}/status"
    try:
        return _field(path, "RssAnon:"), _field(path, "RssShmem:") + _field(path, "RssFile:")
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0


def _field(path: str, name: str) -> int:
    """Return the bytes of a line like ``Pss:   1234 kB``; 0 where a kernel does not write it."""
    with open(path, encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith(name):
                return int(line.split()[1]) * KILOBYTE
    return 0
