"""A PostgreSQL of our own to restore into: started in a folder, confined, bounded, and gone without a trace.

    with Server(limits=Limits(memory_bytes=2**30)) as server:
        notes = server.create_database("shop", encoding="UTF8", collation="en_US.UTF-8")
        run_confined([tools().pg_restore, ...], environment=server.environment("shop"), ...)
        with server.connect("shop") as connection: ...

It listens on a Unix socket alone and runs confined (``postgres_sandbox``). ``opsloop_admin``, its superuser, is for
our own statements about the server and never touches what was restored: a stranger's function in a view, a default or
an index would run with its rights. ``restorer`` owns the database and has no other right.
"""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from opsloop.adapters import postgres_cluster
from opsloop.adapters.postgres_alone import connect
from opsloop.adapters.postgres_binaries import server_binaries, tools
from opsloop.adapters.postgres_folder import PREFIX, closed_above, remove_stale, write
from opsloop.adapters.postgres_locale import BY_CODE_POINT, NO_SUCH_LOCALE, candidates, is_utf8, locale_clause
from opsloop.adapters.postgres_sandbox import (
    Confinement,
    check_confined,
    run_confined,
    runs_as,
    shielded,
    start_confined,
)
from opsloop.adapters.postgres_settings import HOST_RULES, MEBIBYTE, Limits, configuration, settings_of
from opsloop.adapters.postgres_usage import disk_bytes, process_tree
from opsloop.adapters.postgres_watch import LimitPassedError, Passed, Watcher
from opsloop.errors import PermanentError

ADMIN, RESTORER = "opsloop_admin", "restorer"
SPARE = "postgres"  # initdb's database: it becomes the first that is asked for in its locale
OWN_DATABASE = "template1"  # where we speak to the server itself from then on; the restorer may not enter it
START_WITHIN_S = 60.0
STOP_WITHIN_S, ASK_AGAIN_S = 10.0, 0.1
SPACE_BEYOND_MEMORY = 512 * MEBIBYTE  # programs, libraries, locales: address space that is not memory


class ServerError(PermanentError):
    """PostgreSQL does not start or answer here; the message has what it says."""

    status = 503
    title = "PostgreSQL does not run"


