"""pg_amcheck, which looks for damage in tables and B-tree indexes, run beside what else is asked of a restored copy."""

import subprocess
import threading
from itertools import pairwise
from pathlib import Path

from psycopg.conninfo import make_conninfo

from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_prepare import add_amcheck
from opsloop.adapters.postgres_sandbox import check_confined, kill_session, start_confined
from opsloop.adapters.postgres_server import ADMIN, Server
from opsloop.adapters.postgres_trouble import ours
from opsloop.backup.engine_messages import bounded
from opsloop.backup.model import Finding, Reason
from opsloop.backup.ports import NotTriedError, Outcome

DAMAGED = 2  # the status with which it says that it found something
MAX_DAMAGED = 50
_STRICT = "-c search_path=pg_catalog -c event_triggers=off -c default_transaction_read_only=off"


class Amcheck:
    """One run over a database. It has a thread of its own: a confined program ends with the thread that starts it."""

    def __init__(self, server: Server, name: str, within_s: float) -> None:
        self._server, self._name, self._within_s = server, name, within_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_unwanted = threading.Event()
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="amcheck", daemon=True)
        self._thread.start()

    def outcome(self) -> Outcome:
        """Return what it found, once it has ended; raise ``NotTriedError`` where it could not look."""
        self._thread.join()
        if self._outcome is None:
            raise self._error or NotTriedError(Reason.NOT_STARTED, "pg_amcheck was ended")
        return self._outcome

    def end(self) -> None:
        """End it, wherever it is."""
        self._is_unwanted.set()
        if self._process is not None:
            kill_session(self._process)
        self._thread.join()

    def _run(self) -> None:
        try:
            with ours(self._server):
                self._outcome = self._looked()
        except BaseException as error:  # noqa: BLE001 -- the thread's boundary: ``outcome`` raises it
            self._error = error

    def _looked(self) -> Outcome:
        with self._server.connect(self._name, ADMIN, options=_STRICT, autocommit=True) as connection:
            add_amcheck(connection)
        database = make_conninfo("", dbname=self._name)
        command: list[str | Path] = [tools().pg_amcheck, "--jobs=2", "--no-password", database]
        process = start_confined(
            command,
            environment=self._server.environment(self._name),
            folder=self._server.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._process = process
        if self._is_unwanted.is_set():  # since before there was a process to kill
            kill_session(process)
        stdout, stderr = process.communicate(timeout=self._within_s)
        check_confined(process.returncode, stderr)
        if process.returncode not in (0, DAMAGED):
            self._server.check()
            said = " ".join(stderr.decode(errors="replace").split())[:500]
            raise NotTriedError(Reason.NOT_STARTED, f"pg_amcheck ended with status {process.returncode}: {said}")
        return _outcome(stdout.decode(errors="replace").splitlines(), is_damaged=process.returncode == DAMAGED)


def _outcome(lines: list[str], *, is_damaged: bool) -> Outcome:
    """Return what its lines say: a place that ends in a colon, and below it, set in, what is wrong there."""
    found = [
        Finding(Reason.CORRUPT, line.rstrip(":"), "no damage", after.strip()[:500])
        for line, after in pairwise(lines)
        if not line.startswith(" ") and after.startswith(" ")
    ]
    if is_damaged and not found:
        found = [Finding(Reason.CORRUPT, "pg_amcheck", "no damage", " ".join(lines)[:500])]
    return Outcome(tuple(found[:MAX_DAMAGED]), {}, bounded(lines))
