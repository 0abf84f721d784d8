"""Rows, sequences and large objects of a database: counted, and hashed by what they say.

Texts are made by the types' own output functions (``format``), never by casts: a cast may be anyone's function, and a
restored copy is full of strangers' code. ``FROM ONLY`` keeps a table apart from those that inherit from it. Many tables
share one statement, so that a thousand of them are some ten round trips; each such statement runs in a savepoint that
is rolled back, which gives back its locks on tables and indexes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from opsloop.dataclass import dataclass

PER_STATEMENT = 100
LARGE_OBJECT_BYTES = 1 << 20  # of one large object that are hashed: its beginning
LARGE_OBJECTS = 10_000  # that are hashed; all are counted and measured
_READ = 262_144  # INV_READ of the server's large object functions

# Types whose hash is made without a text, three times as fast. The server's hashes do not change from version to
# version: rows are in hash partitions by them.
HASHES = {20: "hashint8extended", 21: "hashint2extended", 23: "hashint4extended", 2950: "uuid_hash_extended"}

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Table:
    """What is needed to read one table. ``key`` is empty where rows have none; ``key_types`` are oids of its types.

    ``has_rows``: its rows are in a dump. ``parent`` is that of a partition. ``is_scattered``: its rows may come back in
    another partition, since they are spread by the hash of an enum, whose values are numbered anew by each restore.
    """

    oid: int
    parts: tuple[str, str]
    kind: str
    has_rows: bool
    columns: tuple[str, ...]
    key: tuple[str, ...]
    key_types: tuple[int, ...]
    bytes: int
    parent: int | None
    is_scattered: bool


def identifier(parts: Iterable[str]) -> str:
    """Return a name in its parts as SQL, always quoted."""
    return ".".join('"' + one.replace('"', '""') + '"' for one in parts)


def literal(text: str) -> str:
    """Return a text as SQL, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"  # standard_conforming_strings is on


def count_rows(
    connection: Connection, tables: Sequence[Table], shares: Mapping[int, float] | None = None
) -> tuple[dict[int, int], dict[int, str]]:
    """Return how many rows each table holds itself, one of partitions in all of them, by its oid.

    ``shares`` says of which tables, by oid, that share of the rows whose key's hash is least is wanted as well: where
    they are comes second, to be handed to ``sample_rows``, which then need not read the table once more.
    """
    shares = shares or {}
    statements = [
        f"SELECT {one.oid}, count(*), {_least(one, shares.get(one.oid))} FROM {_from(one)}"  # noqa: S608 -- quoted names
        for one in tables
    ]
    found = list(_asked(connection, statements))
    return {oid: rows for oid, rows, _ in found}, {oid: places for oid, _, places in found if places}


def sample_rows(
    connection: Connection,
    wanted: Iterable[tuple[Table, int]],
    *,
    is_converted: bool,
    places: Mapping[int, str] | None = None,
) -> dict[int, tuple[int, str]]:
    """Return how many rows of each table were hashed, and to what, by its oid; at most as many as are wanted.

    Rows are those whose key's hash is least, all of them where the table has no more, or no key. The hash is the sum
    of the rows' md5, in two halves: the order of rows does not count, how often one is there does. ``is_converted``:
    the source's encoding is another than UTF-8, so texts are turned into that before they are hashed. ``places`` are
    those of ``count_rows`` in the same snapshot; a table with too few of them is read.
    """
    places = places or {}
    statements = [_sample(table, number, is_converted, places.get(table.oid, "")) for table, number in wanted if number]
    return {oid: (rows, sample) for oid, rows, sample in _asked(connection, statements)}


def read_sequences(connection: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, bool]]:
    """Return where each sequence stands, now: no snapshot holds a sequence."""
    statements = [
        f"SELECT {number}, last_value, is_called FROM {identifier(name)}"  # noqa: S608 -- quoted names
        for number, name in enumerate(names)
    ]
    return {names[number]: (value, called) for number, value, called in _asked(connection, statements)}


def large_objects(connection: Connection) -> dict[str, Any]:
    """Return how many large objects there are, how long together, and a hash over their ids, lengths and beginnings."""
    count, size, digest = _one(
        connection,
        f"""SELECT count(*), coalesce(sum(size), 0)::bigint,
               coalesce(md5(string_agg(concat_ws(':', oid, size, CASE WHEN is_hashed
                   THEN md5(lo_get(oid, 0, {LARGE_OBJECT_BYTES})) END), ',' ORDER BY oid)), '')
          FROM (SELECT oid, is_hashed, lo_lseek64(opened, 0, 2) AS size, lo_close(opened) AS closed
                  FROM (SELECT oid, lo_open(oid, {_READ}) AS opened,
                               row_number() OVER (ORDER BY md5(oid::text)) <= {LARGE_OBJECTS} AS is_hashed
                          FROM pg_largeobject_metadata OFFSET 0) AS first) AS measured""",  # noqa: S608 -- numbers of ours
    )
    return {"count": count, "bytes": size, "hash": digest}


def _from(table: Table) -> str:
    return ("" if table.kind == "partitioned" else "ONLY ") + identifier(table.parts)


def _least(table: Table, share: float | None) -> str:
    """Return the SQL of where the rows are whose key's hash is in the lowest ``share`` of all hashes."""
    if share is None:
        return "NULL::text"
    bound = int(share * 2**64) - 2**63
    return f"format('%s', array_agg(ctid) FILTER (WHERE {_key_hash(table, is_converted=False)} < {bound}))"


def _sample(table: Table, number: int, is_converted: bool, places: str) -> str:
    row = f"format('%s', ROW({', '.join(identifier([one]) for one in sorted(table.columns))}))"
    hashed = f"md5(convert_to({row}, 'UTF8'))" if is_converted else f"md5({row})"
    where = ""
    if table.key and table.kind != "partitioned":
        order = _key_hash(table, is_converted)
        among = f" WHERE ctid = ANY((SELECT {literal(places)}::tid[])::tid[])" if places.count("(") >= number else ""
        chosen = f"SELECT ctid FROM {_from(table)}{among} ORDER BY {order} LIMIT {number}"  # noqa: S608 -- quoted names
        where = f" WHERE ctid = ANY(ARRAY({chosen}))"
    halves = ", ".join(f"sum(('x' || substr(m, {start}, 16))::bit(64)::bigint)" for start in (1, 17))
    rows = f"SELECT {hashed} AS m FROM {_from(table)}{where}"  # noqa: S608 -- quoted names
    return f"SELECT {table.oid}, count(*), md5(concat_ws(' ', {halves})) FROM ({rows}) AS hashed"  # noqa: S608


def _key_hash(table: Table, is_converted: bool) -> str:
    columns = [identifier([one]) for one in table.key]
    if len(columns) == 1 and table.key_types[0] in HASHES:
        return f"{HASHES[table.key_types[0]]}({columns[0]}, 0)"
    key = f"concat_ws(E'\\x1f', {', '.join(columns)})"
    return f"md5(convert_to({key}, 'UTF8'))" if is_converted else f'hashtextextended({key} COLLATE "C", 0)'


def _asked(connection: Connection, statements: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of many statements, a hundred of them to a round trip."""
    for start in range(0, len(statements), PER_STATEMENT):
        together = " UNION ALL ".join(statements[start : start + PER_STATEMENT])
        with connection.transaction(force_rollback=True):
            yield from rows_of(connection, together)


def rows_of(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of one statement, whatever the connection makes rows of otherwise."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(statement.encode(connection.info.encoding)).fetchall()


def _one(connection: Connection, statement: str) -> tuple[Any, ...]:
    return rows_of(connection, statement)[0]
