"""How often may somebody try to sign in? Failures are counted per network address and minute.

Secrets have 256 random bits, so nothing can be guessed; the limit keeps a broken or hostile client from filling logs
and from reading the table at our cost.
"""

from datetime import datetime

from opsloop.errors import ThrottledError

FAILURES_PER_MINUTE = 10
KEPT_MINUTES = 10


def attempts_id(address: str, now: datetime) -> str:
    """Return what the failures of this address and minute are counted under; of IPv6, a whole /64, one household."""
    return f"attempts/{_household(address)}/{int(now.timestamp()) // 60}"


def refuse_too_many(failures: int, now: datetime, *, limit: int = FAILURES_PER_MINUTE) -> None:
    """Raise ``ThrottledError``, until the minute is over, after ``limit`` failures."""
    if failures >= limit:
        left_s = 60 - int(now.timestamp()) % 60
        raise ThrottledError(f"{limit} wrong keys within a minute; try again in {left_s} s", retry_after_s=left_s)


def _household(address: str) -> str:
    if ":" not in address or "." in address:
        return address[:64]
    head, gap, tail = address[:64].partition("::")
    groups = head.split(":") if head else []
    if gap:
        after = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(after)) + after
    return ":".join(group.lstrip("0").lower() or "0" for group in groups[:4])
