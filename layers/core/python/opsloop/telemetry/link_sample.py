"""The spans of a batch -> the sample of them that goes with its segment."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.telemetry.columns import LEN, Bits, Buffer, Ints
from opsloop.telemetry.links import HASH_BITS, Links, Name, Peer, steps_of
from opsloop.telemetry.peer import read_peer
from opsloop.telemetry.span_exemplars import Spans
from opsloop.telemetry.values import Values
from opsloop.telemetry.wire import WireError, scan

MOST_SPANS = 128
"""Of one batch. Ten minutes of a shard keep 4096 at most, so a busy one has enough, and ids do not compress."""

_TRACE_ID, _SPAN_ID, _PARENT_ID = 1, 2, 4
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_TRACE_ID_FIRST, _SPAN_ID_NEXT = np.uint64(0x100A), np.uint64(0x0812)  # tag and length, as exporters write them
_LOW, _HIGH, _NEXT = np.uint64(0xFFFF), np.uint64(48), np.uint64(16)
_SPAN_ID_AT, _AFTER_IDS = 20, 28  # in a span whose trace id and span id come first
_SPREAD, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_TRACE_STATE_TAG, _PARENT_TAG, _NAME_TAG = 0x1A, 0x22, 0x2A
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


def sample(values: Values, minute: Ints, places: Sequence[Spans], most: int = MOST_SPANS) -> Links | None:
    """Return the sample of lowest level that has ``most`` spans or fewer; ``None`` if there are no spans at all.

    ``places`` has the spans in the order of ``values``, in parts. A span without a trace id of 16 bytes and a span id
    of 8 links nothing.
    """
    if values.value is None or not len(values):
        return None
    hashes = [_trace_hashes(part) for part in places]
    level = _level([(hashed, is_known) for hashed, _, is_known in hashes], most)
    chosen, first = [], 0
    for number, (part, (hashed, is_usual, is_known)) in enumerate(zip(places, hashes, strict=True)):
        rows = np.flatnonzero(is_known & (hashed < np.uint64(1 << (64 - level))) if level else is_known)
        begin, end, traces = part.begin.take(rows), part.end.take(rows), hashed.take(rows)
        ids = _ids(part.buffer, begin, end, traces, is_usual.take(rows))
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


def _trace_hashes(part: Spans) -> tuple[Bits, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the hash of each span's trace id, whether the ids lie where exporters put them, and whether it has both.

    Of an id the last ten bytes count: the random ones, whether they are 64 bits with zeros before them or a time.
    """
    words = part.buffer.words(part.begin, 3)
    is_usual = (words[:, 0] & _LOW) == _TRACE_ID_FIRST
    is_usual &= ((words[:, 2] >> _NEXT) & _LOW) == _SPAN_ID_NEXT
    is_usual &= part.end - part.begin >= _AFTER_IDS
    middle, last = words[:, 1], words[:, 2] << _HIGH
    is_known = is_usual
    if not is_usual.all():
        is_known = is_usual.copy()
        rows = np.flatnonzero(~is_usual)
        fields, _ = part.buffer.scan(part.begin[rows], part.end[rows], (_TRACE_ID, _SPAN_ID))
        at, after = fields.ranges(_TRACE_ID, len(rows))
        begin, end = fields.ranges(_SPAN_ID, len(rows))
        is_known[rows] = (after - at == _TRACE_ID_BYTES) & (end - begin == _SPAN_ID_BYTES)
        middle, last = middle.copy(), last.copy()
        middle[rows], last[rows] = part.buffer.words(at + 6), part.buffer.words(at + 14) << _HIGH
    last ^= middle
    return last * _SPREAD, is_usual, is_known & (last != 0)


def _level(hashes: Sequence[tuple[Bits, NDArray[np.bool_]]], most: int) -> int:
    """Return the lowest level of which ``most`` spans or fewer are."""
    known = sum(int(np.count_nonzero(is_known)) for _, is_known in hashes)
    level = max((known // (most + 1)).bit_length() - 2, 0)  # below that it takes luck
    while level < HASH_BITS:
        if level:
            end = np.uint64(1 << (64 - level))
            known = sum(int(np.count_nonzero((hashed < end) & is_known)) for hashed, is_known in hashes)
        if known <= most:
            break
        level += 1
    return level


def _in_order(parts: Sequence[_Chosen]) -> _Chosen:
    """Return all parts as one, so that the same spans give the same bytes however they lie."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[_Chosen._fields.index("span")], kind="stable")
    return _Chosen._make(column.take(order) for column in columns)


def _names(values: Values, rows: Ints) -> tuple[tuple[Name, ...], Ints]:
    """Return service, kind and operation of the spans ``rows``, and the number of each one's."""
    used, place = np.unique(values.series_index.take(rows), return_inverse=True)
    numbers: dict[Name, int] = {}
    of_series = [
        numbers.setdefault((one.service, one.kind, one.operation), len(numbers))
        for one in (values.series[number] for number in used.tolist())
    ]
    return tuple(numbers), np.array(of_series, dtype=np.int64)[place.reshape(-1)]


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
    """Return the hashes of span and parent of each; 0 where there is no parent."""
    span, parent = buffer.words(begin + _SPAN_ID_AT), np.zeros(len(begin), dtype=np.uint64)
    at = begin + _AFTER_IDS
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
    hashed = _hash(traces, parent)
    hashed[parent == 0] = 0
    return _hash(traces, span), hashed


def _hash(traces: Bits, ids: Bits) -> Bits:
    """Return 48 bits that stand for a span of a trace; never 0."""
    hashed = ((traces ^ ids) * _MIX) >> _NEXT
    hashed[hashed == 0] = 1
    return hashed


def _scanned(data: bytes, begin: int, end: int) -> tuple[int, int]:
    """Return span id and parent id, 0 for none, of a span that is not written in the usual way."""
    found = {_SPAN_ID: b"", _PARENT_ID: b""}
    try:
        for number, wire, _, at, stop in scan(data, begin, end):
            if wire == LEN and number in found:
                found[number] = data[at:stop]
    except WireError:
        return 0, 0
    parent = found[_PARENT_ID]
    return (
        int.from_bytes(found[_SPAN_ID], "little"),
        int.from_bytes(parent, "little") if len(parent) == _SPAN_ID_BYTES else 0,
    )
