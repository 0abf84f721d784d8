"""Dumps restored into a PostgreSQL of our own, by pg_restore or psql, as a user who may do nothing else.

    verifier = verifier_here()
    verification = verifier.verify(path, manifest, wanted)

Both programs run confined (``postgres_sandbox``): no network, no other program, no file but what they are handed.
psql reads plain dumps in its restricted mode, in which it takes no command with a backslash.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, cast

from opsloop.adapters.postgres_binaries import server_binaries, tools
from opsloop.adapters.postgres_check import Checks
from opsloop.adapters.postgres_files import DumpFiles
from opsloop.adapters.postgres_folder import PREFIX
from opsloop.adapters.postgres_prepare import prepare
from opsloop.adapters.postgres_sandbox import check_confined, kill_session
from opsloop.adapters.postgres_server import Server
from opsloop.adapters.postgres_settings import Limits as ServerLimits
from opsloop.adapters.postgres_trouble import ours
from opsloop.backup.archive import Kind
from opsloop.backup.contents import list_lines
from opsloop.backup.engine_messages import bounded, findings_of
from opsloop.backup.needs import Needs, schemas_of
from opsloop.backup.order import OURS
from opsloop.backup.plain import for_psql
from opsloop.backup.ports import NotTriedError, Outcome, Told, Unpacked
from opsloop.backup.verify import Verifier
from opsloop.backup.wanted import Limits
from opsloop.dataclass import replace

LOOK_S = 0.05
PARALLEL_BYTES = 16 << 20  # from this size on two of pg_restore's own workers are faster than one
MAX_IN_ONE = 4_000  # entries or tables in one transaction, which holds a few locks for each until its end
_LOCKS = {"max_locks_per_transaction": "1024"}  # for each of some 20 sessions that may be
# a second core counts rows beside the first, as a server that people use would
_PARALLEL = {"max_worker_processes": "4", "max_parallel_workers": "2", "max_parallel_workers_per_gather": "1"}
_ONE_BUILDS = {"PGOPTIONS": "-c max_parallel_maintenance_workers=1"}  # and builds an index, unless a second worker does
SECTIONS = (("--section=pre-data", "--section=data"), ("--section=post-data",))
"""What several workers restore one behind the other where triggers could be made too early."""
_NO_NAMES = ("", "postgres", "template0", "template1")
_PG_RESTORE = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-subscriptions", "--no-security-labels")


def verifier_here(scratch: Path | None = None) -> Verifier:
    """Return a verifier that restores on this machine; ``scratch`` is where dumps are unpacked and servers live."""
    return Verifier(DumpFiles(scratch), PostgresEngine(scratch), time.monotonic)


class PostgresEngine:
    """The port ``Engine``: a server for each verification, gone behind it."""

    def __init__(self, scratch: Path | None = None) -> None:
        self._scratch = scratch
        self._peak = 0
        self._server: Server | None = None
        self._trouble: NotTriedError | None = None

    @property
    def version(self) -> str:
        """Return the version of the server that restores."""
        return server_binaries().version

    def peak_memory_bytes(self) -> int:
        """Return the most memory that servers, their programs and we took, in bytes."""
        return self._peak

    @contextmanager
    def begun(self, limits: Limits) -> Iterator[None]:
        """Start a server, which ``opened`` waits for, and stop it at the end. It knows nothing of a dump yet, and its
        time is counted from ``opened`` on.
        """
        bounds = ServerLimits(
            memory_bytes=limits.memory_bytes,
            disk_bytes=limits.disk_bytes,
            lifetime_s=limits.seconds,
            statement_timeout_s=limits.statement_s,
        )
        self._peak, self._trouble = 0, None
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._scratch)) if self._scratch else None
        self._server = server = Server(folder, bounds, _LOCKS | _PARALLEL if has_two_cores() else _LOCKS)
        try:
            try:
                with ours(server):
                    server.begin()
            except NotTriedError as error:  # nobody has asked for it yet
                self._trouble = error
            yield
        finally:
            self._server = None
            server.stop()
            self._peak = server.peak_memory_bytes
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def opened(self, dump: Unpacked, needs: Needs, database: str | None, limits: Limits) -> Iterator["RestoredCopy"]:
        """Return an empty database with the roles, extensions and collations that the dump needs, within ``begun``."""
        server = cast("Server", self._server)
        if self._trouble is not None:
            raise self._trouble
        copy = None
        try:
            with ours(server):
                server.limits = replace(server.limits, lifetime_s=limits.seconds)
                server.finish()
                copy = RestoredCopy(server, dump, needs, database, limits)
            yield copy
        finally:
            if copy is not None:
                copy.close()


def is_reachable(path: Path) -> bool:
    """Return whether who restores dumps may open the file or folder by its path: several processes have to."""
    if os.geteuid():
        return True
    found = path.stat()
    wanted = 0o005 if path.is_dir() else 0o004
    return found.st_mode & wanted == wanted and all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def has_two_cores() -> bool:
    """Return whether a second process has a processor to itself."""
    return (os.cpu_count() or 1) > 1


def is_worth_two(dump: Unpacked) -> bool:
    """Return whether two workers of pg_restore are faster than one; the tar format can have but one."""
    is_divisible = dump.kind is Kind.CUSTOM or dump.path.is_dir()
    return is_divisible and dump.inflated_bytes >= PARALLEL_BYTES and is_reachable(dump.path) and has_two_cores()


class RestoredCopy(Checks):
    """The port ``Copy``: one database of a server."""

    def __init__(self, server: Server, dump: Unpacked, needs: Needs, database: str | None, limits: Limits) -> None:
        name = dump.contents.header.database if dump.contents else database or ""
        super().__init__(server, "restored" if name in _NO_NAMES else name[:63], limits)
        self._dump, self._needs, self._part = dump, needs, database
        self._options = _ONE_BUILDS if has_two_cores() and not is_worth_two(dump) else {}
        notes = server.create_database(self.name, encoding=needs.encoding)
        with server.admin(self.name) as connection:
            self._missing, more = prepare(connection, needs)
        self._notes = (*notes, *more)

    @property
    def missing_extensions(self) -> tuple[str, ...]:
        """Return the extensions that the dump needs and this PostgreSQL has not."""
        return self._missing

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what had to be done otherwise than at the source, in words."""
        return self._notes

    def restore(self, told: Told) -> Outcome:
        """Restore the dump; every error of the engine is a finding."""
        with ours(self.server):
            if self._dump.kind is Kind.PLAIN:
                program, (status, errors) = "psql", self._by_psql(told)
            else:
                program, (status, errors) = "pg_restore", self._by_pg_restore(told)
            if status:
                self.server.check()  # a bound that was passed explains what follows from it
            check_confined(status, errors.encode())
        found = tuple(findings_of(errors, status, program))
        if ours_alone := [one for one in found if one.reason in OURS]:
            raise NotTriedError(ours_alone[0].reason, ours_alone[0].found)
        return Outcome(found, {}, bounded(errors.splitlines()))

    def _by_pg_restore(self, told: Told) -> tuple[int, str]:
        wanted = self.server.folder / "list"
        wanted.write_text(list_lines(self._needs.keep), encoding="ascii")
        wanted.chmod(0o644)
        command: list[str | Path] = [tools().pg_restore, *_PG_RESTORE, "--use-list", wanted]
        command += ["--dbname", self.name_for_libpq()]
        path = self._dump.path
        if is_worth_two(self._dump):
            looks = count()
            said = ""
            for part in SECTIONS if self._dump.contents and self._dump.contents.fires_early else ((),):
                status, errors = self._run(
                    [*command, *part, "--jobs=2", path],
                    look=lambda: None if next(looks) % 20 else told(self.server.disk_bytes, 0.0),
                )
                said += errors
                if status:
                    break
            return status, said
        is_small = len(self._needs.keep) <= MAX_IN_ONE
        command.append("--single-transaction" if is_small else "--transaction-size=1000")
        if path.is_dir():
            return self._run([*command, "--format=directory", path])
        size = path.stat().st_size
        with path.open("rb") as file:
            form = "tar" if self._dump.kind is Kind.TAR else "custom"
            # the place in the file is shared with pg_restore: how far it has read
            return self._run(
                [*command, f"--format={form}"], file, lambda: told(os.lseek(file.fileno(), 0, os.SEEK_CUR), size)
            )

    def _by_psql(self, told: Told) -> tuple[int, str]:
        token = secrets.token_hex(24)
        command: list[str | Path] = [tools().psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        facts = self._dump.plain
        if facts is not None and not facts.has_transactions and facts.tables <= MAX_IN_ONE:
            command.append("--single-transaction")  # rows of a table made in the same one need no write-ahead log
        command += [f"--command=\\restrict {token}", "--file=-", "--dbname"]
        process, errors = self.start([*command, self.name_for_libpq()], subprocess.PIPE, self._options)
        total, done = self._dump.inflated_bytes, 0
        chunks = self._dump.chunks() if self._dump.chunks else iter(())
        made = frozenset(schemas_of(self._needs.extensions.values()))
        try:
            # a psql that ended has said why; the pipe's end writes what is left, so it is within
            with suppress(BrokenPipeError), process.stdin or open(os.devnull, "wb") as pipe:
                for part in for_psql(chunks, self._part, made):
                    pipe.write(part)
                    done += len(part)
                    told(done, total)
            status = process.wait()
        except BaseException:  # whatever interrupts us: nothing is left behind
            kill_session(process)
            process.wait()
            raise
        return status, errors.text()

    def _run(
        self, command: Sequence[str | Path], stdin: IO[bytes] | None = None, look: Callable[[], None] | None = None
    ) -> tuple[int, str]:
        process, errors = self.start(command, stdin or subprocess.DEVNULL, self._options)
        try:
            while not errors.is_over(LOOK_S):
                if look is not None:
                    look()
            return process.wait(), errors.text()
        except BaseException:  # whatever interrupts us: nothing is left behind
            kill_session(process)
            process.wait()
            raise
