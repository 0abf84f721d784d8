"""What comes back every day: the greatest size of a quantity per hour, over the last two days.

A batch job at three o'clock makes the same leap every night. It is not remarkable, though it is rarer than one row in a
hundred. So at this hour a quantity must exceed what it reached around this time (the hour before to the hour after) on
both of the two days before. One bad day excuses nothing: the lesser of the two days counts.

A size is kept in one byte, an eighth of an octave per step, rounded up: at most 9 % too great.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]

HOURS = 50
"""Hours kept: two days, the hour before and this one."""
AROUND = (-1, 0, 1)
DAYS_H = (24, 48)
STEPS_PER_OCTAVE = 8
LOWEST_OCTAVE = -9
"""Sizes up to 2**-9 are kept as such; 255 steps reach 2**22."""


def code(size: Floats) -> Codes:
    """Return the byte for each size (not negative); 0 for 0."""
    octave = np.log2(np.clip(size, 2.0**LOWEST_OCTAVE, 2.0**22)) - LOWEST_OCTAVE
    steps = np.minimum(np.ceil(octave * STEPS_PER_OCTAVE - 1e-3) + 1, 255)
    return np.where(size > 0, steps, 0).astype(np.uint8)


def size(codes: Codes) -> Floats:
    """Return the size of each byte."""
    answer: Floats = 2.0 ** ((codes.astype(np.float64) - 1) / STEPS_PER_OCTAVE + LOWEST_OCTAVE)
    return np.where(codes > 0, answer, 0.0)


def recurring(days: Codes) -> Floats:
    """Return what was reached on both days; ``days`` is of shape (..., 2, 3): days, and hours around this one."""
    return size(days.max(axis=-1).min(axis=-1))


def places(hour: int) -> NDArray[np.int64]:
    """Return where the hours that ``hour`` is compared with lie in a ring of ``HOURS``, shape (2, 3)."""
    place: NDArray[np.int64] = (hour + np.array(AROUND) - np.array(DAYS_H)[:, None]) % HOURS
    return place
