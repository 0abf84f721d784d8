"""Dumps in a folder: names, what lies beside them, and what an attempt at another file proves (nothing)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.model import Cause, Dump, Format, Manifest, Phase, TableFacts, Verdict, Verification
from opsloop.backup.shelf import Shelved, dump_of, dumps_of, file_name, format_of, named_in, trust

TAKEN = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MODIFIED = datetime(2026, 11, 21, 6, 1, tzinfo=UTC)
MANIFEST = Manifest(
    database="shop",
    taken_at=TAKEN,
    server_version="15.18",
    server_version_num=150018,
    encoding="UTF8",
    collation="C.UTF-8",
    extensions={},
    roles=("shop",),
    schema_hashes={},
    tables={"public.orders": TableFacts("table", 7), "public.totals": TableFacts("materialized_view", 3)},
    sequences={},
    large_objects={},
    invalid=(),
    size_bytes=9_000_000,
    wal_lsn="0/1A2B3C4",
    timeline=1,
    sha256="ab" * 32,
)


def attempt(verdict: Verdict, *, minutes: int = 10, dump_bytes: int = 1000) -> Verification:
    return Verification(
        verification_id=f"v{minutes}",
        dump_id="shop",
        database="shop",
        cause=Cause.REQUEST,
        verdict=verdict,
        reason=None,
        detail="",
        started_at=TAKEN + timedelta(minutes=minutes),
        ended_at=TAKEN + timedelta(minutes=minutes, seconds=9),
        phases=(Phase("read", 0.5), Phase("restore", 2.0), Phase("compare", 4.0)),
        dump_bytes=dump_bytes,
        sha256="ab" * 32,
    )


def shelved(*attempts: Verification, path: str = "shop-20261121T060000Z.dump") -> Shelved:
    return Shelved(path, 1000, MODIFIED, MANIFEST, attempts)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.dump", Format.CUSTOM),
        ("2026/11/a.sql.gz", Format.SQL_GZ),
        ("a.sql.zst", Format.SQL_ZST),
        ("a.sql", Format.SQL),
        ("a.tar", Format.TAR),
        ("a.tar.gz", Format.TAR),
        ("a.dump.manifest.json", None),
        ("a.dump.verification.json", None),
        ("a.dump.partial", None),
        (".a.dump", None),
        (".dump", None),
        ("a.gz", None),
        ("notes.txt", None),
    ],
)
def test_an_ending_says_how_a_dump_is_written(path: str, kind: Format | None):
    assert format_of(path) is kind


@given(
    st.text(min_size=1, max_size=20),
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(Format),
)
@settings(max_examples=60, deadline=None)
def test_a_name_that_we_give_is_one_file_and_says_its_format_and_time(database: str, when: datetime, kind: Format):
    moment = when.replace(tzinfo=UTC, microsecond=0)
    name = file_name(database, moment, kind)
    assert "/" not in name
    assert format_of(name) is kind
    assert named_in(name)[1] == moment


def test_the_time_in_a_name_is_utc():
    paris = datetime.fromisoformat("2026-11-21T07:00:00+01:00")
    assert file_name("shop", paris, Format.CUSTOM) == "shop-20261121T060000Z.dump"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("shop-20261121T060000Z.dump", ("shop", TAKEN)),
        ("deep/er/shop-eu-20261121T060000Z.sql.gz", ("shop-eu", TAKEN)),
        ("nightly.sql.gz", ("nightly", None)),
        ("shop-20269921T060000Z.dump", ("shop-20269921T060000Z", None)),
    ],
)
def test_a_name_says_the_database_and_the_time_if_it_has_one(path: str, named: tuple[str, datetime | None]):
    assert named_in(path) == named


def test_the_manifest_knows_better_than_the_name_and_the_name_than_the_file_system():
    snapshot = replace(MANIFEST, taken_at=TAKEN - timedelta(seconds=3))
    assert dump_of(replace(shelved(), manifest=snapshot)).taken_at == TAKEN - timedelta(seconds=3)
    assert dump_of(replace(shelved(), manifest=None)).taken_at == TAKEN
    assert dump_of(replace(shelved(path="nightly.sql.gz"), manifest=None)).taken_at == MODIFIED


def test_rows_are_those_of_tables_and_restoring_excludes_comparing():
    dump = dump_of(shelved(attempt(Verdict.PROVEN)))
    assert (dump.rows, dump.restore_s, dump.has_manifest, dump.origin) == (7, 2.5, True, "opsloop")
    assert (dump.verdict, dump.proven_at) == (Verdict.PROVEN, TAKEN + timedelta(minutes=10, seconds=9))


def test_a_proof_of_other_bytes_proves_nothing():
    dump = dump_of(shelved(attempt(Verdict.PROVEN, dump_bytes=999)))
    assert (dump.verdict, dump.proven_at) == (None, None)


def test_the_last_attempt_counts_and_one_that_could_not_be_made_undoes_no_proof():
    failed = dump_of(shelved(attempt(Verdict.PROVEN), attempt(Verdict.FAILED, minutes=20)))
    unknown = dump_of(shelved(attempt(Verdict.PROVEN), attempt(Verdict.UNKNOWN, minutes=20)))
    assert trust(failed) is Verdict.FAILED
    assert (unknown.verdict, trust(unknown)) == (Verdict.UNKNOWN, Verdict.PROVEN)
    assert trust(replace(unknown, has_manifest=False)) is Verdict.RESTORABLE
    assert trust(dump_of(shelved(attempt(Verdict.UNKNOWN)))) is Verdict.UNKNOWN


def test_a_dump_is_found_by_its_name_its_folder_and_the_servers_name_newest_first():
    old = shelved(path="orders/2026/11/orders-20261120T060000Z.dump")
    new = replace(shelved(path="orders/2026/11/nightly.sql.gz"), manifest=None)
    other = replace(shelved(path="payments-20261121T060000Z.dump"), manifest=None)

    def found(name: str) -> list[Dump]:
        return list(dumps_of([replace(old, manifest=None), other, new], database=name))

    assert [dump.dump_id for dump in found("orders")] == [new.path, old.path]
    assert [dump.dump_id for dump in dumps_of([old, other], database="shop")] == [old.path]
    assert found("nobody") == []
    assert len(found("")) == 3
