"""The series of all services in one hour, side by side: a row per series that is remembered, a column per bucket."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import series as of
from opsloop.anomaly.policy import Policy
from opsloop.anomaly.series import Key, Measured
from opsloop.anomaly.state import Memory

Floats = NDArray[np.float64]


class Matrix:
    """Values and weights of the series in ``memory``, and those that are not remembered yet.

    What is counted and was not sent is 0 where its service is alive; see ``series``.
    """

    def __init__(self, memory: Memory, measured: Mapping[str, Measured], buckets: int) -> None:
        self._buckets = buckets
        self._measured = measured
        nothing = np.zeros(buckets, dtype=bool)
        self._alive = {name: one.alive for name, one in measured.items()}
        self.value = np.full((len(memory.keys), buckets), np.nan)
        self.weight = np.zeros((len(memory.keys), buckets))
        place = {key: row for row, key in enumerate(memory.keys)}
        for row, key in enumerate(memory.keys):
            alive = self._alive.get(key.service, nothing)
            if key.measure == of.SILENCE:
                self.value[row] = alive
            elif key.measure in (of.RATE, of.PATTERN):
                self.value[row] = np.where(alive, 0.0, np.nan)
        self._new: list[tuple[Key, Floats, Floats]] = []
        for one in measured.values():
            for key, values, weights in zip(one.keys, one.values, one.weights, strict=True):
                row = place.get(key, -1)
                if row >= 0:
                    self.value[row], self.weight[row] = values, weights
                else:
                    self._new.append((key, values, weights))

    def arrivals(self, column: int, counts: Mapping[tuple[str, str], int], policies: Mapping[str, Policy]) -> list[Key]:
        """Return the series that begin with bucket ``column`` and that there is room for, most requests first.

        ``counts`` says how many operations, patterns and metrics of a service and measure are remembered.
        """
        there = [(-weights[column], key) for key, values, weights in self._new if _is_there(key, float(values[column]))]
        if not there:
            return []
        room: dict[tuple[str, str], int] = {}
        taken = []
        for _, key in sorted(there):
            if key.operation or key.metric:
                group = key.service, key.measure
                left = room.setdefault(group, policies[key.service].operations - counts.get(group, 0))
                if left <= 0:
                    continue
                room[group] = left - 1
            taken.append(key)
        return taken

    def take(self, keys: Sequence[Key], column: int) -> None:
        """Add rows for ``keys``, which ``arrivals`` gave, at the end: they begin with bucket ``column``."""
        wanted = set(keys)
        found = {key: (values, weights) for key, values, weights in self._new if key in wanted}
        self._new = [one for one in self._new if one[0] not in wanted]
        begins = np.arange(self._buckets) < column
        values = np.stack([np.where(begins, np.nan, found[key][0]) for key in keys])
        self.value = np.concatenate([self.value, values])
        self.weight = np.concatenate([self.weight, np.stack([found[key][1] for key in keys])])

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Drop the rows for which ``is_kept`` is false."""
        self.value, self.weight = self.value[is_kept], self.weight[is_kept]


def _is_there(key: Key, value: float) -> bool:
    """Return whether a value begins a series: one that is counted begins when there is something to count."""
    return value > 0 if key.measure in (of.RATE, of.PATTERN, of.SILENCE) else value == value


def group_counts(keys: Sequence[Key]) -> dict[tuple[str, str], int]:
    """Return how many operations, patterns and metrics there are by service and measure."""
    counts: dict[tuple[str, str], int] = {}
    for key in keys:
        if key.operation or key.metric:
            counts[key.service, key.measure] = counts.get((key.service, key.measure), 0) + 1
    return counts
