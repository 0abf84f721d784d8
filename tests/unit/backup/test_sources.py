"""Reports of pgBackRest, Barman, WAL-G and RDS: what they say, and that nothing in them breaks a reader or is green."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.sources import MAX_REPORT_BYTES, read_source, source_json, sources_check, unreadable
from opsloop.backup.standing import Standing
from tests.unit.backup.audit_samples import NOW

DATA = Path(__file__).parents[2] / "data" / "backup"
KINDS = {
    "pgbackrest": "pgbackrest",
    "pgbackrest_wrapped": "pgbackrest",
    "barman_list": "barman",
    "barman_show": "barman",
    "barman_check": "barman",
    "walg_list": "walg",
    "walg_verify": "walg",
    "rds": "rds",
}
MET, MISSED, UNKNOWN = Standing.MET, Standing.MISSED, Standing.UNKNOWN


def sample(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


def read(document: Any, kind: str, *, written: datetime | None = NOW, now: datetime = NOW) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_source(kind, "reports/orders/report.json", body, written, now)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_pgbackrest_tells_its_newest_backup_but_not_how_far_the_archive_goes():
    found = read(sample("pgbackrest"), "pgbackrest")
    assert (found.standing, found.backups, found.bytes) == (MET, 3, 53_821_308_928)
    assert found.newest_backup_at == at("2026-11-21T07:01:01")  # 1795244461
    assert found.window_from == at("2026-11-15T01:28:08")  # of the full one, not of what follows from it
    assert (found.archive_wal, found.archive_until) == ("0000000100000A2F000000C4", None)
    assert found.is_open_ended
    assert found.recoverable.until == found.newest_backup_at
    assert "of which it does not say how far it goes" in found.sentence


def test_with_the_archiver_of_postgresql_the_report_says_how_far():
    found = read(sample("pgbackrest_wrapped"), "pgbackrest", written=None)
    assert found.archive_until == at("2026-11-21T08:29:02.113")
    assert (found.recoverable.until, found.recoverable.is_proven) == (found.archive_until, False)
    assert not found.is_open_ended


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one["status"].update(code=2, message="no valid backups"), "there is no valid backup (status 2)"),
        (lambda one: one["status"].update(code=99, message="[FileOpen] denied"), "[FileOpen] denied (status 99)"),
        (lambda one: one["repo"][0]["status"].update(code=1), "repository 1: the stanza has no path"),
        (lambda one: one["backup"][2].update({"error": True, "error-list": ["base/1/3351"]}), "base/1/3351"),
        (lambda one: one["backup"][2].update(timestamp={"start": 1}), "does not say when it ended"),
    ],
)
def test_faults_that_pgbackrest_names_are_missed_in_its_words(change, said):
    document = sample("pgbackrest")
    change(document[0])
    found = read(document, "pgbackrest")
    assert found.standing is MISSED
    assert said in found.sentence


def test_a_backup_with_wrong_checksums_is_not_what_could_be_had_back():
    document = sample("pgbackrest")
    document[0]["backup"][2]["error"] = True
    assert read(document, "pgbackrest").newest_backup_at == at("2026-11-20T01:05:11")


def test_barman_lists_its_backups_and_an_old_failure_between_good_ones_is_history():
    found = read(sample("barman_list"), "barman")
    assert (found.standing, found.backups, found.bytes) == (MET, 3, 53_687_091_200)
    assert (found.newest_backup_at, found.window_from) == (at("2026-11-21T01:05:02"), at("2026-11-19T01:05:01"))
    document = sample("barman_list")
    document["orders"][0] = {"backup_id": "20261121T010002", "status": "FAILED"}
    failed = read(document, "barman")
    assert (failed.standing, failed.newest_backup_at) == (MISSED, at("2026-11-19T01:05:01"))
    assert "backup 20261121T010002 failed" in failed.errors


def test_barman_shows_one_backup_and_the_newest_segment():
    found = read(sample("barman_show"), "barman")
    assert (found.standing, found.archive_wal) == (MET, "0000000100000A2F000000C4")
    broken = sample("barman_show")
    broken["orders"] = {"backup_id": "20261121T010002", "status": "FAILED", "error": "disk full"}
    assert read(broken, "barman").errors == ("backup 20261121T010002 failed: disk full",)


def test_barmans_check_tells_the_age_of_the_newest_segment_and_what_failed():
    both = {"written_at": "2026-11-21T08:30:00Z", "reports": [sample("barman_show"), sample("barman_check")]}
    found = read(both, "barman")
    assert found.archive_until == NOW - timedelta(seconds=95)  # "1 minute, 35 seconds"
    assert (found.standing, found.errors) == (MISSED, ("check failed backups failed: there are 1 failed backups",))


@pytest.mark.parametrize(("name", "kind"), [("barman_check", "barman"), ("walg_verify", "walg")])
def test_a_check_that_names_no_backup_does_not_say_that_there_is_one(name, kind):
    document = sample(name)
    if name == "barman_check":
        document["orders"]["failed_backups"]["status"] = "OK"
    found = read(document, kind)
    assert (found.standing, found.errors) == (UNKNOWN, ("the report names no backup",))


def test_walg_lists_backups_deltas_among_them():
    found = read(sample("walg_list"), "walg")
    assert (found.standing, found.backups, found.bytes) == (MET, 2, 53_687_091_200)
    assert found.newest_backup_at == at("2026-11-21T01:05:02.240")
    assert found.window_from == at("2026-11-15T01:28:08.902")


def test_walgs_verify_tells_of_segments_lost_and_not_of_those_on_their_way():
    both = [sample("walg_list"), sample("walg_verify")]
    assert read({"written_at": "2026-11-21T08:30:00Z", "reports": both}, "walg").standing is MET
    both[1]["integrity"].update(status="FAILURE")
    both[1]["integrity"]["details"][1]["status"] = "MISSING_LOST"
    found = read({"written_at": "2026-11-21T08:30:00Z", "reports": both}, "walg")
    assert found.standing is MISSED
    assert "segments lost: 0000000100000A2F000000C3 to 0000000100000A2F000000C4" in found.sentence


def test_rds_recovers_up_to_its_latest_restorable_time_from_as_far_back_as_it_keeps():
    found = read(sample("rds"), "rds")
    assert (found.standing, found.archive_until) == (MET, at("2026-11-21T08:26:12"))
    assert found.window_from == found.archive_until - timedelta(days=7)
    off = sample("rds")
    off["instance"]["BackupRetentionPeriod"] = 0
    assert read(off, "rds").errors == ("automated backups are switched off (a retention period of 0 days)",)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the report is empty"),
        (b"ERROR: [037]: archive-get command requires option: pg1-path", "not JSON"),
        (b"[]", "pgBackRest knows no stanza"),
        (b"{}", "not the output of pgbackrest info"),
        (b'[{"name":"a"}]', "a status with a code"),
        (b'[{"name":"a"},{"name":"b"}]', "2 stanzas (a, b): write it with --stanza=NAME"),
        (b"[" * 100_000, "not JSON"),
        (b" " * (MAX_REPORT_BYTES + 1), "more than"),
        (b"\xff\xfe\x00", "not JSON"),
    ],
    ids=["empty", "a log", "no stanza", "an object", "no status", "two stanzas", "deep", "huge", "no text"],
)
def test_what_is_no_report_is_unknown_for_a_reason(body, why):
    found = read(body, "pgbackrest")
    assert (found.standing, found.recoverable) == (UNKNOWN, None)
    assert why in found.sentence


@pytest.mark.parametrize(
    ("name", "kind"), [("barman_list", "walg"), ("walg_list", "barman"), ("rds", "pgbackrest"), ("pgbackrest", "rds")]
)
def test_a_report_of_another_tool_is_unknown(name, kind):
    assert read(sample(name), kind).standing is UNKNOWN


def test_an_old_report_one_of_nobody_knows_when_and_one_from_the_future_are_unknown():
    old = read(sample("pgbackrest"), "pgbackrest", now=NOW + timedelta(hours=2, minutes=1))
    assert (old.standing, old.recoverable) == (UNKNOWN, None)
    assert "2 hours 1 minute ago" in old.sentence
    assert read(sample("pgbackrest"), "pgbackrest", written=None).standing is UNKNOWN
    assert read(sample("pgbackrest"), "pgbackrest", now=NOW - timedelta(minutes=3)).standing is UNKNOWN
    ahead = sample("pgbackrest_wrapped")
    ahead["archiver"]["last_archived_time"] = "2026-11-21T08:40:00+00:00"
    assert "in the future: a clock is wrong" in read(ahead, "pgbackrest", written=None).sentence


def test_one_source_that_cannot_be_read_makes_all_of_them_unknown_and_faults_make_them_missed():
    good, blind = read(sample("walg_list"), "walg"), unreadable("barman", "x", "there is none")
    bad = read(sample("pgbackrest")[0] | {"status": {"code": 3}}, "pgbackrest")
    assert sources_check([good]).standing is MET
    assert (sources_check([good, blind]).standing, sources_check([good, blind]).by) == (UNKNOWN, "barman")
    document = sample("pgbackrest")
    document[0]["status"]["code"] = 3
    assert sources_check([good, blind, read(document, "pgbackrest")]).standing is MISSED
    assert bad.standing is UNKNOWN  # an object is no list of stanzas
    assert source_json(good)["is_proven"] is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(one for key, value in inner for one in places(value, (*path, key)))]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_whatever_stands_at_any_place_of_a_report_is_read_or_refused_in_words(name, data):
    document = copy.deepcopy(sample(name))
    path = data.draw(st.sampled_from(places(document)))
    value = data.draw(JSON)
    if path:
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
    else:
        document = value
    found = read(document, KINDS[name])
    assert found.standing is MET or len(found.sentence) > 20
    if found.standing is MET:
        assert found.newest_backup_at is not None
        assert found.newest_backup_at <= NOW + timedelta(minutes=2)
    json.dumps(source_json(found), allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 5_000))
def test_a_report_that_was_cut_off_is_unknown(name, length):
    body = (DATA / f"{name}.json").read_bytes()
    cut = body[: length % (len(body.rstrip()) - 1)]
    assert read(cut, KINDS[name]).standing is UNKNOWN
