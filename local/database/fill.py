"""What is in the shop's databases at first: roles, tables, and some hundred thousand rows of months gone by."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from local.database.server import ADMIN, BACKUP, NAMES, Facts

HERE = Path(__file__).parent
EXTENSIONS = ("citext", "pg_trgm")


@dataclass(frozen=True)
class Size:
    """How many rows there are at first. Orders lie 140 s apart, have 2.5 lines on average and one payment each."""

    customers: int = 20_000
    products: int = 500
    orders: int = 90_000
    receipts: int = 300


def fill(facts: Facts, *, until: datetime, size: Size | None = None) -> list[str]:
    """Make what is missing; return the names of the databases that were filled now, up to ``until``.

    A database is filled in one transaction: one that was interrupted is empty, and filled by the next call.
    """
    with psycopg.connect(facts.dsn(ADMIN, "postgres"), autocommit=True) as connection:
        _make_roles(connection, facts)
        for name in NAMES:
            _make_database(connection, name)
    return [name for name in NAMES if _fill_one(facts, name, until, size or Size())]


def _make_roles(connection: psycopg.Connection, facts: Facts) -> None:
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    for name in (BACKUP, *NAMES):
        verb = "ALTER" if name in known else "CREATE"
        statement = sql.SQL(f"{verb} ROLE {{}} LOGIN PASSWORD {{}}")
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(facts.passwords[name])))
    connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(BACKUP)))


def _make_database(connection: psycopg.Connection, name: str) -> None:
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
    for statement in ("REVOKE ALL ON DATABASE {0} FROM PUBLIC", "GRANT CONNECT ON DATABASE {0} TO {1}"):
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(BACKUP)))


def _fill_one(facts: Facts, name: str, until: datetime, size: Size) -> bool:
    settings = {f"shop.{key}": str(value) for key, value in asdict(size).items()}
    settings["shop.until"] = until.isoformat()
    with _quick(facts, name) as connection:
        if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
            return False
        for key, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", [key, value])
        for extension in EXTENSIONS:
            connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)))
        role = sql.Identifier(name)
        connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(role))
        connection.execute(sql.SQL("SET ROLE {}").format(role))
        documents = "ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO {}"  # pg_read_all_data leaves them out
        connection.execute(sql.SQL(documents).format(sql.Identifier(BACKUP)))
        connection.execute((HERE / f"{name}.sql").read_bytes())
    with psycopg.connect(facts.dsn(ADMIN, name), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return True


@contextmanager
def _quick(facts: Facts, name: str) -> Iterator[psycopg.Connection]:
    """One transaction that need not be on disk before anybody waits for it."""
    with psycopg.connect(facts.dsn(ADMIN, name)) as connection:
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute("SET LOCAL maintenance_work_mem = '128MB'")
        yield connection