class Server:
    """One server, from ``start`` (or ``with``) to ``stop``. Of several, each needs a folder of its own.

    ``folder`` must not exist yet or be empty, and whoever runs confined must be able to reach it (as root: nobody);
    it is removed at the end. None makes one in the temporary folder. ``settings`` are put over ours. Start it from a
    thread that lives as long as it shall: it ends with that thread.
    """

    def __init__(
        self, folder: Path | None = None, limits: Limits | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.folder = folder or Path()
        self.passed: Passed | None = None
        self.peak_memory_bytes = 0
        self.peak_disk_bytes = 0
        self._is_ours = folder is None
        self._settings = settings
        self._passwords = {name: secrets.token_urlsafe(24) for name in (ADMIN, RESTORER)}
        self._held = ExitStack()
        self._is_prepared = False
        self._has_spare = False
        self._is_copy, self._cluster = False, ""
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Make the cluster and start the server; returns when it answers.

        Raises ``ServerError`` when PostgreSQL does not come up, ``SandboxUnavailableError`` when it cannot be
        confined, ``BinariesMissingError`` when it is not installed. Nothing is left behind then.
        """
        self.begin()
        self.finish()

    def begin(self) -> None:
        """Make the cluster and start the server without waiting for it: ``finish`` does. Raises what ``start`` does."""
        with self._or_nothing():
            self._prepare()
            self._held.enter_context(shielded())
            self._make_cluster()
            self._launch()

    def finish(self) -> None:
        """Return when the server that ``begin`` started answers. Raises what ``start`` does."""
        with self._or_nothing():
            try:
                self._await_answer()
            except ServerError:
                if not self._is_copy or not postgres_cluster.is_damaged(self._cluster):
                    raise
                self._end()
                shutil.rmtree(self._data)
                self._make_cluster()  # by initdb: what was copied is gone
                self._launch()
                self._await_answer()
            self._watcher = Watcher(self.pid, self.folder, self.limits, self._end)
            self._watcher.start()
            self._make_restorer()

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """Leave nothing behind when it fails."""
        try:
            yield
        except BaseException:  # an interruption, too
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Return the id of the server's first process."""
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process.pid

    @property
    def disk_bytes(self) -> int:
        """Return the room that the folder takes on its disk now."""
        return disk_bytes(self.folder)

    @property
    def is_running(self) -> bool:
        """Return whether the server's first process is alive."""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raise ``LimitPassedError`` if a bound was passed, ``ServerError`` if the server has ended otherwise.

        To be asked when a statement or a program failed: a server that is stopped shows itself as a lost connection.
        """
        passed = self.passed or (self._watcher.passed if self._watcher else None)
        if passed is not None:
            raise LimitPassedError(passed)
        if not self.is_running:
            raise ServerError(f"PostgreSQL has ended: {self.log_tail()}")

    def dsn(self, dbname: str = "", user: str = RESTORER) -> str:
        """Return a connection string, with the password in it: not for logs, nor for command lines. Whoever connects by
        it has the environment of the process against him; ``connect`` has not.

        Without ``dbname`` it is that of a database with nothing in it, which only ``opsloop_admin`` may enter. The
        encoding is said: in a database without one (SQL_ASCII) names would come as bytes.
        """
        words = {"user": user, "password": self._passwords[user], "client_encoding": "UTF8"}
        return make_conninfo("", host=str(self._sockets), dbname=dbname or self._own_database(), **words)

    def connect(self, dbname: str = "", user: str = RESTORER, **words: Any) -> "psycopg.Connection[Any]":
        """Return a session, whatever the environment says; ``words`` are libpq's, and psycopg's."""
        return connect(self.dsn(dbname, user), **words)

    def environment(self, dbname: str, user: str = RESTORER) -> dict[str, str]:
        """Return the environment in which ``tools()`` reach a database, confined programs among them."""
        given = {"PGHOST": str(self._sockets), "PGDATABASE": dbname, "PGUSER": user}
        return {**tools().environment, **given, "PGPASSWORD": self._passwords[user]}

    def admin(self, dbname: str = "") -> "psycopg.Connection[Any]":
        """Return a superuser's connection, without transactions. For statements about the server, never of a dump."""
        return self.connect(dbname, ADMIN, autocommit=True, connect_timeout=10)

    def create_database(self, name: str, *, encoding: str = "UTF8", collation: str = "") -> tuple[str, ...]:
        """Make an empty database that ``restorer`` owns; return what about it is not as asked, as notes for people.

        ``collation`` is a locale of the source such as ``de_DE.UTF-8``. Where this system has none of that name, ICU's
        rules of that language are used, else order by code point.
        """
        notes: list[str] = []
        with self.admin() as connection:
            for provider, locale in candidates(encoding, collation):
                try:
                    self._make_database(connection, name, encoding, (provider, locale))
                except NO_SUCH_LOCALE as error:
                    notes.append(f"collation {collation or locale} is not available here ({_first_line(error)})")
                    continue
                if notes:
                    notes = [f"{notes[0]}; {provider} {locale} was used instead"]
                connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
                return tuple(notes)
        raise ServerError(f"no database with encoding {encoding} can be made: {'; '.join(notes)}")

    def drop_database(self, name: str) -> None:
        """Remove a database and everything in it, ending the sessions that use it."""
        with self.admin() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _make_database(
        self, connection: "psycopg.Connection[Any]", name: str, encoding: str, locale: tuple[str, str]
    ) -> None:
        """Make an empty database: initdb's own under another name while nobody has it, else a copy of template0."""
        made, owner = sql.Identifier(name), sql.Identifier(RESTORER)
        if self._has_spare and is_utf8(encoding) and locale == BY_CODE_POINT:
            # ALTER DATABASE would have to be said in another database, and making one more takes time
            connection.execute("update pg_catalog.pg_database set datname = %s where datname = %s", [name, SPARE])
            connection.execute(sql.SQL("alter database {} owner to {}").format(made, owner))
            connection.execute(sql.SQL("comment on database {} is null").format(made))
            self._has_spare = False
            return
        self._complete()
        statement = sql.SQL("create database {} owner {} template template0 encoding {} {}")
        connection.execute(statement.format(made, owner, sql.Literal(encoding), locale_clause(*locale)))

    def _own_database(self) -> str:
        """Return a database in which nothing of a stranger's ever was."""
        if self._has_spare:
            return SPARE
        self._complete()
        return OWN_DATABASE

    def _complete(self) -> None:
        """Put those databases of initdb's in place that most servers need not."""
        try:
            postgres_cluster.complete(self._data, self._cluster)
        except OSError as error:
            raise ServerError(f"no other database can be made: {error}") from error

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that the server wrote; they can quote a stranger's names, never rows or passwords."""
        try:
            text = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self) -> None:
        """End the server, quickly if it can, hard if it must, and remove its folder. Twice is as good as once."""
        if self._watcher is not None:
            self._watcher.end()
            self.passed = self._watcher.passed
            if self.is_running and self.passed is None:
                self._watcher.look()
            self.peak_memory_bytes = self._watcher.peak_memory_bytes
            self.peak_disk_bytes = self._watcher.peak_disk_bytes
            self._watcher = None
        self._end()
        self._process = None
        self._held.close()
        if self._is_prepared:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._is_prepared = False

    def _end(self) -> None:
        """Ask the server to end at once (SIGQUIT: nothing of it is kept), then kill each of its processes.

        It is asked again and again: one that just begins may inherit that the signal is ignored, as a shell's
        background does, and hears it only later.
        """
        process = self._process
        if process is None:
            return
        until_s = time.monotonic() + STOP_WITHIN_S
        while process.poll() is None and time.monotonic() < until_s:
            process.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(ASK_AGAIN_S)
        if process.returncode is not None:
            return
        for one in reversed(process_tree(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _sockets(self) -> Path:
        return self.folder / "s"

    def _prepare(self) -> None:
        """Make the folder, held by a lock that ends with this process; remove those that nobody holds any more."""
        if self._is_ours:
            remove_stale(Path(tempfile.gettempdir()))
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise ServerError(f"{self.folder} is not empty, and would be removed when the server stops")
        self._is_prepared = True
        waiting = self.folder / "lock.new"  # under its own name it is never seen unlocked
        fcntl.flock(self._held.enter_context(waiting.open("w")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        waiting.rename(self.folder / "lock")
        self._sockets.mkdir()
        if len(str(self._sockets)) > 90:  # sun_path has room for 107 bytes, and the socket has a name
            raise ServerError(f"{self.folder} is too long a path for a Unix socket: give a shorter one")
        if os.geteuid() == 0:
            for path in (self.folder, self._sockets):
                os.chown(path, *runs_as())
            if closed := closed_above(self.folder):
                raise ServerError(f"nobody, as whom PostgreSQL runs, cannot enter {closed}: give a folder elsewhere")

    def _make_cluster(self) -> None:
        """Make the cluster: by initdb the first time on this machine, then as a copy of what it made."""
        binaries = server_binaries()
        options = ["--username", ADMIN, "--no-sync", "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
        options += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"]
        options += ["--no-data-checksums"]  # for a copy that lives for minutes
        name = postgres_cluster.name_of(str(binaries.initdb), binaries.version, *options)
        known = postgres_cluster.fresh(self._data, name)
        self._cluster, self._has_spare, self._is_copy = name, True, known is not None
        if known is None:
            self._initdb(options)
            postgres_cluster.keep(self._data, self._passwords[ADMIN], name)
        else:
            self._passwords[ADMIN] = known
        settings = settings_of(self.limits, self._sockets, self._settings)
        write(self._data / "postgresql.conf", configuration(settings))
        write(self._data / "pg_hba.conf", HOST_RULES)

    def _initdb(self, options: list[str]) -> None:
        binaries = server_binaries()
        secret = self.folder / "password"
        write(secret, self._passwords[ADMIN])
        command: list[str | Path] = [binaries.initdb, "--pgdata", self._data, "--pwfile", secret, *options]
        environment = {**binaries.environment, "PATH": "/usr/bin:/bin"}  # it starts a shell, which starts postgres
        may = Confinement(may_execute=True)
        done = run_confined(command, may, environment=environment, folder=self.folder, timeout_s=START_WITHIN_S)
        secret.unlink()
        if done.returncode:
            raise ServerError(f"initdb failed: {(done.stderr or done.stdout).decode(errors='replace').strip()[-800:]}")

    def _launch(self) -> None:
        binaries = server_binaries()
        bounds = Confinement(
            on_our_end=signal.SIGQUIT,  # at once, with all of its processes
            file_bytes=max(self.limits.disk_bytes, 64 * MEBIBYTE),
            space_bytes=self.limits.memory_bytes + SPACE_BEYOND_MEMORY,
        )
        with (self.folder / "log").open("wb") as log:
            self._process = start_confined(
                [binaries.postgres, "-D", self._data],
                bounds,
                environment=binaries.environment,
                folder=self.folder,
                stdout=log,
                stderr=log,
            )

    def _await_answer(self) -> None:
        """Return when the server answers."""
        until_s = time.monotonic() + START_WITHIN_S
        while True:
            try:
                self.connect(user=ADMIN, connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if not self.is_running:
                    tail = self.log_tail()
                    status = self._process.returncode if self._process else None
                    check_confined(status, tail.encode())
                    raise ServerError(f"PostgreSQL ended with status {status} at its start: {tail}") from error
                if time.monotonic() > until_s:
                    raise ServerError(f"PostgreSQL does not answer: {_first_line(error)}") from error
            time.sleep(0.01)

    def _make_restorer(self) -> None:
        with self.admin() as connection:
            connection.execute(
                sql.SQL("create role {} login nocreatedb nocreaterole password {}").format(
                    sql.Identifier(RESTORER), sql.Literal(self._passwords[RESTORER])
                )
            )
            statement = sql.SQL("revoke all on database {}, {} from public")
            connection.execute(statement.format(sql.Identifier(SPARE), sql.Identifier(OWN_DATABASE)))
            own = secrets.token_urlsafe(24)  # the cluster may be a copy, whose password others know, too
            connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(ADMIN), sql.Literal(own)))
        self._passwords[ADMIN] = own


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
