"""opsloop log: what is asked, how lines read, and that what strangers wrote stays text."""

import json
from typing import Any

import pytest

from opsloop_cli.commands import log
from opsloop_cli.log_line import bars, safe, safe_json, styled
from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x7f\u202egpj\u2028 \udc80 [bold]x[/bold]"


def line(body: str = "card declined", **changes: Any) -> dict[str, Any]:
    return {
        "id": "a-1",
        "time": "2026-11-21T08:29:59.123456789Z",
        "service": "payments",
        "severity": "error",
        "body": body,
        "body_json": None,
        "attributes": {},
        "highlights": {},
        **changes,
    }


def page(*hits: dict[str, Any], **changes: Any) -> dict[str, Any]:
    times = {"from": "2026-11-21T07:30:00Z", "to": "2026-11-21T08:30:00Z"}
    return {
        **times,
        "hits": list(hits),
        "total": len(hits),
        "is_total_exact": True,
        "next": None,
        "incomplete": [],
        **changes,
    }


def test_lines_are_asked_for_with_their_filters_and_shown_oldest_above(local: Run, api: FakeApi) -> None:
    api.will("GET /v1/logs", page(line("second"), line("first")))
    done = local("log", "search", "card -paid", "--service", "payments", "--min-severity", "warn", "--from", "-2h")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "2026-11-21T08:29:59.123Z ERROR  payments  first",
        "2026-11-21T08:29:59.123Z ERROR  payments  second",
    ]
    assert "2 lines, 2026-11-21T07:30:00Z to 2026-11-21T08:30:00Z" in done.stderr
    (asked,) = api.asked
    wanted = {"q": "card -paid", "service": "payments", "min_severity": "warn", "include": "hits", "order": "newest"}
    assert wanted.items() <= asked.query.items()
    assert asked.headers["authorization"] == f"Bearer {KEYS['read_key']}"


def test_pages_are_read_up_to_the_limit(local: Run, api: FakeApi) -> None:
    api.will("GET /v1/logs", page(line("3"), line("2"), total=4, next="abc"))
    api.will("GET /v1/logs", page(line("1"), total=4, next="def"))
    done = local("log", "search", "--limit", "3")
    assert [one.rpartition(" ")[2] for one in done.stdout.splitlines()] == ["1", "2", "3"]
    assert [asked.query["limit"] for asked in api.asked] == ["3", "1"]
    assert api.asked[1].query["cursor"] == "abc"
    assert "3 of 4 lines" in done.stderr


def test_what_could_not_be_searched_is_said(local: Run, api: FakeApi) -> None:
    gap = {"from": "2026-11-21T08:00:00.000000000Z", "to": "2026-11-21T08:29:00.000000000Z"}
    gaps = [
        {**gap, "service": "payments", "reason": "pending", "objects": 2},
        {**gap, "service": None, "reason": "cold", "objects": None},
    ]
    api.will("GET /v1/logs", page(incomplete=gaps))
    done = local("log", "search")
    assert "0 lines" in done.stderr
    assert (
        "not searched of payments: 2026-11-21T08:00:00.000Z to 2026-11-21T08:29:00.000Z, kept, but not" in done.stderr
    )
    assert "opsloop log restore" in done.stderr


@pytest.mark.parametrize("where", ["body", "service", "highlights", "severity"])
def test_nothing_of_a_line_reaches_the_terminal_as_control(local: Run, api: FakeApi, where: str) -> None:
    marks = {"attributes": [[{"text": ESCAPES, "is_found": True}]], ESCAPES: [[{"text": "x", "is_found": False}]]}
    change: Any = marks if where == "highlights" else ESCAPES
    api.will("GET /v1/logs", page(line(**{where: change})))
    for options in ((), ("--json",), ("--whole",)):
        done = local("log", "search", *options)
        assert done.exit_code == 0
        assert all(one.isprintable() or one == "\n" for one in done.stdout), repr(done.stdout)


