"""Dumps in a folder: whole or not at all; what lies beside them is read, and what is broken proves nothing."""

import io
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from opsloop.backup.document import manifest_json, to_bytes
from opsloop.backup.model import Verdict
from opsloop.backup.shelf import dump_of
from opsloop_cli.backup_files import (
    FileSink,
    keep_attempt,
    manifest_path,
    read_attempts,
    read_manifest_file,
    read_one,
    read_shelf,
    removed_on_failure,
    write_json,
)
from opsloop_cli.failure import CommandError
from opsloop_cli.output import say, show_json
from tests.unit.backup.test_shelf import MANIFEST, attempt
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_backup import installed, shelve

NAME = "shop-20261121T060000Z.dump"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_dump_has_its_name_only_when_it_is_whole(tmp_path: Path):
    sink = FileSink(tmp_path / NAME)
    sink.write(b"first ")
    assert not (tmp_path / NAME).exists()
    sink.write(b"second")
    sink.finish(MANIFEST)
    assert (tmp_path / NAME).read_bytes() == b"first second"
    assert names(tmp_path) == [NAME, f"{NAME}.manifest.json"]
    assert read_one(tmp_path / NAME).manifest == MANIFEST
    sink.abort()
    assert names(tmp_path) == [NAME, f"{NAME}.manifest.json"]


def test_nothing_is_left_of_a_dump_that_is_given_up_however_often(tmp_path: Path):
    sink = FileSink(tmp_path / NAME)
    sink.write(b"half")
    sink.abort()
    sink.abort()
    assert names(tmp_path) == []


def test_a_dump_that_is_there_is_never_replaced(tmp_path: Path):
    sink = FileSink(tmp_path / NAME)
    sink.write(b"new")
    (tmp_path / NAME).write_bytes(b"old")
    with pytest.raises(FileExistsError):
        sink.finish(MANIFEST)
    sink.abort()
    assert (tmp_path / NAME).read_bytes() == b"old"
    assert names(tmp_path) == [NAME]


def test_a_manifest_that_cannot_be_written_leaves_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sink = FileSink(tmp_path / NAME)
    sink.write(b"all")

    def full(path: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        sink.finish(MANIFEST)
    sink.abort()
    assert names(tmp_path) == []


def test_the_bytes_are_on_the_disk_before_they_have_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []
    sync, rename = os.fsync, Path.rename

    def noted_sync(descriptor: int) -> None:
        order.append("sync")
        sync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        order.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    sink = FileSink(tmp_path / NAME)
    sink.write(b"x")
    sink.finish(MANIFEST)
    assert order == ["sync", "sync", "sync", "rename", "sync"]  # the file; manifest and folder; its name, the folder


def test_what_a_block_made_goes_with_the_block_that_fails(tmp_path: Path):
    made, kept = tmp_path / "made", tmp_path / "kept"
    kept.touch()

    def stopped() -> None:
        with removed_on_failure(made, tmp_path / "never"):
            made.touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert names(tmp_path) == ["kept"]
    with removed_on_failure(made):
        made.touch()
    assert names(tmp_path) == ["kept", "made"]


def test_attempts_are_kept_beside_the_dump_oldest_first_and_no_more_than_a_hundred(tmp_path: Path):
    dump = tmp_path / NAME
    dump.write_bytes(b"x" * 1000)
    for minute in range(102):
        assert keep_attempt(dump, attempt(Verdict.PROVEN, minutes=minute)) == tmp_path / f"{NAME}.verification.json"
    found = read_attempts(dump)
    assert [one.verification_id for one in found] == [f"v{minute}" for minute in range(2, 102)]
    assert names(tmp_path) == [NAME, f"{NAME}.verification.json"]


def test_a_result_that_cannot_be_kept_is_told_and_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    dump = tmp_path / NAME
    (tmp_path / f"{NAME}.verification.json").mkdir()
    assert keep_attempt(dump, attempt(Verdict.PROVEN)) is None
    assert "the result is not kept" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"verifications": [{"verdict": "proven"}]}', b"\xff"])
def test_a_broken_result_proves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes):
    (tmp_path / f"{NAME}.verification.json").write_bytes(body)
    assert read_attempts(tmp_path / NAME) == ()
    assert "proves nothing" in capsys.readouterr().err


def test_a_shelf_is_read_at_any_depth_without_what_is_half_or_hidden(tmp_path: Path):
    deep = tmp_path / "dumps" / "orders" / "2026"
    deep.mkdir(parents=True)
    (deep / "nightly.sql.gz").write_bytes(b"1")
    (tmp_path / NAME).write_bytes(b"1234")
    manifest_path(tmp_path / NAME).write_bytes(to_bytes(manifest_json(MANIFEST)))
    (tmp_path / f".{NAME}.partial").write_bytes(b"")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "old.dump").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    found = {one.path: one for one in read_shelf(tmp_path)}
    assert sorted(found) == ["dumps/orders/2026/nightly.sql.gz", NAME]
    assert (found[NAME].manifest, found[NAME].bytes) == (MANIFEST, 4)


