"""A server that passes a bound is stopped, and whoever used it learns which bound."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from opsloop.adapters import postgres_usage, postgres_watch
from opsloop.adapters.postgres_server import Server
from opsloop.adapters.postgres_settings import GIBIBYTE, MEBIBYTE, Limits
from opsloop.adapters.postgres_usage import disk_bytes, memory_bytes, process_tree
from opsloop.adapters.postgres_watch import LimitPassedError, Passed, Watcher

ROOMY = {"memory_bytes": 64 * GIBIBYTE, "disk_bytes": GIBIBYTE, "lifetime_s": 1e6}


@pytest.fixture
def sleeping() -> Iterator[int]:
    """Yield the id of a process with one child, both of which do nothing."""
    with subprocess.Popen(["/bin/sh", "-c", "/bin/sleep 600 & echo; wait"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        yield parent.pid
        for one in process_tree(parent.pid):
            os.kill(one, 9)


@pytest.mark.parametrize(
    ("bound", "what"), [({"memory_bytes": 1}, "memory"), ({"disk_bytes": 1}, "disk"), ({"lifetime_s": 0.0}, "time")]
)
def test_a_look_names_the_bound_that_is_passed(
    bound: dict[str, float], what: str, sleeping: int, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(bytes(10_000))
    watcher = Watcher(sleeping, tmp_path, Limits(**{**ROOMY, **bound}), lambda: None)  # type: ignore[arg-type]
    passed = watcher.look()
    assert passed is not None
    assert passed.what == what
    assert passed.used > passed.allowed


def test_a_look_within_all_bounds_keeps_the_peaks(sleeping: int, tmp_path: Path) -> None:
    watcher = Watcher(sleeping, tmp_path, Limits(**ROOMY), lambda: None)  # type: ignore[arg-type]
    big = tmp_path / "deep" / "down"
    big.parent.mkdir()
    big.write_bytes(bytes(3_000_000))
    assert watcher.look() is None
    big.unlink()
    assert watcher.look() is None
    assert 3_000_000 <= watcher.peak_disk_bytes < 3_200_000
    assert watcher.peak_memory_bytes >= memory_bytes([os.getpid()]) // 2


def test_the_watcher_stops_the_server_once(sleeping: int, tmp_path: Path) -> None:
    stopped = threading.Semaphore(0)
    limits = Limits(**{**ROOMY, "memory_bytes": 1})  # type: ignore[arg-type]
    watcher = Watcher(sleeping, tmp_path, limits, stopped.release, every_s=0.001)
    watcher.start()
    assert stopped.acquire(timeout=20)
    watcher.end()
    assert not stopped.acquire(blocking=False)
    assert watcher.passed is not None


def fill(connection: "psycopg.Connection[object]") -> None:
    """Write up to 5 GB."""
    for _ in range(500):
        connection.execute("insert into t select repeat('x', 1000000) from generate_series(1, 10)")


def test_a_restore_that_fills_the_disk_is_stopped_and_says_so() -> None:
    with Server(limits=Limits(memory_bytes=4 * GIBIBYTE, disk_bytes=110 * MEBIBYTE)) as server:
        server.create_database("full")
        with psycopg.connect(server.dsn("full"), autocommit=True) as connection:
            connection.execute("create table t (a text)")
            connection.execute("alter table t alter a set storage external")
            with pytest.raises((psycopg.OperationalError, psycopg.InternalError)):  # stopped, or no file so large
                fill(connection)
        for _ in range(400):  # looks at the disk are some time apart
            if not server.is_running or threading.Event().wait(0.05):
                break
        with pytest.raises(LimitPassedError, match=r"PostgreSQL was stopped: it used \d+ MiB of disk, and may use 110"):
            server.check()
    with pytest.raises(LimitPassedError):
        server.check()
    assert server.peak_disk_bytes > 110 * MEBIBYTE
    assert not server.folder.exists()


def test_bounds_are_told_in_words() -> None:
    assert str(Passed("time", 901.2, 900.0)) == "it took longer than the 900 s that it may"
    assert str(Passed("memory", 2_000 * MEBIBYTE, GIBIBYTE)) == "it used 2,000 MiB of memory, and may use 1,024"


def test_descendants_are_found_with_and_without_the_kernels_list(
    sleeping: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = process_tree(sleeping)
    assert len(found) == 2
    monkeypatch.setattr(postgres_usage.os.path, "exists", lambda _: False)
    assert process_tree(sleeping) == found


def test_memory_that_may_not_be_read_in_detail_is_estimated_not_missed(
    sleeping: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = memory_bytes([os.getpid()])
    field = postgres_usage._field

    def refused(path: str, name: str) -> int:
        if path.endswith("smaps_rollup"):
            raise PermissionError(path)
        return field(path, name)

    monkeypatch.setattr(postgres_usage, "_field", refused)
    estimated = memory_bytes([os.getpid(), sleeping])
    assert exact * 0.5 < estimated < exact * 2.5


def test_room_on_disk_is_counted_in_blocks_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sparse").write_bytes(b"")
    os.truncate(tmp_path / "sparse", 10_000_000)
    (tmp_path / "link").symlink_to("/usr")
    assert disk_bytes(tmp_path) < 1_000_000
    assert disk_bytes(tmp_path / "missing") == 0


def test_the_thread_looks_at_the_disk_less_often(
    sleeping: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    enough = threading.Event()

    def look(*, at_disk: bool = True) -> None:
        looks.append(at_disk)
        if len(looks) == 2 * postgres_watch.DISK_EVERY:
            enough.set()

    watcher = Watcher(sleeping, tmp_path, Limits(**ROOMY), lambda: None, every_s=0.001)  # type: ignore[arg-type]
    monkeypatch.setattr(watcher, "look", look)  # not of the class: other servers' watchers run beside
    watcher.start()
    assert enough.wait(20)
    watcher.end()
    assert looks[: 2 * postgres_watch.DISK_EVERY] == [*[False] * (postgres_watch.DISK_EVERY - 1), True] * 2
    assert postgres_watch.DISK_EVERY > 1
