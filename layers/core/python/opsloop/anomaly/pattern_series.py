"""Log lines per pattern and bucket."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from opsloop.log.model import PatternHour

Floats = NDArray[np.float64]


def patterns(hours: Iterable[PatternHour], first_minute: int, buckets: int, bucket_minutes: int) -> dict[str, Floats]:
    """Return, per pattern id, how many lines there were in each of the ``buckets`` from ``first_minute`` on."""
    found: dict[str, Floats] = {}
    for hour in hours:
        for pattern, counts in hour.counts.items():
            column = (hour.hour + np.arange(len(counts)) - first_minute) // bucket_minutes
            is_in = (column >= 0) & (column < buckets)
            weights = np.array(counts, dtype=np.float64)[is_in]
            lines = np.bincount(column[is_in], weights=weights, minlength=buckets).astype(np.float64)
            if pattern in found:
                found[pattern] = found[pattern] + lines
            elif lines.any():
                found[pattern] = lines
    return found
