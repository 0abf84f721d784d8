"""What one save of the detector leaves to be done: anomalies to store, and events to publish.

It is saved together with what the detector remembers, and done afterwards: killed in between, the next run does it,
with the same ids. Doing it twice changes nothing but that an event is published twice, under one id.
"""

import json
import zlib
from hashlib import sha256

from opsloop.anomaly.model import Anomaly, AnomalyDetected, AnomalyEnded, anomaly_json
from opsloop.anomaly.record import from_record, record
from opsloop.clock import time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.events import Event


@dataclass(frozen=True)
class Told:
    """That ``anomaly`` is told as begun, or as ended, at minute ``minute``, with those that follow from it."""

    anomaly: Anomaly
    is_end: bool
    minute: int
    effects: tuple[Anomaly, ...] = ()


@dataclass(frozen=True)
class Outbox:
    """``anomalies`` as they are after the bucket that ends at minute ``judged_to``, and what is told of them."""

    judged_to: int
    anomalies: tuple[Anomaly, ...] = ()
    told: tuple[Told, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.anomalies or self.told)


def events(outbox: Outbox) -> list[Event]:
    """Return the events to publish. Ids follow from the anomaly and its state; what has one origin is correlated."""
    return [_event(one) for one in outbox.told]


def _event(one: Told) -> Event:
    kind = AnomalyEnded if one.is_end else AnomalyDetected
    anomaly = one.anomaly
    fact = kind(anomaly_json(anomaly), [anomaly_json(effect) for effect in one.effects])
    identity = sha256(f"{anomaly.anomaly_id} {kind.TYPE}".encode()).hexdigest()[:32]
    correlation = anomaly.origin_id or anomaly.anomaly_id
    return Event(identity, anomaly.service, time_of(one.minute), fact, correlation)


def encode(outbox: Outbox) -> bytes:
    """Return ``outbox`` as bytes."""
    content = [
        outbox.judged_to,
        [record(one) for one in outbox.anomalies],
        [[record(one.anomaly), one.is_end, one.minute, [record(each) for each in one.effects]] for one in outbox.told],
    ]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def decode(body: bytes) -> Outbox:
    """Return the outbox that ``encode`` wrote; raise ``InvalidInputError`` for anything else."""
    try:
        judged_to, anomalies, told = json.loads(zlib.decompress(body).decode("utf-8", "surrogatepass"))
        return Outbox(
            judged_to,
            tuple(from_record(one) for one in anomalies),
            tuple(
                Told(from_record(one), is_end, minute, tuple(from_record(each) for each in effects))
                for one, is_end, minute, effects in told
            ),
        )
    except (zlib.error, ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(f"anomaly outbox: {error}") from None


def joined(earlier: Outbox, later: Outbox) -> Outbox:
    """Return both as one: of an anomaly its later form."""
    anomalies: dict[str, Anomaly] = {}
    for one in (*earlier.anomalies, *later.anomalies):
        anomalies[one.anomaly_id] = one
    return Outbox(later.judged_to, tuple(anomalies.values()), (*earlier.told, *later.told))
