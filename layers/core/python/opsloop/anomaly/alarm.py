"""From how unusual each row is to whether somebody is told.

An alarm needs a score of 0.5. Then there is a cool-down of ``COOL_DOWN`` rows, in which only what is much worse than
the episode so far is told again; what outlives it is told once more. Each alarm also raises the bar for the next ones,
and the bar comes down again with a half-life of ``HALF_LIFE`` rows: a series that cries every hour must cry louder.
"""

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly.score import ALARM, evidence, score

Floats = NDArray[np.float64]

COOL_DOWN = 15
"""Rows: more than an hour of 5-minute buckets, a quarter of one of minutes."""
WORSE = 3.0
"""How many times the evidence so far is an episode of its own."""
RAISED = 0.2
"""How much more evidence, as a share, the row behind an alarm needs for the next one."""
HALF_LIFE = 150
"""Rows: half a day of 5-minute buckets."""


def alarms(scores: Floats, warmup: int = 0) -> Floats:
    """Return the scores of the rows at which an alarm is due, less what the raised bar takes; 0 at all others.

    ``scores`` are of one series, in order of time, shape (n,). No alarm is given in the first ``warmup`` rows.
    """
    answer = np.zeros_like(scores)
    weight = evidence(scores)
    last, worst, bar = -np.inf, 0.0, 0.0
    for row in np.flatnonzero(weight >= ALARM).tolist():
        if row < warmup or (row - last < COOL_DOWN and weight[row] < WORSE * worst):
            continue
        raised = bar * 0.5 ** ((row - last) / HALF_LIFE)
        told = weight[row] / (1.0 + raised)
        if told >= ALARM:
            answer[row] = score(told)
            last, worst, bar = row, weight[row], raised + RAISED
    return answer
