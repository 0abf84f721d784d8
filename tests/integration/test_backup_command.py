"""opsloop backup on a laptop: Debian's PostgreSQL is dumped, the dump proven, damaged, and restored, by the command."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner, Result

from opsloop.adapters.postgres_usage import memory_bytes
from opsloop_cli.main import app
from tests.postgres import SOURCE_USER, DebianServer, debian_server, dumped, source_database

__all__ = ["debian_server", "dumped", "source_database"]

TABLES = """
CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE "Odd ""name" (id int PRIMARY KEY, at timestamptz, price numeric CHECK (price > 0));
INSERT INTO customers (name) SELECT 'customer ' || i FROM generate_series(1, 500) i;
INSERT INTO "Odd ""name" SELECT i, '2026-11-21T08:00Z', i / 7.0 FROM generate_series(1, 300) i;
CREATE VIEW cheap AS SELECT * FROM "Odd ""name" WHERE price < 10;
"""

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return ``command("list", "shelf")``, run in an empty folder without any cloud."""
    monkeypatch.chdir(tmp_path)
    for name in [one for one in os.environ if one.startswith(("PG", "OPSLOOP_", "AWS_"))]:
        monkeypatch.delenv(name)
    return lambda *arguments, **options: CliRunner().invoke(app, ["backup", *arguments], **options)


@pytest.fixture
def source(debian_server: DebianServer, source_database: str) -> str:
    """Return how to reach a database with 800 rows as its owner, who is no superuser."""
    dsn = debian_server.dsn(source_database)
    with psycopg.connect(dsn) as connection:
        connection.execute(TABLES.encode())  # a constant of ours
    return dsn


@pytest.fixture
def target(debian_server: DebianServer) -> Any:
    """Return how to reach a database, as a superuser, that does not exist yet; it goes with the test."""
    yield debian_server.dsn("restored", "postgres")
    debian_server.drop("restored")


def told(result: Result, code: int = 0) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def counted(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute('SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM "Odd ""name")')
        return list(found.fetchone() or ())


def test_a_database_is_taken_proven_and_restored_equal_with_its_owner(command: Command, source: str, target: str):
    taken = told(command("take", source, "--out", "shelf", "--name", "shop", "--json"))
    assert (taken["rows"], taken["tables"], taken["database"]) == (800, 2, conninfo_to_dict(source)["dbname"])
    assert Path(taken["dump"]).stat().st_size == taken["bytes"]
    assert sorted(os.listdir("shelf")) == [Path(taken["dump"]).name, Path(taken["manifest"]).name]

    proof = told(command("verify", taken["dump"], "--json"))
    assert (proof["verdict"], proof["reason"], proof["findings"]) == ("proven", None, [])
    assert (proof["compared"]["rows"], proof["sha256"]) == (800, taken["sha256"])
    assert list(proof["phases"]) == ["read", "inspect", "start", "restore", "compare", "check", "assert"]
    assert 0 < proof["peak_memory_bytes"] < 400e6 + memory_bytes([os.getpid()])  # ours, with all tests so far, is in it

    restored = told(command("restore", "shop", "--from", "shelf", "--to", target, "--yes", "--json"))
    assert (restored["outcome"], restored["findings"], restored["messages"]) == ("equal", [], [])
    assert restored["expected_s"] == pytest.approx(proof["restore_s"])
    assert counted(target) == [500, 300]
    with psycopg.connect(target) as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert owners == [(SOURCE_USER,)]

    again = told(command("restore", "shop", "--from", "shelf", "--to", target, "--yes", "--json"), 1)
    assert (again["outcome"], [one["kind"] for one in again["obstacles"]]) == ("refused", ["not_empty"])


def test_a_cut_copy_fails_as_truncated_and_a_changed_one_by_its_checksum(command: Command, source: str):
    taken = told(command("take", source, "--out", "shelf", "--json"))
    dump = Path(taken["dump"])
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-200])
    cut = told(command("verify", str(dump), "--json"), 1)
    assert (cut["verdict"], cut["reason"]) == ("failed", "truncated")
    dump.write_bytes(whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:])
    changed = told(command("verify", str(dump), "--json"), 1)
    assert (changed["verdict"], changed["reason"]) == ("failed", "checksum_mismatch")
    refused = command("restore", str(dump), "--to", "host=nowhere dbname=x", "--yes")
    assert (refused.exit_code, "--accept-failed" in refused.stderr) == (1, True)


