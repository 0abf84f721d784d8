"""A database of everything in Debian's PostgreSQL, its manifest and its dumps, shared by the tests of a worker."""

import hashlib
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_facts import read_facts
from opsloop.backup.model import Manifest
from opsloop.dataclass import replace
from tests.postgres import DebianServer
from tests.verifying import NOW

EVERYTHING = (Path(__file__).parent / "data" / "backup" / "everything.sql").read_text(encoding="utf-8")


class Source:
    """A database of everything, its manifest and its dumps."""

    def __init__(self, server: DebianServer, name: str, folder: Path) -> None:
        self.server, self.name, self.folder = server, name, folder
        with psycopg.connect(server.dsn(name, "postgres"), autocommit=True) as connection:
            self.facts = read_facts(connection)

    def dump(self, *options: str, program: Path | None = None) -> Path:
        """Return a new dump, a directory packed as tar."""
        path = self.folder / f"{len(list(self.folder.iterdir()))}.dump"
        command = [program or self.server.program("pg_dump"), f"--file={path}", *options]
        environment = dict(tools().environment) if program else {"LC_ALL": "C.UTF-8"}
        subprocess.run([*command, self.server.dsn(self.name, "postgres")], check=True, env=environment)
        if not path.is_dir():
            return path
        packed = path.with_suffix(".tar")
        with tarfile.open(packed, "w") as archive:
            archive.add(path, "shop")
        return packed

    def manifest(self, path: Path) -> Manifest:
        """Return the manifest of a dump of this database."""
        raw = path.read_bytes()
        digest = hashlib.sha256(raw).hexdigest()
        return replace(self.facts, dump_bytes=len(raw), sha256=digest, taken_at=NOW - timedelta(minutes=5))


@pytest.fixture(scope="session")
def source(debian_server: DebianServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Yield a database of everything."""
    name = "every thing"
    debian_server.create(name)
    with psycopg.connect(debian_server.dsn(name, "postgres"), autocommit=True) as connection:
        connection.execute(EVERYTHING.encode())
    yield Source(debian_server, name, tmp_path_factory.mktemp("dumps"))
    debian_server.drop(name)


@pytest.fixture(scope="session")
def custom(source: Source) -> Path:
    """Return its custom dump by Debian's pg_dump."""
    return source.dump("--format=custom")
