"""The spans of a batch -> the sample of them that goes with its segment."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.telemetry.columns import LEN, Bits, Buffer, Ints
from opsloop.telemetry.links import HASH_BITS, Links, Name, Peer, steps_of
from opsloop.telemetry.peer import read_peer
from opsloop.telemetry.trace_hash import AFTER_IDS, Spans
from opsloop.telemetry.values import Values
from opsloop.telemetry.wire import WireError, scan

SMALL_BATCH, MOST_SPANS = 128, 64
"""Spans of a batch that is kept whole, and the most that are kept of a larger one: each costs 5 us and 20 bytes.

Ten minutes of a shard keep 4096, so a busy one has enough of them.
"""

_SPAN_ID, _PARENT_ID = 2, 4
_SPAN_ID_BYTES = 8
_SPAN_ID_AT = 20  # in a span whose trace id and span id come first
_MIX, _NEXT = np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(16)
_SPAN_ID_TAG, _TRACE_STATE_TAG, _PARENT_TAG, _NAME_TAG = 0x12, 0x1A, 0x22, 0x2A
_CALLERS = frozenset({"client", "producer"})


class _Chosen(NamedTuple):
    """The spans that were chosen of one part: which rows of the batch they are, and what tells them from others."""

    rows: Ints
    begin: Ints
    end: Ints
    hashed: Bits
    span: Bits
    parent: Bits
    part: Ints


def sample(values: Values, minute: Ints, places: Sequence[Spans]) -> Links | None:
    """Return all spans of a small batch, of others the sample of lowest level that has few enough; None of none.

    ``places`` has the spans in the order of ``values``, in parts. A span without a trace id of 16 bytes and a span id
    of 8 links nothing.
    """
    if values.value is None or not len(values):
        return None
    level = _level(places)
    chosen, first = [], 0
    for number, part in enumerate(places):
        rows = np.flatnonzero(_is_in(part, level))
        begin, end, traces = part.begin.take(rows), part.end.take(rows), part.hashed.take(rows)
        ids = _ids(part.buffer, begin, end, traces, part.is_usual.take(rows))
        chosen.append(_Chosen(rows + first, begin, end, traces, *ids, np.full(len(rows), number)))
        first += len(part.begin)
    whole = _in_order(chosen)
    names, name = _names(values, whole.rows)
    peers, peer = _peers([part.buffer.data for part in places], whole, names, name)
    exponent = np.frexp((whole.hashed >> np.uint64(64 - HASH_BITS)).astype(np.float64))[1]
    return Links(
        highest=level,
        names=names,
        peers=peers,
        span=whole.span,
        parent=whole.parent,
        zeros=(HASH_BITS - exponent).astype(np.int64),
        level=np.full(len(whole.rows), level),
        name=name,
        peer=peer,
        minute=minute.take(whole.rows),
        step=steps_of(values.value.take(whole.rows)),
        is_error=values.is_error.take(whole.rows),
    )


def _level(places: Sequence[Spans]) -> int:
    """Return the lowest level of which few enough spans are."""
    known = sum(int(np.count_nonzero(part.is_known)) for part in places)
    if known <= SMALL_BATCH:
        return 0
    level = max((known // (MOST_SPANS + 1)).bit_length() - 2, 1)  # below that it takes luck
    while level < HASH_BITS and sum(int(np.count_nonzero(_is_in(part, level))) for part in places) > MOST_SPANS:
        level += 1
    return level


def _is_in(part: Spans, level: int) -> NDArray[np.bool_]:
    """Return which spans are in the sample of that level."""
    return part.is_known & (part.hashed < np.uint64(1 << (64 - level))) if level else part.is_known


def _in_order(parts: Sequence[_Chosen]) -> _Chosen:
    """Return all parts as one, so that the same spans give the same bytes however they lie; none without an id."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    span = columns[_Chosen._fields.index("span")]
    order = np.argsort(span, kind="stable")
    order = order[np.count_nonzero(span == 0) :]
    return _Chosen._make(column.take(order) for column in columns)


