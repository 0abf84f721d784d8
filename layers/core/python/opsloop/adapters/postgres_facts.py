"""What is true of a database in one snapshot, asked by the same statements at the source and in a restored copy.

The session is made strict first: an empty ``search_path``, so that no name or operator can be a stranger's, the
settings that texts depend on fixed, row security an error instead of fewer rows.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from opsloop.adapters.postgres_definitions import kinds
from opsloop.adapters.postgres_others import other_kinds
from opsloop.adapters.postgres_rows import (
    Connection,
    Table,
    count_rows,
    large_objects,
    literal,
    read_sequences,
    rows_of,
    sample_rows,
)
from opsloop.backup.definition import full_name
from opsloop.backup.manifest import Definition, rows_with_partitions, sample_size, schema_of, share_to_list
from opsloop.backup.model import Manifest, TableFacts
from opsloop.backup.patterns import schema_expression
from opsloop.dataclass import dataclass

SETTINGS = {
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "xmloption": "content",
    "lc_monetary": "C",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "on",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_min_messages": "warning",
    "jit": "off",
}
PARALLEL_LISTS = 160_000  # from this version on array_agg keeps a second core busy, as count does
KIND = {"r": "table", "p": "partitioned", "m": "materialized_view", "f": "foreign"}

NAMESPACES = """
SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"""

TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text,
       ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
       key.names, key.types,
       CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END,
       (SELECT inhparent FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition),
       EXISTS (SELECT FROM pg_partitioned_table p JOIN pg_opclass o ON o.oid = ANY(p.partclass)
                WHERE p.partrelid = c.oid AND p.partstrat = 'h' AND o.opcname = 'enum_ops')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
    SELECT array_agg(a.attname::text ORDER BY place) AS names, array_agg(a.atttypid ORDER BY place) AS types
      FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid, unnest(i.indkey) WITH ORDINALITY AS k(number, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
     WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
       AND i.indexprs IS NULL AND place <= i.indnkeyatts
     GROUP BY i.indisprimary, ic.relname HAVING bool_and(a.attnotnull)
     ORDER BY i.indisprimary DESC, ic.relname LIMIT 1) AS key ON true
 WHERE n.oid = ANY('{schemas}'::oid[]) AND c.relkind IN ('r', 'p', 'm', 'f')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND d.deptype = 'e')
 ORDER BY 2, 3"""

SEQUENCES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.oid = ANY('{schemas}'::oid[]) AND c.relkind = 'S' AND (c.relpersistence <> 'u' OR NOT pg_is_in_recovery())
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND d.deptype = 'e')
 ORDER BY 1, 2"""

INVALID = """
SELECT ARRAY[n.nspname, c.relname, conname], convalidated FROM pg_constraint
  JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.oid = ANY('{schemas}'::oid[]) AND NOT convalidated {enforced}
