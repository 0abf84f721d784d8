"""A verification beside plain ``pg_restore``: ``python -m bench.backup [--mb 100 --mb 1000] [--rounds N]``.

In one run, in turn: ``pg_restore`` of a custom dump into an empty database of Debian's PostgreSQL 15 (settings as its
initdb writes them), and our whole verification of the same file, with its manifest: read, inspect, start a server,
restore, compare every table, check, one assertion. Wall time, since several processes work; medians of the rounds, and
a ratio is the median of the rounds' ratios. Memory is the sum of PSS of PostgreSQL, its programs and ours.
"""

import argparse
import hashlib
import os
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg

from bench.backup_source import DEBIAN, SOURCE, Debian, debian
from opsloop.adapters.postgres_facts import read_facts
from opsloop.adapters.postgres_restore import verifier_here
from opsloop.backup.model import Manifest, Verdict, Verification
from opsloop.backup.wanted import GIB, Limits, Wanted
from opsloop.catalog import Assertion
from opsloop.dataclass import replace

SIZES_MB, MARK, MEMORY_MARK_MB = (100, 1_000), 1.3, 400
PHASES = ("read", "inspect", "start", "restore", "compare", "check", "assert")
ASSERTIONS = (Assertion("no order is without its customer", "SELECT count(*) > 0 FROM orders"),)
LIMITS = Limits(seconds=3_600.0, statement_s=3_600.0, disk_bytes=16 * GIB)


class Round(NamedTuple):
    """Seconds of plain ``pg_restore``, and the verification of the same file next to it."""

    plain_s: float
    verification: Verification

    @property
    def whole_s(self) -> float:
        """Return the seconds of the whole verification."""
        return sum(one.seconds for one in self.verification.phases)

    def seconds(self, name: str) -> float:
        """Return the seconds of one phase."""
        return sum(one.seconds for one in self.verification.phases if one.name == name)


def manifest_of(server: Debian, dump: Path) -> Manifest:
    """Return the manifest of the source database and its dump; nothing writes there."""
    with psycopg.connect(server.dsn(SOURCE), autocommit=True) as connection:
        facts = read_facts(connection)
    digest = hashlib.sha256(dump.read_bytes()).hexdigest()
    return replace(facts, dump_bytes=dump.stat().st_size, sha256=digest)


def one_round(server: Debian, dump: Path, manifest: Manifest, number: int) -> Round:
    """Restore the dump both ways, one after the other.

    Nothing of Debian's is removed until the end: on ext4 without a journal every file that was removed in the last
    minutes makes the next new one slower, and we are the next.
    """
    server.run("createdb", f"restored_{number}")
    plain_s = server.run("pg_restore", f"--dbname=restored_{number}", dump)
    server.run("psql", "-Xqd", "postgres", "-c", "checkpoint")
    wanted = Wanted(SOURCE, datetime.now(UTC), source_name=SOURCE, assertions=ASSERTIONS, limits=LIMITS)
    verification = verifier_here().verify(dump, manifest, wanted)
    assert verification.verdict is Verdict.PROVEN, verification.detail
    return Round(plain_s, verification)


def measure(megabytes: int, rounds: int) -> None:
    """Print the rows of one size."""
    with debian() as server, tempfile.TemporaryDirectory(prefix="bench-backup-") as name:
        Path(name).chmod(0o755)
        dump = Path(name) / "shop.dump"
        server.fill(SOURCE, megabytes)
        server.run("pg_dump", "--format=custom", f"--file={dump}", SOURCE)
        manifest = manifest_of(server, dump)
        plain_mb, dump_mb = server.size(SOURCE) / 1e6, dump.stat().st_size / 1e6
        done = [one_round(server, dump, manifest, number) for number in range(rounds)]
    rows = f"{manifest.rows:,} rows, {plain_mb:,.0f} MB of plain SQL, {dump_mb:,.0f} MB of custom dump"
    print(f"\n{megabytes} MB: {rows}; {rounds} rounds, load {os.getloadavg()[0]:.1f}\n")
    print("| what | s (median) | of plain pg_restore |")
    print("| --- | ---: | ---: |")
    plain = statistics.median(one.plain_s for one in done)
    print(f"| plain pg_restore into Debian's 15 | {plain:.2f} | 1 |")
    for phase in PHASES:
        _row(phase, [one.seconds(phase) for one in done], done)
    _row("**whole verification**", [one.whole_s for one in done], done)
    peak = max(one.verification.peak_memory_bytes for one in done) / 1e6
    whole = statistics.median(one.whole_s / one.plain_s for one in done)
    print(f"\nwhole: ratio {whole:.2f}, mark {MARK}: {'met' if whole <= MARK else 'NOT met'}; ", end="")
    print(f"peak memory {peak:,.0f} MB, mark {MEMORY_MARK_MB}: {'met' if peak <= MEMORY_MARK_MB else 'NOT met'}")


def _row(name: str, seconds: list[float], rounds: list[Round]) -> None:
    ratio = statistics.median(took / one.plain_s for took, one in zip(seconds, rounds, strict=True))
    print(f"| {name} | {statistics.median(seconds):.2f} | {ratio:.2f} |")


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, action="append", help="size of the plain dump; may be given again")
    parser.add_argument("--rounds", type=int, help="default: 5 up to 200 MB, else 2")
    arguments, _rest = parser.parse_known_args()
    if not (DEBIAN / "postgres").exists():
        print(f"no PostgreSQL in {DEBIAN} to compare with (apt-get install postgresql-15)")
        return
    for megabytes in arguments.mb or SIZES_MB:
        measure(megabytes, arguments.rounds or (5 if megabytes <= 200 else 2))


if __name__ == "__main__":
    main()
