"""Tests' folders: in memory where there is room, and never left behind."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.scratch import PREFIX, ROOM_BYTES, use_memory


@pytest.fixture
def meminfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a /proc/meminfo of a machine with room, in a process that has not said where its folders are."""
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    monkeypatch.setattr("tests.scratch._free", lambda _: ROOM_BYTES)
    path = tmp_path / "meminfo"
    path.write_text(f"MemTotal:  99 kB\nMemAvailable:   {2 * ROOM_BYTES // 1024} kB\n")
    return path


def test_folders_are_made_there_and_those_of_the_dead_go(
    meminfo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"{PREFIX}{ended.pid}").mkdir()
    (tmp_path / f"{PREFIX}{os.getppid()}").mkdir()
    monkeypatch.setattr("atexit.register", lambda *_, **__: None)
    assert use_memory(tmp_path, meminfo) == Path(tempfile.gettempdir()) == tmp_path / f"{PREFIX}{os.getpid()}"
    assert os.environ["TMPDIR"] == tempfile.gettempdir()
    assert {one.name for one in tmp_path.glob(f"{PREFIX}*")} == {f"{PREFIX}{os.getpid()}", f"{PREFIX}{os.getppid()}"}
    assert use_memory(tmp_path, meminfo) is None  # as in a worker, which is told where by the environment


@pytest.mark.parametrize("lacks", ["memory", "room", "meminfo", "mount"])
def test_where_there_is_no_room_the_machine_decides(
    meminfo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    if lacks == "memory":
        meminfo.write_text(f"MemAvailable:   {2 * ROOM_BYTES // 1024 - 1} kB\n")
    if lacks == "room":
        monkeypatch.setattr("tests.scratch._free", lambda _: ROOM_BYTES - 1)
    if lacks == "meminfo":
        meminfo.unlink()
    before = tempfile.gettempdir()
    assert use_memory(tmp_path / "missing" if lacks == "mount" else tmp_path, meminfo) is None
    assert tempfile.gettempdir() == before
    assert "TMPDIR" not in os.environ
