"""Numbers, times and foreign text as people read them in a message. All of it is one line."""

import re
from collections.abc import Sequence
from datetime import datetime

MOST_LISTED = 8
_MAX_TEXT = 300
# control characters, line and paragraph separators, and what turns the direction of writing or cannot be seen
_UNSEEN = re.compile(
    "[\x00-\x20\x7f-\xa0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]+"
)


def line(text: object, most: int = _MAX_TEXT) -> str:
    """Return ``text`` of anybody's as one line of at most ``most`` characters, without anything that cannot be seen.

    Service names, operations and log lines come from telemetry: nothing in them may start a line, a header or a
    right-to-left passage.
    """
    clean = _UNSEEN.sub(" ", str(text)[: 10 * most]).strip()
    return clean if len(clean) <= most else f"{clean[: most - 3].rstrip()}..."


def listed(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the first ``MOST_LISTED`` of ``lines``, and how many more there are."""
    more = len(lines) - MOST_LISTED
    return (*lines[:MOST_LISTED], *([f"and {more} more"] if more > 0 else []))


def quantities(unit: str, *values: float | None) -> list[str]:
    """Return ``values`` with their unit, on the one scale that suits the greatest; "unknown" for None.

    Milliseconds from 1,000 on become seconds, ratios (unit ``1`` or ``ratio``) per cent.
    """
    known = [abs(value) for value in values if value is not None]
    scale, suffix = _scale(unit, max(known, default=0.0))
    return ["unknown" if value is None else f"{number(value * scale)}{suffix}" for value in values]


def band(unit: str, low: float, high: float, *beside: float | None) -> str:
    """Return a range with its unit once, on the scale of ``quantities(unit, low, high, *beside)``."""
    known = [abs(value) for value in (low, high, *beside) if value is not None]
    scale, suffix = _scale(unit, max(known))
    return f"{number(low * scale)} to {number(high * scale)}{suffix}"


def number(value: float) -> str:
    """Return ``value`` with the digits that matter: 12,300, 240, 2.4, 0.31, 0.0042."""
    if value != value or value in (float("inf"), float("-inf")):
        return "unknown"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return _short(f"{value:.1f}")
    if size >= 1 or size == 0:
        return _short(f"{value:.2f}" if size < 2 and size != 0 else f"{value:.1f}")
    return _short(f"{value:.2g}" if size >= 1e-4 else f"{value:.1e}")


def duration(seconds: float) -> str:
    """Return a length of time in the two greatest units: 25 minutes, 1 hour 5 minutes, 2 days 3 hours."""
    minutes = max(0, round(seconds / 60))
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    shown = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in parts if count][:2]
    return " ".join(shown) or "less than a minute"


def moment(time: datetime, *, today: datetime | None = None) -> str:
    """Return ``time`` (UTC) as 08:31 UTC, with the date where it is not the day of ``today``."""
    if today is not None and time.date() == today.date():
        return f"{time:%H:%M} UTC"
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _scale(unit: str, greatest: float) -> tuple[float, str]:
    if unit == "ms":
        return (0.001, " s") if greatest >= 1_000 else (1.0, " ms")
    if unit in ("1", "ratio"):
        return 100.0, " %"
    text = line(unit, 20)
    if text.startswith("/"):
        return 1.0, text
    return 1.0, f" {text}" if text else ""


def _short(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits and "e" not in digits else digits
