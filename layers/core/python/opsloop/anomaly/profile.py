"""What is expected at this hour: the seasonal profile of a series, and how it is learnt.

One value per hour of the week, 168 in all. A slot is the mean of its hour, and moves half of the way to each new week's
mean. From two weeks of history on, the slot of the hour of the week is expected; before that the median of the slots of
the same hour on other days, so that one bad day does not spoil it; before there is a day, nothing is (and the caller
expects the series' own mean). Between the middles of hours the expectation runs in straight lines.

A slot is kept as the upper 16 bits of a float32 ("bfloat16"): all its range, right to 0.4 %.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Slots = NDArray[np.uint16]

HOUR_S = 3600
DAY_H, WEEK_H = 24, 168
WEEKLY_FROM_H = 2 * WEEK_H
"""Hours of history from which on the hour of the week is expected: each slot has then been seen twice."""
LEARN = 0.5
"""Share of the way that a slot moves to the mean of a new week: a bad week is down to a quarter after two more."""
UNKNOWN = 0x7FC0
"""The slot that holds no value: the upper half of a NaN."""


def pack(values: Floats) -> Slots:
    """Return ``values`` as slots, rounded; NaN gives ``UNKNOWN``."""
    whole = values.astype(np.float32).view(np.uint32)
    rounded = ((whole.astype(np.uint64) + 0x8000) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(UNKNOWN), rounded)


def unpack(slots: Slots) -> Floats:
    """Return the values of ``slots``, NaN where unknown."""
    return (slots.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def learnt(slots: Slots, mean: Floats) -> Slots:
    """Return the slots after an hour with ``mean``; where that is NaN they stay as they are."""
    old = unpack(slots)
    moved = np.where(np.isnan(old), mean, old + LEARN * (mean - old))
    return pack(np.where(np.isnan(mean), old, moved))


def centre(days: Slots, week: Slots, is_weekly: NDArray[np.bool_]) -> Floats:
    """Return what is expected in the middle of an hour, NaN if unknown.

    ``days``: the slots of this hour of the day on all seven weekdays, shape (n, 7); ``week``: the slot of this hour of
    the week, (n,); ``is_weekly``: whether there is history enough for the latter, (n,).
    """
    weekly = unpack(week)
    other = np.sort(unpack(days), axis=1)  # NaN last
    known = np.count_nonzero(~np.isnan(other), axis=1)
    row = np.arange(len(other))
    low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, 6)
    daily = (other[row, low] + other[row, high]) / 2
    return np.where(is_weekly & ~np.isnan(weekly), weekly, daily)


def between(curve: Floats, second: Floats) -> Floats:
    """Return what is expected ``second`` seconds into the hour, shape (n,).

    ``curve``, (n, 3): what is expected in the middle of the hour before, of this hour, and of the next.
    """
    here = curve[:, 1]
    before = np.where(np.isnan(curve[:, 0]), here, curve[:, 0])
    after = np.where(np.isnan(curve[:, 2]), here, curve[:, 2])
    offset = second / HOUR_S - 0.5
    return here + np.where(offset < 0, (here - before) * offset, (after - here) * offset)
