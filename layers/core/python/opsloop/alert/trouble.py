"""What goes wrong again and again is told as one, from the first time to the end.

A trouble is kept under its subject and cause. Whoever finds one that goes on joins it; the first to keep a new one is
joined by the others. An end is noted before it is told, by a conditional write: what goes wrong after it begins anew.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from opsloop.alert.model import ENDED, Begun, Recovered, Telling, Trouble
from opsloop.alert.tell import Outcome
from opsloop.dataclass import replace

Tell = Callable[[Telling], Outcome]


class Troubles(Protocol):
    """Where troubles are kept."""

    def trouble(self, subject: str, cause: str) -> Trouble | None:
        """Return the trouble as it is now."""

    def troubles(self, subject: str) -> list[Trouble]:
        """Return all troubles of ``subject``, those that are over as well."""

    def keep(self, trouble: Trouble) -> None:
        """Write the trouble if the version before it is still there (none for 1); else ``ConflictError``."""


def begin(troubles: Troubles, begun: Begun, tell: Tell) -> Outcome:
    """Tell that something went wrong, unless people were told of it and it goes on since.

    Raises ``ConflictError`` where another one is at it: the message comes back.
    """
    found = troubles.trouble(begun.subject, begun.cause)
    at = begun.telling.at
    if found is not None and found.ended_at and at <= found.ended_at:
        return Outcome()  # it is over, and was told so: this came late
    if found is None or found.ended_at:
        version = found.version + 1 if found else 1
        trouble = Trouble(begun.subject, begun.cause, begun.telling, at, version=version)
        troubles.keep(trouble)
        return tell(begun.telling)
    if at > found.last_at:
        troubles.keep(replace(found, last_at=at, version=found.version + 1))
    return tell(found.telling)


def end(troubles: Troubles, recovered: Recovered, tell: Tell) -> Outcome:
    """Tell of every trouble of the subject that went wrong before it went right for the last time that it is over."""
    outcome = Outcome()
    for found in troubles.troubles(recovered.subject):
        trouble = found
        if trouble.is_over:
            continue
        if not trouble.ended_at:
            if trouble.last_at >= recovered.at:
                continue
            trouble = replace(trouble, ended_at=recovered.at, version=trouble.version + 1)
            troubles.keep(trouble)
        said = tell(ended(trouble, recovered.data))
        outcome.deliveries |= said.deliveries
        if said.due_at is None:
            troubles.keep(replace(trouble, is_over=True, version=trouble.version + 1))
        else:
            outcome.wait_until(said.due_at)
    return outcome


def ended(trouble: Trouble, data: Mapping[str, Any]) -> Telling:
    """Return what tells that ``trouble`` is over; ``data`` say by what, and what of it is different now."""
    was = trouble.telling
    return replace(was, state=ENDED, data={**was.data, **data}, at=trouble.ended_at)
