"""`make stop`: end exactly what `make run` started; the state stays. `python -m local.stop [--state-dir DIR]`."""

import argparse
from pathlib import Path

from local.processes import Identity, end_group, is_alive
from local.state import TOOLS, StateDir
from local.supervisor import end_recorded

PATIENCE_S = 60.0


def stop(state: StateDir) -> bool:
    """End the local cloud of ``state``; return whether anything was running."""
    recorded = state.read("supervisor")
    running = False
    if recorded:
        supervisor = Identity(**recorded)
        running = is_alive(supervisor)
        end_group(supervisor, PATIENCE_S)
        state.remove("supervisor")
    running = running or bool(state.read("processes"))
    end_recorded(state)
    return running


def main() -> None:
    """Stop the local cloud named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=TOOLS)
    state = StateDir(parser.parse_args().state_dir.resolve())
    print("The local cloud has ended, its state is kept." if stop(state) else "Nothing was running.")


if __name__ == "__main__":
    main()
