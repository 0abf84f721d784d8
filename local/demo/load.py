"""Visitors of the shop: a seeded sequence of requests, at a rate that follows the hour and the day of the week."""

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.demo.behaviour import (
    CHECKOUT,
    EMPTY_CART_RATIO,
    HOME,
    LIST,
    ORDER,
    PRODUCT,
    PRODUCTS,
    UNKNOWN_PRODUCT_RATIO,
    rate_factor,
)
from local.demo.service import NUMBER_HEADER, send

VISITORS = 12
LONGEST_QUEUE = 1_000
ORDER_AGE = 25  # an order is looked at when at least this many requests have passed since it was placed


@dataclass(frozen=True)
class Visit:
    """One request to web."""

    number: int
    method: str
    path: str
    body: dict[str, Any] | None = None


def visits(seed: int) -> Iterator[Visit]:
    """Yield the endless sequence of requests that ``seed`` stands for."""
    draw = random.Random(f"{seed}/visits")
    placed: deque[int] = deque(maxlen=20)
    number = 0
    while True:
        number += 1
        yield _visit(number, draw, placed)


def _visit(number: int, draw: random.Random, placed: deque[int]) -> Visit:
    choice = draw.random()
    if choice < HOME:
        return Visit(number, "GET", "/")
    if choice < HOME + LIST:
        return Visit(number, "GET", "/products")
    if choice < HOME + LIST + PRODUCT:
        is_known = draw.random() >= UNKNOWN_PRODUCT_RATIO
        product = draw.randint(1, PRODUCTS) if is_known else draw.randint(PRODUCTS + 1, 2 * PRODUCTS)
        return Visit(number, "GET", f"/products/{product}")
    if choice < HOME + LIST + PRODUCT + CHECKOUT:
        is_empty = draw.random() < EMPTY_CART_RATIO
        items = [] if is_empty else [draw.randint(1, PRODUCTS) for _ in range(draw.randint(1, 4))]
        placed.append(number)
        return Visit(number, "POST", "/checkout", {"items": items})
    old = [order for order in placed if number - order >= ORDER_AGE]
    if choice < HOME + LIST + PRODUCT + CHECKOUT + ORDER and old:
        return Visit(number, "GET", f"/orders/{draw.choice(old)}")
    return Visit(number, "GET", "/wp-login.php")


class Load:
    """Sends the visits of ``seed`` to ``port``, ``rate`` a second as the mean of a week.

    Arrivals are a Poisson process whose rate follows ``rate_factor``; they do not wait for earlier answers. When the
    shop cannot follow, visitors beyond ``LONGEST_QUEUE`` turn away and are counted in ``turned_away``.
    """

    def __init__(self, port: int, *, seed: int, rate: float) -> None:
        self.turned_away = 0
        self._port = port
        self._rate = rate
        self._visits = visits(seed)
        self._gaps = random.Random(f"{seed}/gaps")
        self._queue: queue.Queue[Visit] = queue.Queue(LONGEST_QUEUE)
        self._stopping = threading.Event()
        self._arrivals = threading.Thread(target=self._arrive, name="arrivals", daemon=True)
        self._visitors = [
            threading.Thread(target=self._visit, name=f"visitor-{number}", daemon=True) for number in range(VISITORS)
        ]

    def start(self) -> None:
        """Let visitors come from now on."""
        for thread in [self._arrivals, *self._visitors]:
            thread.start()

    def stop(self, *, timeout_s: float) -> None:
        """Let no more visitors come, and wait up to ``timeout_s`` for those inside."""
        self._stopping.set()
        deadline = time.monotonic() + timeout_s
        self._arrivals.join(timeout_s)
        for thread in self._visitors:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _arrive(self) -> None:
        due = time.time()
        while not self._stopping.is_set():
            due += self._gaps.expovariate(self._rate * rate_factor(due))
            if self._stopping.wait(max(0.0, due - time.time())):
                return
            try:
                self._queue.put_nowait(next(self._visits))
            except queue.Full:
                self.turned_away += 1

    def _visit(self) -> None:
        while not self._stopping.is_set():
            try:
                visit = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            headers = {"Content-Type": "application/json", NUMBER_HEADER: str(visit.number)}
            send(self._port, visit.method, visit.path, headers, visit.body)
