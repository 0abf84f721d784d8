"""The server that restores starts from nothing, keeps its bounds, and leaves nothing behind."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from opsloop.adapters import postgres_sandbox, postgres_server
from opsloop.adapters.postgres_binaries import server_binaries, tools
from opsloop.adapters.postgres_folder import remove_stale
from opsloop.adapters.postgres_sandbox import Confinement, SandboxUnavailableError, run_confined
from opsloop.adapters.postgres_server import ADMIN, Server, ServerError
from opsloop.adapters.postgres_settings import GIBIBYTE, MEBIBYTE, Limits, configuration, settings_of
from opsloop.adapters.postgres_usage import memory_bytes, process_tree
from tests.postgres import DebianServer

CORE = Path(postgres_server.__file__).parents[2]
ROOMY = Limits(memory_bytes=4 * GIBIBYTE)


def value(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row and row[0]


def test_a_server_starts_from_nothing_and_leaves_nothing() -> None:
    with Server(limits=ROOMY) as server:
        assert server.create_database("shop") == ()
        assert value(server.dsn("shop"), "select current_user || ' ' || current_setting('server_encoding')") == (
            "restorer UTF8"
        )
        processes = process_tree(server.pid)
        assert len(processes) > 3
        assert server.disk_bytes > 20 * MEBIBYTE
        assert server.folder.stat().st_mode & 0o777 == 0o700
    assert not server.folder.exists()
    assert not [one for one in processes if Path(f"/proc/{one}").exists()]
    assert server.peak_memory_bytes > 20 * MEBIBYTE
    assert server.peak_disk_bytes > 20 * MEBIBYTE
    server.stop()
    with pytest.raises(ServerError, match="has ended"):
        server.check()


ABOUT = """select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider, datlocale, datcollate,
           datistemplate, datacl::text, shobj_description(oid, 'pg_database') from pg_database where datname = %s"""


def test_the_first_database_is_like_every_other_and_in_each_encoding_there_is_one() -> None:
    with Server(limits=ROOMY) as server:
        assert server.create_database("old", encoding="LATIN1") == ()
        for name in ("postgres's", "second", "third"):  # the first of these three is made of what initdb made
            assert server.create_database(name) == ()
            assert value(server.dsn(name), "select count(*) from pg_class where oid >= 16384") == 0
        with server.admin() as admin:
            first, second, third = (admin.execute(ABOUT, [one]).fetchone() for one in ("postgres's", "second", "third"))
            names = {row[0] for row in admin.execute("select datname from pg_database")}
        assert first == second == third
        assert first is not None
        assert first[:2] == ("restorer", "UTF8")
        assert names == {"template0", "template1", "old", "postgres's", "second", "third"}
        assert value(server.dsn("old"), "select current_setting('server_encoding')") == "LATIN1"


def test_it_listens_on_no_address(embedded_server: Server) -> None:
    assert value(embedded_server.dsn(user=ADMIN), "select current_setting('listen_addresses')") == ""
    sockets = {os.readlink(path) for path in Path(f"/proc/{embedded_server.pid}/fd").iterdir()}
    inodes = {name.removeprefix("socket:[").rstrip("]") for name in sockets if name.startswith("socket:")}
    tcp = {line.split()[9] for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]}
    assert inodes
    assert not inodes & tcp


def test_it_holds_nothing_of_our_environment(embedded_server: Server) -> None:
    environment = Path(f"/proc/{embedded_server.pid}/environ").read_bytes().split(b"\0")
    names = {one.partition(b"=")[0].decode() for one in environment if one}
    assert names == set(server_binaries().environment)


def test_only_the_two_passwords_open_it(embedded_server: Server) -> None:
    dsn = psycopg.conninfo.make_conninfo(embedded_server.dsn(user=ADMIN), password="postgres")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(embedded_server.dsn())


STRANGERS_STATEMENTS = [
    "copy (select 1) to program 'touch /dev/null'",
    "copy (select 1) to '/dev/shm/opsloop-was-here'",
    "create table files as select pg_read_file('/proc/self/environ')",
    "select lo_import('/etc/passwd')",
    "load 'auto_explain'",
    "set session_preload_libraries = 'auto_explain'",
    "set dynamic_library_path = '/dev/shm'",
    "set temp_file_limit = -1",
    "alter system set archive_command = 'true'",
    "create function run(text) returns int language c as 'libc.so.6', 'system'",
    "create extension dblink",
    "create extension postgres_fdw",
    "create role another superuser",
    "create database another",
    "set role opsloop_admin",
    "alter role restorer superuser",
    "set session authorization opsloop_admin",
    "create event trigger every on ddl_command_start execute function f()",
]


def test_who_restores_can_do_nothing_beyond_its_database(embedded_server: Server, fresh_database: str) -> None:
    with psycopg.connect(embedded_server.dsn(fresh_database), autocommit=True) as connection:
        connection.execute("create function f() returns event_trigger language plpgsql as 'begin end'")
        for statement in STRANGERS_STATEMENTS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_even_its_superuser_starts_no_program(embedded_server: Server, debian_server: DebianServer) -> None:
    statement = "copy (select 'x') to program 'cat > /dev/null'"
    with psycopg.connect(debian_server.dsn(user="postgres")) as source:
        source.execute(statement)  # what PostgreSQL does where nothing confines it
    with embedded_server.admin() as admin, pytest.raises(psycopg.errors.Error, match="could not execute command"):
        admin.execute(statement)


def test_even_its_superuser_reaches_no_network(
    embedded_server: Server, fresh_database: str, debian_server: DebianServer
) -> None:
    there = debian_server.dsn("postgres", "postgres", sslmode="require")
    with psycopg.connect(debian_server.dsn(user="postgres"), autocommit=True) as source:
        source.execute("create extension if not exists dblink")
        assert source.execute("select dblink_connect(%s)", [there]).fetchone() == ("OK",)
    with embedded_server.admin(fresh_database) as admin:
        admin.execute("create extension dblink")
        for sslmode in ("require", "disable"):
            with pytest.raises(psycopg.errors.SqlclientUnableToEstablishSqlconnection):
                admin.execute("select dblink_connect(%s)", [debian_server.dsn(sslmode=sslmode)])
        itself = embedded_server.dsn(fresh_database)  # by the Unix socket
        assert admin.execute("select dblink_connect(%s)", [itself]).fetchone() == ("OK",)


@pytest.mark.skipif(os.geteuid() != 0, reason="the same user's is shut by shielded(), see test_sandbox")
def test_even_its_superuser_reads_nothing_of_our_process(embedded_server: Server) -> None:
    with embedded_server.admin() as admin:
        for name in ("environ", "maps", "mem"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                admin.execute(f"select pg_read_binary_file('/proc/{os.getpid()}/{name}', 0, 10)".encode())


def test_programs_of_ours_run_confined_against_it(embedded_server: Server, fresh_database: str) -> None:
    command = [tools().psql, "--no-psqlrc", "-At", "-c", r"\! echo started", "-c", "select current_user"]
    given = embedded_server.environment(fresh_database)
    done, free = (
        run_confined(command, may, environment=given, folder=embedded_server.folder, timeout_s=30.0)
        for may in (Confinement(), Confinement(may_execute=True))
    )
    assert done.stdout == b"restorer\n"
    assert free.stdout == b"started\nrestorer\n"


def test_errors_that_quote_rows_stay_out_of_its_log(embedded_server: Server, fresh_database: str) -> None:
    with psycopg.connect(embedded_server.dsn(fresh_database)) as connection, pytest.raises(psycopg.errors.Error):
        connection.execute("select 'ada@example.com'::int")
    assert "ada@example.com" not in embedded_server.log_tail(10_000)
    assert "ready to accept connections" in embedded_server.log_tail(10_000)


@pytest.mark.parametrize(
    ("encoding", "collation", "made", "noted"),
    [
        ("UTF8", "", "UTF8 b C.UTF-8", ""),
        ("UTF8", "C.UTF-8", "UTF8 b C.UTF-8", ""),
        ("UTF8", "C", "UTF8 c C", ""),
        ("LATIN1", "C", "LATIN1 c C", ""),
        ("SQL_ASCII", "", "SQL_ASCII c C", ""),
        ("LATIN1", "xx_XX.ISO8859-1", "LATIN1 c C", "collation xx_XX.ISO8859-1 is not available here"),
    ],
)
def test_a_database_is_as_its_source_was_or_a_note_says_so(
    embedded_server: Server, encoding: str, collation: str, made: str, noted: str
) -> None:
    notes = embedded_server.create_database("as_asked", encoding=encoding, collation=collation)
    statement = """select concat_ws(' ', pg_encoding_to_char(encoding), datlocprovider, coalesce(datlocale, datcollate))
        from pg_database where datname = 'as_asked'"""
    found = value(embedded_server.dsn(user=ADMIN), statement)
    embedded_server.drop_database("as_asked")
    assert found == made
    assert (notes[0].startswith(noted) and "libc C was used instead" in notes[0]) if noted else notes == ()


def test_of_a_language_that_the_system_lacks_icu_knows_the_order(embedded_server: Server) -> None:
    if "ICU collations" in server_binaries().lacks:
        pytest.skip("the wheel's own server is installed here, which has no ICU")
    notes = embedded_server.create_database("swedish", collation="sv_SE.nowhere")
    words = value(
        embedded_server.dsn("swedish"), "select string_agg(w, '' order by w) from (values ('z'),('å'),('a')) v(w)"
    )
    embedded_server.drop_database("swedish")
    assert words == "azå"  # Swedish ends in å, ä, ö; by most other rules å comes before z
    assert notes == (notes[0],)
    assert notes[0].endswith("icu sv-SE was used instead")


def test_it_has_the_extensions_that_dumps_ask_for(embedded_server: Server, fresh_database: str) -> None:
    if server_binaries().lacks_extensions:
        pytest.skip("the wheel's own server is installed here")
    with embedded_server.admin(fresh_database) as admin:
        for name in ("vector", "pgcrypto", "uuid-ossp", "hstore", "pg_trgm", "citext", "xml2", "pg_stat_statements"):
            admin.execute(f'create extension "{name}"'.encode())
        row = admin.execute(
            """select '[1,2]'::vector <-> '[1,5]', encode(digest('abc', 'sha256'), 'hex'),
            length(uuid_generate_v4()::text), xmlelement(name a)::text, 'B' < 'a' collate "und-x-icu" """
        ).fetchone()
    sha256_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4's example
    assert row == (3.0, sha256_of_abc, 36, "<a/>", False)


def test_a_setting_keeps_its_quotes() -> None:
    assert configuration({"a": "it's", "b": "c:\\d"}) == "a = 'it''s'\nb = 'c:\\\\d'\n"
    sizes = settings_of(Limits(memory_bytes=512 * MEBIBYTE), Path("/s"))
    assert (sizes["shared_buffers"], sizes["maintenance_work_mem"]) == ("52428kB", "52428kB")
    assert settings_of(Limits(), Path("/s"), {"jit": "on"})["jit"] == "on"


def watch(process: int) -> int | None:
    """Return a descriptor that can be read when the process has ended; None if it has ended already."""
    try:
        return os.pidfd_open(process)
    except ProcessLookupError:
        return None


def test_it_ends_at_once_with_the_process_that_started_it() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(CORE)!r})
from opsloop.adapters.postgres_server import Server
from opsloop.adapters.postgres_usage import process_tree
server = Server()
server.start()
print(server.folder, *process_tree(server.pid), flush=True)
sys.stdin.read()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout is not None
        folder, *processes = parent.stdout.readline().split()
        watched = [found for one in processes if (found := watch(int(one)))]
        assert len(watched) > 3
        remove_stale(Path(folder).parent)
        assert Path(folder).is_dir()  # it is in use
        parent.send_signal(signal.SIGKILL)
    for one in watched:
        assert select.select([one], [], [], 20)[0]
        os.close(one)
    remove_stale(Path(folder).parent)
    assert not Path(folder).exists()


def test_without_a_sandbox_no_server_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = tmp_path / "launcher.py"
    refusing.write_text(
        'import sys\nsys.exit(sys.stderr.write("sandbox: seccomp: Function not implemented\\n") and 97)'
    )
    monkeypatch.setattr(postgres_sandbox, "_launcher", refusing)
    server = Server(limits=ROOMY)
    with pytest.raises(SandboxUnavailableError, match="seccomp"):
        server.start()
    assert not server.folder.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    server = Server(limits=ROOMY, settings={"shared_buffers": "a lot"})
    with pytest.raises(ServerError, match=r'invalid value for parameter "shared_buffers": "a lot"'):
        server.start()
    assert not server.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_a_folder_that_nobody_can_reach_is_refused() -> None:
    with (
        tempfile.TemporaryDirectory() as own,  # short enough, and ours alone
        pytest.raises(ServerError, match="nobody, as whom PostgreSQL runs, cannot enter"),
    ):
        Server(Path(own, "server")).start()


def test_a_folder_with_something_in_it_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    with pytest.raises(ServerError, match="is not empty"):
        Server(tmp_path).start()
    assert (tmp_path / "precious").read_text() == "kept"


def test_memory_of_a_process_that_has_ended_is_nothing() -> None:
    done = subprocess.Popen(["/bin/true"])
    done.wait()
    assert (memory_bytes([done.pid]), process_tree(done.pid)) == (0, [])
    assert memory_bytes([os.getpid()]) > MEBIBYTE
