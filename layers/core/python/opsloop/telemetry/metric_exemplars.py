"""The exemplars of metric points: which trace a measurement was made in.

Layout: opentelemetry-proto v1, metrics/v1/metrics.proto, message Exemplar. Exemplars without a trace id name nothing,
and are left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.clock import MINUTES_PER_HOUR, NS_PER_MINUTE
from opsloop.telemetry.columns import I64, Bits, Fields, Ints, signed
from opsloop.telemetry.envelope import Messages, Requests
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.model import Series

_TIME, _AS_DOUBLE, _SPAN_ID, _TRACE_ID, _AS_INT = 2, 3, 4, 5, 6
_TRACE_ID_BYTES = 16


def exemplars_of(
    requests: Requests, points: Messages, found: Fields, time_ns: Bits, series: Sequence[Series], index: Ints
) -> tuple[tuple[int, Exemplar], ...]:
    """Return the greatest, then latest exemplar of each series and hour, each with its request's number.

    ``found`` are the points' exemplars. They belong to the hour of their point, ``time_ns``, as its numbers do; their
    own time may be a little before. ``index`` is the place of each point's series, -1 for points that do not count.
    """
    if not len(found):
        return ()
    messages = points.of(found)
    fields = requests.scan(messages, (_TIME, _AS_DOUBLE, _SPAN_ID, _TRACE_ID, _AS_INT))
    n = len(messages)
    value = fields.values(_AS_DOUBLE, I64, n).view(np.float64).copy()
    integers = fields.of(_AS_INT, I64)
    value[integers.owner] = signed(integers.value)
    time = fields.values(_TIME, I64, n)
    begin, end = fields.ranges(_TRACE_ID, n)
    place, words = requests.buffer.packed_words(begin, end)
    is_trace = (end - begin == _TRACE_ID_BYTES) & (np.bincount(place[words != 0], minlength=n) > 0)
    minute = (time_ns // np.uint64(NS_PER_MINUTE)).astype(np.int64)[found.owner]
    hour = minute - minute % MINUTES_PER_HOUR
    which = index[found.owner]
    rows = np.flatnonzero(is_trace & np.isfinite(value) & (which >= 0))
    rows = rows[_greatest((which[rows], hour[rows]), value[rows], time[rows])]
    span_begin, span_end = fields.ranges(_SPAN_ID, n)
    data = requests.buffer.data
    return tuple(
        (
            int(messages.record[row]),
            Exemplar(
                series[which[row]],
                int(hour[row]),
                float(value[row]),
                int(time[row]),
                data[begin[row] : end[row]].hex(),
                data[span_begin[row] : span_end[row]].hex(),
            ),
        )
        for row in rows.tolist()
    )


def _greatest(places: tuple[Ints, Ints], value: NDArray[np.float64], time: Bits) -> Ints:
    """Return the rows with the greatest value of each place, then the latest; all of them where these are equal."""
    order = np.lexsort((time, value, *places))
    if not len(order):
        return order
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = np.any([column[order[1:]] != column[order[:-1]] for column in places], axis=0)
    group = np.concatenate([[0], np.cumsum(is_last)[:-1]])
    best = order[is_last][group]
    rows: Ints = order[(value[order] == value[best]) & (time[order] == time[best])]
    return rows
