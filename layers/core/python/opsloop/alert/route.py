"""Who is told?"""

from collections.abc import Iterable

from opsloop.alert.model import DETECTED, ENDED, Telling
from opsloop.anomaly.model import Severity
from opsloop.catalog import Channel

ORDER = tuple(Severity)


def route(channels: Iterable[Channel], telling: Telling) -> list[Channel]:
    """Return the channels on which ``telling`` is told, in order.

    An effect is told only where its origin is not: on channels that name the services they are for, and not the
    origin's; elsewhere the origin's message lists it. Tests and faults of channels are told whatever their severity.
    """
    found = []
    for channel in channels:
        if telling.only and channel.name != telling.only:
            continue
        if channel.name == telling.without:
            continue
        if telling.state not in (DETECTED, ENDED) or _wants(channel, telling):
            found.append(channel)
    return found


def _wants(channel: Channel, telling: Telling) -> bool:
    if ORDER.index(telling.severity) < ORDER.index(Severity(channel.min_severity)):
        return False
    if not _hears_of(channel, telling.service):
        return False
    return not (telling.is_effect and _hears_of(channel, telling.origin_service))


def _hears_of(channel: Channel, service: str) -> bool:
    return not channel.services or service in channel.services
