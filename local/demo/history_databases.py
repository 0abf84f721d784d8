"""What orders and payments asked their databases, for the history of the shop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local.state import LOOPBACK

Floats = NDArray[np.float64]

MEDIAN_MS, SIGMA = 1.2, 0.45  # of a statement over loopback, as the live shop has it
PLACED, LOOKED_UP, RESERVED, ASKED = (201,), (200, 404), (201, 402, 502), (201, 402, 503)


@dataclass(frozen=True)
class Statement:
    """One statement: what it does to which table, in which database, and when its span lies in the request's.

    It is asked in requests that were answered with one of ``of_statuses``. ``at`` is where in the request it begins, or
    ends if ``is_last``, as a share of its duration; ``place`` the number of its span in the trace.
    """

    operation: str
    database: str
    place: int = 0
    of_statuses: tuple[int, ...] = ()
    at: float = 0.0
    is_last: bool = False

    @property
    def attributes(self) -> dict[str, str | int]:
        """What the instrumentation tells, without the text of the statement."""
        operation, table = self.operation.split()
        return {
            "db.system.name": "postgresql",
            "db.namespace": self.database,
            "db.operation.name": operation,
            "db.query.summary": self.operation,
            "db.collection.name": table,
            "server.address": LOOPBACK,
        }

    def times(self, draw: np.random.Generator, start_ms: Floats, duration_ms: Floats) -> tuple[Floats, Floats]:
        """Return when it begins and how long it takes (ms), within requests of these beginnings and durations."""
        took = np.minimum(MEDIAN_MS * draw.lognormal(0.0, SIGMA, len(start_ms)), duration_ms * 0.08)
        edge = start_ms + duration_ms * self.at
        return (edge - took if self.is_last else edge), took


_STATEMENTS: dict[tuple[str, str], Sequence[Statement]] = {
    ("orders", "POST /orders"): (
        Statement("UPDATE products", "orders", 6, RESERVED),
        Statement("INSERT orders", "orders", 7, PLACED, 0.85),
        Statement("INSERT order_lines", "orders", 8, PLACED, 0.98, is_last=True),
    ),
    ("payments", "POST /payments"): (
        Statement("INSERT payments", "payments", 9, ASKED),
        Statement("UPDATE payments", "payments", 10, ASKED, 0.98, is_last=True),
    ),
    ("orders", "GET /orders/{id}"): (Statement("SELECT orders", "orders", 11, LOOKED_UP),),
    ("payments", "GET /payments/{id}/status"): (Statement("SELECT payments", "payments", 12, LOOKED_UP),),
}


def statements(service: str, operation: str) -> Sequence[Statement]:
    """Return what ``service`` asks its database when it answers ``operation``, in that order."""
    return _STATEMENTS.get((service, operation), ())
