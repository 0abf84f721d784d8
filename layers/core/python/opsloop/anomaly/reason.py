"""Why something was called, in one plain sentence with its numbers."""

from opsloop.anomaly import series as of
from opsloop.anomaly.model import Direction
from opsloop.anomaly.series import Key
from opsloop.dataclass import dataclass

NOT_KNOWN = "what is usual is not known yet"
MAX_PATTERN = 120


@dataclass(frozen=True)
class Finding:
    """What there is to say. Numbers are in the measure's unit, None where not known.

    ``text`` is that of the log pattern; ``is_new`` says that it was never seen before; ``silent_services`` how many
    other services fell silent at the same time, of ``services`` that were heard.
    """

    key: Key
    direction: Direction
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    requests: float
    preset: str = ""
    text: str = ""
    is_new: bool = False
    silent_services: int = 0
    services: int = 0


def reason(one: Finding) -> str:
    """Return the sentence."""
    where = f"{one.key.service}, {one.key.operation}" if one.key.operation else one.key.service
    sentence = f"{where}: {_what(one)}"
    if one.preset and one.key.measure != of.SILENCE:
        sentence += f" (preset {one.preset})"
    return sentence + "."


def _what(one: Finding) -> str:
    measure, value = one.key.measure, one.value
    if measure == of.SILENCE:
        return _silence(one)
    if value is None:
        return f"no {measure} is known any more"
    if measure == of.RATE:
        return f"{number(value)} requests per minute, {_usual(one, number)}"
    if measure == of.ERROR_RATIO:
        return f"{percent(value)} of {number(one.requests)} requests in 5 minutes failed, {_usual(one, percent)}"
    if measure == of.P95:
        return f"the slowest 5 % of requests took {milliseconds(value)} or more, {_usual(one, milliseconds)}"
    if measure == of.SATURATION:
        return f"{one.key.metric} is at {percent(value)}, {_usual(one, percent)}"
    if measure == of.THROUGHPUT:
        return f"{one.key.metric} rises by {number(value)} per minute, {_usual(one, number)}"
    text = one.text if len(one.text) <= MAX_PATTERN else one.text[: MAX_PATTERN - 1] + "…"
    if one.is_new:
        return f'{number(value)} error lines per minute of a pattern never seen before, "{text}"'
    return f'{number(value)} lines per minute of the pattern "{text}", {_usual(one, number)}'


def _silence(one: Finding) -> str:
    said = "no telemetry for 5 minutes" if one.preset else "no telemetry for 10 minutes, though it always sent some"
    if one.services > 1 and one.silent_services == one.services - 1:
        return f"{said}; every other service is silent, too, so look at what carries the telemetry first"
    if one.silent_services:
        return f"{said}; {one.silent_services} of {one.services - 1} other services fell silent with it"
    return said


def _usual(one: Finding, shown) -> str:  # type: ignore[no-untyped-def]
    if one.expected is None:
        return NOT_KNOWN
    said = f"usual is {shown(one.expected)}"
    if one.direction is Direction.HIGH and one.high is not None and one.value is not None:
        return f"{said}, at most {shown(min(one.high, one.value))}"
    if one.direction is Direction.LOW and one.low is not None and one.value is not None:
        return f"{said}, at least {shown(max(one.low, one.value, 0.0))}"
    return said


def number(value: float) -> str:
    """Return a count or a rate with three digits that matter, thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * value:.3g} %"


def milliseconds(value: float) -> str:
    """Return a duration in ms, in seconds from ten seconds on."""
    return f"{value / 1000:.3g} s" if value >= 10_000 else f"{number(value)} ms"
