"""Waiting until the KPI API counts what the demo sent: the proof at the end of `make run`."""

import time
from dataclasses import dataclass
from typing import Any

from local.console import StepFailedError, step
from local.demo.compare import Line, fetcher
from local.demo.compare import compare as compare_lines
from local.state import StateDir
from local.steps.http import get_json

PATIENCE_S = 300.0
POLL_S = 1.0
ENOUGH_REQUESTS = 100


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
class Span:
    """The minutes [first, end) of one demo that can be compared; ``is_running``: it still answers."""

    first_minute: int
    end_minute: int
    is_running: bool


def running_truth(state: StateDir) -> dict[str, Any] | None:
    """Return what the running demo has counted, None while it starts."""
    address = state.read("demo").get("truth_url")
    try:
        return get_json(address) if address else None
    except OSError:
        return None


def comparable_span(state: StateDir, now_s: float, *, is_first_demo: bool) -> Span | None:
    """Return the minutes that can be compared now, None if there are none yet.

    The running demo's, or, while it is too young, those of the one before, which wrote its counts down when it was
    stopped: that shows at once that nothing was lost on the way. The minute in which a demo starts counts too when
    nobody can have sent anything before it, and when enough of that minute was left.
    """
    running, end = running_truth(state), int(now_s // 60)
    if running:
        first = running["started_minute"] if is_first_demo else running["complete_from"]
        if end > first and sum_of_requests(running, end) >= ENOUGH_REQUESTS:
            return Span(first, end, is_running=True)
    former = state.read("demo-truth")
    if former:
        last = max(map(int, former["minutes"]), default=0)  # a demo that starts again may send into this one too
        if last > former["complete_from"]:
            return Span(former["complete_from"], last, is_running=False)
    return None


def sum_of_requests(counts: dict[str, Any], end: int) -> int:
    """Return how many requests the demo counted before the minute ``end``."""
    return sum(
        tally["requests"]
        for minute, services in counts["minutes"].items()
        if int(minute) < end
        for operations in services.values()
        for tally in operations.values()
    )


def compare(state: StateDir, span: Span) -> Comparison | None:
    """Return the demo's counts beside the API's, None if the demo does not answer.

    Its counts are read anew each time: a request belongs to the minute of its start, but is counted at its end.
    """
    counts = running_truth(state) if span.is_running else state.read("demo-truth")
    if counts is None:
        return None
    stack = state.read("stack")
    fetch = fetcher(stack["api_url"], stack["read_key"])
    lines = compare_lines({**counts, "complete_from": span.first_minute}, fetch, end_minute=span.end_minute)
    return Comparison(lines, span.first_minute, span.end_minute)


def wait_for_span(state: StateDir, deadline: float, *, is_first_demo: bool) -> Span:
    """Wait until the demo has counted a minute that can be compared."""
    while time.monotonic() < deadline:
        span = comparable_span(state, time.time(), is_first_demo=is_first_demo)
        if span:
            return span
        time.sleep(POLL_S)
    raise StepFailedError(
        "the demo counts nothing", log=state.log("demo"), advice="read the log; `make run` tries again"
    )


def wait_for_comparison(state: StateDir, *, is_first_demo: bool) -> Comparison:
    """Wait until the API agrees with the demo about its minutes so far.

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
    with step("Waiting until a minute of the demo is over"):
        span = wait_for_span(state, deadline, is_first_demo=is_first_demo)
    latest, trouble = None, "every count is zero"
    with step("Waiting until the KPI API counts it"):
        while time.monotonic() < deadline:
            try:
                latest = compare(state, span) or latest
            except OSError as error:
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
