"""A seeded world for the real handlers of ingest, fold and roll-up: stores in memory, and everything fails.

Each call to a store may crash its function before or after it took effect, be throttled, lose its answer, be sent twice
by the SDK, take effect long after its function died (a late write), or be overtaken by a whole other invocation, which
is what an abandoned attempt that goes on looks like to its successor. Kinesis delivers other batches on each try, goes
back, begins again at the oldest record, and in one world of four starts on new shards before the old ones are done.
"""

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from types import ModuleType, SimpleNamespace
from typing import Any

from opsloop.clock import parse_time
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.kpi.model import WHOLE_SERVICE
from opsloop.telemetry.aggregate import merge
from opsloop.telemetry.replay import DONE
from opsloop.telemetry.replay_wish import Wish
from tests.integration.telemetry_history import RESTLESS, START_S, USUAL, WINDOW_S, Life, Place, Truth
from tests.integration.telemetry_ports import Identity, Shelf
from tests.integration.telemetry_stores import MemoryBlocks, MemoryLinks, MemoryLog, MemoryPages

READ_FAULTS = ("crash before", "throttled", "overtaken")
WRITE_FAULTS = ("late write", "sent twice", "answer lost", "crash after")
OTHER_FAULTS = (
    "late write refused",
    "gone back",
    "begun at the oldest record",
    "re-sent request",
    "split",
    "merge",
    "stream made again",
    "replay",
    "several segments of a batch",
    "segment in the bucket",
)
FAULTS = (*READ_FAULTS, *WRITE_FAULTS, *OTHER_FAULTS)
FAULT_RATIO = 0.12  # a fold makes a dozen calls, and must often get somewhere before it dies
NOW = "2026-11-21T08:00:00Z"  # all hours of the spans are closed: what is folded is late
MAIN, RAW = "stream", "raw"
STREAMS = {MAIN: WINDOW_S, RAW: 0}
MAX_STEPS = 400  # enough by far; a broken variant may never come to rest


class Crash(BaseException):
    """The process is gone: not even ``except Exception`` sees it."""


@dataclass
class Environments:
    """The handler modules, two environments of each function."""

    ingests: list[ModuleType]
    folds: list[ModuleType]
    rollups: list[ModuleType]
    replays: list[ModuleType]


@dataclass
class Reader:
    """An event source mapping: how far it is in each shard of each life of a stream."""

    stream: str
    positions: Counter[tuple[int, str]] = field(default_factory=Counter)


