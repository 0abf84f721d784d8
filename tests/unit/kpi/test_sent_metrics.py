"""Which metrics a service sends, by the series in its blocks."""

from dataclasses import replace

import numpy as np

from opsloop.kpi.sent_metrics import SentMetric, sent_metrics
from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.model import REPLICA, Block, Series
from tests.unit.kpi.blocks import HOUR, LogRecord, Span, block


def gauge(name: str, *attributes: tuple[str, str], unit: str = "1") -> Series:
    return Series("shop", name, "gauge", unit=unit, attributes=attributes)


def block_of(hour: int, *points: tuple[Series, int]) -> Block:
    plain = block(hour, [Span(hour)], [LogRecord(hour)])
    made = [from_points([one], np.array([0]), np.array([minute]), np.array([1.0])) for one, minute in points]
    return replace(plain, cells=merge([plain.cells, *made]))


def test_metrics_are_told_by_name_kind_and_unit_with_their_series_counted_once():
    idle, used = ("state", "idle"), ("state", "used")
    blocks = [
        block_of(HOUR, (gauge("pool", idle), HOUR + 1), (gauge("pool", used), HOUR + 2), (gauge("cpu"), HOUR)),
        block_of(HOUR + 60, (gauge("pool", idle), HOUR + 65), (gauge("pool", ("zone", "a"), unit="{c}"), HOUR + 61)),
    ]
    assert sent_metrics(blocks, HOUR, HOUR + 120) == [
        SentMetric("cpu", "gauge", "1", 1, (), HOUR),
        SentMetric("pool", "gauge", "1", 2, ("state",), HOUR + 65),
        SentMetric("pool", "gauge", "{c}", 1, ("zone",), HOUR + 61),
    ]


def test_what_was_not_heard_in_the_range_is_not_sent():
    made = block_of(HOUR, (gauge("early"), HOUR + 9), (gauge("inside"), HOUR + 10), (gauge("late"), HOUR + 20))
    assert [one.name for one in sent_metrics([made], HOUR + 10, HOUR + 20)] == ["inside"]


def test_replicas_of_a_series_are_one_series_and_no_attribute():
    made = block_of(HOUR, (gauge("up", (REPLICA, "a")), HOUR), (gauge("up", (REPLICA, "b")), HOUR + 1))
    assert sent_metrics([made], HOUR, HOUR + 60) == [SentMetric("up", "gauge", "1", 1, (), HOUR + 1)]


def test_what_opsloop_counts_from_spans_and_logs_is_no_metric_that_is_sent():
    assert sent_metrics([block_of(HOUR)], HOUR, HOUR + 60) == []
