"""A world for whoever tells: records in memory, channels that keep what they get, a clock, a queue, workers, faults.

Workers are threads of which one runs at a time; at every step towards the outside the others may come first. Who comes
next, what fails and who dies follows from the seed.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from opsloop import catalog
from opsloop.alert.model import Delivery, DeliveryFailed, DeliveryKey, Message, Receipt, Telling
from opsloop.alert.story import compose
from opsloop.alert.tell import Outcome, Teller
from opsloop.errors import ConflictError, DependencyUnavailableError
from tests.unit.alert.samples import PLACES

DECLARED = (catalog.Channel("shop-mail", "mail"), catalog.Channel("shop-slack", "slack"))
START_S = 1_795_249_560.0


class CrashError(BaseException):
    """The worker dies: nothing of ours may catch this."""


class Memory:
    """Records in memory. ``step`` is called before and after each effect, and may raise."""

    def __init__(self, step: Callable[[str], None] = lambda _: None, *, checks_versions: bool = True) -> None:
        self.records: dict[DeliveryKey, Delivery] = {}
        self.heard: set[tuple[str, str]] = set()
        self._step, self._checks_versions = step, checks_versions

    def get(self, key: DeliveryKey) -> Delivery | None:
        self._step("get")
        return self.records.get(key)

    def save(self, delivery: Delivery) -> None:
        self._step("save")
        before = self.records.get(delivery.key)
        if self._checks_versions and (before.version if before else 0) != delivery.version - 1:
            raise ConflictError("somebody else wrote meanwhile")
        self.records[delivery.key] = delivery
        self._step("saved")

    def of_topic(self, day: str, topic: str, state: str) -> list[Delivery]:
        self._step("get")
        return [one for key, one in self.records.items() if (key.day, key.topic, key.state) == (day, topic, state)]

    def note_heard(self, day: str, topic: str) -> None:
        self._step("save")
        self.heard.add((day, topic))

    def was_heard(self, day: str, topic: str) -> bool:
        self._step("get")
        return (day, topic) in self.heard


@dataclass
class Inbox:
    """A channel that keeps what it gets; ``errors`` are raised in turn instead, None lets one message through."""

    step: Callable[[str], None] = lambda _: None
    errors: list[Exception | None] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> Receipt:
        self.step("send")
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.got.append(message)
        self.step("sent")
        return Receipt(f"<{len(self.got)}@example.com>")

    def states(self) -> list[str]:
        return [message.state for message in self.got]


class World:
    """One teller with two channels, a clock that is set by hand, and what was announced."""

    def __init__(self, *, memory: Memory | None = None, step: Callable[[str], None] = lambda _: None) -> None:
        self.now = START_S
        self.memory = memory or Memory(step)
        self.mail, self.slack = Inbox(step), Inbox(step)
        self.announced: list[DeliveryFailed] = []
        self.declared: tuple[catalog.Channel, ...] = DECLARED

    @property
    def teller(self) -> Teller:
        return Teller(
            declared=self.declared,
            channels={"shop-mail": self.mail, "shop-slack": self.slack},
            deliveries=self.memory,
            compose=partial(compose, places=PLACES),
            announce=self.announced.append,
            clock=lambda: self.now,
        )

    def tell(self, telling: Telling) -> Outcome:
        return self.teller.tell(telling)

    def tell_until_done(self, telling: Telling, *, rounds: int = 100) -> Outcome:
        """Tell, come back whenever it is due, and return the last outcome."""
        for _ in range(rounds):
            outcome = self.tell(telling)
            if outcome.due_at is None:
                return outcome
            self.now = max(self.now, outcome.due_at)
        raise AssertionError(f"not done after {rounds} rounds")

    def record(self, telling: Telling, channel: str) -> Delivery:
        return self.memory.records[DeliveryKey(telling.day, telling.topic, telling.state, channel)]


@dataclass
class Faults:
    """How likely each step fails: ``throttle`` before an effect, ``lose`` the answer after one, ``crash`` anywhere."""

    throttle: float = 0.0
    lose: float = 0.0
    crash: float = 0.0


class Simulation:
    """Workers that take messages from a queue which delivers some of them twice, and hides those that are worked on."""

    HIDDEN_S = 180.0

    def __init__(self, seed: int, faults: Faults, *, workers: int = 8, checks_versions: bool = True) -> None:
        self._chance, self._faults, self._workers = random.Random(seed), faults, workers
        self.world = World(memory=Memory(self._step, checks_versions=checks_versions), step=self._step)
        self.crashes: Counter[str] = Counter()
        self._queue: list[dict[str, Any]] = []
        self._turn, self._running = threading.Semaphore(0), dict[threading.Thread, threading.Semaphore]()

    def run(self, tellings: list[Telling], *, copies: int = 3) -> None:
        """Deliver every telling that often, and work until the queue is empty."""
        self._queue = [{"telling": one, "at": self.world.now} for one in tellings for _ in range(copies)]
        self._chance.shuffle(self._queue)
        for _ in range(20_000):
            while len(self._running) < self._workers and (message := self._due()):
                self._start(message)
            if not self._running:
                if not self._queue:
                    return
                self.world.now = min(one["at"] for one in self._queue)
                continue
            thread = self._chance.choice(list(self._running))
            self._running[thread].release()
            self._turn.acquire()
            self.world.now += self._chance.random()
        raise AssertionError("the queue does not get empty")

    def _due(self) -> dict[str, Any] | None:
        for message in self._queue:
            if message["at"] <= self.world.now:
                message["at"] = self.world.now + self.HIDDEN_S
                return message
        return None

    def _start(self, message: dict[str, Any]) -> None:
        mine = threading.Semaphore(0)
        thread = threading.Thread(target=self._work, args=(message, mine), daemon=True)
        self._running[thread] = mine
        thread.start()

    def _work(self, message: dict[str, Any], mine: threading.Semaphore) -> None:
        mine.acquire()
        try:
            outcome = self.world.tell(message["telling"])
            if outcome.due_at is None:
                self._queue = [one for one in self._queue if one is not message]
            else:
                message["at"] = outcome.due_at
        except DependencyUnavailableError:
            message["at"] = self.world.now + 60
        except CrashError:
            pass
        del self._running[threading.current_thread()]
        self._turn.release()

    def _step(self, name: str) -> None:
        """Let others come first; then fail, die, or go on."""
        mine = self._running[threading.current_thread()]
        self._turn.release()
        mine.acquire()
        luck = self._chance.random()
        if luck < self._faults.crash:
            self.crashes[name] += 1
            raise CrashError
        before, after = name in ("get", "save"), name == "saved"
        likely = self._faults.throttle if before else self._faults.lose if after else 0.0
        if self._chance.random() < likely:
            raise DependencyUnavailableError(f"alert table, {name}")