def test_plain_text_made_by_debians_own_pg_dump_is_restorable(
    command: Command, source: str, target: str, source_database: str, dumped: Callable[..., Path]
):
    text = dumped(source_database, "--format=plain").read_bytes()
    Path("nightly.sql.gz").write_bytes(gzip.compress(text))
    proof = told(command("verify", "nightly.sql.gz", "--json"))
    assert (proof["verdict"], proof["compared"].get("rows")) == ("restorable", None)
    options = ("--to", target, "--yes", "--json")
    refused = command("restore", "nightly.sql.gz", *options)
    assert (refused.exit_code, "--accept-restorable" in refused.stderr) == (1, True)
    restored = told(command("restore", "nightly.sql.gz", *options, "--accept-restorable"))
    assert (restored["outcome"], counted(target)) == ("restored", [500, 300])


def test_the_persons_settings_of_libpq_do_not_reach_the_server_that_proves(
    command: Command, source: str, monkeypatch: pytest.MonkeyPatch
):
    taken = told(command("take", source, "--out", "shelf", "--json"))
    theirs = {"PGPORT": "1", "PGOPTIONS": "-c bad.setting", "PGHOST": "nowhere", "PGUSER": "nobody"}
    with monkeypatch.context() as given:
        for name, value in theirs.items():
            given.setenv(name, value)
        assert told(command("verify", taken["dump"], "--json"))["verdict"] == "proven"
        assert {name: os.environ[name] for name in theirs} == theirs


def test_gzip_text_of_ours_is_proven_and_restored_equal_and_a_filter_is_kept(
    command: Command, source: str, target: str
):
    with psycopg.connect(source) as connection:
        connection.execute("CREATE SCHEMA hidden; CREATE TABLE hidden.t AS SELECT 1 AS a")
    taken = told(
        command("take", source, "--out", "shelf", "--format", "sql.gz", "--exclude-schema", "hidden", "--json")
    )
    assert (taken["format"], taken["tables"]) == ("sql.gz", 2)
    assert told(command("verify", taken["dump"], "--json"))["verdict"] == "proven"
    restored = told(command("restore", taken["dump"], "--to", target, "--yes", "--json"))
    assert (restored["outcome"], restored["compared"]["rows"]) == ("equal", 800)


def test_a_command_in_plain_text_is_refused_and_leaves_nothing(command: Command, target: str):
    Path("evil.sql").write_text("CREATE TABLE t (a int);\n\\! touch pwned\n")
    result = command("restore", "evil.sql", "--to", target, "--yes", "--accept-unproven")
    assert (result.exit_code, "line 2 is a command to psql" in result.stderr) == (1, True)
    assert not Path("pwned").exists()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(target)


def test_the_password_is_read_as_libpq_reads_it_and_never_printed(
    command: Command, source: str, monkeypatch: pytest.MonkeyPatch
):
    parts = conninfo_to_dict(source)
    password = str(parts.pop("password"))
    bare = make_conninfo(**{name: str(value) for name, value in parts.items()})
    Path("passwords").write_text(f"*:*:*:*:{password}\n")
    Path("passwords").chmod(0o600)
    outputs = []
    for name, value in (("PGPASSWORD", password), ("PGPASSFILE", str(Path("passwords").absolute()))):
        with monkeypatch.context() as given:
            given.setenv(name, value)
            outputs.append(command("take", bare, "--out", f"by-{name}").output)
        assert len(os.listdir(f"by-{name}")) == 2
    wrong = command("take", make_conninfo(bare, password="wrong-one"), "--out", "none")
    outputs.append(wrong.output)
    assert (wrong.exit_code, "password authentication failed" in wrong.stderr) == (4, True)
    assert not any(password in text or "wrong-one" in text for text in outputs)
    assert not Path("none").exists() or os.listdir("none") == []


