"""How unusual is each of many rows: the mathematics that ``detect`` and production share.

A row is one value of one series with what its past says. For ``detect`` the rows are the moments of one series, for
``step`` (production) many series at one moment. Three detectors look at a row:

``zscore``  does the seasonal residual jump (against the value before, and on a logarithmic scale against the one before
            that)?
``shift``   is the level of the last hour another than that of the last day?
``drift``   has the residual from the seasonal profile been away from its usual place for half a day?

Each of their quantities is divided by its own usual great size (``sketch``): 1 is as large as one in a hundred rows was
so far. That makes series comparable, whatever their distribution, and is robust: what is rare cannot move a quantile.
The score is the sum of the logarithms, so that two detectors that agree outweigh one that shouts.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly.sketch import TAIL

Floats = NDArray[np.float64]

LEVEL, MEAN = 1000, 3000
"""Spans (in rows) of the averages that say how large the series is and, while there is no profile, what to expect:
three and ten days of 5-minute buckets."""
FAST, SLOW = 12, 96
"""Spans of the two logarithmic levels whose difference is a shift: an hour and a third of a day of 5-minute buckets."""
HALF_DAY, LONG = 48, 1000
"""Spans of the two averages of the residual whose difference is a drift."""
SPANS = (LEVEL, MEAN, FAST, SLOW, HALF_DAY, LONG)
LONG_SPANS = np.array([span >= LEVEL for span in SPANS])
"""Which averages are memory of the past rather than of the present: they do not learn from excluded rows."""
QUANTITIES = ("jump", "ratio", "shift", "drift")
DETECTORS = ("zscore", "shift", "drift")

FLOOR = 0.003
"""Added to each usual size: a quantity below 0.3 % of the level is never remarkable, however flat the series is."""
ENOUGH = 200
"""Rows of history from which on scores are whole; before, they are reduced in proportion. A 99 % quantile of fewer is
little more than their maximum."""
MIDDLE = 2.0
"""The sum of logarithms that gives a score of 0.5: such as one detector at six times its usual great size."""
SMALLEST = 1e-300


class Moment(NamedTuple):
    """Rows to judge, each array of shape (n,), the averages (n, ``len(SPANS)``) with the row itself in them."""

    value: Floats
    expected: Floats
    residual_before: Floats
    logarithm: Floats
    logarithm_before: Floats
    level: Floats
    averages: Floats
    seen: NDArray[np.int64]


class Votes(NamedTuple):
    """The answer, each array of shape (n,); the votes and the score lie in [0, 1].

    A vote of 0.5 is as large as one in a hundred rows was, 0.9 nine times that. ``expected``, ``low`` and ``high``
    are in the series' unit; the band is what a jump of the usual great size would leave. Where ``is_known`` is false
    there is too little history to say anything.
    """

    zscore: Floats
    shift: Floats
    drift: Floats
    combined: Floats
    expected: Floats
    low: Floats
    high: Floats
    is_known: NDArray[np.bool_]


def share(span: int, count: NDArray[np.int64]) -> Floats:
    """Return the weight of a new value in an average of ``span`` rows, ``count`` rows old with it: a mean at first."""
    answer: Floats = np.maximum(2.0 / (span + 1.0), 1.0 / count)
    return answer


def logarithm(value: Floats, level: Floats) -> Floats:
    """Return ``value`` on a scale that is linear up to about the series' ``level`` and logarithmic beyond."""
    answer: Floats = np.sign(value) * np.log1p(np.abs(value) / np.maximum(level, SMALLEST))
    return answer


def quantities(moment: Moment) -> Floats:
    """Return what the detectors measure, relative to the level, shape (n, ``len(QUANTITIES)``)."""
    residual = moment.value - moment.expected
    _, _, fast, slow, half_day, long = moment.averages.T
    level = np.maximum(moment.level, SMALLEST)
    answer: Floats = np.abs(
        np.stack(
            [
                (residual - moment.residual_before) / level,
                moment.logarithm - moment.logarithm_before,
                fast - slow,
                (half_day - long) / level,
            ],
            axis=-1,
        )
    )
    return answer


def judge(moment: Moment, measured: Floats, usual: Floats) -> Votes:
    """Return the votes of rows whose ``quantities`` are ``measured``, ``usual`` being their usual great sizes."""
    ratio = measured / (usual + FLOOR) * np.minimum(moment.seen / ENOUGH, 1.0)[..., None]
    logs = np.log1p(ratio)
    combined = logs.sum(axis=-1)
    jump, change, shift, drift = (ratio / (1.0 + ratio)).T
    margin = (usual[..., 0] + FLOOR) * moment.level
    return Votes(
        np.maximum(jump, change),
        shift,
        drift,
        combined / (combined + MIDDLE),
        moment.expected,
        moment.expected - margin,
        moment.expected + margin,
        moment.seen >= ENOUGH,
    )


__all__ = ["DETECTORS", "QUANTITIES", "TAIL", "Moment", "Votes", "judge", "logarithm", "quantities", "share"]
