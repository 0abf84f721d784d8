"""What people send: whether an anomaly was useful, which time is no measure of the usual, what shall be tried."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from opsloop.anomaly.exclude import Window
from opsloop.anomaly.record import VERDICTS, Feedback
from opsloop.anomaly.series import BUCKET_MINUTES
from opsloop.anomaly.thresholds import thresholds_of
from opsloop.clock import MINUTES_PER_DAY, format_time, parse_time, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

MAX_NOTE, MAX_REASON, MAX_NAME = 1_000, 500, 255
MAX_WINDOW_DAYS, MAX_TRIED_DAYS = 31, 15
EVERY = "*"


@dataclass(frozen=True)
class Form:
    """A JSON object that was sent, whose fields are read with errors that name them."""

    content: Mapping[str, Any]

    def only(self, *names: str) -> None:
        """Raise ``InvalidInputError`` for a field beyond ``names``."""
        if unknown := self.content.keys() - set(names):
            raise InvalidInputError(f"{min(unknown)}: not a field here; there are: {', '.join(names)}")

    def text(self, name: str, *, most: int, default: str | None = None) -> str:
        """Return a text of one to ``most`` characters, ``default`` where the field is missing."""
        if default is not None and name not in self.content:
            return default
        value = self.content.get(name)
        if not isinstance(value, str) or not 0 < len(value.strip()) <= most:
            raise InvalidInputError(f"{name}: expected a text of 1 to {most} characters")
        return value.strip()

    def minute(self, name: str, *, is_end: bool = False) -> int:
        """Return the minute since the epoch of a time; one that ends something counts to the end of its minute."""
        value = self.content.get(name)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InvalidInputError(f"{name}: expected a time such as 2026-11-21T08:00:00Z")
        seconds = int(parse_time(str(value), name=name).timestamp())
        return -(-seconds // 60) if is_end else seconds // 60


def feedback_of(content: Mapping[str, Any], anomaly_id: str, *, by: str, now_minute: int) -> Feedback:
    """Return the feedback that ``content`` holds; raise ``InvalidInputError``, which names the field."""
    form = Form(content)
    form.only("verdict", "note")
    verdict = content.get("verdict")
    if not isinstance(verdict, str) or verdict not in VERDICTS:
        raise InvalidInputError(f"verdict: {verdict!r} is not one of {', '.join(VERDICTS)}")
    return Feedback(anomaly_id, verdict, by, form.text("note", most=MAX_NOTE, default=""), now_minute)


def window_of(content: Mapping[str, Any]) -> Window:
    """Return the window that ``content`` names: ``service`` ("*" for all), ``from``, ``to`` (not included), ``reason``.

    Raises ``InvalidInputError``, which names the field.
    """
    form = Form(content)
    form.only("service", "from", "to", "reason")
    service = form.text("service", most=MAX_NAME)
    first, end = form.minute("from"), form.minute("to", is_end=True)
    if first >= end:
        raise InvalidInputError("to: expected a time after from")
    if end - first > MAX_WINDOW_DAYS * MINUTES_PER_DAY:
        raise InvalidInputError(
            f"to: expected at most {MAX_WINDOW_DAYS} days after from; of a longer time, nothing usual would be left"
        )
    return Window("" if service == EVERY else service, first, end, form.text("reason", most=MAX_REASON))


def window_json(window: Window) -> dict[str, str]:
    """Return ``window`` as ``window_of`` reads it, with the id by which it can be taken back."""
    return {
        "exclusion_id": window.key,
        "service": window.service or EVERY,
        "from": format_time(time_of(window.first_minute)),
        "to": format_time(time_of(window.end_minute)),
        "reason": window.reason,
    }


@dataclass(frozen=True)
class Trying:
    """What a backtest is asked for: buckets from ``first_minute`` to before ``end_minute``, of one service or of all
    (""), with ``thresholds`` beside those of the catalog, if any; ``continuation`` is that of the slice before."""

    first_minute: int
    end_minute: int
    service: str
    thresholds: Mapping[str, Any] | None
    continuation: str
    name: str


def trying_of(content: Mapping[str, Any], *, now_minute: int) -> Trying:
    """Return what ``content`` asks to be tried; raise ``InvalidInputError``, which names the field."""
    form = Form(content)
    form.only("from", "to", "service", "thresholds", "continuation")
    first = form.minute("from") // BUCKET_MINUTES * BUCKET_MINUTES
    end = min(form.minute("to"), now_minute) // BUCKET_MINUTES * BUCKET_MINUTES
    if first >= end:
        raise InvalidInputError(f"to: expected {BUCKET_MINUTES} minutes or more after from, and from in the past")
    if end - first > MAX_TRIED_DAYS * MINUTES_PER_DAY:
        raise InvalidInputError(f"to: expected at most {MAX_TRIED_DAYS} days after from")
    thresholds = content.get("thresholds")
    asked = {name: value for name, value in content.items() if name != "continuation"}
    return Trying(
        first_minute=first,
        end_minute=end,
        service=form.text("service", most=MAX_NAME, default=""),
        thresholds=None if thresholds is None else thresholds_of(thresholds),
        continuation=form.text("continuation", most=200, default=""),
        name=sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32],
    )
