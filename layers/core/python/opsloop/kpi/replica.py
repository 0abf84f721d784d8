"""Replicas that send the same series, such as a pair of Prometheus servers: of each minute one of them counts.

Which one needs no agreement: the one with most points of the series in that minute, of equals the first by name. So a
replica that dies is followed by the other within a minute, whatever the order in which their points came.
"""

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass, replace
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.model import REPLICA, Series

Ints = NDArray[np.int64]
_MINUTES = 1 << 40  # more than there are


@dataclass(frozen=True)
class Places:
    """Of each cell: its series without the replica, the rank of the replica's name among all, and its minute."""

    group: Ints
    replica: Ints
    minute: Ints
    has_replicas: bool

    @classmethod
    def of(cls, cells: Aggregate) -> "Places":
        """Return the places of ``cells``; those whose replica is not known are of one that has no name."""
        names = [dict(one.attributes).get(REPLICA, "") for one in cells.series]
        numbers: dict[Series, int] = {}
        groups = [numbers.setdefault(_without_replica(one), len(numbers)) for one in cells.series]
        rank = {name: number for number, name in enumerate(sorted(set(names)))}
        group = np.array(groups, dtype=np.int64)[cells.series_index]
        replica = np.array([rank[name] for name in names], dtype=np.int64)[cells.series_index]
        return cls(group, replica, cells.minute, any(names))


def counted(places: Places, points: Ints) -> NDArray[np.bool_]:
    """Return whether each cell counts: whether its replica is the one of its series and minute.

    ``points`` says how many points each cell stands for; the cells of one series and minute add up.
    """
    columns = np.stack([places.group, places.minute, places.replica])
    (group, minute, replica), place = np.unique(columns, axis=1, return_inverse=True)
    place = place.reshape(-1)
    total = np.bincount(place, weights=points, minlength=len(group))
    order = np.lexsort((replica, -total, minute, group))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (group[order[1:]] != group[order[:-1]]) | (minute[order[1:]] != minute[order[:-1]])
    wins = np.zeros(len(group), dtype=bool)
    wins[order[is_first]] = True
    answer: NDArray[np.bool_] = wins[place]
    return answer


def others_between(
    places: Places, is_counted: NDArray[np.bool_], end: Ints, first: Ints, start: Ints | None
) -> NDArray[np.bool_]:
    """Return for each cell whether another replica of its series counts in minutes ``first`` to before ``end``.

    With ``start``, which belongs to the cells, only cells of the same start are asked.
    """
    group = places.group
    if start is not None:
        group = np.unique(np.stack([group, start]), axis=1, return_inverse=True)[1].reshape(-1)
    own = group * (int(places.replica.max()) + 1) + places.replica
    return _minutes_in(group, is_counted, places.minute, first, end) > _minutes_in(
        own, is_counted, places.minute, first, end
    )


def one_replica(cells: Aggregate) -> NDArray[np.bool_]:
    """Return whether each cell of amounts counts."""
    places = Places.of(cells)
    return counted(places, cells.count) if places.has_replicas else np.ones(len(cells), dtype=bool)


def _minutes_in(key: Ints, is_counted: NDArray[np.bool_], minute: Ints, first: Ints, end: Ints) -> Ints:
    """Return in how many minutes from ``first`` to before ``end`` each cell's ``key`` has a cell that counts."""
    known = np.unique(key[is_counted] * _MINUTES + minute[is_counted])
    found: Ints = np.searchsorted(known, key * _MINUTES + end) - np.searchsorted(known, key * _MINUTES + first)
    return found


def _without_replica(one: Series) -> Series:
    return replace(one, attributes=tuple(pair for pair in one.attributes if pair[0] != REPLICA))
