"""Rows of metrics: what instruments measured, and by how much cumulative streams rose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.kpi.metric import MetricQuestion, metric_rows, read_metric_rows
from opsloop.kpi.model import MetricRow, State
from opsloop.telemetry.aggregate import EXPLICIT, Aggregate, from_points, merge
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import Block, Series
from tests.unit.kpi.blocks import HOUR, LogRecord, block

LATER = HOUR + 10_000


@dataclass(frozen=True)
class Stream:
    """A cumulative stream, and the minute in which it started."""

    series: Series
    start: int


def cumulative(start_minute: int, name: str = "a", kind: str = "cumulative_sum") -> Stream:
    return Stream(Series("shop", "sold", kind, unit="{item}", attributes=(("opsloop.stream", name),)), start_minute)


def points(hour: int, *measured: tuple[Series | Stream, int, float]) -> Block:
    """Return the block of ``hour`` with those of the points (series, minute, value) that lie in it."""
    inside = [one for one in measured if hour <= one[1] < hour + 60]
    return replace(block(hour), cells=merge(cell(*one) for one in inside))


def cell(source: Series | Stream, minute: int, value: float) -> Aggregate:
    series = source.series if isinstance(source, Stream) else source
    made = from_points([series], np.array([0]), np.array([minute]), np.array([float(value)]))
    if isinstance(source, Series):
        return made
    if series.kind != "cumulative_sum":
        made = replace(made, count=np.array([int(value)]), total=np.array([2.5 * value]))
    return replace(made, times=np.array([[source.start * 60, minute * 60 + 30]]) * 10**9)


def rows(blocks: Sequence[Block], metric: str = "sold", *, first: int = HOUR, hours: int = 1) -> list[MetricRow]:
    found = metric_rows(blocks, metric, "hour", first, first + 60 * hours, now_minute=LATER)
    return sorted(found, key=lambda row: row.position)


def test_a_gauge_has_its_samples_with_percentiles():
    depth = Series("shop", "queue.depth", "gauge", unit="{message}")
    (row,) = rows([points(HOUR, *[(depth, HOUR + n % 60, n) for n in range(1, 101)])], "queue.depth")
    assert (row.count, row.sum, row.mean, row.minimum, row.maximum) == (100, 5050.0, 50.5, 1.0, 100.0)
    assert row.p99 == pytest.approx(99, rel=0.0055)
    assert (row.kind, row.unit) == ("gauge", "{message}")


def test_delta_sums_add_up_and_have_no_percentiles():
    sold = Series("shop", "sold", "delta_sum")
    (row,) = rows([points(HOUR, (sold, HOUR, 5), (sold, HOUR + 1, 7))])
    assert (row.count, row.sum, row.p50) == (2, 12.0, None)


def test_logs_are_counted_by_severity_and_have_no_sum():
    made = block(HOUR, logs=[LogRecord(HOUR)] * 3 + [LogRecord(HOUR, "error")] * 2)
    found = [(row.kind, row.count, row.errors, row.sum, row.p50) for row in rows([made], "log.records")]
    assert found == [("error", 2, 2, None, None), ("info", 3, 0, None, None)]


def test_a_stream_that_started_in_the_range_counts_from_zero():
    stream = cumulative(HOUR + 1)
    (row,) = rows([points(HOUR, (stream, HOUR + 2, 40), (stream, HOUR + 3, 45))])
    assert (row.count, row.sum) == (2, 45.0)
    assert row.attributes == {}


def test_a_stream_with_a_value_before_the_range_counts_from_there():
    stream, before = cumulative(HOUR - 5_000), HOUR - 60
    measured = [(stream, HOUR - 1, 1_000), (stream, HOUR, 1_002), (stream, HOUR + 59, 1_010)]
    (row,) = rows([points(before, *measured), points(HOUR, *measured)])
    assert row.sum == 10.0


def test_an_old_stream_first_heard_now_does_not_count_what_was_before():
    stream = cumulative(HOUR - 5_000)
    (row,) = rows([points(HOUR, (stream, HOUR + 2, 10**9), (stream, HOUR + 3, 10**9 + 4))])
    assert row.sum == 4.0


def test_a_stream_that_started_shortly_before_the_range_and_was_not_heard_of_counts_from_zero():
    stream = cumulative(HOUR - 5)
    (row,) = rows([points(HOUR, (stream, HOUR + 1, 6))])
    assert row.sum == 6.0


def test_a_restart_is_a_new_stream_and_both_add_up():
    old, new = cumulative(HOUR - 30, "a"), cumulative(HOUR + 10, "b")
    measured = [(old, HOUR - 1, 100), (old, HOUR + 9, 110), (new, HOUR + 11, 3)]
    (row,) = rows([points(HOUR - 60, *measured), points(HOUR, *measured)])
    assert row.sum == 13.0


def test_a_stream_that_falls_without_a_new_start_counts_from_zero_again():
    stream = cumulative(HOUR - 30)
    measured = [(stream, HOUR - 1, 100), (stream, HOUR + 5, 4), (stream, HOUR + 6, 9)]
    (row,) = rows([points(HOUR - 60, *measured), points(HOUR, *measured)])
    assert row.sum == 9.0


def test_a_cumulative_histogram_tells_how_many_were_measured_and_their_sum():
    stream = cumulative(HOUR + 1, kind="cumulative_histogram")
    (row,) = rows([points(HOUR, (stream, HOUR + 2, 30), (stream, HOUR + 3, 40))])
    assert (row.count, row.sum, row.mean) == (40, 100.0, 2.5)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 179), st.integers(0, 50)), min_size=1, max_size=40, unique=True
    )
)
def test_hours_of_cumulative_streams_add_up_to_their_last_values(increments):
    total, measured = {"a": 0, "b": 0}, []
    for name, minute, increment in sorted(increments, key=lambda one: one[1]):
        total[name] += increment
        measured.append((cumulative(HOUR, name), HOUR + minute, total[name]))  # of one minute the greatest counts
    hours = [points(HOUR + 60 * n, *measured) for n in range(3)]
    whole = metric_rows(hours, "sold", "day", HOUR - HOUR % 1440, HOUR - HOUR % 1440 + 1440, now_minute=LATER)
    assert sum(row.sum for row in rows(hours, hours=3)) == sum(row.sum for row in whole) == sum(total.values())


def test_explicit_buckets_tell_a_bound_and_no_false_precision():
    series = Series("shop", "size", "histogram", unit="By", bounds=(10.0, 100.0))
    cells = from_points([series], np.array([0]), np.array([HOUR]), np.array([7.0]), weight=np.array([100]))
    cells = replace(
        cells,
        scale=np.array([EXPLICIT], dtype=np.int8),
        bucket_start=np.array([0, 3]),
        bucket_key=np.array([0, 1, 2], dtype=np.int32),
        bucket_count=np.array([60, 35, 5]),
        maximum=np.array([400.0]),
    )
    (row,) = rows([replace(block(HOUR), cells=cells)], "size")
    assert (row.p50, row.p90, row.p95, row.p99) == (10.0, 100.0, 100.0, 400.0)
    (row,) = rows([replace(block(HOUR), cells=replace(cells, maximum=np.array([np.nan])))], "size")
    assert (row.p50, row.p99) == (10.0, None)


class MemoryBlocks:
    def __init__(self, *blocks: Block) -> None:
        self.blocks = blocks

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        return [one for one in self.blocks if one.service == service and first_hour <= one.hour <= last_hour]


def test_periods_without_the_metric_are_unknown_and_every_series_has_its_row():
    series = [Series("shop", "queue.depth", "gauge", attributes=(("queue", name),)) for name in "ab"]
    blocks = MemoryBlocks(points(HOUR, *[(one, HOUR + 5, 1) for one in series]))
    question = MetricQuestion("shop", "queue.depth", "hour", HOUR - 60, HOUR + 60, LATER)
    unknown, *known = read_metric_rows(question, blocks=blocks)
    assert (unknown.state, unknown.count, unknown.start_minute) == (State.UNKNOWN, None, HOUR - 60)
    assert [row.attributes for row in known] == [{"queue": "a"}, {"queue": "b"}]
    assert known[0].sources == blocks.blocks[0].sources


def test_a_row_names_the_greatest_exemplar_of_its_series_and_hours_and_its_hash_stays():
    stream, other = cumulative(HOUR + 1), cumulative(HOUR + 1, "b")
    measured = [(one, HOUR + minute, 40) for one in (stream, other) for minute in (2, 70)]
    blocks = [points(HOUR, *measured), points(HOUR + 60, *measured)]
    found = [(stream, HOUR, 3.0), (other, HOUR, 5.0), (stream, HOUR + 60, 4.0)]
    named = [
        replace(
            made, exemplars=tuple(Exemplar(s.series, h, v, 10**18, "a" * 32, "") for s, h, v in found if h == made.hour)
        )
        for made in blocks
    ]
    rows_of_hours, day = (
        rows(named, hours=2),
        metric_rows(named, "sold", "day", HOUR - HOUR % 1440, HOUR + 480, now_minute=LATER),
    )
    assert [row.exemplar["value"] for row in (*rows_of_hours, *day)] == [5.0, 4.0, 5.0]
    assert rows_of_hours[0].exemplar["time"] == "2001-09-09T01:46:40Z"
    plain = rows(blocks, hours=2)
    assert [row.exemplar for row in plain] == [None, None]
    assert [row.hash for row in plain] == [row.hash for row in rows_of_hours]
