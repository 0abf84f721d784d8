"""One bucket further for many series at once: what production remembers of each series, and how it is judged.

The memory is a dictionary of columns whose first axis are series, in the types in which they are stored. ``step``
judges one value of each of some rows and learns it. Stepping through one series gives what ``detect`` gives for it, but
for the rounding of the averages to float32.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import peaks, profile, sketch
from opsloop.anomaly.score import (
    LONG_SPANS,
    QUANTITIES,
    SPANS,
    Moment,
    Votes,
    judge,
    logarithm,
    quantities,
    share,
)

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

NEVER = -(2**31)
FORM: Mapping[str, tuple[str, tuple[int, ...], float]] = {
    "averages": ("<f4", (len(SPANS),), 0),
    "before": ("<f4", (3,), 0),
    "seen": ("<i4", (), 0),
    "profiled": ("<i4", (), 0),
    "since_h": ("<i4", (), NEVER),
    "hour": ("<i4", (), NEVER),
    "hour_mean": ("<f4", (), 0),
    "hour_rows": ("<i4", (), 0),
    "curve": ("<f4", (3,), np.nan),
    "slots": ("<u2", (profile.WEEK_H,), profile.UNKNOWN),
    "counts": ("<u2", (len(QUANTITIES), sketch.BINS), 0),
    "peaks": ("|u1", (len(QUANTITIES), peaks.HOURS), 0),
}
"""Columns by name: type, shape of a row, value of a new row.

``averages``: of ``score.SPANS``. ``before``: the last residual, the last logarithmic residual and the one before it.
``seen``: rows learnt. ``since_h``, ``hour``: hour since the epoch of the first value and of the last. ``hour_mean``,
``hour_rows``: of the hour so far. ``curve``: what is expected in the middle of the hour before, of this hour and of the
next. ``slots``: the seasonal profile. ``counts``: the histograms of the quantities. ``peaks``: their greatest sizes by
hour.
"""
BYTES_PER_SERIES = sum(np.dtype(kind).itemsize * int(np.prod(shape)) for kind, shape, _ in FORM.values())


def fresh(rows: int) -> Columns:
    """Return the memory of ``rows`` new series."""
    return {name: np.full((rows, *shape), value, dtype=kind) for name, (kind, shape, value) in FORM.items()}


def turned(memory: Columns, rows: NDArray[np.int64], hour: int) -> Columns:
    """Return the memory of ``rows`` as it is when their next values come in ``hour`` (since the epoch); a copy."""
    one = {name: column[rows] for name, column in memory.items()}
    _turn_hour(one, hour)
    return one


def step(
    memory: Columns, rows: NDArray[np.int64], second: int, values: Floats, is_learnt: NDArray[np.bool_] | None = None
) -> Votes:
    """Judge ``values`` (no NaN) of the series ``rows`` at ``second`` since the epoch, and learn them in place.

    ``rows`` are indices into the columns, each at most once; leave out series without a value. Calls must come in order
    of time. Rows for which ``is_learnt`` is false (an incident, an approved change) are judged and followed, but change
    neither the profile nor the histograms nor the long averages.
    """
    one = {name: column[rows] for name, column in memory.items()}
    learnt = np.ones(len(rows), dtype=bool) if is_learnt is None else is_learnt
    hour = second // profile.HOUR_S
    _turn_hour(one, hour)
    moment, averages = _moment(one, second % profile.HOUR_S, values)
    measured = quantities(moment)
    recurring = peaks.recurring(one["peaks"][:, :, peaks.places(hour)])
    votes = judge(moment, measured, sketch.usual(one["counts"]), recurring)
    is_first = one["seen"] == 0
    averages = np.where(LONG_SPANS & ~learnt[:, None] & ~is_first[:, None], one["averages"], averages)
    one["averages"][:] = averages
    one["before"][:] = np.stack([values - moment.expected, moment.change, one["before"][:, 1]], axis=1)
    counts = one["counts"][learnt]
    sketch.add(counts, measured[learnt])
    one["counts"][learnt] = counts
    reached = peaks.code(measured) * learnt[:, None]
    now = one["peaks"][:, :, hour % peaks.HOURS]
    np.maximum(now, reached, out=now)
    one["seen"] += learnt
    one["profiled"][:] = moment.profiled
    one["hour_rows"] += learnt
    one["hour_mean"] += np.where(learnt, (values - one["hour_mean"]) / np.maximum(one["hour_rows"], 1), 0.0)
    for name, column in memory.items():
        column[rows] = one[name]
    return votes


def _moment(one: Columns, second: int, values: Floats) -> tuple[Moment, Floats]:
    """Return what is to be judged, and the averages with it."""
    is_first = one["seen"] == 0
    old = one["averages"].astype(np.float64)
    level = np.where(old[:, 0] > 0, old[:, 0], np.abs(values))
    expected = profile.between(one["curve"].astype(np.float64), np.full(len(values), float(second)))
    is_profiled = ~np.isnan(expected)
    plain = np.where(is_first, values, old[:, 1])
    expected = np.where(is_profiled, expected, plain)
    residual, log = values - expected, logarithm(values, level)
    change = log - logarithm(expected, level)
    new = np.stack(
        [np.abs(values), values, np.abs(residual), log, log, change * is_profiled, change * is_profiled], axis=1
    )
    weight = np.stack([share(span, one["seen"] + 1) for span in SPANS], axis=1)
    averages = old + weight * (new - old)
    before = one["before"].astype(np.float64)
    before_residual = np.where(is_first, residual, before[:, 0])
    before_change = np.where(one["seen"] < 2, change, before[:, 2])
    seen, profiled = one["seen"].astype(np.int64), one["profiled"] + is_profiled.astype(np.int64)
    moment = Moment(
        values, expected, before_residual, change, before_change, level, old[:, 2], averages, seen, profiled
    )
    return moment, averages


def _turn_hour(one: Columns, hour: int) -> None:
    """Close the hour of the series whose last value was in an earlier one, and open ``hour`` for them."""
    turned = np.flatnonzero(one["hour"] != hour)
    if not len(turned):
        return
    last, slots = one["hour"][turned], one["slots"][turned]
    row, closed = np.arange(len(turned)), last % profile.WEEK_H
    mean = np.where(one["hour_rows"][turned] > 0, one["hour_mean"][turned].astype(np.float64), np.nan)
    slots[row, closed] = profile.learnt(slots[row, closed], mean)
    one["since_h"][turned] = np.where(last == NEVER, hour, one["since_h"][turned])
    age = hour - one["since_h"][turned]
    here, after = (_centre(slots, hour + offset, age) for offset in (0, 1))
    before = np.where(last == hour - 1, one["curve"][turned, 1], _centre(slots, hour - 1, age))
    one["curve"][turned] = np.stack([before, here, after], axis=1)
    one["slots"][turned] = slots
    ring = np.arange(peaks.HOURS)
    is_past = (ring - last[:, None] - 1) % peaks.HOURS < np.minimum(hour - last.astype(np.int64), peaks.HOURS)[:, None]
    one["peaks"][turned] *= ~is_past[:, None, :]
    one["hour"][turned], one["hour_mean"][turned], one["hour_rows"][turned] = hour, 0, 0


def _centre(slots: NDArray[np.uint16], hour: int, age_h: NDArray[np.int64]) -> Floats:
    days = slots[:, hour % profile.DAY_H :: profile.DAY_H]
    return profile.centre(days, slots[:, hour % profile.WEEK_H], age_h >= profile.WEEKLY_FROM_H)
