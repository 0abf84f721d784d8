"""The demo's own counts beside what the KPI API says: the proof at the end of `make run`."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.console import StepFailedError, step
from local.state import StateDir

PATIENCE_S = 300.0
POLL_S = 1.0


@dataclass(frozen=True)
class Line:
    """One operation of one service over the compared minutes."""

    service: str
    operation: str
    sent_requests: int
    sent_errors: int
    requests: int
    errors: int

    @property
    def is_equal(self) -> bool:
        """Return whether the API counts what was sent."""
        return (self.sent_requests, self.sent_errors) == (self.requests, self.errors)


@dataclass(frozen=True)
class Comparison:
    """All lines, and the minutes that they cover (epoch minutes, the last one excluded)."""

    lines: list[Line]
    first_minute: int
    end_minute: int

    @property
    def is_equal(self) -> bool:
        """Return whether there is something to compare and every line agrees."""
        return bool(self.lines) and all(line.is_equal for line in self.lines)


def get_json(url: str, token: str | None = None) -> Any:
    """Return the JSON document at ``url``."""
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=15) as answer:
        return json.load(answer)


def sent_counts(truth: dict[str, Any], first: int, end: int) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (requests, errors) per service and operation that the demo counted in [first, end)."""
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for minute, services in truth["minutes"].items():
        if not first <= int(minute) < end:
            continue
        for service, operations in services.items():
            for operation, counts in operations.items():
                requests, errors = totals.get((service, operation), (0, 0))
                totals[service, operation] = (requests + counts["requests"], errors + counts["errors"])
    return totals


def kpi_rows(stack: dict[str, Any], service: str, operation: str, first: int, end: int) -> Iterable[dict[str, Any]]:
    """Yield the minute rows that the API has for one operation, all pages."""
    query = {
        "service": service,
        "operation": operation,
        "resolution": "minute",
        "from": datetime.fromtimestamp(first * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "to": datetime.fromtimestamp(end * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    while True:
        page = get_json(f"{stack['api_url']}/v1/kpis?{urllib.parse.urlencode(query)}", stack["read_key"])
        yield from page["rows"]
        if not page.get("next_cursor"):
            return
        query["cursor"] = page["next_cursor"]


def compare(stack: dict[str, Any], truth: dict[str, Any], first: int, end: int) -> Comparison:
    """Return what was sent and what the API says, per service and operation, over [first, end)."""
    lines = []
    for (service, operation), (requests, errors) in sorted(sent_counts(truth, first, end).items()):
        rows = list(kpi_rows(stack, service, operation, first, end))
        found = [sum(row.get(name) or 0 for row in rows) for name in ("requests", "errors")]
        lines.append(Line(service, operation, requests, errors, *found))
    return Comparison(lines, first, end)


def current_truth(state: StateDir) -> dict[str, Any] | None:
    """Return what the running demo has counted, None while it starts."""
    address = state.read("demo")
    if not address:
        return None
    try:
        truth: dict[str, Any] = get_json(f"http://127.0.0.1:{address['port']}/truth")
    except OSError:
        return None
    return truth


def comparable_truth(state: StateDir) -> tuple[dict[str, Any], int, int] | None:
    """Return the demo's counts and the whole minutes [first, end) in which they can be compared, None if none are.

    The running demo's, or, while it is too young, what the one before it wrote down when it was stopped: that
    shows at once that nothing was lost on the way.
    """
    running = current_truth(state)
    if running:
        first, end = running["complete_from"], int(time.time() // 60)
        if end > first:
            return running, first, end
    former = state.read("demo-truth")
    if former:
        first, end = former["complete_from"], max(map(int, former["minutes"]), default=0)  # its last minute was cut
        if end > first:
            return former, first, end
    return None


def try_comparison(state: StateDir) -> tuple[Comparison | None, str]:
    """Return the comparison that can be made now, and what is the matter if it is not equal."""
    found = comparable_truth(state)
    if found is None:
        return None, "the demo has no whole minute behind it"
    try:
        return compare(state.read("stack"), *found), "the API has other counts than the demo"
    except OSError as error:
        return None, f"the API does not answer: {error}"


def wait_for_comparison(state: StateDir) -> Comparison:
    """Wait until the API agrees with what the demo counted in its whole minutes.

    Raises
    ------
    StepFailedError
        If the API never has any of the demo's requests.
    """
    deadline = time.monotonic() + PATIENCE_S
    latest: Comparison | None = None
    with step("Waiting for KPIs to compare (a young demo needs one whole minute)"):
        while time.monotonic() < deadline:
            comparison, trouble = try_comparison(state)
            latest = comparison or latest
            if latest and latest.is_equal:
                return latest
            time.sleep(POLL_S)
        if latest and any(line.requests for line in latest.lines):
            return latest  # shown as it is: the table marks the lines that differ
        raise StepFailedError(
            f"no KPIs after {PATIENCE_S:.0f} s: {trouble}",
            log=state.log("cloud"),
            advice="`make logs` shows what the functions say; `make run` waits again",
        )
