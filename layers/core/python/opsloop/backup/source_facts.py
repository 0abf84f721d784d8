"""What a report of backups comes down to, whoever wrote it; and how to read strangers' JSON without stumbling."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opsloop.dataclass import dataclass

MOST_ERRORS, MOST_CHARACTERS = 20, 300
_LEAST_S, _MOST_S = 0.0, 32_503_680_000.0  # the years 1970 to 3000
_FIRST_YEAR = 1970


@dataclass(frozen=True)
class Facts:
    """What one output of a tool says; ``why_not`` says why it says nothing.

    ``is_archive_broken``: its own checks of the archived write-ahead log failed, so nobody can say how far it goes.
    """

    why_not: str = ""
    newest_backup_at: datetime | None = None
    archive_until: datetime | None = None
    archive_wal: str = ""
    window_from: datetime | None = None
    backups: int = 0
    bytes: int | None = None
    errors: tuple[str, ...] = ()
    is_archive_broken: bool = False


def mapping(value: Any) -> Mapping[str, Any]:
    """Return ``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """Return ``value`` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return ``value`` if it is text, in one line of at most 300 characters, else nothing."""
    return " ".join(value[: 10 * MOST_CHARACTERS].split())[:MOST_CHARACTERS] if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """Return ``value`` if it is a whole number that counts something, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None


def moment_of(value: Any) -> datetime | None:
    """Return the time that ``value`` says (ISO 8601 with a zone, or seconds since the epoch), None if it says none.

    A time before 1970 is none: the year 1 is how some languages write that nothing was set.
    """
    if isinstance(value, str):
        return _moment_of_text(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return datetime.fromtimestamp(value, UTC) if _LEAST_S <= value < _MOST_S else None
    return None


def bounded(errors: list[str]) -> tuple[str, ...]:
    """Return ``errors``, each once and no more than can be read."""
    found = tuple(dict.fromkeys(one for one in errors if one))
    more = len(found) - MOST_ERRORS
    return found if more <= 0 else (*found[:MOST_ERRORS], f"and {more} more")


def _moment_of_text(value: str) -> datetime | None:
    try:
        if value.isascii() and value.isdecimal():
            return moment_of(int(value)) if len(value) < 15 else None
        found = datetime.fromisoformat(value)
        return None if found.tzinfo is None or found.year < _FIRST_YEAR else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
