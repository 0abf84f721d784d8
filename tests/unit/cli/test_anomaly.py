"""opsloop anomaly: what it asks for, what it shows, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from opsloop_cli.anomaly_text import cut, lines, quantity
from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi

ID = "20261121T0805-4f3a9c1e2b7d4f60"
OTHER = "20261121T0805-00000000000000aa"
LIST, SHOW = "GET /v1/anomalies", f"GET /v1/anomalies/{ID}"
BACKTEST = "POST /v1/anomalies/backtest"
REASON = "payments: 34.5 % of 371 requests in 5 minutes failed, usual is 2.74 %, at most 5.18 %."


def anomaly(**changes: Any) -> dict[str, Any]:
    return {
        "anomaly_id": ID, "service": "payments", "measure": "error_ratio", "metric": "", "operation": "",
        "direction": "high", "state": "open", "severity": "critical", "score": 0.87, "value": 0.345,
        "expected": 0.0274, "low": 0.003, "high": 0.0518, "unit": "ratio", "reason": REASON,
        "first_minute": "2026-11-21T08:05:00Z", "last_minute": "2026-11-21T08:34:00Z",
        "votes": {"zscore": 0.83, "shift": 0.61, "drift": 0.0}, "contributing": [], "exemplar": None,
        "part": "origin", "origin_id": ID, "origin_service": "payments", "effects": [], "preset": "", **changes,
    }  # fmt: skip


def point(start: str, value: float | None, *band: float | None) -> dict[str, Any]:
    expected, low, high = band or (None, None, None)
    return {"start": f"2026-11-21T{start}:00Z", "value": value, "expected": expected, "low": low, "high": high}


def whole(**changes: Any) -> dict[str, Any]:
    points = [point("08:00", 0.0, 0.1, 0.0, 0.2), point("08:05", 0.4, 0.1, 0.0, 0.2), point("08:10", None)]
    series = {"bucket_minutes": 5, "history_from": "2026-11-06T08:00:00Z", "why_no_band": "", "points": points}
    more = {"origin": None, "effects": [], "feedback": [], "series": series}
    return {**anomaly(), **more, **changes}


def page(*found: dict[str, Any], unknown: Any = (), following: str | None = None) -> dict[str, Any]:
    return {
        "from": "2026-11-20T08:40:00Z", "to": "2026-11-21T08:40:00Z", "judged_to": "2026-11-21T08:35:00Z",
        "anomalies": list(found), "unknown": list(unknown), "next": following,
    }  # fmt: skip


def tried(**changes: Any) -> dict[str, Any]:
    return {
        "from": "2026-11-14T00:00:00Z", "to": "2026-11-21T00:00:00Z", "history_from": "2026-10-30T00:00:00Z",
        "judged_to": "2026-11-21T00:00:00Z", "services": ["payments"], "done": True, "continuation": None,
        "unknown": [], "now": {"called": 1, "anomalies": [anomaly()]}, "proposed": None, "gone": [], "new": [],
        **changes,
    }  # fmt: skip


def test_the_list_shows_when_how_bad_and_why(local: Run, api: FakeApi):
    effect = anomaly(anomaly_id=OTHER, part="effect", origin_service="payments", state="ended", reason="web: slow.")
    api.will(LIST, page(anomaly(), following="more"))
    api.will(LIST, page(effect))
    result = local("anomaly", "list", "--from", "2026-11-20", "--to", "2026-11-21T00:00:00+01:00")
    first, second = result.stdout.splitlines()[2:4]
    for cell in ("2026-11-21 08:05", "30 min", "open", "critical", "origin", REASON, ID):
        assert cell in first
    assert "effect of payments" in second
    assert "2 anomalies, 1 of them open; judged up to 2026-11-21T08:35:00Z" in result.stderr
    assert api.asked[0].query == {"state": "any", "from": "2026-11-20T00:00:00Z", "to": "2026-11-20T23:00:00Z"}
    assert api.asked[1].query["cursor"] == "more"
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['read_key']}"
    assert result.exit_code == 0


def test_an_empty_list_says_what_cannot_be_judged(local: Run, api: FakeApi):
    unknown = [
        {"service": "cart", "measure": measure, "metric": "", "reason": "too little history"}
        for measure in ("p95", "rate")
    ]
    api.will(LIST, page(unknown=unknown))
    result = local("anomaly", "list", "--service", "cart", "--state", "open")
    assert result.stdout == ""
    assert "unknown: cart (p95, rate): too little history" in result.stderr
    assert (api.asked[0].query["service"], api.asked[0].query["state"]) == ("cart", "open")


def test_the_list_as_json_has_all_pages_and_what_is_unknown(local: Run, api: FakeApi):
    api.will(LIST, page(anomaly(), following="more"))
    api.will(LIST, page(anomaly(anomaly_id=OTHER)))
    found = json.loads(local("anomaly", "list", "--json").stdout)
    assert [one["anomaly_id"] for one in found["anomalies"]] == [ID, OTHER]
    assert (found["judged_to"], found["unknown"]) == ("2026-11-21T08:35:00Z", [])


def test_show_tells_the_reason_first_then_what_it_hangs_together_with(local: Run, api: FakeApi):
    told = {"anomaly_id": OTHER, "service": "web", "measure": "p95", "reason": "web: slow."}
    part = {"operation": "POST /charges", "share": 0.89, "value": 0.355, "expected": 0.0304}
    trace = {"trace_id": "ab" * 16, "span_id": "cd" * 8, "value": 1234.0}
    noise = {"anomaly_id": ID, "verdict": "noise", "note": "drill", "by": "a" * 12, "at": "2026-11-21T09:00:00Z"}
    api.will(SHOW, whole(effects=[told], contributing=[part], exemplar=trace, feedback=[noise]))
    text = local("anomaly", "show", ID).stdout
    assert text.startswith(REASON)
    assert f"web: slow.  {OTHER}" in text
    assert "89 %  POST /charges: 35.5 %, usual is 3.04 %" in text
    assert f"{'ab' * 16} span {'cd' * 8}, 1,234 ms" in text
    assert "zscore 0.83, shift 0.61" in text
    assert f"noise, by {'a' * 12}, 2026-11-21 09:00: drill" in text
    assert "opsloop kpi payments --resolution minute --from 2026-11-21T07:35:00Z --to 2026-11-21T09:04:00Z" in text


def test_the_chart_marks_the_time_and_what_lies_outside():
    before, during, missing = [line for line in lines(whole()) if line[2:4] == "08"]
    assert (before[0], during[0]) == (" ", ">")
    assert "o" in before
    assert "#" not in before
    assert during.rstrip().endswith("#")
    assert "unknown" in missing
    assert not set(missing[25:]) & set("o#.|")


def test_a_chart_without_a_band_says_why():
    series = {**whole()["series"], "why_no_band": "too little history", "points": [point("08:05", 0.4)]}
    text = "\n".join(lines(whole(series=series)))
    assert "the band is not known: too little history" in text
    assert "no data of that time is kept any more" in "\n".join(lines(whole(series={**series, "points": []})))


def test_of_silence_is_told_when_it_began_and_ended():
    points = [point(start, heard) for start, heard in (("08:00", 1.0), ("08:05", 0.0), ("08:10", 0.0), ("08:35", 1.0))]
    series = {**whole()["series"], "points": points, "why_no_band": "there is no band"}
    text = "\n".join(lines(whole(measure="silence", direction="silent", value=0.0, series=series)))
    assert "  08:00 heard\n> 08:05 nothing heard\n  08:35 heard\n" in text
    assert "%," not in text.split("\n", 2)[2]


def test_show_of_nothing_known_ends_with_1(local: Run, api: FakeApi):
    api.problem(SHOW, 404, "Not found", f"id: there is no anomaly {ID!r}")
    result = local("anomaly", "show", ID)
    assert result.exit_code == 1
    assert "there is no anomaly" in result.stderr


def test_an_id_with_slashes_asks_for_that_id_and_nothing_else(local: Run, api: FakeApi):
    local("anomaly", "show", "../keys")
    assert api.asked[0].path == "/v1/anomalies/..%2Fkeys"


def test_feedback_is_sent_with_the_admin_key(local: Run, api: FakeApi):
    route = f"POST /v1/anomalies/{ID}/feedback"
    api.will(route, {"anomaly_id": ID, "verdict": "noise", "note": "drill", "by": "x", "at": "2026-11-21T09:00:00Z"})
    result = local("anomaly", "feedback", ID, "noise", "--note", "drill")
    assert json.loads(api.asked[0].body) == {"verdict": "noise", "note": "drill"}
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['admin_key']}"
    assert result.exit_code == 0
    assert local("anomaly", "feedback", ID, "bad").exit_code == 2


def test_a_time_is_excluded(local: Run, api: FakeApi):
    window = {"service": "*", "from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z", "reason": "drill"}
    api.will("POST /v1/anomalies/exclusions", window, status=201)
    options = ("--from", "2026-11-21", "--to", "2026-11-22", "--reason", "drill")
    result = local("anomaly", "exclude", "*", *options)
    assert json.loads(api.asked[0].body) == window
    assert "nothing is learned of * from" in result.stderr
    assert local("anomaly", "exclude", "web", "--from", "soon", "--to", "now", "--reason", "x").exit_code == 2


def test_a_backtest_goes_on_until_it_is_done(local: Run, api: FakeApi):
    api.will(BACKTEST, tried(done=False, continuation="c1", now=None, judged_to="2026-11-10T00:00:00Z"))
    api.will(BACKTEST, tried())
    result = local("anomaly", "backtest", "--from", "2026-11-14", "--to", "2026-11-21", "--service", "payments")
    first, second = (json.loads(asked.body) for asked in api.asked)
    assert first == {"from": "2026-11-14T00:00:00Z", "to": "2026-11-21T00:00:00Z", "service": "payments"}
    assert second == {**first, "continuation": "c1"}
    assert "judged up to 2026-11-10 00:00" in result.stderr
    assert "1 called now" in result.stderr
    assert REASON in result.stdout
    assert "proposed" not in result.stdout


def test_a_backtest_of_thresholds_marks_what_is_gone_and_new(local: Run, api: FakeApi, tmp_path: Path):
    file = tmp_path / "proposed.yaml"
    file.write_text("anomaly:\n  floors:\n    p95: {absolute: 100}\n")
    new = anomaly(anomaly_id=OTHER, reason="web: slow.", first_minute="2026-11-20T00:00:00Z")
    unknown = [{"service": "cart", "measure": "", "metric": "", "reason": "too little history"}]
    proposed = {"called": 1, "anomalies": [new]}
    api.will(BACKTEST, tried(proposed=proposed, gone=[ID], new=[OTHER], unknown=unknown))
    result = local("anomaly", "backtest", "--from", "-7d", "--thresholds", str(file))
    assert json.loads(api.asked[0].body)["thresholds"] == {"floors": {"p95": {"absolute": 100}}}
    gone, added = result.stdout.splitlines()[2:4]
    assert gone.startswith("gone")
    assert REASON in gone
    assert added.startswith("new")
    assert "1 called now, 1 as proposed: 1 gone, 1 new" in result.stderr
    assert "unknown at 2026-11-14 00:00: cart: too little history" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("floors: {p95: {absolut: 1}}", "anomaly.floors.p95.absolut: not a field here"),
        ("anomaly: {sensitivity: 99}", "anomaly.sensitivity: 99 is not a number from 0.1 to 10"),
        ("- 1", "anomaly: expected fields of"),
        ("a: [", "proposed.yaml"),
    ],
)
def test_thresholds_that_cannot_be_end_with_2_and_ask_nothing(local: Run, api: FakeApi, tmp_path: Path, text, said):
    file = tmp_path / "proposed.yaml"
    file.write_text(text)
    result = local("anomaly", "backtest", "--from", "-7d", "--thresholds", str(file))
    assert result.exit_code == 2
    assert said in result.stderr
    assert api.asked == []


def test_values_are_shown_in_their_unit():
    assert quantity(None, "ms") == "unknown"
    assert quantity(0.345, "ratio") == "34.5 %"
    assert quantity(558.4, "ms") == "558 ms"
    assert quantity(12_300.0, "ms") == "12.3 s"
    assert quantity(1_234.0, "requests/min") == "1,234 requests/min"
    assert (len(cut("x" * 200)), cut("short")) == (110, "short")
