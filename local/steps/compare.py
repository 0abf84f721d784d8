"""Waiting until the KPI API counts what the demo sent: the proof at the end of `make run`."""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from local.console import StepFailedError, step
from local.demo.compare import Line, fetcher
from local.demo.compare import compare as compare_lines
from local.state import StateDir
from local.steps.http import get_json

PATIENCE_S = 300.0
POLL_S = 1.0


@dataclass(frozen=True)
class Comparison:
    """What was sent and counted in the minutes [first, end) since the epoch."""

    lines: list[Line]
    first_minute: int
    end_minute: int

    @property
    def is_equal(self) -> bool:
        """Return whether there is something to compare and every line agrees."""
        return bool(self.lines) and all(line.is_equal for line in self.lines)


@dataclass(frozen=True)
class Truth:
    """The demo's own counts and the first minute after those that can be compared."""

    counts: dict[str, Any]
    end_minute: int

    @property
    def first_minute(self) -> int:
        """Return the first minute that the demo counted whole."""
        return int(self.counts["complete_from"])


def running_truth(state: StateDir) -> dict[str, Any] | None:
    """Return what the running demo has counted, None while it starts."""
    address = state.read("demo").get("truth_url")
    try:
        return get_json(address) if address else None
    except OSError:
        return None


def comparable_truth(state: StateDir, now_s: float) -> Truth | None:
    """Return counts with at least one whole minute, None if there are none yet.

    The running demo's, or, while it is too young, what the one before it wrote down when it was stopped: that
    shows at once that nothing was lost on the way.
    """
    running = running_truth(state)
    if running and int(now_s // 60) > running["complete_from"]:
        return Truth(running, int(now_s // 60))
    former = state.read("demo-truth")
    if former:
        last = max(map(int, former["minutes"]), default=0)  # a demo that starts again may send into this one too
        if last > former["complete_from"]:
            return Truth(former, last)
    return None


def compare(state: StateDir, truth: Truth) -> Comparison:
    """Return the demo's counts beside the API's."""
    stack = state.read("stack")
    lines = compare_lines(truth.counts, fetcher(stack["api_url"], stack["read_key"]), end_minute=truth.end_minute)
    return Comparison(lines, truth.first_minute, truth.end_minute)


def wait_for_truth(state: StateDir, deadline: float) -> Truth:
    """Wait until the demo has counted one whole minute."""
    while time.monotonic() < deadline:
        truth = comparable_truth(state, time.time())
        if truth:
            return truth
        time.sleep(POLL_S)
    raise StepFailedError(
        "the demo counts nothing", log=state.log("demo"), advice="read the log; `make run` tries again"
    )


def wait_for_comparison(state: StateDir) -> Comparison:
    """Wait until the API agrees with the demo about its whole minutes so far.

    Returns
    -------
    Comparison
        Equal, or, when time is up, as it is: the table marks the lines that differ.

    Raises
    ------
    StepFailedError
        If the API never counted any of the demo's requests.
    """
    deadline = time.monotonic() + PATIENCE_S
    with step("Waiting for the demo's first whole minute"):
        truth = wait_for_truth(state, deadline)
    latest, trouble = None, "every count is zero"
    with step("Waiting until the KPI API counts it"):
        while time.monotonic() < deadline:
            try:
                latest = compare(state, truth)
            except (OSError, urllib.error.HTTPError) as error:
                trouble = f"the API does not answer: {error}"
            if latest and latest.is_equal:
                return latest
            time.sleep(POLL_S)
        if latest and any(line.counted for line in latest.lines):
            return latest
        raise StepFailedError(
            f"no KPIs after {PATIENCE_S:.0f} s: {trouble}",
            log=state.log("cloud"),
            advice="`make logs` shows what the functions say; `make run` waits again",
        )
