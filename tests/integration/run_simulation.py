"""`python -m tests.integration.run_simulation --schedules 3000`: the simulation at length, and a table of it.

It ends with status 1 and the seeds if one schedule comes to a wrong end.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the layers are put on the path when the command runs
    from tests.integration.telemetry_simulation import Environments

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 50
Outcome = tuple[Counter[str], dict[int, list[str]]]
"""What happened, and what was wrong at the end by seed."""


def main() -> int:
    """Run the schedules on all processors and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.run_simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first schedule")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    end = options.first + options.schedules
    chunks = [range(first, min(first + CHUNK, end)) for first in range(options.first, end, CHUNK)]
    events, wrong, started = Counter[str](), dict[int, list[str]](), time.monotonic()
    with catalog(), multiprocessing.get_context("fork").Pool(options.processes) as pool:
        for happened, faults in pool.imap_unordered(run, chunks):
            events += happened
            wrong |= faults
    print_table(events, options.schedules, wrong, time.monotonic() - started)
    return 1 if wrong else 0


@contextmanager
def catalog() -> Iterator[None]:
    """Put a small catalog where the handlers look for the compiled one."""
    from tests.integration.conftest import CATALOG

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "opsloop_catalog"
        folder.mkdir()
        (folder / "__init__.py").write_text('"""The compiled catalog."""\n')
        (folder / "catalog.json").write_text(json.dumps(CATALOG))
        sys.path[:0] = [place, str(ROOT / "layers/core/python")]
        yield


@cache
def environments() -> "Environments":
    """Return the handlers, loaded once per process."""
    from tests.integration.telemetry_worlds import ENVIRONMENT, environments_of

    os.environ.update(ENVIRONMENT)
    return environments_of(load)


def load(name: str) -> ModuleType:
    """Return the function's module, imported afresh."""
    path = ROOT / "functions" / name / "handler.py"
    spec = importlib.util.spec_from_file_location(f"{name}_handler", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def run(seeds: range) -> Outcome:
    """Run the schedules of ``seeds``."""
    from tests.integration.telemetry_simulation import World

    events, wrong = Counter[str](), dict[int, list[str]]()
    for seed in seeds:
        world = World(seed, environments())
        world.run()
        events += world.events + world.truth.events
        events += world.summary()
        if faults := world.faults():
            wrong[seed] = faults
    return events, wrong


def print_table(events: Counter[str], schedules: int, wrong: dict[int, list[str]], seconds: float) -> None:
    """Print what happened, most often first, and how many schedules ended exact."""
    width = max(map(len, events))
    for name, count in sorted(events.items(), key=lambda item: -item[1]):
        print(f"  {name:{width}} {count:>9,}")
    print(f"{schedules:,} schedules in {seconds:.0f} s, exact: {schedules - len(wrong):,}, wrong: {len(wrong):,}")
    for seed, faults in sorted(wrong.items())[:20]:
        print(f"  seed {seed}: {', '.join(faults)}")


if __name__ == "__main__":
    sys.exit(main())
