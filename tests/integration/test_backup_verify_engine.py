"""Dumps of Debian's PostgreSQL 15, by its own pg_dump and by ours, restored for real; and each that must not pass."""

import gzip
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from opsloop.adapters.postgres_binaries import tools
from opsloop.adapters.postgres_files import DumpFiles
from opsloop.backup.contents import read_contents
from opsloop.backup.model import Reason, Verdict
from opsloop.backup.verify import Verifier
from opsloop.backup.wanted import Limits, Wanted
from opsloop.catalog import Assertion
from opsloop.dataclass import replace
from tests.everything import Source
from tests.verifying import END, HEAD, NOW, Bench

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMATS = {
    "custom": ("--format=custom",),
    "custom, not compressed": ("--format=custom", "--compress=0"),
    "custom, as inserts": ("--format=custom", "--inserts"),
    "tar": ("--format=tar",),
    "directory in a tar": ("--format=directory",),
    "plain": (),
    "plain, as inserts": ("--inserts",),
    "plain, with its database": ("--create",),
}


@pytest.mark.parametrize("case", FORMATS)
def test_every_format_of_debians_pg_dump_is_proven(verifying: Bench, source: Source, case: str) -> None:
    path = source.dump(*FORMATS[case])
    asserted = (Assertion("the parts are whole", "SELECT count(*) = 500 FROM parts"),)
    found = verifying.file(path, source.manifest(path), source_name=source.name, assertions=asserted)
    assert (found.findings, found.verdict) == ((), Verdict.PROVEN)
    assert found.compared["rows"] == source.facts.rows
    assert found.compared["large_objects"] == 2
    assert found.compared["assertions"] == 1
    assert [one.name for one in found.phases] == ["read", "inspect", "start", "restore", "compare", "check", "assert"]


@pytest.mark.parametrize("options", [("--format=custom",), ("--format=directory",), ()])
def test_dumps_of_our_own_pg_dump_are_proven(verifying: Bench, source: Source, options: tuple[str, ...]) -> None:
    path = source.dump(*options, program=tools().pg_dump)
    found = verifying.file(path, source.manifest(path), source_name=source.name)
    assert (found.findings, found.verdict) == ((), Verdict.PROVEN)


def test_packed_dumps_are_proven_as_they_are(verifying: Bench, source: Source, custom: Path) -> None:
    plain = source.dump()
    for path, packed in (
        (plain, gzip.compress(plain.read_bytes())),
        (plain, zstd.compress(plain.read_bytes())),
        (custom, gzip.compress(custom.read_bytes())),
        (source.dump("--format=directory"), b""),
    ):
        target = path.with_name(f"{path.name}.packed")
        target.write_bytes(packed or gzip.compress(path.read_bytes()))
        found = verifying.file(target, source.manifest(target), source_name=source.name)
        assert (found.findings, found.verdict) == ((), Verdict.PROVEN)


def test_a_dump_without_a_manifest_is_restorable_and_says_of_whom_it_is(verifying: Bench, custom: Path) -> None:
    found = verifying.file(custom)
    assert (found.verdict, found.reason) == (Verdict.RESTORABLE, None)
    assert found.dump_version.startswith("15.")
    assert any("event triggers" in one for one in found.messages)
    assert found.restored_bytes > 0


@pytest.mark.parametrize("share", [0.001, 0.2, 0.75, 0.99])
def test_a_truncated_dump_is_truncated_with_and_without_its_manifest(
    verifying: Bench, source: Source, custom: Path, tmp_path: Path, share: float
) -> None:
    raw = custom.read_bytes()
    path = tmp_path / "cut.dump"
    path.write_bytes(raw[: int(len(raw) * share)])
    for manifest in (source.manifest(custom), None):
        found = verifying.file(path, manifest, source_name=source.name)
        assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.TRUNCATED)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.76, 0.8, 0.9, 0.999])
def test_a_flipped_bit_fails_the_checksum(
    verifying: Bench, source: Source, custom: Path, tmp_path: Path, share: float
) -> None:
    raw = bytearray(custom.read_bytes())
    raw[int(len(raw) * share)] ^= 0x10
    path = tmp_path / "flipped.dump"
    path.write_bytes(raw)
    found = verifying.file(path, source.manifest(custom), source_name=source.name)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.CHECKSUM_MISMATCH)


