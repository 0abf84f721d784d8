"""The folded side of the telemetry table: blocks of one service and hour, and the services that were seen.

A body that would not fit an item goes to the segment bucket first; the item then names it (docs/adr/0006-blocks.md).
"""

import json
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from opsloop.adapters.aws_dynamodb import IS_NEW, Table, place
from opsloop.clock import format_time, time_of
from opsloop.telemetry.encoding import decode, encode
from opsloop.telemetry.exemplar import Exemplar, pack, unpack
from opsloop.telemetry.model import Block, BodyStore, SeenService, Source

MAX_BODY_BYTES = 350_000  # an item ends at 400 KB, and the lineage needs room
MAX_EXEMPLAR_BYTES = 100_000
SERVICES = "services"
_HOUR = "%Y-%m-%dT%H"


class BlockTable:
    """Blocks, saved by compare-and-swap, and the list of services."""

    def __init__(self, table_name: str, store: BodyStore) -> None:
        self._table, self._store = Table(table_name, "telemetry table"), store

    def get(self, service: str, hour: int) -> Block | None:
        """Return the block of ``service`` and the hour that starts at minute ``hour``, or None."""
        item = self._table.get(place(_block_key(service), _hour_key(hour)), ConsistentRead=True)
        return None if item is None else self._block(item)

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        """Return the blocks of ``service`` for the hours starting at ``first_hour`` to ``last_hour``, oldest first."""
        between = _hour_key(first_hour), _hour_key(last_hour)
        found = self._table.query(_block_key(service), between=between, ConsistentRead=True)
        return [self._block(item) for item in found]

    def read_exemplars(self, service: str, first_hour: int, last_hour: int) -> list[Exemplar]:
        """Return the exemplars of ``service`` for the hours starting at ``first_hour`` to ``last_hour``."""
        between, attributes = (_hour_key(first_hour), _hour_key(last_hour)), "exemplars, exemplars_key"
        found = self._table.query(_block_key(service), between=between, ProjectionExpression=attributes)
        return [exemplar for item in found for exemplar in self._exemplars(item)]

    def save(self, block: Block, *, now: datetime, retention_days: int) -> None:
        """Write ``block`` as its next version; raise ``ConflictError`` if it changed since it was read.

        It expires ``retention_days`` after its hour began.
        """
        body, exemplars = encode(block.cells), pack(block.exemplars)
        are_many = len(exemplars) > MAX_EXEMPLAR_BYTES
        is_large = len(body) + (0 if are_many else len(exemplars)) > MAX_BODY_BYTES
        item: dict[str, Any] = {
            **place(_block_key(block.service), _hour_key(block.hour)),
            "folded": {"M": {log: {"S": position} for log, position in block.folded.items()}},
            "sources": {"S": json.dumps([asdict(source) for source in block.sources], separators=(",", ":"))},
            "updated_at": {"S": format_time(now)},
            "expires_at": {"N": str(block.hour * 60 + retention_days * 86_400)},
        }
        item |= {"body_key": {"S": self._store.put(body)}} if is_large else {"body": {"B": body}}
        if exemplars:
            item |= (
                {"exemplars_key": {"S": self._store.put(exemplars)}} if are_many else {"exemplars": {"B": exemplars}}
            )
        conflict = f"block {block.service} {_hour_key(block.hour)} is past version {block.version}"
        self._table.save(item, after=block.version, conflict=conflict)

    def services(self) -> list[SeenService]:
        """Return every service that was ever seen, by name."""
        found = self._table.query(SERVICES, ConsistentRead=True)
        return [SeenService(one["sk"]["S"], int(one["first_seen"]["N"]), int(one["last_seen"]["N"])) for one in found]

    def note_services(self, services: Iterable[SeenService]) -> None:
        """Widen what is known of each service to the times given; repeating it changes nothing."""
        for one in services:
            times = {":first": one.first_seen, ":last": one.last_seen}
            for update, condition in (
                ("SET first_seen = :first, last_seen = :last", IS_NEW),
                ("SET first_seen = :first", "first_seen > :first"),
                ("SET last_seen = :last", "last_seen < :last"),
            ):
                self._table.holds(
                    "UpdateItem",
                    Key=place(SERVICES, one.service),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={
                        name: {"N": str(time)} for name, time in times.items() if name in update
                    },
                )

    def _block(self, item: dict[str, Any]) -> Block:
        body = a2b_base64(item["body"]["B"]) if "body" in item else self._store.get(item["body_key"]["S"])
        return Block(
            service=item["pk"]["S"].removeprefix("block#"),
            hour=int(datetime.strptime(f"{item['sk']['S']}+0000", f"{_HOUR}%z").timestamp()) // 60,
            cells=decode(body),
            folded={log: position["S"] for log, position in item["folded"]["M"].items()},
            sources=tuple(Source(**source) for source in json.loads(item["sources"]["S"])),
            version=int(item["version"]["N"]),
            exemplars=self._exemplars(item),
        )

    def _exemplars(self, item: dict[str, Any]) -> tuple[Exemplar, ...]:
        if "exemplars_key" in item:
            return unpack(self._store.get(item["exemplars_key"]["S"]))
        return unpack(a2b_base64(item["exemplars"]["B"]) if "exemplars" in item else b"")


def _block_key(service: str) -> str:
    return f"block#{service}"


def _hour_key(hour: int) -> str:
    return time_of(hour).strftime(_HOUR)