def test_json_is_the_same_document(local: Run, api: FakeApi) -> None:
    api.will("GET /v1/logs", page(line(ESCAPES + "é東京")))
    assert json.loads(local("log", "search", "--json").stdout)["hits"] == [line(ESCAPES + "é東京")]
    assert "東京" in local("log", "search", "--json").stdout


def test_further_lines_of_a_body_cannot_pass_for_lines_of_their_own() -> None:
    text = styled(line("Traceback\n2026-11-21T08:30:00.000Z ERROR  web  forged\r\nend\n")).plain
    assert text.splitlines()[1:] == ["    2026-11-21T08:30:00.000Z ERROR  web  forged\\x0d", "    end"]


def test_long_bodies_are_cut_unless_they_are_wanted_whole() -> None:
    body = "\n".join(["y" * 5_000, *(f"line {n}" for n in range(20))])
    assert "(13 more lines; --whole shows them)" in styled(line(body)).plain
    assert len(styled(line(body)).plain) < 1_500
    assert "line 19" in styled(line(body), is_whole=True).plain


def test_found_words_are_bold_wherever_they_stand() -> None:
    marks = {"body": [[{"text": "card ", "is_found": False}, {"text": "declined", "is_found": True}]]}
    text = styled(line("declined, card declined", highlights=marks))
    bold = [text.plain[span.start : span.end] for span in text.spans if "bold reverse" in str(span.style)]
    assert bold == ["declined", "declined"]


def test_escapes_are_readable_and_letters_of_every_script_stay() -> None:
    assert safe("a\x1b[0m\u202e\U000e0001é東京🙂") == "a\\x1b[0m\\u202e\\U000e0001é東京🙂"
    assert json.loads(safe_json({"a": ESCAPES + "\U000e0001"})) == {"a": ESCAPES + "\U000e0001"}


def test_following_goes_on_behind_each_answer_until_it_is_ended(local: Run, api: FakeApi, monkeypatch) -> None:
    monkeypatch.setattr(log, "RETRY_S", 0.0)
    tail = {"after": "c1", "steps_waiting": 0}
    api.will("GET /v1/logs/tail", {"hits": [line("one")], **tail})
    api.problem("GET /v1/logs/tail", 503, "Unavailable", "search store: no answer")
    api.will("GET /v1/logs/tail", {"hits": [line("two" + ESCAPES)], "after": "c2", "steps_waiting": 3})
    api.will("GET /v1/logs/tail", {"hits": [], "after": "c2", "steps_waiting": 3})
    api.problem("GET /v1/logs/tail", 403, "Forbidden", "no more")
    done = local("log", "tail", "payments", "--severity", "error", "--q", "card")
    assert done.exit_code == 4
    assert [one.split()[3][:3] for one in done.stdout.splitlines()] == ["one", "two"]
    assert all(one.isprintable() or one == "\n" for one in done.stdout)
    assert "no answer" in done.stderr
    assert [asked.query.get("after", "") for asked in api.asked] == ["", "c1", "c1", "c2", "c2"]
    assert api.asked[0].query == {"service": "payments", "severity": "error", "q": "card", "lines": "10"}


def test_without_a_store_following_ends_at_once(local: Run, api: FakeApi) -> None:
    api.problem("GET /v1/logs/tail", 503, "Unavailable", "this stage has no search store: SEARCH_ENDPOINT is empty")
    assert local("log", "tail", "payments").exit_code == 3


