"""The writing side of the log table: states of services, pattern counts, the object index, and how far logs were kept.

What follows from one step is one transaction, held together by the version of the service's state: whoever read that
before another wrote loses (docs/adr/0016-log-objects.md).
"""

from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from opsloop.adapters.aws_dynamodb import Table, is_version, place
from opsloop.errors import ConflictError, InvalidInputError, NotFoundError, TransientError
from opsloop.log.keep import Change, ServiceState, Step
from opsloop.log.model import BodyStore, LogObject, PatternHour
from opsloop.log.names import (
    HOURS,
    PENDING_DAYS,
    STATE,
    folder,
    hour_key,
    hour_of,
    objects_key,
    pending_key,
    service_key,
)
from opsloop.log.pattern_hours import decode, encode
from opsloop.log.patterns import Miner

SERVICES, PATTERNS, KEPT = "services", "patterns", "kept"
MAX_BODY_BYTES = 100_000  # larger ones go to the bucket: 34 bodies of a transaction have to fit into 4 MB
LOG_DAYS = 7 * 365 + 2  # as the objects in the bucket
_DAY_S = 86_400
_STATE = "state"


class Bodies(BodyStore, Protocol):
    """Where bodies go that are too large for an item: ``LogBucket``."""

    def put_body(self, folder: str, body: bytes) -> str:
        """Store ``body`` under ``folder`` and return its key, which follows from its content."""

    def delete(self, key: str) -> None:
        """Delete the body under ``key``."""


class LogTable:
    """What ``log_keep`` knows and writes."""

    def __init__(self, table_name: str, bodies: Bodies) -> None:
        self._table, self._bodies = Table(table_name, "log table"), bodies
        self._large: dict[tuple[str, int], str] = {}  # service and version -> the large body of its miner

    def state(self, service: str) -> ServiceState:
        """Return what is known of ``service``, its miner made anew: the caller may change it.

        Raises ``ConflictError`` if it was replaced while it was read.
        """
        item = self._table.get(place(service_key(_STATE, service), _STATE), ConsistentRead=True)
        if item is None:
            return ServiceState(service, 0, {}, Miner())
        version = int(item["version"]["N"])
        applied = {log: Step.of(text["S"]) for log, text in item["applied"]["M"].items()}
        self._large = {(service, version): item["body_key"]["S"]} if "body_key" in item else {}
        return ServiceState(service, version, applied, _miner(self._body(item)))

    def hours(self, service: str, hours: Iterable[int]) -> dict[int, PatternHour]:
        """Return the pattern counts of those of ``hours`` (their first minutes) that have any."""
        items = self._table.get_all([place(service_key(PATTERNS, service), hour_key(hour)) for hour in hours])
        found = [(hour_of(item["sk"]["S"]), self._body(item)) for item in items]
        return {hour: decode(service, hour, body) for hour, body in found}

    def commit(self, change: Change, *, pattern_days: int) -> None:
        """Write everything that ``change`` says, or nothing.

        Raises ``ConflictError`` if the service's state is not what the change was made from any more.
        """
        state, before = change.after, change.before
        item: dict[str, Any] = {
            **place(service_key(_STATE, state.service), _STATE),
            "version": {"N": str(state.version)},
            "applied": {"M": {log: {"S": step.text} for log, step in state.applied.items()}},
            **self._stored(f"{STATE}{folder(state.service)}/", state.miner.to_bytes()),
        }
        puts = [] if before.version else [place(SERVICES, state.service)]
        puts += [self._hour(hour, pattern_days) for hour in change.hours]
        puts += [_indexed(one) for one, _ in change.objects]
        for one in change.pending:
            expires = {"N": str(one.since_s + PENDING_DAYS * _DAY_S)}
            puts.append({**place(*pending_key(one.key, one.since_s)), "expires_at": expires})
        actions = [{"Put": {"TableName": self._table.name, "Item": item, **is_version(before.version)}}]
        actions += [{"Put": {"TableName": self._table.name, "Item": one}} for one in puts]
        self._table.transact(actions, conflict="log table: somebody else was first")
        if old := self._large.pop((state.service, before.version), ""):
            with suppress(TransientError):  # it is harmless, and nobody else looks for it
                self._bodies.delete(old)

    def kept(self) -> dict[str, str]:
        """Return up to which position each log was kept; a log that is not named was not begun."""
        return {item["sk"]["S"]: item["position"]["S"] for item in self._table.query(KEPT, ConsistentRead=True)}

    def advance(self, log: str, position: str) -> None:
        """Note that ``log`` is kept up to ``position``, unless it is further already."""
        self._table.holds(
            "PutItem",
            Item={**place(KEPT, log), "position": {"S": position}},
            ConditionExpression="attribute_not_exists(pk) OR #position < :position",
            ExpressionAttributeNames={"#position": "position"},
            ExpressionAttributeValues={":position": {"S": position}},
        )

    def _hour(self, hour: PatternHour, pattern_days: int) -> dict[str, Any]:
        return {
            **place(service_key(PATTERNS, hour.service), hour_key(hour.hour)),
            **self._stored(HOURS, encode(hour)),
            "expires_at": {"N": str(hour.hour * 60 + pattern_days * _DAY_S)},
        }

    def _stored(self, place: str, body: bytes) -> dict[str, Any]:
        if len(body) > MAX_BODY_BYTES:
            return {"body_key": {"S": self._bodies.put_body(place, body)}}
        return {"body": {"B": body}}

    def _body(self, item: Mapping[str, Any]) -> bytes:
        if "body" in item:
            return a2b_base64(item["body"]["B"])
        try:
            return self._bodies.get(item["body_key"]["S"])
        except NotFoundError as error:
            raise ConflictError("log table: a body was replaced while it was read") from error


def _miner(body: bytes) -> Miner:
    try:
        return Miner.from_bytes(body)
    except InvalidInputError:
        return Miner()  # a state of another version of the miner: its patterns are learned anew


def _indexed(one: LogObject) -> dict[str, Any]:
    begins_s = one.first_ns // 1_000_000_000
    return {
        **place(objects_key(one.service, one.day), f"{one.hour:02d}#{one.key.rpartition('/')[2]}"),
        "key": {"S": one.key},
        "records": {"N": str(one.records)},
        "first_ns": {"N": str(one.first_ns)},
        "last_ns": {"N": str(one.last_ns)},
        "severities": {"M": {name: {"N": str(count)} for name, count in one.severities.items()}},
        "traces": {"B": one.trace_bloom},
        "expires_at": {"N": str(begins_s + LOG_DAYS * _DAY_S)},
    }
