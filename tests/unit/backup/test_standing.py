"""Standings, words for amounts, and what the API makes of an audit."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.backup.audit import Evidence, advance, audit
from opsloop.backup.audited import Audited
from opsloop.backup.page import before_of, by_day, database_json, gauges, history_point, in_order, newest_first
from opsloop.backup.standing import Standing, assessment_json, worst
from opsloop.backup.wording import size, span
from opsloop.dataclass import replace
from tests.unit.backup.audit_samples import NOW, ORDERS, dump, failed, hours, restored

MET, MISSED, UNKNOWN = Standing


def test_the_worst_counts_and_of_nothing_nothing_is_known():
    assert worst([MET, UNKNOWN, MISSED]) is MISSED
    assert worst([MET, UNKNOWN]) is UNKNOWN
    assert worst([MET]) is MET
    assert worst([]) is UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (0.04, "less than 0.1 seconds"),
        (1, "1 second"),
        (2.24, "2.2 seconds"),
        (9.96, "10 seconds"),
        (42.4, "42 seconds"),
        (119, "119 seconds"),
        (125, "2 minutes 5 seconds"),
        (3_599, "1 hour"),
        (9_000, "2 hours 30 minutes"),
        (86_400, "1 day"),
        (86_400 * 2 + 10_900, "2 days 3 hours"),
        (86_400 + 120, "1 day"),
        (7_776_000, "90 days"),
    ],
)
def test_a_length_of_time_has_its_two_greatest_units(seconds, said):
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (812, "812 bytes"), (999, "999 bytes"), (40_200_000, "40.2 MB"), (1_082_000_000, "1.08 GB")],
)
def test_a_size_has_three_digits(count, said):
    assert size(count) == said


def audited(evidence: Evidence, now: datetime = NOW) -> Audited:
    found = audit(ORDERS, evidence, now)
    remembered, _ = advance(ORDERS, None, found)
    return Audited("orders", now, assessment_json(found), remembered)


def test_a_database_that_was_not_audited_or_not_lately_is_unknown():
    assert database_json(ORDERS, None, NOW)["standing"] == "unknown"
    good = audited(Evidence([dump(2)], [restored(2, 2.0)]))
    assert database_json(ORDERS, good, NOW + timedelta(minutes=45))["standing"] == "met"
    late = database_json(ORDERS, good, NOW + timedelta(minutes=46))
    assert (late["standing"], late["summary"][:44]) == ("unknown", "The last audit was at 2026-11-21 08:30 UTC, ")
    assert database_json(ORDERS, good, NOW - timedelta(minutes=2))["standing"] == "met"
    ahead = database_json(ORDERS, good, NOW - timedelta(minutes=3))
    assert (ahead["standing"], "yet to come" in ahead["summary"]) == ("unknown", True)


def test_gauges_have_base_units_and_leave_out_what_is_not_known():
    good = audited(Evidence([dump(2)], [restored(2, 3.0)])).assessment
    found = gauges(ORDERS, good, NOW)
    assert found["backup_last_success_timestamp_seconds"] == (NOW - hours(2)).timestamp()
    assert found["backup_last_proven_timestamp_seconds"] == (NOW - hours(2)).timestamp() + 120
    assert (found["backup_rpo_seconds"], found["backup_rto_p95_seconds"]) == (7_200.0, 3.0)
    assert (found["backup_objectives_missed"], found["backup_objectives_unknown"]) == (0.0, 1.0)  # the size's history
    nothing = gauges(ORDERS, audited(Evidence([failed(1)])).assessment, NOW)
    assert {"backup_rpo_seconds", "backup_restore_seconds"}.isdisjoint(nothing)
    assert all(isinstance(one, float) for one in nothing.values())


def test_before_the_first_audit_nobody_has_counted_what_is_missed():
    counted = {"backup_objectives_missed", "backup_objectives_unknown"}
    assert counted.isdisjoint(database_json(ORDERS, None, NOW)["gauges"])
    assert counted <= database_json(ORDERS, audited(Evidence([failed(1)])), NOW)["gauges"].keys()


def test_since_when_it_stands_so_is_the_earliest_check_of_that_standing():
    before = audited(Evidence([dump(2)], [restored(2, 2.0)]))
    later = NOW + hours(6)
    found = audit(ORDERS, Evidence([dump(2)], [restored(2, 2.0)]), later)
    remembered, _ = advance(ORDERS, before.remembered, found)
    now_is = Audited("orders", later, assessment_json(found), remembered)
    assert database_json(ORDERS, now_is, later)["since"] == "2026-11-21T14:30:00Z"
    assert database_json(ORDERS, before, NOW)["since"] == "2026-11-21T08:30:00Z"


def test_a_day_has_its_last_point_with_the_greatest_loss_and_the_worst_standing():
    points = [
        history_point(audited(Evidence([dump(2)], [restored(2, 2.0)]), NOW + hours(at)).assessment) for at in (0, 5, 20)
    ]
    days = by_day(points)
    assert [one["at"][:13] for one in days] == ["2026-11-21T13", "2026-11-22T04"]
    assert (days[0]["rpo_s"], days[0]["standing"]) == (7 * 3_600.0, "met")
    assert by_day([]) == []
    assert by_day([points[2], {**points[0], "at": "2026-11-22T05:00:00Z"}])[0]["rpo_s"] == points[2]["rpo_s"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcd")), max_size=12, unique=True))
def test_positions_of_dumps_sort_as_the_dumps_are_answered(pairs):
    dumps = [dump(float(age), dump_id=name) for age, name in pairs]
    found = list(in_order(sorted(dumps, key=lambda one: one.taken_at, reverse=True)))
    positions = [newest_first(one.taken_at, one.dump_id) for one in found]
    assert positions == sorted(set(positions))
    assert [one.taken_at for one in found] == sorted((one.taken_at for one in dumps), reverse=True)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda one: one.replace(tzinfo=UTC)))
def test_a_position_is_read_back_to_its_moment(moment):
    assert abs(before_of(newest_first(moment, "x#y")) - moment) <= timedelta(microseconds=8)


@pytest.mark.parametrize("text", ["", "x", "123#a", "9" * 18, "-" + "1" * 17, "½" * 18])
def test_a_position_of_nobodys_is_none_or_no_error(text):
    assert before_of(text) is None or before_of(text).year < 1970


def test_the_document_has_all_that_the_page_shows():
    document = database_json(replace(ORDERS, description="Orders."), audited(Evidence([dump(2)])), NOW)
    assert {"checks", "recoverable", "gauges", "next_due", "last_failure", "sources"} <= document.keys()
