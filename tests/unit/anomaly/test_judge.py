"""When a series begins to be unusual and when that is over, on values set one by one."""

import numpy as np
import pytest

from opsloop.anomaly import judge as judging
from opsloop.anomaly.judge import Bucket, Scores, first_hit, judge
from opsloop.anomaly.model import Anomaly, Direction, Severity, State
from opsloop.anomaly.policy import policy_from, rules
from opsloop.anomaly.series import Key
from opsloop.anomaly.state import Memory

START = 29_919_840
DAY = 1440
USUAL = 0.01


class Bench:
    """One series (and its whole service), judged bucket by bucket with scores that the test sets."""

    def __init__(self, monkeypatch, *keys, anomaly=None):
        self.keys = list(keys)
        self.memory = Memory(START, START)
        self.memory.grow(self.keys, START)
        self.minute = START + 2 * DAY
        policy = policy_from(anomaly or {})
        self.rules = rules(self.keys, {key.service: policy for key in keys})
        self.learned = []
        monkeypatch.setattr(judging, "_scores", self._scores)

    def _scores(self, _memory, _minute, value, is_learned):
        self.learned.append(is_learned.tolist())
        known = ~np.isnan(value)
        score = np.where(known, self.score, 0.0)
        rest = np.where(known, self.expected, np.nan)
        return Scores(score, score, score * 0, score * 0, rest, rest, rest)

    def step(self, *values, score=0.9, weight=1_000.0, expected=USUAL, **changes):
        """Judge one bucket; return which rows begin, go on and end."""
        self.score, self.expected = score, expected
        none = np.zeros(len(self.keys), dtype=bool)
        value = np.array(values, dtype=float)
        options = {"is_excluded": none, "is_novel": none, **changes}
        bucket = Bucket(self.minute, value, np.full(len(value), weight), **options)
        verdict = judge(self.memory, bucket, self.rules)
        for row in verdict.began.tolist():
            first = first_hit(self.memory.own, row, self.minute, is_high=bool(verdict.is_high[row]))
            self.memory.open[self.keys[row]] = opened(self.keys[row], first)
        for row in [*verdict.ended.tolist(), *verdict.lost.tolist()]:
            del self.memory.open[self.keys[row]]
        self.minute += 5
        names = [
            (verdict.began, "began"),
            (verdict.goes_on, "goes on"),
            (verdict.ended, "ended"),
            (verdict.lost, "lost"),
        ]
        return [" ".join(said for rows, said in names if row in rows) for row in range(len(self.keys))]


def opened(key, first):
    return Anomaly(
        "id", key.service, key.measure, Direction.HIGH, State.OPEN, Severity.WARNING, 0.9, 1.0, 0.0, 0.0, 0.0, "", "",
        first, first,
    )  # fmt: skip


ERRORS = Key("web", "error_ratio")
RATE = Key("web", "rate")
SILENCE = Key("web", "silence")


def test_one_strong_bucket_is_enough(monkeypatch):
    assert Bench(monkeypatch, ERRORS).step(0.2) == ["began"]


def test_of_moderate_buckets_two_of_three_are_needed(monkeypatch):
    bench = Bench(monkeypatch, ERRORS)
    assert [bench.step(value, score=0.45)[0] for value in (0.2, USUAL, 0.2)] == ["", "", "began"]
    assert bench.memory.open[ERRORS].first_minute == START + 2 * DAY
    bench = Bench(monkeypatch, ERRORS)
    assert [bench.step(value, score=0.45)[0] for value in (0.2, USUAL, USUAL, 0.2)] == ["", "", "", ""]


def test_hits_on_different_sides_do_not_add_up(monkeypatch):
    bench = Bench(monkeypatch, RATE)
    rates = ((300.0, 1500.0), (30.0, 150.0))
    said = [bench.step(value, score=0.45, weight=count, expected=100.0)[0] for value, count in rates]
    assert said == ["", ""]


def test_three_calm_buckets_end_it_and_a_hit_between_begins_the_count_anew(monkeypatch):
    bench = Bench(monkeypatch, ERRORS)
    values = (0.2, 0.2, USUAL, USUAL, 0.2, USUAL, USUAL, USUAL)
    said = [bench.step(value)[0] for value in values]
    assert said == ["began"] + ["goes on"] * 6 + ["ended"]


def test_a_lasting_shift_goes_on_though_nothing_jumps_any_more(monkeypatch):
    bench = Bench(monkeypatch, ERRORS)
    bench.step(0.2)
    assert {bench.step(0.2, score=0.0)[0] for _ in range(20)} == {"goes on"}


