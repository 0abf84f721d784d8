"""The shop: web calls orders, orders calls payments."""

import secrets
from collections.abc import Callable

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
from local.demo.books import MemoryOrders, MemoryPayments, OrderBook, PaymentBook, PostgresOrders, PostgresPayments
from local.demo.pool import ConnectionPool
from local.demo.service import Answer, Request, Service
from local.demo.telemetry import Destination, ServiceTelemetry
from local.demo.truth import Truth

Address = Callable[[str], str]  # how to connect to the database of that name, now


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
    database : callable, optional
        Says how to connect to the database ``orders`` or ``payments``. Without it the shop remembers in memory.
    """

    def __init__(
        self,
        destination: Destination,
        truth: Truth,
        *,
        seed: int,
        prefix: str = "",
        database: Address | None = None,
    ) -> None:
        def service(name: str, *, gzip: bool = False, exponential: bool = False) -> Service:
            telemetry = ServiceTelemetry(prefix + name, destination, truth, gzip=gzip, exponential=exponential)
            return Service(telemetry, truth, seed=seed)

        self.payments = service("payments", exponential=True)
        self.orders = service("orders", gzip=True)
        self.web = service("web")
        self.services = [self.web, self.orders, self.payments]
        self._pools: list[ConnectionPool] = []
        orders, payments = self._books(database)
        Payments(self.payments, payments)
        Orders(self.orders, self.payments, orders)
        Web(self.web, self.orders)

    def start(self) -> None:
        """Answer from now on."""
        for service in self.services:
            service.start()

    def stop(self) -> None:
        """Take no more requests, callers first."""
        for service in self.services:
            service.stop()
        for pool in self._pools:
            pool.close()

    def _books(self, database: Address | None) -> tuple[OrderBook, PaymentBook]:
        if database is None:
            return MemoryOrders(), MemoryPayments()
        orders = ConnectionPool("orders", lambda: database("orders"), self.orders.telemetry)
        payments = ConnectionPool("payments", lambda: database("payments"), self.payments.telemetry)
        self._pools += [orders, payments]
        run = secrets.token_hex(4)  # the numbers of requests begin anew with every shop
        return PostgresOrders(orders, run), PostgresPayments(payments, run)


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

    def __init__(self, service: Service, payments: Service, book: OrderBook) -> None:
        self._service = service
        self._payments = payments
        self._book = book
        self._placed = service.telemetry.meter.create_counter("shop.orders.placed", unit="{order}")
        service.route("POST", "/orders", self.place)
        service.route("GET", "/orders/{id}", self.show)

    def place(self, request: Request) -> Answer:
        """Reserve stock, take the money, write the order down."""
        items = request.body["items"]
        with self._service.step("reserve stock", request, median_ms=RESERVE_MS):
            if request.draw.random() < STOCK_FAILURE_RATIO:
                return Answer(500, {"error": STOCK_FAILED})
            self._book.reserve(items)
        body = {"amount_cents": 999 * len(items), "payment": request.number}
        paid = self._service.call(self._payments, "POST", "/payments", "/payments", request, body)
        if paid.status >= 400:
            self._book.release(items)
            return paid if paid.status < 500 else Answer(502, {"error": NOT_PAID})
        with self._service.step("store order", request, median_ms=STORE_ORDER_MS):
            self._book.place(request.number, items, str(paid.body["id"]))
        self._placed.add(1)
        return Answer(201, {"id": str(request.number)})

    def show(self, request: Request) -> Answer:
        """An order and how it was paid."""
        with self._service.step("load order", request, median_ms=LOAD_ORDER_MS):
            payment = self._book.payment_of(request.parameters["id"])
        if payment is None:
            return Answer(404, {"error": "no such order"})
        path = f"/payments/{payment}/status"
        state = self._service.call(self._payments, "GET", "/payments/{id}/status", path, request, None)
        return Answer(200, {"id": request.parameters["id"], "paid": state.body.get("state", "unknown")})


class Payments:
    """Takes money through a bank that fails now and then."""

    def __init__(self, service: Service, book: PaymentBook) -> None:
        self._service = service
        self._book = book
        self._taken = service.telemetry.meter.create_counter("shop.payments.taken", unit="{payment}")
        self._amounts = service.telemetry.meter.create_histogram("shop.payment.amount", unit="EUR")
        service.route("POST", "/payments", self.pay)
        service.route("GET", "/payments/{id}/status", self.status)

    def pay(self, request: Request) -> Answer:
        """Ask the bank, and write down before and after what is known."""
        number, amount_cents = str(request.body["payment"]), request.body["amount_cents"]
        with self._service.step("ask bank", request, median_ms=ASK_BANK_MS) as span:
            self._book.begin(number, amount_cents)
            chance = request.draw.random()
            if chance < BANK_FAILURE_RATIO:
                span.add_event("bank timeout", {"bank.attempt": 1})
                self._book.end(number, "failed")
                return Answer(503, {"error": BANK_FAILED})
            if chance < BANK_FAILURE_RATIO + DECLINE_RATIO:
                self._book.end(number, "declined")
                return Answer(402, {"error": DECLINED})
            self._book.end(number, "settled")
        self._taken.add(1)
        self._amounts.record(amount_cents / 100)
        return Answer(201, {"id": number})

    def status(self, request: Request) -> Answer:
        """What became of a payment."""
        with self._service.step("load payment", request, median_ms=LOAD_PAYMENT_MS):
            state = self._book.state_of(request.parameters["id"])
        if state is None:
            return Answer(404, {"error": "no such payment"})
        return Answer(200, {"id": request.parameters["id"], "state": state})
