"""A seeded world for the real handlers of telemetry_ingest and telemetry_fold: stores in memory, and everything fails.

Each call to a store may crash its function before or after it took effect, be throttled, lose its answer, be sent twice
by the SDK, take effect long after its function died (a late write), or be overtaken by a whole other invocation for the
same shard, which is what an abandoned attempt that goes on looks like to its successor. Kinesis delivers other batches
on each try, and goes back. Senders send again.
"""
# ruff: noqa: ARG002 - the stores here have the signatures of the real ones

import base64
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.telemetry.aggregate import merge
from opsloop.telemetry.model import LOG_START, Block, SeenService
from opsloop.telemetry.segment import Committed, Mark, Segment

START_S = 1_795_212_000
FAULT_RATIO = 0.12  # a fold makes a dozen calls, and must often get somewhere before it dies
OPERATIONS = ("GET /", "POST /pay", "consume")


class Crash(BaseException):
    """The process is gone: not even ``except Exception`` sees it."""


class MemoryLog:
    """``TelemetryLog`` in memory. ``append`` is the protocol; the broken variants override it and what it rests on."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.items: dict[tuple[str, str], Segment] = {}
        self.folded: dict[str, str] = {}

    def register(self, log: str) -> None:
        self.world.write(lambda: self.folded.setdefault(log, LOG_START))

    def append(self, log: str, segment: Segment, *, retention_days: int) -> None:
        def put() -> None:
            if (log, segment.start) in self.items:
                raise ConflictError("somebody else was first")
            self.items[log, segment.start] = segment

        self.world.write(put)

    def _chain(self, log: str, position: str) -> list[Segment]:
        return [segment for (own, at), segment in sorted(self.items.items(), key=_key) if own == log and at >= position]

    def tail(self, log: str, since_s: float) -> list[Mark]:
        return self.world.read(lambda: [_mark(one) for one in self._chain(log, LOG_START)])

    def marks_after(self, log: str, position: str) -> list[Mark]:
        return self.world.read(lambda: [_mark(one) for one in self._chain(log, position)])

    def read(self, log: str, position: str, limit: int) -> list[Committed]:
        chain = self.world.read(lambda: self._chain(log, position))
        return [Committed(log, one.start, one.end, one.cells, one.shares, one.last_arrival_s) for one in chain[:limit]]

    def shards(self) -> dict[str, str]:
        return self.world.read(lambda: dict(self.folded))

    def advance(self, log: str, expected: str, position: str) -> None:
        def update() -> None:
            if self.folded[log] != expected:
                raise ConflictError("somebody else was first")
            self.folded[log] = position

        self.world.write(update)


class AdditiveLog(MemoryLog):
    """Broken on purpose: adds the segment, then moves a checkpoint."""

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self.tips: dict[str, Mark] = {}

    def append(self, log: str, segment: Segment, *, retention_days: int) -> None:
        def add() -> None:
            number = sum(own == log for own, _ in self.items)
            start, end = f"{number:064}", f"{number + 1:064}"
            self.items[log, start] = replace(segment, start=start, end=end)

        def move() -> None:
            self.tips[log] = _mark(segment)

        self.world.write(add)
        self.world.write(move)

    def tail(self, log: str, since_s: float) -> list[Mark]:
        return self.world.read(lambda: [self.tips[log]] if log in self.tips else [])

    def marks_after(self, log: str, position: str) -> list[Mark]:
        return [mark for mark in self.tail(log, 0.0) if mark.end > position]


class OverwritingLog(AdditiveLog):
    """Broken on purpose: overwrites the segment at the checkpoint, then moves the checkpoint."""

    def append(self, log: str, segment: Segment, *, retention_days: int) -> None:
        def overwrite() -> None:
            self.items[log, segment.start] = segment

        def move() -> None:
            tip = self.tips.get(log)
            if (tip.end if tip else LOG_START) != segment.start:
                raise ConflictError("somebody else was first")
            self.tips[log] = _mark(segment)

        self.world.write(overwrite)
        self.world.write(move)


class MemoryBlocks:
    """``BlockTable`` in memory."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.blocks: dict[tuple[str, int], Block] = {}
        self.seen: dict[str, SeenService] = {}

    def get(self, service: str, hour: int) -> Block | None:
        return self.world.read(lambda: self.blocks.get((service, hour)))

    def save(self, block: Block, *, now: Any, retention_days: int) -> None:
        def put() -> None:
            present = self.blocks.get((block.service, block.hour))
            if self.is_stale(present.version if present else 0, block.version):
                raise ConflictError("somebody else was first")
            self.blocks[block.service, block.hour] = replace(block, version=block.version + 1)

        self.world.write(put)

    def is_stale(self, present: int, read: int) -> bool:
        return present != read

    def note_services(self, services: list[SeenService]) -> None:
        self.world.write(lambda: self.seen.update({one.service: one for one in services}))


