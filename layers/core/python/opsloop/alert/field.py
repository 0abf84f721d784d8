"""Fields of the bus's events, as what is told of them needs them: there, and of the right kind."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from opsloop.clock import parse_time
from opsloop.errors import InvalidInputError


def object_of(value: object, name: str) -> Mapping[str, Any]:
    """Return ``value`` if it is an object; else raise ``InvalidInputError`` that names the field."""
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{name}: expected an object")
    return value


def text_of(document: Mapping[str, Any], name: str) -> str:
    """Return the text of that field if there is one; else raise ``InvalidInputError`` that names it."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInputError(f"{name}: expected a text")
    return value


def day_of(time: datetime) -> str:
    """Return the day of ``time`` in UTC: 2026-11-21."""
    return f"{time.astimezone(UTC):%Y-%m-%d}"


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings_of(value: object) -> Sequence[Mapping[str, Any]]:
    """Return the objects of a list, and none if it is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def number_of(document: Mapping[str, Any], name: str) -> float | None:
    """Return the number of that field, None if there is none."""
    value = document.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def moment_of(value: object) -> datetime | None:
    """Return the time (UTC) that ``value`` says in ISO 8601, None if it says none."""
    try:
        return parse_time(value, name="time") if isinstance(value, str) and value else None
    except InvalidInputError:
        return None
