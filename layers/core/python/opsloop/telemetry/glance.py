"""The signal of a request as exporters write it, at a glance; ``detect`` looks at the others in full.

Exporters write fields by number, and lengths of up to 64 KB in three bytes: then the first item's first fields follow
from a few steps. Any other bytes get no answer, never a wrong one.
"""

from opsloop.telemetry.otlp_schema import Signal

_LEN = 2
_RESOURCE, _SCOPE, _INNER = 0x0A, 0x0A, 0x12
_TELLING: dict[int, Signal] = {
    0x30: "traces",  # kind
    0x39: "traces",  # start
    0x41: "traces",  # end
    0x50: "traces",  # dropped attributes
    0x09: "logs",  # time
    0x10: "logs",  # severity number
    0x38: "logs",  # dropped attributes
    0x45: "logs",  # flags
    0x59: "logs",  # observed time
}
_POINTS = (0x2A, 0x3A, 0x4A, 0x5A)  # gauge, sum, histogram, summary: their points have no field 1, OTLP 0.7's had
_EXPONENTIAL = 0x52
_NAME, _DESCRIPTION, _UNIT = 0x0A, 0x12, 0x1A
_TRACE_ID_BYTES = 16


def glance(request: bytes) -> Signal | None:
    """Return the signal of a protobuf export request, None if its first item is not written in the usual way."""
    try:
        if request[0] != _RESOURCE:
            return None
        at, _ = _length(request, 1)
        for skipped, entered in ((_RESOURCE, _INNER), (_SCOPE, _INNER)):
            while request[at] == skipped:
                at = sum(_length(request, at + 1))
            if request[at] != entered:
                return None
            at, size = _length(request, at + 1)
        return _of_item(request, at, at + size)
    except IndexError:  # bytes end early
        return None


def _of_item(data: bytes, at: int, end: int) -> Signal | None:
    first, order = at, 0
    while at < end <= len(data):
        tag = data[at]
        if signal := _TELLING.get(tag):
            return signal
        if tag & 7 != _LEN or tag <= order:
            return None
        begin, size = _length(data, at + 1)
        at = begin + size
        if at == end and tag >= _POINTS[0]:
            return _of_metric(data, first, tag, begin)
        order = tag
    return None


def _of_metric(data: bytes, first: int, tag: int, begin: int) -> Signal | None:
    """Return "metrics" for an item of nothing but a name, more texts, and at last points without labels."""
    name, size = _length(data, first + 1)
    if data[first] != _NAME or size == _TRACE_ID_BYTES or data[begin] != 0x0A:
        return None
    after = name + size
    while data[after] in (_DESCRIPTION, _UNIT):
        after = sum(_length(data, after + 1))
    if data[after] != tag:
        return None
    point, _ = _length(data, begin + 1)
    return "metrics" if tag == _EXPONENTIAL or (tag in _POINTS and data[point] != 0x0A) else None


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return where the content begins whose length stands at ``at``, and that length, if it has up to three bytes."""
    size = data[at]
    if size < 0x80:
        return at + 1, size
    second = data[at + 1]
    if second < 0x80:
        return at + 2, (size & 0x7F) | second << 7
    third = data[at + 2]
    if third < 0x80:
        return at + 3, (size & 0x7F) | (second & 0x7F) << 7 | third << 14
    raise IndexError("a length of more than three bytes")
