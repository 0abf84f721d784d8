"""What the shop did before it was opened: weeks of its telemetry, made at once, minute by minute.

It behaves as the live shop does (``behaviour.py``): the same rhythm, mix, latencies and failures, in the same spans.
Left out, for size: internal spans, log records of requests that went well, and, before its last day, what the services
ask their databases.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from local.demo import behaviour as b
from local.demo.history_databases import Statement, statements
from local.demo.history_points import LogLine, Minute, logs_request, metrics_request
from local.demo.wire import Ids, Shape, attribute, traces_request

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NS_PER_MS, NS_PER_S, NS_PER_MINUTE = 1_000_000, 1_000_000_000, 60_000_000_000
CHUNK_MINUTES = 120
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
HOP_MS = 0.5  # from the caller's span to the callee's
MISSING_ORDER_RATIO = (
    b.EMPTY_CART_RATIO + b.STOCK_FAILURE_RATIO + b.BANK_FAILURE_RATIO + b.DECLINE_RATIO
)  # such orders were never placed
SPANS_PER_REQUEST = 8_000  # some 2 MB: read whole, without being cut
PLACES = np.uint64(16)  # so many spans a trace may have
POOL_USED_RATIO = 0.00125  # a hundredth of a connection, as in the live shop


class Request(NamedTuple):
    """One OTLP request: its signal, its bytes, and how many items it holds."""

    signal: str
    body: bytes
    items: int


class Call(NamedTuple):
    """What one span tells of itself: names and statuses have one value, or one per span.

    The status of a statement in a database is 0, and ``route`` the database's name.
    """

    service: str
    operation: str
    kind: int
    method: str
    route: str
    status: NDArray[np.int64]
    trace: Ids
    place: int
    parent: int
    start_ms: Floats
    duration_ms: Floats


@dataclass
class _Day:
    """What is gathered of one chunk of time."""

    start_ns: int
    calls: list[Call] = field(default_factory=list)

    def add(self, *call: object) -> None:
        one = Call(*call)  # type: ignore[arg-type]
        if len(one.trace):
            self.calls.append(one)


class History:
    """The telemetry of the minutes [first, end) since the epoch, of ``rate`` visits a second as the mean of a week.

    Stretches that begin at the minute ``databases_from`` or later have the spans of the databases, too.
    """

    def __init__(
        self, *, seed: int, rate: float, first_minute: int, end_minute: int, databases_from: int | None = None
    ) -> None:
        self._seed, self._rate = seed, rate
        self._databases_from = end_minute if databases_from is None else databases_from
        self.first_minute, self.end_minute = first_minute, end_minute
        self.counted: Counter[str] = Counter()  # requests that each service has answered, in what was made so far
        self._shapes: dict[tuple[str, int, str, str, int, bool], Shape] = {}

    def requests(self) -> Iterator[tuple[int, list[Request]]]:
        """Yield the requests of a stretch of time and the minute at which it ends, oldest first."""
        for first in range(self.first_minute, self.end_minute, CHUNK_MINUTES):
            end = min(first + CHUNK_MINUTES, self.end_minute)
            yield end, list(self._chunk(first, end))

    def _chunk(self, first: int, end: int) -> Iterator[Request]:
        draw = np.random.default_rng([self._seed, first])
        minutes = np.arange(first, end)
        expected = [60 * self._rate * b.rate_factor(60.0 * minute + 30) for minute in minutes.tolist()]
        arrivals = draw.poisson(expected)
        at_ms = np.sort(np.repeat((minutes - first) * 60_000.0, arrivals) + draw.random(arrivals.sum()) * 60_000)
        trace = (np.uint64(first) << np.uint64(24)) + np.arange(1, len(at_ms) + 1, dtype=np.uint64)
        day = _Day(first * NS_PER_MINUTE)
        _visit(draw, day, at_ms, trace)
        if first >= self._databases_from:
            _ask_databases(np.random.default_rng([self._seed, first, 1]), day)
        for service in ("web", "orders", "payments"):
            calls = [call for call in day.calls if call.service == service]
            self.counted[service] += sum(len(call.trace) for call in calls if call.kind == SERVER)
            yield from self._traces(service, calls, day.start_ns)
            lines = list(_log_lines(calls, day.start_ns))
            if lines:
                yield Request("logs", logs_request(resource_of(service), lines), len(lines))
        yield from _metrics(draw, day, first, end)

    def _traces(self, service: str, calls: list[Call], start_ns: int) -> Iterator[Request]:
        """Yield requests of ``service`` in order of time, each small enough for one record."""
        total = sum(len(call.trace) for call in calls)
        parts = max(1, -(-total // SPANS_PER_REQUEST))
        edges = np.linspace(0, CHUNK_MINUTES * 60_000.0, parts + 1)
        for low, high in pairwise(edges.tolist()):
            spans, items = [], 0
            for call in calls:
                within = (call.start_ms >= low) & ((call.start_ms < high) | (high == edges[-1]))
                for status in np.unique(call.status[within]).tolist():
                    chosen = within & (call.status == status)
                    spans.append(self._encoded(call, chosen, status, start_ns))
                    items += int(chosen.sum())
            if items:
                yield Request("traces", traces_request(resource_of(service), b"".join(spans)), items)

    def _encoded(self, call: Call, chosen: Mask, status: int, start_ns: int) -> bytes:
        key = (call.operation, call.kind, call.method, call.route, status, call.parent > 0)
        if key not in self._shapes:
            attributes: dict[str, str | int] = {"http.request.method": call.method, "http.response.status_code": status}
            if not status:
                attributes = Statement(call.operation, call.route).attributes
            elif call.route and call.kind == SERVER:
                attributes["http.route"] = call.route
            is_error = status >= (500 if call.kind == SERVER else 400)
            self._shapes[key] = Shape(
                call.operation, call.kind, attributes, is_error=is_error, has_parent=call.parent > 0
            )
        trace, begin = call.trace[chosen], _ns(call.start_ms[chosen], start_ns)
        ids, parents = trace * PLACES + np.uint64(call.place), trace * PLACES + np.uint64(call.parent)
        return self._shapes[key].spans(trace, ids, parents, begin, begin + _ns(call.duration_ms[chosen], 0))


def resource_of(service: str) -> Resource:
    """Return the resource by which the live shop's services tell who they are."""
    facts = {"service.name": service, "service.namespace": "shop", "service.version": "1.0.0"}
    facts |= {"service.instance.id": f"{service}-1", "deployment.environment.name": "demo"}
    return Resource(attributes=[attribute(key, value) for key, value in facts.items()])


