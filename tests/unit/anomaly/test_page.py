"""What cannot be judged is said beside what was called; series around an anomaly; what people may send."""

from dataclasses import replace

import pytest

from opsloop.anomaly.around import Past, around, window_around
from opsloop.anomaly.exclude import Window
from opsloop.anomaly.model import Anomaly, Direction, Severity, State
from opsloop.anomaly.page import unknown_json
from opsloop.anomaly.said import trying_of
from opsloop.anomaly.saved import Standing
from opsloop.clock import format_time, time_of
from opsloop.errors import InvalidInputError
from opsloop.telemetry.model import SeenService
from tests.unit.anomaly.quiet import START, Fault, NoPatterns, Shop

DAY = 1440
NOW = START + 30 * DAY
BEGUN = START + 2 * DAY + 600


def an_anomaly(**changes):
    return replace(
        Anomaly(
            anomaly_id="20261117T1000-4f3a9c1e2b7d4f60",
            service="payments",
            measure="p95",
            direction=Direction.HIGH,
            state=State.ENDED,
            severity=Severity.WARNING,
            score=0.9,
            value=500.0,
            expected=130.0,
            low=100.0,
            high=160.0,
            unit="ms",
            reason="payments: slow.",
            first_minute=BEGUN,
            last_minute=BEGUN + 29,
        ),
        **changes,
    )


def seen(**last_seen):
    return [SeenService(name, START, minute) for name, minute in last_seen.items()]


def said(found):
    return {(one["service"], one["measure"], one["metric"]): one["reason"] for one in found}


def test_what_the_detector_cannot_judge_is_listed_by_service_and_measure():
    standing = Standing(NOW - 1, {"web": {"p95": "young", "saturation disk.used": "no data"}})
    found = unknown_json(standing, ["web"], seen(web=NOW), NOW)
    assert said(found) == {("web", "p95", ""): "young", ("web", "saturation", "disk.used"): "no data"}


def test_nothing_is_unknown_where_everything_is_judged():
    assert unknown_json(Standing(NOW - 5, {}), ["web"], seen(web=NOW), NOW) == []


@pytest.mark.parametrize(
    ("judged_to", "is_said"), [(NOW - 14, False), (NOW - 15, False), (NOW - 16, True), (NOW - 6000, True)]
)
def test_a_detector_that_stands_still_is_no_sign_of_health(judged_to, is_said):
    found = unknown_json(Standing(judged_to, {}), ["web"], seen(web=NOW), NOW)
    expected = {("*", "", ""): f"nothing was judged since {format_time(time_of(judged_to))}"} if is_said else {}
    assert said(found) == expected


def test_before_the_first_run_everything_is_unknown():
    assert said(unknown_json(None, [], [], NOW)) == {("*", "", ""): "nothing was ever judged"}


def test_services_never_heard_or_forgotten_are_told():
    old = NOW - 14 * DAY - 1
    found = said(unknown_json(Standing(NOW, {}), ["web", "cart"], seen(web=NOW, old=old, late=old + 1), NOW))
    assert found == {
        ("cart", "", ""): "no telemetry was ever heard of it",
        ("old", "", ""): f"no telemetry since {format_time(time_of(old))}",
    }


def test_one_service_is_asked_for_alone():
    standing = Standing(NOW, {"web": {"p95": "young"}, "orders": {"p95": "young"}})
    assert set(said(unknown_json(standing, ["web", "cart"], seen(web=NOW), NOW, "web"))) == {("web", "p95", "")}


def test_two_hours_before_one_after_and_a_day_at_most_are_shown():
    assert window_around(an_anomaly(), NOW) == (BEGUN - 120, BEGUN + 30 + 60)
    assert window_around(an_anomaly(last_minute=BEGUN + 4000), NOW) == (BEGUN - 120, BEGUN - 120 + DAY)
    assert window_around(an_anomaly(), BEGUN + 40) == (BEGUN - 120, BEGUN + 40)


def a_past(*faults, **changes):
    return Past(Shop(7, faults=faults), NoPatterns(), START, **changes)


def expected_after(past, anomaly):
    points = around(anomaly, past, NOW, lambda: True)["points"]
    return points[-1]["expected"]


def test_what_was_excluded_or_unusual_does_not_move_the_band():
    fault = Fault("payments", BEGUN - DAY, BEGUN - DAY + 240, slower=6.0)
    later = an_anomaly()
    quiet = expected_after(a_past(), later)
    window = Window("payments", fault.first, fault.end, "load test")
    before = an_anomaly(first_minute=fault.first, last_minute=fault.end - 1)
    left_out = expected_after(a_past(fault, windows=[window]), later)
    not_learned = expected_after(a_past(fault, anomalies=[before]), later)
    learned = expected_after(a_past(fault), later)
    assert abs(left_out / quiet - 1) < 0.05
    assert abs(not_learned / quiet - 1) < 0.35  # the first bucket of an anomaly is learned
    assert learned / quiet > 2  # the control: without either the fault becomes the usual
    assert abs(expected_after(a_past(fault, windows=[replace(window, service="web")]), later) / learned - 1) < 1e-9


def test_points_without_history_have_no_band_and_say_so():
    young = an_anomaly(first_minute=START + 200, last_minute=START + 230)
    series = around(young, a_past(), NOW, lambda: True)
    assert series["why_no_band"] == "too little history"
    assert {one["high"] for one in series["points"]} == {None}
    assert any(one["value"] is not None for one in series["points"])


def test_a_service_that_is_silent_is_shown_as_not_heard():
    silence = an_anomaly(measure="silence", direction=Direction.SILENT, unit="ratio")
    past = a_past(Fault("payments", BEGUN, BEGUN + 30, is_silent=True))
    series = around(silence, past, NOW, lambda: True)
    values = {one["start"]: one["value"] for one in series["points"]}
    assert values[format_time(time_of(BEGUN))] == 0.0
    assert values[format_time(time_of(BEGUN - 5))] == values[format_time(time_of(BEGUN + 30))] == 1.0
    assert series["why_no_band"]


def test_a_missing_value_is_null_and_never_zero():
    past = a_past(Fault("payments", BEGUN, BEGUN + 30, is_silent=True))
    values = {one["start"]: one["value"] for one in around(an_anomaly(), past, NOW, lambda: True)["points"]}
    assert values[format_time(time_of(BEGUN))] is None


def test_a_backtest_ends_now_at_the_latest_and_on_whole_buckets():
    asked = {"from": format_time(time_of(NOW - 122)), "to": format_time(time_of(NOW + 500))}
    found = trying_of(asked, now_minute=NOW + 3)
    assert (found.first_minute, found.end_minute) == (NOW - 125, NOW)
    with pytest.raises(InvalidInputError, match=r"^to: "):
        trying_of({**asked, "from": format_time(time_of(NOW + 1))}, now_minute=NOW + 3)
