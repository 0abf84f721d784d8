"""Folding: the same segments in any portions, repeated or not, give the same blocks."""

import random

import numpy as np
import pytest

from opsloop.telemetry.aggregate import from_points, merge
from opsloop.telemetry.encoding import encode
from opsloop.telemetry.fold import Folding, portions, split_by_hour
from opsloop.telemetry.model import LOG_START, SeenService, Series, Source
from opsloop.telemetry.segment import Committed, Share

LIMIT = 1000


def committed(number, points):
    """Return log item ``number`` with points (service, minute, value); positions are one apart."""
    series = [Series(service, "m", "server") for service, _, _ in points]
    minutes, values = (np.array([point[i] for point in points]) for i in (1, 2))
    cells = from_points(series, np.arange(len(points)), minutes, values.astype(np.float64))
    keys = sorted({(service, minute - minute % 60) for service, minute, _ in points})
    shares = tuple(
        Share(service, hour, 1, sum((s, m - m % 60) == (service, hour) for s, m, _ in points)) for service, hour in keys
    )
    return Committed("log#a", f"{number:064}", f"{number + 1:064}", cells, shares, 60.0 * number)


@pytest.fixture
def segments():
    chance = random.Random(2)
    return [
        committed(n, [(chance.choice("ab"), chance.randint(0, 179), chance.randint(1, 10**9)) for _ in range(6)])
        for n in range(12)
    ]


def folded(blocks, folding):
    for key in folding.touched():
        block = folding.fold_into(blocks.get(key), key, LIMIT)
        if block is not None:
            blocks[key] = block
    return blocks


def test_blocks_hold_each_hours_cells_of_all_segments(segments):
    blocks = folded({}, Folding("log#a", segments))
    whole = merge(one.cells for one in segments)
    assert encode(merge(block.cells for block in blocks.values())) == encode(whole)
    for (service, hour), block in blocks.items():
        assert {one.service for one in block.cells.series} == {service}
        assert set((block.cells.minute // 60 * 60).tolist()) == {hour}


def test_portions_and_repetitions_change_nothing(segments):
    once = folded({}, Folding("log#a", segments))
    blocks = {}
    for first, last in ((0, 3), (0, 5), (2, 5), (5, 6), (4, 12), (0, 12), (11, 12)):
        folded(blocks, Folding("log#a", segments[first:last]))
    assert {key: encode(block.cells) for key, block in blocks.items()} == {
        key: encode(block.cells) for key, block in once.items()
    }
    assert {key: block.sources for key, block in blocks.items()} == {key: block.sources for key, block in once.items()}


def test_a_block_that_has_the_segments_already_is_left_alone(segments):
    blocks = folded({}, Folding("log#a", segments))
    again = Folding("log#a", segments)
    assert [again.fold_into(blocks[key], key, LIMIT) for key in again.touched()] == [None] * len(blocks)


def test_sources_say_which_part_of_which_log_a_block_was_made_of(segments):
    (key, *_) = Folding("log#a", segments).touched()
    block = Folding("log#a", segments).fold_into(None, key, LIMIT)
    touching = [(one, share) for one in segments for share in one.shares if (share.service, share.hour) == key]
    items = int(
        sum(one.cells.count[(one.cells.minute // 60 * 60 == key[1]) & own(one, key[0])].sum() for one in segments)
    )
    assert block.sources == (
        Source("log#a", touching[0][0].start, touching[-1][0].end, len(touching), len(touching), items),
    )
    other = Folding("log#b", segments).fold_into(block, key, LIMIT)
    assert [source.log for source in other.sources] == ["log#a", "log#b"]
    assert other.cells.count.sum() == 2 * block.cells.count.sum()


def own(segment, service):
    return np.array([one.service == service for one in segment.cells.series])[segment.cells.series_index]


def test_an_hour_is_late_two_minutes_after_its_end(segments):
    folding = Folding("log#a", [committed(0, [("a", 30, 1), ("a", 61, 1), ("b", 0, 1)])])
    assert folding.late_data(3600 + 119.9) == []
    late = folding.late_data(3600 + 120)
    assert [(fact.service, fact.hours) for fact in late] == [
        ("a", ["1970-01-01T00:00:00Z"]),
        ("b", ["1970-01-01T00:00:00Z"]),
    ]
    assert folding.late_data(7200 + 120)[0].hours == ["1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"]


def test_services_are_seen_from_their_first_to_their_last_minute():
    folding = Folding("log#a", [committed(0, [("a", 30, 1), ("b", 5, 1)]), committed(1, [("a", 7, 1), ("a", 130, 1)])])
    assert folding.seen_services() == [SeenService("a", 7, 130), SeenService("b", 5, 5)]


def test_the_series_limit_holds_for_a_block_and_those_in_it_stay():
    def crowd(number, operations):
        series = [Series("a", "span.duration", "server", operation) for operation in operations]
        n = len(series)
        cells = from_points(series, np.arange(n), np.zeros(n, np.int64), np.full(n, 5.0))
        return Committed("log#a", f"{number:064}", f"{number + 1:064}", cells, (Share("a", 0, 1, n),), 0.0)

    block = Folding("log#a", [crowd(0, ["x", "y"])]).fold_into(None, ("a", 0), 3)
    block = Folding("log#a", [crowd(1, [f"op{i}" for i in range(9)])]).fold_into(block, ("a", 0), 3)
    names = [one.operation for one in block.cells.series]
    assert {"x", "y", "otel.metric.overflow"} <= set(names)
    assert len(names) == 4
    assert block.cells.count.sum() == 11


def test_nothing_has_no_hours():
    assert split_by_hour(merge([])) == {}
    assert committed(0, [("a", 1, 1)]).end > LOG_START


@pytest.mark.parametrize(("most_cells", "sizes"), [(1, [1] * 12), (18, [3] * 4), (1000, [12])])
def test_portions_keep_the_order_and_the_room(segments, most_cells, sizes):
    found = list(portions(segments, most_cells))
    assert [one for portion in found for one in portion] == segments
    assert [len(portion) for portion in found] == sizes
    assert all(sum(len(one.cells) for one in portion) <= most_cells or len(portion) == 1 for portion in found)


def test_nothing_has_no_portions():
    assert list(portions([])) == []
