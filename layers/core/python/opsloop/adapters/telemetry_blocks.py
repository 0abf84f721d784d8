"""The folded side of the telemetry table: blocks of one service and hour, and the services that were seen.

A body that would not fit an item goes to the segment bucket first; the item then names it (docs/adr/0006-blocks.md).
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

from pynamodb.attributes import BinaryAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, PutError, PynamoDBException, UpdateError
from pynamodb.models import Model

from opsloop.clock import format_time, time_of
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.telemetry.encoding import decode, encode
from opsloop.telemetry.exemplar import Exemplar, pack, unpack
from opsloop.telemetry.model import Block, BodyStore, SeenService, Source

MAX_BODY_BYTES = 350_000  # an item ends at 400 KB, and the lineage needs room
MAX_EXEMPLAR_BYTES = 100_000
SERVICES = "services"
_HOUR = "%Y-%m-%dT%H"
_CONDITION_FAILED = "ConditionalCheckFailedException"


class BlockRecord(Model):
    """Stored shape of a block, one item each."""

    class Meta:
        table_name = "unbound"  # BlockTable sets it

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = BinaryAttribute(legacy_encoding=False, null=True)
    body_key = UnicodeAttribute(null=True)
    exemplars = BinaryAttribute(legacy_encoding=False, null=True)
    exemplars_key = UnicodeAttribute(null=True)
    version = NumberAttribute()
    folded = MapAttribute[str, str]()  # type: ignore[no-untyped-call]
    sources = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    expires_at = NumberAttribute()


class ServiceRecord(Model):
    """Stored shape of a service seen, one item each under one partition key."""

    class Meta:
        table_name = "unbound"  # BlockTable sets it

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    first_seen = NumberAttribute()
    last_seen = NumberAttribute()


class BlockTable:
    """Blocks, saved by compare-and-swap, and the list of services."""

    def __init__(self, table_name: str, store: BodyStore) -> None:
        for record in (BlockRecord, ServiceRecord):
            record.Meta.table_name = table_name
            record._connection = None  # a model keeps the connection of the table that it was first bound to
        self._store = store

    def get(self, service: str, hour: int) -> Block | None:
        """Return the block of ``service`` and the hour that starts at minute ``hour``, or None."""
        try:
            with _outages():
                return self._block(BlockRecord.get(_block_key(service), _hour_key(hour), consistent_read=True))
        except DoesNotExist:
            return None

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        """Return the blocks of ``service`` for the hours starting at ``first_hour`` to ``last_hour``, oldest first."""
        between = BlockRecord.sk.between(_hour_key(first_hour), _hour_key(last_hour))
        with _outages():
            return [self._block(one) for one in BlockRecord.query(_block_key(service), between, consistent_read=True)]

    def read_exemplars(self, service: str, first_hour: int, last_hour: int) -> list[Exemplar]:
        """Return the exemplars of ``service`` for the hours starting at ``first_hour`` to ``last_hour``."""
        between = BlockRecord.sk.between(_hour_key(first_hour), _hour_key(last_hour))
        wanted = ["exemplars", "exemplars_key"]
        with _outages():
            records = list(BlockRecord.query(_block_key(service), between, attributes_to_get=wanted))
        return [exemplar for record in records for exemplar in self._exemplars(record)]

    def save(self, block: Block, *, now: datetime, retention_days: int) -> None:
        """Write ``block`` as its next version; raise ``ConflictError`` if it changed since it was read.

        It expires ``retention_days`` after its hour began.
        """
        body, exemplars = encode(block.cells), pack(block.exemplars)
        are_many = len(exemplars) > MAX_EXEMPLAR_BYTES
        is_large = len(body) + (0 if are_many else len(exemplars)) > MAX_BODY_BYTES
        record = BlockRecord(
            _block_key(block.service),
            _hour_key(block.hour),
            body=None if is_large else body,
            body_key=self._store.put(body) if is_large else None,
            exemplars=None if are_many or not exemplars else exemplars,
            exemplars_key=self._store.put(exemplars) if are_many else None,
            version=block.version + 1,
            folded=dict(block.folded),
            sources=json.dumps([asdict(source) for source in block.sources], separators=(",", ":")),
            updated_at=format_time(now),
            expires_at=block.hour * 60 + retention_days * 86_400,
        )
        condition = BlockRecord.version == block.version if block.version else BlockRecord.pk.does_not_exist()
        try:
            with _outages():
                record.save(condition=condition)
        except PutError as error:
            raise ConflictError(f"block {block.service} {record.sk} is past version {block.version}") from error

    def services(self) -> list[SeenService]:
        """Return every service that was ever seen, by name."""
        with _outages():
            return [
                SeenService(one.sk, int(one.first_seen), int(one.last_seen))
                for one in ServiceRecord.query(SERVICES, consistent_read=True)
            ]

    def note_services(self, services: Iterable[SeenService]) -> None:
        """Widen what is known of each service to the times given; repeating it changes nothing."""
        for one in services:
            first, last = ServiceRecord.first_seen, ServiceRecord.last_seen
            unknown = ServiceRecord.pk.does_not_exist()
            _update(one, [first.set(one.first_seen), last.set(one.last_seen)], unknown)
            _update(one, [first.set(one.first_seen)], first > one.first_seen)
            _update(one, [last.set(one.last_seen)], last < one.last_seen)

    def _block(self, record: BlockRecord) -> Block:
        body = record.body if record.body is not None else self._store.get(record.body_key)
        return Block(
            service=record.pk.removeprefix("block#"),
            hour=int(datetime.strptime(f"{record.sk}+0000", f"{_HOUR}%z").timestamp()) // 60,
            cells=decode(body),
            folded={str(log): str(to) for log, to in record.folded.attribute_values.items()},
            sources=tuple(Source(**source) for source in json.loads(record.sources)),
            version=int(record.version),
            exemplars=self._exemplars(record),
        )

    def _exemplars(self, record: BlockRecord) -> tuple[Exemplar, ...]:
        return unpack(self._store.get(record.exemplars_key) if record.exemplars_key else record.exemplars or b"")


def _block_key(service: str) -> str:
    return f"block#{service}"


def _hour_key(hour: int) -> str:
    return time_of(hour).strftime(_HOUR)


def _update(seen: SeenService, actions: list, condition: object) -> None:  # type: ignore[type-arg]
    try:
        with _outages():
            ServiceRecord(SERVICES, seen.service).update(actions=actions, condition=condition)  # type: ignore[arg-type]
    except UpdateError:
        return  # already known, or known to be wider


@contextmanager
def _outages() -> Iterator[None]:
    """Let "not there" and "condition failed" pass; everything else means that the table cannot be had now."""
    try:
        yield
    except DoesNotExist:
        raise
    except PynamoDBException as error:
        if error.cause_response_code == _CONDITION_FAILED:
            raise
        raise DependencyUnavailableError(f"telemetry table: {error.cause_response_code or error}") from error
