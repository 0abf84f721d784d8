"""`make logs`: follow the processes and what the functions print."""

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from local.console import console
from local.state import TOOLS, StateDir

COLOURS = {
    "supervisor": "magenta",
    "cloud": "cyan",
    "functions": "white",
    "pump": "yellow",
    "database": "bright_blue",
    "demo": "green",
    "sink": "blue",
}
TAIL_BYTES = 4000
POLL_S = 0.3


@dataclass
class Tail:
    """The end of one log file, followed through its replacement."""

    name: str
    path: Path
    position: int = -1
    rest: bytes = field(default=b"")

    def lines(self) -> list[str]:
        """Return the complete lines that were written since the last call."""
        if not self.path.exists():
            return []
        size = self.path.stat().st_size
        if self.position < 0:
            self.position = max(0, size - TAIL_BYTES)
        elif size < self.position:
            self.position, self.rest = 0, b""  # a new file
        with self.path.open("rb") as log:
            log.seek(self.position)
            fresh = self.rest + log.read()
            self.position = log.tell()
        *complete, self.rest = fresh.split(b"\n")
        return [line.decode(errors="replace") for line in complete]


def follow(state: StateDir) -> None:
    """Print what the logs say until interrupted."""
    tails = [Tail(name, state.log(name)) for name in COLOURS]
    while True:
        for tail in tails:
            for line in tail.lines():
                console.print(f"[{COLOURS[tail.name]}]{tail.name:>10}[/] ", end="")
                console.print(line, markup=False, soft_wrap=True)
        time.sleep(POLL_S)


def main() -> None:
    """Follow the logs of the state directory named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=TOOLS)
    try:
        follow(StateDir(parser.parse_args().state_dir.resolve()))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
