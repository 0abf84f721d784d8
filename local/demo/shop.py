"""The shop: web calls orders, orders calls payments."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry.metrics import CallbackOptions, Observation

from local.demo.behaviour import (
    ASK_BANK_MS,
    BANK_FAILED,
    BANK_FAILURE_RATIO,
    CART_EMPTY,
    DECLINE_RATIO,
    DECLINED,
    LOAD_ORDER_MS,
    LOAD_PAYMENT_MS,
    LOAD_PRODUCT_MS,
    NO_PRODUCT,
    NOT_PAID,
    NOT_PLACED,
    PRICE_CART_MS,
    PRODUCTS,
    RENDER_HOME_MS,
    RENDER_LIST_MS,
    RESERVE_MS,
    SEARCH_FAILED,
    SEARCH_FAILURE_RATIO,
    SEARCH_MS,
    STOCK_FAILED,
    STOCK_FAILURE_RATIO,
    STORE_ORDER_MS,
)
from local.demo.service import Answer, Request, Service
from local.demo.telemetry import Destination, ServiceTelemetry
from local.demo.truth import Truth

KEPT_ORDERS = 10_000
POOL_SIZE = 8


class Shop:
    """Three services, wired to one another and started together.

    Parameters
    ----------
    destination : Destination
        Where their telemetry goes.
    truth : Truth
        The demo's own counts.
    seed : int
        Decides latencies and failures.
    prefix : str
        Put before each service name, so that two shops can report to one opsloop.
    """

    def __init__(self, destination: Destination, truth: Truth, *, seed: int, prefix: str = "") -> None:
        def service(name: str, *, gzip: bool = False, exponential: bool = False) -> Service:
            telemetry = ServiceTelemetry(prefix + name, destination, truth, gzip=gzip, exponential=exponential)
            return Service(telemetry, truth, seed=seed)

        self.payments = service("payments", exponential=True)
        self.orders = service("orders", gzip=True)
        self.web = service("web")
        self.services = [self.web, self.orders, self.payments]
        Payments(self.payments)
        Orders(self.orders, self.payments)
        Web(self.web, self.orders)

    def start(self) -> None:
        """Answer from now on."""
        for service in self.services:
            service.start()

    def stop(self) -> None:
        """Take no more requests, callers first."""
        for service in self.services:
            service.stop()


class Web:
    """What visitors see."""

    def __init__(self, service: Service, orders: Service) -> None:
        self._service = service
        self._orders = orders
        self._checkouts = service.telemetry.meter.create_counter("shop.checkouts", unit="{checkout}")
        service.route("GET", "/", self.home)
        service.route("GET", "/products", self.products)
        service.route("GET", "/products/{id}", self.product)
        service.route("POST", "/checkout", self.checkout)
        service.route("GET", "/orders/{id}", self.order)

    def home(self, request: Request) -> Answer:
        """The front page."""
        with self._service.step("render home", request, median_ms=RENDER_HOME_MS):
            return Answer(200, {"page": "home"})

    def products(self, request: Request) -> Answer:
        """The list of products; its search index fails now and then."""
        with self._service.step("search products", request, median_ms=SEARCH_MS):
            if request.draw.random() < SEARCH_FAILURE_RATIO:
                return Answer(500, {"error": SEARCH_FAILED})
        with self._service.step("render products", request, median_ms=RENDER_LIST_MS):
            return Answer(200, {"products": PRODUCTS})

    def product(self, request: Request) -> Answer:
        """One product, if there is such a one."""
        with self._service.step("load product", request, median_ms=LOAD_PRODUCT_MS):
            known = request.parameters["id"].isdigit() and 1 <= int(request.parameters["id"]) <= PRODUCTS
        return Answer(200, {"id": request.parameters["id"]}) if known else Answer(404, {"error": NO_PRODUCT})

    def checkout(self, request: Request) -> Answer:
        """Buy what is in the cart, by way of orders."""
        if not request.body.get("items"):
            return Answer(422, {"error": CART_EMPTY})
        with self._service.step("price cart", request, median_ms=PRICE_CART_MS):
            pass
        placed = self._service.call(self._orders, "POST", "/orders", "/orders", request, request.body)
        self._checkouts.add(1, {"outcome": "placed" if placed.status == 201 else "failed"})
        return placed if placed.status < 500 else Answer(502, {"error": NOT_PLACED})

    def order(self, request: Request) -> Answer:
        """One order's state, as orders tells it."""
        path = f"/orders/{request.parameters['id']}"
        found = self._service.call(self._orders, "GET", "/orders/{id}", path, request, None)
        return found if found.status < 500 else Answer(502, {"error": "orders did not answer"})


