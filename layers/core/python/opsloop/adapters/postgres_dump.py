"""A dump of a database and its manifest, of one snapshot, streamed to wherever it is kept; nothing lies on disk.

A transaction REPEATABLE READ READ ONLY locks the tables against changes of their shape, exports its snapshot, reads the
facts in it and stays open; pg_dump takes up the same snapshot (``--snapshot``). DEFERRABLE would do nothing: it is for
SERIALIZABLE alone, which a standby does not have; on standbys snapshots are exported from version 10 on. Tables are
locked before the snapshot is taken, as PostgreSQL's manual advises, so that none is truncated in between.

A sequence is in no snapshot: those that move while pg_dump runs are read again behind it (``sequences_after``).
"""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from threading import Thread, Timer
from typing import Any, Protocol

import psycopg

from opsloop.adapters.postgres_binaries import Tools
from opsloop.adapters.postgres_connect import as_ours, connect, plain, reachable
from opsloop.adapters.postgres_facts import prepare, read_facts, sequences_now
from opsloop.adapters.postgres_rights import check_rights, lock_tables
from opsloop.adapters.postgres_rows import rows_of
from opsloop.backup.connect import Login
from opsloop.backup.dump_failure import failure
from opsloop.backup.model import Format, Manifest
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError, PermanentError

CHUNK_BYTES = 1 << 18
STDERR_BYTES = 1 << 16  # the end of what pg_dump said is kept
OLDEST = 120_000  # the facts are asked in the catalogs' shape since 12
LOCK_TIMEOUT_S = 60.0
GRACE_S = 5.0  # for pg_dump to cancel on the server what it waits for there
FORMATS = {
    Format.CUSTOM: ("--format=custom", "--compress=gzip"),
    Format.SQL_GZ: ("--format=plain", "--compress=gzip"),
    Format.SQL: ("--format=plain", "--compress=none"),
}
_BEGINNINGS = {Format.CUSTOM: b"PGDMP", Format.SQL_GZ: b"\x1f\x8b", Format.SQL: b"--\n-- PostgreSQL database dump"}
_END = b"-- PostgreSQL database dump complete"


class Sink(Protocol):
    """Where a dump goes. Exactly one of ``finish`` and ``abort`` is called, once, and nothing after it."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes (at most ``CHUNK_BYTES``); may wait; what it raises ends the dump and leaves ``take``."""

    def finish(self, manifest: Manifest) -> None:
        """Keep the dump: first its manifest, which is complete now, then the dump itself. If it raises, the sink
        itself has to see that nothing stays; ``abort`` is called then, too."""

    def abort(self) -> None:
        """Leave nothing of it behind."""


class VersionTooNewError(PermanentError):
    """The server is of a newer major version than our pg_dump."""


@dataclass(frozen=True)
class DumpSource:
    """A database that can be dumped. ``tools`` are those of ``postgres_binaries.tools()``."""

    login: Login
    tools: Tools

    def take(
        self,
        sink: Sink,
        *,
        schemas: Sequence[str] = (),
        exclude_schemas: Sequence[str] = (),
        format: Format = Format.CUSTOM,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        seconds: float | None = None,
        progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None,
    ) -> Manifest:
        """Dump the database into ``sink`` and return the manifest, complete with size and SHA-256.

        ``progress`` is told the phase (``facts``, ``dump``), the bytes written so far, and the bytes that the database
        takes on its server. With ``seconds`` pg_dump is ended when it takes longer. Raises ``TransientError`` where
        another try may succeed, ``PermanentError`` where something must be changed first, each in the engine's words;
        what the sink raises passes. In each case the sink was told to abort, and no process is left.
        """
        if format not in FORMATS:
            raise InvalidInputError(f"format: {format.value} cannot be streamed; need one of {', '.join(FORMATS)}")
        is_finished = False
        try:
            with reachable(self.login) as conninfo, _told(self.login):
                connection = connect(self.login, conninfo)
                try:
                    progress("facts", 0, 0)
                    facts, snapshot = self._facts(connection, schemas, exclude_schemas, lock_timeout_s)
                    run = _Run(self, facts, format, conninfo, snapshot, lock_timeout_s)
                    size, digest = run.stream(sink, seconds, progress)
                    after = self._sequences(connection, conninfo, facts)
                finally:
                    connection.close()
            moved = {name: one for name, one in after.items() if facts.sequences.get(name) not in (None, one)}
            manifest = replace(
                facts,
                sequences_after=moved,
                dump_format=format,
                dump_bytes=size,
                sha256=digest,
                pg_dump_version=self.tools.version,
            )
            sink.finish(manifest)
            is_finished = True
            return manifest
        finally:
            if not is_finished:
                sink.abort()

    def _facts(
        self,
        connection: "psycopg.Connection[Any]",
        schemas: Sequence[str],
        exclude: Sequence[str],
        lock_timeout_s: float,
    ) -> tuple[Manifest, str]:
        """Return what is true in a new snapshot, and the name by which pg_dump can take it up."""
        version = connection.info.server_version
        if version // 10_000 > self.tools.major:
            raise VersionTooNewError(
                f"{self.login.where}: version_too_new: PostgreSQL {version // 10_000} is newer than our pg_dump, "
                f"{self.tools.version}: update opsloop"
            )
        if version < OLDEST:
            raise PermanentError(f"{self.login.where}: PostgreSQL {version // 10_000} is older than 12")
        check_rights(connection, self.login, schemas, exclude)
        lock_tables(connection, schemas, exclude, lock_timeout_s)
        snapshot = str(rows_of(connection, "SELECT pg_export_snapshot()")[0][0])
        return read_facts(connection, schemas=schemas, exclude_schemas=exclude), snapshot

    def _sequences(
        self, connection: "psycopg.Connection[Any]", conninfo: str, facts: Manifest
    ) -> dict[str, tuple[int, bool]]:
        """Return where the sequences stand behind the dump; by a new session where the old one was lost meanwhile."""
        try:
            return sequences_now(connection, facts)
        except psycopg.OperationalError:
            with connect(self.login, conninfo) as another, another.transaction(force_rollback=True):
                prepare(another)
                return sequences_now(another, facts)


