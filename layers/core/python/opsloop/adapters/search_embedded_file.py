"""The file of the embedded search store: connections, short transactions, and the tables of an index.

Several processes of one machine share the file (SQLite's write-ahead log): readers never wait, writers wait for each
other, each for no longer than a transaction of some hundred documents.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from opsloop.adapters.search_kinds import changed_field, described
from opsloop.errors import DependencyUnavailableError, InvalidInputError
from opsloop.search import IndexSpec, Kind

BUSY_TIMEOUT_S = 5.0
FORMAT = 1  # raise it when tables change: files of another format are made anew
_TYPES = {Kind.KEYWORD: "TEXT", Kind.TIME: "INTEGER", Kind.NUMBER: "REAL"}


class SearchFile:
    """One database file, opened at first use and again when somebody has replaced it."""

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._lock = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection; what goes wrong is raised as ``DependencyUnavailableError``."""
        with self._lock:
            try:
                yield self._open()
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise DependencyUnavailableError(f"search store {self.path}: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction that nobody else writes in; it is kept if the block ends well."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:  # whatever it is goes on: half a change must not
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; the next use opens one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __del__(self) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._inode == _inode(self.path):
                return self._connection
            self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")  # a power failure may cost the last writes: rebuild
            _make_or_check(connection)
        except BaseException:  # whatever it is goes on: only nobody else would close this
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self.path)
        return connection


def _make_or_check(connection: sqlite3.Connection) -> None:
    """Make what every file has, if it is new; raise ``sqlite3.DatabaseError`` if its format is not ours."""
    if _format(connection) == FORMAT:  # nothing is written then: readers must not wait
        return
    connection.execute("BEGIN IMMEDIATE")
    if (form := _format(connection)) == 0:
        connection.execute("CREATE TABLE indexes (name TEXT PRIMARY KEY, fields TEXT NOT NULL)")
        connection.execute(f"PRAGMA user_version={FORMAT}")
    elif form != FORMAT:
        raise sqlite3.DatabaseError(f"format {form} is not {FORMAT}; remove the file, then rebuild the indexes")
    connection.execute("COMMIT")


def _format(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


class Index:
    """The tables of one index: documents, words (FTS5) and vectors."""

    def __init__(self, prefix: str, spec: IndexSpec) -> None:
        self.name = f"{prefix}-{spec.name}"
        self.documents, self.words, self.vectors = (f'"{self.name}{end}"' for end in ("", "/words", "/vectors"))
        self.columns = {field: column(field) for field, kind in spec.fields.items() if kind in _TYPES}
        self._spec = spec

    def fields_in(self, connection: sqlite3.Connection) -> dict[str, str] | None:
        """Return the kinds of the fields of the index as it is in the file, ``None`` if there is none."""
        row = connection.execute("SELECT fields FROM indexes WHERE name = ?", (self.name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def is_up_to_date(self, connection: sqlite3.Connection) -> bool:
        """Return whether the file has the index with all fields of the spec."""
        known = self.fields_in(connection)
        return known is not None and described(self._spec).items() <= known.items()

    def make(self, connection: sqlite3.Connection) -> None:
        """Make the tables, or add what is new; raise ``InvalidInputError`` if a field has changed its kind."""
        if self.is_up_to_date(connection):
            return
        known, wanted = self.fields_in(connection), described(self._spec)
        if known is not None and (changed := changed_field(known, wanted)):
            if connection.execute(f"SELECT 1 FROM {self.documents} LIMIT 1").fetchone():  # noqa: S608 -- our own names
                raise InvalidInputError(f"index {self.name}: {changed}; drop it, then rebuild it")
            self.remove(connection)
            known = None
        if known is None:
            self._create(connection)
        for field, name in self.columns.items():
            if known is None or field not in known:
                kind = _TYPES[self._spec.fields[field]]
                connection.execute(f"ALTER TABLE {self.documents} ADD COLUMN {name} {kind}")
                self._order_by(connection, field, name)
        fields = json.dumps((known or {}) | wanted)
        connection.execute("INSERT OR REPLACE INTO indexes VALUES (?, ?)", (self.name, fields))

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            f"CREATE TABLE {self.documents}"
            " (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, content TEXT NOT NULL)"
        )
        connection.execute(f'CREATE INDEX "{self.name}/at" ON {self.documents} (at, id)')
        # words come split already, and in small letters: this tokenizer leaves all that is not ASCII as it is
        connection.execute(f"CREATE VIRTUAL TABLE {self.words} USING fts5(words, pairs, tokenize='ascii')")
        connection.execute(
            f"CREATE TABLE {self.vectors}"
            " (place INTEGER, field TEXT, vector BLOB NOT NULL, PRIMARY KEY (place, field)) WITHOUT ROWID"
        )

    def _order_by(self, connection: sqlite3.Connection, field: str, name: str) -> None:
        if field == self._spec.time_field:  # the column ``at`` has an index already
            return
        where = f"({name}, at) WHERE {name} IS NOT NULL"
        connection.execute(f'CREATE INDEX "{self.name}/{field}" ON {self.documents} {where}')

    def remove(self, connection: sqlite3.Connection) -> None:
        """Remove the tables, if they are there."""
        for table in (self.documents, self.words, self.vectors):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute("DELETE FROM indexes WHERE name = ?", (self.name,))


def column(field: str) -> str:
    """Return the name of the column that holds the values of ``field``."""
    return f"f_{field}"
