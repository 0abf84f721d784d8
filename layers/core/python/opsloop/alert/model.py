"""The nouns of alerts: what is told, to whom, what became of it, and the facts told on the bus."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from opsloop.anomaly.model import Severity
from opsloop.dataclass import dataclass
from opsloop.errors import TransientError

DETECTED, ENDED, FAILED, TEST = "detected", "ended", "failed", "test"
"""What is told of a topic: an anomaly began, it ended; a channel could not be told; somebody tries a channel."""


ANOMALY, BACKUP, EXERCISE = "anomaly", "backup", "exercise"
"""What is told of."""


class UnclearError(TransientError):
    """A channel did not answer: what was sent may have arrived."""


class DeliveryState(StrEnum):
    """What became of one message on one channel."""

    SENDING = "sending"
    SENT = "sent"
    WAITING = "waiting"
    UNDELIVERABLE = "undeliverable"
    UNCLEAR = "unclear"
    SUPERSEDED = "superseded"

    @property
    def is_final(self) -> bool:
        """Whether nobody tries any more by himself."""
        return self not in (DeliveryState.SENDING, DeliveryState.WAITING)

    @property
    def may_be_resent(self) -> bool:
        """Whether a person may have it sent again."""
        return self in (DeliveryState.UNDELIVERABLE, DeliveryState.UNCLEAR)


@dataclass(frozen=True)
class Telling:
    """One thing to tell: ``state`` (such as ``detected``) of ``topic`` (such as an anomaly's id).

    ``day`` (UTC, ``2026-11-21``) never changes for a topic. ``data`` is what the event carried. ``only`` names the one
    channel that it is for, ``without`` the one that it is not for; both are empty as a rule. ``is_effect``: it follows
    from something in ``origin_service``, of which people are told instead. ``at`` is when the event happened, in
    seconds since the epoch; 0 if that is not known. ``kind`` says what it is of: ``anomaly``, ``backup`` or
    ``exercise`` (of a disaster).
    """

    topic: str
    state: str
    day: str
    severity: Severity
    service: str
    data: Mapping[str, Any]
    only: str = ""
    without: str = ""
    is_effect: bool = False
    origin_service: str = ""
    at: float = 0.0
    kind: str = ANOMALY


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong again and again until it goes right, told as one: ``cause`` of ``subject``.

    ``telling`` is what people were told when it began, ``last_at`` when it last went wrong, ``ended_at`` when it went
    right again, both in seconds since the epoch; 0: it goes on. ``is_over``: people were told of that, too.
    """

    subject: str
    cause: str
    telling: Telling
    last_at: float
    ended_at: float = 0.0
    is_over: bool = False
    version: int = 1


@dataclass(frozen=True)
class Recovered:
    """What went wrong with ``subject`` before ``at`` (seconds since the epoch) is over; ``data`` says why."""

    subject: str
    at: float
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Begun:
    """A telling of a ``cause`` of ``subject``, told unless that goes on already, after what it ``ends``."""

    subject: str
    cause: str
    telling: Telling
    ends: Recovered | None = None


@dataclass(frozen=True)
class DeliveryKey:
    """What is told once: one state of one topic on one channel."""

    day: str
    topic: str
    state: str
    channel: str

    @property
    def id(self) -> str:
        """Return the key as one word for URLs and commands."""
        return f"{self.day}.{self.topic}.{self.state}.{self.channel}"


@dataclass(frozen=True)
class Delivery:
    """What is known of one message on one channel. Times are seconds since the epoch.

    Who raises ``version`` by one owns the next step. ``attempts`` counts since ``tried_since``; ``maybe_sent`` counts
    attempts of which nobody knows whether they arrived. ``lease_until`` holds while it is being sent, ``due_at`` while
    it waits. ``reason`` says why it was not sent, ``receipt`` is the receiver's name for what was.
    """

    key: DeliveryKey
    telling: Telling
    state: DeliveryState
    created_at: float
    changed_at: float
    tried_since: float
    version: int = 1
    attempts: int = 0
    maybe_sent: int = 0
    lease_until: float = 0.0
    due_at: float = 0.0
    reason: str = ""
    receipt: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with lines below it."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Earlier:
    """The message that began a thread: the receiver's name for it, and its subject."""

    delivery_id: str
    receipt: str
    subject: str


@dataclass(frozen=True)
class Message:
    """What a channel sends, in no channel's form yet: plain text of one line each, links apart.

    ``status`` is the state in a few words, ``headline`` what it is about, ``summary`` one sentence. ``facts`` are pairs
    of name and value, ``commands`` what to type, ``links`` pairs of text and URL. ``earlier`` is the message of
    the same ``thread`` that this one follows. ``is_repeat``: a copy may have arrived before.
    """

    delivery_id: str
    thread: str
    state: str
    severity: Severity
    subject: str
    status: str
    headline: str
    summary: str
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    commands: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    earlier: Earlier | None = None
    is_repeat: bool = False


@dataclass(frozen=True)
class Receipt:
    """The receiver took a message; ``id`` is its name for it, empty if it gives none."""

    id: str = ""


class Channel(Protocol):
    """A way to reach people."""

    def send(self, message: Message) -> Receipt:
        """Send ``message`` once.

        Raises ``PermanentError`` if the receiver will never take it, ``UnclearError`` if it may have been taken,
        another ``TransientError`` if it was not.
        """


@dataclass(frozen=True)
class DeliveryFailed:
    """People could not be told on a channel. ``what`` is the subject of the message that they did not get."""

    TYPE: ClassVar[str] = "alert.delivery_failed"

    delivery_id: str
    channel: str
    reason: str
    what: str
    service: str


@dataclass(frozen=True)
class ResendRequested:
    """Somebody wants a message sent that was not."""

    TYPE: ClassVar[str] = "alert.resend_requested"

    delivery_id: str


@dataclass(frozen=True)
class TestRequested:
    """Somebody wants to see whether channels work; ``channel`` is empty for all of them."""

    TYPE: ClassVar[str] = "alert.test_requested"

    test_id: str
    channel: str