class CarelessBlocks(MemoryBlocks):
    """Broken on purpose: the last one to save wins."""

    def is_stale(self, present: int, read: int) -> bool:
        return False


class World:
    """Two shards, two ingest environments and two fold environments, and one source of chance."""

    def __init__(self, seed: int, ingests: list[ModuleType], folds: list[ModuleType], log: type, blocks: type) -> None:
        self.chance = random.Random(seed)
        self.is_faulty = True
        self.busy: list[ModuleType] = []
        self.late: list[Callable[[], Any]] = []
        self.faults: Counter[str] = Counter()
        self.log, self.blocks = log(self), blocks(self)
        self.quarantined: set[bytes] = set()
        self.ingests, self.folds = ingests, folds
        self.shards = [_records(self.chance, shard) for shard in range(2)]
        self.positions = [0, 0]
        for handler in ingests:
            handler.log, handler.quarantine = self.log, SimpleNamespace(put=self._quarantine)
            handler.stream = SimpleNamespace(name="stream", created_s=lambda: self.read(lambda: 1))
            handler.opened.clear()
        for handler in folds:
            handler.CHUNK_SEGMENTS = self.chance.randint(1, 4)
            handler.log, handler.blocks = self.log, self.blocks
            handler.bus = SimpleNamespace(publish=lambda _: self.write(lambda: None))

    def read(self, action: Callable[[], Any]) -> Any:
        """A call that changes nothing."""
        return self._call(action, ())

    def write(self, action: Callable[[], Any]) -> Any:
        """A call that changes something, perhaps late or twice."""
        return self._call(action, ("late", "sent twice", "answer lost", "crash after"))

    def _call(self, action: Callable[[], Any], more: tuple[str, ...]) -> Any:
        fault = ""
        if self.is_faulty and self.chance.random() < FAULT_RATIO:
            fault = self.chance.choice(("crash before", "throttled", "overtaken", *more))
            self.faults[fault] += 1
        if fault == "overtaken":
            self.chance.choice((self.deliver, self.fold))()
        if fault == "crash before":
            raise Crash
        if fault == "throttled":
            raise DependencyUnavailableError("throttled")
        if fault == "late":
            self.late.append(action)
            raise Crash
        answer = action()
        if fault == "sent twice":
            answer = action()
        if fault == "crash after":
            raise Crash
        if fault == "answer lost":
            raise DependencyUnavailableError("timed out")
        return answer

    def _quarantine(self, _source: str, body: bytes, **_facts: Any) -> None:
        self.write(lambda: self.quarantined.add(body))

    def deliver(self) -> None:
        """Hand one environment the next records of a shard, as many as it may be this time."""
        shard = self.chance.randrange(2)
        first = self.positions[shard]
        batch = self.shards[shard][first : first + self.chance.randint(1, 8)]
        if batch and self._survives(self.ingests, {"Records": batch}):
            self.positions[shard] = max(self.positions[shard], first + len(batch))

    def fold(self) -> None:
        """Run one fold."""
        self._survives(self.folds, {"time": "2026-11-21T08:00:00Z"})

    def _survives(self, environments: list[ModuleType], event: dict[str, Any]) -> bool:
        """Invoke an environment that is free, since each runs one invocation at a time; return whether it succeeded."""
        free = [handler for handler in environments if handler not in self.busy]
        if not free:
            return False
        handler = self.chance.choice(free)
        self.busy.append(handler)
        try:
            handler.lambda_handler(event, SimpleNamespace(**_CONTEXT))
        except Crash:
            getattr(handler, "opened", {}).clear()
            return False
        except (DependencyUnavailableError, ConflictError):
            return False
        finally:
            self.busy.remove(handler)
        return True

    def run(self) -> None:
        """Let things go wrong for a while, then let everything come to rest."""
        for _ in range(40):
            self.chance.choices((self.deliver, self.fold, self._land, self._rewind, self._cool), (8, 8, 2, 1, 1))[0]()
        self.is_faulty = False
        for _ in range(100):  # enough by far; a broken variant may never come to rest
            if all(at == len(records) for at, records in zip(self.positions, self.shards, strict=True)):
                break
            self.chance.choices((self.deliver, self._land), (4, 1))[0]()
        while self.late:
            self._land()
        self.fold()

    def _land(self) -> None:
        """Let one late write take effect, in any order."""
        if self.late:
            action = self.late.pop(self.chance.randrange(len(self.late)))
            try:
                action()
            except ConflictError:
                self.faults["late write refused"] += 1

    def _rewind(self) -> None:
        shard = self.chance.randrange(2)
        self.positions[shard] = self.chance.randint(0, self.positions[shard])

    def _cool(self) -> None:
        self.chance.choice(self.ingests).opened.clear()

    def counted(self) -> dict[tuple[str, str, int], tuple[int, int, int]]:
        """Return count, errors and sum of durations per service, operation and minute, from the blocks."""
        found = {}
        for block in self.blocks.blocks.values():
            cells = merge([block.cells])
            for i in range(len(cells)):
                one = cells.series[cells.series_index[i]]
                numbers = (int(cells.count[i]), int(cells.errors[i]), int(cells.total[i]))
                found[one.service, one.operation, int(cells.minute[i])] = numbers
        return found

    def truth(self) -> dict[tuple[str, str, int], tuple[int, int, int]]:
        """Return the same from what the senders meant to say, each request once."""
        totals: dict[tuple[str, str, int], list[int]] = {}
        for body in {record["kinesis"]["data"] for shard in self.shards for record in shard}:
            data = base64.b64decode(body)
            if data.startswith(b"!"):
                continue
            for group in ExportTraceServiceRequest.FromString(data).resource_spans:
                service = group.resource.attributes[0].value.string_value
                for span in group.scope_spans[0].spans:
                    place = service, span.name, span.start_time_unix_nano // 60_000_000_000
                    total = totals.setdefault(place, [0, 0, 0])
                    total[0] += 1
                    total[1] += span.status.code == 2
                    total[2] += span.end_time_unix_nano - span.start_time_unix_nano
        return {place: tuple(total) for place, total in totals.items()}

    def unreadable(self) -> set[bytes]:
        """Return the records that must lie in quarantine."""
        bodies = {base64.b64decode(record["kinesis"]["data"]) for shard in self.shards for record in shard}
        return {body for body in bodies if body.startswith(b"!")}

    def items_in_lineage(self) -> int:
        """Return how many items the blocks say that they were made of."""
        return sum(source.items for block in self.blocks.blocks.values() for source in block.sources)


