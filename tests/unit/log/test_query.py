"""Questions about logs, and what is told of hits, intervals and gaps."""

from datetime import UTC, datetime

import pytest

from opsloop.errors import InvalidInputError
from opsloop.log import gaps
from opsloop.log.document import iso_ns
from opsloop.log.gaps import Gap, Reason, place_of, without
from opsloop.log.model import PatternHour
from opsloop.log.names import kept_of, object_key
from opsloop.log.pattern_hours import Line, added
from opsloop.log.pattern_list import hours_between, occurred, texts_of
from opsloop.log.query import NS_PER_S, Question, counts_json, hit_json, interval_s, page_that_fits, read_severities
from opsloop.search import MARK_END, MARK_START, Bucket, Found, Hit

HOUR = 29_900_040  # a minute at which an hour begins
SECOND = 1_794_002_400 * NS_PER_S


def test_severities_are_named_or_counted_from_the_least() -> None:
    assert read_severities("error, FATAL", "") == ("error", "fatal")
    assert read_severities("", "Error") == ("error", "fatal")
    assert read_severities("", "trace") == ("trace", "debug", "info", "warn", "error", "fatal")
    assert read_severities("", "") == ()
    for given in (("loud", ""), ("", "loud"), ("error", "warn"), ("error,", "")):
        with pytest.raises(InvalidInputError, match="severity"):
            read_severities(*given)


@pytest.mark.parametrize(
    ("seconds", "interval"),
    [
        (1, 1),
        (60, 1),
        (61, 2),
        (900, 15),
        (3_600, 60),
        (3_601, 120),
        (86_400, 1_800),
        (7 * 86_400, 10_800),
        (31 * 86_400, 86_400),
    ],
)
def test_some_sixty_intervals_make_up_a_range(seconds: int, interval: int) -> None:
    assert interval_s(SECOND, SECOND + seconds * NS_PER_S) == interval
    assert seconds / interval <= 60


def test_intervals_without_a_line_are_told_too() -> None:
    question = Question(SECOND + 5, SECOND + 3 * NS_PER_S)
    told = counts_json([Bucket(SECOND + NS_PER_S, 3, {"error": 1, "debug": 1})], question, 1)
    assert [one["count"] for one in told["buckets"]] == [0, 3, 0]
    assert list(told["buckets"][1]["severities"]) == ["debug", "error"]
    assert told["buckets"][1]["start"] == iso_ns(SECOND + NS_PER_S).replace(".000000000", "")


def test_the_last_nanosecond_of_a_question_is_not_in_it() -> None:
    assert Question(5, 9).query().ranges == {"time": (5, 8)}


def hit(**content: object) -> Hit:
    return Hit("a-1", {"time": SECOND, "service": "web", "severity": "info", **content}, 0.0, {})


def test_long_fields_are_cut_and_named() -> None:
    told = hit_json(hit(body="x" * 10_001, attributes={"a": "y" * 20_000}, resource={"b": 1}, event_name="z" * 501))
    assert (len(told["body"]), told["attributes"], told["resource"]) == (10_000, None, {"b": 1})
    assert sorted(told["cut"]) == ["attributes", "body", "event_name"]
    assert hit_json(hit(body="x" * 10_000))["cut"] == []


def test_pieces_give_their_text_back_whatever_marks_there_are() -> None:
    marked = f"a {MARK_START}b{MARK_END} c{MARK_START}d{MARK_END}"
    (piece,) = hit_json(Hit("a", hit().content, 0.0, {"body": (marked,)}))["highlights"]["body"]
    assert "".join(part["text"] for part in piece) == "a b cd"
    assert [part["text"] for part in piece if part["is_found"]] == ["b", "d"]
    long = hit_json(Hit("a", hit().content, 0.0, {"body": (MARK_START + "x" * 70_000 + MARK_END + "y",)}))
    assert sum(len(part["text"]) for part in long["highlights"]["body"][0]) == 2_000


def test_a_page_is_halved_until_it_fits_and_one_line_always_does() -> None:
    lines = [hit(body="x" * 10_000)] * 1_000
    asked = []

    def search(size: int) -> Found:
        asked.append(size)
        return Found(tuple(lines[:size]), 1_000, "")

    told, _ = page_that_fits(search, 1_000)
    assert (asked, len(told)) == ([1_000, 500, 250], 250)


def test_steps_are_counted_from_one_by_the_keys_of_objects() -> None:
    assert [kept_of(object_key("a-1", "2026-11-21", 8, "abc-1-0.0", version)) for version in (0, 6)] == [1, 7]
    assert [
        kept_of(key) for key in ("logs/web/x", "logs/web/2026-11-21/08/x.jsonl.gz", "raw/1-2.zst", "a-²1.jsonl.gz")
    ] == [0] * 4


# gaps


