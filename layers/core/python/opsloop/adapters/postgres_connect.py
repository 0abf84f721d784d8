"""Sessions with a database whose login a secret holds, and what PostgreSQL's errors mean for us."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString

import psycopg

from opsloop.backup.connect import Login
from opsloop.errors import OpsloopError, PermanentError, TransientError

CONNECT_TIMEOUT_S = 10
# A dump keeps a session without a word for as long as it takes: routers forget connections that say nothing.
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
    "tcp_user_timeout": "120000",
}
# A role or a database may set limits for its sessions that a dump cannot keep; which there are depends on the version.
WITHOUT_TIMEOUTS: LiteralString = """
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN
    ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')"""
RETRY_S = 30
_MESSAGE_CHARACTERS = 500
_FOR_GOOD = re.compile(  # what libpq says where a connection fails has no SQLSTATE
    r"password authentication failed|no password supplied|no pg_hba\.conf entry|role \".*\" does not exist"
    r"|database \".*\" does not exist|permission denied for database|not permitted to log in|certificate verify failed"
    r"|server does not support SSL|root certificate file|invalid .* value|authentication method|SCRAM|sslmode"
    r"|does not match host name|is not a database|not currently accepting connections",
    re.IGNORECASE,
)
_TRANSIENT = (  # connections, conflicts, resources, locks, shutdowns, the system; what was dropped since it was listed
    *("08", "40", "53", "55", "57", "58"),
    *("42P01", "3F000"),
)
_HINTS = {
    "42501": "give the role pg_read_all_data, or SELECT on it",
    "53200": "raise max_locks_per_transaction: each table needs a lock of ours and one of pg_dump's",
    "53300": "all connections are in use; a dump needs two",
    "55P03": "another session holds a lock that keeps readers out (ALTER TABLE, TRUNCATE, VACUUM FULL)",
}


@contextmanager
def reachable(login: Login) -> Iterator[str]:
    """Give libpq's words to reach ``login``, without its password; its certificate's text lies in a file meanwhile."""
    words = {"connect_timeout": str(CONNECT_TIMEOUT_S), "application_name": "opsloop", **KEEPALIVES}
    given = {name: value for name, value in words.items() if name not in login.options}
    if not login.certificate:
        yield login.conninfo(**given)
        return
    with TemporaryDirectory(prefix="opsloop-") as folder:
        path = Path(folder, "authorities.pem")
        path.write_text(login.certificate, encoding="ascii")
        yield login.conninfo(**given, sslrootcert=str(path))


def connect(login: Login, conninfo: str) -> "psycopg.Connection[Any]":
    """Return a session in autocommit; raise ``PermanentError`` or ``TransientError`` saying why there is none."""
    try:
        connection = psycopg.connect(conninfo, password=login.password or None, autocommit=True)
        connection.execute(WITHOUT_TIMEOUTS)
    except psycopg.Error as error:
        raise as_ours(error, login) from None
    return connection


def as_ours(error: psycopg.Error, login: Login) -> OpsloopError:
    """Return what an error means for us, in the engine's words: try again, or change something first."""
    text = plain(str(error), login)
    code = error.sqlstate or ""
    if isinstance(error, psycopg.ProgrammingError) and not code:  # a word that libpq does not know, not what follows it
        return PermanentError(f"{login.where}: {text}")
    message = f"{login.where}: {text}"
    if code in _HINTS:
        message = f"{message} ({_HINTS[code]})"
    is_transient = not _FOR_GOOD.search(text) if not code else code.startswith(_TRANSIENT)
    return TransientError(message, retry_after_s=RETRY_S) if is_transient else PermanentError(message)


def plain(text: str, login: Login) -> str:
    """Return an engine's message in one line, bounded, without the password should it be in there."""
    line = " ".join(text.split())
    if login.password:
        line = line.replace(login.password, "***")
    return line if len(line) <= _MESSAGE_CHARACTERS else f"{line[:_MESSAGE_CHARACTERS]}..."
