"""`make run`: bring the local cloud up, deploy, start the demo, and show that the counts agree.

`python -m local.run [--state-dir DIR] [--no-demo]`; every step is skipped when its result is already there.
"""

import argparse
import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.console import StepFailedError, console
from local.state import LOOPBACK, REGION, TOOLS, StateDir, remembered_ports
from local.steps import (
    backups,
    channels,
    cloud,
    compare,
    databases,
    deploy,
    history,
    keys,
    report,
    schedule,
    search,
    story,
    tools,
)

TOLD_SUFFIXES = ("Table", "Bucket", "Name", "Id")  # of outputs; ApiUrl is the door's business here
FUNCTION_SUFFIX = "Function"


def describe(state: StateDir, tokens: dict[str, str]) -> dict[str, Any]:
    """Return the content of `stack.json`: everything a script needs, so that it need not parse text."""
    ports, outputs = remembered_ports(state), deploy.outputs(state)
    functions = {
        snake_case(name.removesuffix(FUNCTION_SUFFIX)): value
        for name, value in sorted(outputs.items())
        if name.endswith(FUNCTION_SUFFIX)
    }
    names = {snake_case(name): value for name, value in sorted(outputs.items()) if name.endswith(TOLD_SUFFIXES)}
    addresses = {"api_url": ports.door_url, "aws_endpoint_url": ports.aws_url, "region": REGION}
    addresses["search_endpoint"] = search.told(state)
    return {**addresses, **tokens, **names, "functions": functions}


def snake_case(camel: str) -> str:
    """Return ``TelemetryFold`` as ``telemetry_fold``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel).lstrip("_")


def up(state: StateDir, *, with_demo: bool = False) -> dict[str, Any]:
    """Bring the cloud up with everything deployed; return the content of `stack.json`.

    The demo is not started, only its database, ``with_demo``: it is filled while the stacks are deployed.
    """
    stays = demo_services(state)
    tools.ensure_cdk(state)
    asked = (*search.services(state), "sink", "cloud", "pump")
    cloud.ensure_running(state, *asked, *(stays or ([databases.SERVICE] if with_demo else [])))
    search.wait_until_ready(state)
    deploy.ensure_deployed(state)
    channels.ensure_channels(state)
    stack = describe(state, keys.ensure_keys(state))
    state.write("stack", stack)
    schedule.catch_up(state)
    return stack


def demo_services(state: StateDir) -> list[str]:
    """Return the services of a demo that runs with its database, so that they go on; none of one that does not."""
    wanted = state.read("wanted").get("services", [])
    both = [databases.SERVICE, "demo"]
    return both if cloud.is_supervised(state) and set(both) <= set(wanted) else []


@contextmanager
def alone(state: StateDir) -> Iterator[None]:
    """Keep a second run of the same state directory out."""
    state.root.mkdir(parents=True, exist_ok=True)
    with (state.root / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StepFailedError(
                f"another run works in {state.root}", advice="wait for it to end, then run this again"
            ) from error
        yield


def run(state: StateDir, *, with_demo: bool, with_story: bool = True, search_in: str = "") -> int:
    """Do it all; return the exit status."""
    started = time.monotonic()
    with alone(state):
        search.choose(state, search_in)
        stack = up(state, with_demo=with_demo)
        is_equal = True
        if with_demo:
            databases.ensure_secrets(state, databases.wait_until_filled(state))
            history.ensure_history(state)
            story.learn(state)
            cloud.want(state, *search.services(state), databases.SERVICE, "sink", "cloud", "pump", "demo")
            backups.begin(state)
            comparison = compare.wait_for_comparison(state)
            is_equal = comparison is None or comparison.is_equal
            report.show_comparison(comparison)
        report.show_addresses(stack, str(state.root))
        if with_demo:
            backups.show(state)
        if with_demo and with_story:
            story.show(state)
    console.print(f"Up in {time.monotonic() - started:.0f} s. `make logs` follows it, `make stop` ends it.")
    return 0 if is_equal else 1


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--state-dir", type=Path, default=TOOLS, help="where this local cloud lives (%(default)s)")
    parser.add_argument("--no-demo", action="store_true", help="deploy only: no demo, no comparison")
    parser.add_argument("--search", choices=search.KINDS, default="", help="where to search (as before, or embedded)")
    parser.add_argument("--no-story", action="store_true", help="no fault in the demo at the end")
    options = parser.parse_args()
    try:
        sys.exit(
            run(
                StateDir(options.state_dir.resolve()),
                with_demo=not options.no_demo,
                with_story=not options.no_story,
                search_in=options.search,
            )
        )
    except StepFailedError as failure:
        failure.show()
        sys.exit(1)
    except KeyboardInterrupt:
        console.print(f"Interrupted. What already runs on {LOOPBACK} goes on; `make stop` ends it.")
        sys.exit(130)


if __name__ == "__main__":
    main()
