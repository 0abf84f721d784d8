"""An empty database made ready for a stranger's dump: its roles, extensions and collations, made by our superuser.

Once anything of the dump is in it, a statement of ours could run a stranger's function with the superuser's rights:
from then on everything is done as the restorer. ``add_amcheck`` is the one exception.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from opsloop.adapters.postgres_server import ADMIN, RESTORER
from opsloop.backup.needs import REACH_OUT, Needs, is_language, schemas_of

MAX_ROLES = 10_000
NO_ROLE = (psycopg.errors.ReservedName, psycopg.errors.DuplicateObject)  # "none"; two that are one when cut to 63 bytes
_MEMBERS = """
select p.oid::pg_catalog.regprocedure::text from pg_catalog.pg_depend d
join pg_catalog.pg_proc p on p.oid = d.objid
where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e'
and d.refobjid = (select oid from pg_catalog.pg_extension where extname = %s)
"""


def prepare(connection: "psycopg.Connection[Any]", needs: Needs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make what the dump needs in an empty database; return the extensions that are not there, and notes for people.

    ``connection`` is the superuser's, to that database.
    """
    connection.execute(sql.SQL("alter role {} bypassrls").format(sql.Identifier(RESTORER)))
    _make_roles(connection, needs.roles)
    wanted = {name: schema for name, schema in needs.extensions.items() if not is_language(name)}
    available = {row[0] for row in connection.execute("select name from pg_catalog.pg_available_extensions")}
    missing = tuple(sorted(wanted.keys() - available))
    if missing:
        return missing, ()
    for schema in schemas_of(wanted.values()):
        connection.execute(
            sql.SQL("create schema {} authorization {}").format(sql.Identifier(schema), sql.Identifier(RESTORER))
        )
    for name, schema in wanted.items():
        _make_extension(connection, name, schema)
    for name in wanted.keys() & REACH_OUT:
        _close(connection, name)
    if "postgres_fdw" in wanted:
        connection.execute(
            sql.SQL("grant usage on foreign data wrapper postgres_fdw to {}").format(sql.Identifier(RESTORER))
        )
    return (), tuple(_make_collations(connection, needs.collations))


def add_amcheck(connection: "psycopg.Connection[Any]") -> None:
    """Put amcheck into a restored database and let the restorer use it.

    The one thing that the superuser does beside a stranger's objects, so nothing of them can run: ``connection`` has
    pg_catalog alone as its search path, where the restorer can make nothing, and no event triggers.
    """
    connection.execute("create extension if not exists amcheck schema pg_catalog")
    _open(connection, "amcheck")


def _make_roles(connection: "psycopg.Connection[Any]", names: Iterable[str]) -> None:
    """Make roles that nobody can log in as, for policies, mappings and values that name them."""
    there = {row[0] for row in connection.execute("select rolname from pg_catalog.pg_roles")} | {ADMIN, RESTORER}
    for name in sorted(set(names) - there)[:MAX_ROLES]:
        if name and not name.startswith("pg_"):
            with suppress(*NO_ROLE):
                connection.execute(sql.SQL("create role {} nologin noinherit").format(sql.Identifier(name)))


def _make_extension(connection: "psycopg.Connection[Any]", name: str, schema: str) -> None:
    statement = sql.SQL("create extension if not exists {}").format(sql.Identifier(name))
    if schema and schema != "pg_catalog":
        statement += sql.SQL(" schema {}").format(sql.Identifier(schema))
    connection.execute(statement + sql.SQL(" cascade"))


def _members(connection: "psycopg.Connection[Any]", extension: str) -> list[sql.Composable]:
    rows = connection.execute(_MEMBERS, (extension,)).fetchall()
    return [sql.SQL(row[0]) for row in rows]


def _open(connection: "psycopg.Connection[Any]", extension: str) -> None:
    """Let the restorer call an extension's functions."""
    for one in _members(connection, extension):
        connection.execute(sql.SQL("grant execute on function {} to {}").format(one, sql.Identifier(RESTORER)))


def _close(connection: "psycopg.Connection[Any]", extension: str) -> None:
    """Let nobody call an extension's functions."""
    for one in _members(connection, extension):
        connection.execute(sql.SQL("revoke execute on function {} from public").format(one))


def _make_collations(connection: "psycopg.Connection[Any]", names: Iterable[str]) -> list[str]:
    """Make collations of the source's operating system that this one has not, by ICU's rules of that language."""
    notes = []
    there = {row[0] for row in connection.execute("select collname from pg_catalog.pg_collation")}
    for name in sorted(set(names) - there):
        language = name.partition(".")[0].partition("@")[0].replace("_", "-")
        statement = sql.SQL("create collation pg_catalog.{} (provider = icu, locale = {})")
        try:
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(language)))
        except psycopg.Error as error:
            notes.append(f"collation {name} is not available here: {str(error).partition(chr(10))[0]}")
        else:
            notes.append(f"collation {name} is not available here; ICU's {language} was used instead")
    return notes
