"""Tell each channel once, however often and by however many workers one is asked to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Protocol

from opsloop import catalog
from opsloop.alert import delivery as steps
from opsloop.alert.model import (
    DETECTED,
    ENDED,
    Channel,
    Delivery,
    DeliveryFailed,
    DeliveryKey,
    DeliveryState,
    Earlier,
    Message,
    Receipt,
    Telling,
)
from opsloop.alert.route import route
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, DependencyUnavailableError, PermanentError, TransientError

CONFLICTS_ALLOWED = 5
SAVES_ALLOWED = 3

Compose = Callable[[Telling, DeliveryKey, Earlier | None, bool], Message]
Announce = Callable[[DeliveryFailed], None]


class Deliveries(Protocol):
    """Where the records are kept."""

    def get(self, key: DeliveryKey) -> Delivery | None:
        """Return the record as it is now."""

    def save(self, delivery: Delivery) -> None:
        """Write the record if the one before it is still there (none for version 1); else ``ConflictError``."""

    def of_topic(self, day: str, topic: str, state: str) -> list[Delivery]:
        """Return the records of one state of a topic, one per channel."""

    def note_heard(self, day: str, topic: str) -> None:
        """Keep that the beginning of a topic was heard of, and told wherever it is to be told."""

    def was_heard(self, day: str, topic: str) -> bool:
        """Return whether the beginning of a topic was heard of."""


@dataclass
class Outcome:
    """What became of one telling: records by channel, and when (seconds since the epoch) to come back, if at all."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)
    due_at: float | None = None

    def wait_until(self, moment: float) -> None:
        """Come back at ``moment``, or earlier if that was said before."""
        self.due_at = moment if self.due_at is None else min(self.due_at, moment)

    def and_then(self, other: "Outcome") -> "Outcome":
        """Return what became of this and of ``other``, a telling of something else."""
        both = Outcome({**self.deliveries, **other.deliveries}, self.due_at)
        if other.due_at is not None:
            both.wait_until(other.due_at)
        return both


