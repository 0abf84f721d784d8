"""Time as opsloop counts it: aware UTC datetimes for people, whole minutes since the epoch in aggregates.

A function's "now" is the time in its event. Nothing here reads the wall clock.
"""

from datetime import UTC, datetime, timedelta

from opsloop.errors import InvalidInputError

MINUTES_PER_HOUR = 60
MINUTES_PER_DAY = 1440
NS_PER_MINUTE = 60 * 1_000_000_000


def parse_time(text: str, *, name: str) -> datetime:
    """Return the aware UTC datetime that ``text`` (ISO 8601, or seconds since the epoch) says.

    Raises ``InvalidInputError``, naming the field ``name``, for anything else and for times without a zone.
    """
    try:
        moment = datetime.fromtimestamp(float(text), UTC) if _is_number(text) else datetime.fromisoformat(text)
        in_utc = moment.astimezone(UTC)  # the first and the last day of all are none in every zone
    except (ValueError, OverflowError, OSError):
        raise InvalidInputError(f"{name}: {text!r} is not an ISO 8601 time such as 2026-11-21T08:00:00Z") from None
    if moment.tzinfo is None:
        raise InvalidInputError(f"{name}: {text!r} has no zone; write 2026-11-21T08:00:00Z or +01:00")
    return in_utc


def format_time(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC with a Z, without fractions where there are none."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def minute_of(moment: datetime) -> int:
    """Return the whole minutes from the epoch to ``moment``."""
    return int(moment.timestamp()) // 60


def time_of(minute: int) -> datetime:
    """Return the moment at which ``minute`` (since the epoch) begins."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


def hour_start(minute: int) -> int:
    """Return the first minute of the hour that ``minute`` lies in."""
    return minute - minute % MINUTES_PER_HOUR


def day_start(minute: int) -> int:
    """Return the first minute of the UTC day that ``minute`` lies in."""
    return minute - minute % MINUTES_PER_DAY


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
