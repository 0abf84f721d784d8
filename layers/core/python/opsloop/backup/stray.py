"""A dump in the bucket that is nobody's."""

from datetime import datetime

from opsloop.dataclass import dataclass


@dataclass(frozen=True)
class Stray:
    """An object that looks like a dump, and why nobody restored it."""

    key: str
    arrived_at: datetime
    reason: str
