"""An anomaly as text: the sentence first, then the series with its band, and what it hangs together with."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

Point = dict[str, Any]

CELLS = 40
"""Columns of the chart; the scale runs from 0 or the least to the greatest there is to show."""
MOST_LINES = 40
INSIDE, OUTSIDE, EXPECTED, BAND = "o", "#", "|", "."
LABEL = 14
AROUND, A_DAY = timedelta(minutes=30), timedelta(hours=22)
SILENCE = "silence"
SHOWN_REASON, SHOWN_UNKNOWN = 110, 12


def quantity(value: float | None, unit: str) -> str:
    """Return a value in ``unit`` for people; what is not known is never shown as a number."""
    if value is None:
        return "unknown"
    if unit == "ratio":
        return f"{100 * value:.3g} %"
    if unit == "ms":
        return f"{value / 1000:.3g} s" if value >= 10_000 else f"{_short(value)} ms"
    return f"{_short(value)} {unit}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def clock(text: str) -> str:
    """Return an ISO 8601 time to the minute, as ``2026-11-21 08:05``."""
    return f"{text[:10]} {text[11:16]}"


def cut(reason: str) -> str:
    """Return ``reason`` no longer than a table has room for."""
    return reason if len(reason) <= SHOWN_REASON else f"{reason[: SHOWN_REASON - 3]}..."


def unknown_lines(unknown: Sequence[dict[str, str]], *, at: str = "") -> Iterator[str]:
    """Yield what cannot be judged (``at`` some time), a line per service and reason; the first ones of many."""
    said = f"unknown at {at}" if at else "unknown"
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in unknown:
        series = " ".join(part for part in (one["measure"], one["metric"]) if part)
        reasons.setdefault((one["service"], one["reason"]), []).append(series)
    for (service, reason), measures in list(reasons.items())[:SHOWN_UNKNOWN]:
        named = ", ".join(one for one in measures if one)
        yield f"{said}: {service}{f' ({named})' if named else ''}: {reason}"
    if len(reasons) > SHOWN_UNKNOWN:
        yield f"{said}: {len(reasons) - SHOWN_UNKNOWN} more; --json shows all"


def lines(one: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that show one anomaly, as ``GET /v1/anomalies/{id}`` answers it."""
    yield one["reason"]
    yield ""
    where = " ".join(part for part in (one["service"], one["operation"]) if part)
    yield _line("what", f"{one['measure']} {one['direction']} of {where}{_of_metric(one)}")
    yield _line("state", f"{one['state']}, {one['severity']}, score {one['score']:.2f}")
    yield _line("time", f"{clock(one['first_minute'])} to {clock(one['last_minute'])} UTC{_goes_on(one)}")
    if one["measure"] != SILENCE:
        yield _line("value", _against(one))
        votes = ", ".join(f"{name} {vote:.2f}" for name, vote in one["votes"].items())
        yield _line("votes", votes + (f" ({one['preset']})" if one["preset"] else ""))
    yield from _related(one)
    if one["contributing"]:
        yield ""
        yield "made of"
        for part in one["contributing"]:
            value, usual = quantity(part["value"], one["unit"]), quantity(part["expected"], one["unit"])
            yield f"  {100 * part['share']:>3.0f} %  {part['operation']}: {value}, usual is {usual}"
    yield ""
    yield from chart(one)
    if one["feedback"]:
        yield ""
        for said in one["feedback"]:
            note = f": {said['note']}" if said["note"] else ""
            yield _line("feedback", f"{said['verdict']}, by {said['by']}, {clock(said['at'])}{note}")
    yield ""
    yield from _next(one)


def _related(one: dict[str, Any]) -> Iterator[str]:
    if one["origin"]:
        yield _line("follows from", f"{one['origin']['reason']}  {one['origin']['anomaly_id']}")
    elif one["part"] == "origin":
        yield _line("follows from", "nothing known: it is the origin")
    for place, effect in enumerate(one["effects"]):
        yield _line("" if place else "effects", f"{effect['reason']}  {effect['anomaly_id']}")
    if one["exemplar"]:
        trace = one["exemplar"]
        yield _line("trace", f"{trace['trace_id']} span {trace['span_id']}, {quantity(trace['value'], 'ms')}")


