"""Thresholds to be tried: the fields of a service's ``anomaly`` section in the catalog, checked field by field.

The catalog itself is checked when the stacks are synthesised, by ``docs/schema/catalog.schema.json``; this is for what
arrives by the API, where nothing checks a schema. A test compares the two.
"""

from collections.abc import Mapping
from typing import Any

from opsloop.anomaly import series as of
from opsloop.anomaly.policy import FLOORS, PRESETS
from opsloop.errors import InvalidInputError

FIELDS = ("is_judged", "sensitivity", "operations", "presets", "floors")
FLOOR_FIELDS = ("relative", "absolute", "requests", "history_minutes", "high", "low")
MEASURES = tuple(name for name in FLOORS if name != of.SILENCE)
SENSITIVITY, OPERATIONS, LEAST_HISTORY = (0.1, 10), (0, 200), 60


def thresholds_of(content: object, *, name: str = "thresholds") -> dict[str, Any]:
    """Return ``content`` if it could stand as an ``anomaly`` section; else raise ``InvalidInputError``.

    The message names the field, such as ``thresholds.floors.p95.relative``, and what would be right.
    """
    section = _section(content, FIELDS, name)
    if "is_judged" in section:
        _boolean(section["is_judged"], f"{name}.is_judged")
    if "sensitivity" in section:
        _number(section["sensitivity"], f"{name}.sensitivity", *SENSITIVITY)
    if "operations" in section:
        _whole(section["operations"], f"{name}.operations", *OPERATIONS)
    if "presets" in section:
        _presets(section["presets"], f"{name}.presets")
    for measure, floor in _section(section.get("floors", {}), MEASURES, f"{name}.floors").items():
        _floor(floor, f"{name}.floors.{measure}")
    return section


def _floor(content: object, name: str) -> None:
    for field, value in _section(content, FLOOR_FIELDS, name).items():
        if field in ("high", "low"):
            _boolean(value, f"{name}.{field}")
        elif field == "history_minutes":
            _whole(value, f"{name}.{field}", LEAST_HISTORY)
        else:
            _number(value, f"{name}.{field}", 0)


def _presets(content: object, name: str) -> None:
    if not isinstance(content, list):
        raise InvalidInputError(f"{name}: expected a list of {', '.join(PRESETS)}")
    for place, one in enumerate(content):
        if not isinstance(one, str) or one not in PRESETS:
            raise InvalidInputError(f"{name}[{place}]: {one!r} is not one of {', '.join(PRESETS)}")
        if one in content[:place]:
            raise InvalidInputError(f"{name}[{place}]: {one!r} is there twice")


def _section(content: object, fields: tuple[str, ...], name: str) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise InvalidInputError(f"{name}: expected fields of {', '.join(fields)}")
    for field in content:
        if field not in fields:
            raise InvalidInputError(f"{name}.{field}: not a field here; there are: {', '.join(fields)}")
    return dict(content)


def _boolean(value: object, name: str) -> None:
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name}: {value!r} is neither true nor false")


def _number(value: object, name: str, least: float, most: float | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_within(value, least, most):
        raise InvalidInputError(f"{name}: {value!r} is not a number {_range(least, most)}")


def _whole(value: object, name: str, least: int, most: int | None = None) -> None:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole or not _is_within(value, least, most):  # type: ignore[arg-type]
        raise InvalidInputError(f"{name}: {value!r} is not a whole number {_range(least, most)}")


def _is_within(value: float, least: float, most: float | None) -> bool:
    return least <= value <= (most if most is not None else float("inf")) and value != float("inf")


def _range(least: float, most: float | None) -> str:
    return f"from {least} to {most}" if most is not None else f"of {least} or more"
