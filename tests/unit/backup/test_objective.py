"""Freshness, proof, RPO and RTO: by hand, one case after the other; what is not known is never good."""

from datetime import timedelta

import pytest

from opsloop.backup.freshness import freshness, grace_s, next_due
from opsloop.backup.model import Cause, Reason, Verdict
from opsloop.backup.objective import proof, recoverables, rpo, rto
from opsloop.backup.sources import SourceReport
from opsloop.backup.standing import Standing
from opsloop.dataclass import replace
from tests.unit.backup.audit_samples import NOW, ORDERS, dump, failed, hours, restored, unproven

MET, MISSED, UNKNOWN = Standing.MET, Standing.MISSED, Standing.UNKNOWN


def every(count, **changes):
    return replace(ORDERS, every_h=count, **changes)


def wal(age_s, **changes):
    """Return a good report of pgBackRest whose archive ends ``age_s`` seconds ago."""
    usual = SourceReport(
        "pgbackrest",
        "reports/orders/pgbackrest.json",
        MET,
        "pgBackRest reports 3 backups.",
        NOW - timedelta(seconds=30),
        NOW - hours(5),
        NOW - timedelta(seconds=age_s),
        "0000000100000A2F000000C4",
    )
    return replace(usual, **changes)


@pytest.mark.parametrize(
    ("every_h", "grace"), [(0.25, 900), (0.5, 900), (2, 1_800), (4, 3_600), (6, 3_600), (168, 3_600)]
)
def test_the_grace_is_a_quarter_of_the_interval_within_bounds(every_h, grace):
    assert grace_s(every(every_h)) == grace


@pytest.mark.parametrize(("age_h", "standing"), [(0.1, MET), (6.9, MET), (7.0, MET), (7.001, MISSED), (100, MISSED)])
def test_a_dump_is_late_after_the_interval_and_the_grace(age_h, standing):
    found = freshness(ORDERS, [dump(age_h), dump(age_h + 6)], NOW)
    assert (found.standing, found.measured) == (standing, pytest.approx(age_h * 3_600))
    assert (found.objective, bool(found.advice)) == (7 * 3_600, standing is MISSED)


def test_what_was_deleted_is_not_there():
    assert freshness(ORDERS, [dump(1, deleted_at=NOW), dump(8)], NOW).standing is MISSED


def test_no_dump_and_a_dump_from_the_future_are_unknown():
    assert freshness(ORDERS, [], NOW).standing is UNKNOWN
    found = freshness(ORDERS, [dump(1), dump(-3)], NOW)
    assert found.standing is UNKNOWN
    assert "3 hours from now: a clock is wrong" in found.sentence
    assert freshness(ORDERS, [dump(-0.02)], NOW).standing is MET  # 72 seconds: clocks differ


def test_a_dump_is_due_at_the_next_slot_counted_from_the_epoch():
    assert next_due(ORDERS, NOW).isoformat() == "2026-11-21T12:00:00+00:00"
    assert next_due(every(0.25), NOW).isoformat() == "2026-11-21T08:45:00+00:00"
    assert next_due(ORDERS, next_due(ORDERS, NOW)).isoformat() == "2026-11-21T18:00:00+00:00"


@pytest.mark.parametrize(
    ("dumps", "standing", "follows"),
    [
        ([], UNKNOWN, "freshness"),
        ([dump(2)], MET, ""),
        ([dump(24 * 7.1)], MISSED, ""),
        ([failed(1), dump(7)], MISSED, "verification"),
        ([unproven(1, verdict=Verdict.UNKNOWN, reason=Reason.TOO_LARGE), dump(7)], UNKNOWN, "verification"),
        ([unproven(0.5)], UNKNOWN, "wait"),
        ([unproven(0.5), dump(6.5)], MET, ""),
        ([unproven(2)], UNKNOWN, ""),
        ([unproven(2), dump(8)], UNKNOWN, ""),
        ([dump(2, verdict=Verdict.RESTORABLE)], MET, ""),
    ],
)
def test_only_a_restore_within_a_week_and_a_verdict_within_an_hour_is_a_proof(dumps, standing, follows):
    found = proof(ORDERS, dumps, NOW)
    assert (found.standing, found.follows) == (standing, follows)


def test_an_old_dump_that_was_proven_again_yesterday_is_a_proof():
    again = dump(24 * 30, proven_at=NOW - hours(24), verified_at=NOW - hours(24))
    found = proof(ORDERS, [again], NOW)
    assert (found.standing, found.measured) == (MET, 86_400.0)


def test_what_could_be_had_back_is_the_newest_proven_dump_not_the_newest():
    found = recoverables([unproven(1), failed(7), dump(13), dump(19)], [wal(60)], NOW)
    assert [(one.by, one.until, one.is_proven) for one in found] == [
        ("pgbackrest", NOW - timedelta(seconds=60), False),
        ("dump", NOW - hours(13), True),
    ]


def test_a_dump_from_the_future_is_no_state_that_could_be_had_back():
    (found,) = recoverables([dump(7), dump(-3)], [], NOW)
    assert found.until == NOW - hours(7)


def test_an_archive_without_a_base_backup_is_no_state_that_could_be_had_back():
    assert recoverables([], [wal(60, newest_backup_at=None)], NOW) == ()


