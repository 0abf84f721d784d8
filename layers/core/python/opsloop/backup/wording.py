"""Lengths of time, sizes and moments as people read them in a sentence about backups."""

from datetime import datetime

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_SIZES = ("bytes", "KB", "MB", "GB", "TB", "PB")


def span(seconds: float) -> str:
    """Return a length of time in its one or two greatest units: 6 hours, 2 days 3 hours, 90 seconds, 2.2 seconds."""
    if 0 < seconds < 10:
        digits = f"{seconds:.1f}"
        return "less than 0.1 seconds" if digits == "0.0" else f"{digits.removesuffix('.0')} second{_s(float(digits))}"
    rest = max(0, round(seconds))
    if rest < 120:
        return f"{rest} second{_s(rest)}"
    rest = round(seconds / 60) * 60 if seconds >= 600 else rest
    parts = []
    for length, name in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {name}{_s(count)}")
        elif parts:
            break
    return " ".join(parts[:2])


def size(count: float) -> str:
    """Return a number of bytes with three digits and a decimal unit: 812 bytes, 40.2 MB, 1.08 GB."""
    value, unit = float(count), 0
    while abs(value) >= 999.5 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_SIZES[0]}" if unit == 0 else f"{value:.3g} {_SIZES[unit]}"


def moment(time: datetime) -> str:
    """Return ``time`` (UTC) to the minute: 2026-11-21 08:31 UTC."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _s(count: float) -> str:
    return "" if count == 1 else "s"
