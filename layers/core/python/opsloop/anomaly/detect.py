"""One score per row of one time series: the judgement of production over a whole series at once.

Causal (a row's score depends on that row and those before it), deterministic, one configuration for all series. Time of
the clock is only used for the season; everything else counts rows, so irregular steps, gaps and repeated stamps need no
care. A row without a finite value scores 0 and is otherwise left out.
"""

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import peaks, profile, sketch
from opsloop.anomaly.alarm import alarms
from opsloop.anomaly.score import SPANS, Moment, Votes, evidence, judge, logarithm, quantities, score, share

Floats = NDArray[np.float64]
Seconds = NDArray[np.int64]

CHUNK = 2048
"""Rows whose histograms are made at once: 2.6 MB."""
USUAL_PER_HOUR = 12
BURDEN = 0.14
"""How much more evidence a row needs where there are e times as many rows per hour as in production (12, every five
minutes): more rows are more occasions per day to be wrong, and a person bears alarms per day, not per row."""
LARGEST = 1e30
"""Values beyond are cut: the profile and the averages of production are kept as float32, which ends at 3.4e38."""


def detect(timestamps: NDArray[np.datetime64], values: Floats, warmup: int = 0) -> Floats:
    """Return the scores of one series, shape (2, n), in [0, 1].

    Row 0 is how unusual each value is. Row 1 is the same where a person should be told, and small while an episode that
    was told goes on (``alarm``). ``timestamps`` are of type datetime64[s], oldest first; NaN, infinite values and
    stamps that are NaT score 0. The first ``warmup`` rows raise no alarm.
    """
    scores = np.zeros((2, len(values)))
    seconds = timestamps.astype("datetime64[s]").astype(np.int64)
    known = np.flatnonzero(np.isfinite(values) & ~np.isnat(timestamps))
    if len(known):
        series = np.clip(values[known].astype(np.float64), -LARGEST, LARGEST)
        ordered = np.maximum.accumulate(seconds[known])
        combined = score(evidence(votes(ordered, series).combined) / burden(ordered))
        scores[0, known] = combined
        scores[1, known] = alarms(combined, int(np.searchsorted(known, warmup)))
    return scores