def _next(one: dict[str, Any]) -> Iterator[str]:
    """Yield commands with which to look on."""
    from opsloop.clock import format_time, parse_time

    first, last = (parse_time(one[name], name=name) for name in ("first_minute", "last_minute"))
    start, end = format_time(first - AROUND), format_time(min(last, first + A_DAY) + AROUND)
    yield f"opsloop kpi {one['service']} --resolution minute --from {start} --to {end}"
    if not one["feedback"]:
        yield f"opsloop anomaly feedback {one['anomaly_id']} useful|noise"


def chart(one: dict[str, Any]) -> Iterator[str]:
    """Yield the series as one line per five minutes: its value, and where it lies in the band."""
    series, unit = one["series"], one["unit"]
    points = _around_it(series["points"], one["first_minute"])
    if not points:
        yield "no data of that time is kept any more"
        return
    if one["measure"] == SILENCE:
        yield from _heard(points, one)
        return
    place = _scale(points)
    yield f"{OUTSIDE} outside, {INSIDE} inside the band {BAND}{EXPECTED}{BAND}, {EXPECTED} expected"
    for point in points:
        value = quantity(point["value"], unit)
        yield f"{_mark(point, one)} {point['start'][11:16]} {value:>16}  {''.join(_cells(point, place)).rstrip()}"
    if series["why_no_band"]:
        yield f"the band is not known: {series['why_no_band']}"


def _heard(points: Sequence[Point], one: dict[str, Any]) -> Iterator[str]:
    """Yield when a service was heard and when not: a line each time that changes."""
    before: float | None = None
    for point in points:
        if point["value"] != before:
            yield f"{_mark(point, one)} {point['start'][11:16]} {'heard' if point['value'] else 'nothing heard'}"
        before = point["value"]


def _mark(point: Point, one: dict[str, Any]) -> str:
    """Return what marks the time of the anomaly."""
    return ">" if one["first_minute"] <= point["start"] <= one["last_minute"] else " "


def _around_it(points: Sequence[Point], first_minute: str) -> Sequence[Point]:
    """Return the points to show: from an hour before its begin on, as many as fit."""
    begin = next((place for place, one in enumerate(points) if one["start"] >= first_minute), len(points))
    first = max(0, begin - 12)
    return points[first : first + MOST_LINES]


def _scale(points: Sequence[Point]) -> Callable[[float], int]:
    names = ("value", "expected", "low", "high")
    known = [one[name] for one in points for name in names if one[name] is not None]
    least, most = min([0.0, *known]), max(known, default=1.0)
    width = (most - least) or 1.0
    return lambda value: round((value - least) / width * (CELLS - 1))


def _cells(point: Point, place: Callable[[float], int]) -> list[str]:
    cells = [" "] * CELLS
    if point["expected"] is not None:
        for column in range(place(point["low"]), place(point["high"]) + 1):
            cells[column] = BAND
        cells[place(point["expected"])] = EXPECTED
    value = point["value"]
    if value is not None:
        is_outside = point["expected"] is not None and not point["low"] <= value <= point["high"]
        cells[place(value)] = OUTSIDE if is_outside else INSIDE
    return cells


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{text}"


def _of_metric(one: dict[str, Any]) -> str:
    return f", {one['metric']}" if one["metric"] else ""


def _goes_on(one: dict[str, Any]) -> str:
    return ", goes on" if one["state"] == "open" else ""


def _against(one: dict[str, Any]) -> str:
    value, unit = quantity(one["value"], one["unit"]), one["unit"]
    if one["expected"] is None:
        return f"{value}; what is usual is not known"
    if one["low"] is None or one["high"] is None:
        return f"{value}, expected {quantity(one['expected'], unit)}"
    band = f"{quantity(one['low'], unit)} to {quantity(one['high'], unit)}"
    return f"{value}, expected {quantity(one['expected'], unit)}, band {band}"
