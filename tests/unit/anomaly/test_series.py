"""Series out of blocks: each number again from the single spans and points, and what is missing."""

import math
from dataclasses import replace

import numpy as np
import pytest

from opsloop.anomaly.series import Key, measure
from opsloop.log.model import PatternHour
from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.model import Block, Series
from tests.unit.kpi.blocks import HOUR, LogRecord, Span, block

BUCKETS = 12


def measured(blocks, hours=()):
    found = measure("shop", blocks, hours, HOUR, BUCKETS)
    return dict(zip(found.keys, found.values, strict=True)), found


def gauge_block(points, hour=HOUR):
    """Return a block of ``(metric, unit, attributes, minute, value)``."""
    series = [Series("shop", name, "gauge", unit=unit, attributes=tuple(pairs)) for name, unit, pairs, _, _ in points]
    minute = np.array([one[3] for one in points])
    cells = from_points(series, np.arange(len(points)), minute, np.array([one[4] for one in points]))
    return Block("shop", hour, cells, {}, ())


@pytest.fixture(scope="module")
def spans():
    chance = np.random.default_rng(5)
    return [
        Span(
            HOUR + int(chance.integers(0, 55)),
            f"GET /{chance.integers(0, 6)}",
            kind=("server", "consumer", "client")[int(chance.integers(0, 3))],
            ms=float(chance.lognormal(3, 1)),
            is_error=bool(chance.random() < 0.1),
        )
        for _ in range(3_000)
    ]


def test_rate_errors_and_p95_are_those_of_the_single_spans(spans):
    found, _ = measured([block(HOUR, spans)])
    checked = 0
    for key, values in found.items():
        for bucket in range(11):
            begin = HOUR + 5 * bucket
            inside = [
                span
                for span in spans
                if begin <= span.minute < begin + 5 and span.kind != "client" and key.operation in ("", span.operation)
            ]
            if key.measure == "rate":
                assert values[bucket] == len(inside) / 5
            elif key.measure == "error_ratio" and inside:
                assert values[bucket] == sum(span.is_error for span in inside) / len(inside)
            elif key.measure == "p95" and inside:
                rank = math.ceil(0.95 * len(inside)) - 1
                assert values[bucket] == pytest.approx(sorted(span.ms for span in inside)[rank], rel=0.0055)
            checked += 1
    assert checked == (3 * 7 + 1) * 11


def test_a_bucket_in_which_nothing_was_sent_is_missing_and_silent():
    found, _ = measured([block(HOUR, [Span(HOUR + 2)])])
    assert found[Key("shop", "silence")].tolist() == [1.0] + [0.0] * 11
    for name in ("rate", "error_ratio", "p95"):
        assert np.isnan(found[Key("shop", name)][1:]).all()


def test_a_service_that_logs_but_serves_nothing_has_a_rate_of_0_and_no_latency():
    found, _ = measured([block(HOUR, [Span(HOUR)], [LogRecord(HOUR + 7)])])
    assert found[Key("shop", "rate")][:2].tolist() == [0.2, 0.0]
    assert np.isnan(found[Key("shop", "p95")][1])


def test_a_p95_is_of_the_merged_histograms_and_no_mean_of_percentiles():
    spans = [Span(HOUR, ms=10.0)] * 96 + [Span(HOUR + 1, ms=1000.0)] * 4
    found, _ = measured([block(HOUR, spans)])
    assert found[Key("shop", "p95")][0] == pytest.approx(10.0, rel=0.0055)


def test_an_hour_that_comes_in_two_blocks_is_the_hour_in_one(spans):
    first, second = spans[::2], spans[1::2]
    whole, _ = measured([block(HOUR, spans)])
    both = merge([block(HOUR, first).cells, block(HOUR, second).cells])
    parts, _ = measured([replace(block(HOUR, first), cells=both)])
    for key, values in whole.items():
        np.testing.assert_array_equal(parts[key], values)


def test_a_rising_sum_is_an_increase_per_minute():
    series = Series("shop", "orders.placed", "delta_sum", unit="{order}")
    cells = from_points([series], np.zeros(3, dtype=int), HOUR + np.array([0, 4, 9]), np.array([10.0, 15.0, 5.0]))
    found, _ = measured([Block("shop", HOUR, cells, {}, ())])
    values = found[Key("shop", "throughput", "orders.placed")]
    assert values[:2].tolist() == [5.0, 1.0]
    assert np.isnan(values[2:]).all()


