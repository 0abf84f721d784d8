"""Is a shard so far behind that senders must wait?

``telemetry_watch`` measures every minute how old the oldest record is that ingest has not read; the receiver looks at
that measurement, and turns senders away while it is too old. Without a fresh measurement everybody is let in: a watch
that stands still must not stop telemetry.
"""

from collections.abc import Callable
from datetime import datetime

from opsloop.dataclass import dataclass
from opsloop.errors import ThrottledError, TransientError
from opsloop.telemetry.otlp_json import encode

WATCH_LOG = "log#watch"
OWN_SERVICE = "opsloop"
OLDEST_RECORD_AGE = "opsloop.ingest.oldest_record_age"
LOOK_EVERY_S = 10.0
FRESH_S = 180.0
RETRY_AFTER_S = 30  # a shard that is minutes behind does not catch up in seconds


@dataclass(frozen=True)
class Pressure:
    """How old the oldest record was, at ``at_s`` (seconds since the epoch), that ingest had not read."""

    age_s: float
    at_s: float


class LoadGate:
    """Lets requests in, or turns them away. ``read`` looks the measurement up; ``warn`` is told why it could not."""

    def __init__(
        self, read: Callable[[], Pressure | None], *, shed_after_s: float, warn: Callable[[str], None]
    ) -> None:
        self._read, self._shed_after_s, self._warn = read, shed_after_s, warn
        self._known: Pressure | None = None
        self._looked_at_s = float("-inf")

    def check(self, now: datetime) -> None:
        """Raise ``ThrottledError`` while the oldest record is more than ``shed_after_s`` old."""
        now_s = now.timestamp()
        if not 0 <= now_s - self._looked_at_s < LOOK_EVERY_S:
            self._looked_at_s = now_s
            self._known = self._look()
        known = self._known
        if known and known.age_s > self._shed_after_s and now_s - known.at_s < FRESH_S:
            message = f"ingest is {known.age_s:.0f} s behind: send the same again later"
            raise ThrottledError(message, retry_after_s=RETRY_AFTER_S)

    def _look(self) -> Pressure | None:
        try:
            return self._read()
        except TransientError as error:
            self._warn(error.message)
            return None


def gauge_request(age_s: float, at_s: float) -> bytes:
    """Return the measurement as an OTLP metrics request of our own service, in protobuf."""
    point = {"timeUnixNano": str(int(at_s * 1_000_000_000)), "asDouble": age_s}
    metric = {"name": OLDEST_RECORD_AGE, "unit": "s", "gauge": {"dataPoints": [point]}}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": OWN_SERVICE}}]}
    document = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
    return encode(document, "metrics")
