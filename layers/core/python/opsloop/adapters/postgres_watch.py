"""A thread that looks at what a server uses, and stops it when it passes a bound."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from opsloop.adapters.postgres_settings import Limits
from opsloop.adapters.postgres_usage import disk_bytes, memory_bytes, process_tree
from opsloop.dataclass import dataclass
from opsloop.errors import PermanentError

EVERY_S = 0.5  # counting the memory of ten processes takes some milliseconds of a processor
DISK_EVERY = 2  # looks; walking a folder of many tables takes longer


@dataclass(frozen=True)
class Passed:
    """A bound that was passed. ``what`` is ``memory`` or ``disk`` (bytes), or ``time`` (seconds)."""

    what: str
    used: float
    allowed: float

    def __str__(self) -> str:
        """Return a clause for people, without a full stop."""
        if self.what == "time":
            return f"it took longer than the {self.allowed:.0f} s that it may"
        used, allowed = self.used / 1_048_576, self.allowed / 1_048_576
        return f"it used {used:,.0f} MiB of {self.what}, and may use {allowed:,.0f}"


class LimitPassedError(PermanentError):
    """The server was stopped because it passed a bound. ``passed`` says which."""

    status = 507
    title = "Too large to restore here"

    def __init__(self, passed: Passed) -> None:
        super().__init__(f"PostgreSQL was stopped: {passed}")
        self.passed = passed


class Watcher:
    """Looks twice a second at the server whose first process is ``process``, until ``end``.

    ``stop`` is called once, from this thread, when a bound is passed; ``passed`` says which from then on. The peaks
    are in bytes; memory includes this process's own.
    """

    def __init__(
        self, process: int, folder: Path, limits: Limits, stop: Callable[[], None], *, every_s: float = EVERY_S
    ) -> None:
        self.passed: Passed | None = None
        self.peak_memory_bytes = 0
        self.peak_disk_bytes = 0
        self._process, self._folder, self._limits, self._stop = process, folder, limits, stop
        self._every_s = every_s
        self._started_s = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="postgres-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Stop looking; returns when the thread has ended."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def look(self, *, at_disk: bool = True) -> Passed | None:
        """Look once; return the bound that is passed, if one is."""
        memory = memory_bytes([*process_tree(self._process), os.getpid()])
        self.peak_memory_bytes = max(self.peak_memory_bytes, memory)
        if memory > self._limits.memory_bytes:
            return Passed("memory", memory, self._limits.memory_bytes)
        if at_disk:
            disk = disk_bytes(self._folder)
            self.peak_disk_bytes = max(self.peak_disk_bytes, disk)
            if disk > self._limits.disk_bytes:
                return Passed("disk", disk, self._limits.disk_bytes)
        lived_s = time.monotonic() - self._started_s
        return Passed("time", lived_s, self._limits.lifetime_s) if lived_s > self._limits.lifetime_s else None

    def _run(self) -> None:
        looks = 0
        while not self._ended.wait(self._every_s):
            looks += 1
            self.passed = self.look(at_disk=looks % DISK_EVERY == 0)
            if self.passed is not None:
                self._stop()
                return
