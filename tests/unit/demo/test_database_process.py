"""The database as a process: it survives being ended, being killed says so, and everything acknowledged stays."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from local.database.server import Facts, read_facts
from local.processes import group_members
from local.state import StateDir

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.xdist_group("shop_database")


@contextmanager
def started(state: StateDir) -> Iterator[tuple[subprocess.Popen[str], Facts]]:
    command = [sys.executable, "-m", "local.database", "--state-dir", str(state.root), "--orders", "10"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr
    try:
        while "listens on port" not in process.stderr.readline():
            assert process.poll() is None
        facts = read_facts(state)
        assert facts
        yield process, facts
    finally:
        for pid in group_members(process.pid):  # only what this test started
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=60)


def placed(facts: Facts) -> int:
    with psycopg.connect(facts.dsn("orders", "orders")) as connection:
        connection.execute(
            "INSERT INTO orders (reference, customer_id, payment, goods_cents, shipping_cents) "
            "VALUES ('x', 1, 'x', 1, 0)"
        )
    return count(facts)


def count(facts: Facts) -> int:
    with psycopg.connect(facts.dsn("orders", "orders")) as connection:
        row = connection.execute("SELECT count(*) FROM orders").fetchone()
        assert row
        return int(row[0])


def postgres(process: subprocess.Popen[str]) -> int:
    """Return the server's process: the child that the supervised one waits for."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(child)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the server's process by /proc")
def test_rows_stay_through_a_kill_and_an_end_and_the_status_tells_which_it_was(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    with started(state) as (process, first):
        assert placed(first) == 11
        os.kill(postgres(process), signal.SIGKILL)
        assert process.wait(60) == 1  # the supervisor starts it again
    with started(state) as (process, second):
        assert second == first  # the same port and passwords
        assert count(second) == 11
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert stat.S_IMODE((state.root / "database.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((state.root / "database").stat().st_mode) == 0o700
