"""What is usual of each series at any time, by what is remembered now: the expected value, and where a call begins.

A limit is the value at which the detector would call its bucket, were the series at rest until then: at what was
expected, at its level of the last hours and days. It is found by asking the detector's own score, floors and presets
again and again, ever closer. The more of these hold a value back, the wider the band: a score of 0.5 alone (``score``),
the margin of the measure, enough requests, and no chance (``judge``).

How many requests are behind a ratio or a percentile is what is expected of the rate at that time.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import peaks, profile, sketch
from opsloop.anomaly import series as of
from opsloop.anomaly.judge import STRONG, beyond
from opsloop.anomaly.policy import Rules
from opsloop.anomaly.presets import NONE, crossed
from opsloop.anomaly.score import SPANS, Moment, judge, logarithm, quantities, share
from opsloop.anomaly.series import BUCKET_MINUTES, Key
from opsloop.anomaly.state import Columns, Memory
from opsloop.anomaly.step import turned
from opsloop.clock import MINUTES_PER_HOUR
from opsloop.dataclass import dataclass, replace

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

MINUTES_PER_WEEK = profile.WEEK_H * MINUTES_PER_HOUR
MOST_RATIO = 1.0
FARTHEST, NEAREST = 2.0**40, 2.0**-20
"""In sizes of the series: what is not called so far off never is, and nothing so near is looked at."""
STRIDE, HALVINGS = 8.0, 16
"""Three octaves at a time, then halved: a distance is right to 3 in 100,000."""
ENDLESS_REQUESTS = 1e12


class Limits(NamedTuple):
    """Each array of shape (n_series, n_times), in the series' unit.

    Values from ``low`` to ``high`` are not called, values beyond are. ``low`` is 0 where no low value is called,
    ``high`` of a ratio 1 where none is. NaN: ``expected`` where nothing was learnt, ``low`` and ``high`` where too few
    requests are expected for anything to be called.
    """

    expected: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class _Rest:
    """Values to try, one at each series and time, and what the detector would know of them.

    ``drag``, shape (n, 4): how far one value draws the fast and slow level and the two averages of residuals with it.
    """

    rules: Rules
    expected: Floats
    level: Floats
    seen: Ints
    profiled: Ints
    drag: Floats
    usual: Floats
    recurring: Floats
    requests: Floats

    def of_rows(self, rows: Ints) -> "_Rest":
        """Return some of the rows."""
        columns: dict[str, Any] = {name: one[rows] for name, one in vars(self).items() if isinstance(one, np.ndarray)}
        return replace(self, rules=_picked(self.rules, rows), **columns)

    def is_called(self, value: Floats) -> Flags:
        """Return which of ``value`` would begin an anomaly, each in one bucket."""
        rules = self.rules
        weight = np.where(rules.is_of(of.RATE, of.PATTERN), value * BUCKET_MINUTES, self.requests)
        _, is_far = beyond(value, weight, self.expected, rules)
        is_known = np.ones(len(value), dtype=bool)
        level, _ = crossed(rules, value, weight, self.expected, is_known=is_known)
        return (is_far & (self._score(value) >= STRONG)) | (level > NONE)

    def _score(self, value: Floats) -> Floats:
        level = np.where(self.level > 0, self.level, np.abs(value))
        change = logarithm(value, level) - logarithm(self.expected, level)
        none = np.zeros(len(value))
        averages = np.zeros((len(value), len(SPANS)))
        averages[:, 3:] = self.drag * change[:, None]
        moment = Moment(value, self.expected, none, change, none, level, none, averages, self.seen, self.profiled)
        return judge(moment, quantities(moment), self.usual, self.recurring).combined


def limits(memory: Memory, rules: Rules, minutes: Ints) -> Limits:
    """Return what is usual of every series of ``memory`` in the buckets that begin at ``minutes``.

    ``rules`` are those of the memory's keys. What is usual depends on the hour of the week alone, except in the hour in
    which the detector is: there it is what it will compare its next values with.
    """
    now_h = memory.judged_to // MINUTES_PER_HOUR
    rows = len(memory.keys)
    columns = turned(memory.maths, np.arange(rows), now_h)
    hour = minutes // MINUTES_PER_HOUR
    alike = minutes % MINUTES_PER_WEEK + MINUTES_PER_WEEK * (hour == now_h)
    _, first, place = np.unique(alike, return_index=True, return_inverse=True)
    times = minutes[first]
    expected, is_profiled = _expected(columns, times, now_h)
    rest = _at_rest(memory, columns, rules, times, expected, is_profiled)
    shape = expected.shape
    low, high = (one.reshape(shape)[:, place] for one in _searched(rest))
    return Limits(expected[:, place], low, high)


def _expected(columns: Columns, minutes: Ints, now_h: int) -> tuple[Floats, Flags]:
    """Return what is expected, and where a seasonal profile says so; both of shape (n_series, n_times)."""
    rows, slots = len(columns["slots"]), columns["slots"]
    of_day = slots.reshape(rows, -1, profile.DAY_H).transpose(0, 2, 1)  # hour of the day, then the seven days
    days = np.tile(of_day, (1, profile.WEEK_H // profile.DAY_H, 1)).reshape(rows * profile.WEEK_H, -1)
    age = now_h - columns["since_h"].astype(np.int64)
    is_weekly = np.repeat(age >= profile.WEEKLY_FROM_H, profile.WEEK_H)
    centre = profile.centre(days, slots.reshape(-1), is_weekly).reshape(rows, profile.WEEK_H)
    hour = minutes // MINUTES_PER_HOUR
    curve = np.stack([centre[:, (hour + offset) % profile.WEEK_H] for offset in (-1, 0, 1)], axis=2)
    curve[:, hour == now_h] = columns["curve"].astype(np.float64)[:, None, :]
    second = np.tile(minutes % MINUTES_PER_HOUR * 60.0, rows)
    expected = profile.between(curve.reshape(-1, 3), second).reshape(rows, -1)
    is_profiled = ~np.isnan(expected)
    mean = np.where(columns["seen"] > 0, columns["averages"][:, 1].astype(np.float64), np.nan)
    return np.where(is_profiled, expected, mean[:, None]), is_profiled


def _at_rest(
    memory: Memory, columns: Columns, rules: Rules, minutes: Ints, expected: Floats, is_profiled: Flags
) -> _Rest:
    rows, times = expected.shape
    seen = columns["seen"].astype(np.int64)
    weight = np.stack([share(span, seen + 1) for span in SPANS[3:]], axis=1)
    is_drift = np.array([False, False, True, True])
    drag = np.repeat(weight, times, axis=0) * (is_profiled.reshape(-1, 1) | ~is_drift)
    return _Rest(
        rules=_picked(rules, np.repeat(np.arange(rows), times)),
        expected=expected.reshape(-1),
        level=np.repeat(columns["averages"][:, 0].astype(np.float64), times),
        seen=np.repeat(seen, times),
        profiled=(columns["profiled"].astype(np.int64)[:, None] + is_profiled).reshape(-1),
        drag=drag,
        usual=np.repeat(sketch.usual(columns["counts"]), times, axis=0),
        recurring=_recurring(columns, minutes, memory.judged_to // MINUTES_PER_HOUR).reshape(rows * times, -1),
        requests=_requests(memory.keys, expected).reshape(-1),
    )


def _recurring(columns: Columns, minutes: Ints, now_h: int) -> Floats:
    """Return what is reached daily at these times, of the two days that are remembered: (n_series, n_times, 4)."""
    by_hour = [peaks.recurring(columns["peaks"][:, :, peaks.places(now_h + ahead)]) for ahead in range(profile.DAY_H)]
    ahead = (minutes // MINUTES_PER_HOUR - now_h) % profile.DAY_H
    answer: Floats = np.stack(by_hour, axis=1)[:, ahead]
    return answer


def _requests(keys: list[Key], expected: Floats) -> Floats:
    """Return how many requests are expected behind each value in one bucket; NaN where their rate is not known."""
    row = {key: place for place, key in enumerate(keys)}
    answer = np.ones_like(expected)
    for place, key in enumerate(keys):
        if key.measure in (of.ERROR_RATIO, of.P95):
            rate = row.get(key._replace(measure=of.RATE), -1)
            answer[place] = expected[rate] * BUCKET_MINUTES if rate >= 0 else np.nan
    return answer


def _picked(rules: Rules, rows: Ints) -> Rules:
    """Return the rules of some rows, each as often as it is named."""
    columns: dict[str, Any] = {name: one[rows] for name, one in vars(rules).items() if isinstance(one, np.ndarray)}
    return replace(rules, presets={name: one[rows] for name, one in rules.presets.items()}, **columns)


def _searched(rest: _Rest) -> tuple[Floats, Floats]:
    """Return the limits below and above."""
    expected, rules = rest.expected, rest.rules
    size = np.maximum(np.maximum(np.abs(expected), rest.level), np.maximum(rules.absolute, 1e-6))
    floor = np.maximum(rules.absolute, rules.relative * np.abs(expected)) / rules.sensitivity
    has_preset = np.any(list(rules.presets.values()), axis=0)
    nearest = np.where(has_preset, 0.0, floor)
    down = np.where(rules.low, np.maximum(expected, 0.0), 0.0)
    distance, is_called = _distance(rest, -1.0, np.maximum(nearest, size * NEAREST), down)
    low = np.where(is_called, expected - distance, 0.0)
    is_ratio = rules.is_of(of.ERROR_RATIO, of.SATURATION)
    up = np.where(is_ratio, np.maximum(MOST_RATIO - expected, 0.0), size * FARTHEST)
    distance, is_called = _distance(rest, 1.0, np.maximum(nearest, size * NEAREST), up)
    high = np.where(is_called, expected + distance, np.where(is_ratio, MOST_RATIO, np.nan))
    with_many = replace(rest, requests=np.full(len(expected), ENDLESS_REQUESTS))
    is_short = ~is_called & with_many.is_called(expected + up)
    is_short |= np.isnan(rest.requests) | np.isnan(expected)
    return np.where(is_short, np.nan, low), np.where(is_short, np.nan, np.maximum(high, expected))


def _distance(rest: _Rest, side: float, nearest: Floats, farthest: Floats) -> tuple[Floats, Flags]:
    """Return how far from what is expected a call begins, and where it does at all, up to ``farthest``.

    Nothing nearer than ``nearest`` is called. From there on steps are wide until a value is called, then halved; each
    time only the rows that are not decided yet are asked.
    """
    near, far = np.minimum(nearest, farthest), np.minimum(nearest, farthest)
    is_called = np.zeros(len(near), dtype=bool)
    left = np.flatnonzero(farthest > 0)
    while len(left):
        found = rest.of_rows(left).is_called(rest.expected[left] + side * far[left])
        is_called[left] = found
        left = left[~found & (far[left] < farthest[left])]
        near[left] = far[left]
        far[left] = np.minimum(far[left] * STRIDE, farthest[left])
    left = np.flatnonzero(is_called & (near < far))
    some = rest.of_rows(left)
    for _ in range(HALVINGS):
        middle = np.sqrt(near[left] * far[left])
        found = some.is_called(some.expected + side * middle)
        near[left] = np.where(found, near[left], middle)
        far[left] = np.where(found, middle, far[left])
    return near, is_called
