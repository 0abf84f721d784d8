"""What other tools report of their own faults: nothing that they cannot restore is counted as if they could."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from opsloop.backup.objective import rpo
from opsloop.backup.sources_rds import read_rds
from opsloop.backup.sources_walg import read_walg
from opsloop.dataclass import replace
from tests.unit.backup.audit_samples import NOW, ORDERS, dump
from tests.unit.backup.test_sources import MET, MISSED, UNKNOWN, at, read, sample

ARCHIVER = {"last_archived_time": "2026-11-21T08:29:02+00:00"}  # a minute ago: it did archive something


def wrapped(*reports: Any) -> dict[str, Any]:
    return {"written_at": "2026-11-21T08:30:00Z", "archiver": ARCHIVER, "reports": list(reports)}


def lost() -> list[Any]:
    verify = sample("walg_verify")
    verify["integrity"].update(status="FAILURE")
    verify["integrity"]["details"][1]["status"] = "MISSING_LOST"
    return [sample("walg_list"), verify]


def wrong_timeline() -> list[Any]:
    verify = sample("walg_verify")
    verify["timeline"].update(status="FAILURE")
    return [sample("walg_list"), verify]


def mixed() -> list[Any]:
    (stanza,) = sample("pgbackrest")
    stanza["status"].update(code=4, message="different across repositories")
    return [[stanza]]


def checked(name: str) -> list[Any]:
    check = sample("barman_check")
    check["orders"] = {"failed_backups": {"status": "OK"}, name: {"status": "FAILED", "hint": "see the log"}}
    return [sample("barman_show"), check]


@pytest.mark.parametrize(
    ("kind", "reports", "whole"),
    [
        ("walg", lost(), [sample("walg_list"), sample("walg_verify")]),
        ("walg", wrong_timeline(), [sample("walg_list"), sample("walg_verify")]),
        ("pgbackrest", mixed(), [sample("pgbackrest")]),
        ("barman", checked("archiver_errors"), [sample("barman_show")]),
        ("barman", checked("wal_archive"), checked("backup_maximum_age")),
        ("barman", checked("receive_wal_running"), checked("backup_minimum_size")),
    ],
    ids=["a gap", "another timeline", "repositories differ", "archiver errors", "no archive", "nothing is received"],
)
def test_an_archive_that_its_own_tool_calls_broken_meets_no_objective(kind, reports, whole):
    minutes = replace(ORDERS, rpo_s=300.0)
    good = rpo(minutes, [dump(2)], [read(wrapped(*whole), kind)], NOW)
    assert (good.standing, good.measured) == (MET, 58.0)
    found = read(wrapped(*reports), kind)
    assert (found.standing, found.archive_until, found.is_open_ended) == (MISSED, None, True)
    assert rpo(minutes, [dump(2)], [found], NOW).standing is UNKNOWN


def test_a_backup_of_barman_that_waits_for_its_log_is_none_yet():
    waiting = sample("barman_list")
    waiting["orders"][0]["status"] = "WAITING_FOR_WALS"
    found = read(waiting, "barman")
    assert (found.standing, found.newest_backup_at) == (MET, at("2026-11-19T01:05:01"))  # the one before is whole
    waiting["orders"] = waiting["orders"][:1]
    alone = read(waiting, "barman")
    assert (alone.standing, alone.recoverable) == (MISSED, None)
    assert alone.errors == ("backup 20261121T010002 waits for write-ahead log",)
    shown = sample("barman_show")
    shown["orders"]["status"] = "WAITING_FOR_WALS"
    assert (read(shown, "barman").standing, read(shown, "barman").recoverable) == (MISSED, None)


def test_what_barman_says_in_its_own_errors_is_told_though_it_has_good_backups():
    document = {**sample("barman_list"), "_ERROR": ["connection to PostgreSQL failed"]}
    assert read(document, "barman").errors == ("connection to PostgreSQL failed",)


def test_what_builds_on_a_backup_of_pgbackrest_with_damaged_pages_is_no_better():
    document = sample("pgbackrest")
    document[0]["backup"][0].update({"error": True, "error-list": ["base/1/3351"]})
    found = read(document, "pgbackrest")
    assert (found.standing, found.recoverable) == (MISSED, None)
    without = copy.deepcopy(document)
    for one in without[0]["backup"]:
        one.pop("reference")  # what it builds on directly is enough
    assert read(without, "pgbackrest").recoverable is None


def test_the_year_one_is_how_walg_says_that_it_does_not_know():
    (first, _) = sample("walg_list")
    first["finish_time"] = "0001-01-01T00:00:00Z"
    assert read_walg([first]).newest_backup_at == at("2026-11-15T01:28:08.902")
    first["time"] = "0001-01-01T00:00:00Z"
    assert read_walg([first]).newest_backup_at is None


@pytest.mark.parametrize(
    "state", ["inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable"]
)
def test_an_instance_whose_key_is_lost_can_not_be_restored(state):
    document = sample("rds")
    document["instance"]["DBInstanceStatus"] = state
    found = read(document, "rds")
    assert (found.standing, found.recoverable) == (MISSED, None)
    assert state in found.sentence
    assert read_rds(document | {"snapshots": []}).errors == (f"it is {state}: without its key nothing can be restored",)


def test_an_instance_that_failed_says_so_and_is_still_restored_from_its_window():
    document = sample("rds")
    document["instance"]["DBInstanceStatus"] = "failed"
    found = read(document, "rds")
    assert (found.standing, found.errors) == (MISSED, ("it is failed",))
    assert NOW - found.recoverable.until < timedelta(minutes=5)
