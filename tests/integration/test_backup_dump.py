"""Dumps of a real PostgreSQL: one snapshot with their manifest, streamed, and nothing left where one fails."""

import gzip
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop.adapters import postgres_dump
from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_dump import CHUNK_BYTES, DumpSource, VersionTooNewError
from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_server import Server
from opsloop.backup.compare import compare
from opsloop.backup.connect import read_login
from opsloop.backup.model import Format
from opsloop.dataclass import replace
from opsloop.errors import InvalidInputError, OpsloopError, PermanentError, TransientError
from tests.integration.backup_copies import KeptSink, filled, restore, roles, source_of
from tests.postgres import DebianServer

ROWS = 12_000
STATEMENTS = f"""
CREATE TABLE orders (id bigserial PRIMARY KEY, noise text);
INSERT INTO orders (noise) SELECT md5(i::text) || md5((i + 1)::text) || md5((i * 7)::text) || md5((i * 11)::text)
  FROM generate_series(1, {ROWS}) i;
CREATE TABLE other (id integer PRIMARY KEY, v text); INSERT INTO other VALUES (1, 'x');
"""  # noqa: S608 -- a number


class FullError(Exception):
    """The place that dumps are kept in is full."""


@pytest.fixture(scope="module")
def shop(debian_server: DebianServer) -> Iterator[str]:
    """Yield the connection string of a database whose dump is larger than any buffer on its way."""
    debian_server.create("busy_shop")
    yield filled(debian_server, "busy_shop", STATEMENTS)
    debian_server.drop("busy_shop")


@pytest.fixture
def role(debian_server: DebianServer, shop: str) -> Iterator[Callable[[str], str]]:
    """Return ``role(grants)``: a connection string of a role that may do just that, in statements about ``reader``."""
    with psycopg.connect(shop, autocommit=True) as admin:
        admin.execute("CREATE ROLE reader LOGIN PASSWORD 'reader''s own'")

        def make(grants: str) -> str:
            admin.execute(grants.encode())
            return make_conninfo(shop, user="reader", password="reader's own")

        yield make
        admin.execute("DROP OWNED BY reader; DROP ROLE reader")


def sessions(dsn: str, state: str = "") -> list[int]:
    """Return the server's processes of opsloop's sessions, of those in a ``state``."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT pid, state FROM pg_stat_activity WHERE application_name = 'opsloop'")
        return [pid for pid, one in found if state in ("", one)]


def left_sessions(dsn: str) -> list[int]:
    """Return the sessions of ours that are still there when those that are ending have had ten seconds to do so."""
    for _ in range(100):
        if not (left := sessions(dsn)):
            break
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT pg_sleep(0.1)")
    return left


def children() -> list[int]:
    """Return the pg_dump processes that this process has started."""
    pids: list[str] = []
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            pids += (thread / "children").read_text().split()
    found = []
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(pid)] if b"--snapshot=" in Path(f"/proc/{pid}/cmdline").read_bytes() else []
    return found


class Once:
    """Does something when the dump has begun to flow."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act: Callable[[], object] | None = act

    def __call__(self, _size: int) -> None:
        act, self.act = self.act, None
        if act:
            act()


def failed(dsn: str, act: Callable[[], object] = lambda: None, **how: Any) -> tuple[OpsloopError, KeptSink]:
    """Return the error of a dump that fails, after looking that nothing is left of it."""
    sink = KeptSink(on_write=Once(act))
    with pytest.raises(OpsloopError) as error:
        source_of(dsn).take(sink, **how)
    assert sink.ended == ["aborted"]
    assert children() == []
    return error.value, sink