def test_ctrl_c_ends_following_well(local: Run, api: FakeApi, monkeypatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(log, "_patiently", interrupted)
    assert local("log", "tail", "payments").exit_code == 0


def test_patterns_are_a_table_with_what_is_new(local: Run, api: FakeApi) -> None:
    seen = {"first_seen": "2026-11-21T07:00:00Z", "last_seen": "2026-11-21T08:29:00Z"}
    one = {
        "template": "0123456789abcdef",
        "text": "card <*>" + ESCAPES,
        "severity": "error",
        "count": 1200,
        "counts": [0, 1, 2],
        "is_new": True,
        **seen,
    }
    times = {"from": "2026-11-21T06:00:00Z", "to": "2026-11-21T09:00:00Z", "service": "payments", "hours": []}
    api.will("GET /v1/logs/patterns", {**times, "total": 7, "patterns": [one]})
    done = local("log", "patterns", "payments")
    assert "1,200" in done.stdout
    assert " new " in done.stdout
    assert all(letter.isprintable() or letter == "\n" for letter in done.stdout)
    assert "1 of 7 patterns" in done.stderr


def test_counts_show_as_bars_where_something_is_never_nothing() -> None:
    assert bars([0, 1, 4, 8]) == " ▁▄█"
    assert bars([0, 1, 10_000]) == " ▁█"
    assert bars([]) == ""


def test_a_trace_says_what_it_did_not_read(local: Run, api: FakeApi) -> None:
    times = {"from": "2026-11-21T07:30:00Z", "to": "2026-11-21T08:30:00Z"}
    skipped = [{**times, "service": "web", "key": "logs/web/x", "reason": "cold"}]
    found = {"lines": [line()], "objects_listed": 9, "objects_read": 2, "skipped": skipped, "is_complete": False}
    api.will("GET /v1/logs/trace/5b8e", found)
    done = local("log", "trace", "5b8e")
    assert "card declined" in done.stdout
    assert "1 lines, from 2 of 9 objects" in done.stderr
    assert "not read: 1 objects that may have more (cold) of web" in done.stderr


def test_a_restore_is_asked_for_and_listed(local: Run, api: FakeApi) -> None:
    found = {
        "service": "payments", "from": "2026-07-01T00:00:00Z", "to": "2026-07-02T00:00:00Z", "phase": "waiting",
        "objects_back": 0, "objects_asked": 12, "bytes_cold": 34567, "searchable_until": None, "expected_hours": 12,
    }  # fmt: skip
    api.will("POST /v1/logs/restore", found, status=202)
    done = local("log", "restore", "payments", "--from", "2026-07-01", "--to", "2026-07-02", "--tier", "bulk")
    assert "0 of 12" in done.stdout
    assert "up to 12 hours" in done.stderr
    (asked,) = api.asked
    assert json.loads(asked.body) == {
        "service": "payments", "from": "2026-07-01T00:00:00Z", "to": "2026-07-02T00:00:00Z", "tier": "bulk", "days": 7,
    }  # fmt: skip
    assert asked.headers["authorization"] == f"Bearer {KEYS['admin_key']}"
    api.will("GET /v1/logs/restores", {"restores": [found]})
    assert "waiting" in local("log", "restores").stdout


def test_a_summary_counts_what_is_not_shown(local: Run, api: FakeApi) -> None:
    buckets = [
        {"start": "2026-11-21T08:00:00Z", "count": 3, "severities": {"info": 2, "error": 1}},
        {"start": "2026-11-21T08:01:00Z", "count": 0, "severities": {}},
    ]
    patterns = [{"template": "0123456789abcdef", "text": None, "count": 3}]
    api.will("GET /v1/logs", page(line(), total=3, counts={"interval_s": 60, "buckets": buckets}, patterns=patterns))
    done = local("log", "search", "--summary")
    assert "error 1 info 2" in done.stdout
    assert "08:01:00" not in done.stdout
    assert "3 lines" in done.stderr


def test_the_store_that_is_not_ready_is_said_and_ends_in_1(local: Run, api: FakeApi) -> None:
    found = {
        "is_ready": False, "detail": "no search store", "documents": None, "objects_waiting": 1000,
        "is_waiting_exact": False,
        "waiting_since": "2026-11-21T08:00:00Z", "searchable_since": "2026-08-23T00:00:00Z",
    }  # fmt: skip
    api.will("GET /v1/search", found)
    done = local("search", "status")
    assert (done.exit_code, "1,000 or more objects wait, since 2026-11-21T08:00:00Z" in done.stdout) == (1, True)
    api.will("GET /v1/search", {**found, "is_ready": True, "documents": 12})
    api.answers["GET /v1/search"].pop(0)
    assert local("search", "status").exit_code == 0
