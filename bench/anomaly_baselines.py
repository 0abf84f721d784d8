"""What ``detect`` is compared with: three usual detectors, causal as well, each value against what was before it.

All return how many standard deviations ``d`` a value lies from what was expected, as ``d / (1 + d)``.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
DAY_H = 24
EWMA_SPAN = 48
SMALLEST = 1e-12


def zscore(_timestamps: Times, values: Floats) -> Floats:
    """Return the scores against mean and deviation of all values before."""
    return _against(values, np.zeros(len(values), dtype=np.int64))


def seasonal_zscore(timestamps: Times, values: Floats) -> Floats:
    """Return the scores against mean and deviation of all values before at the same hour of the day."""
    return _against(values, timestamps.astype("datetime64[h]").astype(np.int64) % DAY_H)


def ewma(_timestamps: Times, values: Floats) -> Floats:
    """Return the scores of a control chart: exponentially weighted mean and variance of the values before [1]_.

    References
    ----------
    .. [1] S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1(3), 1959.
    """
    weight = 2.0 / (EWMA_SPAN + 1.0)
    mean, variance, answer = float(values[0]), 0.0, []
    for value in values.tolist():
        off = value - mean
        answer.append(abs(off) / (variance**0.5 + SMALLEST) if variance else 0.0)
        mean += weight * off
        variance = (1.0 - weight) * (variance + weight * off * off)
    return _score(np.array(answer))


def _against(values: Floats, group: NDArray[np.int64]) -> Floats:
    scores = np.zeros(len(values))
    for one in np.unique(group):
        rows = np.flatnonzero(group == one)
        known = values[rows] - values[rows[0]]  # an offset changes no deviation and keeps the squares small
        count = np.arange(1, len(rows) + 1)
        mean = np.cumsum(known) / count
        deviation = np.sqrt(np.maximum(np.cumsum(known**2) / count - mean**2, 0.0))
        off = np.abs(known[1:] - mean[:-1])
        scores[rows[1:]] = np.where(deviation[:-1] > 0, off / (deviation[:-1] + SMALLEST), 0.0)
    return _score(scores)


def _score(deviations: Floats) -> Floats:
    return deviations / (1.0 + deviations)


BASELINES: Mapping[str, Callable[[Times, Floats], Floats]] = {
    "z-score": zscore,
    "seasonal z-score": seasonal_zscore,
    "EWMA": ewma,
}