class World:
    """Streams and their readers, the environments of the functions, and one source of chance."""

    def __init__(
        self,
        seed: int,
        environments: Environments,
        *,
        log: type = MemoryLog,
        blocks: type = MemoryBlocks,
        links: type = MemoryLinks,
        is_early: bool | None = None,
    ) -> None:
        self.chance = chance = random.Random(seed)
        self.is_faulty = True
        self.is_early = chance.random() < 0.25 if is_early is None else is_early
        self.often = ("overtaken",) * 5 if self.is_early else ()
        self.has_kpis = seed % 10 == 0
        self.max_item = chance.choice((250, 500, 10**9))
        self.busy: list[ModuleType] = []
        self.late: list[Callable[[], Any]] = []
        self.told: list[dict[str, Any]] = []
        self.events: Counter[str] = Counter()
        self.truth = Truth()
        self.log, self.blocks, self.pages = log(self), blocks(self), MemoryPages(self)
        self.links = links(self)
        self.shelf: dict[bytes, datetime] = {}
        self.replayed: set[bytes] = set()
        self.streams = {MAIN: self._lives(MAIN, chance.choice((1, 1, 2)), 14)}
        if chance.random() < 0.2:
            self.streams[RAW] = self._lives(RAW, 1, 5)
        self.current = dict.fromkeys(self.streams, 0)
        self.visible: set[tuple[str, int, str]] = set()
        self.readers = [Reader(stream) for stream in self.streams]
        if chance.random() < 0.2:
            self.readers.append(Reader(MAIN))
        self.environments = environments
        self._wire()

    def _lives(self, stream: str, number: int, steps: int) -> list[Life]:
        lives: list[Life] = []
        weights = RESTLESS if self.is_early else USUAL
        for _ in range(number):
            created_s = lives[-1].now_s + 30 if lives else START_S
            lives.append(Life(self.chance, stream, created_s, STREAMS[stream], self.truth, weights))
            lives[-1].happen(self.chance.randint(steps // 2, steps))
        self.events["stream made again"] += number - 1
        return lives

    def _wire(self) -> None:
        for handler in self.environments.ingests:
            handler.log, handler.quarantine = self.log, SimpleNamespace(put=self._set_aside)
            handler.streams = {name: Identity(self, name) for name in self.streams}
            handler.opened.clear()
        for handler in self.environments.folds:
            handler.CHUNK_SEGMENTS = self.chance.randint(1, 4)
            handler.log, handler.blocks, handler.call_links = self.log, self.blocks, self.links
        for handler in self.environments.rollups:
            handler.blocks, handler.pages = self.blocks, self.pages
        for handler in self.environments.replays:
            handler.log, handler.shelf = self.log, Shelf(self)
        for handler in self.environments.folds + self.environments.rollups:
            handler.bus = SimpleNamespace(publish=self._publish)

    def read(self, action: Callable[[], Any]) -> Any:
        """A call that changes nothing."""
        return self._call(action, ())

    def write(self, action: Callable[[], Any]) -> Any:
        """A call that changes something, perhaps late or twice."""
        return self._call(action, WRITE_FAULTS)

    def _call(self, action: Callable[[], Any], more: tuple[str, ...]) -> Any:
        fault = ""
        if self.is_faulty and self.chance.random() < FAULT_RATIO:
            fault = self.chance.choice(READ_FAULTS + more + self.often)
            self.events[fault] += 1
        if fault == "overtaken":
            self.chance.choices((self.deliver, self.fold, self.replay), (6 if self.is_early else 2, 1, 1))[0]()
        if fault == "crash before":
            raise Crash
        if fault == "throttled":
            raise DependencyUnavailableError("throttled")
        if fault == "late write":
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

    def _set_aside(self, _source: str, body: bytes, *, now: Any, **_facts: Any) -> None:
        self.write(lambda: self.shelf.setdefault(body, now))

    def _publish(self, events: list[Any]) -> None:
        """Keep facts about late data; each may be handed on more than once."""
        late = [event for event in events if event.data.TYPE == "telemetry.late_data_folded"]
        self.write(lambda: self.told.extend(late) if self.has_kpis else None)

    def deliver(self) -> None:
        """Hand one environment the next records of a shard, as many as it may be this time."""
        reader = self.chance.choice(self.readers)
        ready = self._ready(reader)
        if ready:
            self._deliver(reader, *self.chance.choice(ready))

    def _ready(self, reader: Reader) -> list[tuple[int, str]]:
        """Return the shards with records left, those whose parents are done with; or all, in an early world."""
        found = []
        for number, life in enumerate(self.streams[reader.stream][: self.current[reader.stream] + 1]):
            left = {name for name, shard in life.shards.items() if reader.positions[number, name] < len(shard.records)}
            waiting = set() if self.is_early else {name for name in life.shards if self._waits(life, name, left)}
            found += [(number, name) for name in sorted(left - waiting)]
        return found

    def _waits(self, life: Life, shard: str, left: set[str]) -> bool:
        parents = life.shards[shard].parents
        return any(parent in left or self._waits(life, parent, left) for parent in parents)

    def _deliver(self, reader: Reader, life: int, shard: str) -> None:
        self._show(reader.stream, life, shard)
        first = reader.positions[life, shard]
        records = self.streams[reader.stream][life].shards[shard].records
        batch = records[first : first + self.chance.randint(1, 2 if self.is_early else 8)]
        if self._survives(self.environments.ingests, {"Records": batch}):
            reader.positions[life, shard] = max(reader.positions[life, shard], first + len(batch))

    def _show(self, stream: str, life: int, shard: str) -> None:
        """Let the stream list a shard, and those it comes from."""
        self.visible.add((stream, life, shard))
        for parent in self.streams[stream][life].shards[shard].parents:
            self._show(stream, life, parent)

    def fold(self) -> None:
        """Run one fold."""
        self._survives(self.environments.folds, {"time": NOW})

    def roll_up(self) -> None:
        """Hand one of the told facts about late data to the roll-up, which computes those hours again."""
        if self.told:
            event = self.chance.choice(self.told)
            data = {"service": event.data.service, "hours": event.data.hours}
            detail = {"data": data, "correlationid": "simulation"}
            told = {"time": NOW, "detail-type": event.data.TYPE, "detail": detail}
            if self._survives(self.environments.rollups, told) and event in self.told:
                self.told.remove(event)

    def replay(self, body: bytes | None = None) -> bool:
        """Let an operator replay, mended, what lies in quarantine, for the first time or again; return if done."""
        if body is None and not self.shelf:
            return False
        body = body or self.chance.choice(sorted(self.shelf))
        mended = self.truth.garbled[body].repaired
        if body not in self.replayed:
            self.replayed.add(body)
            self.truth.add(mended)
        self.events["replay"] += 1
        key = f"telemetry_ingest/2026-11-20/{sha256(body).hexdigest()}"
        wish = Wish((key,), mended.body)

        def ask(handler: ModuleType) -> bool:
            request = SimpleNamespace(now=parse_time(NOW, name="now"), key=None)
            answer = handler.by_key(key, wish, handler.Known(), request, math.inf)
            return answer["result"] in DONE

        return bool(self._invoke(self.environments.replays, ask))

    def _survives(self, environments: list[ModuleType], event: dict[str, Any]) -> bool:
        """Hand ``event`` to an environment; return whether it succeeded."""

        def call(handler: ModuleType) -> bool:
            handler.lambda_handler(event, SimpleNamespace(**_CONTEXT))
            return True

        return bool(self._invoke(environments, call))

    def _invoke(self, environments: list[ModuleType], call: Callable[[ModuleType], Any]) -> Any:
        """Use an environment that is free, since each runs one invocation at a time; return None if it fails."""
        free = [handler for handler in environments if handler not in self.busy]
        if not free:
            return None
        handler = self.chance.choice(free)
        self.busy.append(handler)
        self.events["invocations"] += 1
        try:
            return call(handler)
        except Crash:
            getattr(handler, "opened", {}).clear()
            return None
        except (DependencyUnavailableError, ConflictError):
            return None
        finally:
            self.busy.remove(handler)

    def run(self) -> None:
        """Let things go wrong for a while, then let everything come to rest."""
        kinds = (self.deliver, self.fold, self._land, self._go_back, self._cool, self._make_again)
        for _ in range(40):
            self.chance.choices((*kinds, self.roll_up, self.replay), (12, 4, 2, 1, 1, 2, self.has_kpis, 1))[0]()
        self.is_faulty = False
        for _ in range(MAX_STEPS):
            self._make_again()
            if not any(self._ready(reader) for reader in self.readers):
                break
            self.chance.choices((self.deliver, self._land), (4, 1))[0]()
        while self.late:
            self._land()
        for body in sorted(self.replayed):
            self.replay(body)
        self.fold()
        for _ in range(len(self.told)):
            self.roll_up()

    def _land(self) -> None:
        """Let one late write take effect, in any order."""
        if self.late:
            action = self.late.pop(self.chance.randrange(len(self.late)))
            try:
                action()
            except ConflictError:
                self.events["late write refused"] += 1

    def _go_back(self) -> None:
        """Let a mapping go back within a shard, or begin again at the oldest record of all."""
        reader = self.chance.choice(self.readers)
        if self.chance.random() < 0.3:
            reader.positions.clear()
            self.events["begun at the oldest record"] += 1
        elif reader.positions:
            place = self.chance.choice(sorted(reader.positions))
            reader.positions[place] = self.chance.randint(0, reader.positions[place])
            self.events["gone back"] += 1

    def _make_again(self) -> None:
        """Delete the stream and make it again, once all was read; attempts from before may go on."""
        for name, lives in self.streams.items():
            is_read = not any(self._ready(reader) for reader in self.readers if reader.stream == name)
            if is_read and self.current[name] + 1 < len(lives):
                self.current[name] += 1

    def _cool(self) -> None:
        self.chance.choice(self.environments.ingests).opened.clear()

    def counted(self) -> dict[Place, tuple[int, ...]]:
        """Return count, errors and sum of durations per service, operation and minute, from the blocks."""
        found = {}
        for block in self.blocks.blocks.values():
            cells = merge([block.cells])
            for i in range(len(cells)):
                one = cells.series[cells.series_index[i]]
                numbers = (int(cells.count[i]), int(cells.errors[i]), int(cells.total[i]))
                found[one.service, one.operation, int(cells.minute[i])] = numbers
        return found

    def expected(self) -> dict[Place, tuple[int, ...]]:
        """Return the same from what the senders meant to say, each request once, and mended ones that were replayed."""
        return {place: tuple(total) for place, total in self.truth.totals.items()}

    def rows(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        """Return requests and errors per service and hour, from the stored KPI rows."""
        return {
            (row.service, row.start_minute): (row.requests, row.errors)
            for page in self.pages.pages.values()
            for row in page.rows
            if (row.resolution, row.operation, row.kind) == ("hour", WHOLE_SERVICE, "request")
        }

    def expected_rows(self) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the same from what the senders meant to say."""
        hours: dict[tuple[str, int], tuple[int, ...]] = {}
        for (service, _, minute), (count, errors, _) in self.expected().items():
            before = hours.get((service, minute // 60 * 60), (0, 0))
            hours[service, minute // 60 * 60] = (before[0] + count, before[1] + errors)
        return hours

    def linked(self) -> Counter[Place]:
        """Return how many spans per service, operation and minute lie in the windows of calls."""
        found: Counter[Place] = Counter()
        for window in self.links.windows.values():
            for number, minute in zip(window.links.name.tolist(), window.links.minute.tolist(), strict=True):
                service, _, operation = window.links.names[number]
                found[service, operation, minute] += 1
        return found

    def items_in_lineage(self) -> int:
        """Return how many items the blocks say that they were made of."""
        return sum(source.items for block in self.blocks.blocks.values() for source in block.sources)

    def summary(self) -> Counter[str]:
        """Return how large the world was."""
        records = [
            len(shard.records) for lives in self.streams.values() for life in lives for shard in life.shards.values()
        ]
        return Counter(
            {
                "schedule that starts on shards early": int(self.is_early),
                "schedule with KPI rows": int(self.has_kpis),
                "record": sum(records),
                "item counted": sum(numbers[0] for numbers in self.counted().values()),
                "item sent, each once": sum(numbers[0] for numbers in self.expected().values()),
                "object in the bucket that no item names": self.log.orphans(),
                "object in quarantine": len(self.shelf),
            }
        )

    def faults(self) -> list[str]:
        """Return what is not as it must be."""
        expected = self.expected()
        checks = {
            "counts": self.counted() == expected,
            "lineage": self.items_in_lineage() == sum(numbers[0] for numbers in expected.values()),
            "spans of calls": self.linked() == {place: numbers[0] for place, numbers in expected.items()},
            "quarantine": self.shelf.keys() == self.truth.garbled.keys(),
            "KPI rows": not self.has_kpis or self.rows() == self.expected_rows(),
        }
        return [name for name, is_right in checks.items() if not is_right]


_CONTEXT = {
    "function_name": "f",
    "memory_limit_in_mb": 512,
    "invoked_function_arn": "arn",
    "aws_request_id": "request",
    "get_remaining_time_in_millis": lambda: 300_000,
}
