"""A service's connections to its database: a few, shared by its requests, measured, and opened again when they break.

Spans of statements and ``db.client.operation.duration`` come from OpenTelemetry's instrumentation of psycopg; spans are
named by what they do to which table (``SELECT orders``), as the conventions have it. What the pool knows itself:
``db.client.connection.count`` by state, and ``db.client.connection.timeouts``.
https://opentelemetry.io/docs/specs/semconv/db/
"""

import os
import re
import select
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from opentelemetry.instrumentation.psycopg import CursorTracer, DatabaseApiIntegration
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import Span

from local.demo.telemetry import ServiceTelemetry

# Names as the stable conventions have them; the instrumentation reads this once, at its first connection.
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "database,http")

POOL_SIZE = 8
PATIENCE_S = 2.0
SCOPE = "opentelemetry.instrumentation.psycopg"
WHERE_FROM = {"database": "info.dbname", "port": "info.port", "host": "info.host"}
TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE)


class DatabaseDownError(Exception):
    """A database cannot be reached, or stopped in the middle; the message says which one, and why."""


class ConnectionPool:
    """Up to ``POOL_SIZE`` connections to the database ``name``, opened when they are needed.

    Parameters
    ----------
    name : str
        The database, for messages and as the pool's name.
    dsn : callable
        Returns where the database is now; asked whenever a connection is opened, so that it may move.
    telemetry : ServiceTelemetry
        Of the service whose connections these are.
    """

    def __init__(self, name: str, dsn: Callable[[], str], telemetry: ServiceTelemetry) -> None:
        self.name = name
        self._dsn = dsn
        self._places = threading.BoundedSemaphore(POOL_SIZE)
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection] = []
        self._used = 0
        self._integration = DatabaseApiIntegration(
            SCOPE,
            "postgresql",
            connection_attributes=WHERE_FROM,
            version=psycopg.__version__,
            tracer_provider=telemetry.tracer_provider,
            meter_provider=telemetry.meter_provider,
        )
        self._cursor = traced_cursor(self._integration)
        meter = telemetry.meter
        meter.create_observable_gauge("db.client.connection.count", [self._count], unit="{connection}")
        self._timeouts = meter.create_counter("db.client.connection.timeouts", unit="{timeout}")

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend a connection, each of whose statements is a transaction unless one is begun; a broken one is closed.

        Raises
        ------
        DatabaseDownError
            If all are in use for ``PATIENCE_S``, a new one cannot be opened, or the server ends the lent one.
        """
        if not self._places.acquire(timeout=PATIENCE_S):
            self._timeouts.add(1, {"db.client.connection.pool.name": self.name})
            raise DatabaseDownError(
                f"no connection from the pool within {PATIENCE_S * 1000:.0f} ms: {POOL_SIZE} of {POOL_SIZE} in use"
            )
        try:
            with self._lock:
                self._used += 1
            connection = self._take() or self._open()
            try:
                yield connection
            except psycopg.OperationalError as error:
                raise DatabaseDownError(f"database {self.name}: {first_line(error)}") from error
            finally:
                self._give_back(connection)
        finally:
            with self._lock:
                self._used -= 1
            self._places.release()

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> psycopg.Connection | None:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or not _has_ended(connection):
                return connection
            connection.close()

    def _open(self) -> psycopg.Connection:
        try:
            connection: psycopg.Connection = psycopg.connect(
                self._dsn(),
                autocommit=True,
                cursor_factory=self._cursor,
                application_name=self.name,
                options="-c statement_timeout=5s",
            )
        except (psycopg.OperationalError, OSError) as error:
            raise DatabaseDownError(f"no connection to database {self.name}: {first_line(error)}") from error
        with self._lock:
            self._integration.get_connection_attributes(connection)
        return connection

    def _give_back(self, connection: psycopg.Connection) -> None:
        if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def _count(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            states = {"used": self._used, "idle": POOL_SIZE - self._used}
        return [
            Observation(count, {"db.client.connection.state": state, "db.client.connection.pool.name": self.name})
            for state, count in states.items()
        ]


class SummaryTracer(CursorTracer):
    """Names a span by its statement's summary, and says which operation and table it is."""

    def _populate_span(self, span: Span, cursor: psycopg.Cursor, *args: Any) -> None:
        super()._populate_span(span, cursor, *args)
        operation = self.get_operation_name(cursor, list(args)).upper()
        table = TABLE.search(self.get_statement(cursor, list(args)))
        summary = f"{operation} {table[1]}" if table else operation
        span.update_name(summary)
        span.set_attributes({"db.operation.name": operation, "db.query.summary": summary})
        if table:
            span.set_attribute("db.collection.name", table[1])
        if self._db_api_integration._server_address:
            span.set_attribute("server.address", self._db_api_integration._server_address)


def traced_cursor(integration: DatabaseApiIntegration) -> type[psycopg.Cursor]:
    """Return the class of cursors whose statements are traced and measured by ``integration``."""
    tracer = SummaryTracer(integration)

    class TracedCursor(psycopg.Cursor):
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            return tracer.traced_execution(self, super().execute, *args, **kwargs)

    return TracedCursor


def first_line(error: Exception) -> str:
    """Return what went wrong, without the hints that follow."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _has_ended(connection: psycopg.Connection) -> bool:
    """Return whether the server closed an idle connection: it has nothing to say, unless it says farewell."""
    return connection.closed or bool(select.select([connection.fileno()], [], [], 0)[0])
