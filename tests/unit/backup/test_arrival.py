"""What is kept of a dump that arrived."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop.backup.arrival import Stored, gone, name_of, read_arrival, registered
from opsloop.backup.model import Format, Verdict
from opsloop.dataclass import replace
from opsloop.errors import InvalidInputError
from tests.backup_memory import START
from tests.integration.test_backup_faults import MANIFEST

KEY = "dumps/orders/2026/11/orders-20261121T083000Z.dump"
NAME = name_of(KEY.removeprefix("dumps/"))
PUT_AT = START + timedelta(minutes=1)
STORED = Stored(KEY, "v1", 10, PUT_AT, {"opsloop-origin": "orders/x"})


def test_the_time_of_a_dump_is_its_snapshots_else_its_names_else_its_objects():
    snapshot = replace(MANIFEST, taken_at=START + timedelta(seconds=2))
    assert registered(NAME, STORED, snapshot, None, PUT_AT).taken_at == snapshot.taken_at
    assert registered(NAME, STORED, None, None, PUT_AT).taken_at == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    plain = name_of("orders/latest.sql.gz")
    found = registered(plain, replace(STORED, key=plain.key), None, None, PUT_AT)
    assert (found.taken_at, found.format) == (PUT_AT, Format.SQL_GZ)


def test_only_what_we_took_ourselves_is_ours():
    assert registered(NAME, STORED, None, None, PUT_AT).origin == "opsloop"
    assert registered(NAME, replace(STORED, metadata={}), None, None, PUT_AT).origin == "elsewhere"


def test_the_same_version_again_keeps_what_is_known_of_it():
    known = replace(registered(NAME, STORED, MANIFEST, None, PUT_AT), verdict=Verdict.PROVEN, proven_at=START)
    again = registered(NAME, replace(STORED, legal_hold=True), MANIFEST, known, PUT_AT + timedelta(days=1))
    assert again == replace(known, legal_hold=True)


def test_a_hold_of_ours_outlives_a_bucket_that_has_none():
    known = replace(registered(NAME, STORED, MANIFEST, None, PUT_AT), legal_hold=True)
    assert registered(NAME, STORED, MANIFEST, known, PUT_AT).legal_hold
    assert not registered(NAME, replace(STORED, version="v2"), MANIFEST, known, PUT_AT).legal_hold


def test_what_was_deleted_and_brought_back_is_there():
    known = replace(registered(NAME, STORED, MANIFEST, None, PUT_AT), deleted_at=START, deleted_why="pruned")
    assert registered(NAME, STORED, MANIFEST, known, PUT_AT).deleted_at is None


def test_another_version_is_another_dump_of_which_nothing_is_proven():
    known = replace(registered(NAME, STORED, MANIFEST, None, PUT_AT), verdict=Verdict.PROVEN, revision=7)
    found = registered(NAME, replace(STORED, version="v2"), MANIFEST, known, PUT_AT)
    assert (found.version, found.verdict, found.revision) == ("v2", None, 7)


def test_what_is_gone_is_kept_as_deleted():
    found = gone(NAME, PUT_AT, 10, None, PUT_AT)
    assert (found.deleted_at, found.bytes, found.version) == (PUT_AT, 10, "")
    deleted = replace(found, deleted_at=START, deleted_why="pruned")
    assert gone(NAME, PUT_AT, 10, deleted, PUT_AT) == deleted


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": {"object": "x"}}, {"detail": {"object": {"key": 1}}}])
def test_another_event_is_refused(event):
    with pytest.raises(InvalidInputError, match="Object Created"):
        read_arrival({"time": "2026-11-21T08:30:00Z", **event})


def test_a_dumps_id_that_is_no_key_of_a_dump_is_refused():
    with pytest.raises(InvalidInputError, match="dump_id"):
        name_of("orders")
