"""The series around an anomaly: its values read again from the blocks, and the band as far as it can be found again.

The detector keeps no band of the past. So the series is stepped through once more, by the detector's own mathematics,
from up to fifteen days before on; what was excluded, and what was unusual, is not learned. That gives what the detector
expected, but for what it remembered from before those days. Where that cannot be had, the band is not known.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import series as of
from opsloop.anomaly.exclude import Window
from opsloop.anomaly.hour import Blocks, Hour, Hours, Patterns
from opsloop.anomaly.judge import CALM_BUCKETS, NOT_LEARNED_MINUTES, SECONDS
from opsloop.anomaly.model import Anomaly
from opsloop.anomaly.series import BUCKET_MINUTES, Key, measure
from opsloop.anomaly.step import fresh, step
from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR, format_time, hour_start, time_of
from opsloop.dataclass import dataclass
from opsloop.log.model import PatternHour
from opsloop.telemetry.model import SeenService

HISTORY_MINUTES = 15 * MINUTES_PER_DAY
BEFORE_MINUTES, AFTER_MINUTES, MOST_MINUTES = 120, 60, MINUTES_PER_DAY
AHEAD_HOURS = 24
"""Of one service more hours fit into one read than of all."""
BUCKETS_PER_HOUR = MINUTES_PER_HOUR // BUCKET_MINUTES
NO_BAND = {of.SILENCE: "a service is heard or not: there is no band"}
NOT_ASKED = "it was not asked for"
NO_TIME = "there was no time to read the days before"
TOO_YOUNG = "too little history"

Floats = NDArray[np.float64]
Band = tuple[float | None, float | None, float | None]
NOTHING: Band = (None, None, None)


@dataclass(frozen=True)
class Past:
    """What is read: the blocks and patterns of ``service``, which was heard since ``first_seen``; what was not learned
    of it: ``windows``, and the time of ``anomalies`` of the same series."""

    blocks: Blocks
    patterns: Patterns
    first_seen: int
    windows: Sequence[Window] = ()
    anomalies: Sequence[Anomaly] = ()


class _NoPatterns:
    """For series that are not made of logs."""

    def hours(self, _service: str, _first_hour: int, _last_hour: int) -> list[PatternHour]:
        """Return nothing."""
        return []


def key_of(anomaly: Anomaly) -> Key:
    """Return the series that ``anomaly`` is of."""
    return Key(anomaly.service, anomaly.measure, anomaly.metric, anomaly.operation)


def window_around(anomaly: Anomaly, judged_to: int) -> tuple[int, int]:
    """Return the minutes to show: two hours before, one after, a day in all, and nothing that is not judged yet."""
    first = anomaly.first_minute - BEFORE_MINUTES
    end = min(anomaly.last_minute + 1 + AFTER_MINUTES, first + MOST_MINUTES, judged_to)
    return first, max(end, first)


def around(
    anomaly: Anomaly, past: Past, judged_to: int, has_time: Callable[[], bool], *, has_band: bool = True
) -> dict[str, Any]:
    """Return the series around ``anomaly`` as JSON: ``points`` with ``start``, ``value``, ``expected``, ``low``,
    ``high`` (null where not known), ``history_from``, and ``why_no_band`` where no point has one.

    Without ``has_band`` the days before are not read, and points have values alone.
    """
    key = key_of(anomaly)
    first, end = window_around(anomaly, judged_to)
    begin = max(hour_start(first - HISTORY_MINUTES), hour_start(past.first_seen))
    why = NO_BAND.get(key.measure, "" if has_band else NOT_ASKED)
    points: list[dict[str, Any]] = []
    if not why:
        points = list(_stepped(key, past, begin, first, end, has_time))
        why = "" if any(one["expected"] is not None for one in points) else TOO_YOUNG
        if end > first and not points:
            why = NO_TIME
    if not points:
        begin = hour_start(first)
        points = [
            _point(minute, value, NOTHING) for minute, value in _values(key, past, begin, end) if first <= minute < end
        ]
    return {
        "bucket_minutes": BUCKET_MINUTES,
        "history_from": format_time(time_of(begin)),
        "why_no_band": why,
        "points": points,
    }


def _stepped(
    key: Key, past: Past, begin: int, first: int, end: int, has_time: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """Yield the points from ``first`` to before ``end``, learning since ``begin``; nothing if time runs out."""
    memory, row = fresh(1), np.zeros(1, dtype=np.int64)
    for minute, value in _values(key, past, begin, end):
        if minute < first and minute % MINUTES_PER_HOUR == 0 and not has_time():
            return
        band = NOTHING
        if not np.isnan(value):
            is_learnt = np.array([not _is_left_out(key.service, minute, past)])
            votes = step(memory, row, minute * SECONDS, np.array([value]), is_learnt)
            if votes.is_known[0]:
                band = float(votes.expected[0]), max(float(votes.low[0]), 0.0), float(votes.high[0])
        if minute >= first:
            yield _point(minute, value, band)


def _values(key: Key, past: Past, begin: int, end: int) -> Iterator[tuple[int, float]]:
    """Yield the series' buckets, minute and value (NaN where missing), as the detector sees them."""
    seen = [SeenService(key.service, past.first_seen, end)]
    hours = Hours(
        past.blocks, past.patterns if key.measure == of.PATTERN else _NoPatterns(), seen, end, ahead_hours=AHEAD_HOURS
    )
    is_born = False
    for start in range(begin, end, MINUTES_PER_HOUR):
        values = _hour_values(key, hours.hour(start))
        for column in range(min(BUCKETS_PER_HOUR, (end - start) // BUCKET_MINUTES)):
            value = values[column]
            is_born = is_born or value > 0 or (key.measure not in (of.RATE, of.PATTERN) and value == value)
            yield start + column * BUCKET_MINUTES, float(value) if is_born else float("nan")


def _hour_values(key: Key, hour: Hour) -> Floats:
    blocks, patterns = hour.blocks.get(key.service, ()), hour.patterns.get(key.service, ())
    measured = measure(key.service, blocks, patterns, hour.start, BUCKETS_PER_HOUR)
    nothing = 0.0 if key.measure in (of.RATE, of.PATTERN) else np.nan
    values: Floats = np.where(measured.alive, nothing, np.nan)
    if key in measured.keys:
        values = measured.values[measured.keys.index(key)]
    return values


def _is_left_out(service: str, minute: int, past: Past) -> bool:
    """Return whether the detector did not learn from the bucket at ``minute``."""
    return _is_in(service, minute, past.windows) or any(_was_open(one, minute) for one in past.anomalies)


def _is_in(service: str, minute: int, windows: Iterable[Window]) -> bool:
    end = minute + BUCKET_MINUTES
    return any(one.service in ("", service) and one.first_minute < end and minute < one.end_minute for one in windows)


def _was_open(anomaly: Anomaly, minute: int) -> bool:
    """Return whether ``anomaly`` went on in the bucket: until so many calm ones, and for a day of it at most."""
    last = anomaly.last_minute + 1 - BUCKET_MINUTES + CALM_BUCKETS * BUCKET_MINUTES
    return anomaly.first_minute < minute <= last and minute - anomaly.first_minute < NOT_LEARNED_MINUTES


def _point(minute: int, value: float, band: Band) -> dict[str, Any]:
    expected, low, high = band
    return {
        "start": format_time(time_of(minute)),
        "value": None if np.isnan(value) else float(value),
        "expected": expected,
        "low": low,
        "high": high,
    }