@dataclass(frozen=True)
class _Run:
    """One run of pg_dump."""

    source: DumpSource
    facts: Manifest
    format: Format
    conninfo: str
    snapshot: str
    lock_timeout_s: float

    def arguments(self) -> list[str]:
        """Return the command, which holds no password."""
        facts = self.facts
        filters = [f"--schema={one}" for one in facts.schemas] + [
            f"--exclude-schema={one}" for one in facts.exclude_schemas
        ]
        if facts.schemas:  # with a filter, extensions come only when asked for
            filters += [f'--extension="{one}"' for one in facts.extensions if one != "plpgsql"]
        return [
            str(self.source.tools.pg_dump),
            *FORMATS[self.format],
            f"--encoding={facts.encoding}",  # the server's own, whatever the role or PGCLIENTENCODING says
            f"--snapshot={self.snapshot}",
            f"--lock-wait-timeout={int(self.lock_timeout_s * 1000)}",
            "--no-password",
            *filters,
            f"--dbname={self.conninfo}",
        ]

    def stream(self, sink: Sink, seconds: float | None, progress: Callable[[str, int, int], None]) -> tuple[int, str]:
        """Run pg_dump into the sink; return how many bytes it wrote, and their SHA-256."""
        login, tools = self.source.login, self.source.tools
        # without a password libpq looks for a file of them, and complains about one that is no file
        secret = {"PGPASSWORD": login.password} if login.password else {"PGPASSFILE": "/nonexistent"}
        environment = {**tools.environment, **secret}
        digest, size, first, last = sha256(), 0, b"", b""
        progress("dump", 0, self.facts.size_bytes)
        with _child(self.arguments(), environment, seconds) as child:
            for chunk in child.chunks():
                digest.update(chunk)
                size += len(chunk)
                first = first or chunk
                last = (last + chunk)[-512:]
                sink.write(chunk)
                progress("dump", size, self.facts.size_bytes)
            status = child.ended()
        if child.is_late:
            raise PermanentError(f"{login.where}: pg_dump did not end within {seconds:g} s: it was stopped")
        if status:
            raise failure(status, plain(child.said(), login), login.where)
        is_whole = first.startswith(_BEGINNINGS[self.format]) and (self.format is not Format.SQL or _END in last)
        if not is_whole:
            raise PermanentError(f"{login.where}: pg_dump ended well, but what it wrote ({size} bytes) is no dump")
        return size, digest.hexdigest()


class _Child:
    """A running program whose output is read as it comes, and the end of whose complaints is kept."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process, self._said, self.is_late = process, b"", False
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        if self._process.stderr is None:
            return
        while chunk := self._process.stderr.read(4096):
            self._said = (self._said + chunk)[-STDERR_BYTES:]

    def chunks(self) -> Iterator[bytes]:
        """Yield what it writes."""
        if self._process.stdout is None:
            return
        while chunk := self._process.stdout.read(CHUNK_BYTES):
            yield chunk

    def ended(self) -> int:
        """Wait for its end; return its exit status, negative where a signal ended it."""
        return self._process.wait()

    def said(self) -> str:
        """Return the end of what it complained about, once it ended."""
        return self._said.decode("utf-8", "replace")

    def stop(self) -> None:
        """End it, if it runs still."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=GRACE_S)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._listener.join(timeout=GRACE_S)  # its pipe is closed next, and it has the last words

    def late(self) -> None:
        """End it because its time is over."""
        self.is_late = True
        self._process.kill()


@contextmanager
def _child(arguments: list[str], environment: dict[str, str], seconds: float | None) -> Iterator[_Child]:
    """Run a program; it has ended when this is left, however."""
    with subprocess.Popen(
        arguments,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        child = _Child(process)
        timer = Timer(seconds, child.late) if seconds is not None else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            yield child
        finally:
            if timer:
                timer.cancel()
            child.stop()


@contextmanager
def _told(login: Login) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except psycopg.Error as error:
        raise as_ours(error, login) from None
