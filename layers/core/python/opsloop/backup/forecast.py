"""How long will a restore take next quarter? Robust lines through what was measured, and how sure they are.

A line is Theil and Sen's: its slope is the median of the slopes between all pairs of points, so that up to 29 % of the
points may be wrong without moving it far. The interval of the slope is Sen's, from Kendall's variance.

References
----------
P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968) 1379-1389.
R. O. Gilbert, *Statistical Methods for Environmental Pollution Monitoring* (1987), section 16.5.
R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996), definition 1.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from statistics import median
from typing import Any

from opsloop.backup.wording import size, span
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

HORIZON_S = 90 * 86_400.0
"""A quarter."""
MIN_POINTS, MIN_DAYS = 8, 14
MAX_POINTS = 150
"""Points beyond these are thinned evenly: 11,175 pairs take 5 ms."""
MIN_SPREAD = 0.2
"""Of sizes that lie closer together (relative to their median) no line through seconds can be drawn."""
Z95 = 1.959964
DAY_S = 86_400.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """``y = at_zero + slope * x``, and the 95 % interval of the slope."""

    slope: float
    at_zero: float
    slope_low: float
    slope_high: float


@dataclass(frozen=True)
class Forecast:
    """What a restore will take in ``horizon_s``, with the interval that nine of ten restores should lie in.

    ``why_not`` says why there is none; then the numbers are None. ``method`` is ``line`` (seconds against size) or
    ``proportional`` (seconds per byte, where sizes differ too little for a line).
    """

    horizon_s: float
    why_not: str = ""
    method: str = ""
    size_bytes: float | None = None
    size_low_bytes: float | None = None
    size_high_bytes: float | None = None
    restore_s: float | None = None
    restore_low_s: float | None = None
    restore_high_s: float | None = None
    sizes: int = 0
    restores: int = 0
    days: float = 0.0

    def sentence(self) -> str:
        """Return the forecast in words."""
        ahead = f"in {span(self.horizon_s)}"
        if self.restore_s is None or self.size_bytes is None:
            return f"No forecast for {ahead.removeprefix('in ')} ahead: {self.why_not}."
        low, high = self.restore_low_s or 0.0, self.restore_high_s or 0.0
        return (
            f"By the trend of {self.sizes} dumps over {span(self.days * DAY_S)} the database has"
            f" {size(self.size_bytes)} {ahead}; a restore then takes {span(self.restore_s)}"
            f" ({span(low)} to {span(high)})."
        )

    def figures(self) -> dict[str, Any]:
        """Return the forecast as JSON."""
        return {name: getattr(self, name) for name in _FIELDS} | {"sentence": self.sentence()}


_FIELDS = (
    "horizon_s",
    "why_not",
    "method",
    "size_bytes",
    "size_low_bytes",
    "size_high_bytes",
    "restore_s",
    "restore_low_s",
    "restore_high_s",
    "sizes",
    "restores",
    "days",
)


def theil_sen(points: Sequence[Point]) -> Line:
    """Return the robust line through ``points``; raise ``InvalidInputError`` for fewer than two different x."""
    kept = thinned(sorted(points))
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for at, earlier in enumerate(kept)
        for later in kept[at + 1 :]
        if later[0] != earlier[0]
    )
    if not slopes:
        raise InvalidInputError("a line needs two points at different places")
    slope = median(slopes)
    count = len(kept)
    reach = Z95 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    first = max(0, math.floor((len(slopes) - reach) / 2))
    last = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    return Line(slope, median(y - slope * x for x, y in kept), slopes[first], slopes[last])


def thinned(points: Sequence[Point], most: int = MAX_POINTS) -> list[Point]:
    """Return at most ``most`` of ``points``, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(at * (len(points) - 1) / (most - 1))] for at in range(most)]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that ``share`` (0 to 1) of ``values`` do not exceed; raise ``InvalidInputError`` of none.

    With fewer than 20 values the 95th percentile is the greatest: nothing between two measurements is made up.
    """
    if not values:
        raise InvalidInputError("a quantile needs a value")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def forecast(
    sizes: Sequence[tuple[datetime, float]],
    restores: Sequence[Point],
    now: datetime,
    horizon_s: float = HORIZON_S,
) -> Forecast:
    """Return what a restore will take ``horizon_s`` from ``now``.

    Parameters
    ----------
    sizes : when a dump was taken, and how large the database was, in bytes; in any order.
    restores : how large the database was, in bytes, and how many seconds its restore took; in any order.

    Both in the same measure of size. The size follows its own trend; its interval is that of the trend's slope. The
    seconds follow a line through ``restores``, or, where sizes differ by less than a fifth, their median per byte. The
    interval is that of the size and of the line's slope, widened by what 90 % of the restores deviated.
    """
    known = [(moment.timestamp(), float(count)) for moment, count in sizes if count > 0]
    timed = [(count, seconds) for count, seconds in restores if count > 0 and seconds > 0]
    days = (max(at for at, _ in known) - min(at for at, _ in known)) / DAY_S if known else 0.0
    why_not = _too_little(len(known), days, len(timed))
    if why_not:
        return Forecast(horizon_s, why_not, sizes=len(known), restores=len(timed), days=days)
    then, low, high = _size_at(known, now.timestamp(), horizon_s)
    method, predict = _prediction(timed)
    at_then, at_low, at_high = predict(then)[1], predict(low)[0], predict(high)[2]
    return Forecast(
        horizon_s, "", method, then, low, high, at_then, at_low, at_high,
        sizes=len(known), restores=len(timed), days=days,
    )  # fmt: skip


def _too_little(sizes: int, days: float, restores: int) -> str:
    if sizes < MIN_POINTS or days < MIN_DAYS:
        return (
            f"too little history, {sizes} dump{'' if sizes == 1 else 's'} over {span(days * DAY_S)};"
            f" {MIN_POINTS} over {MIN_DAYS} days are needed"
        )
    if restores < MIN_POINTS:
        return f"too few proven restores, {restores}; {MIN_POINTS} are needed"
    return ""


def _size_at(known: Sequence[Point], now_s: float, horizon_s: float) -> tuple[float, float, float]:
    """Return the size at the end of the horizon, and its interval; never below nothing."""
    line = theil_sen([(at - now_s, count) for at, count in known])  # x is 0 now
    return (
        max(0.0, line.at_zero + line.slope * horizon_s),
        max(0.0, line.at_zero + line.slope_low * horizon_s),
        max(0.0, line.at_zero + line.slope_high * horizon_s),
    )


def _prediction(timed: Sequence[Point]) -> tuple[str, Callable[[float], tuple[float, float, float]]]:
    """Return the method's name, and what gives (low, usual, high) seconds of a size."""
    sizes = [count for count, _ in timed]
    middle = median(sizes)
    if (max(sizes) - min(sizes)) >= MIN_SPREAD * middle:
        line = theil_sen(timed)
        if line.slope > 0:
            off = [seconds - (line.at_zero + line.slope * count) for count, seconds in timed]
            return "line", partial(_on_line, line, middle, (quantile(off, 0.05), quantile(off, 0.95)))
    rates = [seconds / count for count, seconds in timed]
    reach = (quantile(rates, 0.05), median(rates), quantile(rates, 0.95))
    return "proportional", lambda count: (reach[0] * count, reach[1] * count, reach[2] * count)


def _on_line(line: Line, middle: float, off: tuple[float, float], count: float) -> tuple[float, float, float]:
    """Return (low, usual, high) of ``count``: the slope's interval turns the line around the middle of its points."""
    usual = line.at_zero + line.slope * count
    turned = [(slope - line.slope) * (count - middle) for slope in (line.slope_low, line.slope_high)]
    return max(0.0, usual + min(turned) + off[0]), max(0.0, usual), max(0.0, usual + max(turned) + off[1])
