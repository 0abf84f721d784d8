"""A server that comes up for a dump, and pg_amcheck beside us: what fails is told in its turn, and nothing stays."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import psycopg
import pytest

from opsloop.adapters import postgres_server
from opsloop.adapters.postgres_amcheck import Amcheck
from opsloop.adapters.postgres_binaries import BinariesMissingError
from opsloop.adapters.postgres_check import Checks
from opsloop.adapters.postgres_files import DumpFiles
from opsloop.adapters.postgres_folder import PREFIX
from opsloop.adapters.postgres_restore import PostgresEngine, verifier_here
from opsloop.adapters.postgres_server import Server
from opsloop.backup.contents import Contents
from opsloop.backup.model import Reason, Verdict, Verification
from opsloop.backup.needs import of_archive
from opsloop.backup.ports import NotTriedError
from opsloop.backup.wanted import Limits, Wanted
from tests.archives import Item, archive
from tests.verifying import NOW

ROWS = archive([Item("TABLE", "public", "t", "CREATE TABLE t ();"), Item("TABLE DATA", "public", "t", data=b"1\n")])
Verify = Callable[[bytes], Verification]


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Return what verifies a file on a machine without a PostgreSQL that could restore."""

    def missing() -> None:
        raise BinariesMissingError("there is no PostgreSQL here")

    monkeypatch.setattr(postgres_server, "server_binaries", missing)

    def verified(content: bytes) -> Verification:
        path = tmp_path / "x.dump"
        path.write_bytes(content)
        return verifier_here().verify(path, None, Wanted("shop", NOW))

    return verified


def test_a_server_that_does_not_start_is_told_where_it_is_needed(verify: Verify) -> None:
    found = verify(ROWS)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.NOT_STARTED)
    assert "there is no PostgreSQL here" in found.detail
    assert [phase.name for phase in found.phases] == ["read", "inspect", "start"]


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", Reason.EMPTY), (b"no dump at all", Reason.NOT_A_DUMP), (ROWS[:60], Reason.TRUNCATED)]
)
def test_what_is_wrong_with_a_dump_is_told_first(verify: Verify, content: bytes, reason: Reason) -> None:
    found = verify(content)
    assert (found.verdict, found.reason) == (Verdict.FAILED, reason)


def test_the_server_of_a_bad_dump_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[int, Path]] = []
    begin = Server.begin
    monkeypatch.setattr(Server, "begin", lambda server: begin(server) or begun.append((server.pid, server.folder)))
    path = tmp_path / "x.dump"
    path.write_bytes(ROWS[:60])
    assert verifier_here().verify(path, None, Wanted("shop", NOW)).verdict is Verdict.FAILED
    ((pid, folder),) = begun
    assert folder.name.startswith(PREFIX)
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()


def test_a_server_that_just_begins_ends_when_asked_even_where_the_signal_is_ignored_at_first() -> None:
    server = Server()
    former = signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # as what a shell starts in the background inherits
    try:
        server.begin()
    finally:
        signal.signal(signal.SIGQUIT, former)
    process = server._process
    assert process is not None
    server.stop()
    assert process.returncode not in (None, -signal.SIGKILL)


def test_the_time_that_reading_took_is_not_given_to_the_server_again(tmp_path: Path) -> None:
    path = tmp_path / "x.dump"
    path.write_bytes(ROWS)
    engine = PostgresEngine()
    with (
        engine.begun(Limits(seconds=100.0)),
        DumpFiles().unpacked(path, ROWS, Limits(), lambda *_: None) as dump,
        engine.opened(dump, of_archive(cast("Contents", dump.contents)), "shop", Limits(seconds=7.0)) as copy,
    ):
        assert copy.server.limits.lifetime_s == 7.0


def test_a_check_that_is_ended_is_killed_even_where_it_waits(embedded_server: Server, fresh_database: str) -> None:
    with psycopg.connect(embedded_server.dsn(fresh_database)) as connection:
        connection.execute("create table locked (id integer)")
        connection.commit()
        connection.execute("lock table locked")
        check = Amcheck(embedded_server, fresh_database, 60.0)
        check.end()
    assert check._process is not None
    assert check._process.returncode == -signal.SIGKILL
    assert "amcheck" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(NotTriedError):
        check.outcome()


def test_a_sound_database_has_no_damage(embedded_server: Server, fresh_database: str) -> None:
    assert Amcheck(embedded_server, fresh_database, 60.0).outcome().findings == ()


def test_a_database_that_cannot_be_entered_is_not_called_sound(embedded_server: Server) -> None:
    with pytest.raises(NotTriedError) as caught:
        Amcheck(embedded_server, "nowhere", 60.0).outcome()
    assert caught.value.reason is Reason.NOT_STARTED
    assert '"nowhere" does not exist' in caught.value.message


def test_the_check_begins_with_the_largest_table_of_which_nobody_knew(
    embedded_server: Server, fresh_database: str
) -> None:
    with psycopg.connect(embedded_server.dsn(fresh_database)) as connection:
        connection.execute("create table large as select i, repeat('x', 100) as v from generate_series(1, 2000) i")
    checks = Checks(embedded_server, fresh_database, Limits())
    checks.begin_check()
    assert checks.check(lambda *_: None).findings == ()
    checks.close()
    with psycopg.connect(embedded_server.dsn(fresh_database)) as connection:
        known = connection.execute("select relpages, pg_relation_size(oid) from pg_class where relname = 'large'")
        pages, size = known.fetchone() or (0, 0)
    assert pages * 8192 == size > 200_000
