"""Telemetry without a fault: services with a rhythm of day and week and the noise of chance, as blocks.

Requests of an operation and bucket are Poisson, errors binomial, and durations lognormal: drawn as a histogram, all of
a bucket in its first minute. So fifteen days of a shop take a second or two.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import erf, pi, sin

import numpy as np

from opsloop.clock import MINUTES_PER_DAY
from opsloop.histogram import bucket_keys, representatives
from opsloop.telemetry.aggregate import Aggregate, merge_cells
from opsloop.telemetry.model import SPAN_DURATION, Block, SeenService, Series

BUCKET = 5
START = 29_907_360 - 29_907_360 % (7 * MINUTES_PER_DAY) + 4 * MINUTES_PER_DAY  # a Monday, 00:00 UTC
WEEK = (1.06, 1.06, 1.06, 1.07, 1.10, 0.87, 0.78)
NS_PER_MS = 1e6


@dataclass(frozen=True)
class Operation:
    """``rate`` in requests per minute on average, ``median_ms`` and ``sigma`` of a lognormal duration."""

    name: str
    rate: float
    median_ms: float = 30.0
    sigma: float = 0.5
    error_ratio: float = 0.01


@dataclass(frozen=True)
class Fault:
    """From ``first`` to before ``end`` requests of ``service`` take longer and fail more often, or it sends nothing."""

    service: str
    first: int
    end: int
    slower: float = 1.0
    error_ratio: float | None = None
    traffic: float = 1.0
    is_silent: bool = False


SHOP = {
    "web": (
        Operation("GET /", 80, 15),
        Operation("GET /products", 80, 25),
        Operation("GET /products/{id}", 100, 20),
        Operation("POST /checkout", 80, 140),
        Operation("GET /orders/{id}", 20, 30, 0.5, 0.02),
    ),
    "orders": (Operation("POST /orders", 80, 110), Operation("GET /orders/{id}", 20, 12)),
    "payments": (Operation("POST /charges", 78, 60, 0.5, 0.03), Operation("GET /charges/{id}", 12, 10)),
}


def rhythm(minute: int) -> float:
    """Return the rate at ``minute`` relative to the mean: most at 19, least at 4, little at the weekend."""
    day = minute % MINUTES_PER_DAY / MINUTES_PER_DAY
    weekday = minute // MINUTES_PER_DAY
    here, there = WEEK[(weekday + 3) % 7], WEEK[(weekday + 4) % 7]
    share = here * (1 - day) + there * day
    return share * (1 + 0.5 * sin(2 * pi * (day - 0.47)) + 0.15 * sin(4 * pi * (day - 0.45)))


@dataclass
class Shop:
    """Blocks of ``services``, hour by hour, the same for the same ``seed``."""

    seed: int
    services: dict[str, tuple[Operation, ...]] = field(default_factory=lambda: dict(SHOP))
    faults: tuple[Fault, ...] = ()
    change: Callable[[str, int], float] = lambda _service, _minute: 1.0
    _histograms: dict[tuple[float, float], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def seen(self, first: int, end: int) -> list[SeenService]:
        """Return all services, as heard from ``first`` to ``end``."""
        return [SeenService(name, first, end - 1) for name in sorted(self.services)]

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        """Return the blocks of the hours, as ``BlockTable.read`` does."""
        found = (self.block(service, hour) for hour in range(first_hour, last_hour + 1, 60))
        return [block for block in found if len(block.cells)]

    def block(self, service: str, hour: int) -> Block:
        """Return the block of one hour."""
        chance = np.random.default_rng([self.seed, hour, *service.encode()])
        columns = list(self._cells(service, hour, chance))
        return Block(service, hour, _aggregate(service, columns), {}, ())

    def _cells(self, service: str, hour: int, chance: np.random.Generator) -> Iterator[tuple]:
        for minute in range(hour, hour + 60, BUCKET):
            fault = next((one for one in self.faults if one.service == service and one.first <= minute < one.end), None)
            if fault and fault.is_silent:
                continue
            for operation in self.services[service]:
                mean = operation.rate * rhythm(minute) * BUCKET * self.change(service, minute)
                count = int(chance.poisson(mean * (fault.traffic if fault else 1.0)))
                if not count:
                    continue
                ratio = fault.error_ratio if fault and fault.error_ratio is not None else operation.error_ratio
                errors = int(chance.binomial(count, ratio))
                keys, share = self._histogram(operation.median_ms * (fault.slower if fault else 1.0), operation.sigma)
                drawn = chance.multinomial(count, share)
                used = np.flatnonzero(drawn)
                yield operation.name, minute, count, errors, keys[used], drawn[used]

    def _histogram(self, median_ms: float, sigma: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the keys of a lognormal distribution's buckets, and their shares."""
        if (median_ms, sigma) not in self._histograms:
            edges = median_ms * NS_PER_MS * np.exp2(np.arange(-4 * 64, 5 * 64) / 64)
            below = np.array([0.5 * (1 + erf(np.log(edge / median_ms / NS_PER_MS) / sigma / 2**0.5)) for edge in edges])
            share = np.diff(below)
            keys = bucket_keys(np.sqrt(edges[1:] * edges[:-1]))
            self._histograms[median_ms, sigma] = keys, share / share.sum()
        return self._histograms[median_ms, sigma]


def _aggregate(service: str, columns: list[tuple]) -> Aggregate:
    names = sorted({one[0] for one in columns})
    series = tuple(Series(service, SPAN_DURATION, "server", name, "ns") for name in names)
    sizes = [len(one[4]) for one in columns]
    keys = np.concatenate([one[4] for one in columns]) if columns else np.empty(0, dtype=np.int32)
    values = [representatives(one[4], 6) for one in columns]
    return merge_cells(
        Aggregate(
            series=series,
            series_index=np.array([names.index(one[0]) for one in columns], dtype=np.int32),
            minute=np.array([one[1] for one in columns], dtype=np.int64),
            count=np.array([one[2] for one in columns], dtype=np.int64),
            errors=np.array([one[3] for one in columns], dtype=np.int64),
            total=np.array([float((v * one[5]).sum()) for v, one in zip(values, columns, strict=True)]),
            minimum=np.array([float(v.min()) for v in values]),
            maximum=np.array([float(v.max()) for v in values]),
            scale=np.full(len(columns), 6, dtype=np.int8),
            bucket_start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            bucket_key=keys.astype(np.int32),
            bucket_count=(np.concatenate([one[5] for one in columns]) if columns else np.empty(0)).astype(np.int64),
        )
    )


class NoPatterns:
    """A service without logs."""

    def hours(self, _service: str, _first_hour: int, _last_hour: int) -> list:
        return []
