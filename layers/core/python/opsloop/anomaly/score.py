"""How unusual is each of many rows: the mathematics that ``detect`` and production share.

A row is one value of one series with what its past says. For ``detect`` the rows are the moments of one series, for
``step`` (production) many series at one moment. Three detectors look at a row:

``zscore``  does the seasonal residual jump, in the series' unit and on a logarithmic scale?
``shift``   is the level of the last hour another than that of the last third of a day?
``drift``   has the seasonal residual of the last hours left the place where it was for days?

Each of their quantities is divided by its own usual great size (``sketch``): 1 is as large as one in a hundred rows was
so far. That makes series comparable whatever their distribution, and it is robust, since what is rare cannot move a
quantile. What exceeds half of that size is evidence; the evidence of the three adds up, so two that agree weigh more
than each.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL, MEAN, SPREAD = 1000, 3000, 1000
"""Spans (in rows) of the averages that say how large the series is, what to expect while there is no profile, and how
far residuals lie from 0: three and a half and ten days of 5-minute buckets."""
FAST, SLOW = 12, 96
"""Spans of the two levels whose difference is a shift: one hour and eight of 5-minute buckets."""
HOURS, DAYS = 24, 1000
"""Spans of the two averages of the residual whose difference is a drift: two hours, three and a half days."""
SPANS = (LEVEL, MEAN, SPREAD, FAST, SLOW, HOURS, DAYS)
LONG_SPANS = np.array([span >= LEVEL for span in SPANS])
"""Which averages are memory of the past rather than of the present: they do not learn from excluded rows."""
QUANTITIES = ("jump", "change", "shift", "drift")

FLOOR = 0.01
"""Added to each usual size: 1 % of the level is the least that is remarkable, however flat the series is."""
ENOUGH = 200
"""Rows of history from which on evidence is whole; before, it is reduced in proportion. A 99 % quantile of fewer is
little more than their maximum."""
ENOUGH_PROFILED = 500
"""The same of drift, in rows for which there was a seasonal profile: one of a single day is still rough."""
UNREMARKABLE = 0.5
"""Sizes up to half of the usual great one are no evidence; otherwise three detectors at rest would add up to one."""
WEIGHTS = (1.25, 1.0, 1.0)
"""Of zscore, shift and drift: a leap is told a little sooner than a slope. Scores hardly change between 1 and 1.5."""
ALARM = 1.25
"""The evidence that gives a score of 0.5, from which on somebody is told: a jump alone must reach 1.5 times its usual
great size, a shift or a drift alone 1.75 times. One benchmark is best from 1.1 to 1.3, the other from 1.2 to 1.4."""
BAND = 4.0
"""Half the width of the band in mean absolute residuals: 3.2 standard deviations if they are normal."""
SMALLEST, GREATEST = 1e-200, 1e9
"""Bounds of levels to divide by, and of what a quantity can be relative to the level."""


class Moment(NamedTuple):
    """Rows to judge, each array of shape (n,), the averages (n, ``len(SPANS)``) with the row itself in them.

    ``change``: the residual on the logarithmic scale. ``seen``: rows of history; ``profiled``: those, and this one, for
    which the profile expected something.
    """

    value: Floats
    expected: Floats
    residual_before: Floats
    change: Floats
    change_before: Floats
    level: Floats
    spread: Floats
    averages: Floats
    seen: NDArray[np.int64]
    profiled: NDArray[np.int64]


class Votes(NamedTuple):
    """The answer, each array of shape (n,); the votes and ``combined``, the score, lie in [0, 1].

    A vote of 0.5 would raise an alarm by itself; the evidence behind the votes adds up to that behind the score.
    ``expected``, ``low`` and ``high`` (the band) are in the series' unit. Where ``is_known`` is false there is too
    little history to say anything.
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
    level = np.maximum(moment.level, SMALLEST)
    jump = np.abs(moment.value - moment.expected - moment.residual_before)
    *_, fast, slow, hours, days = moment.averages.T
    others = np.abs(np.stack([moment.change - moment.change_before, fast - slow, hours - days]))
    answer: Floats = np.stack([np.minimum(jump, GREATEST * level) / level, *others], axis=-1)
    return answer


def judge(moment: Moment, measured: Floats, usual: Floats, recurring: Floats) -> Votes:
    """Return the votes of rows.

    ``measured``: their ``quantities``; of the same shape, ``usual``: the usual great sizes of these, and
    ``recurring``: what they reach daily at this hour.
    """
    great = np.maximum(usual, recurring) + FLOOR
    jump, change, shift, drift = (measured / great * np.minimum(moment.seen / ENOUGH, 1.0)[:, None]).T
    drift = drift * np.minimum(moment.profiled / ENOUGH_PROFILED, 1.0)
    each = np.stack([(jump + change) / 2, shift, drift])
    evidence = np.maximum(each - UNREMARKABLE, 0.0) * np.array(WEIGHTS)[:, None]
    zscore, shift, drift, combined = score(np.concatenate([evidence, evidence.sum(axis=0, keepdims=True)]))
    margin = np.maximum(BAND * moment.spread, FLOOR * moment.level)
    low, high = moment.expected - margin, moment.expected + margin
    return Votes(zscore, shift, drift, combined, moment.expected, low, high, moment.seen >= ENOUGH)


def score(evidence: Floats) -> Floats:
    """Return evidence (0 and more) as a score from 0 to 1."""
    answer: Floats = evidence / (evidence + ALARM)
    return answer


def evidence(scores: Floats) -> Floats:
    """Return the evidence behind ``scores``."""
    answer: Floats = ALARM * scores / np.maximum(1.0 - scores, SMALLEST)
    return answer