def test_a_flipped_bit_in_rows_is_found_without_a_manifest(verifying: Bench, source: Source, tmp_path: Path) -> None:
    """zlib's own checksum over each table's rows: any change of them is noticed, here in the middle of the largest."""
    custom = source.dump("--format=custom")
    with custom.open("rb") as file:
        entries = read_contents(file).entries
    start = next(one.position for one in entries if one.kind == "TABLE DATA" and one.name == "parts_b") or 0
    raw = bytearray(custom.read_bytes())
    raw[start + 200] ^= 0x10
    path = tmp_path / "flipped.dump"
    path.write_bytes(raw)
    found = verifying.file(path)
    assert found.verdict is Verdict.FAILED
    assert found.reason in (Reason.CORRUPT, Reason.RESTORE_ERROR)


@pytest.mark.parametrize("size", [0, 1, 4096])
def test_an_empty_file_is_empty(verifying: Bench, source: Source, custom: Path, tmp_path: Path, size: int) -> None:
    path = tmp_path / "empty.dump"
    path.write_bytes(b"\0" * size)
    for manifest in (source.manifest(custom), None):
        found = verifying.file(path, manifest, source_name=source.name)
        assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.EMPTY)
    packed = tmp_path / "empty.sql.gz"
    packed.write_bytes(gzip.compress(b"\n" * size))
    assert verifying.file(packed).reason is Reason.EMPTY


def test_another_databases_dump_is_not_taken_for_this_ones(verifying: Bench, source: Source, custom: Path) -> None:
    for manifest in (source.manifest(custom), None):
        found = verifying.file(custom, manifest, source_name="payments")
        assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.WRONG_DATABASE)
        assert (found.findings[0].expected, found.findings[0].found) == ("payments", source.name)


def test_an_old_dump_is_stale_unless_it_is_proven_again(verifying: Bench, source: Source, custom: Path) -> None:
    manifest = source.manifest(custom)
    old = replace(manifest, taken_at=NOW - timedelta(days=3))
    found = verifying.file(custom, old, source_name=source.name, max_age_s=86_400.0)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.STALE)
    newer = verifying.file(custom, old, source_name=source.name, newer_than=NOW - timedelta(days=2))
    assert (newer.verdict, newer.reason) == (Verdict.FAILED, Reason.STALE)
    assert verifying.file(custom, old, source_name=source.name).verdict is Verdict.PROVEN


def test_a_table_that_was_not_dumped_is_missing(verifying: Bench, source: Source) -> None:
    path = source.dump("--format=custom", "--exclude-table=ident")
    found = verifying.file(path, source.manifest(path), source_name=source.name)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.MISSING_TABLE)
    assert "ident" in found.findings[0].where


def test_rows_that_were_not_dumped_are_counted(verifying: Bench, source: Source) -> None:
    path = source.dump("--format=custom", "--exclude-table-data=child")
    found = verifying.file(path, source.manifest(path), source_name=source.name)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.ROW_COUNT_MISMATCH)
    assert (found.findings[0].expected, found.findings[0].found) == ("20 rows", "0 rows")


def test_rows_that_were_changed_differ_from_their_sample(verifying: Bench, source: Source) -> None:
    """A plain dump changed by hand, with a manifest written for the changed file."""
    path = source.dump()
    changed = path.read_text().replace("\tx500\n", "\tx501\n", 1)
    assert changed != path.read_text()
    path.write_text(changed)
    found = verifying.file(path, source.manifest(path), source_name=source.name)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.ROW_SAMPLE_MISMATCH)


def test_a_sequence_set_back_is_found(verifying: Bench, source: Source) -> None:
    path = source.dump()
    path.write_text(path.read_text().replace("setval('public.s2', 100, true)", "setval('public.s2', 7, true)"))
    found = verifying.file(path, source.manifest(path), source_name=source.name)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.SEQUENCE_MISMATCH)


@pytest.mark.parametrize(("option", "reason"), [("--data-only", Reason.RESTORE_ERROR), ("--schema-only", Reason.EMPTY)])
@pytest.mark.parametrize("form", ["--format=custom", "--format=plain"])
def test_a_dump_of_half_is_not_whole(verifying: Bench, source: Source, option: str, reason: Reason, form: str) -> None:
    found = verifying.file(source.dump(option, form))
    assert (found.verdict, found.reason) == (Verdict.FAILED, reason)


