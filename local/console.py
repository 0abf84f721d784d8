"""What `make run` says: one line per step, with elapsed time, and what to do when a step fails."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

console = Console(highlight=False)
PLAIN_INTERVAL_S = 15.0


class StepFailedError(Exception):
    """A step failed: what, where its log is, and what to do."""

    def __init__(self, what: str, *, log: Path | None = None, advice: str) -> None:
        super().__init__(what)
        self.log = log
        self.advice = advice

    def show(self) -> None:
        """Print the failure and the end of its log."""
        console.print(f"[bold red]Failed:[/] {self}")
        if self.log and self.log.exists():
            tail = self.log.read_text(errors="replace").splitlines()[-15:]
            console.print("\n".join(f"  | {line}" for line in tail), markup=False)
            console.print(f"Log: {self.log}", markup=False)
        console.print(f"What to do: {self.advice}", markup=False)


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show ``title`` and the elapsed time while the block runs, and one line when it is done.

    What is called with a text shows that text behind the title: how far it is.
    """
    started = time.monotonic()
    done = threading.Event()
    notes = [""]
    ticker = threading.Thread(target=_tick, args=(title, notes, started, done), daemon=True)
    ticker.start()
    try:
        yield lambda note: notes.__setitem__(0, f", {note}")
    except BaseException:  # the line must end whatever happened; it is raised again
        done.set()
        ticker.join()
        console.print(f"[red]✗[/] {title} ({time.monotonic() - started:.1f} s)")
        raise
    done.set()
    ticker.join()
    console.print(f"[green]✓[/] {title}{notes[0]} ({time.monotonic() - started:.1f} s)")


def _tick(title: str, notes: Sequence[str], started: float, done: threading.Event) -> None:
    """Keep the elapsed time visible: a spinner on a terminal, a line now and then elsewhere."""
    if not console.is_terminal:
        while not done.wait(PLAIN_INTERVAL_S):
            console.print(f"  {title}{notes[0]} ... {time.monotonic() - started:.0f} s")
        return
    with console.status(title) as status:
        while not done.wait(0.2):
            status.update(f"{title}{notes[0]} ({time.monotonic() - started:.0f} s)")


def run_logged(
    command: Sequence[str | Path], *, log: Path, what: str, advice: str, env: Mapping[str, str], cwd: Path
) -> None:
    """Run ``command`` with its output in ``log``.

    Raises
    ------
    StepFailedError
        If it does not end with status 0.
    """
    with log.open("ab") as output:
        output.write(f"$ {' '.join(str(part) for part in command)}\n".encode())
        output.flush()
        status = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            check=False,
        ).returncode
    if status != 0:
        raise StepFailedError(f"{what} (exit status {status})", log=log, advice=advice)
