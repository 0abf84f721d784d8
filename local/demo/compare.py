"""The demo's own counts beside opsloop's: ``python -m local.demo.compare --state-dir .local``.

Every closed minute is compared by itself, so that a request counted in the wrong minute, or one lost and another
counted twice, cannot look right.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SETTLING_MINUTES = 2  # batches, ingest and the fold of each minute have run by then
TIMEOUT_S = 30
WINDOW_MINUTES = 360  # the most that the API answers for minutes of a metric

Counts = dict[int, tuple[int, int]]  # by minute: count and errors
Fetch = Callable[[Mapping[str, str]], Any]


@dataclass(frozen=True)
class Line:
    """One thing counted twice: by the demo (``sent``) and by opsloop (``counted``), over all compared minutes.

    ``subject`` is an operation, ``all requests``, ``log <severity>`` or ``metric <name>``. ``differing`` holds the
    minutes (since the epoch) in which the two do not agree.
    """

    service: str
    subject: str
    sent: int
    counted: int
    sent_errors: int
    counted_errors: int
    differing: tuple[int, ...]

    @property
    def is_equal(self) -> bool:
        """Whether every minute agrees."""
        return not self.differing


def compare(truth: Mapping[str, Any], fetch: Fetch, *, end_minute: int) -> list[Line]:
    """Return what the demo sent beside what opsloop counted, from the first whole minute to ``end_minute``.

    Parameters
    ----------
    truth : mapping
        What ``/truth`` serves.
    fetch : callable
        Takes the query of ``GET /v1/kpis`` and returns its JSON; see ``fetcher``.
    end_minute : int
        The first minute (since the epoch) that is not compared.
    """
    first = int(truth["complete_from"])
    lines = []
    for (service, subject), (query, sent) in sorted(_sent(truth, first, end_minute).items()):
        counted: Counts = {}
        for start in range(first, end_minute, WINDOW_MINUTES):
            end = min(start + WINDOW_MINUTES, end_minute)
            counted |= _counted(fetch, {"service": service, **query}, start, end)
        differing = tuple(
            minute for minute in range(first, end_minute) if sent.get(minute, (0, 0)) != counted.get(minute, (0, 0))
        )
        lines.append(Line(service, subject, *_total(sent, counted, 0), *_total(sent, counted, 1), differing))
    return lines


def unacknowledged(truth: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Return, by service and signal, how many items were made and not acknowledged (yet); only where there are any."""
    missing = {
        (service, signal): delivery["made"] - delivery["acknowledged"]
        for service, signals in truth["delivery"].items()
        for signal, delivery in signals.items()
    }
    return {key: count for key, count in missing.items() if count}


def fetcher(api_url: str, read_key: str) -> Fetch:
    """Return a function that asks ``GET /v1/kpis`` of the API at ``api_url``; an unknown service has no rows."""

    def fetch(query: Mapping[str, str]) -> Any:
        request = urllib.request.Request(f"{api_url}/v1/kpis?{urllib.parse.urlencode(query)}")
        request.add_header("Authorization", f"Bearer {read_key}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return {"rows": [], "next": None}

    return fetch


def _sent(truth: Mapping[str, Any], first: int, end: int) -> dict[tuple[str, str], tuple[dict[str, str], Counts]]:
    """Return, by service and subject, the query that asks opsloop for it and the demo's own counts."""
    sent: dict[tuple[str, str], tuple[dict[str, str], Counts]] = {}

    def add(service: str, subject: str, query: dict[str, str], minute: str, count: int, errors: int) -> None:
        if first <= int(minute) < end:
            counts = sent.setdefault((service, subject), (query, {}))[1]
            before = counts.get(int(minute), (0, 0))
            counts[int(minute)] = (before[0] + count, before[1] + errors)

    for minute, services in truth["minutes"].items():
        for service, operations in services.items():
            for operation, tally in operations.items():
                add(service, operation, {"operation": operation}, minute, tally["requests"], tally["errors"])
                add(service, "all requests", {}, minute, tally["requests"], tally["errors"])
    for minute, services in truth["logs"].items():
        for service, severities in services.items():
            for severity, count in severities.items():
                errors = count if severity == "error" else 0
                add(service, f"log {severity}", {"kpi": "metric:log.records", "kind": severity}, minute, count, errors)
    for minute, services in truth["metrics"].items():
        for service, metrics in services.items():
            for metric, count in metrics.items():
                add(service, f"metric {metric}", {"kpi": f"metric:{metric}"}, minute, count, 0)
    return sent


def _counted(fetch: Fetch, query: dict[str, str], first: int, end: int) -> Counts:
    kind = query.pop("kind", None)  # rows of a metric name their kind; it is picked here
    name = "count" if "kpi" in query else "requests"
    query |= {"resolution": "minute", "from": _iso(first), "to": _iso(end)}
    counts: Counts = {}
    while True:
        page = fetch(query)
        for row in page["rows"]:
            if kind is None or row["kind"] == kind:
                minute = int(datetime.fromisoformat(row["start"]).timestamp()) // 60
                before = counts.get(minute, (0, 0))
                counts[minute] = (before[0] + (row[name] or 0), before[1] + (row["errors"] or 0))
        if not page.get("next"):
            return counts
        query["cursor"] = page["next"]


def _total(sent: Counts, counted: Counts, place: int) -> tuple[int, int]:
    return sum(pair[place] for pair in sent.values()), sum(pair[place] for pair in counted.values())


def _iso(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_truth(state_dir: Path) -> dict[str, Any]:
    """Return the running demo's counts, or those that the last one left when it ended."""
    try:
        url = json.loads((state_dir / "demo.json").read_text())["truth_url"]
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            truth: dict[str, Any] = json.load(answer)
    except OSError:
        truth = json.loads((state_dir / "demo-truth.json").read_text())
    return truth


def main(arguments: list[str] | None = None) -> int:
    """Print every line; return 0 when all are equal, 1 when one differs or there is nothing to compare."""
    parser = argparse.ArgumentParser(prog="python -m local.demo.compare", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=Path(".local"), help="where stack.json and demo.json are")
    options = parser.parse_args(arguments)
    stack = json.loads((options.state_dir / "stack.json").read_text())
    truth = read_truth(options.state_dir)
    fetch = fetcher(stack["api_url"], stack["read_key"])
    lines = compare(truth, fetch, end_minute=int(time.time()) // 60 - SETTLING_MINUTES)
    for line in lines:
        mark = (
            "equal" if line.is_equal else f"DIFFERENT in {len(line.differing)} minutes, first {_iso(line.differing[0])}"
        )
        sys.stdout.write(
            f"{line.service:12} {line.subject:42} sent {line.sent:8} counted {line.counted:8}"
            f"  errors {line.sent_errors:6} counted {line.counted_errors:6}  {mark}\n"
        )
    for (service, signal), count in unacknowledged(truth).items():
        sys.stdout.write(f"{service} {signal}: {count} made and not acknowledged yet\n")
    return 0 if lines and all(line.is_equal for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