def _visit(draw: np.random.Generator, day: _Day, at_ms: Floats, trace: Ids) -> None:
    """Let visitors do what they do: one visit per time in ``at_ms``."""
    edges = np.cumsum([b.HOME, b.LIST, b.PRODUCT, b.CHECKOUT, b.ORDER])
    wish = np.searchsorted(edges, draw.random(len(at_ms)), side="right")

    def web(operation: str, route: str, number: int, status: NDArray[np.int64], duration: Floats) -> None:
        method = operation.partition(" ")[0]
        chosen = wish == number
        day.add("web", operation, SERVER, method, route, status, trace[chosen], 1, 0, at_ms[chosen], duration)

    many = [int((wish == number).sum()) for number in range(6)]
    web("GET /", "/", 0, _status(many[0], 200), b.OVERHEAD_MS + _step(draw, many[0], b.RENDER_HOME_MS))
    failed = draw.random(many[1]) < b.SEARCH_FAILURE_RATIO
    took = b.OVERHEAD_MS + _step(draw, many[1], b.SEARCH_MS)
    took += np.where(failed, 0.0, _step(draw, many[1], b.RENDER_LIST_MS))
    web("GET /products", "/products", 1, np.where(failed, 500, 200), took)
    unknown = draw.random(many[2]) < b.UNKNOWN_PRODUCT_RATIO
    took = b.OVERHEAD_MS + _step(draw, many[2], b.LOAD_PRODUCT_MS)
    web("GET /products/{id}", "/products/{id}", 2, np.where(unknown, 404, 200), took)
    status, took = _checkout(draw, day, at_ms[wish == 3], trace[wish == 3])
    web("POST /checkout", "/checkout", 3, status, took)
    status, took = _look_up(draw, day, at_ms[wish == 4], trace[wish == 4])
    web("GET /orders/{id}", "/orders/{id}", 4, status, took)
    web("GET", "", 5, _status(many[5], 404), np.full(many[5], b.OVERHEAD_MS))


