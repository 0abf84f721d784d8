"""What the environment says to libpq is of another server: ours start, answer and judge the same with all of it."""

import os
import subprocess
import threading

import psycopg
import pytest

from opsloop.adapters.postgres_alone import connect, without_environment
from opsloop.adapters.postgres_server import ADMIN, Server
from opsloop.backup.model import Verdict
from tests.verifying import Bench

HOSTILE = {
    "PGHOST": "db.example.com",
    "PGHOSTADDR": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "mallory",
    "PGPASSWORD": "guessed",
    "PGPASSFILE": "/nonexistent",
    "PGDATABASE": "elsewhere",
    "PGSERVICE": "nowhere",
    "PGOPTIONS": "-c default_transaction_read_only=on -c search_path=pg_temp",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nonexistent",
    "PGREQUIREPEER": "mallory",
    "PGREQUIREAUTH": "none",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "Asia/Kolkata",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "LATIN1",
    "PGCONNECT_TIMEOUT": "soon",
}
ASKED = "select current_user, current_setting('TimeZone'), current_setting('DateStyle'), current_setting('search_path')"


def answers(server: Server) -> object:
    """Return what a session says of itself."""
    with server.connect(user=ADMIN) as connection:
        return connection.execute(ASKED).fetchone(), connection.info.encoding


@pytest.mark.parametrize("names", [*((one,) for one in HOSTILE), tuple(HOSTILE)], ids=[*HOSTILE, "all"])
def test_a_session_with_our_server_is_the_same_whatever_the_environment_says(
    embedded_server: Server, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    expected = answers(embedded_server)
    for name in names:
        monkeypatch.setenv(name, HOSTILE[name])
    assert answers(embedded_server) == expected
    assert {name: os.environ[name] for name in names} == {name: HOSTILE[name] for name in names}


def test_each_of_them_would_matter_to_somebody_who_only_had_the_connection_string(
    embedded_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = embedded_server.dsn(user=ADMIN)
    for name in ("PGHOSTADDR", "PGPORT", "PGSERVICE", "PGREQUIREPEER", "PGREQUIREAUTH", "PGTARGETSESSIONATTRS"):
        with monkeypatch.context() as hostile:
            hostile.setenv(name, HOSTILE[name])
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(dsn, connect_timeout=2).close()


def test_a_server_starts_and_a_dump_is_judged_with_all_of_them(
    verifying: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    found = verifying.sql("")
    assert (found.verdict, found.messages) == (Verdict.RESTORABLE, ())
    with Server() as server:
        assert server.is_running


def test_who_leaves_first_does_not_bring_it_back_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    first, second = threading.Event(), threading.Event()

    def stay() -> None:
        with without_environment():
            first.set()
            second.wait(10)

    thread = threading.Thread(target=stay)
    with without_environment():
        thread.start()
        assert first.wait(10)
    assert "PGPORT" not in os.environ
    second.set()
    thread.join()
    assert os.environ["PGPORT"] == "1"


def test_what_it_says_is_back_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "nowhere")
    with pytest.raises(psycopg.OperationalError):
        connect("host=/nonexistent dbname=x")
    told = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True)
    assert "PGSERVICE=nowhere" in told.stdout
