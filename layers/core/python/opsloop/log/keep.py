"""Log records of one step of a log -> documents, counted patterns, and what is entered for them in one write.

A step is a part of one log item that the same bytes always give: records of one service. The state of a service says
per log up to which step it is applied, and is written with everything that follows from the step, or nothing is: so a
step counts once, however often and by however many it is done (docs/adr/0016-log-objects.md).
"""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from opsloop.clock import MINUTES_PER_HOUR, NS_PER_MINUTE, time_of
from opsloop.dataclass import dataclass
from opsloop.log.bloom import bloom_of
from opsloop.log.document import line
from opsloop.log.model import LogObject, LogRecord, PatternHour, Pending
from opsloop.log.names import batch_name, object_key
from opsloop.log.pattern_hours import Line, added
from opsloop.log.patterns import Miner
from opsloop.log.raw import RawRequest

GROUP_BYTES = 8 << 20  # of requests are taken in together
HOURS_PER_STEP = 16  # each is up to three items of a transaction, which ends at 100
_LEVEL = 6


class Step(NamedTuple):
    """A place in the work of one log: its item, the group of its requests, and the part of its hours. They sort."""

    start: str
    group: int
    part: int

    @property
    def text(self) -> str:
        """Return the place as the table keeps it."""
        return f"{self.start} {self.group} {self.part}"

    @classmethod
    def of(cls, text: str) -> "Step":
        """Return the place that ``text`` says."""
        start, group, part = text.rsplit(" ", 2)
        return cls(start, int(group), int(part))


@dataclass(frozen=True)
class ServiceState:
    """What is known of the logs of ``service``. ``applied``: per log, the last step that is in. ``version`` 0: new."""

    service: str
    version: int
    applied: Mapping[str, Step]
    miner: Miner

    def has(self, log: str, step: Step) -> bool:
        """Return whether the step is in."""
        return log in self.applied and step <= self.applied[log]


@dataclass(frozen=True)
class Change:
    """What one step makes of ``before``: the state after it, and what is stored with it."""

    before: ServiceState
    after: ServiceState
    objects: tuple[tuple[LogObject, bytes], ...]
    hours: tuple[PatternHour, ...]
    pending: tuple[Pending, ...]


def groups(requests: Sequence[RawRequest]) -> Iterator[list[RawRequest]]:
    """Yield the requests of an item in order, some at a time: the same cuts for the same requests."""
    group: list[RawRequest] = []
    size = 0
    for one in requests:
        if group and size + len(one.protobuf) > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(one)
        size += len(one.protobuf)
    if group:
        yield group


def parts(records: Iterable[LogRecord]) -> dict[str, list[dict[int, list[LogRecord]]]]:
    """Return the records of each service in parts of a few hours each, by the minute at which the hour starts."""
    hours: dict[str, dict[int, list[LogRecord]]] = {}
    for record in records:
        minute = record.time_ns // NS_PER_MINUTE
        of_service = hours.setdefault(record.service, {})
        of_service.setdefault(minute - minute % MINUTES_PER_HOUR, []).append(record)
    cut = {}
    for service, of_hour in sorted(hours.items()):
        starts = sorted(of_hour)
        some = (starts[at : at + HOURS_PER_STEP] for at in range(0, len(starts), HOURS_PER_STEP))
        cut[service] = [{hour: of_hour[hour] for hour in one} for one in some]
    return cut


def changed(
    state: ServiceState,
    log: str,
    step: Step,
    records: Mapping[int, Sequence[LogRecord]],
    hours: Mapping[int, PatternHour],
    *,
    since_s: int,
) -> Change:
    """Return what the step, of ``records`` by hour, makes of ``state``, whose miner learns them and must be given up
    if the change is not stored.

    ``hours``: the pattern counts that are there; ``since_s``: when the records arrived, which is how long they wait.
    """
    ordered = [record for hour in sorted(records) for record in records[hour]]
    ids = state.miner.add(record.body for record in ordered)
    named = {id_: state.miner.name(id_) for id_ in set(ids)}  # after the last line: patterns may have become one
    texts = {named[id_]: state.miner.template(id_) for id_ in named}
    batch = batch_name(state.service, log, step.start, f"{step.group}.{step.part}")
    objects, counted, place = [], [], 0
    for hour in sorted(records):
        found = records[hour]
        names = [named[id_] for id_ in ids[place : place + len(found)]]
        body = _body(batch, place, found, names)
        objects.append((_indexed(state, batch, hour, found), body))
        known = hours.get(hour) or PatternHour(state.service, hour, {}, {}, {})
        lines = [
            Line(record.time_ns // NS_PER_MINUTE, name, record.severity)
            for record, name in zip(found, names, strict=True)
        ]
        counted.append(added(known, lines, {name: texts[name] for name in set(names)}))
        place += len(found)
    after = ServiceState(state.service, state.version + 1, {**state.applied, log: step}, state.miner)
    pending = tuple(Pending(one.key, since_s) for one, _ in objects)
    return Change(state, after, tuple(objects), tuple(counted), pending)


def _body(batch: str, first: int, records: Sequence[LogRecord], names: Sequence[str]) -> bytes:
    """Return the records as compressed lines; the same records give the same bytes."""
    lines = [
        line(record, f"{batch}-{number}", name)
        for number, (record, name) in enumerate(zip(records, names, strict=True), first)
    ]
    return gzip.compress("\n".join([*lines, ""]).encode("utf-8", "surrogatepass"), _LEVEL, mtime=0)


def _indexed(state: ServiceState, batch: str, hour: int, records: Sequence[LogRecord]) -> LogObject:
    begins = time_of(hour)
    day = f"{begins:%Y-%m-%d}"
    return LogObject(
        object_key(state.service, day, begins.hour, batch, state.version),
        state.service,
        day,
        begins.hour,
        len(records),
        min(record.time_ns for record in records),
        max(record.time_ns for record in records),
        dict(Counter(record.severity for record in records)),
        bloom_of(record.trace_id for record in records if record.trace_id),
    )


def lines_of(body: bytes) -> Iterator[str]:
    """Yield the lines of an object of documents."""
    for one in gzip.decompress(body).decode("utf-8", "surrogatepass").split("\n"):
        if one:
            yield one
