"""A restored copy looked at: its facts, damage in its tables and indexes, and the team's own assertions.

Everything here runs as the restorer, never as a superuser: what it meets (functions in indexes, in generated columns,
behind operators) is a stranger's.
"""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from opsloop.adapters.postgres_amcheck import Amcheck
from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_sandbox import start_confined
from opsloop.adapters.postgres_server import Server
from opsloop.adapters.postgres_stderr import Errors
from opsloop.adapters.postgres_trouble import ours
from opsloop.backup.model import Manifest
from opsloop.backup.ports import Outcome, Told
from opsloop.backup.wanted import Limits
from opsloop.catalog import Assertion

_OWN = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'"
_COUNTS = f"""
select count(*) filter (where c.relkind in ('r', 'p')), count(*) filter (where c.relkind = 'i')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where {_OWN}
"""  # noqa: S608 -- made of our own words
# CREATE INDEX leaves a table's size unknown where autovacuum is off, and pg_amcheck begins with the largest it knows of
_TELL_SIZES = """
select pg_catalog.pg_restore_relation_stats('schemaname', schema, 'relname', name, 'relpages', pages) from (
  select n.nspname::text as schema, c.relname::text as name,
    (pg_catalog.pg_relation_size(c.oid) / 8192)::integer as pages
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm') and c.relpages = 0 and pg_catalog.pg_get_userbyid(c.relowner) = current_user
  order by pages desc limit 50) as largest where pages > 0
"""
_SIZE = "select pg_catalog.pg_database_size(pg_catalog.current_database())"


class Checks:
    """What is asked of a database called ``name`` that was restored."""

    def __init__(self, server: Server, name: str, limits: Limits) -> None:
        self.server, self.name, self.limits = server, name, limits
        self._amcheck: Amcheck | None = None
        self._session: psycopg.Connection[Any] | None = None

    def name_for_libpq(self) -> str:
        """Return the database as PostgreSQL's programs take it, whatever is in its name."""
        return make_conninfo("", dbname=self.name)

    def start(
        self, command: Sequence[str | Path], stdin: Any, options: Mapping[str, str] | None = None
    ) -> "tuple[subprocess.Popen[bytes], Errors]":
        """Start a program confined, as the restorer, and read what it says; ``options`` are more of its environment."""
        environment = {**self.server.environment(self.name), **(options or {})}
        process = start_confined(
            command, environment=environment, folder=self.server.folder, stdin=stdin, stderr=subprocess.PIPE
        )
        return process, Errors(process)

    def connect(self, settings: str) -> "psycopg.Connection[Any]":
        """Return the restorer's session. Its settings win over those that a dump gave to the role or the database."""
        timeout_ms = int(self.limits.statement_s * 1000)
        options = f"-c statement_timeout={timeout_ms} {settings}"
        return self.server.connect(self.name, options=options, autocommit=True)

    def facts(self, manifest: Manifest) -> Manifest:
        """Return what is in the copy, read by the statements that made the manifest."""
        with ours(self.server), self._asking() as connection:
            self._session = None
            return read_facts(connection, like=manifest)

    def tables(self) -> int:
        """Return how many tables there are."""
        return self._number(_COUNTS)

    def restored_bytes(self) -> int:
        """Return the size of the copy in bytes."""
        return self._number(_SIZE)

    def _number(self, statement: str) -> int:
        with ours(self.server):
            row = self._asking().execute(statement.encode()).fetchone()
            return int(row[0]) if row else 0

    def _asking(self) -> "psycopg.Connection[Any]":
        """Return the session in which we ask about the whole copy."""
        self._session = self._session or self.connect("-c search_path=")
        return self._session

    def begin_check(self) -> None:
        """Let pg_amcheck look for damage beside us, on another core, until ``check`` takes its answer.

        The snapshot that ``facts`` will read is taken first, so that amcheck itself is not among the copy's objects.
        """
        with ours(self.server):
            session = self._asking()
            with suppress(psycopg.Error):  # it is quicker so, and as good without
                session.execute(_TELL_SIZES)
            session.execute("begin isolation level repeatable read, read only")
            session.execute("select 1")
        self._amcheck = Amcheck(self.server, self.name, self.limits.seconds)

    def close(self) -> None:
        """End what is still running and connected."""
        if self._amcheck is not None:
            self._amcheck.end()
            self._amcheck = None
        if self._session is not None:
            self._session.close()
            self._session = None

    def check(self, told: Told) -> Outcome:
        """Look for damage in tables and B-tree indexes with pg_amcheck."""
        told(0, 0)
        if self._amcheck is None:
            self.begin_check()
        with ours(self.server):
            return cast("Amcheck", self._amcheck).outcome()

    def ask(self, assertion: Assertion) -> str:
        """Return what is wrong with the answer of an assertion, nothing if it is true."""
        timeout_ms = int(self.limits.assertion_s * 1000)
        with ours(self.server), self.connect("-c default_transaction_read_only=on") as connection:
            connection.execute(sql.SQL("set statement_timeout = {}").format(sql.Literal(timeout_ms)))
            connection.execute("""set search_path = "$user", public""")
            try:
                with connection.transaction():
                    # prepared: exactly one statement; bytes: a text that is not a literal in the source
                    cursor = connection.execute(assertion.sql.encode(), prepare=True)
                    rows = cursor.fetchmany(2) if cursor.description else []
            except psycopg.errors.QueryCanceled:
                return f"no answer within {self.limits.assertion_s:g} s"
            except psycopg.Error as error:
                if connection.closed:
                    raise
                return " ".join(str(error).split())[:500]
        if len(rows) != 1 or len(rows[0]) != 1:
            return f"{len(rows)} rows" + (f" of {len(rows[0])} columns" if rows else "") + ", where one boolean is due"
        answer = rows[0][0]
        if answer is True:
            return ""
        return "false" if answer is False else f"{answer!r}"[:200].replace("None", "NULL")
