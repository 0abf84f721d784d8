"""The lines of one trace, read from the objects in which they were kept: also those that cannot be searched.

The Bloom filter of each object says which may hold the trace, so that few of them are read. It works without a search
store, on what waits for it, and says which objects have gone cold.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Protocol

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.log.bloom import may_hold
from opsloop.log.document import read_line
from opsloop.log.keep import lines_of
from opsloop.log.model import LogObject, LogRecord

MAX_OBJECTS = 300  # read for one answer
MAX_LINES = 2_000
READ_AT_ONCE = 8
COLD, MISSING, UNREADABLE, LIMIT = "cold", "missing", "unreadable", "limit"


@dataclass(frozen=True)
class Reading:
    """What came of reading an object: its body, or why there is none (``cold``, ``missing``)."""

    body: bytes = b""
    why_not: str = ""


class Archive(Protocol):
    """The objects of documents."""

    def read(self, keys: Sequence[str]) -> Sequence[Reading]:
        """Return what comes of reading each of ``keys``, in their order."""


class ObjectIndex(Protocol):
    """The index of objects."""

    def objects(self, service: str, day: str) -> Iterable[LogObject]:
        """Yield the objects of a service and day, by hour."""


@dataclass
class Traced:
    """Lines of a trace by time. ``listed`` objects are of the asked time, ``read`` were read; ``skipped`` may hold the
    trace and were not, each with the reason."""

    lines: list[LogRecord] = field(default_factory=list)
    listed: int = 0
    read: int = 0
    skipped: list[tuple[LogObject, str]] = field(default_factory=list)
    is_whole_time: bool = True


@dataclass
class Tracer:
    """Looks for ``trace_id`` from ``first_ns`` up to, not including, ``end_ns``, for as long as ``may_go_on``."""

    index: ObjectIndex
    archive: Archive
    trace_id: str
    first_ns: int
    end_ns: int
    may_go_on: Callable[[], bool]

    def lines(self, services: Iterable[str], days: Sequence[str]) -> Traced:
        """Return the lines of the trace in the logs of ``services`` on ``days``."""
        traced = Traced()
        wanted = list(self._wanted(services, days, traced))
        for at in range(0, len(wanted), READ_AT_ONCE):
            some = wanted[at : at + READ_AT_ONCE]
            if at >= MAX_OBJECTS or len(traced.lines) >= MAX_LINES or not self.may_go_on():
                traced.skipped += [(one, LIMIT) for one in wanted[at:]]
                break
            for one, reading in zip(some, self.archive.read([one.key for one in some]), strict=True):
                self._take(one, reading, traced)
        traced.lines.sort(key=lambda one: (one.time_ns, one.doc_id))
        return traced

    def _wanted(self, services: Iterable[str], days: Sequence[str], traced: Traced) -> Iterator[LogObject]:
        for service in services:
            for day in days:
                if not self.may_go_on():
                    traced.is_whole_time = False
                    return
                for one in self.index.objects(service, day):
                    if one.last_ns < self.first_ns or one.first_ns >= self.end_ns:
                        continue
                    traced.listed += 1
                    if may_hold(one.trace_bloom, self.trace_id):
                        yield one

    def _take(self, one: LogObject, reading: Reading, traced: Traced) -> None:
        if reading.why_not:
            traced.skipped.append((one, reading.why_not))
            return
        try:
            lines = [line for line in lines_of(reading.body) if self.trace_id in line]
            records = [read_line(line) for line in lines]
        except (InvalidInputError, OSError, EOFError, ValueError):
            traced.skipped.append((one, UNREADABLE))
            return
        traced.read += 1
        traced.lines += [
            record
            for record in records
            if record.trace_id == self.trace_id and self.first_ns <= record.time_ns < self.end_ns
        ]
