"""The log side of the telemetry table: write-once items, one chain per shard, and how far each was folded.

The hot path: our own small client, no table mapper, one write per batch. An item's sort key is where the item before it
ended, so two writers who both continue the log want the same key, and the condition lets one of them win
(docs/adr/0001-write-once-log.md).
"""

import math
import struct
from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from opsloop.adapters.aws_dynamodb import IS_NEW, Table, place
from opsloop.errors import TooLargeError
from opsloop.telemetry.claim import Claim
from opsloop.telemetry.model import LOG_START, BodyStore
from opsloop.telemetry.segment import Committed, Mark, RawItem, Segment, decode_body, encode_body

MAX_ITEM_BYTES = 350_000  # of body, fingerprints and links; DynamoDB's limit is 400 KB for everything
MAX_GUARDS = 98  # a transaction ends at 100 items
SHARDS = "shards"
CLAIM_DAYS = 120  # longer than a quarantined object is kept, after which nobody can replay it again
_CLAIMS = "replayed#"
_MARK = "#to, last_arrival, fingerprints, fingerprints_key"
_NAMES = {"#to": "to"}
_LOST = "telemetry table: somebody else was first"


class RawStore(Protocol):
    """Where the log requests of an item are kept, line by line, for the capability ``log``."""

    def put(self, log: str, start: str, end: str, requests: Iterable[tuple[float, bytes]]) -> str:
        """Store what the item of ``log`` from ``start`` to ``end`` holds of them; return the key."""