@pytest.mark.parametrize(
    ("value", "weight", "score"),
    [(0.2, 1_000.0, 0.3), (0.025, 10_000.0, 0.9), (0.2, 19.0, 0.9), (0.06, 50.0, 0.9), (0.0, 1_000.0, 0.9)],
    ids=["low score", "within the margin", "too few requests", "chance", "fewer errors"],
)
def test_what_does_not_reach_every_floor_is_not_called(monkeypatch, value, weight, score):
    assert Bench(monkeypatch, ERRORS).step(value, weight=weight, score=score) == [""]


def test_half_the_sensitivity_doubles_the_margins(monkeypatch):
    assert Bench(monkeypatch, ERRORS).step(0.04, weight=10_000.0) == ["began"]
    assert Bench(monkeypatch, ERRORS, anomaly={"sensitivity": 0.5}).step(0.04, weight=10_000.0) == [""]


def test_a_series_with_too_little_history_is_not_called(monkeypatch):
    bench = Bench(monkeypatch, RATE)
    bench.minute = START + DAY - 5
    assert bench.step(300.0, weight=1500.0, expected=100.0) == [""]
    assert bench.step(300.0, weight=1500.0, expected=100.0) == ["began"]


def test_nothing_is_called_of_a_service_that_is_not_judged(monkeypatch):
    assert Bench(monkeypatch, ERRORS, anomaly={"is_judged": False}).step(0.9) == [""]


def test_missing_values_neither_end_nor_prolong_it_until_an_hour_is_over(monkeypatch):
    bench = Bench(monkeypatch, ERRORS)
    bench.step(0.2)
    said = [bench.step(np.nan)[0] for _ in range(12)]
    assert said == ["goes on"] * 11 + ["lost"]


def test_nothing_is_learned_while_it_lasts_for_a_day_at_most_nor_of_excluded_time(monkeypatch):
    bench = Bench(monkeypatch, ERRORS)
    bench.step(0.2)
    for _ in range(DAY // 5):
        bench.step(0.2)
    assert bench.learned[0] == [True]
    assert bench.learned[1:-1] == [[False]] * (DAY // 5 - 1)
    assert bench.learned[-1] == [True]
    bench = Bench(monkeypatch, ERRORS)
    bench.step(USUAL, is_excluded=np.array([True]))
    assert bench.learned == [[False]]


def test_an_operation_is_covered_by_its_service(monkeypatch):
    operation = Key("web", "error_ratio", operation="GET /")
    assert Bench(monkeypatch, operation, ERRORS).step(0.2, 0.2) == ["", "began"]
    assert Bench(monkeypatch, operation, ERRORS).step(0.2, USUAL) == ["began", ""]


def test_silence_is_called_after_two_buckets_of_a_service_that_was_steady(monkeypatch):
    bench = Bench(monkeypatch, SILENCE)
    for _ in range(72):
        assert bench.step(1.0) == [""]
    assert [bench.step(value)[0] for value in (0.0, 0.0, 0.0, 1.0, 1.0)] == [
        "",
        "began",
        "goes on",
        "goes on",
        "ended",
    ]


@pytest.mark.parametrize("heard", [[1.0] * 71, [1.0, 0.0] * 100], ids=["too short", "only now and then"])
def test_silence_means_nothing_of_a_service_that_was_not_heard_steadily(monkeypatch, heard):
    bench = Bench(monkeypatch, SILENCE)
    said = [bench.step(value)[0] for value in [*heard, 0.0, 0.0, 0.0]]
    assert set(said) == {""}


def test_counts_of_a_bucket_whose_data_are_missing_are_unknown(monkeypatch):
    bench = Bench(monkeypatch, SILENCE, RATE, ERRORS)
    for _ in range(80):
        bench.step(1.0, 100.0, USUAL, expected=100.0, score=0.0)
    for _ in range(3):
        said = bench.step(0.0, 0.0, USUAL, is_partial=True)
    assert said == ["", "", ""]


def test_a_new_pattern_of_errors_is_called_at_once_if_there_are_enough_lines(monkeypatch):
    pattern = Key("web", "pattern", "p")
    novel = np.array([True])
    assert Bench(monkeypatch, pattern).step(4.0, weight=20.0, score=0.0, is_novel=novel) == ["began"]
    assert Bench(monkeypatch, pattern).step(1.0, weight=5.0, score=0.0, is_novel=novel) == [""]


def test_chernoffs_bound_is_above_the_true_tail_and_near_its_exponent():
    mean, count = 20.0, 60
    tail, term = 0.0, np.exp(-mean)
    for number in range(1, 400):
        term *= mean / number
        if number >= count:
            tail += term
    surprise = float(judging._surprise(np.array([float(count)]), np.array([mean]))[0])
    assert surprise <= -np.log(tail) < surprise + 4
