"""Times as people type them: ``-2h``, ``now``, a date, or ISO 8601 with a zone."""

import re
from datetime import UTC, date, datetime, timedelta

from opsloop.clock import parse_time
from opsloop.errors import InvalidInputError
from opsloop_cli.failure import CommandError, ExitCode

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RELATIVE = re.compile(r"-((?:\d+[smhdw])+)")
_SPAN = re.compile(r"(?:\d+[smhdw])+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_moment(text: str, *, now: datetime, name: str) -> datetime:
    """Return the aware UTC datetime that ``text`` means at ``now``.

    Parameters
    ----------
    text : str
        ``now``; ``-`` and a sum of parts such as ``-90m`` or ``-1d12h`` (s, m, h, d, w); a date, whose UTC day
        begins then; ISO 8601 with a zone; or seconds since the epoch.
    now : datetime
        Aware.
    name : str
        The option, for the error.
    """
    try:
        if text == "now":
            return now.astimezone(UTC)
        if relative := _RELATIVE.fullmatch(text):
            return now.astimezone(UTC) - timedelta(seconds=_seconds(relative[1]))
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return parse_time(text, name=name)
    except InvalidInputError as error:
        raise CommandError(f"{error}, nor -2h, -1d12h or now", ExitCode.USAGE) from None
    except (ValueError, OverflowError):
        raise CommandError(f"{name}: {text!r} is not a time there is", ExitCode.USAGE) from None


def read_seconds(text: str) -> int | None:
    """Return the seconds of ``36h`` or ``1d12h`` (s, m, h, d, w); None for anything else."""
    return _seconds(text) if _SPAN.fullmatch(text) else None


def _seconds(parts: str) -> int:
    return sum(int(count) * UNITS_S[unit] for count, unit in re.findall(r"(\d+)([smhdw])", parts))