def test_an_extension_that_is_not_here_is_named(verifying: Bench, source: Source) -> None:
    path = source.dump()
    text = path.read_text().replace("CREATE EXTENSION IF NOT EXISTS hstore ", "CREATE EXTENSION IF NOT EXISTS postgis ")
    path.write_text(text)
    found = verifying.file(path)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.MISSING_EXTENSION)
    assert found.findings[0].where == "postgis"
    assert "restore" not in {one.name for one in found.phases}


def test_a_newer_archive_is_too_new(verifying: Bench, custom: Path, tmp_path: Path) -> None:
    raw = bytearray(custom.read_bytes())
    raw[6] = 40
    path = tmp_path / "newer.dump"
    path.write_bytes(raw)
    found = verifying.file(path)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.VERSION_TOO_NEW)


def test_a_database_without_an_encoding_is_verified_as_any_other(verifying: Bench) -> None:
    """Its names come as bytes to whoever does not say in which encoding they are to come."""
    text = HEAD.replace("client_encoding = 'UTF8'", "client_encoding = 'SQL_ASCII'").encode()
    text += b"CREATE EXTENSION citext SCHEMA public;\nCREATE TABLE public.raw (a public.citext);\n"
    text += b"COPY public.raw (a) FROM stdin;\n"
    path = verifying.folder / "bytes.sql"
    path.write_bytes(text + b"\xe4\xff\n\\.\n" + END.encode())
    found = verifying.file(path)
    assert (found.findings, found.verdict) == ((), Verdict.RESTORABLE)


def test_text_that_fails_long_before_its_end_has_failed(verifying: Bench) -> None:
    """psql ends at the error, with what is still to be written to it in our hands."""
    found = verifying.sql("SELECT nothing_there();\n" + "SELECT 1;\n" * 100_000)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.RESTORE_ERROR)


def test_an_error_of_the_engine_is_told_in_its_words(verifying: Bench, source: Source) -> None:
    path = source.dump()
    right, wrong = "ADD CONSTRAINT child_pkey PRIMARY KEY (id)", "ADD CONSTRAINT child_check CHECK (no > 0)"
    path.write_text(path.read_text().replace(right, wrong))
    found = verifying.file(path)
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.RESTORE_ERROR)
    assert 'column "no" does not exist' in found.findings[0].found
    assert found.findings[0].where.startswith("line ")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT false", "false"),
        ("SELECT NULL::boolean", "NULL"),
        ("SELECT 1", "1"),
        ("SELECT true UNION ALL SELECT true", "2 rows"),
        ("SELECT true, true", "2 columns"),
        ("SELECT true WHERE false", "0 rows"),
        ("SELECT nothing FROM nowhere", "does not exist"),
        ("INSERT INTO child VALUES (9999, 1) RETURNING true", "read-only"),
        ("SELECT true; DROP TABLE child", "multiple commands"),
        ("SELECT pg_sleep(60) IS NULL", "no answer within"),
    ],
)
def test_an_assertion_is_one_true_boolean_or_failed(verifying: Bench, custom: Path, sql: str, said: str) -> None:
    asserted = (Assertion("holds", "SELECT true"), Assertion("named", sql))
    found = verifying.file(custom, assertions=asserted, limits=Limits(assertion_s=0.5))
    assert (found.verdict, found.reason) == (Verdict.FAILED, Reason.ASSERTION_FAILED)
    assert found.findings[0].where == "named"
    assert said in found.findings[0].found
    assert found.compared["assertions"] == 1


def test_a_dump_too_large_for_here_is_unknown_at_once(verifying: Bench, custom: Path) -> None:
    found = verifying.file(custom, limits=Limits(disk_bytes=1 << 20))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.TOO_LARGE)
    assert [one.name for one in found.phases] == ["read", "inspect"]


def test_progress_is_told_by_phase(verifying: Bench, custom: Path) -> None:
    told: list[tuple[str, float, float]] = []
    verifier = Verifier(DumpFiles(), verifying.engine, lambda: 0.0)
    verifier.verify(custom, None, Wanted("shop", NOW), lambda *one: told.append(one))
    assert list(dict.fromkeys(phase for phase, _, _ in told))[:4] == ["read", "inspect", "start", "restore"]
    size = custom.stat().st_size
    assert ("read", size, size) in told
