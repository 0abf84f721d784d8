"""What a verification makes of what its file and its engine say, with neither of them real."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.adapters.postgres_files import PREFIX, DumpFiles
from opsloop.backup import verify
from opsloop.backup.archive import Kind
from opsloop.backup.blocks import walk
from opsloop.backup.contents import read_contents
from opsloop.backup.engine_messages import bounded, findings_of, reason_of
from opsloop.backup.model import Finding, Manifest, Reason, TableFacts, Verdict, Verification
from opsloop.backup.needs import Needs
from opsloop.backup.order import EXPLAINS_MOST, OURS, in_order
from opsloop.backup.ports import FileFacts, NotTriedError, Outcome, Told, Unpacked
from opsloop.backup.verify import Verifier
from opsloop.backup.wanted import Limits, Wanted
from opsloop.catalog import Assertion
from opsloop.dataclass import replace
from tests.archives import Item, archive
from tests.verifying import NOW

ROWS = archive([Item("TABLE", "public", "t", "CREATE TABLE t ();"), Item("TABLE DATA", "public", "t", data=b"1\n")])
WHOLE = FileFacts(len(ROWS), "ab" * 32, ROWS)
MANIFEST = Manifest(
    database="shop",
    taken_at=NOW - timedelta(minutes=5),
    server_version="15.18",
    server_version_num=150018,
    encoding="UTF8",
    collation="C",
    extensions={},
    roles=(),
    schema_hashes={},
    tables={"public.t": TableFacts("table", 1)},
    sequences={},
    large_objects={},
    invalid=(),
    size_bytes=1000,
    wal_lsn="0/1",
    timeline=1,
    dump_bytes=len(ROWS),
    sha256="ab" * 32,
)


class Files:
    """A file that reads as ``facts`` and unpacks to an archive of one table."""

    def __init__(self, facts: FileFacts = WHOLE, error: Exception | None = None) -> None:
        self.facts, self.error = facts, error

    def read(self, _path: Path, _told: Told) -> FileFacts:
        return self.facts

    @contextmanager
    def unpacked(self, path: Path, *_: object) -> Iterator[Unpacked]:
        if self.error is not None:
            raise self.error
        contents = read_contents(io.BytesIO(ROWS))
        yield Unpacked(Kind.CUSTOM, path, len(ROWS), contents, walk(ROWS, contents))


class Engine:
    """An engine whose copy says what it is told to say; ``steps`` lists what was asked of it."""

    version = "18.4"

    def __init__(self, **said: object) -> None:
        self.said, self.steps = said, list[str]()
        self.server: list[str] = []
        self.missing_extensions: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.tables_found = 1
        self.found = MANIFEST

    def peak_memory_bytes(self) -> int:
        return 123

    @contextmanager
    def begun(self, _limits: Limits) -> Iterator[None]:
        self.server.append("begun")
        try:
            yield
        finally:
            self.server.append("stopped")

    @contextmanager
    def opened(self, _dump: Unpacked, needs: Needs, *_: object) -> Iterator["Engine"]:
        assert self.server[-1] == "begun"
        self._step("start")
        self.needs = needs
        try:
            yield self
        finally:
            self.steps.append("gone")

    def restore(self, _told: Told) -> Outcome:
        return self._step("restore") or Outcome()

    def begin_check(self) -> None:
        self._step("begin")

    def facts(self, _manifest: Manifest) -> Manifest:
        self._step("facts")
        return self.found

    def tables(self) -> int:
        return self.tables_found

    def check(self, _told: Told) -> Outcome:
        return self._step("check") or Outcome()

    def ask(self, assertion: Assertion) -> str:
        self._step("ask")
        return "" if assertion.sql == "SELECT true" else "false"

    def restored_bytes(self) -> int:
        return 4_096

    def _step(self, name: str) -> Outcome | None:
        self.steps.append(name)
        said = self.said.get(name)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Outcome) else None


def _verified(
    engine: Engine, files: Files | None = None, manifest: Manifest | None = MANIFEST, **wanted: object
) -> Verification:
    given = Wanted(**{"database": "orders", "now": NOW, "source_name": "shop", **wanted})  # type: ignore[arg-type]
    return Verifier(files or Files(), engine, iter(range(1_000)).__next__).verify(Path("x.dump"), manifest, given)


def test_a_copy_equal_to_its_manifest_is_proven_and_gone() -> None:
    engine = Engine()
    found = _verified(engine, assertions=(Assertion("a", "SELECT true"),))
    assert (found.verdict, found.reason, found.findings) == (Verdict.PROVEN, None, ())
    assert engine.steps == ["start", "restore", "begin", "facts", "check", "ask", "gone"]
    assert (found.peak_memory_bytes, found.restored_bytes, found.taken_at) == (123, 4_096, MANIFEST.taken_at)


def test_without_a_manifest_it_is_restorable_at_best() -> None:
    assert _verified(Engine(), manifest=None).verdict is Verdict.RESTORABLE


def test_a_copy_without_tables_is_empty_not_restorable() -> None:
    engine = Engine()
    engine.tables_found = 0
    assert _verified(engine, manifest=None).reason is Reason.EMPTY


@pytest.mark.parametrize("step", ["start", "restore", "begin", "facts", "check", "ask"])
@pytest.mark.parametrize("reason", sorted(OURS))
def test_what_fails_because_of_us_is_unknown_and_never_good(step: str, reason: Reason) -> None:
    engine = Engine(**{step: NotTriedError(reason, "the disk is full")})
    found = _verified(engine, assertions=(Assertion("a", "SELECT true"),))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, reason)
    assert "the disk is full" in found.detail
    assert step == "start" or engine.steps[-1] == "gone"


def test_what_was_found_before_we_failed_still_fails_the_dump() -> None:
    engine = Engine(check=NotTriedError(Reason.TOO_LARGE, "no time"))
    engine.found = replace(MANIFEST, tables={"public.t": TableFacts("table", 2)})
    found = _verified(engine)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.ROW_COUNT_MISMATCH)


def test_several_findings_are_all_told_the_one_that_explains_most_first() -> None:
    old = replace(MANIFEST, taken_at=NOW - timedelta(days=9), database="till")
    found = _verified(Engine(), Files(replace(WHOLE, sha256="cd" * 32)), old, max_age_s=3_600.0)
    assert [one.reason for one in found.findings] == [Reason.WRONG_DATABASE, Reason.STALE, Reason.CHECKSUM_MISMATCH]
    assert "till" in found.detail
    assert "(2 more)" in found.detail


def test_nothing_is_started_for_a_dump_that_is_known_to_be_bad() -> None:
    engine = Engine()
    short = replace(WHOLE, size_bytes=10, sha256="cd" * 32)
    assert _verified(engine, Files(short)).reason is Reason.TRUNCATED
    assert engine.steps == []


@pytest.mark.parametrize("facts", [WHOLE, replace(WHOLE, sha256="cd" * 32), FileFacts(4, "ab" * 32, b"junk")])
def test_a_server_comes_up_while_the_file_is_read_and_is_gone_whatever_the_file_is(facts: FileFacts) -> None:
    engine, seen = Engine(), list[str]()

    class Reading(Files):
        def read(self, path: Path, told: Told) -> FileFacts:
            seen.extend(engine.server)
            return super().read(path, told)

    _verified(engine, Reading(facts))
    assert seen == ["begun"]
    assert engine.server == ["begun", "stopped"]
    assert ("start" in engine.steps) is (facts is WHOLE)


def test_what_a_server_took_before_the_file_was_read_is_in_its_phase() -> None:
    engine, seconds = Engine(), [0.0]

    class Slow(Files):
        def read(self, path: Path, told: Told) -> FileFacts:
            seconds[0] += 100.0
            return super().read(path, told)

    @contextmanager
    def begun(_limits: Limits) -> Iterator[None]:
        seconds[0] += 3.0
        engine.server.append("begun")
        yield

    engine.begun = begun  # type: ignore[method-assign, assignment]
    wanted = Wanted("orders", NOW, source_name="shop")
    found = Verifier(Slow(), engine, lambda: seconds[0]).verify(Path("x.dump"), MANIFEST, wanted)
    took = {phase.name: phase.seconds for phase in found.phases}
    assert (took["read"], took["start"], sum(took.values())) == (100.0, 3.0, 103.0)


def test_nothing_is_begun_when_the_time_is_over() -> None:
    engine = Engine()
    found = _verified(engine, limits=Limits(seconds=4.0))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert "check" not in engine.steps


def test_a_restore_that_fails_on_a_newer_servers_dump_is_of_a_newer_server() -> None:
    wrong = Outcome((Finding(Reason.RESTORE_ERROR, "pg_restore", "no error", "syntax error"),))
    engine = Engine(restore=wrong)
    assert _verified(engine).reason is Reason.RESTORE_ERROR
    engine.version = "14.2"  # the archive is of a 15
    found = _verified(engine)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.VERSION_TOO_NEW)


@pytest.mark.parametrize(
    ("said", "left_out", "verdict"),
    [
        ("could not execute query: ERROR:  must be superuser to create a base type", (), Verdict.UNKNOWN),
        ("only superuser can define a leakproof function", (), Verdict.UNKNOWN),
        ("must be superuser to create custom procedural language", (), Verdict.FAILED),
        ("could not execute query: ERROR:  function public.f(integer) does not exist", ("functions in c",), "unknown"),
        ("could not execute query: ERROR:  function public.f(integer) does not exist", (), Verdict.FAILED),
        ("function public.f(integer) does not exist", ("functions in c",), Verdict.FAILED),  # called in plain text
        ('relation "t" does not exist', ("functions in c",), Verdict.FAILED),
        ('operator class "public.o" does not exist for access method "btree"', ("operator classes",), "unknown"),
        ('operator class "public.o" does not exist for access method "btree"', ("casts",), Verdict.FAILED),
        ('foreign-data wrapper "w" does not exist', ("foreign data wrappers",), Verdict.UNKNOWN),
        ('text search template "public.t" does not exist', ("text search parsers",), Verdict.UNKNOWN),
        ('invalid value for parameter "default_table_access_method": "a"', ("access methods",), Verdict.UNKNOWN),
    ],
)
def test_what_fails_for_lack_of_a_superuser_says_nothing_of_the_dump(
    monkeypatch: pytest.MonkeyPatch, said: str, left_out: tuple[str, ...], verdict: str
) -> None:
    monkeypatch.setattr(verify, "of_archive", lambda _contents: Needs(left_out=Counter(left_out)))
    wrong = (Finding(Reason.RESTORE_ERROR, "pg_restore", "no error", said),)
    follows = (Finding(Reason.RESTORE_ERROR, "pg_restore", "no error", 'relation "v" does not exist'),)
    found = _verified(Engine(restore=Outcome(wrong + follows)))
    reason = Reason.UNSUPPORTED if verdict == "unknown" else Reason.RESTORE_ERROR
    assert (found.verdict, found.reason) == (verdict, reason)


def test_roles_that_own_and_that_the_manifest_names_are_made() -> None:
    engine = Engine()
    manifest = replace(MANIFEST, roles=("reader",))
    _verified(engine, manifest=manifest)
    assert engine.needs.roles == {"shop", "reader"}
    _verified(engine, manifest=None)
    assert engine.needs.roles == {"shop"}  # who owns the archive's table


def test_an_extension_that_is_missing_is_named_before_anything_is_restored() -> None:
    engine = Engine()
    engine.missing_extensions = ("postgis",)
    found = _verified(engine)
    assert (found.reason, found.findings[0].where) == (Reason.MISSING_EXTENSION, "postgis")
    assert engine.steps == ["start", "gone"]


@given(st.lists(st.sampled_from(list(Reason)), max_size=8))
def test_every_reason_has_its_place_in_the_order(reasons: list[Reason]) -> None:
    found = in_order(Finding(one, str(place), "", "") for place, one in enumerate(reasons))
    ranks = [EXPLAINS_MOST.index(one.reason) for one in found]
    assert ranks == sorted(ranks)
    assert len(found) == len(reasons)
    assert set(EXPLAINS_MOST) == set(Reason)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("could not read from input file: end of file", Reason.TRUNCATED),
        ("could not uncompress data: incorrect data check", Reason.CORRUPT),
        ('could not extend file "base/5/1": No space left on device', Reason.TOO_LARGE),
        ("canceling statement due to statement timeout", Reason.TOO_LARGE),
        ('connection to server on socket "x" failed: No such file', Reason.NOT_STARTED),
        ('could not open input file "x.dump": No such file or directory', Reason.NOT_STARTED),
        ('relation "t" does not exist', Reason.RESTORE_ERROR),
        ('could not access file "$libdir/postgis-3": No such file or directory', Reason.MISSING_EXTENSION),
    ],
)
def test_the_engines_words_say_whose_fault_it_is(said: str, reason: Reason) -> None:
    assert reason_of(said) is reason


def test_each_error_is_a_finding_and_a_status_alone_is_one() -> None:
    errors = "pg_restore: error: could not execute query: ERROR:  a\nDETAIL: x\npg_restore: warning: b\n"
    assert [one.found for one in findings_of(errors, 1, "pg_restore")] == ["could not execute query: ERROR:  a"]
    lines = "psql:<stdin>:12: NOTICE:  x\npsql:<stdin>:20: ERROR:  no\n"
    assert [(one.where, one.found) for one in findings_of(lines, 3, "psql")] == [("line 20", "no")]
    assert [one.found for one in findings_of("", 9, "psql")] == ["it ended with status 9: "]
    assert list(findings_of("psql:<stdin>:1: WARNING:  x\n", 0, "psql")) == []


def test_messages_are_bounded_and_hold_no_password() -> None:
    said = bounded(["x" * 9_999, "", *(["ALTER ROLE a PASSWORD 'hunter2' VALID"] * 99)])
    assert len(said) == 50
    assert max(map(len, said)) == 500
    assert "hunter2" not in "".join(said)


def test_what_a_killed_process_left_unpacked_is_removed(tmp_path: Path) -> None:
    stale = tmp_path / f"{PREFIX}stale"
    stale.mkdir()
    (stale / "lock").touch()
    path = tmp_path / "x.dump"
    path.write_bytes(ROWS)
    files = DumpFiles(tmp_path)
    with files.unpacked(path, ROWS, Limits(), lambda *_: None):
        assert not stale.exists()
        with files.unpacked(path, ROWS, Limits(), lambda *_: None):
            assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 2  # one that is in use stays
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_a_file_that_is_gone_is_not_found(tmp_path: Path) -> None:
    found = Verifier(DumpFiles(), Engine(), iter(range(99)).__next__).verify(
        tmp_path / "gone.dump", None, Wanted("orders", NOW)
    )
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.NOT_FOUND)
