"""The embedded search store: SQLite with FTS5 in one file, for the local cloud and for stages without a domain.

Vectors are compared exactly, by numpy. Why it exists: docs/adr/0015-search-store.md.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from opsloop.adapters import search_documents as documents_of
from opsloop.adapters.search_documents import Page, Ready, checked, cursor_of
from opsloop.adapters.search_embedded_file import BUSY_TIMEOUT_S, Index, SearchFile
from opsloop.adapters.search_embedded_query import Where, where
from opsloop.adapters.search_highlight import highlights
from opsloop.adapters.search_words import Clause
from opsloop.errors import DependencyUnavailableError, InvalidInputError
from opsloop.search import (
    MAX_BUCKETS,
    TOTAL_LIMIT,
    Bucket,
    Document,
    Found,
    Hit,
    IndexSpec,
    Kind,
    Query,
    Refused,
    Standing,
)

PER_TRANSACTION = 500  # documents written at once: some 50 ms, for which others wait
PER_READ = 500  # documents read at once by ``scan``
NOTHING = Found((), 0, "")
# ruff: noqa: S608 -- statements are put together of our own names; what people give goes in as parameters


class EmbeddedSearchStore:
    """Implements ``opsloop.search.SearchStore``. Threads may share it, and processes of one machine the file."""

    def __init__(self, path: Path, *, prefix: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._file = SearchFile(path, busy_timeout_s=busy_timeout_s)
        self._prefix = prefix

    def prepare(self, spec: IndexSpec) -> None:
        """Make the tables of the index, or add columns for new fields."""
        index = Index(self._prefix, spec)
        with self._file.reading() as connection:
            if index.is_up_to_date(connection):  # as nearly always: then no writer need be waited for
                return
        with self._file.writing() as connection:
            index.make(connection)

    def put(self, spec: IndexSpec, documents: Sequence[Document]) -> tuple[Refused, ...]:
        """Put documents, some hundred in each transaction."""
        fit, refused = documents_of.ready(spec, documents)
        index = Index(self._prefix, spec)
        for start in range(0, len(fit), PER_TRANSACTION):
            with self._file.writing() as connection:
                index.make(connection)
                _write(connection, index, fit[start : start + PER_TRANSACTION])
        return tuple(refused)

    def search(
        self, spec: IndexSpec, query: Query, *, order: str = "newest", size: int = 100, cursor: str = ""
    ) -> Found:
        """Return one page of hits."""
        clauses = checked(spec, query)
        page = documents_of.page(spec, order, size, cursor)
        index = Index(self._prefix, spec)
        with self._file.reading() as connection:
            if index.fields_in(connection) is None:
                return NOTHING
            condition = where(spec, index, query, clauses)
            some = f"SELECT 1 FROM {index.documents} d WHERE {condition.sql} LIMIT {TOTAL_LIMIT}"
            (total,) = connection.execute(f"SELECT count(*) FROM ({some})", condition.parameters).fetchone()
            rows = _page(connection, index, condition, page)
        hits = tuple(_hit(spec, row, clauses, is_scored=order == "relevance") for row in rows[:size])
        if len(rows) <= size:
            return Found(hits, total, "")
        doc_id, _, key = rows[size - 1]
        return Found(hits, total, cursor_of(spec, order, key, doc_id))

    def nearest(self, spec: IndexSpec, field: str, vector: Sequence[float], query: Query, *, size: int) -> Found:
        """Return the nearest documents, compared one by one."""
        clauses = checked(spec, query)
        documents_of.check_vector(spec, field, vector)
        documents_of.check_size(size)
        index = Index(self._prefix, spec)
        with self._file.reading() as connection:
            if index.fields_in(connection) is None:
                return NOTHING
            condition = where(spec, index, query, clauses).and_also("v.field = ?", field)
            rows = connection.execute(
                f"SELECT d.id, d.place, v.vector FROM {index.documents} d JOIN {index.vectors} v ON v.place = d.place"
                f" WHERE {condition.sql} ORDER BY d.id",
                condition.parameters,
            ).fetchall()
            nearest = _nearest(rows, vector, size)
            found = [
                (doc_id, *connection.execute(f"SELECT content FROM {index.documents} WHERE place = ?", (place,)), score)
                for doc_id, place, score in nearest
            ]
        hits = tuple(
            Hit(doc_id, json.loads(content), score, highlights(spec, json.loads(content), clauses))
            for doc_id, (content,), score in found
        )
        return Found(hits, min(len(rows), TOTAL_LIMIT), "")

    def count(self, spec: IndexSpec, query: Query) -> int:
        """Return how many documents fit."""
        rows = self._select(spec, query, "count(*)")
        return int(rows[0][0]) if rows else 0

    def counts(self, spec: IndexSpec, query: Query, *, interval_ns: int, group_by: str = "") -> tuple[Bucket, ...]:
        """Return counts over time."""
        documents_of.check_interval(interval_ns)
        if group_by:
            documents_of.check_field(spec, group_by, Kind.KEYWORD)
        group = f"d.f_{group_by}" if group_by else "NULL"
        start = f"d.at / {interval_ns} * {interval_ns}"
        tail = f" GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {MAX_BUCKETS + 1}"
        rows = self._select(spec, query, f"{start}, {group}, count(*)", tail)
        if len(rows) > MAX_BUCKETS:
            raise InvalidInputError(f"more than {MAX_BUCKETS:,} counts; ask for a longer interval or a shorter time")
        return tuple(
            Bucket(begin, sum(row[2] for row in of), {row[1]: row[2] for row in of if row[1] is not None})
            for begin, of in ((begin, list(of)) for begin, of in groupby(rows, key=lambda row: int(row[0])))
        )

    def top(self, spec: IndexSpec, query: Query, *, field: str, size: int) -> tuple[tuple[str, int], ...]:
        """Return the most frequent values."""
        documents_of.check_field(spec, field, Kind.KEYWORD)
        documents_of.check_size(size)
        tail = f" AND d.f_{field} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {size}"
        return tuple((value, count) for value, count in self._select(spec, query, f"d.f_{field}, count(*)", tail))

    def scan(self, spec: IndexSpec, query: Query) -> Iterator[Document]:
        """Yield documents by id, some hundred per read, so that writers never wait for a slow reader."""
        last = ""
        while rows := self._select(
            spec, query, "d.id, d.content", f" AND d.id > ? ORDER BY d.id LIMIT {PER_READ}", (last,)
        ):
            yield from (Document(doc_id, json.loads(content)) for doc_id, content in rows)
            last = rows[-1][0]

    def delete(self, spec: IndexSpec, query: Query) -> int:
        """Delete documents, some hundred in each transaction."""
        index, deleted = Index(self._prefix, spec), 0
        while rows := self._select(spec, query, "d.place", f" LIMIT {PER_TRANSACTION}"):
            with self._file.writing() as connection:
                deleted += _remove(connection, index, [place for (place,) in rows])
        return deleted

    def drop(self, spec: IndexSpec) -> None:
        """Remove the tables of the index."""
        with self._file.writing() as connection:
            Index(self._prefix, spec).remove(connection)

    def standing(self) -> Standing:
        """Return whether the file can be written."""
        try:
            with self._file.writing():
                return Standing(True, f"embedded store in {self._file.path}")
        except DependencyUnavailableError as error:
            return Standing(False, str(error))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    def _select(
        self, spec: IndexSpec, query: Query, columns: str, tail: str = "", more: tuple[Any, ...] = ()
    ) -> list[Any]:
        condition_of = checked(spec, query)
        index = Index(self._prefix, spec)
        with self._file.reading() as connection:
            if index.fields_in(connection) is None:
                return []
            condition = where(spec, index, query, condition_of)
            statement = f"SELECT {columns} FROM {index.documents} d WHERE {condition.sql}{tail}"
            return connection.execute(statement, (*condition.parameters, *more)).fetchall()


def _page(connection: sqlite3.Connection, index: Index, condition: Where, page: Page) -> list[Any]:
    """Return rows of (id, content, sort key): one more than the page has, if there are more."""
    key, source = "d.at", f"{index.documents} d"
    if page.order == "relevance":
        key = "0.0"
        if condition.match:
            score = f"SELECT rowid AS place, -bm25({index.words}, 1.0, 0.0) AS score FROM {index.words}"
            source += f" JOIN ({score} WHERE {index.words} MATCH ?) s ON s.place = d.place"
            condition = Where(condition.sql, (condition.match, *condition.parameters), "")
            key = "s.score"
    first, then = {"newest": ("DESC", "DESC"), "oldest": ("ASC", "ASC"), "relevance": ("DESC", "ASC")}[page.order]
    if page.after:
        behind, next_id = ("<" if way == "DESC" else ">" for way in (first, then))
        sort_key, doc_id = page.after
        condition = condition.and_also(
            f"({key} {behind} ? OR ({key} = ? AND d.id {next_id} ?))", sort_key, sort_key, doc_id
        )
    statement = f"SELECT d.id, d.content, {key} FROM {source} WHERE {condition.sql}"
    order = f" ORDER BY {key} {first}, d.id {then} LIMIT {page.size + 1}"
    return connection.execute(statement + order, condition.parameters).fetchall()


def _hit(spec: IndexSpec, row: Any, clauses: Sequence[Clause], *, is_scored: bool) -> Hit:
    doc_id, text, key = row
    content = json.loads(text)
    return Hit(doc_id, content, float(key) if is_scored else 0.0, highlights(spec, content, clauses))


def _write(connection: sqlite3.Connection, index: Index, documents: Sequence[Ready]) -> None:
    """Replace documents: what is known under their ids goes first."""
    marks = ", ".join("?" * len(documents))
    ids = [one.doc_id for one in documents]
    rows = connection.execute(f"SELECT place FROM {index.documents} WHERE id IN ({marks})", ids).fetchall()
    _remove(connection, index, [place for (place,) in rows])
    (last,) = connection.execute(f"SELECT coalesce(max(place), 0) FROM {index.documents}").fetchone()
    places = range(last + 1, last + 1 + len(documents))
    columns = ", ".join(["place", "id", "at", "content", *index.columns.values()])
    marks = ", ".join("?" * (4 + len(index.columns)))
    connection.executemany(
        f"INSERT INTO {index.documents} ({columns}) VALUES ({marks})",
        (
            (place, one.doc_id, one.time, one.json, *(one.values.get(field) for field in index.columns))
            for place, one in zip(places, documents, strict=True)
        ),
    )
    connection.executemany(
        f"INSERT INTO {index.words} (rowid, words, pairs) VALUES (?, ?, ?)",
        (
            (place, one.found_by.words, " ".join(one.found_by.pairs))
            for place, one in zip(places, documents, strict=True)
        ),
    )
    vectors = [
        (place, field, _packed(vector))
        for place, one in zip(places, documents, strict=True)
        for field, vector in one.vectors.items()
    ]
    if vectors:
        connection.executemany(f"INSERT INTO {index.vectors} VALUES (?, ?, ?)", vectors)


def _remove(connection: sqlite3.Connection, index: Index, places: Sequence[int]) -> int:
    """Remove documents by place; return how many were still there."""
    for table, key in ((index.words, "rowid"), (index.vectors, "place")):
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", ((place,) for place in places))
    return connection.executemany(
        f"DELETE FROM {index.documents} WHERE place = ?", ((place,) for place in places)
    ).rowcount


def _packed(vector: Sequence[float]) -> bytes:
    import numpy as np  # of functions with vectors alone

    values = np.asarray(vector, np.float64)
    packed: bytes = (values / np.linalg.norm(values)).astype("<f4").tobytes()
    return packed


def _nearest(rows: Sequence[Any], vector: Sequence[float], size: int) -> list[tuple[str, int, float]]:
    """Return (id, place, score) of the nearest of rows of (id, place, packed vector) that are in order of ids."""
    if not rows:
        return []
    import numpy as np

    packed = np.frombuffer(b"".join(row[2] for row in rows), "<f4").reshape(len(rows), len(vector))
    wanted = np.frombuffer(_packed(vector), "<f4")
    scores = (1.0 + (packed @ wanted).astype(np.float64)) / 2.0
    best = np.argsort(-scores, kind="stable")[:size]
    return [(rows[place][0], rows[place][1], float(scores[place])) for place in best]
