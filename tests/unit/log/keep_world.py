"""A world in which logs are kept by workers that die, repeat, race, and write late; seeded, so that each run repeats.

Workers are threads of which one runs at a time: at every call of a store the world decides who goes on, and what
becomes of the call.
"""
# ruff: noqa: ARG002 - the stores here have the signatures of the real ones

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from opsloop.clock import MINUTES_PER_HOUR, NS_PER_MINUTE
from opsloop.errors import ConflictError, DependencyUnavailableError, InvalidInputError, NotFoundError
from opsloop.log.document import read_line
from opsloop.log.follow import Follower, Lost, Report
from opsloop.log.keep import Change, ServiceState, Step, lines_of
from opsloop.log.model import LogRecord, PatternHour
from opsloop.log.pattern_hours import decode as decode_hour
from opsloop.log.pattern_hours import encode as encode_hour
from opsloop.log.patterns import Miner
from opsloop.log.raw import RawRequest

START_MINUTE = 29_900_040
WORDS = ("cart paid by", "user logged in from", "disk is full on", "retry of request to", "cache miss for")


class KilledError(Exception):
    """The worker is gone."""


@dataclass(frozen=True)
class Item:
    """A committed item."""

    start: str
    end: str
    last_arrival_s: float
    raw_key: str


@dataclass
class World:
    """Stores, workers and fate. ``fault_ratio``: of calls that go wrong."""

    seed: int
    fault_ratio: float = 0.06
    table_kind: "type[MemoryTable] | None" = None
    logs: dict[str, list[Item]] = field(default_factory=dict)
    raws: dict[str, list[RawRequest] | None] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    late: list[Callable[[], object]] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    truth: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.table = (self.table_kind or MemoryTable)(self)
        self._turn = threading.Condition()
        self._running = ""
        self._waiting: list[str] = []
        self._make_logs()

    def _make_logs(self) -> None:
        serial = 0
        for log in ("log#s#1#shard-0", "log#s#1#shard-1", "log#replay"):
            items, position = [], 0
            for _ in range(self.chance.randrange(2, 6)):
                start, position = position, position + self.chance.randrange(1, 50)
                key = f"raw/{log}/{start}" if self.chance.random() < 0.9 else ""
                items.append(Item(f"{start:064}", f"{position:064}", 60.0 * (START_MINUTE + position), key))
                if not key:
                    continue
                requests = []
                for _ in range(self.chance.randrange(1, 4)):
                    records = []
                    for _ in range(self.chance.randrange(6)):
                        minute = START_MINUTE + self.chance.randrange(40 * MINUTES_PER_HOUR)
                        records.append([serial, self.chance.choice("abc"), minute, self.chance.choice(WORDS)])
                        serial += 1
                    requests.append(RawRequest(1.0, json.dumps(records).encode()))
                self.raws[key] = requests
                fate = self.chance.random()
                if fate < 0.05:
                    self.raws[key] = None  # it vanished
                elif fate < 0.1:
                    requests[0] = RawRequest(1.0, b"garbled")
            self.logs[log] = items
        for log, items in self.logs.items():
            for item in items:
                for one in self.raws.get(item.raw_key) or ():
                    if one.protobuf != b"garbled":
                        self.truth.update(f"{log} {record[0]}" for record in json.loads(one.protobuf))

    def call(self, action: Callable[[], Any], *, writes: bool = False) -> Any:
        """Do a call of a worker, when it is its turn; or let it fail in one of the ways in which calls fail."""
        self._pause()
        if self.late and self.chance.random() < 0.2:
            self.events["late write"] += 1
            self._quietly(self.late.pop(self.chance.randrange(len(self.late))))
        if self.chance.random() >= self.fault_ratio:
            return action()
        fate = self.chance.choice(["before", "after", "late", "no answer"])
        self.events[fate] += 1
        if fate == "after" or (fate == "no answer" and writes):
            self._quietly(action)
        if fate == "late" and writes:
            self.late.append(action)
        if fate == "no answer":
            raise DependencyUnavailableError("no answer")
        raise KilledError

    def _quietly(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (ConflictError, NotFoundError, InvalidInputError):
            self.events["refused"] += 1

    def run(self, workers: int = 3) -> None:
        """Let workers follow all logs until they are kept to their ends."""
        self.work(workers)
        self.fault_ratio = 0.0
        while self.late:
            self._quietly(self.late.pop())
        self.work(1)

    def work(self, workers: int) -> None:
        threads = []
        for number in range(workers):
            name = f"w{number}"
            threads.append(threading.Thread(target=self._worker, args=(name,), daemon=True))
            self._waiting.append(name)
        for thread in threads:
            thread.start()
        with self._turn:
            self._choose()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive()

    def _worker(self, name: str) -> None:
        threading.current_thread().name = name
        try:
            self._await_turn(name)
            for _ in range(30):
                if self._attempt():
                    break
        finally:
            with self._turn:
                self._waiting.remove(name)
                self._choose()

    def _attempt(self) -> bool:
        """Follow each log once, as one invocation does; return whether all went well."""
        logs = sorted(self.logs)
        self.chance.shuffle(logs)
        is_done = True
        try:
            kept = self.call(self.table.kept_now)
            for log in logs:
                report = Report()
                try:
                    self.follower(log).follow(kept.get(log, ""), report, lambda: True)
                except (ConflictError, DependencyUnavailableError):
                    is_done = False
                self.events["raced"] += report.raced
                self.events["repeated"] += report.repeated
        except (KilledError, DependencyUnavailableError):
            return False
        return is_done

    def follower(self, log: str) -> Follower:
        return Follower(log, self, self, self.table, Objects(self), self.decode(log), self.lost.append, pattern_days=35)

    def _pause(self) -> None:
        name = threading.current_thread().name
        with self._turn:
            self._choose()
        self._await_turn(name)

    def _choose(self) -> None:
        self._running = self.chance.choice(sorted(self._waiting)) if self._waiting else ""
        self._turn.notify_all()

    def _await_turn(self, name: str) -> None:
        with self._turn:
            assert self._turn.wait_for(lambda: self._running == name, timeout=60)

    # the telemetry logs and the raw requests

    def raw_after(self, log: str, position: str, limit: int) -> list[Item]:
        return self.call(lambda: [one for one in self.logs[log] if one.start >= position][:limit])

    def get(self, key: str) -> list[RawRequest]:
        return self.call(lambda: self._raw(key))

    def body(self, key: str) -> bytes:
        return key.encode()

    def _raw(self, key: str) -> list[RawRequest]:
        found = self.raws[key]
        if found is None:
            raise NotFoundError(key)
        return found

    def decode(self, log: str) -> Callable[[float, bytes], Iterable[LogRecord]]:
        def decoded(_: float, body: bytes) -> list[LogRecord]:
            return [
                record_of(service, minute, f"{words} {serial}", serial=f"{log} {serial}")
                for serial, service, minute, words in json.loads(body)
            ]

        return decoded


def record_of(service: str, minute: int, body: str, serial: str = "") -> LogRecord:
    return LogRecord(
        *("", minute * NS_PER_MINUTE + 5, 0, service, "info", 9, "", body, None, "", f"{len(body):032x}", "", ""),
        *({"serial": serial}, {}, ""),
    )


class Objects:
    """The bucket of documents."""

    def __init__(self, world: World) -> None:
        self.world = world

    def put(self, key: str, body: bytes, *, since_s: int) -> None:
        self.world.call(lambda: self.world.objects.__setitem__(key, body), writes=True)

    def delete(self, key: str) -> None:
        self.world.call(lambda: self.world.objects.pop(key, None), writes=True)


class MemoryTable:
    """``LogTable`` in memory; everything is kept as bytes, so that nobody shares what another changes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.states: dict[str, tuple[int, dict[str, Step], bytes]] = {}
        self.patterns: dict[tuple[str, int], bytes] = {}
        self.index: dict[str, int] = {}
        self.pending: set[str] = set()
        self.kept: dict[str, str] = {}

    def kept_now(self) -> dict[str, str]:
        return dict(self.kept)

    def state(self, service: str) -> ServiceState:
        def read() -> ServiceState:
            if service not in self.states:
                return ServiceState(service, 0, {}, Miner())
            version, applied, miner = self.states[service]
            return ServiceState(service, version, dict(applied), Miner.from_bytes(miner))

        return self.world.call(read)

    def hours(self, service: str, hours: Iterable[int]) -> dict[int, PatternHour]:
        wanted = list(hours)
        return self.world.call(
            lambda: {
                hour: decode_hour(service, hour, self.patterns[service, hour])
                for hour in wanted
                if (service, hour) in self.patterns
            }
        )

    def commit(self, change: Change, *, pattern_days: int) -> None:
        state = change.after
        content = (state.version, dict(state.applied), state.miner.to_bytes())
        hours = {(one.service, one.hour): encode_hour(one) for one in change.hours}

        def write() -> None:
            version = self.states[state.service][0] if state.service in self.states else 0
            if version != change.before.version:
                raise ConflictError("another was first")
            self.states[state.service] = content
            self.patterns.update(hours)
            self.index.update({one.key: one.records for one, _ in change.objects})
            self.pending.update(one.key for one in change.pending)

        self.world.call(write, writes=True)

    def advance(self, log: str, position: str) -> None:
        self.world.call(lambda: self.kept.update({log: max(position, self.kept.get(log, ""))}), writes=True)


class ForgetfulTable(MemoryTable):
    """Broken on purpose: adds counts without knowing what is in already."""

    def state(self, service: str) -> ServiceState:
        known = super().state(service)
        return ServiceState(service, known.version, {}, known.miner)


class UnguardedTable(MemoryTable):
    """Broken on purpose: writes without looking whether another was first."""

    def commit(self, change: Change, *, pattern_days: int) -> None:
        state = change.after
        hours = {(one.service, one.hour): encode_hour(one) for one in change.hours}
        content = (state.version, dict(state.applied), state.miner.to_bytes())

        def write() -> None:
            self.states[state.service] = content
            self.patterns.update(hours)
            self.index.update({one.key: one.records for one, _ in change.objects})
            self.pending.update(one.key for one in change.pending)

        self.world.call(write, writes=True)


def faults_of(world: World) -> list[str]:
    """Return what is not as it has to be when all is kept."""
    table, found = world.table, []
    serials: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    by_pattern: Counter[tuple[str, int, str]] = Counter()
    for key, count in table.index.items():
        if key not in world.objects:
            found.append(f"no object {key}")
            continue
        records = [read_line(one) for one in lines_of(world.objects[key])]
        if len(records) != count:
            found.append(f"{key} has {len(records)} records, not {count}")
        for one in records:
            serials[one.attributes["serial"]] += 1
            ids[one.doc_id] += 1
            by_pattern[one.service, one.time_ns // NS_PER_MINUTE, one.template] += 1
    counted: Counter[tuple[str, int, str]] = Counter()
    for (service, hour), body in table.patterns.items():
        for name, minutes in decode_hour(service, hour, body).counts.items():
            counted.update({(service, hour + place, name): count for place, count in enumerate(minutes) if count})
    if serials != world.truth:
        found.append(
            f"documents: {(serials - world.truth).total()} too many, {(world.truth - serials).total()} missing"
        )
    if counted != by_pattern:
        found.append("pattern counts are not those of the documents")
    if max(ids.values(), default=1) > 1:
        found.append("two documents have one id")
    if table.pending != set(table.index):
        found.append("what is pending is not what is kept")
    if table.kept != {log: items[-1].end for log, items in world.logs.items()}:
        found.append("a watermark is not at the end of its log")
    return found
