"""What the detector remembers, in one item of the anomaly table: the memory, what is left to be done, and a version.

All of a step is one conditional ``PutItem``. Bodies that do not fit the item go to the segment bucket first, under the
hash of their content; the item then names them. Nothing is visible of a step whose put did not happen.
"""

from binascii import a2b_base64
from datetime import datetime
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.anomaly.saved import Saved
from opsloop.clock import format_time, time_of
from opsloop.telemetry.model import BodyStore

PLACE = place("detector", "state")
KEPT_DAYS = 30  # shorter than the bodies in the segment bucket are kept
MAX_BODY_BYTES = 120_000  # each of three: an item ends at 400 KB
_BODIES = ("memory", "outbox")


class StateTable:
    """The detector's item."""

    def __init__(self, table_name: str, store: BodyStore) -> None:
        self._table, self._store = Table(table_name, "anomaly table"), store

    def read(self) -> Saved | None:
        """Return what was saved last, None if nothing ever was."""
        item = self._table.get(PLACE, ConsistentRead=True)
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
        self._table.save(item, after=saved.version - 1, conflict="anomaly state: another run was ahead")

    def _body(self, item: dict[str, Any], name: str) -> bytes:
        if name in item:
            return a2b_base64(item[name]["B"])
        return self._store.get(item[f"{name}_key"]["S"])