_CONTEXT = {
    "function_name": "f",
    "memory_limit_in_mb": 512,
    "invoked_function_arn": "arn",
    "aws_request_id": "request",
    "get_remaining_time_in_millis": lambda: 300_000,
}


def _records(chance: random.Random, shard: int) -> list[dict[str, Any]]:
    """Return the Kinesis records of one shard: requests, some of them sent again, some garbled."""
    bodies: list[bytes] = []
    for number in range(chance.randint(8, 16)):
        if bodies and chance.random() < 0.25:
            bodies.append(chance.choice(bodies[-6:]))
        elif chance.random() < 0.1:
            bodies.append(b"!garbled %d %d" % (shard, number))
        else:
            bodies.append(_request(chance, shard, number))
    return [
        {
            "eventID": f"shardId-{shard:012}:{number}",
            "kinesis": {
                "sequenceNumber": str(10**55 + number * 7919),
                "partitionKey": "any",
                "data": base64.b64encode(body).decode(),
                "approximateArrivalTimestamp": START_S + number * 2.5,
            },
        }
        for number, body in enumerate(bodies)
    ]


def _request(chance: random.Random, shard: int, number: int) -> bytes:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = chance.choice(("web", "pay"))
    scope = group.scope_spans.add()
    for place in range(chance.randint(1, 3)):
        start = (START_S - chance.randint(0, 5400)) * 10**9 + shard * 1000 + number * 10 + place  # two hours, unique
        scope.spans.add(
            name=chance.choice(OPERATIONS),
            kind=2,
            start_time_unix_nano=start,
            end_time_unix_nano=start + chance.randint(0, 10**9),
            status={"code": chance.choice((0, 0, 2))},
        )
    return message.SerializeToString()


def _key(item: tuple[tuple[str, str], Segment]) -> tuple[str, str]:
    return item[0]


def _mark(segment: Segment) -> Mark:
    return Mark(segment.end, segment.last_arrival_s, segment.fingerprints)