def _checkout(draw: np.random.Generator, day: _Day, at_ms: Floats, trace: Ids) -> tuple[NDArray[np.int64], Floats]:
    """Add the calls behind ``POST /checkout``; return its statuses and durations (ms)."""
    many = len(at_ms)
    is_empty = draw.random(many) < b.EMPTY_CART_RATIO
    priced, reserved, asked, stored = (
        _step(draw, many, median) for median in (b.PRICE_CART_MS, b.RESERVE_MS, b.ASK_BANK_MS, b.STORE_ORDER_MS)
    )
    no_stock = draw.random(many) < b.STOCK_FAILURE_RATIO
    chance = draw.random(many)
    paid = np.where(chance < b.BANK_FAILURE_RATIO, 503, 201)
    paid = np.where((chance >= b.BANK_FAILURE_RATIO) & (chance < b.BANK_FAILURE_RATIO + b.DECLINE_RATIO), 402, paid)
    placed = np.where(no_stock, 500, np.where(paid >= 500, 502, paid))
    payments_ms = b.OVERHEAD_MS + asked
    to_bank = np.where(no_stock, 0.0, payments_ms + 2 * HOP_MS)
    orders_ms = b.OVERHEAD_MS + reserved + to_bank + np.where(placed == 201, stored, 0.0)
    calls, pays = ~is_empty, ~is_empty & ~no_stock
    begun = at_ms + priced
    pay_at = begun + HOP_MS + reserved
    for chosen, service, route, kind, status, place, start, took in (
        (calls, "web", "/orders", CLIENT, placed, 2, begun, orders_ms + 2 * HOP_MS),
        (calls, "orders", "/orders", SERVER, placed, 3, begun + HOP_MS, orders_ms),
        (pays, "orders", "/payments", CLIENT, paid, 4, pay_at, payments_ms + 2 * HOP_MS),
        (pays, "payments", "/payments", SERVER, paid, 5, pay_at + HOP_MS, payments_ms),
    ):
        told = (status[chosen], trace[chosen], place, place - 1, start[chosen], took[chosen])
        day.add(service, f"POST {route}", kind, "POST", route, *told)
    answered = np.where(placed >= 500, 502, placed)
    took = np.where(is_empty, 0.0, priced + orders_ms + 2 * HOP_MS)
    return np.where(is_empty, 422, answered), b.OVERHEAD_MS + took


def _look_up(draw: np.random.Generator, day: _Day, at_ms: Floats, trace: Ids) -> tuple[NDArray[np.int64], Floats]:
    """Add the calls behind ``GET /orders/{id}``; return its statuses and durations (ms)."""
    many = len(at_ms)
    is_missing = draw.random(many) < MISSING_ORDER_RATIO
    status = np.where(is_missing, 404, 200)
    loaded, payments_ms = _step(draw, many, b.LOAD_ORDER_MS), b.OVERHEAD_MS + _step(draw, many, b.LOAD_PAYMENT_MS)
    orders_ms = b.OVERHEAD_MS + loaded + np.where(is_missing, 0.0, payments_ms + 2 * HOP_MS)
    asked_at = at_ms + HOP_MS + loaded
    everybody, found = np.ones(many, dtype=bool), ~is_missing
    state = "/payments/{id}/status"
    for chosen, service, route, kind, told, place, start, took in (
        (everybody, "web", "/orders/{id}", CLIENT, status, 2, at_ms, orders_ms + 2 * HOP_MS),
        (everybody, "orders", "/orders/{id}", SERVER, status, 3, at_ms + HOP_MS, orders_ms),
        (found, "orders", state, CLIENT, _status(many, 200), 4, asked_at, payments_ms + 2 * HOP_MS),
        (found, "payments", state, SERVER, _status(many, 200), 5, asked_at + HOP_MS, payments_ms),
    ):
        fields = (told[chosen], trace[chosen], place, place - 1, start[chosen], took[chosen])
        day.add(service, f"GET {route}", kind, "GET", route, *fields)
    return status, b.OVERHEAD_MS + orders_ms + 2 * HOP_MS


