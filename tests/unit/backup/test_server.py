"""The server that restores."""

import psycopg

from opsloop.adapters.postgres_server import Server
from tests.postgres import DebianServer


def test_both_servers_answer(
    embedded_server: Server, fresh_database: str, debian_server: DebianServer, source_database: str
) -> None:
    with psycopg.connect(embedded_server.dsn(fresh_database)) as connection:
        assert connection.info.server_version >= 180000
    for mode in ("", "require", "verify-full"):
        with psycopg.connect(debian_server.dsn(source_database, sslmode=mode)) as connection:
            assert 150000 <= connection.info.server_version < 160000
            assert connection.pgconn.ssl_in_use is bool(mode)