def test_a_dump_is_of_one_snapshot_with_its_manifest_whatever_is_written_meanwhile(
    shop: str, embedded_server: Server, fresh_database: str, tmp_path: Path
) -> None:
    def write(what: str) -> None:
        with psycopg.connect(shop, autocommit=True) as busy:
            busy.execute("DELETE FROM orders WHERE id % 3 = 0")
            busy.execute("INSERT INTO orders (noise) SELECT %s FROM generate_series(1, 25)", [what])
            busy.execute("UPDATE other SET v = %s", [what])

    between = Once(lambda: write("before pg_dump began"))
    sink = KeptSink(on_write=Once(lambda: write("while it wrote")))
    manifest = source_of(shop).take(sink, progress=lambda phase, *_: between(0) if phase == "dump" else None)
    try:
        assert manifest.tables["public.orders"].rows == ROWS
        assert (manifest.sequences, manifest.sequences_after) == (
            {"public.orders_id_seq": (ROWS, True)},
            {"public.orders_id_seq": (ROWS + 50, True)},
        )
        with roles(embedded_server):
            restore(embedded_server, fresh_database, bytes(sink.content), tmp_path)
            with embedded_server.admin(fresh_database) as connection:
                assert compare(manifest, read_facts(connection, like=manifest))[0] == ()
            embedded_server.drop_database(fresh_database)
        with psycopg.connect(shop, autocommit=True) as connection:  # what was written did happen
            assert {one.reason.value for one in compare(manifest, read_facts(connection))[0]} == {
                "row_count_mismatch",
                "row_sample_mismatch",
            }
    finally:
        with psycopg.connect(shop, autocommit=True) as connection:
            connection.execute("DROP TABLE orders, other")
            connection.execute(STATEMENTS.encode())


@pytest.mark.parametrize("format", [Format.CUSTOM, Format.SQL_GZ, Format.SQL])
def test_size_and_digest_are_of_the_bytes_that_were_streamed_in_small_pieces(shop: str, format: Format) -> None:
    told: list[tuple[str, int, int]] = []
    sink = KeptSink()
    manifest = source_of(shop).take(sink, format=format, progress=lambda *one: told.append(one))
    assert (manifest.dump_bytes, manifest.sha256) == (len(sink.content), sha256(sink.content).hexdigest())
    assert (manifest.dump_format, manifest.pg_dump_version) == (format, tools().version)
    assert sink.ended == ["finished"]
    assert sink.largest <= CHUNK_BYTES < len(sink.content)
    assert told[0] == ("facts", 0, 0)
    assert told[-1] == ("dump", len(sink.content), manifest.size_bytes)
    if format is not Format.CUSTOM:
        text = gzip.decompress(sink.content) if format is Format.SQL_GZ else bytes(sink.content)
        assert b"-- PostgreSQL database dump complete" in text[-200:]
    assert left_sessions(shop) == []


def test_the_password_is_in_no_processs_arguments(shop: str) -> None:
    seen: list[bytes] = []
    sink = KeptSink(on_write=Once(lambda: seen.extend(Path(f"/proc/{one}/cmdline").read_bytes() for one in children())))
    source_of(shop).take(sink)
    assert len(seen) == 1
    assert b"--snapshot=" in seen[0]
    assert str(conninfo_to_dict(shop)["password"]).encode() not in seen[0]


def test_a_dump_flows_through_tls_with_the_authoritys_text_from_the_secret(
    debian_server: DebianServer, shop: str
) -> None:
    known = conninfo_to_dict(debian_server.dsn("busy_shop", "postgres", sslmode="verify-full"))
    known["sslrootcert"] = Path(str(known["sslrootcert"])).read_text()
    seen: list[bool] = []

    def look() -> None:
        with psycopg.connect(shop) as admin:
            query = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'opsloop'"
            seen.extend(one for (one,) in admin.execute(query))

    secret = json.dumps({**known, "username": known.pop("user")})
    DumpSource(read_login(secret), tools()).take(KeptSink(on_write=Once(look)))
    assert seen == [True, True]  # the snapshot's session and pg_dump's
    wrong = secret.replace("localhost", "127.0.0.1").replace('"hostaddr": "127.0.0.1", ', "")
    wrong = wrong.replace('"host": "127.0.0.1"', '"host": "ip6-localhost", "hostaddr": "127.0.0.1"')
    with pytest.raises(PermanentError, match="does not match host name"):
        DumpSource(read_login(wrong), tools()).take(KeptSink())


