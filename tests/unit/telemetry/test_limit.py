"""The series limit: totals stay, the largest series stay, and metrics without end become one."""

import numpy as np

from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.limit import limit_series
from opsloop.telemetry.model import Series

OVER = (("otel.metric.overflow", "true"),)


def cells(series, counts):
    n = len(series)
    return from_points(series, np.arange(n), np.zeros(n, np.int64), np.full(n, 2.0), weight=np.array(counts))


def test_the_largest_series_stay_and_the_rest_is_counted_together():
    series = [Series("a", "span.duration", "server", f"op{i}") for i in range(6)]
    found = limit_series(cells(series, [1, 60, 2, 50, 3, 4]), lambda _: 2)
    assert {one.operation: int(n) for one, n in zip(found.series, found.count, strict=True)} == {
        "op1": 60,
        "op3": 50,
        "otel.metric.overflow": 10,
    }


def test_series_that_were_there_before_stay_before_larger_ones():
    series = [Series("a", "span.duration", "server", f"op{i}") for i in range(3)]
    found = limit_series(cells(series, [1, 60, 50]), lambda _: 1, keep={series[0]})
    assert [one.operation for one in found.series] == ["op0", "otel.metric.overflow"]


def test_only_the_service_over_its_limit_overflows():
    series = [Series(service, "span.duration", "server", f"op{i}") for service in "ab" for i in range(3)]
    found = limit_series(cells(series, [1] * 6), lambda service: 3 if service == "a" else 1)
    assert [one.service for one in found.series if one.attributes == OVER] == ["b"]
    assert len([one for one in found.series if one.service == "a"]) == 3


def test_metrics_beyond_the_limit_become_one_series_without_buckets_that_could_not_merge():
    series = [Series("a", f"metric{i:03}", "histogram", bounds=(float(i),)) for i in range(40)]
    found = limit_series(cells(series, range(1, 41)), lambda _: 5)
    assert len(found.series) <= 6
    assert found.count.sum() == 820
    (over,) = [one for one in found.series if one.attributes == OVER]
    assert over.metric == "otel.metric.overflow"
    place = found.series.index(over)
    assert found.bucket_start[place] == found.bucket_start[place + 1]


def test_limiting_again_changes_nothing():
    series = [Series("a", "span.duration", "server", f"op{i}") for i in range(6)]
    once = limit_series(cells(series, range(1, 7)), lambda _: 3)
    twice = limit_series(once, lambda _: 3, keep=set(once.series))
    assert (twice.series, twice.count.tolist()) == (once.series, once.count.tolist())


def test_metrics_without_end_stay_bounded_over_many_merges():
    block = cells([Series("a", "first", "gauge")], [1])
    for round_ in range(5):
        series = [Series("a", f"metric{round_}_{i:02}", "gauge") for i in range(30)]
        part = limit_series(cells(series, [1] * 30), lambda _: 10)
        block = limit_series(merge([block, part]), lambda _: 10, keep=set(block.series))
    assert block.count.sum() == 151
    assert len(block.series) <= 21
    assert block.series[0].metric == "first"
