"""What may become of one message on one channel: each step follows from the record alone, and is saved once.

A step is saved only if nobody saved another meanwhile (``Delivery.version``), so of any number of workers one sends.
Receivers know no idempotency: of a worker that died while it was sending nobody knows whether the message left. It is
then sent a second time, and never a third.
"""

from dataclasses import replace

from opsloop.alert.model import Delivery, DeliveryKey, DeliveryState, Telling, UnclearError
from opsloop.errors import PermanentError, TransientError

LEASE_S = 90.0
"""How long a worker may take to send: more than the time after which it is ended."""
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 600.0
GIVE_UP_AFTER_S = 3600.0
TOO_OLD_S = 86_400.0
"""Nobody is told of what happened longer ago: days that are replayed or filled in afterwards wake nobody."""
MOST_COPIES = 2
_MAX_REASON = 500


def claim(existing: Delivery | None, key: DeliveryKey, telling: Telling, now: float) -> Delivery | None:
    """Return the record by which a worker takes the message upon itself, None if it is not to be sent (now).

    If it may not be sent any more, because it may have arrived twice or is too old, the record says so and is final.
    """
    if existing is None and telling.at and now - telling.at > TOO_OLD_S:
        reason = "it was more than a day old before it could be told"
        return Delivery(key, telling, DeliveryState.SUPERSEDED, now, now, now, reason=reason)
    if existing is None:
        return Delivery(key, telling, DeliveryState.SENDING, now, now, now, attempts=1, lease_until=now + LEASE_S)
    if existing.state.is_final or later(existing, now) is not None:
        return None
    has_lapsed = existing.state is DeliveryState.SENDING
    maybe_sent = existing.maybe_sent + has_lapsed
    if maybe_sent >= MOST_COPIES:
        reason = existing.reason or "whoever was sending it did not say how it ended"
        return _next(existing, now, state=DeliveryState.UNCLEAR, maybe_sent=maybe_sent, reason=reason)
    return _next(
        existing,
        now,
        state=DeliveryState.SENDING,
        attempts=existing.attempts + 1,
        maybe_sent=maybe_sent,
        lease_until=now + LEASE_S,
    )


def later(delivery: Delivery, now: float) -> float | None:
    """Return when to look at it again, None if there is nothing to wait for."""
    if delivery.state is DeliveryState.SENDING and delivery.lease_until > now:
        return delivery.lease_until
    if delivery.state is DeliveryState.WAITING and delivery.due_at > now:
        return delivery.due_at
    return None


def sent(delivery: Delivery, now: float, *, receipt: str, subject: str) -> Delivery:
    """Return the record of a message that its receiver took."""
    return _next(delivery, now, state=DeliveryState.SENT, receipt=receipt, subject=subject, reason="")


def failed(delivery: Delivery, now: float, error: PermanentError | TransientError, *, subject: str) -> Delivery:
    """Return the record of a message that was not, or perhaps not, taken: waiting, or final with the reason."""
    reason = error.message[:_MAX_REASON]
    if isinstance(error, PermanentError):
        return _next(delivery, now, state=DeliveryState.UNDELIVERABLE, reason=reason, subject=subject)
    maybe_sent = delivery.maybe_sent + isinstance(error, UnclearError)
    if maybe_sent >= MOST_COPIES:
        return _next(delivery, now, state=DeliveryState.UNCLEAR, maybe_sent=maybe_sent, reason=reason, subject=subject)
    asked_s = 0 if isinstance(error, UnclearError) else error.retry_after_s
    due_at = now + max(min(FIRST_WAIT_S * 2 ** (delivery.attempts - 1), LONGEST_WAIT_S), asked_s)
    if due_at - delivery.tried_since > GIVE_UP_AFTER_S:
        reason = f"given up after {delivery.attempts} attempts: {reason}"
        return _next(
            delivery, now, state=DeliveryState.UNDELIVERABLE, maybe_sent=maybe_sent, reason=reason, subject=subject
        )
    return _next(
        delivery,
        now,
        state=DeliveryState.WAITING,
        maybe_sent=maybe_sent,
        due_at=due_at,
        reason=reason,
        subject=subject,
    )


def superseded(delivery: Delivery | None, key: DeliveryKey, telling: Telling, now: float) -> Delivery | None:
    """Return the record of a message that need not be sent any more, None if there is nothing to change.

    Of one that may have been sent the record says that it is unclear.
    """
    reason = "it was over before it could be told"
    if delivery is None:
        return Delivery(key, telling, DeliveryState.SUPERSEDED, now, now, now, reason=reason)
    if delivery.state.is_final:
        return None
    is_unclear = delivery.state is DeliveryState.SENDING or delivery.maybe_sent > 0
    state = DeliveryState.UNCLEAR if is_unclear else DeliveryState.SUPERSEDED
    return _next(delivery, now, state=state, reason=reason)


def again(delivery: Delivery, now: float) -> Delivery:
    """Return the record of a message that a person wants sent again: as if it had never been tried."""
    return _next(delivery, now, state=DeliveryState.WAITING, attempts=0, maybe_sent=0, tried_since=now, due_at=now)


def _next(delivery: Delivery, now: float, **changes: object) -> Delivery:
    return replace(delivery, version=delivery.version + 1, changed_at=now, **changes)  # type: ignore[arg-type]
