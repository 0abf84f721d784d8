"""JSON documents say what our types say, and say what is wrong with one that does not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.document import (
    dump_json,
    manifest_from_bytes,
    manifest_json,
    read_dump,
    read_manifest,
    read_verification,
    to_bytes,
    verification_from_bytes,
    verification_json,
)
from opsloop.backup.model import (
    Cause,
    Dump,
    Finding,
    Format,
    Manifest,
    Phase,
    Reason,
    TableFacts,
    Verdict,
    Verification,
)
from opsloop.errors import InvalidInputError
from tests.unit.backup.worlds import MANIFEST

NAMES = st.text(min_size=1, max_size=8)
WHOLE = st.integers(0, 2**62)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))
FACTS = st.builds(TableFacts, kind=NAMES, rows=st.none() | WHOLE, sample_rows=WHOLE, sample=NAMES)
SEQUENCES = st.dictionaries(NAMES, st.tuples(st.integers(-(2**63), 2**63), st.booleans()), max_size=3)
MANIFESTS = st.builds(
    Manifest,
    database=NAMES,
    taken_at=TIMES,
    server_version=NAMES,
    server_version_num=WHOLE,
    encoding=NAMES,
    collation=NAMES,
    extensions=st.dictionaries(NAMES, NAMES, max_size=3),
    roles=st.lists(NAMES, max_size=3).map(tuple),
    schema_hashes=st.dictionaries(NAMES, NAMES, max_size=3),
    tables=st.dictionaries(NAMES, FACTS, max_size=3),
    sequences=SEQUENCES,
    large_objects=st.fixed_dictionaries({"count": WHOLE, "bytes": WHOLE, "hash": NAMES}),
    invalid=st.lists(NAMES, max_size=3).map(tuple),
    size_bytes=WHOLE,
    wal_lsn=NAMES,
    timeline=WHOLE,
    schemas=st.lists(NAMES, max_size=2).map(tuple),
    dump_format=st.sampled_from(Format),
    objects=st.dictionaries(NAMES, st.dictionaries(NAMES, NAMES, max_size=3), max_size=3),
    sequences_after=SEQUENCES,
)
DUMPS = st.builds(
    Dump,
    dump_id=NAMES,
    database=NAMES,
    key=NAMES,
    version=NAMES,
    bytes=WHOLE,
    taken_at=TIMES,
    arrived_at=TIMES,
    format=st.sampled_from(Format),
    rows=st.none() | WHOLE,
    verdict=st.none() | st.sampled_from(Verdict),
    reason=st.none() | st.sampled_from(Reason),
    proven_at=st.none() | TIMES,
    restore_s=st.none() | st.floats(0, 1e6),
    legal_hold=st.booleans(),
)
VERIFICATIONS = st.builds(
    Verification,
    verification_id=NAMES,
    dump_id=NAMES,
    database=NAMES,
    cause=st.sampled_from(Cause),
    verdict=st.sampled_from(Verdict),
    reason=st.none() | st.sampled_from(Reason),
    detail=NAMES,
    started_at=TIMES,
    ended_at=TIMES,
    taken_at=st.none() | TIMES,
    phases=st.lists(st.builds(Phase, name=NAMES, seconds=st.floats(0, 1e5)), max_size=3).map(tuple),
    findings=st.lists(
        st.builds(Finding, reason=st.sampled_from(Reason), where=NAMES, expected=NAMES, found=NAMES), max_size=3
    ).map(tuple),
    compared=st.dictionaries(NAMES, WHOLE, max_size=3),
    messages=st.lists(NAMES, max_size=3).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(MANIFESTS)
def test_a_manifest_comes_back_as_it_was(manifest: Manifest) -> None:
    assert manifest_from_bytes(to_bytes(manifest_json(manifest))) == manifest


@settings(max_examples=40, deadline=None)
@given(DUMPS)
def test_a_dump_comes_back_as_it_was(dump: Dump) -> None:
    assert read_dump(json.loads(to_bytes(dump_json(dump)))) == dump


@settings(max_examples=40, deadline=None)
@given(VERIFICATIONS)
def test_a_verification_comes_back_as_it_was(verification: Verification) -> None:
    assert verification_from_bytes(to_bytes(verification_json(verification))) == verification


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | NAMES,
        lambda one: st.lists(one) | st.dictionaries(st.sampled_from(["tables", "database", "format"]), one),
    )
)
def test_whatever_is_no_document_is_refused_in_words(value: Any) -> None:
    for read in (read_manifest, read_dump, read_verification):
        with pytest.raises(InvalidInputError):
            read(value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["tables", "public.orders", "rows"], "7", "manifest.tables.public.orders.rows: '7' is not a whole number"),
        (["tables", "public.orders", "rows"], True, "manifest.tables.public.orders.rows: True is not a whole number"),
        (["tables"], [], "manifest.tables: [] is not an object"),
        (["sequences", "public.orders_id_seq"], [1], "manifest.sequences.public.orders_id_seq: [1] is not a list of"),
        (["roles"], "all", "manifest.roles: 'all' is not a list"),
        (["taken_at"], "yesterday", "manifest.taken_at: 'yesterday' is not an ISO 8601 time"),
        (["taken_at"], "2026-11-21T08:00:00", "manifest.taken_at: '2026-11-21T08:00:00' has no zone"),
        (["dump_format"], "zip", "manifest.dump_format: 'zip' is not one of custom"),
        (["format"], 2, "manifest.format: 2 is newer than this opsloop understands (1)"),
        (["format"], "1", "manifest.format: '1' is not a whole number"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(path: list[str], value: object, said: str) -> None:
    document: Any = json.loads(to_bytes(manifest_json(MANIFEST)))
    place = document
    for one in path[:-1]:
        place = place[one]
    place[path[-1]] = value
    with pytest.raises(InvalidInputError) as error:
        read_manifest(document)
    assert error.value.message.startswith(said)


def test_a_missing_field_is_named_and_one_with_a_default_is_not_missed() -> None:
    document = manifest_json(MANIFEST)
    del document["wal_lsn"]
    with pytest.raises(InvalidInputError, match=r"^manifest\.wal_lsn: missing$"):
        read_manifest(document)
    document = manifest_json(MANIFEST)
    del document["objects"], document["sequences_after"]
    assert read_manifest(document | {"of_a_later_version": 1}).objects == {}


def test_a_file_that_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"^manifest: not JSON"):
        manifest_from_bytes(b'{"format": 1,')
    with pytest.raises(InvalidInputError, match=r"^manifest: not JSON"):
        manifest_from_bytes(b"\xff\xfe")


def test_a_verification_tells_its_restore_seconds_to_those_who_only_read() -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    one = Verification(
        "v", "d", "orders", Cause.DRILL, Verdict.PROVEN, None, "", moment, moment + timedelta(seconds=9),
        phases=(Phase("restore", 3.0), Phase("compare", 5.0), Phase("read", 0.5)),
    )  # fmt: skip
    assert verification_json(one)["restore_s"] == 3.5
    assert verification_json(one)["ended_at"] == "2026-11-21T00:00:09Z"