def test_a_sink_that_fails_ends_the_dump_and_its_error_passes(shop: str) -> None:
    def fail() -> None:
        raise FullError

    sink = KeptSink(on_write=Once(fail))
    with pytest.raises(FullError):
        source_of(shop).take(sink)
    assert (sink.ended, children(), len(sink.content)) == (["aborted"], [], 0)


def test_a_pg_dump_that_hears_nothing_is_ended_all_the_same(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        os.kill(children()[0], signal.SIGSTOP)
        raise FullError

    monkeypatch.setattr(postgres_dump, "GRACE_S", 0.01)
    with pytest.raises(FullError):
        source_of(shop).take(KeptSink(on_write=Once(fail)))
    assert children() == []


def test_a_sink_that_cannot_finish_is_told_to_abort(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = KeptSink()

    def fail(_manifest: object) -> None:
        raise FullError

    monkeypatch.setattr(sink, "finish", fail)
    with pytest.raises(FullError):
        source_of(shop).take(sink)
    assert sink.ended == ["aborted"]


def test_a_killed_pg_dump_leaves_nothing_and_is_worth_another_try(shop: str) -> None:
    error, _ = failed(shop, lambda: os.kill(children()[0], signal.SIGKILL))
    assert isinstance(error, TransientError)
    assert "pg_dump was killed by signal 9 (SIGKILL)" in error.message


def test_a_source_that_goes_away_is_told_in_its_own_words(shop: str) -> None:
    def end_all() -> None:
        with psycopg.connect(shop) as admin:
            for pid in sessions(shop):
                admin.execute("SELECT pg_terminate_backend(%s)", [pid])

    error, sink = failed(shop, end_all)
    assert isinstance(error, TransientError)
    said = ("server closed the connection unexpectedly", "terminating connection due to administrator command")
    assert any(one in error.message for one in said)  # which of them arrives first
    assert len(sink.content) < 1_000_000


def test_a_snapshots_session_that_dies_behind_pg_dumps_start_costs_nothing(shop: str) -> None:
    def end_ours() -> None:
        with psycopg.connect(shop) as admin:
            for pid in sessions(shop, "idle in transaction"):
                admin.execute("SELECT pg_terminate_backend(%s)", [pid])

    sink = KeptSink(on_write=Once(end_ours))
    manifest = source_of(shop).take(sink)
    assert sink.ended == ["finished"]
    assert manifest.sequences_after == {}


def test_a_pg_dump_that_takes_too_long_is_stopped(shop: str) -> None:
    error, _ = failed(shop, seconds=0.0)
    assert isinstance(error, PermanentError)
    assert "did not end within 0 s" in error.message


def test_a_table_that_is_locked_is_waited_for_so_long_and_then_tried_again_later(shop: str) -> None:
    with psycopg.connect(shop) as busy:
        busy.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        error, _ = failed(shop, lock_timeout_s=0.05)
    assert isinstance(error, TransientError)
    assert "lock timeout" in error.message


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"password": "wrong"}, PermanentError, "password authentication failed"),
        ({"dbname": "nowhere"}, PermanentError, 'database "nowhere" does not exist'),
        ({"port": "1"}, TransientError, "No such file or directory"),
        ({"host": "localhost", "hostaddr": "127.0.0.1", "sslmode": "disable"}, PermanentError, "no pg_hba.conf entry"),
        ({"host": "localhost", "hostaddr": "127.0.0.1", "port": "1"}, TransientError, "Connection refused"),
    ],
)
def test_a_source_that_cannot_be_reached_says_why(
    shop: str, change: dict[str, str], kind: type[OpsloopError], said: str
) -> None:
    error, _ = failed(make_conninfo(shop, **change))
    assert type(error) is kind
    assert said in error.message
    assert str(conninfo_to_dict(shop)["password"]) not in error.message