class TelemetryLog:
    """The logs of all shards. Without ``raw``, log records are counted but not kept."""

    def __init__(self, table_name: str, store: BodyStore, raw: RawStore | None = None) -> None:
        self._table = Table(table_name, "telemetry table")
        self._store = store
        self._raw = raw

    def register(self, log: str) -> None:
        """Enter ``log`` among those to be folded; to be done before its first item. Repeating it changes nothing."""
        item = {**place(SHARDS, log), "folded_to": {"S": LOG_START}}
        self._table.holds("PutItem", Item=item, ConditionExpression=IS_NEW)

    def append(
        self,
        log: str,
        segment: Segment,
        *,
        retention_days: int,
        guards: Sequence[tuple[str, str]] = (),
        may_split: bool = False,
        claim: Claim | None = None,
    ) -> None:
        """Commit ``segment``: its contents and the new end of the log, in one write; with ``claim``, both or neither.

        What is too large for an item goes to the store first, and the item names it; with ``may_split`` nothing is
        written then, and ``TooLargeError`` asks for a smaller segment. Its log requests go to the raw store first.

        Raises ``ConflictError`` if the log does not end at ``segment.start`` any more, or one of ``guards``, each a
        log and its end, does not end there, or if the claim is there.
        """
        fingerprints = struct.pack(f">{len(segment.fingerprints)}Q", *segment.fingerprints)
        body = encode_body(segment.cells, segment.shares, segment.exemplars)
        is_large = len(body) + len(fingerprints) + len(segment.links) > MAX_ITEM_BYTES
        if is_large and may_split:
            raise TooLargeError(f"{log}: {segment.records} records make more than {MAX_ITEM_BYTES} bytes")
        item: dict[str, Any] = {
            **place(log, segment.start),
            "to": {"S": segment.end},
            "records": {"N": str(segment.records)},
            "items": {"N": str(segment.items)},
            "quarantined": {"N": str(len(segment.unreadable))},
            "duplicates": {"N": str(segment.duplicates)},
            "first_arrival": {"N": repr(segment.first_arrival_s)},
            "last_arrival": {"N": repr(segment.last_arrival_s)},
            "expires_at": {"N": str(int(segment.last_arrival_s) + retention_days * 86_400)},
        }
        if len(segment.cells):
            item["min_minute"] = {"N": str(segment.cells.minute.min())}
            item["max_minute"] = {"N": str(segment.cells.minute.max())}
        item |= {"body_key": {"S": self._store.put(body)}} if is_large else {"body": {"B": body}}
        is_large = len(fingerprints) + len(segment.links) > MAX_ITEM_BYTES
        item |= (
            {"fingerprints_key": {"S": self._store.put(fingerprints)}}
            if is_large
            else {"fingerprints": {"B": fingerprints}}
        )
        if segment.links:
            item["links"] = {"B": segment.links}
        if segment.log_requests and self._raw is not None:
            item["raw_key"] = {"S": self._raw.put(log, segment.start, segment.end, segment.log_requests)}
        self._commit(item, guards[:MAX_GUARDS], claim)

    def claims(self, group: str) -> dict[str, Claim]:
        """Return, by name, the claims of the quarantined objects whose keys begin with ``<group>/``."""
        found = {}
        for item in self._query(f"{_CLAIMS}{group}"):
            name, position, by = (item[field]["S"] for field in ("sk", "position", "by"))
            found[name] = Claim(group, name, position, float(item["at"]["N"]), int(item["items"]["N"]), by)
        return found

    def tail(self, log: str, since_s: float) -> list[Mark]:
        """Return the end of ``log``, oldest first: its last item, and those before it back to arrival ``since_s``."""
        marks: list[Mark] = []
        options = {"Limit": 1} if since_s == math.inf else {}  # a page of a megabyte is paid for, read or not
        for item in self._query(log, ScanIndexForward=False, ProjectionExpression=_MARK, **options):
            marks.append(self._mark(item))
            if marks[-1].last_arrival_s < since_s:
                break
        return marks[::-1]

    def marks_after(self, log: str, position: str) -> list[Mark]:
        """Return the items of ``log`` that follow ``position``, oldest first, without their bodies."""
        return [self._mark(item) for item in self._query(log, since=position, ProjectionExpression=_MARK)]

    def read(self, log: str, position: str, limit: int) -> list[Committed]:
        """Return up to ``limit`` items of ``log`` that follow ``position``, oldest first."""
        found: list[Committed] = []
        for item in self._query(log, since=position, Limit=limit):
            body = a2b_base64(item["body"]["B"]) if "body" in item else self._store.get(item["body_key"]["S"])
            arrival = float(item["last_arrival"]["N"])
            cells, shares, exemplars = decode_body(body)
            links = a2b_base64(item["links"]["B"]) if "links" in item else b""
            found.append(Committed(log, item["sk"]["S"], item["to"]["S"], cells, shares, arrival, exemplars, links))
            if len(found) == limit:
                break
        return found

    def raw_after(self, log: str, position: str, limit: int) -> list[RawItem]:
        """Return up to ``limit`` items of ``log`` that follow ``position``, oldest first, with their raw requests."""
        options: dict[str, Any] = {
            "ProjectionExpression": "sk, #to, last_arrival, raw_key",
            "ExpressionAttributeNames": _NAMES,
        }
        found = self._query(log, since=position, Limit=limit, **options)
        return [_raw_item(item) for item in islice(found, limit)]

    def shards(self) -> dict[str, str]:
        """Return every log, with the position up to which it was folded."""
        return {item["sk"]["S"]: item["folded_to"]["S"] for item in self._query(SHARDS)}

    def advance(self, log: str, expected: str, position: str) -> None:
        """Note that ``log`` is folded up to ``position``; raise ``ConflictError`` unless it was up to ``expected``."""
        self._table.call(
            "UpdateItem",
            conflict=_LOST,
            Key=place(SHARDS, log),
            UpdateExpression="SET folded_to = :position",
            ConditionExpression="folded_to = :expected",
            ExpressionAttributeValues={":position": {"S": position}, ":expected": {"S": expected}},
        )

    def _commit(self, item: dict[str, Any], guards: Sequence[tuple[str, str]], claim: Claim | None) -> None:
        if not guards and claim is None:
            self._table.call("PutItem", conflict=_LOST, Item=item, ConditionExpression=IS_NEW)
            return
        absent = {"TableName": self._table.name, "ConditionExpression": IS_NEW}
        actions: list[dict[str, Any]] = [{"Put": {**absent, "Item": item}}]
        if claim is not None:
            actions.append({"Put": {**absent, "Item": _claimed(claim)}})
        for log, end in guards:
            actions.append({"ConditionCheck": {**absent, "Key": place(log, end)}})
        self._table.transact(actions, conflict=_LOST)

    def _mark(self, item: dict[str, Any]) -> Mark:
        if "fingerprints" in item:
            raw = a2b_base64(item["fingerprints"]["B"])
        else:
            raw = self._store.get(item["fingerprints_key"]["S"])
        return Mark(item["to"]["S"], float(item["last_arrival"]["N"]), struct.unpack(f">{len(raw) // 8}Q", raw))

    def _query(self, pk: str, **options: Any) -> Iterator[dict[str, Any]]:
        """Return the items, page by page, read consistently."""
        if _MARK in options.values():
            options["ExpressionAttributeNames"] = _NAMES
        return self._table.query(pk, ConsistentRead=True, **options)


def _raw_item(item: dict[str, Any]) -> RawItem:
    arrival_s, key = float(item["last_arrival"]["N"]), item.get("raw_key", {"S": ""})["S"]
    return RawItem(item["sk"]["S"], item["to"]["S"], arrival_s, key)


def _claimed(claim: Claim) -> dict[str, Any]:
    return {
        **place(f"{_CLAIMS}{claim.group}", claim.name),
        "position": {"S": claim.position},
        "at": {"N": repr(claim.at_s)},
        "items": {"N": str(claim.items)},
        "by": {"S": claim.by},
        "expires_at": {"N": str(int(claim.at_s) + CLAIM_DAYS * 86_400)},
    }
