"""What ``health_measure`` saw of the platform, as it is kept for ``health_platform`` to answer from."""

from collections.abc import Mapping
from datetime import UTC, datetime

from opsloop.dataclass import dataclass, field

ALARM, OK = "ALARM", "OK"


@dataclass(frozen=True)
class FunctionSetup:
    """One function as Lambda has it. ``settings``: its environment, without what ``opsloop.health.secrets`` hides."""

    memory_mb: int
    timeout_s: int
    runtime: str
    architecture: str
    deployed_at: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Alarm:
    """One alarm. ``what`` says in words what is wrong where it rings; ``queue`` is the SQS queue that it watches."""

    name: str
    what: str
    runbook: str
    state: str
    reason: str
    since: float | None
    function: str = ""
    queue: str = ""
    is_dead_letters: bool = False


@dataclass(frozen=True)
class Queue:
    """One queue at a moment: messages that wait, and those somebody works on; ``None`` where ``reason`` says why."""

    name: str
    messages: int | None
    in_flight: int | None
    reason: str = ""


@dataclass(frozen=True)
class Table:
    """One table. DynamoDB counts every six hours or so."""

    bytes: int | None
    items: int | None


@dataclass(frozen=True)
class Snapshot:
    """All of it. Times are epoch seconds.

    ``time``: when queues, alarms and setups were looked at; ``metrics_time``: when CloudWatch was asked last, ``None``
    if never. ``hours_from``: when the 24 ``hours`` of each series begin. ``month_sums``: per series over what is known
    of the month since ``month_from``, which is ``month_hours`` long. ``faults``: what could not be asked, and why.
    ``queue_ages``: seconds that the oldest message had waited when CloudWatch was asked, of queues with messages.
    """

    time: float
    metrics_time: float | None = None
    daily_on: str = ""
    hours_from: float = 0.0
    hours: Mapping[str, list[float | None]] = field(default_factory=dict)
    month_from: float = 0.0
    month_hours: float = 0.0
    month_sums: Mapping[str, float] = field(default_factory=dict)
    last_runs: Mapping[str, float] = field(default_factory=dict)
    setups: Mapping[str, FunctionSetup] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    queues: Mapping[str, Queue] = field(default_factory=dict)
    queue_ages: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    bucket_bytes: Mapping[str, float] = field(default_factory=dict)
    shards: int | None = None
    custom_metrics: int | None = None
    metric_requests: int = 0
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """Return ``time`` as a time."""
        return datetime.fromtimestamp(self.time, UTC)
