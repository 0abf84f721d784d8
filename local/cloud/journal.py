"""Snapshots and a journal, so that a killed cloud has everything that it had acknowledged.

The emulator saves its state only when it ends in peace. Here a state directory holds generations::

    CURRENT            the number of the generation in force
    <n>/state/*.json   what the emulator saved when generation n began
    <n>/journal        one JSON line per acknowledged write since then

A checkpoint prepares generation n+1 completely and then replaces CURRENT, so a kill at any moment leaves
either generation whole. Lines reach the kernel before the answer leaves: they survive the death of the process,
not of the machine (no fsync: a laptop's cloud may lose its last second in a power cut).
"""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class JournalDamagedError(Exception):
    """A line inside the journal, not its torn end, cannot be read."""


class Journal:
    """Append-only file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, entry: list[Any]) -> None:
        """Hand ``entry`` to the kernel as one line, whole."""
        line = memoryview(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        while line:
            line = line[os.write(self._fd, line) :]

    @property
    def size_bytes(self) -> int:
        """Return the length of the file."""
        return os.fstat(self._fd).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def read_entries(path: Path) -> Iterator[list[Any]]:
    """Yield the entries of a journal, oldest first, and cut off a torn last line.

    Raises
    ------
    JournalDamagedError
        If a complete line is not JSON.
    """
    if not path.exists():
        return
    intact = 0
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break  # killed while writing: this was never acknowledged
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise JournalDamagedError(f"{path} is damaged at byte {intact}") from error
            yield entry
            intact += len(line)
    if intact < path.stat().st_size:
        os.truncate(path, intact)


class Generations:
    """The generations of a state directory and the journal of the one in force."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        current = root / "CURRENT"
        self.number = int(current.read_text()) if current.exists() else 0
        self._remove_others()
        self.state.mkdir(parents=True, exist_ok=True)
        self._journal: Journal | None = None
        self._lock = threading.RLock()  # threads of the emulator write too, and none may write during a checkpoint

    @property
    def state(self) -> Path:
        """Return the folder of the snapshot in force."""
        return self.root / str(self.number) / "state"

    def entries(self) -> Iterator[list[Any]]:
        """Yield what was written after the snapshot in force (before the first `append`)."""
        return read_entries(self.root / str(self.number) / "journal")

    def append(self, entry: list[Any]) -> None:
        """Write ``entry`` to the journal in force; it survives the death of this process once this returns."""
        with self._lock:
            if self._journal is None:
                self._journal = Journal(self.root / str(self.number) / "journal")
            self._journal.append(entry)

    @property
    def journal_bytes(self) -> int:
        """Return the length of what was appended to the journal in force."""
        with self._lock:
            return self._journal.size_bytes if self._journal else 0

    def checkpoint(self, save: Callable[[Path], None]) -> None:
        """Begin the next generation with the snapshot that ``save`` writes into the folder it is given.

        The caller keeps writers out meanwhile. If ``save`` raises, the generation in force stays.
        """
        with self._lock:
            following = self.root / str(self.number + 1)
            shutil.rmtree(following, ignore_errors=True)
            (following / "state").mkdir(parents=True)
            save(following / "state")
            pointer = self.root / "CURRENT.new"
            pointer.write_text(str(self.number + 1))
            pointer.replace(self.root / "CURRENT")
            if self._journal is not None:
                self._journal.close()
                self._journal = None
            self.number += 1
            self._remove_others()

    def _remove_others(self) -> None:
        for folder in self.root.iterdir():
            if folder.name.isdigit() and int(folder.name) != self.number:
                shutil.rmtree(folder, ignore_errors=True)
