"""The detector's handler in a world of its own: stores in memory that may crash at any call, and a shop's telemetry."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from opsloop.anomaly.exclude import Window
from opsloop.anomaly.model import Anomaly
from opsloop.anomaly.saved import Saved
from opsloop.clock import format_time, time_of
from opsloop.errors import ConflictError
from opsloop.telemetry.model import Block, CallEdge, SeenService
from opsloop.telemetry.pressure import Pressure
from tests.conftest import FakeContext
from tests.unit.anomaly.quiet import NoPatterns, Shop

EDGES = tuple(
    CallEdge(caller, callee, "service", "call", 80.0, 0.01, 20.0, 60.0, 100, is_exact=True)
    for caller, callee in (("web", "orders"), ("orders", "payments"))
)


class CrashError(Exception):
    """The function was killed."""


class Stores:
    """What lies outside of the function. ``crash_at`` kills it before that call; ``between`` runs before each."""

    def __init__(self, shop: Shop, saved: Saved | None = None, *, first: int = 0, now: int = 0) -> None:
        self.shop, self.first, self.now = shop, first, now
        self.saved = saved
        self.stored: dict[str, tuple[int, Anomaly]] = {}
        self.told: list[dict[str, Any]] = []
        self.watermarks: list[int] = []
        self.windows: tuple[Window, ...] = ()
        self.backlog: dict[str, list[tuple[str, int, int]]] = {}
        self.pressure_now: Pressure | None = None
        self.calls, self.crash_at = 0, -1
        self.between: Callable[[int], None] = lambda _call: None
        self.is_blind = False
        self.read_blocks: Counter[tuple[str, int]] = Counter()

    def tick(self) -> None:
        """Count a call of a store; die if it is the one."""
        call, self.calls = self.calls, self.calls + 1
        if call == self.crash_at:
            raise CrashError
        self.between(call)

    # blocks
    def services(self) -> list[SeenService]:
        return self.shop.seen(self.first, self.now)

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        for hour in range(first_hour, last_hour + 1, 60):
            self.read_blocks[service, hour] += 1
        return self.shop.read(service, first_hour, last_hour)

    # call links
    def edges(self, _first: int, _last: int) -> tuple[CallEdge, ...]:
        return EDGES

    # fold progress: logs are named by what is not folded of them
    def folded(self) -> dict[str, str]:
        return {"log#stream#1#0": "0" * 64} | dict.fromkeys(self.backlog, "0" * 64)

    def waiting(self, log: str, _position: str) -> list[tuple[str, int, int]]:
        return self.backlog.get(log, [])

    # pressure
    def get(self) -> Pressure | None:
        return self.pressure_now


class States:
    """``StateTable`` over the stores."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    def read(self) -> Saved | None:
        self.stores.tick()
        return self.stores.saved

    def save(self, saved: Saved, *, now: datetime) -> None:
        del now
        self.stores.tick()
        there = self.stores.saved.version if self.stores.saved else 0
        if saved.version != there + 1 and not self.stores.is_blind:
            raise ConflictError("another run was ahead")
        self.stores.saved = saved
        self.stores.watermarks.append(saved.judged_to)
        self.stores.tick()  # killed when it was written, before anybody heard of it


class Anomalies:
    """``AnomalyTable`` over the stores."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    def put(self, anomaly: Anomaly, *, judged_to: int) -> None:
        self.stores.tick()
        there = self.stores.stored.get(anomaly.anomaly_id)
        if there is None or there[0] <= judged_to:
            self.stores.stored[anomaly.anomaly_id] = judged_to, anomaly

    def excluded_windows(self) -> tuple[Window, ...]:
        return self.stores.windows


class Bus:
    """Keeps what is told, in the order in which it is told."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    def publish(self, events: Any) -> None:
        self.stores.tick()
        for event in events:
            self.stores.told.append(event.detail())
        self.stores.tick()


def put_in(handler: ModuleType, stores: Stores) -> None:
    """Let ``handler`` work on ``stores``."""
    handler.blocks, handler.links, handler.progress, handler.pressure = stores, stores, stores, stores
    handler.patterns = NoPatterns()
    handler.states, handler.anomalies, handler.bus = States(stores), Anomalies(stores), Bus(stores)
    handler.time = type("Time", (), {"sleep": staticmethod(lambda _s: None)})


def start(handler: ModuleType, stores: Stores, minute: int, **event: Any) -> dict[str, Any]:
    """Invoke the handler as the clock does at ``minute``."""
    stores.now = max(stores.now, minute)
    put_in(handler, stores)
    answer: dict[str, Any] = handler.lambda_handler(
        {"time": format_time(time_of(minute).astimezone(UTC)), "id": f"run-{minute}", **event},
        FakeContext(remaining_ms=290_000),
    )
    return answer


def outcome(stores: Stores) -> tuple[Any, ...]:
    """Return what the world sees at the end: the anomalies, and what was told, each once."""
    told = {one["id"]: {**one} for one in stores.told}
    saved = replace(stores.saved, version=0) if stores.saved else None
    return saved, {key: one for key, (_, one) in stores.stored.items()}, told


def contradictions(stores: Stores) -> list[str]:
    """Return what must never be: an id that tells two things, an event of what is not stored, time that runs back."""
    found = []
    by_id: dict[str, dict[str, Any]] = {}
    for one in stores.told:
        if by_id.setdefault(one["id"], one) != one:
            found.append(f"{one['type']} {one['subject']} was told in two ways")
        if one["data"]["anomaly"]["anomaly_id"] not in stores.stored:
            found.append(f"{one['type']} {one['subject']} is not stored")
    if sorted(stores.watermarks) != stores.watermarks:
        found.append("the watermark went back")
    return found
