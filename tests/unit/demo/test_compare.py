"""A difference in any minute shows, even where the totals agree."""

from collections.abc import Mapping
from typing import Any

from local.demo.compare import Line, compare, unacknowledged

TRUTH = {
    "started_minute": 100,
    "complete_from": 101,
    "minutes": {
        "100": {"web": {"GET /": {"requests": 7, "errors": 0}}},
        "101": {"web": {"GET /": {"requests": 3, "errors": 1}, "POST /checkout": {"requests": 1, "errors": 0}}},
        "102": {"web": {"GET /": {"requests": 2, "errors": 0}}},
        "103": {"web": {"GET /": {"requests": 9, "errors": 0}}},
    },
    "logs": {"101": {"web": {"info": 3, "error": 1}}},
    "metrics": {"102": {"web": {"queue.length": 6}}},
    "delivery": {"web": {"traces": {"made": 5, "acknowledged": 3}, "logs": {"made": 4, "acknowledged": 4}}},
}


def row(minute: int, **values: Any) -> dict[str, Any]:
    return {"start": f"1970-01-01T01:{minute - 60:02}:00Z", "kind": "request", "errors": 0, **values}


class FakeApi:
    """Counts the same as the demo, unless a test changes a row."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.operation = [row(101, requests=3, errors=1), row(102, requests=2)]

    def __call__(self, query: Mapping[str, str]) -> Any:
        self.asked.append(dict(query))
        if query.get("kpi") == "metric:log.records":
            return {"rows": [row(101, kind="info", count=3), row(101, kind="error", count=1, errors=1)]}
        if query.get("kpi") == "metric:queue.length":
            return {"rows": [row(102, count=4), row(102, count=2)]}  # two series
        if query.get("operation") == "GET /":
            if "cursor" in query:
                return {"rows": self.operation[1:], "next": None}
            return {"rows": self.operation[:1], "next": "second"}
        if query.get("operation") == "POST /checkout":
            unknown = {"requests": None, "errors": None}
            return {"rows": [row(101, requests=1), {**row(102), **unknown}]}
        return {"rows": [row(101, requests=4, errors=1), row(102, requests=2)]}


def test_equal_counts_are_equal_minute_by_minute():
    api = FakeApi()
    lines = compare(TRUTH, api, end_minute=103)
    assert [(line.subject, line.sent, line.sent_errors) for line in lines] == [
        ("GET /", 5, 1),
        ("POST /checkout", 1, 0),
        ("all requests", 6, 1),
        ("log error", 1, 1),
        ("log info", 3, 0),
        ("metric queue.length", 6, 0),
    ]
    assert all(line.is_equal for line in lines)
    assert {(query["from"], query["to"]) for query in api.asked} == {("1970-01-01T01:41:00Z", "1970-01-01T01:43:00Z")}


def test_a_request_in_the_wrong_minute_is_seen_although_the_total_is_right():
    api = FakeApi()
    api.operation = [row(101, requests=2, errors=1), row(102, requests=3)]
    found = next(line for line in compare(TRUTH, api, end_minute=103) if line.subject == "GET /")
    assert found == Line("web", "GET /", 5, 5, 1, 1, (101, 102))
    assert not found.is_equal


def test_what_opsloop_counted_and_nobody_sent_is_seen():
    api = FakeApi()
    api.operation = [row(101, requests=3, errors=1), row(102, requests=4)]
    found = next(line for line in compare(TRUTH, api, end_minute=103) if line.subject == "GET /")
    assert (found.sent, found.counted, found.differing) == (5, 7, (102,))


def test_what_was_never_acknowledged_is_named():
    assert unacknowledged(TRUTH) == {("web", "traces"): 2}


def test_long_times_are_asked_for_in_windows_and_compared_whole():
    api = FakeApi()
    lines = compare(TRUTH, api, end_minute=101 + 1000)
    assert {(query["from"], query["to"]) for query in api.asked} == {
        ("1970-01-01T01:41:00Z", "1970-01-01T07:41:00Z"),
        ("1970-01-01T07:41:00Z", "1970-01-01T13:41:00Z"),
        ("1970-01-01T13:41:00Z", "1970-01-01T18:21:00Z"),
    }
    assert next(line for line in lines if line.subject == "GET /").differing == (103,)
