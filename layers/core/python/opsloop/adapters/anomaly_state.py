"""What the detector remembers, in one item of the anomaly table: the memory, what is left to be done, and a version.

All of a step is one conditional ``PutItem``. Bodies that do not fit the item go to the segment bucket first, under the
hash of their content; the item then names them. Nothing is visible of a step whose put did not happen.
"""

from binascii import a2b_base64
from datetime import datetime
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.anomaly.saved import Saved
from opsloop.clock import format_time, time_of
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.telemetry.model import BodyStore

PLACE = {"pk": {"S": "detector"}, "sk": {"S": "state"}}
KEPT_DAYS = 30  # shorter than the bodies in the segment bucket are kept
MAX_BODY_BYTES = 120_000  # each of three: an item ends at 400 KB
_BODIES = ("memory", "outbox")


class StateTable:
    """The detector's item."""

    def __init__(self, table_name: str, store: BodyStore) -> None:
        self._table, self._store = table_name, store
        self._client = JsonClient(DYNAMODB)

    def read(self) -> Saved | None:
        """Return what was saved last, None if nothing ever was."""
        item = self._call("GetItem", {"TableName": self._table, "Key": PLACE, "ConsistentRead": True}).get("Item")
        if item is None:
            return None
        bodies = {name: self._body(item, name) for name in _BODIES}
        return Saved(
            version=int(item["version"]["N"]),
            memory=bodies["memory"],
            outbox=bodies["outbox"],
            open_ids=a2b_base64(item["open_ids"]["B"]),
            unknown=a2b_base64(item["unjudged"]["B"]),
            judged_to=int(item["judged_to"]["N"]),
        )

    def save(self, saved: Saved, *, now: datetime) -> None:
        """Write ``saved`` in the place of the version before; raise ``ConflictError`` if that is there no more."""
        item: dict[str, Any] = {
            **PLACE,
            "version": {"N": str(saved.version)},
            "judged_to": {"N": str(saved.judged_to)},
            "judged_until": {"S": format_time(time_of(saved.judged_to))},  # for people
            "updated_at": {"S": format_time(now)},
            "expires_at": {"N": str(int(now.timestamp()) + KEPT_DAYS * 86_400)},
            "open_ids": {"B": saved.open_ids},
            "unjudged": {"B": saved.unknown},
        }
        for name in _BODIES:
            body: bytes = getattr(saved, name)
            is_large = len(body) > MAX_BODY_BYTES
            item |= {f"{name}_key": {"S": self._store.put(body)}} if is_large else {name: {"B": body}}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if saved.version > 1:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": {"N": str(saved.version - 1)}},
            }
        self._call("PutItem", {"TableName": self._table, "Item": item, **condition})

    def _body(self, item: dict[str, Any], name: str) -> bytes:
        if name in item:
            return a2b_base64(item[name]["B"])
        return self._store.get(item[f"{name}_key"]["S"])

    def _call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._client.call(operation, arguments)
        except AwsError as error:
            if error.code == "ConditionalCheckFailedException":
                raise ConflictError("anomaly state: another run was ahead") from error
            raise DependencyUnavailableError(f"anomaly table: {error.code}") from error