def burden(seconds: Seconds) -> Floats:
    """Return how many times the evidence of a row of production each row needs, from the rows per hour so far."""
    hour = np.cumsum(np.diff(seconds // profile.HOUR_S, prepend=-1) > 0)
    answer: Floats = 1.0 + BURDEN * np.log(np.arange(1, len(seconds) + 1) / hour / USUAL_PER_HOUR)
    return answer


def votes(seconds: Seconds, values: Floats) -> Votes:
    """Return each detector's vote and the expectation of each row; ``values`` are finite, ``seconds`` never fall."""
    moment = moments(seconds, values)
    measured = quantities(moment)
    return judge(moment, measured, usual_sizes(measured), recurring_sizes(seconds, measured))


def moments(seconds: Seconds, values: Floats) -> Moment:
    """Return what the past of each row says of it."""
    count = np.arange(1, len(values) + 1)
    weights = {span: share(span, count).tolist() for span in set(SPANS)}
    level_span, mean_span, spread_span, fast, slow, hours, days = SPANS
    size = _average(np.abs(values), weights[level_span])
    mean = _average(values, weights[mean_span])
    level = _before(size, np.abs(values[0]))
    level = np.where(level > 0, level, np.abs(values))
    expected = expectation(seconds, values)
    is_profiled = ~np.isnan(expected)
    expected = np.where(is_profiled, expected, _before(mean, values[0]))
    residual, log = values - expected, logarithm(values, level)
    change = log - logarithm(expected, level)
    spread = _average(np.abs(residual), weights[spread_span])
    averages = [size, mean, spread]
    averages += [_average(log, weights[span]) for span in (fast, slow)]
    averages += [_average(change * is_profiled, weights[span]) for span in (hours, days)]
    return Moment(
        values,
        expected,
        _before(residual, residual[0]),
        change,
        np.r_[change[:2], change[:-2]],
        level,
        _before(spread, 0.0),
        np.stack(averages, axis=1),
        count - 1,
        np.cumsum(is_profiled),
    )


def expectation(seconds: Seconds, values: Floats) -> Floats:
    """Return what the seasonal profile, as learnt from the hours before a row's hour, expects of it; NaN if nothing."""
    hours, first, row = np.unique(seconds // profile.HOUR_S, return_index=True, return_inverse=True)
    means = np.add.reduceat(values, first) / np.diff(first, append=len(values))
    lookup = _Slots(hours, means)
    here, after = (lookup.centre(np.arange(len(hours)), offset) for offset in (0, 1))
    before = lookup.centre(np.arange(len(hours)), -1)
    follows = np.flatnonzero(np.diff(hours, prepend=hours[0]) == 1)
    before[follows] = here[follows - 1]  # as it was expected while that hour ran
    curve = np.stack([before, here, after], axis=1)[row]
    return profile.between(curve, (seconds % profile.HOUR_S).astype(np.float64))


class _Slots:
    """The slots of the profile as they were at the start of each hour that has values."""

    def __init__(self, hours: NDArray[np.int64], means: Floats) -> None:
        self.hours = hours
        self.scale = len(hours) + 1
        slot = hours % profile.WEEK_H
        self.keys = np.sort(slot * self.scale + np.arange(len(hours)))
        order = self.keys % self.scale  # by slot, then by time
        starts = np.diff(self.keys // self.scale, prepend=-1) > 0
        number = np.arange(len(order)) - np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
        self.learnt = np.full(len(hours) + 1, profile.UNKNOWN, dtype=np.uint16)
        for week in range(int(number.max()) + 1):
            place = np.flatnonzero(number == week)
            old = np.where(week > 0, self.learnt[place - 1], np.uint16(profile.UNKNOWN))
            self.learnt[place] = profile.learnt(old, means[order[place]])

    def centre(self, index: NDArray[np.int64], offset: int) -> Floats:
        """Return what is expected ``offset`` hours from the hours number ``index``, as known when these start."""
        asked = self.hours[index] + offset
        weekdays = np.arange(7) * profile.DAY_H
        days = self._at((asked % profile.DAY_H)[:, None] + weekdays, index[:, None])
        week = self._at(asked % profile.WEEK_H, index)
        is_weekly = self.hours[index] - self.hours[0] >= profile.WEEKLY_FROM_H
        return profile.centre(days, week, is_weekly)

    def _at(self, slot: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.uint16]:
        place = np.searchsorted(self.keys, slot * self.scale + before) - 1
        is_there = (place >= 0) & (self.keys[place] // self.scale == slot)
        return self.learnt[np.where(is_there, place, -1)]


def recurring_sizes(seconds: Seconds, measured: Floats) -> Floats:
    """Return what each quantity reached around this hour on both days before each row, of the shape of ``measured``."""
    hours, first, row = np.unique(seconds // profile.HOUR_S, return_index=True, return_inverse=True)
    reached = np.r_[np.maximum.reduceat(peaks.code(measured), first), np.zeros((1, measured.shape[1]), dtype=np.uint8)]
    asked = hours[:, None, None] + np.array(peaks.AROUND) - np.array(peaks.DAYS_H)[:, None]
    place = np.searchsorted(hours, asked)
    place = np.where(hours[np.minimum(place, len(hours) - 1)] == asked, place, len(hours))
    each: Floats = peaks.recurring(np.moveaxis(reached[place], -1, 1))[row]
    return each


def usual_sizes(measured: Floats) -> Floats:
    """Return the usual great size of each quantity before each row, of the shape of ``measured``: (n, n_quantities)."""
    answer = np.empty_like(measured)
    place = sketch.bins(measured)
    held = np.zeros((measured.shape[1], sketch.BINS), dtype=np.uint16)
    quantity = np.arange(measured.shape[1])
    at = 0
    while at < len(measured):
        room = sketch.MOST - int(held[0].sum(dtype=np.int64))
        here = place[at : at + min(CHUNK, room)]
        counts = np.zeros((len(here) + 1, *held.shape), dtype=np.uint16)
        counts[0] = held
        counts[np.arange(1, len(here) + 1)[:, None], quantity, here] = 1
        np.cumsum(counts, axis=0, out=counts)
        answer[at : at + len(here)] = sketch.usual(counts[:-1])
        held = counts[-1]
        if len(here) == room:
            held = sketch.halved(held)
        at += len(here)
    return answer


def _average(values: Floats, weights: list[float]) -> Floats:
    """Return the running average after each value."""
    average, answer = 0.0, []
    for value, weight in zip(values.tolist(), weights, strict=True):
        average += weight * (value - average)
        answer.append(average)
    return np.array(answer)


def _before(values: Floats, first: float) -> Floats:
    return np.concatenate([[first], values[:-1]])
