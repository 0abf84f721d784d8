"""A restored copy looked at: its facts, damage in its tables and indexes, and the team's own assertions.

Everything here runs as the restorer, never as a superuser: what it meets (functions in indexes, in generated columns,
behind operators) is a stranger's.
"""

import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_prepare import add_amcheck
from opsloop.adapters.postgres_sandbox import check_confined, kill_session, start_confined
from opsloop.adapters.postgres_server import ADMIN, Server
from opsloop.adapters.postgres_stderr import Errors
from opsloop.adapters.postgres_trouble import ours
from opsloop.backup.engine_messages import bounded
from opsloop.backup.model import Finding, Manifest, Reason
from opsloop.backup.ports import NotTriedError, Outcome, Told
from opsloop.backup.wanted import Limits
from opsloop.catalog import Assertion

AMCHECK_DAMAGED = 2  # the status with which pg_amcheck says that it found something
MAX_DAMAGED = 50
_OWN = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'"
_COUNTS = f"""
select count(*) filter (where c.relkind in ('r', 'p')), count(*) filter (where c.relkind = 'i')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where {_OWN}
"""  # noqa: S608 -- made of our own words


class Checks:
    """What is asked of a database called ``name`` that was restored."""

    def __init__(self, server: Server, name: str, limits: Limits) -> None:
        self.server, self.name, self.limits = server, name, limits
        self._amcheck: subprocess.Popen[bytes] | None = None
        self._snapshot: psycopg.Connection[Any] | None = None

    def name_for_libpq(self) -> str:
        """Return the database as PostgreSQL's programs take it, whatever is in its name."""
        return make_conninfo("", dbname=self.name)

    def start(self, command: Sequence[str | Path], stdin: Any) -> "tuple[subprocess.Popen[bytes], Errors]":
        """Start a program confined, as the restorer, and read what it says."""
        environment = self.server.environment(self.name)
        process = start_confined(
            command, environment=environment, folder=self.server.folder, stdin=stdin, stderr=subprocess.PIPE
        )
        return process, Errors(process)

    def connect(self, settings: str) -> "psycopg.Connection[Any]":
        """Return the restorer's session. Its settings win over those that a dump gave to the role or the database."""
        timeout_ms = int(self.limits.statement_s * 1000)
        options = f"-c statement_timeout={timeout_ms} {settings}"
        return psycopg.connect(self.server.dsn(self.name), options=options, autocommit=True)

    def facts(self, manifest: Manifest) -> Manifest:
        """Return what is in the copy, read by the statements that made the manifest."""
        with ours(self.server), self._snapshot or self.connect("-c search_path=") as connection:
            self._snapshot = None
            return read_facts(connection, like=manifest)

    def tables(self) -> int:
        """Return how many tables there are."""
        with ours(self.server), self.connect("-c search_path=") as connection:
            row = connection.execute(_COUNTS.encode()).fetchone()
            return int(row[0]) if row else 0

    def restored_bytes(self) -> int:
        """Return the size of the copy in bytes."""
        with ours(self.server), self.connect("-c search_path=") as connection:
            row = connection.execute("select pg_catalog.pg_database_size(pg_catalog.current_database())").fetchone()
            return int(row[0]) if row else 0

    def begin_check(self) -> None:
        """Let pg_amcheck look for damage beside us, on another core, until ``check`` takes its answer.

        The snapshot that ``facts`` will read is taken first, so that amcheck itself is not among the copy's objects.
        """
        strict = "-c search_path=pg_catalog -c event_triggers=off -c default_transaction_read_only=off"
        command: list[str | Path] = [tools().pg_amcheck, "--jobs=2", "--no-password", self.name_for_libpq()]
        with ours(self.server):
            self._snapshot = self.connect("-c search_path=")
            self._snapshot.execute("begin isolation level repeatable read, read only")
            self._snapshot.execute("select 1")
            with psycopg.connect(self.server.dsn(self.name, ADMIN), options=strict, autocommit=True) as connection:
                add_amcheck(connection)
            self._amcheck = start_confined(
                command,
                environment=self.server.environment(self.name),
                folder=self.server.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

    def close(self) -> None:
        """End what is still running and connected."""
        if self._amcheck is not None:
            kill_session(self._amcheck)
            self._amcheck.communicate()
            self._amcheck = None
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    def check(self, told: Told) -> Outcome:
        """Look for damage in tables and B-tree indexes with pg_amcheck."""
        told(0, 0)
        if self._amcheck is None:
            self.begin_check()
        process = cast("subprocess.Popen[bytes]", self._amcheck)
        with ours(self.server):
            stdout, stderr = process.communicate(timeout=self.limits.seconds)
            self._amcheck = None
            check_confined(process.returncode, stderr)
            if process.returncode not in (0, AMCHECK_DAMAGED):
                self.server.check()
                said = " ".join(stderr.decode(errors="replace").split())[:500]
                raise NotTriedError(Reason.NOT_STARTED, f"pg_amcheck ended with status {process.returncode}: {said}")
        lines = stdout.decode(errors="replace").splitlines()
        found = [
            Finding(Reason.CORRUPT, line.rstrip(":"), "no damage", after.strip()[:500])
            for line, after in pairwise(lines)
            if not line.startswith(" ") and after.startswith(" ")
        ]
        if process.returncode and not found:
            found = [Finding(Reason.CORRUPT, "pg_amcheck", "no damage", " ".join(lines)[:500])]
        return Outcome(tuple(found[:MAX_DAMAGED]), {}, bounded(lines))

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
