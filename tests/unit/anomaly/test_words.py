"""What is said of an anomaly, what it is made of, and what is waited for before anything is judged."""

from types import SimpleNamespace

import pytest

from opsloop.anomaly.contributing import OperationValue, contributing, exemplar
from opsloop.anomaly.exclude import Window, is_excluded
from opsloop.anomaly.model import Direction
from opsloop.anomaly.ready import complete_to, judged_range, unfolded
from opsloop.anomaly.reason import Finding, reason
from opsloop.anomaly.series import Key
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import Series

END = 29_919_840
NS = 60_000_000_000


def said(key, value, expected, **changes):
    direction = Direction.LOW if expected is not None and value < expected else Direction.HIGH
    numbers = {"low": None, "high": None, "requests": 1_234.0, "direction": direction}
    return reason(Finding(key=key, value=value, expected=expected, **{**numbers, **changes}))


@pytest.mark.parametrize(
    ("sentence", "key", "value", "expected", "changes"),
    [
        (
            "web: 23.3 % of 1,234 requests in 5 minutes failed, usual is 1 %, at most 2.5 %.",
            Key("web", "error_ratio"),
            0.233,
            0.01,
            {"high": 0.025},
        ),
        (
            "web, GET /: the slowest 5 % of requests took 558 ms or more, usual is 132 ms (preset p95).",
            Key("web", "p95", operation="GET /"),
            558.0,
            132.0,
            {"preset": "p95"},
        ),
        (
            "web: the slowest 5 % of requests took 12.5 s or more, usual is 90 ms.",
            Key("web", "p95"),
            12_500.0,
            90.0,
            {},
        ),
        (
            "web: 111 requests per minute, usual is 521, at least 425.",
            Key("web", "rate"),
            111.0,
            521.0,
            {"low": 425.0},
        ),
        (
            "db: pool.utilization is at 95 %, what is usual is not known yet (preset pool).",
            Key("db", "saturation", "pool.utilization"),
            0.95,
            None,
            {"preset": "pool"},
        ),
        (
            'web: 4 error lines per minute of a pattern never seen before, "no <*>".',
            Key("web", "pattern", "p"),
            4.0,
            0.0,
            {"is_new": True, "text": "no <*>"},
        ),
        (
            "web: no telemetry for 10 minutes, though it always sent some.",
            Key("web", "silence"),
            0.0,
            None,
            {"services": 3},
        ),
        (
            "web: no telemetry for 10 minutes, though it always sent some; every other service is silent, too, so look"
            " at what carries the telemetry first.",
            Key("web", "silence"),
            0.0,
            None,
            {"services": 3, "silent_services": 2},
        ),
    ],
    ids=["errors", "operation", "seconds", "rate", "preset", "new pattern", "silence", "all silent"],
)
def test_a_reason_is_one_sentence_with_its_numbers(sentence, key, value, expected, changes):
    assert said(key, value, expected, **changes) == sentence


def test_errors_are_made_of_the_operations_that_fail_more_than_usual():
    operations = [
        OperationValue("GET /", 0.01, 0.01, 900.0),
        OperationValue("POST /pay", 0.5, 0.02, 100.0),
        OperationValue("POST /new", 0.13, None, 100.0),
    ]
    made = contributing("error_ratio", operations, 0.01)
    assert [(one["operation"], round(one["share"], 2)) for one in made] == [("POST /pay", 0.8), ("POST /new", 0.2)]
    assert made[1]["expected"] is None


def test_shares_add_up_to_one_and_five_are_named_at_most():
    operations = [OperationValue(f"op{number}", 200.0, 100.0, 10.0) for number in range(8)]
    made = contributing("p95", operations, None)
    assert len(made) == 5
    assert sum(one["share"] for one in made) == pytest.approx(5 / 8)
    assert contributing("p95", [OperationValue("op", 90.0, 100.0, 10.0)], None) == ()


def traced(operation, value_ms, minute, kind="server"):
    series = Series("web", "span.duration", kind, operation, "ns")
    return Exemplar(series, END, value_ms * 1e6, minute * NS, f"t{value_ms:g}", "s")


def test_an_example_is_the_slowest_trace_since_the_anomaly_began():
    known = [traced("GET /", 900.0, END - 1), traced("GET /", 50.0, END + 1), traced("GET /b", 70.0, END + 2)]
    known.append(traced("GET /", 800.0, END + 1, kind="client"))
    assert exemplar(known, [], END, END)["trace_id"] == "t70"
    assert exemplar(known, ["GET /"], END, END) == {"trace_id": "t50", "span_id": "s", "value": 50.0}
    assert exemplar(known[:1], [], END, END) is None


def test_windows_cover_what_they_touch_of_one_service_or_of_all():
    windows = [Window("web", END, END + 5, ""), Window("", END + 60, END + 61, "")]
    services = ["web", "orders"]
    assert is_excluded(services, windows, END - 5, END) == [False, False]
    assert is_excluded(services, windows, END + 4, END + 9) == [True, False]
    assert is_excluded(services, windows, END + 60, END + 65) == [True, True]


class Progress:
    def __init__(self, waiting):
        self._waiting = waiting

    def folded(self):
        return dict.fromkeys(self._waiting, "00")

    def waiting(self, log, _position):
        return self._waiting[log]


def test_what_is_not_folded_is_waited_for_only_if_it_is_of_the_buckets_in_question():
    waiting = {"a": [("05", END - 3, END - 2), ("07", END + 1, END + 2)], "b": [("05", END - 90, END - 80)], "c": []}
    left = unfolded(Progress(waiting), END - 10, END)
    assert (left.ends, left.first_minutes) == ({"a": "05"}, {"a": END - 3})
    assert not left.left({"a": "05"})
    assert left.left({"a": "04"})
    assert complete_to(END, left, None) == END - 5


@pytest.mark.parametrize(
    ("age_s", "measured_before_s", "complete"),
    [(10.0, 0.0, END), (400.0, 0.0, END - 10), (400.0, 200.0, END)],
    ids=["none", "behind", "old measurement"],
)
def test_a_backlog_of_ingest_counts_while_its_measurement_is_fresh(age_s, measured_before_s, complete):
    backlog = SimpleNamespace(age_s=age_s, at_s=END * 60.0 - measured_before_s)
    assert complete_to(END, unfolded(Progress({}), END - 5, END), backlog) == complete


def test_half_an_hour_is_waited_and_no_longer():
    assert judged_range(END, END) == (END, END)
    assert judged_range(END, END - 10) == (END - 10, END - 10)
    assert judged_range(END, END - 100) == (END - 30, END - 100)
