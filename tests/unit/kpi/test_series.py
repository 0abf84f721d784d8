"""Columns for charts, checked against the single spans that the blocks and pages were made of."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError
from opsloop.histogram import relative_error
from opsloop.kpi.columns import COLUMNS, of_operation, whole_service
from opsloop.kpi.grid import Grid, grid_of
from opsloop.kpi.heatmap import MOST_ROWS, Heatmap, heatmap
from opsloop.kpi.model import KpiRow, PageKey, StoredPage, StoredRow, page_key, row_json
from opsloop.kpi.operations import operation_totals
from opsloop.kpi.period import Period
from opsloop.kpi.rollup import day_rows, minute_rows
from opsloop.kpi.series import KpiSeries, SeriesQuestion, busiest, read_series
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import SPAN_DURATION, Block, Series
from tests.unit.kpi.blocks import DAY, HOUR, SHOP, LogRecord, Span, block
from tests.unit.kpi.test_rollup import random_spans

LATER = HOUR + 100_000
KIND = {"server": "request", "consumer": "request", "client": "client", "producer": "producer"}
ERROR = relative_error(6)


class FakeBlocks:
    """Blocks by hour; ``ranges`` tells which hours were asked for."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.by_hour = {one.hour: one for one in blocks}
        self.ranges: list[tuple[int, int]] = []

    def read(self, _service: str, first_hour: int, last_hour: int) -> list[Block]:
        self.ranges.append((first_hour, last_hour))
        return [self.by_hour[hour] for hour in sorted(self.by_hour) if first_hour <= hour <= last_hour]


class FakePages:
    """Pages made of rows."""

    def __init__(self, rows: Iterable[KpiRow] = ()) -> None:
        pages: dict[PageKey, list[StoredRow]] = defaultdict(list)
        for row in rows:
            pages[page_key(row)].append(StoredRow(row_json(row), row.start_minute))
        self.pages = {key: StoredPage(key, tuple(found)) for key, found in pages.items()}

    def read(self, keys: Sequence[PageKey]) -> dict[PageKey, StoredPage]:
        return {key: self.pages[key] for key in keys if key in self.pages}

    def read_range(self, service: str, resolution: str, first: str, last: str) -> list[StoredPage]:
        return [
            page
            for key, page in self.pages.items()
            if (key.service, key.resolution) == (service, resolution) and first <= key.start <= last
        ]


def hours_of(spans: Sequence[Span], first: int, hours: int) -> list[Block]:
    made = [block(hour, spans) for hour in range(first, first + 60 * hours, 60)]
    return [one for one in made if len(one.cells)]


def ask(blocks: Iterable[Block], grid: Grid, rows: Iterable[KpiRow] = (), **changes: object) -> list[KpiSeries]:
    question = replace(SeriesQuestion("shop", grid, COLUMNS), **changes)
    return read_series(question, blocks=FakeBlocks(blocks), pages=FakePages(rows))


