"""The PostgreSQL server that a dump is restored to: what is there already, a new database, and roles.

Nothing here changes what exists: a database or a role is made where there is none, and only a database that was made
here is ever dropped.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop.backup.connect import DEFAULT_PORT, OPTIONS, Login, check_dsn, without_values
from opsloop.backup.model import Manifest
from opsloop.backup.restore_plan import Target
from opsloop.errors import DependencyUnavailableError, ForbiddenError, InvalidInputError

CONNECT_TIMEOUT_S = 10
MAINTENANCE = ("postgres", "template1")  # where one connects to, to ask about databases
NOT_HANDED_ON = ("PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGGSSENCMODE")  # their content is resolved already
NOT_LET_IN = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry|not permitted to log in"
)

# Everything a person made, whatever its kind; what belongs to an extension came with it.
OBJECTS: LiteralString = """
WITH mine AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), owned AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
           WHEN 'f' THEN 'foreign table' ELSE 'table' END || ' ' || nspname || '.' || relname
  FROM pg_class JOIN mine ON mine.oid = relnamespace
 WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
   AND ('pg_class'::regclass, pg_class.oid) NOT IN (SELECT classid, objid FROM owned)
UNION ALL
SELECT 'function ' || nspname || '.' || proname FROM pg_proc JOIN mine ON mine.oid = pronamespace
 WHERE ('pg_proc'::regclass, pg_proc.oid) NOT IN (SELECT classid, objid FROM owned)
UNION ALL
SELECT 'type ' || nspname || '.' || typname FROM pg_type JOIN mine ON mine.oid = typnamespace
 WHERE typtype IN ('e', 'd', 'r') AND ('pg_type'::regclass, pg_type.oid) NOT IN (SELECT classid, objid FROM owned)
UNION ALL
SELECT 'schema ' || nspname FROM mine
 WHERE nspname <> 'public' AND ('pg_namespace'::regclass, oid) NOT IN (SELECT classid, objid FROM owned)