def _names(values: Values, rows: Ints) -> tuple[tuple[Name, ...], Ints]:
    """Return service, kind and operation of the spans ``rows``, and the number of each one's."""
    index = values.series_index.take(rows).tolist()
    numbers: dict[Name, int] = {}
    of_series: dict[int, int] = {}
    for number in sorted(set(index)):
        one = values.series[number]
        of_series[number] = numbers.setdefault((one.service, one.kind, one.operation), len(numbers))
    return tuple(numbers), np.array([of_series[number] for number in index], dtype=np.int64)


def _peers(
    buffers: Sequence[bytes], chosen: _Chosen, names: Sequence[Name], name: Ints
) -> tuple[tuple[Peer, ...], Ints]:
    """Return what the callers among the spans say they call, and the number of each one's."""
    is_caller = np.array([kind in _CALLERS for _, kind, _ in names], dtype=bool)[name]
    numbers: dict[Peer, int] = {}
    peer = np.full(len(name), -1, dtype=np.int64)
    places = np.flatnonzero(is_caller)
    columns = (column[places].tolist() for column in (chosen.part, chosen.begin, chosen.end))
    for place, part, begin, end in zip(places.tolist(), *columns, strict=True):
        found = read_peer(buffers[part], begin, end)
        if found is not None:
            peer[place] = numbers.setdefault(found, len(numbers))
    return tuple(numbers), peer


def _ids(buffer: Buffer, begin: Ints, end: Ints, traces: Bits, is_usual: NDArray[np.bool_]) -> tuple[Bits, Bits]:
    """Return the hashes of span and parent of each; 0 where there is none."""
    span, parent = buffer.words(begin + _SPAN_ID_AT), np.zeros(len(begin), dtype=np.uint64)
    before, at = begin + _SPAN_ID_AT - 2, begin + AFTER_IDS
    is_usual = (
        is_usual & (buffer.bytes.take(before) == _SPAN_ID_TAG) & (buffer.bytes.take(before + 1) == _SPAN_ID_BYTES)
    )
    tag, size = buffer.bytes.take(at), buffer.bytes.take(at + 1).astype(np.int64)
    has_state = (tag == _TRACE_STATE_TAG) & (size < 0x80)
    if has_state.any():
        at = np.where(has_state, at + 2 + size, at)
        tag, size = buffer.bytes.take(at), buffer.bytes.take(at + 1).astype(np.int64)
    has_parent = is_usual & (tag == _PARENT_TAG) & (size == _SPAN_ID_BYTES) & (at + 10 <= end)
    parent[has_parent] = buffer.words(at[has_parent] + 2)
    is_told = (at >= end) | (tag == _NAME_TAG) | ((tag == _PARENT_TAG) & (size == 0))
    is_told &= is_usual
    is_told |= has_parent
    for row in np.flatnonzero(~is_told).tolist():
        span[row], parent[row] = _scanned(buffer.data, int(begin[row]), int(end[row]))
    return _hash(traces, span), _hash(traces, parent)


def _hash(traces: Bits, ids: Bits) -> Bits:
    """Return 48 bits that stand for a span of a trace, 0 for an id of zeros, which is none."""
    hashed = ((traces ^ ids) * _MIX) >> _NEXT
    hashed[hashed == 0] = 1
    hashed[ids == 0] = 0
    return hashed


def _scanned(data: bytes, begin: int, end: int) -> tuple[int, int]:
    """Return span id and parent id, 0 for none, of a span that is not written in the usual way."""
    found = {_SPAN_ID: bytes(8), _PARENT_ID: bytes(8)}
    try:
        for number, wire, _, at, stop in scan(data, begin, end):
            if wire == LEN and number in found:
                found[number] = data[at:stop]
    except WireError:
        return 0, 0
    span, parent = (int.from_bytes(one, "little") if len(one) == _SPAN_ID_BYTES else 0 for one in found.values())
    return span, parent
