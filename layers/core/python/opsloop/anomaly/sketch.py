"""How large a quantity usually is: a histogram of its past in half octaves, small enough to keep one per series.

A detector's quantity (say, how far the level has moved) means nothing by itself: what is a great move of a steady
series is nothing in a lively one. So each is divided by its own usual great size, the quantile ``TAIL`` of its past.
The histogram has logarithmic bins, hence the quantile a bounded relative error (the idea of DDSketch [1]_), here 19 %
at worst and less where the bin is evenly filled; scores did not change by finer bins. It counts in 16 bits: when it
holds ``MOST`` rows all counts are halved, so the past is forgotten slowly.

References
----------
.. [1] C. Masson, J. E. Rim and H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
   guarantees", PVLDB 12(12), 2019.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.uint16]

LOWEST_OCTAVE = -8
"""What lies below 2**-8 = 0.4 % of the series' level is below every margin: it all goes to the first bin."""
BINS_PER_OCTAVE = 2
BINS = 40
"""Twenty octaves: up to 4,096 times the level; what lies above goes to the last bin."""
TAIL = 0.99
MOST = 16_128
"""Rows in a histogram before it is halved: eight weeks of 5-minute buckets."""


def bins(quantity: Floats) -> NDArray[np.int64]:
    """Return the bin of each quantity (not negative, relative to the series' level)."""
    octave = np.log2(np.clip(quantity, 2.0**LOWEST_OCTAVE, 2.0**32)) - LOWEST_OCTAVE
    place: NDArray[np.int64] = np.minimum(octave * BINS_PER_OCTAVE, BINS - 1).astype(np.int64)
    return place


def usual(counts: NDArray[np.integer]) -> Floats:
    """Return the quantile ``TAIL`` of each histogram, shape (..., ``BINS``) to (...); 0 for an empty one.

    Within a bin the rows are taken to lie evenly on the logarithmic scale.
    """
    from_above = np.cumsum(counts[..., ::-1], axis=-1, dtype=np.float64)[..., ::-1]
    above = from_above[..., :1] * (1.0 - TAIL)
    place = np.maximum(np.count_nonzero(from_above > above, axis=-1) - 1, 0)[..., None]
    inside = np.take_along_axis(counts, place, axis=-1)
    higher = np.take_along_axis(from_above, place, axis=-1) - inside
    share = (above - higher) / np.maximum(inside, 1)
    size = 2.0 ** ((place + 1.0 - share) / BINS_PER_OCTAVE + LOWEST_OCTAVE)
    answer: Floats = np.where(from_above[..., 0] > 0, size[..., 0], 0.0)
    return answer


def add(counts: Counts, quantity: Floats) -> None:
    """Count ``quantity``, one of each histogram, in place; halve the histograms that are full."""
    place = bins(quantity)[..., None]
    np.put_along_axis(counts, place, np.take_along_axis(counts, place, axis=-1) + 1, axis=-1)
    full = counts.sum(axis=-1, dtype=np.int64) >= MOST
    counts[full] = halved(counts[full])


def halved(counts: Counts) -> Counts:
    """Return the counts of a full histogram, halved; the odd row goes to the first bin, so that all keep one total."""
    half = counts // 2
    half[..., 0] += MOST // 2 - half.sum(axis=-1, dtype=np.int64).astype(np.uint16)
    return half