def test_a_role_that_may_read_everything_and_nothing_else_can_take_a_dump(role: Callable[[str], str]) -> None:
    sink = KeptSink()
    manifest = source_of(role("GRANT pg_read_all_data TO reader")).take(sink)
    assert manifest.tables["public.orders"].rows == ROWS
    assert manifest.wal_lsn.count("/") == 1


@pytest.mark.parametrize(
    ("grants", "said"),
    [
        ("GRANT SELECT ON orders TO reader", 'permission denied for "public"."orders_id_seq", "public"."other": role'),
        (
            "CREATE SCHEMA hidden; CREATE TABLE hidden.t (); "
            "GRANT SELECT ON ALL TABLES IN SCHEMA public, hidden TO reader",
            'permission denied for "hidden"."t": role reader lacks USAGE on its schema',
        ),
        (
            "CREATE SCHEMA hidden; CREATE TABLE hidden.t (); ALTER TABLE hidden.t ENABLE ROW LEVEL SECURITY; "
            "GRANT pg_read_all_data TO reader",
            'permission denied for "hidden"."t": role reader lacks BYPASSRLS',
        ),
        (
            "SELECT lo_create(77), lo_create(78), lo_create(79); GRANT SELECT ON LARGE OBJECT 78 TO reader; "
            "ALTER LARGE OBJECT 79 OWNER TO reader; GRANT pg_read_all_data TO reader",
            'permission denied for "large object"."77": role reader lacks SELECT on large objects',
        ),
    ],
    ids=["select", "schema", "row security", "large object"],
)
def test_a_missing_right_is_named_with_what_would_give_it(
    shop: str, role: Callable[[str], str], grants: str, said: str
) -> None:
    error, sink = failed(role(grants))
    with psycopg.connect(shop, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS hidden CASCADE")
        admin.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    assert type(error) is PermanentError
    assert said in error.message
    assert sink.content == b""


def test_a_server_newer_than_our_tools_is_refused_before_anything_is_read(shop: str) -> None:
    sink = KeptSink()
    old = replace(tools(), version="14.9")
    with pytest.raises(VersionTooNewError, match=r"version_too_new: PostgreSQL 15 is newer than our pg_dump, 14\.9"):
        DumpSource(read_login(shop), old).take(sink)
    assert sink.ended == ["aborted"]


def test_what_cannot_be_streamed_is_refused(shop: str) -> None:
    sink = KeptSink()
    with pytest.raises(InvalidInputError, match="format: tar cannot be streamed"):
        source_of(shop).take(sink, format=Format.TAR)


def test_a_filter_that_no_schema_matches_is_an_error(shop: str) -> None:
    error, _ = failed(shop, schemas=("nowhere",))
    assert type(error) is PermanentError
    assert "no matching schemas" in error.message


def test_settings_of_the_role_and_the_database_do_not_change_what_is_told(shop: str) -> None:
    def digest() -> object:
        manifest = source_of(shop).take(KeptSink())
        return manifest.tables, manifest.schema_hashes

    usual = digest()
    settings = {
        "search_path": "other, public",
        "timezone": "Asia/Tokyo",
        "bytea_output": "escape",
        "datestyle": "German",
    }
    with psycopg.connect(shop, autocommit=True) as admin:
        for name, value in {
            **settings,
            "statement_timeout": "100ms",
            "idle_in_transaction_session_timeout": "1ms",
        }.items():
            statement = sql.SQL("ALTER DATABASE busy_shop SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            admin.execute(statement)
        try:
            assert digest() == usual
        finally:
            admin.execute("ALTER DATABASE busy_shop RESET ALL")


def test_what_the_client_calls_its_encoding_is_not_the_dumps(shop: str) -> None:
    """PGCLIENTENCODING, or a word of the DSN: a dump in another encoding than the server's can lose texts, or fail."""
    sink = KeptSink()
    source_of(f"{shop} client_encoding=LATIN1").take(sink)
    assert b"SET client_encoding = 'UTF8'" in bytes(sink.content)