def test_a_dump_with_a_broken_manifest_is_passed_over_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / NAME).write_bytes(b"1")
    manifest_path(tmp_path / NAME).write_text('{"format": 99}')
    assert read_shelf(tmp_path) == []
    assert "passed over" in capsys.readouterr().err
    with pytest.raises(CommandError, match="newer than this opsloop understands"):
        read_one(tmp_path / NAME)


def test_no_manifest_is_no_error_unless_it_was_asked_for(tmp_path: Path):
    assert read_manifest_file(tmp_path / "none.json", is_needed=False) is None
    with pytest.raises(CommandError, match="there is no"):
        read_manifest_file(tmp_path / "none.json", is_needed=True)


def test_a_dump_that_was_replaced_after_its_proof_is_not_proven(tmp_path: Path):
    dump = tmp_path / NAME
    dump.write_bytes(b"x" * 1000)
    keep_attempt(dump, attempt(Verdict.PROVEN, dump_bytes=1000))
    assert dump_of(read_one(dump)).verdict is Verdict.PROVEN
    dump.write_bytes(b"x" * 999)
    assert dump_of(read_one(dump)).verdict is None


def test_a_document_is_replaced_whole(tmp_path: Path):
    write_json(tmp_path / "a.json", {"one": 1})
    write_json(tmp_path / "a.json", {"two": 2})
    assert json.loads((tmp_path / "a.json").read_text()) == {"two": 2}
    assert names(tmp_path) == ["a.json"]


def test_a_folder_that_is_none_is_refused(tmp_path: Path):
    with pytest.raises(CommandError, match="is no folder"):
        read_shelf(tmp_path / "nowhere")


def test_a_full_disk_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sink = FileSink(tmp_path / NAME)
    sink._stream.close()
    monkeypatch.setattr(sink, "_stream", Path("/dev/full").open("wb"))  # noqa: SIM115 -- the sink closes it
    sink.write(b"in the buffer")
    sink.abort()
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["", "backups"])
def test_where_no_opsloop_is_known_the_dumps_of_this_folder_are_meant(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    engine = installed(monkeypatch)
    shelve(tmp_path / name, datetime(2026, 11, 20, 6, 0, tzinfo=UTC), Verdict.PROVEN)
    assert [one["verdict"] for one in json.loads(run("backup", "list", "--json").stdout)["dumps"]] == ["proven"]
    assert json.loads(run("backup", "history", "--json").stdout)["events"]
    done = run("backup", "restore", "shop", "--to", "host=db.example dbname=shop", "--json")
    assert (json.loads(done.stdout)["outcome"], bool(engine.done)) == ("equal", True)


def test_where_an_opsloop_is_known_or_no_dump_is_here_none_is_taken_from_here(local: Run, run: Run, tmp_path: Path):
    shelve(tmp_path, datetime(2026, 11, 20, 6, 0, tzinfo=UTC), Verdict.PROVEN)
    assert "dumps of" not in local("backup", "list").stderr
    assert "dumps of" not in run("--url", "http://127.0.0.1:1", "backup", "list").stderr
    for one in tmp_path.iterdir():
        if one.is_file():
            one.unlink()
    (tmp_path / ".local" / "stack.json").unlink()
    assert "no .local/stack.json" in run("backup", "list").stderr


def test_a_name_that_is_no_text_is_kept_and_told_as_json(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = os.fsdecode(b"r\xe9sum\xe9.dump")
    engine = installed(monkeypatch)
    engine.verification = replace(attempt(Verdict.RESTORABLE), dump_id=name)
    (tmp_path / name).write_bytes(b"x")
    told = run("backup", "verify", name, "--json")
    assert (json.loads(told.stdout)["dump_id"], told.exit_code) == (name, 0)
    assert read_attempts(tmp_path / name)[0].dump_id == name
    assert "r\\udce9sum" in run("backup", "verify", name).stdout
    assert "r\\udce9sum" in run("backup", "list", ".").stdout
    assert "r\\udce9sum" in run("backup", "history", ".").stdout


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", '"é日"'), ("ascii", '"\\u00e9\\u65e5"')])
def test_json_can_be_read_whatever_the_terminals_encoding_is(monkeypatch: pytest.MonkeyPatch, encoding: str, text: str):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    show_json("é日")
    assert stream.buffer.getvalue().decode(encoding) == text + "\n"  # type: ignore[attr-defined]


def test_a_stdout_that_was_closed_loses_the_text_and_not_the_verdict(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", None)
    show_json({})
    monkeypatch.setattr(sys, "stderr", None)
    say("nobody hears it")


def test_what_is_there_and_no_file_is_not_called_missing(run: Run, tmp_path: Path):
    assert "is a folder" in run("backup", "verify", ".").stderr
    os.mkfifo(tmp_path / "pipe.dump")
    assert "no regular file" in run("backup", "verify", "pipe.dump").stderr
    assert "there is no file" in run("backup", "verify", "none.dump").stderr
