"""Where spans lie, and the hashes of their traces, by which a sample of traces is chosen."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.telemetry.columns import Bits, Buffer, Ints

AFTER_IDS = 28
"""In a span whose trace id and span id come first, the place after them."""
_TRACE_ID, _TRACE_ID_BYTES = 1, 16
_TRACE_ID_TAG = 0x0A
_RANDOM_AT = 10  # the last eight bytes of a trace id that comes first
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Spans(NamedTuple):
    """Where spans lie: the one that is number ``i`` from ``begin[i]`` to ``end[i]`` of ``buffer``.

    ``hashed`` is of the trace id; its high bits are as good as random. ``is_usual``: that comes first, as exporters
    write it. ``is_known``: it has one.
    """

    buffer: Buffer
    begin: Ints
    end: Ints
    hashed: Bits
    is_usual: NDArray[np.bool_]
    is_known: NDArray[np.bool_]

    def only(self, kept: NDArray[np.bool_]) -> "Spans":
        """Return those for which ``kept`` is true."""
        hashed, is_usual, is_known = self.hashed[kept], self.is_usual[kept], self.is_known[kept]
        return Spans(self.buffer, self.begin[kept], self.end[kept], hashed, is_usual, is_known)


def located(buffer: Buffer, begin: Ints, end: Ints) -> Spans:
    """Return the spans between these places. Called before they are read, it brings their first bytes near."""
    return Spans(buffer, begin, end, *_trace_hashes(buffer, begin, end))


def _trace_hashes(buffer: Buffer, begin: Ints, end: Ints) -> tuple[Bits, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the hash of each span's trace id, whether that comes first, and whether it is known.

    Of an id the last eight bytes count: the random ones, whether there are zeros before them or a time.
    """
    is_usual = (buffer.bytes.take(begin) == _TRACE_ID_TAG) & (buffer.bytes.take(begin + 1) == _TRACE_ID_BYTES)
    is_usual &= end - begin >= AFTER_IDS
    hashed = buffer.words(begin + _RANDOM_AT)
    is_known = is_usual
    if not is_usual.all():
        is_known = is_usual.copy()
        rows = np.flatnonzero(~is_usual)
        fields, _ = buffer.scan(begin[rows], end[rows], (_TRACE_ID,))
        at, after = fields.ranges(_TRACE_ID, len(rows))
        is_known[rows] = after - at == _TRACE_ID_BYTES
        hashed[rows] = buffer.words(at + _TRACE_ID_BYTES - 8)
    is_known = is_known & (hashed != 0)
    hashed *= _SPREAD
    return hashed, is_usual, is_known
