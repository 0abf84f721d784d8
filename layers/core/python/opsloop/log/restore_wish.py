"""What does somebody want to be brought back?"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b

from opsloop.clock import format_time, parse_time
from opsloop.errors import InvalidInputError
from opsloop.log.restore import HOUR_S, Restore, Tier

MAX_RANGE = timedelta(days=31)
DEFAULT_DAYS, MAX_DAYS = 7, 90
_FIELDS = ("service", "from", "to", "tier", "days")


def read_restore(wish: Mapping[str, object], now: datetime, *, hot_s: int) -> Restore:
    """Return the restore that ``wish`` describes, in whole hours, its objects not counted yet.

    Logs since ``hot_s`` (epoch) are searchable as they are, and left out. Raises ``InvalidInputError``, naming the
    field.
    """
    if unknown := wish.keys() - set(_FIELDS):
        raise InvalidInputError(f"{min(unknown)}: not a field of a restore; there are: {', '.join(_FIELDS)}")
    service = wish.get("service")
    if not isinstance(service, str) or not service:
        raise InvalidInputError("service: expected the name of a service")
    first, end = (parse_time(str(wish.get(name, "")), name=name) for name in ("from", "to"))
    if not timedelta() < end - first <= MAX_RANGE:
        raise InvalidInputError(f"to: expected a time after from, by {MAX_RANGE.days} days at most")
    first_s = int(first.timestamp()) // HOUR_S * HOUR_S
    end_s = min(-(-int(end.timestamp()) // HOUR_S) * HOUR_S, hot_s)
    if first_s >= end_s:
        since = format_time(datetime.fromtimestamp(hot_s, now.tzinfo))
        raise InvalidInputError(f"from: logs since {since} are searchable as they are")
    if first_s < 0:
        raise InvalidInputError("from: expected a time after 1970")
    tier = wish.get("tier", Tier.STANDARD.value)
    if tier not in list(Tier):
        raise InvalidInputError(f"tier: {str(tier)[:40]!r} is not one of {', '.join(Tier)}")
    days = wish.get("days", DEFAULT_DAYS)
    if type(days) is not int or not 1 <= days <= MAX_DAYS:
        raise InvalidInputError(f"days: expected a whole number from 1 to {MAX_DAYS}")
    name = f"{service}\n{first_s}\n{end_s}".encode("utf-8", "surrogatepass")
    restore_id = blake2b(name, digest_size=6).hexdigest()
    return Restore(restore_id, service, first_s, end_s, Tier(str(tier)), days, int(now.timestamp()), 0, 0, 0)