def test_a_key_says_where_its_object_lies() -> None:
    place = place_of(object_key("a/b é", "2026-11-21", 8, "abc-1-0.0", 3))
    assert place is not None
    assert (place.service, place.day, place.hour) == ("a/b é", "2026-11-21", 8)
    assert iso_ns(place.first_ns) == "2026-11-21T08:00:00.000000000Z"
    assert place_of(object_key("x" * 300, "2026-11-21", 8, "abc-1-0.0", 3)).service == ""  # type: ignore[union-attr]
    for key in ("raw/a/1-2.zst", "logs/a/b/c", "logs/web/2026-21-11/08/x", "logs/web/2026-11-21/x/y"):
        assert place_of(key) is None


def test_what_is_known_is_cut_out_of_a_gap() -> None:
    gap = Gap(Reason.COLD, "web", 10, 50)
    left = [(one.first_ns, one.end_ns) for one in without(gap, [(30, 35), (0, 12), (33, 40)])]
    assert left == [(12, 30), (40, 50)]
    assert without(gap, [(0, 60)]) == []
    assert without(gap, []) == [gap]
    assert [(one.first_ns, one.end_ns) for one in without(gap, [(60, 70)])] == [(10, 50)]


def test_gaps_near_each_other_are_told_as_one_and_many_as_their_hull() -> None:
    minute = 60 * NS_PER_S
    near = [Gap(Reason.PENDING, "web", at * minute, at * minute + 1, 1) for at in (0, 1)]
    far = Gap(Reason.PENDING, "web", 90 * minute, 90 * minute + 1, 1)
    some = [far, *near, Gap(Reason.COLD, "", 0, 5)]
    told = [(one["reason"], one["objects"], one["service"]) for one in gaps.told(some, 60 * minute)]
    assert told == [("cold", None, None), ("pending", 2, "web"), ("pending", 1, "web")]
    assert [one["objects"] for one in gaps.told([far, *near], 60 * 89 * minute)] == [3]
    many = [Gap(Reason.PENDING, "web", 9 * at * minute, 9 * at * minute + 1, 1) for at in range(6)]
    assert [(one["objects"], one["from"][:10]) for one in gaps.told(many, minute)] == [(6, "1970-01-01")]
    assert len(gaps.told(many[:5], minute)) == 5


def test_the_hot_days_begin_at_midnight() -> None:
    now = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    assert iso_ns(gaps.hot_ns(now, 90)) == "2026-08-23T00:00:00.000000000Z"
    assert gaps.dates(gaps.hot_ns(now, 1), gaps.hot_ns(now, 0)) == ["2026-11-20"]
    assert gaps.dates(gaps.hot_ns(now, 1), gaps.hot_ns(now, 0) + 1) == ["2026-11-20", "2026-11-21"]


# patterns


def hours(*lines: tuple[int, str, str]) -> list[PatternHour]:
    """Return the hours of lines (minute after HOUR, pattern, severity)."""
    known: dict[int, PatternHour] = {}
    for minute, name, severity in lines:
        hour = HOUR + minute // 60 * 60
        before = known.get(hour) or PatternHour("web", hour, {}, {}, {})
        known[hour] = added(before, [Line(HOUR + minute, name, severity)], {name: f"text of {name}"})
    return [known[hour] for hour in sorted(known)]


def test_patterns_of_a_range_are_counted_to_the_minute_and_new_ones_known() -> None:
    of = hours(
        (-100, "old", "info"), (5, "old", "warn"), (9, "new", "error"), (10, "late", "fatal"), (70, "late", "info")
    )
    found = {one.template: one for one in occurred(of, HOUR + 5, HOUR + 10)}
    assert {name: (one.count, one.is_new) for name, one in found.items()} == {"old": (1, False), "new": (1, True)}
    assert (found["old"].first_minute, found["old"].last_minute) == (HOUR - 100, HOUR + 5)
    assert (found["new"].severity, found["new"].text) == ("error", "text of new")
    assert {one.is_new for one in occurred(hours((5, "a", "info")), HOUR, HOUR + 60)} == {None}
    assert occurred([], HOUR, HOUR + 60) == []
    assert list(hours_between(HOUR + 59, HOUR + 61)) == [HOUR, HOUR + 60]


def test_texts_are_those_of_the_latest_hour_that_names_them() -> None:
    read: list[tuple[int, int]] = []

    class Table:
        def hours(self, service: str, first_hour: int, last_hour: int) -> list[PatternHour]:
            assert service == "web"
            read.append((first_hour, last_hour))
            return [one for one in hours((0, "a", "info"), (700, "b", "info")) if first_hour <= one.hour <= last_hour]

    assert texts_of(["a", "b", "c"], ["web"], Table(), HOUR, HOUR + 720) == {"a": "text of a", "b": "text of b"}
    assert read[0] == (HOUR + 360, HOUR + 660)
    read.clear()
    texts_of(["c"], ["web"], Table(), HOUR - 100_000, HOUR)
    assert len(read) == 16  # bounded: 96 hours of the six at once
