"""Dumps verified for real in tests: one server for all of them, a database for each."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from opsloop.adapters.postgres_files import DumpFiles
from opsloop.adapters.postgres_restore import PostgresEngine, RestoredCopy
from opsloop.adapters.postgres_server import Server
from opsloop.adapters.postgres_trouble import ours
from opsloop.backup.model import Manifest, Verification
from opsloop.backup.needs import Needs
from opsloop.backup.ports import Unpacked
from opsloop.backup.verify import Verifier
from opsloop.backup.wanted import Limits, Wanted

NOW = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)
HEAD = """--
-- PostgreSQL database dump
--

-- Dumped from database version 15.18
-- Dumped by pg_dump version 15.18

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE TABLE public.kept (id integer);

COPY public.kept (id) FROM stdin;
1
2
\\.

"""
END = "\n--\n-- PostgreSQL database dump complete\n--\n"


class SharedEngine(PostgresEngine):
    """The engine as it is, but in a server that is there already, in which each copy has its own database."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.look: Callable[[RestoredCopy], None] = lambda _: None

    @contextmanager
    def begun(self, _limits: Limits) -> Iterator[None]:
        """Begin nothing: the server is there."""
        yield

    @contextmanager
    def opened(self, dump: Unpacked, needs: Needs, database: str | None, limits: Limits) -> Iterator[RestoredCopy]:
        """Return an empty database as ``PostgresEngine`` prepares it; ``look`` sees it before it goes."""
        copy = None
        try:
            with ours(self.server):
                copy = RestoredCopy(self.server, dump, needs, database, limits)
            yield copy
            self.look(copy)
        finally:
            if copy is not None:
                copy.close()
                self.server.drop_database(copy.name)


class Bench:
    """``verify`` for tests: a file, or the text of a plain dump between pg_dump's first and last lines."""

    def __init__(self, engine: SharedEngine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.seconds = 0.0

    def file(self, path: Path, manifest: Manifest | None = None, **wanted: Any) -> Verification:
        """Return the verification of a file; ``wanted`` changes what is wanted of it."""
        verifier = Verifier(DumpFiles(), self.engine, self._tick)
        return verifier.verify(path, manifest, Wanted(**{"database": "shop", "now": NOW, **wanted}))

    def sql(self, text: str, **wanted: Any) -> Verification:
        """Return the verification of a plain dump of one table and ``text``."""
        path = self.folder / "dump.sql"
        path.write_text(HEAD + text + END, encoding="utf-8")
        return self.file(path, **wanted)

    def _tick(self) -> float:
        self.seconds += 0.001
        return self.seconds


@pytest.fixture
def verifying(embedded_server: Server, tmp_path: Path) -> Bench:
    """Return what verifies dumps in ``embedded_server``."""
    return Bench(SharedEngine(embedded_server), tmp_path)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """Return a file that whoever restores dumps could make, and that is there when a command was run."""
    folder = tmp_path / "open"
    folder.mkdir()
    if os.geteuid() == 0:  # dumps are restored by nobody, who must be able to come here
        folder.chmod(0o777)
        open_the_way(tmp_path)
    return folder / "canary"


def open_the_way(folder: Path) -> None:
    """Let nobody come to a folder below the temporary one; each process of a parallel run has one level more."""
    top = Path(tempfile.gettempdir())
    while folder != top and top in folder.parents:
        folder.chmod(0o755)
        folder = folder.parent
