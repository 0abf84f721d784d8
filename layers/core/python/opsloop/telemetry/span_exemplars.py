"""One span per series and hour as an exemplar: the slowest, and of these the latest."""

from collections.abc import Sequence

import numpy as np

from opsloop.clock import MINUTES_PER_HOUR
from opsloop.telemetry.columns import LEN, Bits, Ints
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.grouping import combine
from opsloop.telemetry.trace_hash import Spans
from opsloop.telemetry.values import Values
from opsloop.telemetry.wire import WireError, scan

_TRACE_ID, _SPAN_ID = 1, 2
_TRACE_ID_FIRST, _SPAN_ID_NEXT = b"\x0a\x10", b"\x12\x08"  # as exporters write them: by number, 16 and 8 bytes


def slowest(values: Values, minute: Ints, time_ns: Bits, places: Sequence[Spans]) -> list[Exemplar]:
    """Return the exemplars of spans; ``places`` has these in the order of ``values``, in parts.

    Where spans of a series and hour are alike there are several: ``exemplar.keep_one_each`` tells which one stays.
    A span without a trace id of 16 bytes and a span id of 8 cannot be opened: where it is the slowest, there is none.
    """
    if values.value is None or not len(values):
        return []
    hour = minute // MINUTES_PER_HOUR
    group, first = combine((values.series_index, hour - int(hour.min())))
    greatest = np.zeros(len(first))
    np.maximum.at(greatest, group, values.value)
    rows = np.flatnonzero(values.value == greatest.take(group))
    if len(rows) > len(first):
        latest = np.zeros(len(first), dtype=np.uint64)
        np.maximum.at(latest, group[rows], time_ns[rows])
        rows = rows[time_ns[rows] == latest[group[rows]]]
    ends = np.cumsum([len(part.begin) for part in places])
    found: list[Exemplar] = []
    for row in rows.tolist():
        number = int(np.searchsorted(ends, row, side="right"))
        part = places[number]
        at = row - int(ends[number]) + len(part.begin)
        trace_id, span_id = _ids(part.buffer.data, int(part.begin[at]), int(part.end[at]))
        if len(trace_id) == 16 and len(span_id) == 8:
            series = values.series[values.series_index[row]]
            start = int(hour[row]) * MINUTES_PER_HOUR
            value, time = float(values.value[row]), int(time_ns[row])
            found.append(Exemplar(series, start, value, time, trace_id.hex(), span_id.hex()))
    return found


def _ids(data: bytes, begin: int, end: int) -> tuple[bytes, bytes]:
    if data[begin : begin + 2] == _TRACE_ID_FIRST and data[begin + 18 : begin + 20] == _SPAN_ID_NEXT:
        return data[begin + 2 : begin + 18], data[begin + 20 : begin + 28]
    trace_id = span_id = b""
    try:
        for number, wire, _, at, stop in scan(data, begin, end):
            if (number, wire) == (_TRACE_ID, LEN):
                trace_id = data[at:stop]
            elif (number, wire) == (_SPAN_ID, LEN):
                span_id = data[at:stop]
    except WireError:
        return b"", b""
    return trace_id, span_id
