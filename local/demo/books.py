"""What orders and payments write down: in memory for a shop without a database, in PostgreSQL otherwise."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Protocol

from local.demo.pool import ConnectionPool

KEPT = 10_000  # in memory
SHIPPING_CENTS = 495
EUR = "EUR"


class OrderBook(Protocol):
    """Stock and orders. Items are product numbers, one for each piece."""

    def reserve(self, items: Sequence[int]) -> None:
        """Take ``items`` out of the stock."""

    def release(self, items: Sequence[int]) -> None:
        """Put ``items`` back."""

    def place(self, number: int, items: Sequence[int], payment: str) -> None:
        """Write down the order of request ``number``."""

    def payment_of(self, number: str) -> str | None:
        """Return the payment of an order of this shop, None if there is no such order."""


class PaymentBook(Protocol):
    """Payments, by their number."""

    def begin(self, number: str, amount_cents: int) -> None:
        """Write down that the bank is asked."""

    def end(self, number: str, state: str) -> None:
        """Write down what the bank said: ``settled``, ``declined`` or ``failed``."""

    def state_of(self, number: str) -> str | None:
        """Return the state of a payment, None if there is no such payment."""


class MemoryBook:
    """The newest numbers and what belongs to them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, number: str, what: str) -> None:
        """Write ``what`` down, and forget the oldest where there are too many."""
        with self._lock:
            self._known[number] = what
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def find(self, number: str) -> str | None:
        """Return what belongs to ``number``."""
        with self._lock:
            return self._known.get(number)


class MemoryOrders(MemoryBook):
    """Orders without a database; the stock is endless."""

    def reserve(self, items: Sequence[int]) -> None:
        """Nothing is counted."""

    def release(self, items: Sequence[int]) -> None:
        """Nothing is counted."""

    def place(self, number: int, items: Sequence[int], payment: str) -> None:  # noqa: ARG002
        """Remember the payment."""
        self.remember(str(number), payment)

    def payment_of(self, number: str) -> str | None:
        """Return the payment."""
        return self.find(number)


class MemoryPayments(MemoryBook):
    """Payments without a database."""

    def begin(self, number: str, amount_cents: int) -> None:  # noqa: ARG002
        """Remember that it is pending."""
        self.remember(number, "pending")

    def end(self, number: str, state: str) -> None:
        """Remember how it ended."""
        self.remember(number, state)

    def state_of(self, number: str) -> str | None:
        """Return the state."""
        return self.find(number)


class PostgresOrders:
    """Orders in the database of orders. ``run`` tells this shop's numbers from those of earlier ones."""

    def __init__(self, pool: ConnectionPool, run: str) -> None:
        self._pool = pool
        self._run = run

    def reserve(self, items: Sequence[int]) -> None:
        """Take ``items`` out of the stock; the database refuses to go below zero."""
        self._move(items, -1)

    def release(self, items: Sequence[int]) -> None:
        """Put ``items`` back."""
        self._move(items, 1)

    def place(self, number: int, items: Sequence[int], payment: str) -> None:
        """Insert the order and its lines, in one transaction."""
        products, pieces = _counted(items)
        with self._pool.connection() as connection, connection.transaction():
            row = connection.execute(
                "INSERT INTO orders (reference, customer_id, payment, goods_cents, shipping_cents, details) "
                "SELECT %s, 1 + %s %% (SELECT max(id) FROM customers), %s, sum(price_cents * pieces), %s, "
                "jsonb_build_object('channel', 'web') "
                "FROM products JOIN unnest(%s::int[], %s::int[]) AS wish (product, pieces) ON id = product "
                "RETURNING id, placed_at",
                [f"{self._run}-{number}", number * 7919, f"{self._run}-{payment}", SHIPPING_CENTS, products, pieces],
            ).fetchone()
            connection.execute(
                "INSERT INTO order_lines (order_id, placed_at, line, product_id, quantity, price_cents) "
                "SELECT %s, %s, row_number() OVER (ORDER BY id), id, pieces, price_cents "
                "FROM products JOIN unnest(%s::int[], %s::int[]) AS wish (product, pieces) ON id = product",
                [*(row or ()), products, pieces],
            )

    def payment_of(self, number: str) -> str | None:
        """Return the payment."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT payment FROM orders WHERE reference = %s ORDER BY placed_at DESC LIMIT 1",
                [f"{self._run}-{number}"],
            ).fetchone()
        return str(row[0]).removeprefix(f"{self._run}-") if row else None

    def _move(self, items: Sequence[int], sign: int) -> None:
        products, pieces = _counted(items)
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE products SET stock = stock + %s * pieces "
                "FROM (SELECT id AS wanted, pieces FROM products "
                "JOIN unnest(%s::int[], %s::int[]) AS wish (product, pieces) ON id = product "
                "ORDER BY id FOR UPDATE OF products) AS held WHERE id = wanted",  # in order: no two wait for each other
                [sign, products, pieces],
            )


class PostgresPayments:
    """Payments in the database of payments."""

    def __init__(self, pool: ConnectionPool, run: str) -> None:
        self._pool = pool
        self._run = run

    def begin(self, number: str, amount_cents: int) -> None:
        """Insert the payment; one that is asked for again begins anew."""
        with self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO payments (reference, amount_cents, currency) VALUES (%s, %s, %s) "
                "ON CONFLICT (reference) DO UPDATE SET state = 'pending'",
                [f"{self._run}-{number}", amount_cents, EUR],
            )

    def end(self, number: str, state: str) -> None:
        """Update its state."""
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE payments SET state = %s::payment_state WHERE reference = %s", [state, f"{self._run}-{number}"]
            )

    def state_of(self, number: str) -> str | None:
        """Return the state."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT state::text FROM payments WHERE reference = %s", [f"{self._run}-{number}"]
            ).fetchone()
        return str(row[0]) if row else None


def _counted(items: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the products and how many pieces of each."""
    counts = Counter(items)
    return list(counts), list(counts.values())
