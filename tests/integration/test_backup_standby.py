"""A dump of a standby: whole, and as old as what the standby has replayed, whatever its clock says."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import psycopg
import pytest

from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_sandbox import Confinement, run_confined, runs_as, start_confined
from tests.postgres import DEBIAN, ENVIRONMENT

SETTINGS = (
    "listen_addresses = ''\nunix_socket_directories = '{folder}'\n"
    "fsync = off\nautovacuum = off\nshared_buffers = 16MB\n"
)


class Pair:
    """A primary and its standby in one folder, on Unix sockets; ``ports`` tell them apart."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.servers = folder, list[Popen[bytes]]()
        if os.geteuid() == 0:
            os.chown(folder, *runs_as())

    def run(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        may = Confinement(may_execute=True, may_connect=True)
        command = [str(DEBIAN / name), *arguments]
        done = run_confined(command, may, environment=ENVIRONMENT, folder=self.folder, timeout_s=60.0)
        assert done.returncode == 0, done.stderr.decode()

    def start(self, name: str, port: int) -> None:
        """Start the server whose data are in the folder ``name``, and wait until it answers."""
        bounds = Confinement(may_execute=True, may_connect=True, on_our_end=signal.SIGQUIT)
        command = [DEBIAN / "postgres", "-D", self.folder / name, "-p", str(port)]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = start_confined(
                command, bounds, environment=ENVIRONMENT, folder=self.folder, stdout=log, stderr=log
            )
        self.servers.append(process)
        while True:  # until it answers, or ended
            with suppress(psycopg.OperationalError), self.connect(port):
                return
            assert process.poll() is None, (self.folder / f"{name}.log").read_text()

    def connect(self, port: int, user: str = "postgres") -> "psycopg.Connection[Any]":
        """Return a connection."""
        return psycopg.connect(host=str(self.folder), port=port, user=user, dbname="postgres", autocommit=True)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Yield a primary on port 1, with a table, and a standby on port 2 that receives from it."""
    if not (DEBIAN / "postgres").exists():
        pytest.skip(f"no PostgreSQL in {DEBIAN} (apt-get install postgresql-15)")
    with TemporaryDirectory(prefix="opsloop-pair-", ignore_cleanup_errors=True) as folder:
        found = Pair(Path(folder))
        found.run("initdb", "-D", f"{folder}/primary", "-U", "postgres", "--auth=trust", "--no-sync")
        with (Path(folder) / "primary" / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(folder=folder))
        try:
            found.start("primary", 1)
            with found.connect(1) as primary:
                primary.execute(
                    "CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE reader LOGIN IN ROLE pg_read_all_data"
                )
            copied = ("-D", f"{folder}/standby", "-h", folder, "-p", "1", "-U", "postgres")
            found.run("pg_basebackup", *copied, "-R", "-X", "stream", "-c", "fast", "--no-sync")
            found.start("standby", 2)
            yield found
        finally:
            for server in reversed(found.servers):
                server.send_signal(signal.SIGQUIT)
                server.wait(20)


def until(connection: "psycopg.Connection[Any]", condition: str) -> None:
    """Wait until a condition holds."""
    end = monotonic() + 30
    while not one(connection, f"SELECT {condition}"):
        assert monotonic() < end, condition


def one(connection: "psycopg.Connection[Any]", statement: str) -> Any:
    """Return the one value that a statement answers."""
    (found,) = connection.execute(statement).fetchone() or (None,)
    return found


def written(pair: Pair, rows: int) -> datetime:
    """Write rows and return a moment of the server's clock just before."""
    with pair.connect(1) as primary:
        before: datetime = one(primary, "SELECT clock_timestamp()")
        primary.execute("INSERT INTO t SELECT (SELECT count(*) FROM t) + n FROM generate_series(1, %s) n", [rows])
        return before


def test_a_standby_that_lags_does_not_say_that_it_is_as_new_as_its_clock(pair: Pair) -> None:
    before = written(pair, 10)
    with pair.connect(2) as standby:
        until(standby, "count(*) = 10 FROM t")
        caught_up = read_facts(standby)
        standby.execute("SELECT pg_wal_replay_pause()")
        until(standby, "pg_get_wal_replay_pause_state() = 'paused'")
        later = written(pair, 5)
        until(standby, "pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()")
        lagging = read_facts(standby)
        committed = one(standby, "SELECT pg_last_xact_replay_timestamp()")
        standby.execute("SELECT pg_wal_replay_resume()")
    assert (caught_up.tables["public.t"].rows, lagging.tables["public.t"].rows) == (10, 10)
    assert before <= caught_up.taken_at <= later
    assert lagging.taken_at == committed
    assert before <= lagging.taken_at < later


def test_a_role_that_sees_no_statistics_dates_a_standby_by_its_last_commit(pair: Pair) -> None:
    written(pair, 1)
    last_commit = "SELECT pg_last_xact_replay_timestamp()"
    with pair.connect(2) as standby, pair.connect(2, "reader") as reader:
        until(standby, "pg_last_xact_replay_timestamp() IS NOT NULL")
        before, found, after = one(standby, last_commit), read_facts(reader), one(standby, last_commit)
        assert before <= found.taken_at <= after
        assert one(standby, "SELECT status FROM pg_stat_wal_receiver") == "streaming"  # which it would go by


def test_a_primary_is_as_new_as_its_clock(pair: Pair) -> None:
    with pair.connect(1) as primary:
        before = one(primary, "SELECT clock_timestamp()")
        assert before <= read_facts(primary).taken_at <= one(primary, "SELECT clock_timestamp()")
