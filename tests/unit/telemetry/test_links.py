"""The sample of spans in a segment: which spans, what of them, in bytes; and that folding counts none twice."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.errors import InvalidInputError
from opsloop.telemetry import link_window
from opsloop.telemetry.graph import call_graph
from opsloop.telemetry.links import joined, milliseconds, none, pack, select, steps_of, thin, unpack
from tests.unit.telemetry.call_traces import ARRIVAL_S, CLIENT, MINUTE, SERVER, checkout, requests, span
from tests.unit.telemetry.test_graph import committed, folded, segment

TRACE = bytes(range(1, 17))
A, B, C = (bytes([7] * 7 + [number]) for number in range(3))


def sampled(spans, **options):
    return unpack(segment(requests(spans, **options), 0).links)


def rows(links):
    """Return the spans of a sample in any order: everything that is known of each."""
    return Counter(
        (
            int(links.span[i]),
            int(links.parent[i]),
            int(links.zeros[i]),
            int(links.level[i]),
            links.names[links.name[i]],
            links.peers[links.peer[i]] if links.peer[i] >= 0 else None,
            int(links.minute[i]),
            int(links.step[i]),
            bool(links.is_error[i]),
        )
        for i in range(len(links))
    )


def traces(number, seed=1):
    chance = random.Random(seed)
    return [one for minute in range(number) for one in checkout(chance, minute=-(minute % 30))]


def test_a_small_batch_is_kept_whole_with_parents_peers_and_times():
    links = sampled(
        [
            span("web", "GET /", SERVER, TRACE, A, ms=12.0, minute=-3),
            span("web", "get", CLIENT, TRACE, B, A, ms=5.0, is_error=True, attributes=[("peer.service", "orders")]),
        ]
    )
    assert (links.highest, set(links.names)) == (0, {("web", "server", "GET /"), ("web", "client", "get")})
    client = [kind for _, kind, _ in np.array(links.names)[links.name].tolist()].index("client")
    assert links.parent[client] == links.span[1 - client]
    assert links.parent[1 - client] == 0
    assert (links.peers[links.peer[client]], links.peer[1 - client]) == (("external", "orders"), -1)
    assert (links.minute - MINUTE).tolist() == ([0, -3] if client == 0 else [-3, 0])
    assert milliseconds(links.step)[client] == pytest.approx(5.0, rel=0.0055)
    assert links.is_error.tolist() == [number == client for number in range(2)]


def test_whole_traces_are_kept_and_whatever_batch_a_span_came_by():
    spans = traces(200)
    whole = sampled(spans)
    assert 16 < len(whole) <= 64
    assert whole.highest > 0
    halves = [unpack(segment(requests(spans[number::2]), number).links) for number in range(2)]
    level = max(whole.highest, *(one.highest for one in halves))
    assert rows(thin(joined(halves), level)) == rows(thin(whole, level))
    kept = {(int(span), int(parent)) for span, parent in zip(whole.span, whole.parent, strict=True)}
    assert {parent for _, parent in kept if parent} <= {span for span, _ in kept}


def test_each_level_keeps_half_of_the_traces_of_the_one_below():
    """Of 2,000 traces a level L keeps a binomial number with p = 2^-L: within five standard deviations."""
    spans = [
        span("web", "GET /", SERVER, random.Random(number).randbytes(16), A) for number in range(2_000)
    ]  # fmt: skip
    links = joined(
        [unpack(segment(requests(spans[first : first + 100]), first).links) for first in range(0, 2_000, 100)]
    )
    assert (links.highest, len(links)) == (0, 2_000)
    for level in range(1, 6):
        share = 2.0**-level
        kept = len(thin(links, level))
        assert abs(kept - 2_000 * share) < 5 * np.sqrt(2_000 * share * (1 - share))


@pytest.mark.parametrize("low", ["number", "time first", "short"])
def test_ids_that_are_less_than_random_are_spread_as_well(low):
    make = {
        "number": lambda number: bytes(8) + (number + 1).to_bytes(8, "big"),
        "time first": lambda number: (1_763_712_000).to_bytes(4, "big") + random.Random(number).randbytes(12),
        "short": lambda number: bytes(8) + random.Random(number).randbytes(8),
    }[low]
    links = sampled([span("web", "GET /", SERVER, make(number), A) for number in range(1_000)], size=1_000)
    assert links.highest == pytest.approx(4, abs=1)  # 1,000 / 2^4 = 62
    assert 20 <= len(links) <= 64


def test_ids_are_read_wherever_they_stand_in_a_span():
    usual = span("web", "GET /", SERVER, TRACE, A, B)[1]
    stated = span("web", "GET /", SERVER, TRACE, A, B, trace_state="ot=th:8")[1]
    long = span("web", "GET /", SERVER, TRACE, A, B, trace_state="vendor=" + "x" * 300)[1]
    fields = dict(_fields(usual.SerializeToString()))
    backwards = b"".join(fields[number] for number in sorted(fields, reverse=True))
    bodies = [one.SerializeToString() for one in (usual, stated, long)] + [backwards]
    found = [one[:2] for body in bodies for one in rows(unpack(segment([_request(body)], 0).links))]
    assert found == [found[0]] * len(bodies)
    assert found[0][1] != 0


@pytest.mark.parametrize("empty", [b"\x22\x00", b"\x22\x08" + bytes(8), b""])
def test_a_root_has_no_parent_however_its_sender_says_so(empty):
    root = span("web", "GET /", SERVER, TRACE, A)[1].SerializeToString()
    links = unpack(segment([_request(root[:28] + empty + root[28:])], 0).links)
    assert links.parent.tolist() == [0]


@pytest.mark.parametrize(("trace", "span_id"), [(bytes(16), A), (b"", A), (b"short", A), (TRACE, b""), (TRACE, b"123")])
def test_spans_without_ids_link_nothing_and_count_all_the_same(trace, span_id):
    found = segment(requests([span("web", "GET /", SERVER, trace, span_id)]), 0)
    assert len(unpack(found.links)) == 0
    assert found.items == 1


def test_a_batch_without_spans_has_no_links():
    body = requests([span("web", "GET /", SERVER, TRACE, A)])[0]
    assert segment([body, b"\x0a\x00"], 0).links
    assert segment([b"\x0a\x00"], 0).links == b""


def test_spans_of_refused_requests_are_in_no_sample():
    good = requests([span("web", "GET /", SERVER, TRACE, A)])[0]
    cut = requests([span("web", "GET /", SERVER, TRACE, B)])[0][:-3]
    found = segment([good, cut], 0)
    assert len(found.unreadable) == 1
    assert len(unpack(found.links)) == found.items == 1


def test_bytes_give_back_what_was_packed_and_equal_samples_give_equal_bytes():
    spans = traces(10)
    links = sampled(spans)
    assert rows(unpack(pack(links))) == rows(links)
    assert pack(unpack(pack(links))) == pack(links)
    assert segment(requests(spans), 0).links == segment(requests(spans, size=3), 0).links
    assert rows(unpack(pack(none(5)))) == Counter()
    assert unpack(pack(none(5))).highest == 5


@pytest.mark.parametrize("change", [b"", b"OLL2", None, 20, -1])
def test_other_bytes_are_refused(change):
    packed = pack(sampled(traces(3)))
    broken = {None: packed + b"x", 20: packed[:20], -1: packed[:-1]}.get(change, change)
    with pytest.raises(InvalidInputError, match="links"):
        unpack(broken)


def test_what_would_not_fit_into_an_item_is_thinned():
    chances = [random.Random(number) for number in range(6_000)]
    long = [span("web", one.randbytes(90).hex(), SERVER, one.randbytes(16), A) for one in chances]
    links = joined(
        [unpack(segment(requests(long[first : first + 100]), first).links) for first in range(0, 6_000, 100)]
    )
    packed = pack(links)
    assert len(packed) <= 300_000
    kept = unpack(packed)
    assert kept.highest > 0
    assert rows(kept) == rows(thin(links, kept.highest))


@given(st.lists(st.floats(1, 1e15), min_size=1, max_size=20))
def test_a_duration_is_kept_to_0_55_percent(durations):
    values = np.array(durations)
    np.testing.assert_allclose(milliseconds(steps_of(values)) * 1e6, values, rtol=0.0055)


LOG = "log#a"
SPANS = traces(120, seed=8)
SEGMENTS = [committed(requests(SPANS[first : first + 50]), number) for number, first in enumerate(range(0, 1_200, 50))]


def whole(windows):
    return {start: (window.folded_to, rows(window.links)) for start, window in windows.items()}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 23), st.integers(1, 24)), max_size=12))
def test_portions_repetitions_and_folds_at_once_change_nothing(cuts):
    """A fold goes on from the watermark or from before it, with more segments or fewer: the windows are the same."""
    once = folded(LOG, SEGMENTS)
    windows, reached = {}, 0
    for first, size in cuts:
        first = min(first, reached)  # a fold never begins behind the watermark
        folded(LOG, SEGMENTS[first : first + size], windows)
        reached = max(reached, min(first + size, len(SEGMENTS)))
    folded(LOG, SEGMENTS[reached:] or SEGMENTS[-1:], windows)
    folded(LOG, SEGMENTS, windows)
    assert whole(windows) == whole(once)


def test_without_the_position_in_the_window_a_segment_folded_twice_counts_twice():
    """The negative control: what the position is for."""
    windows = folded(LOG, SEGMENTS[:6])
    calls = call_graph([(start, one.links) for start, one in windows.items()], MINUTE - 29, MINUTE)
    again = {start: replace(window, folded_to="") for start, window in windows.items()}
    folded(LOG, SEGMENTS[:6], again)
    assert sum(len(one.links) for one in again.values()) == 2 * sum(len(one.links) for one in windows.values())
    twice = call_graph([(start, one.links) for start, one in again.items()], MINUTE - 29, MINUTE)
    assert twice == calls  # and even then a span is one by its id


def test_a_window_keeps_a_bounded_sample_that_does_not_depend_on_the_portions(monkeypatch):
    monkeypatch.setattr(link_window, "MOST_SPANS", 100)
    once, windows = folded(LOG, SEGMENTS), {}
    for one in SEGMENTS:
        folded(LOG, [one], windows)
    assert {start: (one.floor, rows(one.links)) for start, one in windows.items()} == {
        start: (one.floor, rows(one.links)) for start, one in once.items()
    }
    assert {start: 20 < len(one.links) <= 100 and one.links.highest > 0 for start, one in windows.items()} == {
        MINUTE - 30: True,
        MINUTE - 20: True,
        MINUTE - 10: True,
        MINUTE: False,
    }


def test_a_level_is_noted_in_the_window_of_the_arrival_even_if_nothing_is_left():
    empty = replace(SEGMENTS[0], links=pack(none(4)))
    (window,) = folded(LOG, [empty]).values()
    assert (window.start, window.links.highest, len(window.links)) == (int(ARRIVAL_S) // 600 * 10, 4, 0)


def test_thinning_is_selecting_and_has_no_order():
    links = sampled(traces(12))
    assert rows(thin(thin(links, 2), 1)) == rows(thin(thin(links, 1), 2)) == rows(thin(links, 2))
    assert rows(select(links, links.zeros >= 2)) == Counter((*one[:3], 0, *one[4:]) for one in rows(thin(links, 2)))


def _request(body: bytes) -> bytes:
    message = ExportTraceServiceRequest()
    message.resource_spans.add().resource.attributes.add(key="service.name").value.string_value = "web"
    resource = message.SerializeToString()[2:]
    return _field(1, resource + _field(2, _field(2, body)))


def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def _fields(data: bytes):
    at = 0
    while at < len(data):
        tag, first = data[at], at
        at += {0: 2, 1: 9, 5: 5}.get(tag & 7, 2 + data[at + 1])
        if tag & 0x80:
            at += 1  # flags: a tag of two bytes, four of value
            at = first + 6
        yield tag >> 3 if tag < 0x80 else 16, data[first:at]