def nearest_rank(values: Sequence[float], probability: float) -> float:
    """Return the value of rank ceil(p * n), in whole thousandths so that no rounding picks another rank."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(round(probability * 1000) * len(ordered) / 1000)) - 1]


def kind_of(span: Span) -> str:
    return KIND.get(span.kind, "internal")


def spans_at(spans: Iterable[Span], start: int, step: int, operation: str = "", kind: str = "request") -> list[Span]:
    return [
        span
        for span in spans
        if start <= span.minute < start + step and operation in ("", span.operation) and kind_of(span) == kind
    ]


def assert_column_is_of(series: KpiSeries, grid: Grid, spans: Sequence[Span]) -> None:
    """Compare each point with the plain numbers of the spans that lie in it."""
    for point, start in enumerate(grid.starts()):
        inside = spans_at(spans, start, grid.step_minutes, series.operation, series.kind)
        found = {name: series.values[name][point] for name in COLUMNS}
        if not inside:
            assert set(found.values()) == {None}
            continue
        assert found["requests"] == len(inside)
        assert found["errors"] == sum(span.is_error for span in inside)
        assert found["error_ratio"] == pytest.approx(found["errors"] / len(inside))
        assert found["mean_ms"] == pytest.approx(sum(span.ms for span in inside) / len(inside))
        for name, probability in (("p50_ms", 0.5), ("p90_ms", 0.9), ("p95_ms", 0.95), ("p99_ms", 0.99)):
            expected = nearest_rank([span.ms for span in inside], probability)
            assert found[name] == pytest.approx(expected, rel=ERROR * 1.001), name


@pytest.mark.parametrize("step", [1, 5])
def test_points_of_minutes_and_of_five_are_those_of_the_single_spans(step):
    spans = [span for span in random_spans(1, 3_000, minutes=180) if span.minute % 17]  # with silent minutes
    grid = Grid(HOUR, step, 180 // step, LATER)
    (whole,) = ask(hours_of(spans, HOUR, 3), grid)
    assert (whole.operation, whole.kind) == ("", "request")
    assert_column_is_of(whole, grid, spans)


def test_every_operation_and_kind_that_was_heard_of_has_its_columns():
    spans = random_spans(2, 2_000, minutes=60)
    grid = Grid(HOUR, 5, 12, LATER)
    found = ask(hours_of(spans, HOUR, 1), grid, operation=None, kind=None)
    assert [(one.operation, one.kind) for one in found] == sorted({(one.operation, kind_of(one)) for one in spans})
    for one in found:
        assert_column_is_of(one, grid, spans)


def test_an_operation_never_heard_of_is_unknown_at_every_point_and_not_missing():
    (found,) = ask(hours_of([Span(HOUR)], HOUR, 1), Grid(HOUR, 5, 2, LATER), operation="never")
    assert found.values == {name: [None, None] for name in COLUMNS}


def test_minutes_outside_the_range_are_not_counted():
    spans = [Span(HOUR + minute) for minute in (9, 10, 19, 20)]
    (found,) = ask(hours_of(spans, HOUR, 1), Grid(HOUR + 10, 5, 2, LATER))
    assert found.values["requests"] == [1, 1]


def test_the_numbers_of_minutes_and_hours_equal_those_of_rows():
    spans = [replace(span, ms=round(span.ms, 6)) for span in random_spans(5, 4_000)]  # whole ns add up exactly
    made = block(HOUR, spans)
    rows = minute_rows(made, SHOP, now_minute=LATER, wanted=lambda *place: place == ("", "request"))
    (minutes,) = ask([made], Grid(HOUR, 1, 60, LATER))
    for row in rows:
        for name in COLUMNS:
            assert minutes.values[name][row.start_minute - HOUR] == getattr(row, name), name
    (row,) = day_rows([made], Period("hour", HOUR, LATER), SHOP, wanted=lambda *place: place == ("", "request"))
    (hour,) = ask([made], Grid(HOUR, 60, 1, LATER))
    assert {name: [getattr(row, name)] for name in COLUMNS} == hour.values


def test_stored_hours_come_from_pages_and_the_others_from_blocks_with_the_same_numbers():
    spans = [span for span in random_spans(6, 3_000, minutes=300) if not HOUR + 60 <= span.minute < HOUR + 120]
    hours = hours_of(spans, HOUR, 5)
    rows = [
        row
        for start in range(HOUR, HOUR + 240, 60)
        for row in day_rows([one for one in hours if one.hour == start], Period("hour", start, LATER), SHOP)
    ]
    grid = Grid(HOUR, 60, 5, LATER)
    for operation, kind in (("", "request"), ("GET /1", "client"), (None, None)):
        blocks, pages = FakeBlocks([one for one in hours if one.hour == HOUR + 240]), FakePages(rows)
        question = SeriesQuestion("shop", grid, COLUMNS, operation, kind)
        found = read_series(question, blocks=blocks, pages=pages)
        assert found
        for one in found:
            assert_column_is_of(one, grid, spans)
        assert blocks.ranges == [(HOUR + 240, HOUR + 240)]  # neither the stored hours nor the silent one


def test_days_come_from_pages_and_the_open_one_from_its_hours():
    spans = random_spans(7, 2_000, minutes=2_880, start=DAY)
    hours = hours_of(spans, DAY, 48)
    now = DAY + 2_000
    rows = day_rows([one for one in hours if one.hour < DAY + 1_440], Period("day", DAY, now), SHOP)
    grid = Grid(DAY, 1_440, 2, now)
    blocks = FakeBlocks([one for one in hours if one.hour >= DAY + 1_440])
    (found,) = read_series(SeriesQuestion("shop", grid, COLUMNS), blocks=blocks, pages=FakePages(rows))
    assert_column_is_of(found, grid, spans)


def test_a_range_that_has_not_begun_has_no_point():
    grid = grid_of(HOUR + 10, HOUR + 20, 60, now_minute=HOUR)
    (found,) = ask([], grid)
    assert (grid.points, found.values["requests"]) == (0, [])


spans_of_two_hours = st.lists(
    st.builds(
        Span,
        minute=st.integers(HOUR, HOUR + 119),
        operation=st.sampled_from(["a", "b"]),
        kind=st.sampled_from(["server", "consumer", "client", "internal"]),
        ms=st.integers(0, 10**7).map(lambda us: us / 1000),
        is_error=st.booleans(),
    ),
    min_size=1,
    max_size=80,
)


@given(spans_of_two_hours, st.sampled_from([1, 5]), st.randoms())
@settings(max_examples=60, deadline=None)
def test_merging_does_not_depend_on_how_spans_are_cut_into_blocks_nor_on_their_order(spans, step, random):
    grid = Grid(HOUR, step, 120 // step, LATER)
    shuffled = list(spans)
    random.shuffle(shuffled)
    apart = hours_of(spans, HOUR, 2)
    halves = [one for half in (shuffled[::2], shuffled[1::2]) for one in hours_of(half, HOUR, 2)]
    (found,) = read_series(SeriesQuestion("shop", grid, COLUMNS), blocks=FakeBlocks(apart), pages=FakePages())
    assert_column_is_of(found, grid, spans)
    relabel = whole_service("request")
    assert heatmap(apart, relabel, grid) == heatmap(halves[::-1], relabel, grid)
    drop_means = [replace(one, time_ms=0.0, share_of_time=None) for one in operation_totals(apart, HOUR, HOUR + 120)]
    assert {(one.operation, one.kind): one for one in drop_means} == {
        (one.operation, one.kind): replace(one, time_ms=0.0, share_of_time=None)
        for one in operation_totals(halves[::-1], HOUR, HOUR + 120)
    }


def rows_of(found: Heatmap, ms: float) -> list[int]:
    """Return the rows that a duration lies in, by the bounds alone: one, or two right at a rounded bound."""
    pairs = list(zip(found.bounds_ms, found.bounds_ms[1:], strict=False))
    within = 1e-12 * ms
    return [row for row, (low, high) in enumerate(pairs) if low - within < ms <= high + within or (ms == low == 0)]


@given(spans_of_two_hours)
@settings(max_examples=60, deadline=None)
def test_a_heat_map_has_every_span_in_the_row_that_its_duration_lies_in(spans):
    grid = Grid(HOUR, 5, 24, LATER)
    found = heatmap(hours_of(spans, HOUR, 2), whole_service("request"), grid)
    for point, start in enumerate(grid.starts()):
        inside = spans_at(spans, start, 5)
        counts = found.counts[point]
        assert (counts is None) == (not inside)
        if counts is None:
            continue
        assert sum(counts) == len(inside)
        left = list(counts)
        for places in sorted((rows_of(found, span.ms) for span in inside), key=len):
            assert places
            left[next(place for place in places if left[place])] -= 1
        assert not any(left)
    requests = spans_at(spans, HOUR, 120)
    if requests:
        assert len(found.bounds_ms) - 1 <= MOST_ROWS + any(span.ms == 0 for span in requests)
        assert len(found.bounds_ms) == len(found.counts[next(i for i, c in enumerate(found.counts) if c)]) + 1


def test_a_heat_map_of_widely_differing_spans_has_between_24_and_48_rows_of_equal_ratio():
    spans = [Span(HOUR, ms=ms) for ms in (0.8, 3, 9, 40, 180, 2_500, 9_000)]
    found = heatmap([block(HOUR, spans)], whole_service("request"), Grid(HOUR, 5, 1, LATER))
    ratios = [high / low for low, high in zip(found.bounds_ms, found.bounds_ms[1:], strict=False)]
    assert 24 <= len(ratios) <= 48
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    assert found.bounds_ms[0] < 0.8
    assert found.bounds_ms[-1] >= 9_000


def test_a_heat_map_of_one_operation_leaves_the_others_out_and_silence_is_null():
    spans = [Span(HOUR, "a"), Span(HOUR, "b"), Span(HOUR + 7, "a", "client")]
    found = heatmap([block(HOUR, spans)], of_operation("a", "request"), Grid(HOUR, 5, 2, LATER))
    assert [counts and sum(counts) for counts in found.counts] == [1, None]
    silent = heatmap([], whole_service("request"), Grid(HOUR, 5, 2, LATER))
    assert silent == Heatmap([], [None, None])


def test_spans_that_took_no_time_have_the_first_row_which_begins_at_zero():
    spans = [Span(HOUR, ms=0), Span(HOUR, ms=0), Span(HOUR, ms=5)]
    found = heatmap([block(HOUR, spans)], whole_service("request"), Grid(HOUR, 5, 1, LATER))
    assert (found.bounds_ms[0], found.counts) == (0.0, [[2, 1]])
    assert found.bounds_ms[1] < 5 <= found.bounds_ms[2]
    only_zero = heatmap([block(HOUR, spans[:2])], whole_service("request"), Grid(HOUR, 5, 1, LATER))
    assert (only_zero.bounds_ms[0], only_zero.counts) == (0.0, [[2]])


def test_the_totals_of_operations_are_those_of_the_single_spans():
    spans = random_spans(8, 3_000, minutes=180)
    inside = [span for span in spans if HOUR + 30 <= span.minute < HOUR + 150]
    found = operation_totals(hours_of(spans, HOUR, 3), HOUR + 30, HOUR + 150)
    kinds = ["request", "client", "producer", "internal"]
    assert [kinds.index(one.kind) for one in found] == sorted(kinds.index(one.kind) for one in found)
    assert {(one.operation, one.kind) for one in found} == {(one.operation, kind_of(one)) for one in inside}
    for one in found:
        of_kind = [span for span in inside if kind_of(span) == one.kind]
        mine = [span for span in of_kind if span.operation == one.operation]
        assert (one.requests, one.errors) == (len(mine), sum(span.is_error for span in mine))
        assert one.time_ms == pytest.approx(sum(span.ms for span in mine))
        assert one.p95_ms == pytest.approx(nearest_rank([span.ms for span in mine], 0.95), rel=ERROR * 1.001)
        assert one.share_of_requests == pytest.approx(len(mine) / len(of_kind))
        assert one.share_of_time == pytest.approx(sum(span.ms for span in mine) / sum(span.ms for span in of_kind))
        errors = sum(span.is_error for span in of_kind)
        assert one.share_of_errors == pytest.approx(one.errors / errors)
    for kind in kinds:
        times = [one.time_ms for one in found if one.kind == kind]
        assert times == sorted(times, reverse=True)


def test_a_share_of_no_errors_and_of_no_time_is_not_known():
    (found,) = operation_totals([block(HOUR, [Span(HOUR, ms=0)])], HOUR, HOUR + 60)
    assert (found.share_of_requests, found.share_of_errors, found.share_of_time) == (1.0, None, None)


def test_an_operations_exemplar_is_its_slowest_trace_of_the_hours_in_the_range():
    def example(hour: int, kind: str, ms: float, trace: int) -> Exemplar:
        series = Series("shop", SPAN_DURATION, kind, "GET /", "ns")
        return Exemplar(series, hour, ms * 1e6, hour * 60_000_000_000, f"{trace:032x}", f"{trace:016x}")

    made = [
        replace(
            block(hour, [Span(hour + 5)]),
            exemplars=(example(hour, "server", ms, number), example(hour, "client", 9_999, 99)),
        )
        for number, (hour, ms) in enumerate(((HOUR, 900.0), (HOUR + 60, 70.0), (HOUR + 120, 80.0)), 1)
    ]
    (found,) = operation_totals(made, HOUR + 61, HOUR + 180)
    assert (found.exemplar["trace_id"], found.exemplar["value"]) == (f"{3:032x}", 80.0)
    (found,) = operation_totals([block(HOUR, [Span(HOUR)], [LogRecord(HOUR)])], HOUR, HOUR + 60)
    assert found.exemplar is None


def test_the_busiest_series_stay_in_their_order():
    made = [
        KpiSeries("shop", name, "request", {"requests": [count, None]})
        for name, count in (("a", 1), ("b", 9), ("c", 5))
    ]
    assert [one.operation for one in busiest(made, 2)] == ["b", "c"]
    assert busiest(made, 3) == made


def test_points_are_closed_two_minutes_after_their_end():
    complete = [Grid(HOUR, 5, 12, HOUR + now).complete_to - HOUR for now in (0, 6, 7, 11, 12, 61, 62, 500)]
    assert complete == [0, 0, 5, 5, 10, 55, 60, 60]


def test_a_grid_is_aligned_with_utc_and_ends_with_the_point_that_holds_now():
    grid = grid_of(HOUR + 7, HOUR + 1_000, 300, now_minute=HOUR + 21)
    assert (grid.first_minute, grid.end_minute, grid.points) == (HOUR + 5, HOUR + 25, 4)
    assert grid_of(HOUR, HOUR + 1, 86_400, now_minute=LATER).first_minute == DAY


@pytest.mark.parametrize(("hours", "step"), [(1, 1), (13, 1), (14, 5), (66, 5), (67, 60), (800, 60), (801, 1_440)])
def test_who_says_no_step_gets_the_shortest_with_800_points_at_most(hours, step):
    assert grid_of(HOUR, HOUR + hours * 60, None, now_minute=LATER).step_minutes == step


def test_too_many_points_are_refused_with_a_step_that_would_do():
    with pytest.raises(InvalidInputError, match=r"step_s: 3001 points are more than the 3000 .* step_s=300 would do"):
        grid_of(HOUR, HOUR + 3_001, 60, now_minute=LATER)
    assert grid_of(HOUR, HOUR + 3_000, 60, now_minute=LATER).points == 3_000
    with pytest.raises(InvalidInputError, match="step_s: 90 is not one of 60, 300, 3600, 86400"):
        grid_of(HOUR, HOUR + 60, 90, now_minute=LATER)