def test_a_missing_role_stops_a_restore_before_it_begins(
    command: Command, source: str, target: str, debian_server: DebianServer
):
    with psycopg.connect(debian_server.dsn(user="postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE passing")
    with psycopg.connect(source) as connection:
        connection.execute("GRANT SELECT ON customers TO passing")
    taken = told(command("take", source, "--out", "shelf", "--json"))
    assert told(command("verify", taken["dump"], "--json"))["verdict"] == "proven"
    with psycopg.connect(source) as connection:
        connection.execute("REVOKE ALL ON customers FROM passing")
    with psycopg.connect(debian_server.dsn(user="postgres"), autocommit=True) as connection:
        connection.execute("DROP ROLE passing")
    options = ("restore", taken["dump"], "--to", target, "--yes", "--json")
    assert [one["kind"] for one in told(command(*options), 1)["obstacles"]] == ["missing_role"]
    restored = told(command(*options, "--create-roles"))
    assert (restored["outcome"], restored["remarks"][0]) == ("equal", "created without password or login: passing")
    debian_server.drop("restored")
    with psycopg.connect(debian_server.dsn(user="postgres"), autocommit=True) as connection:
        connection.execute("DROP ROLE passing")
    assert told(command(*options, "--no-owner"))["outcome"] == "equal"


def test_what_a_role_may_not_do_stops_a_restore_before_it_begins(
    command: Command, source: str, target: str, debian_server: DebianServer
):
    with psycopg.connect(debian_server.dsn(conninfo_to_dict(source)["dbname"] or "", "postgres")) as connection:
        connection.execute("CREATE TABLE of_postgres (a int); GRANT SELECT ON of_postgres TO PUBLIC")
    taken = told(command("take", source, "--out", "shelf", "--json"))
    poor = make_conninfo(debian_server.dsn(), dbname="restored")
    options = ("restore", taken["dump"], "--to", poor, "--accept-unproven", "--json")
    assert [one["kind"] for one in told(command(*options, "--plan"), 1)["obstacles"]] == ["not_owner", "may_not_create"]
    debian_server.create("restored")
    assert [one["kind"] for one in told(command(*options, "--plan"), 1)["obstacles"]] == ["not_owner"]
    assert told(command(*options, "--yes", "--no-owner"))["outcome"] == "equal"


def started_by_hand(arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a process that hears signals as at a terminal: in a shell's background, or after nohup, it would not."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a handler is not inherited, being ignored is
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def wait(process: subprocess.Popen[bytes], is_so: Callable[[], bool]) -> None:
    """Return once ``is_so()``; fail if ``process`` ends before."""
    while not is_so():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)  # it needs the processor itself
        assert process.returncode is None, process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_take_that_is_stopped_leaves_nothing(source: str, tmp_path: Path, number: signal.Signals):
    with psycopg.connect(source) as holder:
        holder.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")  # the take waits for it
        arguments = [
            str(Path(sys.executable).with_name("opsloop")),
            "backup",
            "take",
            source,
            "--out",
            str(tmp_path / "x"),
        ]
        with started_by_hand(arguments) as process:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            with psycopg.connect(source, autocommit=True) as watcher:
                wait(process, lambda: watcher.execute(waiting).fetchone() != (0,))
            assert any(name.endswith(".partial") for name in os.listdir(tmp_path / "x"))
            process.send_signal(number)
            process.communicate(timeout=30)
        assert process.returncode != 0
    assert os.listdir(tmp_path / "x") == []


def test_a_restore_that_is_stopped_leaves_no_database_and_no_program(
    command: Command, target: str, debian_server: DebianServer, tmp_path: Path
):
    (tmp_path / "slow.sql").write_text("CREATE TABLE t (a int);\nSELECT pg_sleep(600);\n")
    arguments = [str(Path(sys.executable).with_name("opsloop")), "backup", "restore", "slow.sql", "--to", target]
    admin = debian_server.dsn(user="postgres")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'restored' AND query LIKE 'SELECT pg_sleep%'"
    with (
        subprocess.Popen([*arguments, "--yes", "--accept-unproven"], stderr=subprocess.PIPE, cwd=tmp_path) as process,
        psycopg.connect(admin, autocommit=True) as watcher,
    ):
        wait(process, lambda: watcher.execute(asleep).fetchone() != (0,))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        left = watcher.execute(
            "SELECT (SELECT count(*) FROM pg_database WHERE datname = 'restored'),"
            " (SELECT count(*) FROM pg_stat_activity WHERE datname = 'restored')"
        ).fetchone()
    assert (process.returncode != 0, left) == (True, (0, 0))
