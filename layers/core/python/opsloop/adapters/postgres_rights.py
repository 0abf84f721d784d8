"""What a role may not read, told before a dump is begun; and the locks that keep tables as they are while it runs."""

from collections.abc import Sequence
from typing import Any

import psycopg

from opsloop.adapters.postgres_connect import plain
from opsloop.adapters.postgres_facts import prepare, selected
from opsloop.adapters.postgres_rows import identifier, rows_of
from opsloop.backup.connect import Login
from opsloop.errors import PermanentError

NAMED = 5  # of the objects that cannot be read
LOCKED_AT_ONCE = 200

RIGHTS = """
SELECT CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 'schema'
            WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN 'select'
            WHEN c.relkind IN ('r', 'p') AND row_security_active(c.oid) THEN 'rows' END AS lacks, n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.oid = ANY('{schemas}'::oid[]) AND c.relkind IN ('r', 'p', 'S')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND d.deptype = 'e')
 ORDER BY 2, 3"""

TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.oid = ANY('{schemas}'::oid[]) AND c.relkind IN ('r', 'p')
   AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
 ORDER BY c.oid"""

# has_largeobject_privilege came with 18; until then a superuser, the owner and who was granted it may read one.
LARGE_OBJECTS = """
SELECT oid FROM pg_largeobject_metadata WHERE NOT {may_read} ORDER BY oid"""
MAY_READ = "has_largeobject_privilege(oid, 'SELECT')"
MAY_READ_BEFORE_18 = """(current_setting('is_superuser')::bool OR pg_has_role(lomowner, 'USAGE')
    OR EXISTS (SELECT FROM aclexplode(lomacl) WHERE privilege_type = 'SELECT'
                AND (grantee = 0 OR pg_has_role(grantee, 'USAGE'))))"""

_REMEDIES = {
    "schema": "USAGE on its schema (or give pg_read_all_data)",
    "select": "SELECT (or give pg_read_all_data)",
    "rows": "BYPASSRLS: row security would hide rows from the dump",
    "large object": "SELECT on large objects, which pg_read_all_data does not give; make it a member of their owner",
}


def check_rights(
    connection: "psycopg.Connection[Any]", login: Login, schemas: Sequence[str], exclude_schemas: Sequence[str]
) -> None:
    """Raise ``PermanentError`` that names the first relations that the role cannot read, and what it lacks."""
    with connection.transaction(force_rollback=True):
        prepare(connection)
        found = rows_of(connection, _filled(connection, RIGHTS, schemas, exclude_schemas))
        if not schemas:  # else they are in no dump
            may_read = MAY_READ if connection.info.server_version >= 180_000 else MAY_READ_BEFORE_18
            oids = rows_of(connection, LARGE_OBJECTS.replace("{may_read}", may_read))
            found += [("large object", "large object", str(oid)) for (oid,) in oids]
    for lacks, remedy in _REMEDIES.items():
        names = [identifier([schema, name]) for one, schema, name in found if one == lacks]
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            text = f"permission denied for {', '.join(names[:NAMED])}{more}: role {login.user} lacks {remedy}"
            raise PermanentError(f"{login.where}: {plain(text, login)}")


def lock_tables(
    connection: "psycopg.Connection[Any]",
    schemas: Sequence[str],
    exclude_schemas: Sequence[str],
    lock_timeout_s: float,
) -> None:
    """Begin the transaction of the dump with every table locked against changes of its shape, before its snapshot."""
    with connection.transaction(force_rollback=True):
        prepare(connection)
        tables = rows_of(connection, _filled(connection, TABLES, schemas, exclude_schemas))
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute(f"SET LOCAL lock_timeout = {int(lock_timeout_s * 1000)}".encode())
    prepare(connection)
    for start in range(0, len(tables), LOCKED_AT_ONCE):
        names = ", ".join(f"ONLY {identifier(one)}" for one in tables[start : start + LOCKED_AT_ONCE])
        connection.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE".encode(connection.info.encoding))


def _filled(
    connection: "psycopg.Connection[Any]", statement: str, schemas: Sequence[str], exclude_schemas: Sequence[str]
) -> str:
    oids = ",".join(map(str, selected(connection, schemas, exclude_schemas)))
    return statement.replace("{schemas}", "{" + oids + "}")
