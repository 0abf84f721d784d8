"""Who sends? Requests counted per sender in memory, and told to a table once a minute: no write per request."""

import re
from collections.abc import Callable

from opsloop.dataclass import dataclass, replace
from opsloop.errors import TransientError

MAX_USER_AGENT = 200  # characters
MAX_SENDERS = 100  # kept at once; what comes above that is counted as one
MAX_TOLD = 20  # in one request, which waits for it; the others go with the next
TELL_EVERY_S = 60.0
OTHERS = "(others)"
_PRODUCT = re.compile(r"\s*([^/(]*[^/(\s])\s*/\s*([^\s;,()]+)")


@dataclass(frozen=True, order=True)
class Sender:
    """What tells one sender from another. ``form`` is the protocol's form, ``encoding`` the compression."""

    user_agent: str
    signal: str
    form: str
    encoding: str
    key_id: str

    @property
    def product(self) -> str:
        """Return the name of the first product that the user agent names."""
        match = _PRODUCT.match(self.user_agent)
        return match[1] if match else self.user_agent.partition(" (")[0].strip()

    @property
    def version(self) -> str:
        """Return the version of that product, empty where there is none."""
        match = _PRODUCT.match(self.user_agent)
        return match[2] if match else ""


@dataclass(frozen=True)
class Seen:
    """How often a sender was heard, and when first and last (seconds since the epoch)."""

    sender: Sender
    requests: int
    first_s: float
    last_s: float


class SenderCounts:
    """The counts of one function environment since they were last told.

    ``tell`` adds to the stored counts; ``warn`` hears why it could not, and the counts are kept for the next time.
    What an environment has not told when it ends is lost: the counts are a lower bound, not a bill.
    """

    def __init__(self, tell: Callable[[Seen], None], *, warn: Callable[[str], None]) -> None:
        self._tell, self._warn = tell, warn
        self._seen: dict[Sender, Seen] = {}
        self._told_at_s = float("-inf")

    def count(self, sender: Sender, now_s: float) -> None:
        """Count one request; tell, if a minute has passed since the last time."""
        self._add(Seen(replace(sender, user_agent=sender.user_agent[:MAX_USER_AGENT]), 1, now_s, now_s))
        if 0 <= now_s - self._told_at_s < TELL_EVERY_S:
            return
        for seen in list(self._seen.values())[:MAX_TOLD]:
            try:
                self._tell(seen)
            except TransientError as error:
                self._warn(error.message)
                self._told_at_s = now_s
                return
            del self._seen[seen.sender]
        if not self._seen:
            self._told_at_s = now_s

    def _add(self, one: Seen) -> None:
        if one.sender not in self._seen and len(self._seen) >= MAX_SENDERS:
            one = replace(one, sender=replace(one.sender, user_agent=OTHERS))
        known = self._seen.get(one.sender)
        if known:
            one = Seen(one.sender, known.requests + 1, min(known.first_s, one.first_s), max(known.last_s, one.last_s))
        self._seen[one.sender] = one