UNION ALL
SELECT ARRAY[n.nspname, c.relname, i.relname], indisvalid FROM pg_index
  JOIN pg_class i ON i.oid = indexrelid JOIN pg_class c ON c.oid = indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.oid = ANY('{schemas}'::oid[]) AND NOT (indisvalid AND indisready AND indislive)"""

ROLES = """
SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND oid IN (
    SELECT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
       AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION SELECT relowner FROM pg_class WHERE relnamespace = ANY('{schemas}'::oid[])
    UNION SELECT proowner FROM pg_proc WHERE pronamespace = ANY('{schemas}'::oid[])
    UNION SELECT typowner FROM pg_type WHERE typnamespace = ANY('{schemas}'::oid[])
    UNION SELECT nspowner FROM pg_namespace WHERE oid = ANY('{schemas}'::oid[])
    UNION SELECT lomowner FROM pg_largeobject_metadata
) ORDER BY 1"""

DATABASE = """
SELECT current_database(), current_setting('server_version'), current_setting('server_version_num')::int,
       current_setting('server_encoding'), (SELECT datcollate FROM pg_database WHERE datname = current_database()),
       pg_database_size(current_database()), {clock}, pg_is_in_recovery()"""

# A standby holds what it has replayed. Only one that receives, and has replayed all of it, is as new as what it heard
# last; a role without pg_read_all_stats does not see that. Else it is as new as the last commit that it replayed.
CLOCK = """
CASE WHEN NOT pg_is_in_recovery() THEN clock_timestamp() ELSE least(clock_timestamp(), coalesce(
    (SELECT last_msg_receipt_time FROM pg_stat_wal_receiver
      WHERE status = 'streaming' AND pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()),
    pg_last_xact_replay_timestamp(), (SELECT checkpoint_time FROM pg_control_checkpoint()))) END"""

EXTENSIONS = "SELECT extname, extversion, extnamespace = ANY('{schemas}'::oid[]) FROM pg_extension ORDER BY 1"


def read_facts(
    connection: Connection,
    *,
    schemas: Sequence[str] = (),
    exclude_schemas: Sequence[str] = (),
    like: Manifest | None = None,
) -> Manifest:
    """Return what the database holds in the transaction's snapshot (in one of its own where none is open).

    ``schemas`` and ``exclude_schemas`` are patterns as pg_dump's -n and -N take them. With ``like``, the source's
    manifest, its filter is taken and as many rows of each table are hashed as it has: give it for a restored copy.
    ``taken_at`` is the server's clock, of a standby the moment up to which it has replayed; the fields about the file
    are empty. psycopg's errors pass.
    """
    if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        with connection.transaction(force_rollback=True):
            rows_of_nothing(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return read_facts(connection, schemas=schemas, exclude_schemas=exclude_schemas, like=like)
    if like is not None:
        schemas, exclude_schemas = like.schemas, like.exclude_schemas
    prepare(connection)
    return _Facts(connection, tuple(schemas), tuple(exclude_schemas), like).read()


def rows_of_nothing(connection: Connection, statement: str) -> None:
    """Run a statement that answers nothing."""
    connection.execute(statement.encode())


def sequences_now(connection: Connection, facts: Manifest) -> dict[str, tuple[int, bool]]:
    """Return where the sequences of ``facts`` stand now, in a transaction that ``prepare`` made strict."""
    reading = _Facts(connection, facts.schemas, facts.exclude_schemas, facts)
    reading.begin()
    return reading.sequences()


def prepare(connection: Connection) -> None:
    """Make the session strict, until the transaction's end.

    A server without an encoding has bytes: as LATIN1 every byte is a letter, and comes back as it was.
    """
    encoding = connection.info.parameter_status("server_encoding")
    settings = {**SETTINGS, "client_encoding": "LATIN1" if encoding == "SQL_ASCII" else "UTF8"}
    rows_of_nothing(connection, "; ".join(f"SET LOCAL {name} = {literal(value)}" for name, value in settings.items()))


def selected(connection: Connection, schemas: Sequence[str], exclude_schemas: Sequence[str]) -> dict[int, str]:
    """Return the schemas that a filter leaves, by oid."""
    statement = NAMESPACES
    for operator, patterns in (("~", schemas), ("!~", exclude_schemas)):
        if patterns:
            expression = schema_expression(patterns)
            if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
                expression = expression.encode().decode("latin-1")  # the bytes that pg_dump would send
            statement += f" AND nspname {operator} {literal(expression)}"
    return dict(rows_of(connection, statement))


@dataclass
class _Facts:
    """One reading of a database."""

    connection: Connection
    schemas: tuple[str, ...]
    exclude_schemas: tuple[str, ...]
    like: Manifest | None

    def begin(self) -> tuple[Any, ...]:
        """Ask what the other statements depend on; return the row of ``DATABASE``."""
        row = self._rows(DATABASE.replace("{clock}", CLOCK))[0]
        self.version, self.encoding, self.is_standby = row[2], row[3], row[-1]
        self.namespaces = "{" + ",".join(map(str, selected(self.connection, self.schemas, self.exclude_schemas))) + "}"
        return row

    def read(self) -> Manifest:
        """Return everything that is told of the database, all of one snapshot."""
        database, version, number, encoding, collation, size, taken_at, _ = self.begin()
        lsn, timeline = self._wal()
        hashes, objects = self._schema()
        extensions = self._rows(self._filled(EXTENSIONS))
        return Manifest(
            database=self._name(database),
            taken_at=taken_at,
            server_version=version.split()[0],
            server_version_num=number,
            encoding=encoding,
            collation=collation,
            extensions={name: one for name, one, is_selected in extensions if is_selected or not self.schemas},
            roles=tuple(self._name(name) for (name,) in self._rows(self._filled(ROLES))),
            schema_hashes=hashes,
            tables=self._tables(),
            sequences=self.sequences(),
            large_objects={"count": 0, "bytes": 0, "hash": ""} if self.schemas else large_objects(self.connection),
            invalid=self._invalid(),
            size_bytes=size,
            wal_lsn=lsn,
            timeline=timeline,
            schemas=self.schemas,
            exclude_schemas=self.exclude_schemas,
            objects=objects,
        )

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return rows_of(self.connection, statement)

    def _filled(self, statement: str) -> str:
        return statement.replace("{schemas}", self.namespaces)

    def _name(self, text: str) -> str:
        """Return a name as people read it: a server without an encoding only has bytes, most often of UTF-8."""
        if self.encoding != "SQL_ASCII":
            return text
        try:
            return text.encode("latin-1").decode()
        except UnicodeDecodeError:
            return text

    def _schema(self) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        hashes, objects = {}, {}
        statements = kinds(self.version) | other_kinds(self.version, has_filter=bool(self.schemas))
        for kind, make in statements.items():
            found = [
                Definition(tuple(map(self._name, parts)), self._name(suffix), self._name(text or ""), raw or "")
                for parts, suffix, text, raw in self._rows(make(self.namespaces))
            ]
            hashes[kind], named = schema_of(kind, found)
            if named is not None:
                objects[kind] = named
        return hashes, objects

    def _tables(self) -> dict[str, TableFacts]:
        tables = [self._table(*row) for row in self._rows(self._filled(TABLES))]
        by_oid = {one.oid: one for one in tables}
        parents = {one.oid: one.parent for one in tables if one.parent is not None}
        within = {one.oid for one in tables if _is_within_scattered(one, by_oid)}
        counted = [
            one
            for one in tables
            if one.oid not in within and (one.has_rows or (one.is_scattered and one.kind == "partitioned"))
        ]
        is_converted = (self.like.encoding if self.like else self.encoding) not in ("UTF8", "SQL_ASCII")
        rows, places = count_rows(self.connection, counted, {} if is_converted else self._shares(counted))
        wanted = [(one, self._wanted(one, rows[one.oid])) for one in counted]
        samples = sample_rows(self.connection, wanted, is_converted=is_converted, places=places)
        found = {}
        for one in tables:
            is_known = one.oid in rows or (one.kind == "partitioned" and one.oid not in within)
            number = rows_with_partitions(rows, parents, one.oid) if is_known else None
            found[self._full(one.parts)] = TableFacts(one.kind, number, *samples.get(one.oid, (0, "")))
        return found

    def _table(self, oid: int, schema: str, name: str, kind: str, persistence: str, *rest: Any) -> Table:
        columns, key, key_types, size, parent, is_scattered = rest
        has_rows = kind == "r" and not (persistence == "u" and self.is_standby)
        key, key_types = tuple(key or ()), tuple(key_types or ())
        named = (schema, name)
        return Table(oid, named, KIND[kind], has_rows, tuple(columns), key, key_types, size, parent, is_scattered)

    def _wanted(self, table: Table, rows: int) -> int:
        if self.like is not None:
            facts = self.like.tables.get(self._full(table.parts))
            return facts.sample_rows if facts else 0
        if table.kind == "partitioned":
            return 0
        return sample_size(rows, table.bytes, has_key=bool(table.key))

    def _shares(self, tables: Iterable[Table]) -> dict[int, float]:
        """Return of which tables a small share of the rows is hashed, as the source's manifest says, and which."""
        if self.like is None or self.version < PARALLEL_LISTS:
            return {}
        found = {one.oid: self.like.tables.get(self._full(one.parts)) for one in tables if one.key and one.has_rows}
        shares = {oid: share_to_list(known.sample_rows, known.rows) for oid, known in found.items() if known}
        return {oid: share for oid, share in shares.items() if share}

    def _full(self, parts: Sequence[str]) -> str:
        return full_name([self._name(one) for one in parts])

    def sequences(self) -> dict[str, tuple[int, bool]]:
        names = [(schema, name) for schema, name in self._rows(self._filled(SEQUENCES))]
        return {self._full(name): state for name, state in read_sequences(self.connection, names).items()}

    def _invalid(self) -> tuple[str, ...]:
        statement = INVALID.replace("{enforced}", "AND conenforced" if self.version >= 180_000 else "")
        return tuple(sorted(self._full(parts) for parts, _ in self._rows(self._filled(statement))))

    def _wal(self) -> tuple[str, int]:
        """Return where the write-ahead log is, and on which timeline; nothing where the role or the host hides it."""
        try:
            with self.connection.transaction(force_rollback=True):
                if self.is_standby:
                    lsn, timeline = self._rows(
                        "SELECT pg_last_wal_replay_lsn()::text, timeline_id FROM pg_control_checkpoint()"
                    )[0]
                    return lsn or "", timeline
                lsn, file = self._rows("SELECT l::text, pg_walfile_name(l) FROM pg_current_wal_lsn() AS l")[0]
                return lsn, int(file[:8], 16)
        except psycopg.Error:
            return "", 0


def _is_within_scattered(table: Table, tables: dict[int, Table]) -> bool:
    """Return whether a table's rows may come back in another partition of the same parent."""
    parent = tables.get(table.parent) if table.parent is not None else None
    return parent is not None and (parent.is_scattered or _is_within_scattered(parent, tables))