def _ask_databases(draw: np.random.Generator, day: _Day) -> None:
    """Add what the services ask their databases while they answer what is there so far."""
    for call in list(day.calls):
        for one in statements(call.service, call.operation):
            chosen = np.isin(call.status, one.of_statuses) if call.kind == SERVER else np.zeros(len(call.trace), bool)
            many = int(chosen.sum())
            start, took = one.times(draw, call.start_ms[chosen], call.duration_ms[chosen])
            told = (
                one.operation,
                CLIENT,
                "",
                one.database,
                _status(many, 0),
                call.trace[chosen],
                one.place,
                call.place,
            )
            day.add(call.service, *told, start, took)


def _step(draw: np.random.Generator, many: int, median_ms: float) -> Floats:
    """Return lognormal durations in ms, as the live shop's steps take."""
    return np.minimum(median_ms * draw.lognormal(0.0, b.LATENCY_SIGMA, many), b.LONGEST_STEP_S * 1000)


def _status(many: int, status: int) -> NDArray[np.int64]:
    return np.full(many, status, dtype=np.int64)


def _ns(ms: Floats, start_ns: int) -> Ids:
    return (np.round(ms * 1000).astype(np.int64) * 1000 + start_ns).astype(np.uint64)  # whole microseconds


_TEXT = {
    ("web", 404): b.NO_PRODUCT,
    ("web", 422): b.CART_EMPTY,
    ("web", 500): b.SEARCH_FAILED,
    ("web", 502): b.NOT_PLACED,
    ("web", 402): b.DECLINED,
    ("orders", 402): b.DECLINED,
    ("orders", 404): "no such order",
    ("orders", 500): b.STOCK_FAILED,
    ("orders", 502): b.NOT_PAID,
    ("payments", 402): b.DECLINED,
    ("payments", 503): b.BANK_FAILED,
}


def _log_lines(calls: list[Call], start_ns: int) -> Iterator[LogLine]:
    """Yield the records that the live shop writes of requests that were refused or failed."""
    for call in calls:
        if call.kind != SERVER:
            continue
        for place in np.flatnonzero(call.status >= 400).tolist():
            status = int(call.status[place])
            end_ns = int(_ns(call.start_ms[place : place + 1] + call.duration_ms[place : place + 1], start_ns)[0])
            text = b.NO_PAGE if not call.route else _TEXT[call.service, status]
            if (call.service, call.route, status) == ("web", "/orders/{id}", 404):
                text = "no such order"
            trace = int(call.trace[place])
            yield LogLine(end_ns, status, call.method, call.route, text, trace, trace * int(PLACES) + call.place)


def _metrics(draw: np.random.Generator, day: _Day, first: int, end: int) -> Iterator[Request]:
    """Yield what the counters and the gauge of the live shop tell, per minute."""
    counted: dict[tuple[str, str, str, str], NDArray[np.int64]] = {}
    for call in day.calls:
        if (call.service, call.operation, call.kind) == ("web", "POST /checkout", SERVER):
            for outcome, chosen in (
                ("placed", call.status == 201),
                ("failed", (call.status != 201) & (call.status != 422)),
            ):
                counted["web", "shop.checkouts", "{checkout}", outcome] = _per_minute(call, chosen, end - first)
        if (call.service, call.operation, call.kind) == ("orders", "POST /orders", SERVER):
            counted["orders", "shop.orders.placed", "{order}", ""] = _per_minute(call, call.status == 201, end - first)
        if (call.service, call.operation, call.kind) == ("payments", "POST /payments", SERVER):
            counted["payments", "shop.payments.taken", "{payment}", ""] = _per_minute(
                call, call.status == 201, end - first
            )
    used = {name: draw.binomial(8, POOL_USED_RATIO, end - first) for name in ("orders", "payments")}
    for service in ("web", "orders", "payments"):
        minutes = [
            Minute(first + number, {key[1:]: int(many[number]) for key, many in counted.items() if key[0] == service},
                   int(used[service][number]) if service in used else None)
            for number in range(end - first)
        ]  # fmt: skip
        body, items = metrics_request(resource_of(service), minutes)
        if items:
            yield Request("metrics", body, items)


def _per_minute(call: Call, chosen: Mask, minutes: int) -> NDArray[np.int64]:
    at = (call.start_ms[chosen] // 60_000).astype(np.int64)
    return np.bincount(np.minimum(at, minutes - 1), minlength=minutes)