class _BusyError(Exception):
    """Somebody else works on it, or it is not due; ``until`` says when to look again."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until


class Teller:
    """Tells people on the ``declared`` channels, by the senders in ``channels``.

    ``announce`` tells the platform of a channel that could not be told; ``clock`` gives seconds since the epoch.
    """

    def __init__(
        self,
        *,
        declared: Sequence[catalog.Channel],
        channels: Mapping[str, Channel],
        deliveries: Deliveries,
        compose: Compose,
        announce: Announce,
        clock: Callable[[], float],
    ) -> None:
        self._declared, self._channels, self._deliveries = declared, channels, deliveries
        self._compose, self._announce, self._clock = compose, announce, clock

    def tell(self, telling: Telling) -> Outcome:
        """Tell everybody who is to be told and was not; raise ``TransientError`` if the records cannot be had."""
        outcome = Outcome()
        before = self._before(telling)
        for name in self._audience(telling, before):
            try:
                earlier = self._beginning(telling, name, before.get(name))
                done = self._deliver(telling, name, earlier)
            except _BusyError as busy:
                outcome.wait_until(busy.until)
                continue
            outcome.deliveries[name] = done
            if done.state is DeliveryState.WAITING:
                outcome.wait_until(done.due_at)
        if telling.state == DETECTED:  # after the claims: from now on an end without a record here is nobody's business
            self._deliveries.note_heard(telling.day, telling.topic)
        return outcome

    def resend(self, key: DeliveryKey) -> Outcome:
        """Send a message whose record a person set back to waiting."""
        outcome = Outcome()
        record = self._deliveries.get(key)
        if record is None or record.state.is_final:
            return outcome
        earlier = None
        if record.telling.state == ENDED:
            begun = self._deliveries.get(_key(record.telling, DETECTED, key.channel))
            earlier = _earlier(begun)
        try:
            done = self._deliver(record.telling, key.channel, earlier)
        except _BusyError as busy:
            outcome.wait_until(busy.until)
            return outcome
        outcome.deliveries[key.channel] = done
        if done.state is DeliveryState.WAITING:
            outcome.wait_until(done.due_at)
        return outcome

    def _before(self, telling: Telling) -> dict[str, Delivery]:
        """Return what was told of the beginning, by channel, where ``telling`` is an end."""
        if telling.state != ENDED:
            return {}
        found = self._deliveries.of_topic(telling.day, telling.topic, DETECTED)
        return {record.key.channel: record for record in found}

    def _audience(self, telling: Telling, before: Mapping[str, Delivery]) -> list[str]:
        """Return the channels to tell: of an end those that heard, or should have heard, of the beginning.

        Where nobody heard of the beginning yet, events came in the wrong order: the end is told in its stead.
        """
        routed = [channel.name for channel in route(self._declared, telling)]
        if telling.state != ENDED or telling.only:
            return routed
        if not self._deliveries.was_heard(telling.day, telling.topic):
            return list(dict.fromkeys([*before, *routed]))
        return list(before)

    def _beginning(self, telling: Telling, channel: str, record: Delivery | None) -> Earlier | None:
        """Return the message that an end answers; see to it that a beginning not told yet never will be."""
        if telling.state != ENDED:
            return None
        now = self._clock()
        until = steps.later(record, now) if record and record.state is DeliveryState.SENDING else None
        if until is not None:
            raise _BusyError(until)
        key = _key(telling, DETECTED, channel)
        step = steps.superseded(record, key, telling, now)
        if step is not None:
            try:
                self._deliveries.save(step)
            except ConflictError:  # somebody works on the beginning this moment: look again soon
                raise _BusyError(now + 1) from None
        return _earlier(record)

    def _deliver(self, telling: Telling, channel: str, earlier: Earlier | None) -> Delivery:
        record = self._claim(_key(telling, telling.state, channel), telling)
        if record.state is not DeliveryState.SENDING:
            return record
        message = self._compose(record.telling, record.key, earlier, record.maybe_sent > 0)
        try:
            receipt = self._send(channel, message)
        except (PermanentError, TransientError) as error:
            record = steps.failed(record, self._clock(), error, subject=message.subject)
            self._give_up(record)
        else:
            record = steps.sent(record, self._clock(), receipt=receipt.id, subject=message.subject)
        self._save(record)
        return record

    def _claim(self, key: DeliveryKey, telling: Telling) -> Delivery:
        """Return the record that makes the message ours, or the final one; raise ``_BusyError`` if it is another's."""
        for _ in range(CONFLICTS_ALLOWED):
            existing = self._deliveries.get(key)
            now = self._clock()
            step = steps.claim(existing, key, telling, now)
            if step is None and existing is not None:
                until = steps.later(existing, now)
                if until is not None:
                    raise _BusyError(until)
                return existing
            if step is None:
                break
            if step.state is DeliveryState.UNCLEAR:
                self._give_up(step)
            try:
                self._deliveries.save(step)
            except ConflictError:
                continue
            return step
        raise _BusyError(self._clock() + 1)

    def _send(self, name: str, message: Message) -> Receipt:
        channel = self._channels.get(name)
        if channel is None:
            raise PermanentError(f"there is no channel {name} any more; the catalog was changed")
        return channel.send(message)

    def _give_up(self, record: Delivery) -> None:
        """Announce that a channel was not told, before it is recorded: what a crash leaves out is announced again."""
        if not record.state.may_be_resent or record.telling.state not in (DETECTED, ENDED):
            return  # of a fault no fault is told, and who tests a channel sees what comes of it
        what, service = record.subject, record.telling.service
        self._announce(DeliveryFailed(record.key.id, record.key.channel, record.reason, what, service))

    def _save(self, record: Delivery) -> None:
        """Record what became of a message; without this record it will be sent a second time."""
        for attempt in range(1, SAVES_ALLOWED + 1):
            try:
                self._deliveries.save(record)
                return
            except ConflictError:  # our lease ran out, and somebody else took over: his record counts
                return
            except DependencyUnavailableError:
                if attempt == SAVES_ALLOWED:
                    raise


def _key(telling: Telling, state: str, channel: str) -> DeliveryKey:
    return DeliveryKey(telling.day, telling.topic, state, channel)


def _earlier(record: Delivery | None) -> Earlier | None:
    if record is None or not record.subject:
        return None
    return Earlier(record.key.id, record.receipt, record.subject)
