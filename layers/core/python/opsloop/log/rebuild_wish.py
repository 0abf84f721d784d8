"""Which rebuild does somebody ask for?"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from opsloop.errors import InvalidInputError
from opsloop.log.rebuild import Rebuild

HOT_DAYS = 90  # older objects have gone cold: `opsloop log restore` brings them back
MAX_DAYS = 400
_FIELDS = ("index", "from", "to")


def read_rebuild(wish: Mapping[str, object], now: datetime, *, version: int) -> Rebuild:
    """Return the rebuild that ``wish`` describes, after ``version``: without days, of all that is hot.

    Raises ``InvalidInputError``, naming the field.
    """
    if unknown := wish.keys() - set(_FIELDS):
        raise InvalidInputError(f"{min(unknown)}: not a field of a rebuild; there are: {', '.join(_FIELDS)}")
    if wish.get("index", "logs") != "logs":
        raise InvalidInputError(f"index: {wish['index']!r} is not logs, the one that can be rebuilt")
    today = now.date()
    last = _day(wish, "to", today + timedelta(days=1))  # records may be some minutes ahead
    first = _day(wish, "from", today - timedelta(days=HOT_DAYS))
    if not timedelta() <= last - first <= timedelta(days=MAX_DAYS):
        raise InvalidInputError(f"from: expected a day up to {last}, by {MAX_DAYS} days at most")
    is_whole = "from" not in wish and "to" not in wish
    return Rebuild(first.isoformat(), last.isoformat(), is_whole, int(now.timestamp()), version=version)


def _day(wish: Mapping[str, object], name: str, default: date) -> date:
    text = wish.get(name)
    if text is None:
        return default
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise InvalidInputError(f"{name}: {text!r} is not a day such as 2026-11-21") from None
