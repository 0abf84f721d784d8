"""PostgreSQL servers for tests, one of each per worker: the one that opsloop carries, and Debian's 15 as the source.

``embedded_server`` is a ``Server`` as the verifier starts it, ``fresh_database`` the name of an empty database in it.
``debian_server`` is what stands for a team's database: TLS, loopback and a Unix socket, scram passwords.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from opsloop.adapters.postgres_sandbox import Confinement, run_confined, runs_as, start_confined
from opsloop.adapters.postgres_server import Server
from opsloop.adapters.postgres_settings import GIBIBYTE, Limits

DEBIAN = Path("/usr/lib/postgresql/15/bin")
SOURCE_USER = "shop_owner"  # owns what tests make; no superuser
ENVIRONMENT = {"PATH": f"{DEBIAN}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
ssl = on
ssl_cert_file = '{folder}/server.crt'
ssl_key_file = '{folder}/server.key'
fsync = off
shared_buffers = 32MB
max_connections = 40
"""
RULES = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class DebianServer:
    """A running PostgreSQL 15. ``root_certificate`` is the authority of its certificate, for ``localhost``."""

    folder: Path
    port: int
    pid: int
    passwords: dict[str, str]
    root_certificate: Path

    def dsn(self, dbname: str = "postgres", user: str = SOURCE_USER, *, sslmode: str = "") -> str:
        """Return a connection string: by the Unix socket, or by TLS over loopback where ``sslmode`` is given."""
        who = {"dbname": dbname, "user": user, "password": self.passwords[user], "port": str(self.port)}
        if not sslmode:
            return make_conninfo("", host=str(self.folder), **who)
        trusted = {"sslrootcert": str(self.root_certificate)} if sslmode.startswith("verify") else {}
        return make_conninfo("", host="localhost", hostaddr="127.0.0.1", sslmode=sslmode, **who, **trusted)

    def program(self, name: str) -> Path:
        """Return one of Debian's own programs, such as ``pg_dump``."""
        return DEBIAN / name

    def create(self, name: str) -> None:
        """Make an empty database that ``SOURCE_USER`` owns."""
        with psycopg.connect(self.dsn(user="postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(SOURCE_USER))
            )

    def drop(self, name: str) -> None:
        """Remove a database."""
        with psycopg.connect(self.dsn(user="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[Server]:
    """Yield a running ``Server`` with more room than tests need: this process counts, whatever else it has run."""
    limits = Limits(memory_bytes=6 * GIBIBYTE, disk_bytes=8 * GIBIBYTE, lifetime_s=86_400.0)
    with Server(limits=limits, settings={"max_connections": "30"}) as server:
        yield server


_names = count(1)


@pytest.fixture
def fresh_database(embedded_server: Server) -> Iterator[str]:
    """Yield the name of an empty database in ``embedded_server`` that ``restorer`` owns; it goes with the test."""
    name = f"fresh_{next(_names)}"
    embedded_server.create_database(name)
    yield name
    embedded_server.drop_database(name)


@pytest.fixture(scope="session")
def debian_server() -> Iterator[DebianServer]:
    """Yield Debian's PostgreSQL 15, running as nobody with TLS; tests are skipped where it is not installed."""
    if not (DEBIAN / "postgres").exists():
        pytest.skip(f"no PostgreSQL in {DEBIAN} (apt-get install postgresql-15)")
    folder = Path(tempfile.mkdtemp(prefix="opsloop-debian-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        server = _prepared(folder)
        with (folder / "log").open("wb") as log:
            bounds = Confinement(may_execute=True, may_connect=True, on_our_end=signal.SIGQUIT)
            command = [DEBIAN / "postgres", "-D", folder / "data"]
            process = start_confined(command, bounds, environment=ENVIRONMENT, folder=folder, stdout=log, stderr=log)
        _make_owner(server, process)
        yield DebianServer(folder, server.port, process.pid, server.passwords, server.root_certificate)
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def source_database(debian_server: DebianServer) -> Iterator[str]:
    """Yield the name of an empty database in ``debian_server`` that ``SOURCE_USER`` owns; it goes with the test."""
    name = f"source_{next(_names)}"
    debian_server.create(name)
    yield name
    debian_server.drop(name)


@pytest.fixture
def dumped(debian_server: DebianServer, tmp_path: Path) -> Callable[..., Path]:
    """Return ``dumped(database, "--format=custom")``: the file that Debian's own pg_dump writes of a database."""

    def dump(database: str, *options: str, user: str = "postgres") -> Path:
        path = tmp_path / f"{database}-{next(_names)}.dump"
        command = [str(DEBIAN / "pg_dump"), f"--file={path}", *options, debian_server.dsn(database, user)]
        subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True)
        return path

    return dump


def _prepared(folder: Path) -> DebianServer:
    passwords = {name: secrets.token_hex(12) for name in ("postgres", SOURCE_USER)}
    (folder / "password").write_text(passwords["postgres"])
    write_certificates(folder)
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, *runs_as())
    command = [DEBIAN / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=scram-sha-256", "--no-sync"]
    command += [f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--locale=C.UTF-8"]
    may = Confinement(may_execute=True)
    done = run_confined(list(map(str, command)), may, environment=ENVIRONMENT, folder=folder, timeout_s=60.0)
    assert done.returncode == 0, done.stderr.decode()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(SETTINGS.format(port=port, folder=folder))
    (folder / "data" / "pg_hba.conf").write_text(RULES)
    return DebianServer(folder, port, 0, passwords, folder / "root.crt")


def _make_owner(server: DebianServer, process: "subprocess.Popen[bytes]") -> None:
    while True:
        with suppress(psycopg.OperationalError), psycopg.connect(server.dsn(user="postgres"), autocommit=True) as admin:
            password = sql.Literal(server.passwords[SOURCE_USER])
            admin.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(SOURCE_USER), password))
            return
        assert process.poll() is None, (server.folder / "log").read_text()


def write_certificates(folder: Path) -> None:
    """Write root.crt, and server.crt with server.key that it has signed for localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.now(UTC)

    def certificate(name: str, key: Any, issuer: str, signer: Any, *extensions: x509.ExtensionType) -> Any:
        names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
        builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(signer, hashes.SHA256())

    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    basic = x509.BasicConstraints(ca=True, path_length=None)
    root = certificate("tests' authority", authority, "tests' authority", authority, basic)
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = certificate("localhost", own, "tests' authority", authority, hosts)
    pem = serialization.Encoding.PEM
    (folder / "root.crt").write_bytes(root.public_bytes(pem))
    (folder / "server.crt").write_bytes(leaf.public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(private)
    (folder / "server.key").chmod(0o600)