def test_the_loss_of_now_counts_and_that_of_just_before_the_next_proof():
    found = rpo(ORDERS, [dump(2), dump(8)], [], NOW)
    assert (found.standing, found.measured) == (MET, 7_200.0)
    assert found.figures["worst_s"] == 6 * 3_600 + 120  # a dump is proven two minutes after its snapshot
    tight = replace(ORDERS, rpo_s=6 * 3_600.0)
    missed = rpo(tight, [dump(0.1), dump(6.1)], [], NOW)
    assert (missed.standing, missed.measured) == (MISSED, 360.0)
    assert missed.advice[0].startswith("Dumps every 6 hours cannot give 6 hours.")
    assert "every_h: 4." in missed.advice[1]


def test_advice_never_names_a_schedule_that_would_not_do():
    minute = rpo(replace(ORDERS, rpo_s=300.0), [dump(0.1)], [], NOW)
    assert not any("every_h" in one for one in minute.advice)
    assert any("replica alone does not help" in one for one in minute.advice)


def test_a_late_dump_is_what_people_are_told_of_not_the_loss_that_follows_from_it():
    found = rpo(ORDERS, [dump(9)], [], NOW)
    assert (found.standing, found.follows) == (MISSED, "freshness")
    always = rpo(replace(ORDERS, rpo_s=900.0), [dump(9)], [], NOW)
    assert always.follows == ""


def test_continuous_archiving_gives_what_dumps_cannot_and_is_said_to_be_reported():
    found = rpo(replace(ORDERS, rpo_s=300.0), [dump(2)], [wal(45)], NOW)
    assert (found.standing, found.measured, found.by) == (MET, 45.0, "pgbackrest")
    assert "not proven by a restore" in found.sentence
    slow = rpo(replace(ORDERS, rpo_s=300.0), [dump(2)], [wal(900)], NOW)
    assert (slow.standing, slow.measured) == (MISSED, 900.0)


@pytest.mark.parametrize(
    ("change", "follows"),
    [
        ({"standing": UNKNOWN, "archive_until": None, "newest_backup_at": None, "archive_wal": ""}, "sources"),
        ({"archive_until": None}, ""),  # archived, but nobody says up to when
    ],
)
def test_a_source_that_might_do_and_cannot_be_read_makes_it_unknown_not_missed(change, follows):
    found = rpo(replace(ORDERS, rpo_s=300.0), [dump(2)], [wal(45, **change)], NOW)
    assert (found.standing, found.follows) == (UNKNOWN, follows)
    assert "pgBackRest reports" in found.sentence


def test_snapshots_without_a_log_count_as_what_they_are():
    snapshots = wal(0, kind="rds", archive_until=None, archive_wal="", newest_backup_at=NOW - hours(1))
    found = rpo(replace(ORDERS, rpo_s=300.0), [dump(2)], [snapshots], NOW)
    assert (found.standing, found.measured, found.by) == (MISSED, 3_600.0, "rds")


def test_nothing_to_recover_from_is_unknown():
    assert (rpo(ORDERS, [], [], NOW).standing, rpo(ORDERS, [], [], NOW).follows) == (UNKNOWN, "freshness")
    assert (rpo(ORDERS, [failed(1)], [], NOW).standing, rpo(ORDERS, [failed(1)], [], NOW).follows) == (UNKNOWN, "proof")


def test_the_restore_time_is_the_95th_percentile_without_comparing_and_without_drills():
    proofs = [restored(at, float(at)) for at in range(1, 21)]
    proofs.append(restored(0.5, 9_999.0, cause=Cause.DRILL))
    proofs.append(restored(0.6, 9_999.0, verdict=Verdict.FAILED))
    proofs.append(restored(24 * 91, 9_999.0))
    found = rto(ORDERS, [], proofs, NOW)
    assert (found.standing, found.measured) == (MET, 19.0)  # the 19th of 20
    assert (found.figures["p50_s"], found.figures["max_s"], found.figures["restores"]) == (10.0, 20.0, 20)
    assert "noticing that the database is lost" in found.figures["not_counted"]


@pytest.mark.parametrize(
    ("seconds", "standing"),
    [([7_000.0], MET), ([7_300.0], UNKNOWN), ([15_000.0], MISSED), ([7_300.0] * 4, UNKNOWN), ([7_300.0] * 5, MET)],
)
def test_few_restores_must_be_twice_as_fast(seconds, standing):
    found = rto(ORDERS, [], [restored(at + 1, one) for at, one in enumerate(seconds)], NOW)
    assert found.standing is standing


def test_no_restore_is_unknown_and_a_slow_one_comes_with_advice():
    assert (rto(ORDERS, [], [], NOW).standing, rto(ORDERS, [], [], NOW).follows) == (UNKNOWN, "proof")
    slow = rto(ORDERS, [], [restored(at, 20_000.0) for at in range(1, 9)], NOW)
    assert (slow.standing, len(slow.advice)) == (MISSED, 1)


def test_growth_that_will_break_the_objective_is_said_while_it_is_still_met():
    growing = [dump(12.0 * at, size_bytes=int(1e12 - at * 9e9), restore_s=10_000.0 - at * 90) for at in range(60)]
    found = rto(ORDERS, growing, [restored(at, 9_000.0) for at in range(1, 9)], NOW)
    assert found.standing is MET
    assert found.advice[0].startswith("At next quarter's size a restore may take longer")
    assert found.figures["forecast"]["restore_s"] > ORDERS.rto_s
