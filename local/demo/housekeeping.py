"""What a shop does with its databases when nobody looks: goods arrive and leave, refunds, receipts, old rows go.

Each chore is one short transaction a minute; what is deleted is bounded. It has connections of its own, which are not
traced: its work is no request's.
"""

import logging
import threading
from collections.abc import Callable, Sequence

import psycopg

from local.demo.pool import first_line

KEPT_ORDERS = 120_000  # what is beyond goes, the oldest first: the databases stay below 150 MB
BATCH = 2_000
EVERY_S = 60.0
OPTIONS = "-c statement_timeout=20s -c lock_timeout=1s -c timezone=UTC"

ORDERS: Sequence[str] = (
    "SELECT make_orders_partition(now() + interval '15 days')",
    "UPDATE products SET stock = stock + 5000 "
    "WHERE id IN (SELECT id FROM products WHERE stock < 1000 ORDER BY id FOR UPDATE SKIP LOCKED)",
    "UPDATE orders SET state = 'shipped' WHERE state = 'placed' AND placed_at < now() - interval '10 minutes'",
    "WITH old AS (SELECT id, placed_at FROM orders ORDER BY id "
    "LIMIT greatest(0, least({batch}, (SELECT count(*) FROM orders) - {kept}))), "
    "gone AS (DELETE FROM orders USING old WHERE orders.id = old.id AND orders.placed_at = old.placed_at "
    "RETURNING orders.placed_at, total_cents) "
    "INSERT INTO archived_days AS known (day, orders, amount_cents) "
    "SELECT placed_at::date, count(*), sum(total_cents) FROM gone GROUP BY 1 "
    "ON CONFLICT (day) DO UPDATE SET orders = known.orders + excluded.orders, "
    "amount_cents = known.amount_cents + excluded.amount_cents",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY order_totals",
)
PAYMENTS: Sequence[str] = (
    "INSERT INTO refunds (payment_id, amount_cents, reason) SELECT id, amount_cents, 'too late' FROM payments "
    "WHERE state = 'settled' AND id % 50 = 49 "
    "AND taken_at BETWEEN now() - interval '1 day' AND now() - interval '1 hour' "
    "AND NOT EXISTS (SELECT FROM refunds WHERE payment_id = payments.id) LIMIT 10",
    "UPDATE payments SET state = 'refunded' WHERE state = 'settled' AND taken_at > now() - interval '1 day' "
    "AND EXISTS (SELECT FROM refunds WHERE payment_id = payments.id)",
    "INSERT INTO receipts (payment_id, document) SELECT id, lo_from_bytea(0, convert_to('Receipt for ' || reference, "
    "'UTF8')) FROM payments WHERE state = 'settled' AND taken_at > now() - interval '10 minutes' "
    "AND NOT EXISTS (SELECT FROM receipts WHERE payment_id = payments.id) ORDER BY id DESC LIMIT 1",
    "DELETE FROM payments WHERE id IN (SELECT id FROM payments ORDER BY id "
    "LIMIT greatest(0, least({batch}, (SELECT count(*) FROM payments) - {kept})))",
)
CHORES = {"orders": ORDERS, "payments": PAYMENTS}

logger = logging.getLogger(__name__)


def tidy(name: str, dsn: str, *, kept: int = KEPT_ORDERS, batch: int = BATCH) -> None:
    """Do every chore of the database ``name`` once; at most ``batch`` of the orders or payments beyond ``kept`` go.

    Raises
    ------
    psycopg.Error
        If one fails; those before it are done, and all can be done again.
    """
    with psycopg.connect(dsn, autocommit=True, application_name="housekeeping", options=OPTIONS) as connection:
        for chore in CHORES[name]:
            connection.execute(chore.format(kept=kept, batch=batch).encode())


class Housekeeper:
    """Tidies up both databases every minute, until the process ends; a database that is down is left alone."""

    def __init__(self, address: Callable[[str], str]) -> None:
        self._address = address
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin, after a minute."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more chores."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            for name in CHORES:
                try:
                    tidy(name, self._address(name))
                except (psycopg.Error, OSError) as error:
                    logger.warning("chores of %s put off: %s", name, first_line(error))
