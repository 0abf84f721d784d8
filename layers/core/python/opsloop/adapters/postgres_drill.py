"""The specimens of the nightly drill: a small database in a PostgreSQL of our own, really dumped, really damaged.

with specimens_in(folder) as make:
    drill = run(..., make, ...)
"""

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import psycopg
from psycopg import sql

from opsloop.adapters.postgres_alone import without_environment
from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_dump import DumpSource
from opsloop.adapters.postgres_restore import verifier_here
from opsloop.adapters.postgres_server import RESTORER, Server
from opsloop.adapters.postgres_settings import MEBIBYTE, Limits
from opsloop.adapters.postgres_usage import memory_bytes
from opsloop.backup import damage
from opsloop.backup.connect import read_login
from opsloop.backup.damage import CONTROLS, DATABASE, DONE_TO_DATABASE, FRESH, OTHER, SAMPLE, Specimen
from opsloop.backup.drill import Drill, Examined, run
from opsloop.backup.model import Format, Manifest
from opsloop.dataclass import replace
from opsloop.errors import OpsloopError

EXTENSION = "opsloop_drill"  # which no PostgreSQL has
PRISTINE = "drill_pristine"  # what every other database is a copy of
LIMITS = Limits(memory_bytes=700 * MEBIBYTE, disk_bytes=700 * MEBIBYTE, lifetime_s=300.0)
_ENDINGS = {Format.CUSTOM: "dump", Format.SQL: "sql"}


def drill_here(
    drill_id: str,
    now: datetime,
    *,
    verifier: Examined | None = None,
    has_time: Callable[[], bool] = lambda: True,
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Drill:
    """Return what becomes of a drill on this machine, of the verifier as it is used here or of another.

    ``has_time`` says whether one more control may be begun; ``told`` hears how many are done, of how many. Takes 20 to
    50 s, 1 GB of memory and half as much of /tmp.
    """
    with TemporaryDirectory(prefix="opsloop-drill-") as folder:
        place = Path(folder)
        return run(
            drill_id,
            now,
            lambda: make_specimens(place),
            verifier or verifier_here(),
            time.monotonic,
            has_time=has_time,
            told=told,
        )


def make_specimens(folder: Path) -> list[Specimen]:
    """Return a specimen for each of ``CONTROLS``, its file in ``folder``.

    What cannot be made for one control is told in its specimen; where PostgreSQL does not start at all, or the sound
    dump cannot be made, that error is raised.
    """
    held = memory_bytes([os.getpid()])  # by this process before there is a PostgreSQL: its bound is on top
    with Server(limits=replace(LIMITS, memory_bytes=LIMITS.memory_bytes + held)) as server:
        maker = _Maker(server, folder)
        return [maker.specimen(control.name) for control in CONTROLS]


class _Maker:
    """Makes specimens from one server."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server, self._folder = server, folder
        server.create_database(PRISTINE)
        self._run(PRISTINE, SAMPLE)
        self._copy(DATABASE)
        self._sound_path, self._sound = self._dump(DATABASE, "sound")
        plain_path, _ = self._dump(DATABASE, "plain", Format.SQL)
        self._bytes, self._plain = self._sound_path.read_bytes(), plain_path.read_bytes()

    def specimen(self, name: str) -> Specimen:
        """Return the specimen of a control, or one that says why there is none."""
        try:
            path, manifest = self._made(name)
        except (OpsloopError, psycopg.Error, OSError, ValueError) as error:
            return Specimen(name, Path(), trouble=f"it could not be made: {type(error).__name__}: {error}")
        taken_at = self._sound.taken_at
        now = taken_at + (3 * damage.MAX_AGE if name == "stale" else FRESH)
        assertions = (damage.TRUE, damage.FALSE) if name == "assertion_failed" else (damage.TRUE,)
        return Specimen(name, path, manifest, now, assertions)

    def _made(self, name: str) -> tuple[Path, Manifest | None]:
        if name in ("sound", "stale", "assertion_failed"):
            return self._sound_path, self._sound
        if name == "sound_alone":
            return self._sound_path, None
        if name == "other_database":
            self._copy(OTHER)
            return self._dump(OTHER, name)
        if name == "missing_extension":
            self._copy(DATABASE)
            self._make_extension()
            return self._dump(DATABASE, name)
        if name in DONE_TO_DATABASE:
            self._copy(DATABASE)
            self._run(DATABASE, DONE_TO_DATABASE[name])
            path, lost = self._dump(DATABASE, name)
            return path, damage.paired(lost, self._sound)
        path = self._folder / f"{name}.{_ENDINGS[damage.format_of(name)]}"
        path.write_bytes(damage.damaged(name, self._bytes, self._plain))
        has_manifest = name in ("truncated", "bit_flipped", "empty")
        return path, self._sound if has_manifest else None

    def _copy(self, database: str) -> None:
        """Make ``database`` anew, as the sample is."""
        self._server.drop_database(database)
        with self._server.admin() as connection:
            statement = sql.SQL("create database {} template {} owner {}")
            connection.execute(statement.format(*map(sql.Identifier, (database, PRISTINE, RESTORER))))

    def _run(self, database: str, statements: str) -> None:
        with self._server.connect(database) as connection:
            connection.execute(statements.encode())

    def _dump(self, database: str, name: str, format: Format = Format.CUSTOM) -> tuple[Path, Manifest]:
        path = self._folder / f"{name}.{_ENDINGS[format]}"
        source = DumpSource(read_login(self._server.dsn(database)), tools())
        with path.open("wb") as file, without_environment():
            return path, source.take(_File(file), format=format)

    def _make_extension(self) -> None:
        """Make an extension that only this server has, of files that go with it."""
        folder = self._server.folder / "drill" / "extension"
        folder.mkdir(parents=True)
        (folder / f"{EXTENSION}.control").write_text("default_version = '1'\nrelocatable = true\n")
        (folder / f"{EXTENSION}--1.sql").write_text(
            "CREATE FUNCTION drilled() RETURNS int LANGUAGE sql AS 'SELECT 1';\n"
        )
        for path in (folder.parent, folder):
            path.chmod(0o755)
        with self._server.admin(DATABASE) as connection:
            place = sql.Literal(f"{folder.parent}:$system")
            connection.execute(sql.SQL("set extension_control_path = {}").format(place))
            connection.execute(sql.SQL("create extension {}").format(sql.Identifier(EXTENSION)))


class _File:
    """A dump's sink: an open file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, chunk: bytes) -> None:
        """Write the next bytes."""
        self._file.write(chunk)

    def finish(self, _manifest: Manifest) -> None:
        """Flush; whoever opened the file closes it."""
        self._file.flush()

    def abort(self) -> None:
        """Leave nothing in it."""
        self._file.seek(0)
        self._file.truncate()
