"""From when on something is called unusual: the floors of each measure, and what a team decided in the catalog.

A score alone never calls anybody. Beside it a value must lie by a relative and an absolute margin from what was
expected, enough requests must be behind it, and there must be enough history to expect anything. In OpenSearch
such a margin cut false alarms by 92.6 % on NAB's CloudWatch set: it matters more than the model [1]_.

References
----------
.. [1] OpenSearch, "Improving anomaly detection in OpenSearch 2.17", project-website pull request 3523.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import series as of
from opsloop.anomaly.series import Key
from opsloop.catalog import Catalog, Service
from opsloop.dataclass import dataclass, field, replace

HOUR, DAY = 60, 1440
SOME = 16 * HOUR
PRESETS = ("error_rate", "p95", "pool", "disk", "service_down")
POOL_PREFIXES = ("db.client.connection", "db.client.connections")
DISK_PREFIXES = ("system.filesystem", "disk.")
OPERATIONS = 20
"""The most operations, log patterns and metrics of one service that are judged, each."""


@dataclass(frozen=True)
class Floor:
    """What must be reached before a measure is called unusual.

    ``relative`` is a share of what was expected, ``absolute`` in the measure's unit, ``requests`` in one bucket;
    ``history_minutes`` how long the series must be known. ``high`` and ``low``: which side is looked at.
    """

    relative: float
    absolute: float
    requests: float
    history_minutes: int
    high: bool = True
    low: bool = True


FLOORS: Mapping[str, Floor] = {
    of.RATE: Floor(0.5, 10.0, 50.0, DAY),
    of.ERROR_RATIO: Floor(1.0, 0.02, 20.0, SOME, low=False),
    of.P95: Floor(0.5, 20.0, 50.0, SOME, low=False),
    of.THROUGHPUT: Floor(0.5, 1.0, 0.0, DAY),
    of.SATURATION: Floor(0.2, 0.1, 0.0, SOME, low=False),
    of.PATTERN: Floor(3.0, 2.0, 10.0, DAY, low=False),
    of.SILENCE: Floor(0.0, 0.0, 0.0, 6 * HOUR, high=False),
}


@dataclass(frozen=True)
class Policy:
    """What holds for one service."""

    is_judged: bool = True
    sensitivity: float = 1.0
    operations: int = OPERATIONS
    presets: frozenset[str] = frozenset()
    floors: Mapping[str, Floor] = field(default_factory=lambda: FLOORS)


def policy_of(service: Service) -> Policy:
    """Return the policy that the catalog has for ``service``: its ``anomaly`` section over the defaults."""
    return policy_from(service.anomaly)


def policy_from(content: Mapping[str, Any]) -> Policy:
    """Return the policy of an ``anomaly`` section; fields that it leaves out are the defaults."""
    floors = dict(FLOORS)
    for measure, changes in content.get("floors", {}).items():
        floors[measure] = replace(floors[measure], **changes)
    return Policy(
        is_judged=content.get("is_judged", True),
        sensitivity=content.get("sensitivity", 1.0),
        operations=content.get("operations", OPERATIONS),
        presets=frozenset(content.get("presets", ())),
        floors=floors,
    )


@dataclass(frozen=True)
class Rules:
    """The policies as columns, one row per series."""

    measure: NDArray[np.int8]
    service: NDArray[np.int64]
    operation: NDArray[np.bool_]
    relative: NDArray[np.float64]
    absolute: NDArray[np.float64]
    requests: NDArray[np.float64]
    history: NDArray[np.int64]
    high: NDArray[np.bool_]
    low: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    sensitivity: NDArray[np.float64]
    presets: Mapping[str, NDArray[np.bool_]]
    names: tuple[str, ...]

    def is_of(self, *measures: str) -> NDArray[np.bool_]:
        """Return which rows are of one of ``measures``."""
        answer = np.zeros(len(self.measure), dtype=bool)
        for one in measures:
            answer |= self.measure == of.MEASURES.index(one)
        return answer


def rules(keys: Sequence[Key], policies: Mapping[str, Policy]) -> Rules:
    """Return the columns of ``keys``; ``policies`` has one for each of their services."""
    names = tuple(dict.fromkeys(key.service for key in keys))
    number = {name: place for place, name in enumerate(names)}
    each = [(key, policies[key.service], policies[key.service].floors[key.measure]) for key in keys]

    def column(values: list[Any], kind: type) -> NDArray[Any]:
        return np.array(values, dtype=kind)

    return Rules(
        measure=column([of.MEASURES.index(key.measure) for key in keys], np.int8),
        service=column([number[key.service] for key in keys], np.int64),
        operation=column([bool(key.operation) for key in keys], np.bool_),
        relative=column([floor.relative for _, _, floor in each], np.float64),
        absolute=column([floor.absolute for _, _, floor in each], np.float64),
        requests=column([floor.requests for _, _, floor in each], np.float64),
        history=column([floor.history_minutes for _, _, floor in each], np.int64),
        high=column([floor.high for _, _, floor in each], np.bool_),
        low=column([floor.low for _, _, floor in each], np.bool_),
        judged=column([policy.is_judged and _is_judged(key) for key, policy, _ in each], np.bool_),
        sensitivity=column([policy.sensitivity for _, policy, _ in each], np.float64),
        presets={
            name: column([name in policy.presets and _fits(name, key) for key, policy, _ in each], np.bool_)
            for name in PRESETS
        },
        names=names,
    )


def policies_of(catalog: Catalog, services: Sequence[str]) -> dict[str, Policy]:
    """Return the policy of each service."""
    return {name: policy_of(catalog.service(name)) for name in services}


def _is_judged(key: Key) -> bool:
    """Return whether a series is judged at all: the rates of operations only say what a change was made of."""
    return not (key.operation and key.measure == of.RATE)


def _fits(preset: str, key: Key) -> bool:
    is_whole = not key.operation
    if preset == "error_rate":
        return is_whole and key.measure == of.ERROR_RATIO
    if preset == "p95":
        return is_whole and key.measure == of.P95
    if preset == "pool":
        return key.measure == of.SATURATION and key.metric.startswith(POOL_PREFIXES)
    if preset == "disk":
        return key.measure == of.SATURATION and key.metric.startswith(DISK_PREFIXES)
    return is_whole and key.measure in (of.SILENCE, of.ERROR_RATIO)
