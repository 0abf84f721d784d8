"""The alert table: what became of every message on every channel, by day of what it is about."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.alert.model import Delivery, DeliveryKey, DeliveryState, Telling, Trouble
from opsloop.anomaly.model import Severity
from opsloop.errors import ConflictError

DAY_S = 86_400
MAX_BODY_BYTES = 350_000  # of DynamoDB's 400 KB


class AlertTable:
    """Deliveries in DynamoDB; they expire ``retention_days`` after their last change."""

    def __init__(self, table_name: str, *, retention_days: int = 90) -> None:
        self._table, self._retention_s = Table(table_name, "alert table"), retention_days * DAY_S

    def get(self, key: DeliveryKey) -> Delivery | None:
        """Return the record as it is now; raise ``DependencyUnavailableError``."""
        item = self._item(_place(key))
        return None if item is None else _delivery(item)

    def save(self, delivery: Delivery) -> None:
        """Write the record if the version before it is still there (none for 1).

        Raises ``ConflictError`` if somebody else wrote meanwhile, ``DependencyUnavailableError`` if that is not known.
        """
        token = os.urandom(8).hex()
        item = {
            **_place(delivery.key),
            "state": {"S": delivery.state},
            "body": {"S": _body(delivery)},
            "written_by": {"S": token},
            "expires_at": {"N": str(int(delivery.changed_at) + self._retention_s)},
        }
        try:
            conflict = f"delivery {delivery.key.id} is past version {delivery.version}"
            self._table.save(item, after=delivery.version - 1, conflict=conflict)
        except ConflictError:
            # an answer that was lost on its way is asked for again: then it is our own write that is in the way
            if (self._item(_place(delivery.key)) or {}).get("written_by") != {"S": token}:
                raise

    def of_topic(self, day: str, topic: str, state: str) -> list[Delivery]:
        """Return the records of one state of a topic, one per channel."""
        return [_delivery(item) for item in self._items(day, f"{topic}#{state}#")]

    def of_day(self, day: str, topic: str = "") -> Iterator[Delivery]:
        """Yield the records of what is about that day, or of one topic of it."""
        for item in self._items(day, f"{topic}#" if topic else ""):
            yield _delivery(item)

    def note_heard(self, day: str, topic: str) -> None:
        """Keep that the beginning of a topic was heard of."""
        expires_at = {"N": str(_epoch_s(day) + self._retention_s)}
        item = {**_heard(day, topic), "expires_at": expires_at}
        self._table.call("PutItem", Item=item)

    def was_heard(self, day: str, topic: str) -> bool:
        """Return whether the beginning of a topic was heard of."""
        return self._item(_heard(day, topic)) is not None

    def trouble(self, subject: str, cause: str) -> Trouble | None:
        """Return the trouble of that subject and cause as it is now."""
        item = self._item(_trouble_place(subject, cause))
        return None if item is None else _trouble(item)

    def troubles(self, subject: str) -> list[Trouble]:
        """Return all troubles of ``subject``, those that are over as well."""
        return [_trouble(item) for item in self._table.query(f"trouble#{subject}", ConsistentRead=True)]

    def keep(self, trouble: Trouble) -> None:
        """Write the trouble if the version before it is still there (none for 1); else raise ``ConflictError``."""
        item = {
            **_trouble_place(trouble.subject, trouble.cause),
            "body": {"S": json.dumps(asdict(trouble), ensure_ascii=False)},
            "expires_at": {"N": str(int(max(trouble.last_at, trouble.ended_at)) + self._retention_s)},
        }
        conflict = f"trouble {trouble.cause} of {trouble.subject} is past version {trouble.version}"
        self._table.save(item, after=trouble.version - 1, conflict=conflict)

    def _item(self, key: dict[str, Any]) -> dict[str, Any] | None:
        return self._table.get(key, ConsistentRead=True)

    def _items(self, day: str, prefix: str) -> Iterator[dict[str, Any]]:
        return self._table.query(f"day#{day}", prefix=prefix, ConsistentRead=True)


def _place(key: DeliveryKey) -> dict[str, Any]:
    return place(f"day#{key.day}", f"{key.topic}#{key.state}#{key.channel}")


def _heard(day: str, topic: str) -> dict[str, Any]:
    return place(f"heard#{day}", topic)


def _body(delivery: Delivery) -> str:
    """Return the record as JSON; of a telling too large to be kept the effects are left out."""
    content = asdict(delivery)
    text = json.dumps(content, ensure_ascii=False)
    if len(text.encode()) <= MAX_BODY_BYTES:
        return text
    content["telling"]["data"] = {**content["telling"]["data"], "effects": []}
    return json.dumps(content, ensure_ascii=False)


def _delivery(item: dict[str, Any]) -> Delivery:
    content = json.loads(item["body"]["S"])
    telling = _telling(content["telling"])
    key, state = DeliveryKey(**content["key"]), DeliveryState(content["state"])
    return Delivery(**{**content, "key": key, "telling": telling, "state": state})


def _telling(told: dict[str, Any]) -> Telling:
    return Telling(**{**told, "severity": Severity(told["severity"])})


def _trouble_place(subject: str, cause: str) -> dict[str, Any]:
    return place(f"trouble#{subject}", cause)


def _trouble(item: dict[str, Any]) -> Trouble:
    content = json.loads(item["body"]["S"])
    return Trouble(**{**content, "telling": _telling(content["telling"])})


def _epoch_s(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
