"""Who sends: one item of the telemetry table per sender, with its counts."""

import json
from hashlib import sha256
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.telemetry.sender import Seen, Sender

PARTITION = "senders"
FORGOTTEN_AFTER_S = 35 * 86_400
PATIENCE_S = 2.0
_TEXTS = ("user_agent", "signal", "form", "encoding", "key_id")
_ADD = (
    "ADD requests :requests "
    "SET first_seen = if_not_exists(first_seen, :first), last_seen = :last, expires_at = :expires"
)


class SenderTable:
    """The senders of one deployment."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(
            table_name,
            "telemetry table: senders",
            connect_timeout_s=PATIENCE_S,
            read_timeout_s=PATIENCE_S,
            attempts=1,  # a second one might count twice
        )

    def add(self, seen: Seen) -> None:
        """Add to a sender's counts; raise ``DependencyUnavailableError``."""
        sender = {name: getattr(seen.sender, name) for name in _TEXTS}
        values = {
            ":requests": {"N": str(seen.requests)},
            ":first": {"N": repr(seen.first_s)},
            ":last": {"N": repr(seen.last_s)},
            ":expires": {"N": str(int(seen.last_s) + FORGOTTEN_AFTER_S)},
        }
        self._table.call(
            "UpdateItem",
            Key=place(PARTITION, _name(sender)),
            UpdateExpression=_ADD + "".join(f", #{name} = :{name}" for name in _TEXTS),
            ExpressionAttributeNames={f"#{name}": name for name in _TEXTS},
            ExpressionAttributeValues=values | {f":{name}": {"S": text} for name, text in sender.items()},
        )

    def list(self, now_s: float) -> list[Seen]:
        """Return every sender that is not forgotten, in order; raise ``DependencyUnavailableError``."""
        found = [_seen(item) for item in self._table.query(PARTITION) if float(item["expires_at"]["N"]) > now_s]
        return sorted(found, key=lambda seen: seen.sender)


def _name(sender: dict[str, str]) -> str:
    digest = sha256(json.dumps(sender, sort_keys=True).encode()).hexdigest()
    return f"{sender['signal']}#{digest[:32]}"


def _seen(item: dict[str, Any]) -> Seen:
    sender = Sender(**{name: item[name]["S"] for name in _TEXTS})
    requests, first, last = (item[name]["N"] for name in ("requests", "first_seen", "last_seen"))
    return Seen(sender, int(requests), float(first), float(last))
