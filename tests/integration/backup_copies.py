"""A source, its dump, and a copy that was really restored from it: what tests of facts and dumps begin with."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_dump import DumpSource
from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_server import ADMIN, Server
from opsloop.backup.compare import compare
from opsloop.backup.connect import read_login
from opsloop.backup.model import Finding, Manifest
from tests.backup_corpus import CORPUS_ROLES, ROLES
from tests.postgres import DebianServer


@dataclass
class KeptSink:
    """Keeps a dump in memory. ``on_write`` is called with the number of bytes so far, before they are kept."""

    on_write: Callable[[int], None] = lambda _size: None
    content: bytearray = field(default_factory=bytearray)
    largest: int = 0
    ended: list[str] = field(default_factory=list)

    def write(self, chunk: bytes) -> None:
        """Keep a chunk."""
        self.on_write(len(self.content))
        self.largest = max(self.largest, len(chunk))
        self.content += chunk

    def finish(self, manifest: Manifest) -> None:
        """Note that it is whole."""
        assert manifest.dump_bytes == len(self.content)
        self.ended.append("finished")

    def abort(self) -> None:
        """Note that it is not wanted any more."""
        self.ended.append("aborted")


def source_of(dsn: str) -> DumpSource:
    """Return what dumps the database at ``dsn``."""
    return DumpSource(read_login(dsn), tools())


def restore(server: Server, database: str, content: bytes, folder: Path, *options: str) -> None:
    """Restore a dump into an empty database as its superuser: owners, rights and all; fail on the first error."""
    path = folder / f"{database}.dump"
    path.write_bytes(content)
    command = [str(tools().pg_restore), "--exit-on-error", *options, f"--dbname={database}", str(path)]
    done = subprocess.run(command, env=server.environment(database, ADMIN), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path.unlink()


@contextmanager
def roles(server: Server) -> Iterator[None]:
    """Have the roles that the source's objects belong to; its superuser is one here, too."""
    with server.admin() as connection:
        for name in (*CORPUS_ROLES, "postgres", "shop_owner"):  # as a verification before made them: without rights
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(ROLES)
        connection.execute("CREATE ROLE postgres SUPERUSER")
        connection.execute("CREATE ROLE shop_owner")
    yield
    with server.admin() as connection:
        for name in (*CORPUS_ROLES, "postgres", "shop_owner"):
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def filled(debian: DebianServer, database: str, statements: str) -> str:
    """Run statements in a database of the source as superuser; return its connection string."""
    dsn = debian.dsn(database, "postgres")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(ROLES)
        connection.execute(statements.encode())
    return dsn


@dataclass
class Copy:
    """A restored copy that can be damaged, one change at a time."""

    server: Server
    database: str
    manifest: Manifest

    def differences(self) -> tuple[Finding, ...]:
        """Return what differs now."""
        with self.server.admin(self.database) as connection:
            return compare(self.manifest, read_facts(connection, like=self.manifest))[0]

    @contextmanager
    def changed(self, statement: str) -> Iterator[tuple[Finding, ...]]:
        """Give what differs after ``statement``, and undo it."""
        with self.server.admin(self.database) as connection, connection.transaction(force_rollback=True):
            if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
                connection.execute("SET client_encoding = 'LATIN1'")
            connection.execute(statement.encode(connection.info.encoding))
            yield compare(self.manifest, facts_in(connection, self.manifest))[0]


def facts_in(connection: "psycopg.Connection[Any]", manifest: Manifest) -> Manifest:
    """Return the facts in the transaction that is open."""
    return read_facts(connection, like=manifest)
