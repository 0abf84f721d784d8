"""Progress of long work on stderr: bars where somebody watches, nothing where nobody does."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

NAMES = {
    "facts": "Counting rows",
    "dump": "Dumping",
    "download": "Downloading",
    "make": "Making dumps that are bad",
    "drill": "Trying each of them",
    "create": "Making the database",
    "analyze": "Counting values for the planner",
    "read": "Reading",
    "inspect": "Inspecting",
    "start": "Starting PostgreSQL",
    "restore": "Restoring",
    "compare": "Comparing",
    "check": "Checking",
    "assert": "Asserting",
}


class Bars:
    """One bar for each step, in the order in which they begin; a bar's length is in the step's own unit."""

    def __init__(self, progress: "Progress | None") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def told(self, step: str, done: float, total: float = 0.0) -> None:
        """Show that ``done`` of ``total`` of a step is done; 0 of 0 where that is not known."""
        if self._progress is None:
            return
        if step not in self._tasks:
            for task in self._tasks.values():
                self._progress.update(task, total=1.0, completed=1.0)
            self._tasks[step] = self._progress.add_task(NAMES.get(step, step), total=None)
        self._progress.update(self._tasks[step], completed=done, total=total or None)

    def remark(self, step: str, text: str) -> None:
        """Show what a step is at now."""
        if self._progress is not None and step in self._tasks:
            self._progress.update(self._tasks[step], description=f"{NAMES.get(step, step)} {text}"[:60])


@contextmanager
def bars() -> Iterator[Bars]:
    """Return bars on stderr while the block runs; they vanish afterwards. Not a terminal: no bars."""
    if not sys.stderr.isatty():
        yield Bars(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        yield Bars(progress)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the block as Ctrl-C does: what it made half is removed, what it
    started is ended."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heard = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]  # nohup
    try:
        earlier = {one: signal.signal(one, stop) for one in heard}
    except ValueError:  # not in the main thread: whoever runs us there stops us
        yield
        return
    try:
        yield
    finally:
        for one, handler in earlier.items():
            signal.signal(one, handler)