UNION ALL
(SELECT 'large object ' || oid FROM pg_largeobject_metadata LIMIT 1)
ORDER BY 1 LIMIT 20
"""


def where(dsn: str) -> str:
    """Return ``host:port/database`` of a connection string, for people; never the password."""
    known = _known(dsn)
    host = known.get("host") or known.get("hostaddr") or "local"
    return f"{host}:{known.get('port') or 5432}/{known.get('dbname') or known.get('user') or ''}"


def database_of(dsn: str) -> str:
    """Return the database that a connection string names, or else the one that libpq would take."""
    known = _known(dsn)
    return known.get("dbname") or known.get("user") or ""


def environment(dsn: str) -> dict[str, str]:
    """Return the variables by which PostgreSQL's programs reach the database just as ``dsn`` does here.

    What libpq took from elsewhere (the environment, a service, a file of passwords) is in them. The password travels
    in the environment of one process, not in its arguments, which everyone may read.
    """
    with _connect(dsn, None) as connection:
        used = {one.envvar.decode(): one.val.decode() for one in connection.pgconn.info if one.envvar and one.val}
        password = connection.info.password
    secret = {"PGPASSWORD": password} if password else {}
    return {name: value for name, value in used.items() if name not in NOT_HANDED_ON} | secret


def login_of(dsn: str) -> Login:
    """Return how libpq reaches the database that ``dsn`` names, wherever it took the parts of that from."""
    used = environment(dsn)
    names = {one.envvar.decode(): one.keyword.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    options = {names[name]: value for name, value in used.items() if names.get(name) in OPTIONS}
    return Login(
        host=used.get("PGHOST") or used.get("PGHOSTADDR") or "/tmp",  # noqa: S108 - where libpq looks for a socket
        port=used.get("PGPORT") or DEFAULT_PORT,
        user=used["PGUSER"],
        database=used["PGDATABASE"],
        password=used.get("PGPASSWORD", ""),
        options=options,
    )


def read_target(dsn: str) -> Target:
    """Return what is known of the database that ``dsn`` names, whether it exists or not.

    Raises ``DependencyUnavailableError`` where the server does not answer or does not let us in.
    """
    database = database_of(dsn)
    try:
        with _connect(dsn, None) as connection:
            return _described(connection, dsn, database, exists=True)
    except DependencyUnavailableError:
        with _maintenance(dsn) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone():
                raise  # it is there, and did not let us in
            return _described(connection, dsn, database, exists=False)


def create_database(dsn: str, manifest: Manifest | None) -> str:
    """Create the database that ``dsn`` names, as the manifest's was; return a remark, or "".

    Without the source's locale on this server, its own is taken: then text may sort in another order.
    """
    encoding = manifest.encoding if manifest else "UTF8"
    collation = manifest.collation if manifest else ""
    name = sql.Identifier(database_of(dsn))
    plain = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(name, sql.Literal(encoding))
    with _maintenance(dsn) as connection:
        if collation:
            try:
                connection.execute(sql.SQL("{} LOCALE {}").format(plain, sql.Literal(collation)))
            except psycopg.Error:
                connection.execute(plain)
                return f"the server has no locale {collation}: text may sort in another order"
            return ""
        connection.execute(plain)
        return ""


def drop_database(dsn: str) -> None:
    """Drop a database that ``create_database`` made, with whatever came into it."""
    with _maintenance(dsn) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(database_of(dsn))))


def create_roles(dsn: str, names: Iterable[str]) -> None:
    """Create roles that may not log in and have no password: owners of what the dump brings."""
    with _maintenance(dsn) as connection:
        for name in names:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))


@contextmanager
def _maintenance(dsn: str) -> Iterator["psycopg.Connection[Any]"]:
    """Connect to a database of the same server that is always there."""
    try:
        connection = _connect(dsn, MAINTENANCE[0])
    except DependencyUnavailableError as error:
        try:
            connection = _connect(dsn, MAINTENANCE[1])
        except DependencyUnavailableError:
            raise error from None
    try:
        with connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise ForbiddenError(f"{where(dsn)}: {str(error).strip()}") from None
    except psycopg.Error as error:
        raise DependencyUnavailableError(f"{where(dsn)}: {str(error).strip()}") from None


def _connect(dsn: str, dbname: str | None) -> "psycopg.Connection[Any]":
    """Return a connection outside of any transaction; our errors leave, without what the server was told."""
    check_dsn(dsn)
    try:
        options = make_conninfo(dsn, connect_timeout=CONNECT_TIMEOUT_S, application_name="opsloop")
        return psycopg.connect(make_conninfo(options, dbname=dbname) if dbname else options, autocommit=True)
    except psycopg.ProgrammingError as error:
        raise InvalidInputError(f"not a connection string: {without_values(str(error))}") from None
    except psycopg.OperationalError as error:
        message = f"cannot connect to {where(dsn)}: {str(error).strip()}"
        raise (ForbiddenError if NOT_LET_IN.search(message) else DependencyUnavailableError)(message) from None


def _described(connection: "psycopg.Connection[Any]", dsn: str, database: str, *, exists: bool) -> Target:
    def column(query: LiteralString) -> list[str]:
        return [str(row[0]) for row in connection.execute(query).fetchall()]

    def pairs(query: LiteralString) -> dict[str, str]:
        return {str(name): str(value) for name, value in connection.execute(query).fetchall()}

    version = pairs("SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'server_version_num')")
    return Target(
        where=where(dsn),
        database=database,
        exists=exists,
        objects=tuple(column(OBJECTS)) if exists else (),
        server_version=version["server_version"].split()[0],
        server_version_num=int(version["server_version_num"]),
        encoding=column("SHOW server_encoding")[0],
        roles=frozenset(column("SELECT rolname FROM pg_roles")),
        extensions=pairs("SELECT name, default_version FROM pg_available_extensions"),
        own_roles=frozenset(column("SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')")),
        may_create=bool(
            column("SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)")
        ),
    )


def _known(dsn: str) -> dict[str, str]:
    """Return what a connection string says, and what libpq would take from the environment besides, but no password."""
    check_dsn(dsn)
    try:
        said = conninfo_to_dict(dsn)
        defaults = {one.keyword.decode(): one.val.decode() for one in pq.Conninfo.get_defaults() if one.val}
    except psycopg.Error as error:
        raise InvalidInputError(f"not a connection string: {without_values(str(error))}") from None
    merged = {**defaults, **{name: str(value) for name, value in said.items() if value not in (None, "")}}
    return {name: value for name, value in merged.items() if "password" not in name}
