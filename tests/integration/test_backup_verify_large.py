"""Dumps that need more than a plain restore: compressed otherwise, of many objects, large, or damaged once restored."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_restore import RestoredCopy, verifier_here
from opsloop.backup.blocks import uncompressed
from opsloop.backup.contents import read_contents
from opsloop.backup.model import Reason, Verdict
from opsloop.backup.wanted import Wanted
from tests.everything import Source
from tests.postgres import DebianServer
from tests.verifying import NOW, Bench, open_the_way

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def _with_zstd(raw: bytes) -> bytes:
    """Return an uncompressed archive as a pg_dump built with zstd would have written it: each table a frame."""
    contents = read_contents(io.BytesIO(raw))
    assert contents.header.compression == "none"

    def packed(chunks: Iterator[bytes]) -> Iterator[bytes]:
        yield zstd.compress(b"".join(chunks))

    made = bytearray(b"".join(uncompressed(io.BytesIO(raw), contents, packed)))
    made[11] = 3
    return bytes(made)


def test_archives_compressed_with_zstd_are_proven_though_our_pg_restore_cannot_read_them(
    verifying: Bench, source: Source, tmp_path: Path
) -> None:
    plain = source.dump("--format=custom", "--compress=none", program=tools().pg_dump)
    path = tmp_path / "zstd.dump"
    path.write_bytes(_with_zstd(plain.read_bytes()))
    found = verifying.file(path, source.manifest(path), source_name=source.name)
    assert (found.findings, found.verdict) == ((), Verdict.PROVEN)


def test_an_archive_compressed_with_lz4_is_unknown_and_says_what_to_do(
    verifying: Bench, source: Source, tmp_path: Path
) -> None:
    raw = bytearray(source.dump("--format=custom", "--compress=none", program=tools().pg_dump).read_bytes())
    raw[11] = 2
    path = tmp_path / "lz4.dump"
    path.write_bytes(raw)
    found = verifying.file(path, source_name=source.name)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.UNSUPPORTED)
    assert "--compress=gzip" in found.detail


def test_a_thousand_tables_are_proven(verifying: Bench, debian_server: DebianServer, source_database: str) -> None:
    """Each with a key, so a thousand indexes too: more objects than an ordinary server locks in one transaction."""
    with psycopg.connect(debian_server.dsn(source_database, "postgres"), autocommit=True) as connection:
        for start in range(0, 1000, 250):
            makes = [f"CREATE TABLE t{n} (id integer PRIMARY KEY, v text)" for n in range(start, start + 250)]
            connection.execute("; ".join(makes).encode())
        connection.execute(b"INSERT INTO t7 VALUES (1, 'seven')")
    source = Source(debian_server, source_database, verifying.folder)
    path = source.dump("--format=custom")
    found = verifier_here().verify(path, source.manifest(path), Wanted("shop", NOW, source_name=source_database))
    assert (found.findings, found.verdict) == ((), Verdict.PROVEN)
    assert found.compared["tables"] == 1000


def test_dumps_too_large_for_one_transaction_are_restored_in_several(
    verifying: Bench, source: Source, custom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opsloop.adapters.postgres_restore.MAX_IN_ONE", 3)
    for path in (custom, source.dump("--format=plain")):
        found = verifying.file(path, source.manifest(path), source_name=source.name)
        assert (found.findings, found.verdict) == ((), Verdict.PROVEN)


def _damage(copy: RestoredCopy) -> None:
    """Put zeros over the first data page of an index, in a copy of the database that no buffer holds yet."""
    with copy.connect("-c search_path=") as connection:
        row = connection.execute("select relfilenode from pg_class where relname = 'child_pkey'").fetchone()
    assert row is not None
    copy.close()  # a database that somebody uses has no other name
    with copy.server.admin() as connection:
        old, new = (sql.Identifier(name) for name in (f"{copy.name} before", copy.name))
        connection.execute(sql.SQL("alter database {} rename to {}").format(new, old))
        connection.execute(sql.SQL("create database {} template {} strategy file_copy owner restorer").format(new, old))
        connection.execute(sql.SQL("drop database {}").format(old))
        oid = connection.execute("select oid from pg_database where datname = %s", (copy.name,)).fetchone()
    assert oid is not None
    with (copy.server.folder / "data" / "base" / str(oid[0]) / str(row[0])).open("r+b") as file:
        file.seek(8192)
        file.write(bytes(8192))


def test_damage_in_the_copy_is_found(verifying: Bench, custom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = RestoredCopy.begin_check
    monkeypatch.setattr(RestoredCopy, "begin_check", lambda copy: (_damage(copy), begin(copy)))
    found = verifying.file(custom)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.CORRUPT)
    assert "child_pkey" in found.findings[0].where


@pytest.mark.parametrize("form", ["--format=custom", "--format=directory"])
def test_large_dumps_are_restored_by_two_workers(
    verifying: Bench, source: Source, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Also of an archive that was written to a pipe, which does not say where its rows lie."""
    monkeypatch.setattr("opsloop.adapters.postgres_restore.PARALLEL_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    started: list[list[str]] = []
    run = RestoredCopy.start
    monkeypatch.setattr(RestoredCopy, "start", lambda copy, *said: started.append(said[0]) or run(copy, *said))
    path = source.dump(form)
    path.chmod(0o755)
    open_the_way(path.parent)
    found = verifying.file(path, source.manifest(path), source_name=source.name)
    assert (found.findings, found.verdict) == ((), Verdict.PROVEN)
    assert "--jobs=2" in started[0]
    assert ["--section=post-data" in one for one in started[:2]] == [False, True]  # triggers of partitioned tables
    monkeypatch.chdir(path.parent)  # the workers open the file by its name, and run in another folder
    named = verifying.file(Path(path.name), source.manifest(path), source_name=source.name)
    assert (named.findings, named.verdict) == ((), Verdict.PROVEN)
    if form == "--format=custom":
        piped = verifying.folder / "piped.dump"
        with piped.open("wb") as file:
            command = [source.server.program("pg_dump"), form, source.server.dsn(source.name, "postgres")]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, env={"LC_ALL": "C.UTF-8"})
            assert process.stdout is not None
            with process.stdout as stream:
                file.write(stream.read())
            assert process.wait() == 0
        again = verifying.file(piped, source.manifest(piped), source_name=source.name)
        assert (again.findings, again.verdict) == ((), Verdict.PROVEN)


def test_errors_of_two_workers_fail_the_dump_too(
    verifying: Bench, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opsloop.adapters.postgres_restore.PARALLEL_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    custom = source.dump("--format=custom")
    raw = bytearray(custom.read_bytes())
    with custom.open("rb") as file:
        entries = read_contents(file).entries
    start = next(one.position for one in entries if one.kind == "TABLE DATA" and one.name == "parts_b") or 0
    raw[start + 200] ^= 0x10
    path = tmp_path / "flipped.dump"
    path.write_bytes(raw)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    assert verifying.file(path).verdict is Verdict.FAILED
