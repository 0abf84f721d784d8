"""Pattern counts of one service and hour: added up exactly, and as bytes that are the same for equal counts."""

import json
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from opsloop.clock import MINUTES_PER_HOUR
from opsloop.errors import InvalidInputError
from opsloop.log.model import SEVERITIES, PatternHour

_VERSION = 1


class Line(NamedTuple):
    """What one record adds: its minute since the epoch, its pattern, and its severity class."""

    minute: int
    template: str
    severity: str


def added(known: PatternHour, lines: Iterable[Line], templates: dict[str, str]) -> PatternHour:
    """Return ``known`` with ``lines``, all of its hour, counted; ``templates`` are the texts of their patterns.

    A text that is told anew replaces the one known: a pattern's text becomes more general as more of it is seen.
    """
    counts = {name: list(minutes) for name, minutes in known.counts.items()}
    severities = dict(known.severities)
    texts = dict(known.templates)
    for minute, name, severity in lines:
        if not 0 <= minute - known.hour < MINUTES_PER_HOUR:
            raise InvalidInputError(f"minute {minute} is not in the hour that begins at {known.hour}")
        counts.setdefault(name, [0] * MINUTES_PER_HOUR)[minute - known.hour] += 1
        if name not in severities or SEVERITIES.index(severity) > SEVERITIES.index(severities[name]):
            severities[name] = severity
    texts |= {name: text for name, text in templates.items() if name in counts}
    return PatternHour(
        known.service, known.hour, {name: tuple(column) for name, column in counts.items()}, texts, severities
    )


def encode(hour: PatternHour) -> bytes:
    """Return the counts of ``hour`` as bytes, without its service and its time."""
    rows = [
        [name, hour.templates.get(name, ""), SEVERITIES.index(hour.severities[name]), _sparse(hour.counts[name])]
        for name in sorted(hour.counts)
    ]
    text = json.dumps([_VERSION, rows], separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def decode(service: str, hour: int, body: bytes) -> PatternHour:
    """Return the hour that ``encode`` made ``body`` from; raise ``InvalidInputError`` for anything else."""
    try:
        version, rows = json.loads(zlib.decompress(body).decode("utf-8", "surrogatepass"))
        if version != _VERSION:
            raise InvalidInputError(f"pattern hour of {service}: version {version}, not {_VERSION}")
        counts = {name: _dense(pairs) for name, _, _, pairs in rows}
        texts = {name: text for name, text, _, _ in rows}
        severities = {name: SEVERITIES[number] for name, _, number, _ in rows}
    except (zlib.error, ValueError, TypeError, IndexError) as error:
        raise InvalidInputError(f"pattern hour of {service}: {error}") from None
    return PatternHour(service, hour, counts, texts, severities)


def _sparse(minutes: Iterable[int]) -> list[int]:
    """Return place, count, place, count ... of the minutes with a count: most patterns are rare."""
    return [number for place, count in enumerate(minutes) if count for number in (place, count)]


def _dense(pairs: list[int]) -> tuple[int, ...]:
    minutes = [0] * MINUTES_PER_HOUR
    for place, count in zip(pairs[::2], pairs[1::2], strict=True):
        minutes[place] = count
    return tuple(minutes)
