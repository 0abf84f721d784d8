"""The nouns of anomalies: what was unusual, by how much, why, what began it, and the facts told on the bus."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from opsloop.dataclass import dataclass, field


class State(StrEnum):
    """Whether an anomaly goes on."""

    OPEN = "open"
    ENDED = "ended"


class Direction(StrEnum):
    """Where the value lies from what was expected. ``SILENT``: there is no value where there always was one."""

    HIGH = "high"
    LOW = "low"
    SILENT = "silent"


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Part(StrEnum):
    """What an anomaly is to the others of its time: what began them, what follows from it, or neither is known."""

    ORIGIN = "origin"
    EFFECT = "effect"
    ALONE = "alone"


@dataclass(frozen=True)
class Anomaly:
    """One unusual stretch of one series.

    ``measure`` is ``rate`` (per minute), ``error_ratio``, ``p95`` (ms), ``throughput`` (per minute), ``saturation``,
    ``pattern`` (log lines per minute) or ``silence``; ``metric`` the metric or the log pattern behind it, if there is
    one; ``operation`` empty for the whole service. ``score`` and every vote lie in [0, 1]; ``votes`` has ``zscore``,
    ``shift`` and ``drift``, and ``preset`` where a threshold was crossed. ``value``, ``expected``, ``low`` and ``high``
    (the band) are in ``unit``. ``reason`` is one plain sentence. ``contributing`` lists operations, greatest first:
    ``operation``, ``share`` of the change (0 to 1), ``value``, ``expected``. ``exemplar`` names a trace (``trace_id``,
    ``span_id``, ``value``). Minutes are since the epoch, both included. ``origin_id`` is the anomaly that this one
    follows from, itself for an origin, empty if it stands alone; ``effects`` are the ids that follow from it.
    """

    anomaly_id: str
    service: str
    measure: str
    direction: Direction
    state: State
    severity: Severity
    score: float
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    unit: str
    reason: str
    first_minute: int
    last_minute: int
    metric: str = ""
    operation: str = ""
    votes: Mapping[str, float] = field(default_factory=dict)
    contributing: tuple[Mapping[str, Any], ...] = ()
    exemplar: Mapping[str, Any] | None = None
    part: Part = Part.ALONE
    origin_id: str = ""
    origin_service: str = ""
    effects: tuple[str, ...] = ()
    preset: str = ""


@dataclass(frozen=True)
class AnomalyDetected:
    """Something is unusual. ``anomaly`` is the JSON object that GET /v1/anomalies/{id} answers, without its series;
    ``effects`` holds the same of those that follow from it, as far as they are known by now."""

    TYPE: ClassVar[str] = "anomaly.detected"

    anomaly: Mapping[str, Any]
    effects: list[Mapping[str, Any]]


@dataclass(frozen=True)
class AnomalyEnded:
    """What was unusual is so no longer; ``anomaly`` as it was at last, its state ``ended``."""

    TYPE: ClassVar[str] = "anomaly.ended"

    anomaly: Mapping[str, Any]
    effects: list[Mapping[str, Any]]


def anomaly_json(anomaly: Anomaly) -> dict[str, Any]:
    """Return ``anomaly`` as the JSON object that events and the API carry; minutes become ISO 8601 times, in UTC."""
    from opsloop.clock import format_time, time_of

    content = dict(vars(anomaly))
    content["first_minute"] = format_time(time_of(anomaly.first_minute))
    content["last_minute"] = format_time(time_of(anomaly.last_minute))
    content["votes"] = dict(anomaly.votes)
    content["contributing"] = [dict(one) for one in anomaly.contributing]
    content["effects"] = list(anomaly.effects)
    return content
