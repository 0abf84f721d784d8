"""Lists the processes that run from this checkout or a folder of its tests; given a former list, fails on new ones.

Linux only (/proc): where there is none it says so and finds nothing.
"""

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROC = Path("/proc")
PATIENCE_S = 5.0


def ancestors() -> set[int]:
    """Return this process and those that started it."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        pid = int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def ours() -> dict[str, str]:
    """Return the command of each process of ours, by pid and start time."""
    found = {}
    own = ancestors()
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            directory = os.readlink(entry / "cwd")
            started = (entry / "stat").read_text().rpartition(")")[2].split()[19]
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if str(ROOT) in command or directory.startswith(str(ROOT)) or "opsloop-e2e-" in command + directory:
            found[f"{entry.name}/{started}"] = command
    return found


def main() -> int:
    """Print the list, or compare it with the one in the file named."""
    if not (PROC / "self").exists():
        print("no /proc here: processes are not checked", file=sys.stderr)
        return 0
    if len(sys.argv) < 2:
        print("\n".join(ours()))
        return 0
    before = set(Path(sys.argv[1]).read_text().split())
    deadline = time.monotonic() + PATIENCE_S
    while (left := {key: command for key, command in ours().items() if key not in before}) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.2)
    for key, command in left.items():
        print(f"left behind: process {key.partition('/')[0]}: {command}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