def test_a_cumulative_sum_is_differenced_also_across_the_hour():
    series = Series("shop", "jobs.done", "cumulative_sum")
    ns = 60_000_000_000
    minutes = np.array([HOUR - 1, HOUR + 1, HOUR + 6])
    plain = from_points([series], np.zeros(3, dtype=int), minutes, np.array([100.0, 130.0, 180.0]))
    times = np.stack([np.full(3, (HOUR - 500) * ns), minutes * ns], axis=1)
    cells = replace(plain, times=times)
    before = replace(cells, **_rows(cells, slice(0, 1)))
    here = replace(cells, **_rows(cells, slice(1, 3)))
    found, _ = measured([Block("shop", HOUR - 60, before, {}, ()), Block("shop", HOUR, here, {}, ())])
    assert found[Key("shop", "throughput", "jobs.done")][:2].tolist() == [6.0, 10.0]


def _rows(cells, rows):
    names = ("series_index", "minute", "count", "errors", "total", "minimum", "maximum", "scale", "times")
    start = cells.bucket_start
    first, last = rows.start, rows.stop
    columns = {name: getattr(cells, name)[rows] for name in names}
    kept = slice(int(start[first]), int(start[last]))
    return columns | {
        "bucket_start": start[first : last + 1] - start[first],
        "bucket_key": cells.bucket_key[kept],
        "bucket_count": cells.bucket_count[kept],
    }


def test_saturation_is_the_fullest_of_several_and_only_of_what_is_a_share():
    found, _ = measured(
        [
            gauge_block(
                [
                    ("system.cpu.utilization", "1", [("cpu", "0")], HOUR, 0.2),
                    ("system.cpu.utilization", "1", [("cpu", "1")], HOUR + 1, 0.6),
                    ("system.cpu.utilization", "1", [("cpu", "1")], HOUR + 2, 0.8),
                    ("cache.hit.ratio", "1", [], HOUR, 0.9),
                    ("queue.length", "{item}", [], HOUR, 700.0),
                ]
            )
        ]
    )
    assert found[Key("shop", "saturation", "system.cpu.utilization")][0] == pytest.approx(0.7)
    assert found[Key("shop", "saturation", "cache.hit.ratio")][0] == pytest.approx(0.9)
    assert Key("shop", "saturation", "queue.length") not in found


def test_a_pool_is_as_full_as_the_used_among_its_connections():
    name, state, pool = "db.client.connection.count", "db.client.connection.state", "db.client.connection.pool.name"
    points = [
        (name, "{connection}", [(pool, "a"), (state, "idle")], HOUR, 15.0),
        (name, "{connection}", [(pool, "a"), (state, "used")], HOUR, 5.0),
        (name, "{connection}", [(pool, "b"), (state, "idle")], HOUR, 1.0),
        (name, "{connection}", [(pool, "b"), (state, "used")], HOUR, 9.0),
    ]
    found, _ = measured([gauge_block(points)])
    assert found[Key("shop", "saturation", name)][0] == pytest.approx(0.9)


def test_a_pool_whose_states_are_not_told_apart_is_not_judged():
    found, _ = measured([gauge_block([("db.client.connection.count", "{connection}", [], HOUR, 10.0)])])
    assert not any(key.measure == "saturation" for key in found)


def test_patterns_are_lines_per_minute_of_a_service_that_is_alive():
    counts = tuple(1 if minute < 10 else 0 for minute in range(60))
    hour = PatternHour("shop", HOUR, {"p1": counts}, {"p1": "it is <*>"}, {"p1": "error"})
    found, all_of_it = measured([block(HOUR, (), [LogRecord(HOUR), LogRecord(HOUR + 12)])], [hour])
    values = found[Key("shop", "pattern", "p1")]
    assert values[0] == 1.0
    assert np.isnan(values[1])  # no block says that the service was alive
    assert values[2] == 0.0
    weights = dict(zip(all_of_it.keys, all_of_it.weights, strict=True))
    assert weights[Key("shop", "pattern", "p1")][0] == 5
