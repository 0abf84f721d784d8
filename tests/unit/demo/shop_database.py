"""A small database of the shop: how much is in it, by the numbers it was asked for, and SQL run in it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from local.database.fill import Size, fill
from local.database.server import ADMIN, FACTS, Facts
from local.state import StateDir

SIZE = Size(customers=40, products=60, orders=200, receipts=7)
UNTIL = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True)
class ShopDatabase:
    """The databases of one state directory."""

    state: StateDir
    facts: Facts

    def address(self, name: str) -> str:
        """Return how the service ``name`` connects to its database."""
        return self.facts.dsn(name, name)

    def ask(self, name: str, statement: str, *values: Any, role: str = ADMIN) -> list[tuple[Any, ...]]:
        """Return the rows that ``statement`` answers in the database ``name``; whatever it changes is undone."""
        with psycopg.connect(self.facts.dsn(role, name)) as connection:
            cursor = connection.execute(statement, values or None)
            rows = cursor.fetchall() if cursor.description else []
            connection.rollback()
        return rows

    def one(self, name: str, statement: str, *values: Any) -> Any:
        """Return the single value that ``statement`` answers."""
        ((value,),) = self.ask(name, statement, *values)
        return value


def filled(state: StateDir, facts: Facts) -> ShopDatabase:
    """Fill the databases of a running server."""
    assert fill(facts, until=UNTIL, size=SIZE) == ["orders", "payments"]
    state.write(FACTS, {**state.read(FACTS), "is_filled": True})
    return ShopDatabase(state, facts)