class Orders:
    """Places orders and knows their state."""

    def __init__(self, service: Service, payments: Service) -> None:
        self._service = service
        self._payments = payments
        self._orders: OrderedDict[str, str] = OrderedDict()  # order id -> payment id
        self._lock = threading.Lock()
        self._pool = threading.BoundedSemaphore(POOL_SIZE)
        self._in_use = 0
        service.telemetry.meter.create_observable_gauge(
            "db.client.connection.count", [self._pool_use], unit="{connection}"
        )
        self._placed = service.telemetry.meter.create_counter("shop.orders.placed", unit="{order}")
        service.route("POST", "/orders", self.place)
        service.route("GET", "/orders/{id}", self.show)

    def place(self, request: Request) -> Answer:
        """Reserve stock, take the money, remember the order."""
        with self._connection(), self._service.step("reserve stock", request, median_ms=RESERVE_MS):
            if request.draw.random() < STOCK_FAILURE_RATIO:
                return Answer(500, {"error": STOCK_FAILED})
        body = {"amount_cents": 999 * len(request.body["items"]), "payment": request.number}
        paid = self._service.call(self._payments, "POST", "/payments", "/payments", request, body)
        if paid.status >= 500:
            return Answer(502, {"error": NOT_PAID})
        if paid.status >= 400:
            return paid
        with self._connection(), self._service.step("store order", request, median_ms=STORE_ORDER_MS):
            self._remember(str(request.number), str(paid.body["id"]))
        self._placed.add(1)
        return Answer(201, {"id": str(request.number)})

    def show(self, request: Request) -> Answer:
        """An order and how it was paid."""
        with self._connection(), self._service.step("load order", request, median_ms=LOAD_ORDER_MS), self._lock:
            payment = self._orders.get(request.parameters["id"])
        if payment is None:
            return Answer(404, {"error": "no such order"})
        path = f"/payments/{payment}/status"
        state = self._service.call(self._payments, "GET", "/payments/{id}/status", path, request, None)
        return Answer(200, {"id": request.parameters["id"], "paid": state.body.get("state", "unknown")})

    @contextmanager
    def _connection(self) -> Iterator[None]:
        with self._pool:
            with self._lock:
                self._in_use += 1
            try:
                yield
            finally:
                with self._lock:
                    self._in_use -= 1

    def _remember(self, order: str, payment: str) -> None:
        with self._lock:
            self._orders[order] = payment
            while len(self._orders) > KEPT_ORDERS:
                self._orders.popitem(last=False)

    def _pool_use(self, _: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(self._in_use, {"db.client.connection.state": "used"}),
            Observation(POOL_SIZE - self._in_use, {"db.client.connection.state": "idle"}),
        ]


class Payments:
    """Takes money through a bank that fails now and then."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._taken = service.telemetry.meter.create_counter("shop.payments.taken", unit="{payment}")
        self._amounts = service.telemetry.meter.create_histogram("shop.payment.amount", unit="EUR")
        service.route("POST", "/payments", self.pay)
        service.route("GET", "/payments/{id}/status", self.status)

    def pay(self, request: Request) -> Answer:
        """Ask the bank."""
        with self._service.step("ask bank", request, median_ms=ASK_BANK_MS) as span:
            chance = request.draw.random()
            if chance < BANK_FAILURE_RATIO:
                span.add_event("bank timeout", {"bank.attempt": 1})
                return Answer(503, {"error": BANK_FAILED})
        if chance < BANK_FAILURE_RATIO + DECLINE_RATIO:
            return Answer(402, {"error": DECLINED})
        self._taken.add(1)
        self._amounts.record(request.body["amount_cents"] / 100)
        return Answer(201, {"id": str(request.body["payment"])})

    def status(self, request: Request) -> Answer:
        """What became of a payment."""
        with self._service.step("load payment", request, median_ms=LOAD_PAYMENT_MS):
            return Answer(200, {"id": request.parameters["id"], "state": "settled"})
