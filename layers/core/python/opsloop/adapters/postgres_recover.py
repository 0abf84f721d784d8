"""A dump restored for real: into a database that people will use, with its owners and privileges.

The programs of PostgreSQL do it (``pg_restore``, or ``psql`` for plain dumps) and go on after an error, since at three
in the morning all but one view is better than nothing; every error is told. What an older server does not know of a
newer ``pg_dump`` (a timeout that is switched off) is no error. The comparison with the manifest judges the rest.
"""

import os
import re
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from opsloop.adapters.postgres_target import database_of, environment
from opsloop.backup.plain import left_out
from opsloop.backup.sql_text import Part, Piece, pieces
from opsloop.dataclass import dataclass
from opsloop.errors import DependencyUnavailableError

MESSAGES_KEPT, MESSAGE_CHARACTERS = 200, 1_000
STOP_S = 5.0
STATEMENT_BYTES = 2_000  # enough of a statement to tell what it does
OWNERSHIP = ("owners", "privileges")
HARMLESS = (  # what servers say of settings that only a newer pg_dump knows, and managed ones of extensions
    re.compile(r'unrecognized configuration parameter "(transaction_timeout|idle_replication_slot_timeout)"'),
    re.compile(r"must be owner of extension "),
)
_ERROR = re.compile(r"(?:pg_restore: error:|psql:[^:]*:\d+: (?:ERROR|FATAL|error):)\s*(?P<text>.*)")
_COMPLETED = re.compile(r"errors ignored on restore: \d+")
_STEP = re.compile(r"pg_restore: (?:creating|processing data for|executing|launching item|restoring) (?P<what>.*)")

Step = Callable[[str], None]  # told of each object as it is restored


@dataclass(frozen=True)
class Restored:
    """How a restore ended: whether it came to its end, the engine's errors, and those of them that do no harm."""

    is_complete: bool
    errors: tuple[str, ...]
    harmless: tuple[str, ...]


def restore_archive(
    program: Path, path: Path, dsn: str, *, variables: Mapping[str, str], jobs: int, no_owner: bool, step: Step,
    sections: Sequence[Sequence[str]] = ((),),
) -> Restored:  # fmt: skip
    """Restore a custom or tar archive, or a folder of the directory format, by ``pg_restore``.

    ``variables`` are the environment of the program; what ``dsn`` says is added to it. ``sections`` are options of
    runs, one after the other; more than one ``jobs`` a file in tar format cannot have.
    """
    options = ["--no-owner", "--no-privileges"] if no_owner else []
    parallel = [f"--jobs={jobs}"] if jobs > 1 else []
    command = [
        str(program),
        "--verbose",
        "--no-password",
        *options,
        *parallel,
        f"--dbname={_only_name(dsn)}",
        str(path),
    ]
    done = Restored(is_complete=True, errors=(), harmless=())
    for section in sections:
        one = _run([*command, *section], {**variables, **environment(dsn)}, None, step)
        done = Restored(one.is_complete, done.errors + one.errors, done.harmless + one.harmless)
        if not done.is_complete:
            break
    return done


def restore_plain(
    program: Path, chunks: Iterable[bytes], dsn: str, *, variables: Mapping[str, str], no_owner: bool
) -> Restored:
    """Restore SQL text by ``psql``, in its restricted mode: no command with a backslash in it can do anything."""
    command = [str(program), "--no-psqlrc", "--quiet", "--no-password", f"--output={os.devnull}"]
    command += [f"--dbname={_only_name(dsn)}", "--command", f"\\restrict {secrets.token_hex(16)}", "--file", "-"]
    return _run(command, {**variables, **environment(dsn)}, as_sql(chunks, no_owner=no_owner), lambda _: None)


def as_sql(chunks: Iterable[bytes], *, no_owner: bool) -> Iterator[bytes]:
    """Return the text for psql without commands of its own, each line at its place.

    Those of pg_dump (``\\restrict``, ``\\unrestrict``) are left out; with ``no_owner`` owners and privileges as well.
    """
    was_wanted = True
    for piece in pieces(iter(chunks)):
        if piece.part is Part.SQL:
            was_wanted = not (no_owner and left_out(_beginning(piece)) in OWNERSHIP)
        is_wanted = piece.part is not Part.META and was_wanted
        yield piece.text if is_wanted else b"\n" * piece.text.count(b"\n")


def _beginning(piece: Piece) -> str:
    return piece.bare[:STATEMENT_BYTES].decode("utf-8", "replace").rstrip()


def analyze(dsn: str) -> None:
    """Count values anew for the planner: a dump has no statistics, and without them queries crawl."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")


def _only_name(dsn: str) -> str:
    """Return a connection string with nothing but the database's name: the rest travels in the environment."""
    return psycopg.conninfo.make_conninfo(dbname=database_of(dsn))


def _run(command: Sequence[str], variables: Mapping[str, str], chunks: Iterable[bytes] | None, step: Step) -> Restored:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if chunks is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**variables, "LC_ALL": "C"},
        )
    except OSError as error:
        raise DependencyUnavailableError(f"{command[0]} cannot run: {error.strerror}") from None
    with _ended(process):
        feeder = _Feeder(process, chunks) if chunks is not None else None
        lines = (line.decode("utf-8", "replace").rstrip("\n") for line in process.stderr or ())
        heard = list(_heard(lines, step))
        process.wait()
        if feeder is not None:
            feeder.finish()
    return judge(heard, process.returncode)


def judge(lines: Iterable[str], code: int) -> Restored:
    """Return how a restore ended by what the program said and its exit code."""
    errors: list[str] = []
    harmless: list[str] = []
    is_complete = code == 0
    for line in lines:
        if _COMPLETED.search(line):
            is_complete = True
        elif (found := _ERROR.match(line)) and (text := found["text"][:MESSAGE_CHARACTERS]):
            text = text.removeprefix("could not execute query: ").removeprefix("ERROR:").strip()
            (harmless if any(one.search(text) for one in HARMLESS) else errors).append(text)
    return Restored(is_complete, tuple(errors[:MESSAGES_KEPT]), tuple(harmless[:MESSAGES_KEPT]))


def _heard(lines: Iterator[str], step: Step) -> Iterator[str]:
    """Yield what matters of what a program says, and tell of each step."""
    for line in lines:
        if found := _STEP.match(line):
            step(found["what"])
        elif _ERROR.match(line) or _COMPLETED.search(line):
            yield line


class _Feeder:
    """Writes the dump into a program while another thread listens to it; keeps the error that reading it met."""

    def __init__(self, process: "subprocess.Popen[bytes]", chunks: Iterable[bytes]) -> None:
        self._process, self._chunks = process, chunks
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for the end; raise what stopped it, unless the program itself hung up."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _feed(self) -> None:
        stream = self._process.stdin
        if stream is None:
            return
        try:
            with stream:
                for chunk in self._chunks:
                    stream.write(chunk)
        except BrokenPipeError:
            pass  # psql has ended, and says why on its own
        except Exception as error:  # noqa: BLE001 - the thread's boundary: raised by whoever waits for it
            self._failure = error


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End the program with the block, however the block ends: Ctrl-C leaves none behind."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stderr is not None:
            process.stderr.close()
