"""Folders of servers in the temporary folder: what is written there, and what those that were killed leave there."""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

from opsloop.adapters.postgres_sandbox import runs_as

PREFIX = "opsloop-server-"  # of their names


def remove_stale(temporary: Path) -> None:
    """Remove folders of servers whose process has ended without removing them, as a killed Lambda leaves them."""
    for folder in temporary.glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / "lock").open("r+") as lock:
            if folder.lstat().st_uid not in (os.geteuid(), runs_as()[0]):
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def closed_above(folder: Path) -> Path | None:
    """Return the nearest folder above that not everybody may enter, None if there is none."""
    return next((one for one in folder.resolve().parents if not one.stat().st_mode & 0o001), None)


def write(path: Path, content: str) -> None:
    """Write a file that the user who runs PostgreSQL alone can read."""
    path.touch(mode=0o600)
    os.chown(path, *runs_as())
    path.write_text(content, encoding="utf-8")
