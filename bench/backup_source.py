"""Debian's PostgreSQL 15 as its initdb makes it, with a database of a given size in it, for ``bench.backup``."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql/15/bin")
ROWS_PER_MB = 7_900  # of the orders below, with their customers, as plain SQL
SOURCE = "shop"
CREATE = """
create table customers (id bigint primary key, email text not null, name text, created timestamptz);
insert into customers
select g, 'user' || g || '@example.org', md5(g::text), timestamptz '2026-01-01' + g * interval '1 s'
  from generate_series(1, {customers}) g;
create table orders (
  id bigserial primary key, customer_id bigint not null references customers, status text,
  total numeric(10, 2), created timestamptz, note text
);
insert into orders (customer_id, status, total, created, note)
select 1 + (g * 7919) % {customers}, (array['new', 'paid', 'sent'])[1 + g % 3], (g % 10000) / 100.0,
       timestamptz '2026-01-01' + g * interval '1 s', md5((g * 3)::text) || md5((g * 5)::text)
  from generate_series(1::bigint, {orders}) g;
create index on orders (customer_id);
create index on orders (created);
"""


class Debian:
    """A running server. ``run`` starts one of its programs with it as the server to reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": f"{DEBIAN}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGHOST": str(folder)}
        self.environment |= {"PGUSER": "postgres", "PGPORT": "5432"}

    def run(self, *command: str | Path) -> float:
        """Return the seconds that a program took."""
        started = time.perf_counter()
        subprocess.run([DEBIAN / command[0], *command[1:]], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    def dsn(self, name: str) -> str:
        """Return how to connect to a database."""
        return f"host={self.folder} port=5432 user=postgres dbname={name}"

    def fill(self, name: str, megabytes: int) -> None:
        """Make a database whose plain dump has about that size, with indexes and keys."""
        orders = megabytes * ROWS_PER_MB
        self.run("createdb", name)
        self.run("psql", "-Xqd", name, "-c", CREATE.format(orders=orders, customers=orders // 10))

    def size(self, name: str) -> int:
        """Return the bytes of a plain dump of a database."""
        with tempfile.TemporaryFile() as file:
            subprocess.run([DEBIAN / "pg_dump", name], env=self.environment, check=True, stdout=file)
            return file.tell() or os.fstat(file.fileno()).st_size


@contextmanager
def debian() -> Iterator[Debian]:
    """Yield a server with the settings that initdb writes, reached by a Unix socket alone; it goes with its data."""
    user = 65534 if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="bench-backup-") as name:
        folder = Path(name)
        if user:
            os.chown(folder, user, user)
        server = Debian(folder)
        options: list[str | Path] = [
            DEBIAN / "initdb",
            "-D",
            folder / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "--locale=C.UTF-8",
        ]
        subprocess.run(
            options, env=server.environment, check=True, stdout=subprocess.DEVNULL, user=user, group=user, cwd=folder
        )
        command: list[str | Path] = [
            DEBIAN / "postgres",
            "-D",
            folder / "data",
            "-k",
            folder,
            "-c",
            "listen_addresses=",
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=server.environment, user=user, group=user, cwd=folder, stdout=log, stderr=log
            )
        try:
            while subprocess.run([DEBIAN / "pg_isready", "-q"], env=server.environment, check=False).returncode:
                time.sleep(0.05)
            yield server
        finally:
            process.terminate()
            process.wait()
