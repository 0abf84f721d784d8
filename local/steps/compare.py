"""Waiting until the KPI API counts what the demo sent: the proof at the end of `make run`."""

import time
from dataclasses import dataclass
from typing import Any

from local.console import StepFailedError, step
from local.demo.compare import Line, fetcher, unacknowledged
from local.demo.compare import compare as compare_lines
from local.state import StateDir
from local.steps.http import get_json

PATIENCE_S = 300.0
PATIENCE_ON_RESUME_S = 15.0  # then a comparison was seen before, and people wait for the addresses
POLL_S = 1.0
ENOUGH_REQUESTS = 60
FIRST_DEMO = "first-demo"


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


def comparable_span(state: StateDir, now_s: float) -> Span | None:
    """Return the minutes that can be compared now, None if there are none yet.

    The running demo's, or, while it is too young, those of the one before, which wrote its counts down when it was
    stopped: that shows at once that nothing was lost on the way.
    """
    running, end = running_truth(state), int(now_s // 60)
    if running:
        first = first_minute(state, running)
        if end > first and sum_of_requests(running, end) >= ENOUGH_REQUESTS:
            return Span(first, settled(first, end), is_running=True)
    former = state.read("demo-truth")
    if former and not unacknowledged(former):  # one that was stopped while the cloud was down took telemetry along
        last = max(map(int, former["minutes"]), default=0)  # a demo that starts again may send into this one too
        first = first_minute(state, former)
        if last > first:
            return Span(first, settled(first, last), is_running=False)
    return None


def first_minute(state: StateDir, counts: dict[str, Any]) -> int:
    """Return the first minute that the demo with these counts can be held to.

    A demo counts its first minute from somewhere in the middle. The very first demo of a cloud can be held to it all
    the same, for nobody can have sent anything before; which one that was is remembered here.
    """
    if not state.read(FIRST_DEMO):
        state.write(FIRST_DEMO, {"started_minute": counts["started_minute"]})
    is_first = state.read(FIRST_DEMO)["started_minute"] == counts["started_minute"]
    return int(counts["started_minute"] if is_first else counts["complete_from"])


def settled(first: int, end: int) -> int:
    """Return ``end`` without its last minute, which may not be folded yet, if another one is left."""
    return max(first + 1, end - 1)


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


def wait_for_span(state: StateDir, deadline: float, *, resumes: bool) -> Span | None:
    """Wait until the demo has counted a minute that can be compared; where ``resumes``, not for long: None then."""
    patient_until = min(deadline, time.monotonic() + PATIENCE_ON_RESUME_S) if resumes else deadline
    while time.monotonic() < patient_until:
        span = comparable_span(state, time.time())
        if span:
            return span
        time.sleep(POLL_S)
    if resumes and running_truth(state):
        return None
    raise StepFailedError(
        "the demo counts nothing", log=state.log("demo"), advice="read the log; `make run` tries again"
    )


def wait_for_comparison(state: StateDir) -> Comparison | None:
    """Wait until the API agrees with the demo about its minutes so far.

    Returns
    -------
    Comparison or None
        Equal, or, when time is up, as it is: the table marks the lines that differ. None if the run resumes an
        earlier one and the demo has started again too lately to have a whole minute.

    Raises
    ------
    StepFailedError
        If the API never counted any of the demo's requests.
    """
    deadline, resumes = time.monotonic() + PATIENCE_S, bool(state.read(FIRST_DEMO))
    with step("Waiting until a minute of the demo is over"):
        span = wait_for_span(state, deadline, resumes=resumes)
    if span is None:
        return None
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
