"""The demo as a process: what it leaves behind, and what its exit code says."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.unit.demo.front_door import FrontDoor, serving

ROOT = Path(__file__).parents[3]


def start(state_dir: Path, api_url: str, *options: str) -> subprocess.Popen[bytes]:
    (state_dir / "stack.json").write_text(json.dumps({"api_url": api_url, "ingest_key": "opsloop_test_key"}))
    command = [sys.executable, "-m", "local.demo", "--state-dir", str(state_dir), *options]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()  # one that does not end fails the test, and must not outlive it
    return process.returncode, errors.decode()


def test_sigterm_flushes_everything_and_leaves_the_truth(tmp_path: Path):
    door = FrontDoor()
    with serving(door) as url:
        process = start(tmp_path, url, "--rate", "40", "--seed", "5")
        assert process.stderr
        assert b"shop open at" in process.stderr.readline()
        described = json.loads((tmp_path / "demo.json").read_text())
        with door.arrival:
            assert door.arrival.wait_for(lambda: len(door.bodies) > 5, timeout=60)
        process.send_signal(signal.SIGTERM)
        assert end(process)[0] == 0
    assert described["pid"] == process.pid
    assert set(described["services"]) == {"web", "orders", "payments"}
    truth = json.loads((tmp_path / "demo-truth.json").read_text())
    sent = {
        (int(minute), service, operation): [tally["requests"], tally["errors"]]
        for minute, services in truth["minutes"].items()
        for service, operations in services.items()
        for operation, tally in operations.items()
    }
    assert sent == door.request_counts()


def test_what_could_not_be_delivered_makes_the_exit_code_1(tmp_path: Path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        code, errors = end(start(tmp_path, url, "--rate", "40", "--duration", "1"))
    truth = json.loads((tmp_path / "demo-truth.json").read_text())
    assert code == 1
    assert "never acknowledged" in errors
    assert truth["delivery"]["web"]["traces"]["made"] > 0
    assert truth["delivery"]["web"]["traces"]["acknowledged"] == 0
