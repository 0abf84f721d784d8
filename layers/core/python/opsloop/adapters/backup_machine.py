"""The machine that a proof runs on: its disk, its memory, the time that is left, and how to ask for a larger one."""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from opsloop.backup.stores import Job
from opsloop.backup.wanted import MIB, Limits

SPARE_DISK, SPARE_MEMORY = 256 * MIB, 384 * MIB  # for everything but PostgreSQL
PREFIX = "opsloop-dump-"  # of the folders that dumps are put into
MOST_NAME_BYTES = 200  # a file system takes 255
YOUNG_S = 60.0  # a folder may not be locked yet
SPARE_S = 45.0  # to write the verdict, and for the next attempt to find the disk empty


class Machine:
    """Implements ``opsloop.backup.stores.Workshop``.

    ``left_s`` tells how long this process may still run. ``ask`` starts a larger machine for a job and its attempt, and
    is None where there is none, or where this is it (``is_runner``).
    """

    def __init__(
        self,
        where: str,
        *,
        memory_bytes: int,
        left_s: Callable[[], float],
        lease_s: float,
        is_runner: bool = False,
        ask: Callable[[Job, int], None] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.where, self.is_runner, self.lease_s = where, is_runner, lease_s
        self._memory, self._left_s, self._ask = memory_bytes, left_s, ask
        self._folder = folder or Path(tempfile.gettempdir())

    def limits(self, dump_bytes: int) -> Limits | None:
        """Return what there is beside a dump of that size (bytes); None: not even that has room."""
        room = shutil.disk_usage(self._folder).free - dump_bytes - SPARE_DISK
        if room <= 0:
            return None
        seconds = max(1.0, self._left_s() - SPARE_S)
        memory = max(SPARE_MEMORY, self._memory - SPARE_MEMORY)
        return Limits(seconds=seconds, statement_s=seconds, disk_bytes=room, memory_bytes=memory)

    @contextmanager
    def file(self, name: str) -> Iterator[tuple[Path, BinaryIO]]:
        """Return a path that ends in ``name`` and the file open for writing under it, both gone at the end."""
        self._sweep()
        with (
            tempfile.TemporaryDirectory(dir=self._folder, prefix=PREFIX) as folder,
            _lock(Path(folder)).open("wb") as held,
        ):
            fcntl.flock(held, fcntl.LOCK_EX)
            path = Path(folder) / name.replace("\0", "_").encode()[-MOST_NAME_BYTES:].decode(errors="ignore")
            with path.open("wb") as file:
                yield path, file

    def _sweep(self) -> None:
        """Remove what workers left that were killed: Lambda hands the next one the same disk."""
        for folder in self._folder.glob(f"{PREFIX}*"):
            with suppress(OSError):  # it is gone, or somebody works in it
                if time.time() - folder.stat().st_mtime < YOUNG_S:
                    continue
                with _lock(folder).open("ab") as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)

    def ask_larger(self, job: Job, attempt: int) -> bool:
        """Have a larger machine do the job; return False where there is none."""
        if self._ask is None:
            return False
        self._ask(job, attempt)
        return True


def _lock(folder: Path) -> Path:
    return folder / ".lock"
