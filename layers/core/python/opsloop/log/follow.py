"""Follows one telemetry log in order, and keeps what its committed items hold of log records.

Killed anywhere, it is done again from the watermark, and what is in already is known by the services' states. What was
committed and cannot be read is told and passed over: a log is never held up by one batch.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, InvalidInputError, NotFoundError, PermanentError
from opsloop.log.keep import Change, ServiceState, Step, changed, groups, parts
from opsloop.log.model import LogRecord, PatternHour
from opsloop.log.raw import RawRequest

CHUNK_ITEMS = 25
CONFLICTS_ALLOWED = 30

Decode = Callable[[float, bytes], Iterable[LogRecord]]
"""The records of one request, by its arrival and bytes."""
Hours = dict[int, list[LogRecord]]
"""Records by the minute at which their hour starts."""


class Item(Protocol):
    """A committed item of a telemetry log."""

    @property
    def start(self) -> str:
        """Where it begins."""

    @property
    def end(self) -> str:
        """Where it ends."""

    @property
    def last_arrival_s(self) -> float:
        """When its last record arrived, in seconds since the epoch."""

    @property
    def raw_key(self) -> str:
        """Where its log requests lie; empty if it has none."""


class Source(Protocol):
    """The telemetry logs."""

    def raw_after(self, log: str, position: str, limit: int) -> Sequence[Item]:
        """Return items that follow ``position``, oldest first."""


class Raws(Protocol):
    """The log requests of batches."""

    def get(self, key: str) -> list[RawRequest]:
        """Return the requests under ``key``; raise ``NotFoundError``, ``InvalidInputError``."""

    def body(self, key: str) -> bytes:
        """Return the object under ``key`` as it is."""


class Table(Protocol):
    """What is known of services and logs; see ``LogTable``."""

    def state(self, service: str) -> ServiceState:
        """Return what is known of a service."""

    def hours(self, service: str, hours: Iterable[int]) -> dict[int, PatternHour]:
        """Return pattern counts."""

    def commit(self, change: Change, *, pattern_days: int) -> None:
        """Write a change, or raise ``ConflictError``."""

    def advance(self, log: str, position: str) -> None:
        """Move the watermark of a log forward."""


class Objects(Protocol):
    """Where documents are kept."""

    def put(self, key: str, body: bytes, *, since_s: int) -> None:
        """Store an object, with when its records arrived."""

    def delete(self, key: str) -> None:
        """Delete an object."""


@dataclass(frozen=True)
class Lost:
    """What was committed of ``log`` and could not be kept: ``data`` is what there is of it."""

    log: str
    raw_key: str
    reason: str
    data: bytes
    arrived_at: datetime


@dataclass
class Report:
    """What was done. ``waiting_since_s``: when the oldest records arrived that were left for the next run; 0: none."""

    records: int = 0
    objects: int = 0
    batches: int = 0
    repeated: int = 0
    raced: int = 0
    lost: int = 0
    waiting_since_s: float = 0.0

    def metrics(self) -> dict[str, int]:
        """Return the counts by the names of their metrics."""
        return {
            "LogRecordsKept": self.records,
            "LogObjectsKept": self.objects,
            "LogBatchesKept": self.batches,
            "LogStepsRepeated": self.repeated,
            "LogCommitsRaced": self.raced,
            "LogBatchesLost": self.lost,
        }

    def leave(self, since_s: float) -> None:
        """Note that records which arrived then were left."""
        self.waiting_since_s = min(self.waiting_since_s or since_s, since_s)


@dataclass
class Follower:
    """The way along one log. ``tell`` is told of what is lost before the log goes on."""

    log: str
    source: Source
    raws: Raws
    table: Table
    objects: Objects
    decode: Decode
    tell: Callable[[Lost], None]
    pattern_days: int

    def follow(self, position: str, report: Report, may_go_on: Callable[[], bool]) -> None:
        """Keep what follows ``position`` for as long as ``may_go_on``, and move the watermark."""
        while items := self.source.raw_after(self.log, position, CHUNK_ITEMS):
            for item in items:
                if item.raw_key:
                    if report.batches and not may_go_on():
                        report.leave(item.last_arrival_s)
                        self._advance(position)
                        return
                    self._keep(item, report)
                position = item.end
            self._advance(position)

    def _advance(self, position: str) -> None:
        if position:
            self.table.advance(self.log, position)

    def _keep(self, item: Item, report: Report) -> None:
        try:
            requests = self.raws.get(item.raw_key)
        except NotFoundError as error:
            self._lose(item, error.message, f'{{"raw": "{item.raw_key}"}}'.encode(), report)
            return
        except InvalidInputError as error:
            self._lose(item, error.message, self.raws.body(item.raw_key), report)
            return
        for number, group in enumerate(groups(requests)):
            for service, of_service in parts(self._decoded(item, group, report)).items():
                for part, records in enumerate(of_service):
                    self._apply(service, Step(item.start, number, part), records, item, report)
        report.batches += 1

    def _decoded(self, item: Item, group: Iterable[RawRequest], report: Report) -> Iterable[LogRecord]:
        for one in group:
            try:
                yield from list(self.decode(one.arrival_s, one.protobuf))
            except PermanentError as error:
                self._lose(item, error.message, one.protobuf, report)
            except Exception as error:  # noqa: BLE001 - the boundary to strangers' bytes: none may hold up its log
                self._lose(item, f"unexpected {type(error).__name__}: {error}", one.protobuf, report)

    def _apply(self, service: str, step: Step, records: Hours, item: Item, report: Report) -> None:
        """Bring one step in, unless it is; if somebody else changed the service meanwhile, after what they did."""
        since_s = int(item.last_arrival_s)
        orphans: list[str] = []
        version = 0  # of the state that they were made from
        for _ in range(CONFLICTS_ALLOWED):
            try:
                state = self.table.state(service)
                if state.has(self.log, step):
                    report.repeated += 1
                    return
                if state.version > version:  # nobody can name them any more: that version is over without this step
                    for key in orphans:
                        self.objects.delete(key)
                hours = self.table.hours(service, records)
                change = changed(state, self.log, step, records, hours, since_s=since_s)
                orphans, version = [found.key for found, _ in change.objects], state.version
                for found, body in change.objects:
                    self.objects.put(found.key, body, since_s=since_s)
                self.table.commit(change, pattern_days=self.pattern_days)
            except ConflictError:
                report.raced += 1
                continue
            report.records += sum(len(one) for one in records.values())
            report.objects += len(change.objects)
            return
        raise ConflictError(f"logs of {service}: somebody else was first {CONFLICTS_ALLOWED} times")

    def _lose(self, item: Item, reason: str, data: bytes, report: Report) -> None:
        arrived_at = datetime.fromtimestamp(item.last_arrival_s, UTC)
        self.tell(Lost(self.log, item.raw_key, reason, data, arrived_at))
        report.lost += 1
