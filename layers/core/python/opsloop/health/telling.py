"""Would people be told? From the channels that are declared, and from what became of the last messages."""

from collections.abc import Iterable
from datetime import datetime

from opsloop.alert.model import Delivery
from opsloop.health.model import Check, Status

COMPONENT = "alert:channels"
UNTOLD_FOR_S = 3600.0
"""A channel that was not told within this hour wants looking at; what is older is in the list of deliveries."""


def telling_check(channels: int, deliveries: Iterable[Delivery], now: datetime) -> Check:
    """Return whether there is a channel, and whether each was told of what it should have been of late."""
    if not channels:
        return Check(
            COMPONENT, Status.WARN, 0, "channels", "the catalog declares no channel: nobody is told of anything"
        )
    since_s = now.timestamp() - UNTOLD_FOR_S
    failed = [one for one in deliveries if one.state.may_be_resent and one.changed_at >= since_s]
    if not failed:
        return Check(COMPONENT, Status.PASS, channels, "channels")
    names = ", ".join(sorted({one.key.channel for one in failed}))
    return Check(
        COMPONENT, Status.WARN, channels, "channels", f"messages that may not have arrived: {len(failed)}, on {names}"
    )
