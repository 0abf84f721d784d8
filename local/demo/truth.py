"""What the demo itself counted, per minute, without asking the OpenTelemetry SDK.

A request belongs to the minute of its start, a log record to the minute of its timestamp, a metric point to the
minute of its end: the same times that travel in the telemetry, so that opsloop's minutes can be compared with these.
"""

import threading
from dataclasses import asdict, dataclass
from typing import Any

NS_PER_MINUTE = 60_000_000_000
KEPT_MINUTES = 1440


@dataclass
class Delivery:
    """What became of the items of one signal of one service.

    ``made`` were handed to the SDK, ``acknowledged`` were accepted by the front door, ``refused`` never will be (the
    answer said that the body is at fault). ``made - acknowledged - refused`` is on its way, or lost.
    """

    made: int = 0
    acknowledged: int = 0
    refused: int = 0
    failed_attempts: int = 0


@dataclass
class Tally:
    """Requests, and those of them that failed (HTTP 5xx)."""

    requests: int = 0
    errors: int = 0


class Truth:
    """The demo's own counts; every method may be called from any thread.

    Parameters
    ----------
    started_ns : int
        When the demo started, in nanoseconds since the epoch. The minute it lies in is not counted whole.
    """

    def __init__(self, *, started_ns: int) -> None:
        self.started_minute = minute_of(started_ns)
        self._complete_from = self.started_minute + (started_ns % NS_PER_MINUTE > 0)
        self._requests: dict[int, dict[tuple[str, str], Tally]] = {}
        self._logs: dict[int, dict[tuple[str, str], int]] = {}
        self._points: dict[int, dict[tuple[str, str], int]] = {}
        self._faults: list[dict[str, Any]] = []
        self._deliveries: dict[tuple[str, str], Delivery] = {}
        self._lock = threading.Lock()

    def count_request(self, service: str, operation: str, *, start_ns: int, is_error: bool) -> None:
        """Count one answered request in the minute of its start."""
        with self._lock:
            minute = self._requests.setdefault(minute_of(start_ns), {})
            tally = minute.setdefault((service, operation), Tally())
            tally.requests += 1
            tally.errors += is_error
            self._forget_old()

    def count_log(self, service: str, severity: str, *, time_ns: int) -> None:
        """Count one log record of ``severity`` (info, warn, error)."""
        with self._lock:
            minute = self._logs.setdefault(minute_of(time_ns), {})
            minute[service, severity] = minute.get((service, severity), 0) + 1

    def count_points(self, service: str, metric: str, *, time_ns: int, count: int) -> None:
        """Add ``count`` to ``metric``: measurements in a histogram's point, 1 for a point of any other instrument."""
        with self._lock:
            minute = self._points.setdefault(minute_of(time_ns), {})
            minute[service, metric] = minute.get((service, metric), 0) + count

    def note_fault(self, fault: dict[str, Any]) -> None:
        """Remember a fault that was begun."""
        with self._lock:
            self._faults.append(fault)

    def delivery(self, service: str, signal: str) -> Delivery:
        """Return the counts of one signal (traces, metrics, logs) of one service, for its exporter to keep."""
        with self._lock:
            return self._deliveries.setdefault((service, signal), Delivery())

    def snapshot(self) -> dict[str, Any]:
        """Return everything as the JSON document that ``GET /truth`` serves."""
        with self._lock:
            return {
                "started_minute": self.started_minute,
                "complete_from": self._complete_from,
                "minutes": {
                    str(minute): _nest({key: asdict(tally) for key, tally in tallies.items()})
                    for minute, tallies in sorted(self._requests.items())
                },
                "logs": {str(minute): _nest(counts) for minute, counts in sorted(self._logs.items())},
                "metrics": {str(minute): _nest(counts) for minute, counts in sorted(self._points.items())},
                "faults": list(self._faults),
                "delivery": _nest({key: asdict(delivery) for key, delivery in self._deliveries.items()}),
            }

    def _forget_old(self) -> None:
        if len(self._requests) <= KEPT_MINUTES:
            return
        oldest = min(self._requests)
        self._complete_from = max(self._complete_from, oldest + 1)
        for counts in (self._requests, self._logs, self._points):
            for minute in [minute for minute in counts if minute <= oldest]:
                del counts[minute]


def minute_of(time_ns: int) -> int:
    """Return the whole minutes from the epoch to ``time_ns``."""
    return time_ns // NS_PER_MINUTE


def _nest(flat: dict[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (first, second), value in sorted(flat.items()):
        nested.setdefault(first, {})[second] = value
    return nested
