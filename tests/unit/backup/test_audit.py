"""An audit as a whole, and what people are told of one audit after the other."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.adapters.aws_record import body_of, record_of
from opsloop.backup.audit import Evidence, advance, audit, last_failure
from opsloop.backup.audited import Audited, events, owed_json
from opsloop.backup.model import Cause, ObjectiveMissed, Reason, Verdict, VerificationRequested
from opsloop.backup.sources import unreadable
from opsloop.backup.standing import Standing, assessment_json
from opsloop.backup.take import Take, TakeState
from opsloop.dataclass import replace
from tests.unit.backup.audit_samples import NOW, ORDERS, dump, failed, hours, restored, unproven

GOOD = Evidence([dump(2 + 6 * at) for at in range(8)], [restored(2 + 6 * at, 2.0) for at in range(8)])


def after(minutes):
    return NOW + timedelta(minutes=minutes)


def told(looks, database=ORDERS):
    """Return what is told of audits, given as (minute, evidence), one after the other."""
    before, found = None, []
    for minute, evidence in looks:
        before, tellings = advance(database, before, audit(database, evidence, after(minute)))
        found += [(minute, type(one.data).__name__, getattr(one.data, "objective", "")) for one in tellings]
    return found


def test_with_everything_as_it_should_be_all_is_met_and_nobody_is_told():
    found = audit(ORDERS, GOOD, NOW)
    assert {one.name: one.standing for one in found.checks} == dict.fromkeys(
        ("freshness", "proof", "rpo", "rto", "size"), Standing.MET
    )
    assert (found.standing, found.summary[:25]) == (Standing.MET, "Every objective is met. R")
    assert told([(0, GOOD), (15, GOOD)]) == []


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence([]),
        Evidence([unproven(1)]),
        Evidence([*GOOD.dumps, dump(-5)], GOOD.verifications),
        Evidence(GOOD.dumps),  # no restore was measured
        Evidence(GOOD.dumps, GOOD.verifications, reports=[unreadable("walg", "reports/x.json", "it is not JSON")]),
    ],
    ids=["no dump", "no proof", "from the future", "no restore measured", "no report"],
)
def test_what_is_missing_is_unknown_and_never_met(evidence):
    assert audit(ORDERS, evidence, NOW).standing is Standing.UNKNOWN


def test_the_worst_is_said_first_and_of_it_what_is_not_merely_a_consequence():
    found = audit(ORDERS, Evidence([dump(30)], [restored(30, 2.0)]), NOW)
    assert found.standing is Standing.MISSED
    assert found.check("rpo").follows == "freshness"
    assert found.summary.startswith("The newest dump is from 2026-11-20 02:30 UTC, 1 day 6 hours old")
    assert found.summary.endswith("It is 23 hours late.")
    both = replace(ORDERS, rpo_s=900.0)
    assert audit(both, Evidence([dump(30)]), NOW).summary.endswith("(1 other check of it is not met, too.)")


def test_something_missed_is_told_at_once_once_and_its_end_once():
    late = Evidence([dump(2)], GOOD.verifications)
    looks = [(0, GOOD), (360, late), (375, late), (390, Evidence([dump(-6.4)], GOOD.verifications)), (405, late)]
    assert told([(0, GOOD), (360, late), (375, late)]) == [(360, "ObjectiveMissed", "freshness")]
    assert told(looks)[:2] == [(360, "ObjectiveMissed", "freshness"), (390, "ObjectiveMet", "freshness")]


def test_something_unknown_is_told_after_half_an_hour_and_not_if_it_passes():
    blind = Evidence(GOOD.dumps, GOOD.verifications, reports=[unreadable("walg", "x", "S3 does not answer")])
    assert told([(0, GOOD), (15, blind), (30, blind), (40, GOOD), (45, blind), (60, blind)]) == []
    assert told([(0, blind), (15, blind), (30, blind), (45, blind)]) == [(30, "ObjectiveMissed", "sources")]


def test_a_new_database_has_until_its_first_dump_is_late():
    nothing = Evidence([])
    looks = [(minute, nothing) for minute in range(0, 450, 15)]
    assert told(looks) == [(435, "ObjectiveMissed", "freshness")]  # six hours, an hour of grace, the next look
    assert told([*looks[:20], (300, Evidence([dump(-4.9)], [restored(-4.9, 2.0)]))]) == []


def test_a_verification_that_failed_is_told_by_its_own_event():
    bad = Evidence([failed(1), *GOOD.dumps[1:]], GOOD.verifications)
    assert [what for _, what, objective in told([(0, bad)]) if objective == "proof"] == []
    assert audit(ORDERS, bad, NOW).check("proof").standing is Standing.MISSED


def test_what_was_unknown_and_turns_out_missed_is_told_again_and_ended_once():
    silent = Evidence([unproven(2)], GOOD.verifications)
    missed = Evidence([dump(24 * 8)], GOOD.verifications)
    weekly = replace(ORDERS, every_h=168.0, rpo_s=1e7)
    looks = [(0, silent), (30, silent), (45, missed), (60, GOOD), (75, GOOD)]
    proofs = [one for one in told(looks, weekly) if one[2] == "proof"]
    assert proofs == [
        (30, "ObjectiveMissed", "proof"),
        (45, "ObjectiveMissed", "proof"),
        (60, "ObjectiveMet", "proof"),
    ]


def test_an_event_names_what_could_be_had_back_and_since_when():
    late = Evidence([dump(9)], GOOD.verifications)
    _, tellings = advance(ORDERS, None, audit(ORDERS, late, NOW))
    (missed,) = [one.data for one in tellings if isinstance(one.data, ObjectiveMissed)]
    assert (missed.objective, missed.since, missed.tier) == ("freshness", "2026-11-21T08:30:00Z", 2)
    assert missed.episode == "backup-orders-freshness-20261121T083000"
    assert (missed.recoverable["until"], missed.recoverable["is_proven"]) == ("2026-11-20T23:30:00Z", True)


def test_a_proof_is_asked_for_half_a_day_before_it_is_a_week_old_once_a_day():
    weekly = replace(ORDERS, every_h=168.0, rpo_s=1e7)
    looks = [(60 * hour, Evidence([dump(24 * 6)])) for hour in range(0, 72, 3)]
    asked = [minute // 60 for minute, what, _ in told(looks, weekly) if what == "VerificationRequested"]
    assert asked == [15, 39, 63]  # proven two minutes after it was taken, 144 hours ago: 156 hours old after 12
    _, tellings = advance(weekly, None, audit(weekly, Evidence([dump(24 * 6.6)]), NOW))
    wish = next(one.data for one in tellings if isinstance(one.data, VerificationRequested))
    assert (wish.dump_id, wish.cause) == (dump(24 * 6.6).dump_id, "schedule")


def test_a_dump_that_has_just_arrived_is_not_asked_for_again():
    weekly = replace(ORDERS, every_h=168.0, rpo_s=1e7)
    fresh = Evidence([unproven(0.1), dump(24 * 6.8)])
    assert [what for _, what, _ in told([(0, fresh)], weekly)] == []


def test_the_last_failure_is_the_last_of_takes_and_verifications_and_no_drill():
    took = Take(
        "orders",
        NOW - hours(2),
        Cause.SCHEDULE,
        NOW - hours(2),
        TakeState.FAILED,
        ended_at=NOW - hours(1.9),
        why="no route",
    )
    bad = {"verdict": Verdict.FAILED, "reason": Reason.TRUNCATED, "detail": "It ends early."}
    evidence = Evidence([], [restored(3, 2.0, **bad), restored(1, 2.0, **bad, cause=Cause.DRILL)], [took])
    assert (last_failure(evidence).what, last_failure(evidence).detail) == ("take", "no route")
    assert last_failure(replace(evidence, takes=[])).reason == "truncated"
    assert last_failure(GOOD) is None


def test_what_is_remembered_is_read_back_as_it_was_and_events_have_the_same_ids():
    found = audit(ORDERS, Evidence([dump(9)], GOOD.verifications), NOW)
    remembered, tellings = advance(ORDERS, None, found)
    owed = tuple(owed_json(one) for one in tellings)
    kept = Audited("orders", NOW, assessment_json(found), remembered, owed, 3)
    again = record_of(Audited, body_of(kept))
    assert again.remembered == remembered
    first, second = events("orders", owed, NOW), events("orders", again.owed, again.judged_at)
    assert [one.id for one in first] == [one.id for one in second] == [one.event_id for one in tellings]
    assert first[0].detail()["data"]["episode"] == second[0].detail()["data"]["episode"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["good", "late", "blind"]), min_size=1, max_size=20))
def test_of_every_objective_ends_and_beginnings_alternate_whatever_happens(states):
    worlds = {
        "good": lambda minute: Evidence(
            [dump(2 + 6 * at - minute / 60) for at in range(8)], [restored(2 + 6 * at, 2.0) for at in range(8)]
        ),
        "late": lambda minute: Evidence([dump(20 - minute / 60)], GOOD.verifications),
        "blind": lambda _minute: Evidence([], GOOD.verifications),
    }
    looks = [(15 * at, worlds[state](15 * at)) for at, state in enumerate(states)]
    open_: dict[str, int] = {}
    for _, what, objective in told(looks):
        if what == "ObjectiveMet":
            assert open_.pop(objective) in (1, 2)
        elif what == "ObjectiveMissed":
            open_[objective] = open_.get(objective, 0) + 1
            assert open_[objective] <= 2  # unknown, then missed
