"""The usual band of judged series over a time, as columns on a regular grid; what is not judged says why.

Of a grid wider than the detector's five minutes, a point is the mean of its buckets; on a narrower one it has the band
of the bucket that it lies in. Rates are told per second: counts over the length of their step lie over them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import series as of
from opsloop.anomaly.judge import steady
from opsloop.anomaly.policy import Policy, Rules, rules
from opsloop.anomaly.score import ENOUGH
from opsloop.anomaly.series import BUCKET_MINUTES, Key
from opsloop.anomaly.standing import NOT_STEADY, too_short
from opsloop.anomaly.state import Memory
from opsloop.anomaly.usual import Limits, limits
from opsloop.clock import MINUTES_PER_HOUR, format_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

STEPS_S = (60, 300, 3600, 86_400)
MOST_POINTS, COMFORTABLE_POINTS = 3_000, 800
MOST_VALUES = 200_000
"""Points of all series together: an answer of Lambda has 6 MB at most."""
WHOLE = (of.RATE, of.ERROR_RATIO, of.P95)
"""What there is of every service as a whole."""
DIGITS = 5
SECONDS_PER_MINUTE = 60
UNITS = {**of.UNITS, of.RATE: "requests/s"}
NO_BAND = "a service is heard or not: there is no band"
NOT_JUDGED = "the catalog says that this service is not judged"
OPERATION_RATE = "rates of operations are not judged: they say what a change of their service is made of"
FEW_VALUES = f"too little history: fewer than {ENOUGH} five-minute values are known"
FEW_REQUESTS = "too few requests are expected for anything to be called"
SOMETIMES_FEW = "where the band is missing, too few requests are expected for anything to be called"
NEVER_MEASURED = "nothing of this was ever measured"

Floats = NDArray[np.float64]
Place = tuple[str, str]
"""Service and measure."""


@dataclass(frozen=True)
class Grid:
    """``points`` points of ``step_s`` each from ``first_minute`` (since the epoch) on."""

    first_minute: int
    step_s: int
    points: int

    def buckets(self) -> NDArray[np.int64]:
        """Return the first minutes of the buckets that stand for each point, shape (points, n).

        Of an hour the second of each three: what is expected runs in straight lines from half past to half past, so
        their mean is that of all.
        """
        step = self.step_s // SECONDS_PER_MINUTE
        starts = self.first_minute + np.arange(self.points, dtype=np.int64) * step
        inside = np.zeros(1, dtype=np.int64)
        if step >= MINUTES_PER_HOUR:
            inside = np.arange(BUCKET_MINUTES, step, 3 * BUCKET_MINUTES, dtype=np.int64)
        answer: NDArray[np.int64] = (starts - starts % BUCKET_MINUTES)[:, None] + inside
        return answer

    def about(self) -> dict[str, object]:
        """Return what an answer says of its grid."""
        end = self.first_minute + self.points * self.step_s // SECONDS_PER_MINUTE
        return {
            "from": format_time(time_of(self.first_minute)),
            "to": format_time(time_of(end)),
            "step_s": self.step_s,
            "points": self.points,
        }


def grid_of(first_minute: int, end_minute: int, step_s: int | None) -> Grid:
    """Return the grid of UTC-aligned points that covers ``first_minute`` to before ``end_minute``.

    Without ``step_s`` the step is the shortest with at most ``COMFORTABLE_POINTS`` points. Raises ``InvalidInputError``
    for a step that is none of ``STEPS_S``, and for more than ``MOST_POINTS`` points.
    """
    if step_s is not None and step_s not in STEPS_S:
        raise InvalidInputError(f"step_s: {step_s} is not one of {', '.join(map(str, STEPS_S))}")
    most = COMFORTABLE_POINTS if step_s is None else MOST_POINTS
    for one in STEPS_S if step_s is None else (step_s,):
        step = one // SECONDS_PER_MINUTE
        first = first_minute - first_minute % step
        grid = Grid(first, one, max(0, -(-(end_minute - first) // step)))
        if grid.points <= most:
            return grid
    raise InvalidInputError(f"step_s: {grid.points} points are more than the {most} of one request; take a wider step")


@dataclass(frozen=True)
class Band:
    """The band of one series, each array with a value per point, NaN where there is none. ``reason`` says why there is
    none, or why not everywhere."""

    key: Key
    expected: Floats
    low: Floats
    high: Floats
    is_judged: bool
    reason: str


def bands(memory: Memory, policies: Mapping[str, Policy], grid: Grid) -> list[Band]:
    """Return the bands of all series in ``memory``, in the order of its keys, as they are called by ``policies``."""
    if len(memory.keys) * grid.points > MOST_VALUES:
        asked = f"{len(memory.keys)} series of {grid.points} points"
        raise InvalidInputError(f"measure: {asked} are too many for one answer; name measures, or take a wider step_s")
    if not memory.keys:
        return []
    judged_by = rules(memory.keys, policies)
    buckets = grid.buckets()
    found = limits(memory, judged_by, buckets.reshape(-1))
    means = Limits(*(one.reshape(len(memory.keys), *buckets.shape).mean(axis=2) for one in found))
    return [_band(memory, judged_by, policies, means, row) for row in range(len(memory.keys))]


def part_of(memory: Memory, services: Iterable[str], measures: Iterable[str], *, is_whole: bool) -> Memory:
    """Return the rows of ``services`` and ``measures`` alone, and those of rates, which ratios are judged by.

    ``is_whole``: without those of operations.
    """
    wanted, read = set(services), {of.RATE, *measures}
    is_wanted = [
        key.service in wanted and key.measure in read and not (is_whole and key.operation) for key in memory.keys
    ]
    part = Memory(memory.judged_to, memory.told_from, list(memory.keys), dict(memory.own), dict(memory.maths))
    part.keep(np.array(is_wanted, dtype=bool))
    return part


def unmeasured(found: Sequence[Band], why: Mapping[str, str], measures: Iterable[str], points: int) -> list[Band]:
    """Return a band that is not known for each of ``measures`` that a service has none of.

    ``why`` has every service in question, and a reason ("" for that nothing of it was measured).
    """
    there: set[Place] = {(one.key.service, one.key.measure) for one in found if not one.key.operation}
    none = np.full(points, np.nan)
    asked = list(measures)
    return [
        Band(Key(service, measure), none, none, none, False, reason or NEVER_MEASURED)
        for service, reason in why.items()
        for measure in asked
        if (service, measure) not in there
    ]


def band_json(band: Band) -> dict[str, Any]:
    """Return a band as JSON; numbers are rounded for drawing."""
    key = band.key
    per = SECONDS_PER_MINUTE if key.measure == of.RATE else 1
    return {
        "service": key.service,
        "measure": key.measure,
        "metric": key.metric,
        "operation": key.operation,
        "unit": UNITS[key.measure],
        "expected": _column(band.expected / per),
        "low": _column(band.low / per),
        "high": _column(band.high / per),
        "judged": band.is_judged,
        "reason": band.reason,
    }


def position(band: Band) -> tuple[str, int, str, str]:
    """Return where a band stands in an answer: by service, measure, metric and operation."""
    key = band.key
    return key.service, of.MEASURES.index(key.measure), key.metric, key.operation


def _band(memory: Memory, judged_by: Rules, policies: Mapping[str, Policy], means: Limits, row: int) -> Band:
    key, none = memory.keys[row], np.full(means.expected.shape[1], np.nan)
    expected, low, high = (one[row] for one in means)
    why = _not_judged(memory, judged_by, policies[key.service], row)
    if key.measure == of.SILENCE:
        return Band(key, none, none, none, not why, why or NO_BAND)
    if why:
        is_learnt = memory.maths["seen"][row] >= ENOUGH
        return Band(key, expected if is_learnt else none, none, none, False, why)
    is_known = ~np.isnan(high)
    if not is_known.any() and len(is_known):
        return Band(key, expected, low, high, False, FEW_REQUESTS)
    return Band(key, expected, low, high, True, "" if is_known.all() else SOMETIMES_FEW)


def _not_judged(memory: Memory, judged_by: Rules, policy: Policy, row: int) -> str:
    """Return why the series is not judged in the next bucket, "" if it is."""
    key = memory.keys[row]
    if not policy.is_judged:
        return NOT_JUDGED
    if not judged_by.judged[row]:
        return OPERATION_RATE
    age, needed = memory.judged_to - int(memory.own["born"][row]), int(judged_by.history[row])
    if age < needed:
        return too_short(age, needed)
    if key.measure == of.SILENCE:
        return "" if steady(memory.own, judged_by.is_of(of.SILENCE))[row] else NOT_STEADY
    if memory.maths["seen"][row] < ENOUGH:
        return FEW_VALUES
    return ""


def _column(values: Floats) -> list[float | None]:
    """Return values with five digits that matter, None for NaN."""
    size = np.floor(np.log10(np.maximum(np.abs(np.nan_to_num(values)), 1e-300)))
    scale = 10.0 ** np.clip(DIGITS - 1 - size, 0, 12)
    rounded: list[float] = (np.round(values * scale) / scale).tolist()
    return [None if one != one else one for one in rounded]
