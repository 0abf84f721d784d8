"""Base-2 exponential histograms, aligned with OpenTelemetry's: the one sketch of opsloop.

Bucket ``i`` of scale ``s`` holds the values in ``(b**i, b**(i+1)]`` with ``b = 2**(2**-s)``. Merging adds counts, going
to a coarser scale shifts indexes; both are exact. A value read back from a bucket is off by at most ``(b-1)/(b+1)`` of
itself: 0.542 % at scale 6. [1]_ Why this sketch: docs/adr/0002-scale-6-histograms.md.

One int32 key per bucket covers all reals, and keys sort as the values do: a positive value's key is its index, zero has
``ZERO_KEY``, and a negative value ``NEGATIVE_BASE - index(|value|)``.

References
----------
.. [1] OpenTelemetry, *Metrics Data Model*, section "Exponential Histogram".
       https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.errors import InvalidInputError

SCALE = 6
"""The finest scale kept; finer sources are brought down to it."""
MIN_SCALE = -10
"""The coarsest scale of OpenTelemetry: one bucket holds all that a float64 above 1 can be."""
ZERO_KEY = -(1 << 19)
NEGATIVE_BASE = -(1 << 20)
MAX_INDEX = 1 << 16
"""No float64 has an index of this size or more at scale 6, so positive, zero and negative keys never meet."""

_BUCKETS_PER_OCTAVE = 1 << SCALE
_MANTISSA_BITS = 52
_SLOT_BITS = 7  # 128 slots per octave are narrower than the narrowest bucket, so a slot holds one boundary at most
_SMALLEST_NORMAL = np.finfo(np.float64).tiny


def _boundaries() -> list[int]:
    """Return, for each k, the mantissa bits of the greatest float64 that is not above ``2**(k/64)``.

    Found by integer arithmetic, so that each value lands in the bucket of the definition, not one beside it.
    """
    bits = []
    for k in range(_BUCKETS_PER_OCTAVE):
        power = 1 << (k + _MANTISSA_BITS * _BUCKETS_PER_OCTAVE)
        root = int(2.0 ** (k / _BUCKETS_PER_OCTAVE) * (1 << _MANTISSA_BITS)) + 2
        while root**_BUCKETS_PER_OCTAVE > power:
            root -= 1
        bits.append(root - (1 << _MANTISSA_BITS))
    return bits


def _slots(boundaries: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return per slot of the mantissa the boundaries that lie before it, and the one boundary inside (or its end)."""
    width = 1 << (_MANTISSA_BITS - _SLOT_BITS)
    starts = np.arange(0, 1 << _MANTISSA_BITS, width)
    before = np.searchsorted(boundaries, starts)
    following = np.append(boundaries, 1 << _MANTISSA_BITS)[before]
    return before, np.minimum(following, starts + width)


_BEFORE, _INSIDE = _slots(_boundaries())


def bucket_keys(values: NDArray[np.float64], scale: int = SCALE) -> NDArray[np.int32]:
    """Return the bucket key of each value; sorted values have sorted keys.

    Parameters
    ----------
    values : ndarray of float64
        Finite numbers in any unit. Magnitudes below the smallest normal float64 count as that number, which
        OpenTelemetry allows.
    scale : int
        6 or coarser.

    Returns
    -------
    ndarray of int32, same shape
        For a positive value ``ceil(log2(value) * 2**scale) - 1``, exact at powers of two as well.

    Raises
    ------
    InvalidInputError
        If ``scale`` is not in -10 to 6, or a value is not finite.
    """
    if not MIN_SCALE <= scale <= SCALE:
        raise InvalidInputError(f"scale {scale} is not in {MIN_SCALE} to {SCALE}")
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InvalidInputError("a histogram holds finite values only")
    bits = np.maximum(np.abs(values), _SMALLEST_NORMAL).view(np.int64)
    mantissa = bits & ((1 << _MANTISSA_BITS) - 1)
    slot = mantissa >> (_MANTISSA_BITS - _SLOT_BITS)
    exponent = (bits >> _MANTISSA_BITS) - 1023
    index = exponent * _BUCKETS_PER_OCTAVE - 1 + _BEFORE[slot] + (mantissa > _INSIDE[slot])
    keys = np.where(values > 0, index, np.where(values < 0, NEGATIVE_BASE - index, ZERO_KEY)).astype(np.int32)
    return downscale(keys, SCALE - scale)


def downscale(keys: NDArray[np.int32], by: int | NDArray[np.integer]) -> NDArray[np.int32]:
    """Return the keys at a scale that is coarser by ``by`` (0 or more; one number, or one per key)."""
    shift = np.minimum(np.asarray(by, dtype=np.int32), 31)
    is_negative = keys < ZERO_KEY
    coarser = np.where(is_negative, NEGATIVE_BASE - ((NEGATIVE_BASE - keys) >> shift), keys >> shift)
    return np.where(keys == ZERO_KEY, ZERO_KEY, coarser).astype(np.int32)


def relative_error(scale: int) -> float:
    """Return the largest relative error of a value read back from a histogram of ``scale``."""
    base = 2.0 ** (2.0**-scale) if scale > MIN_SCALE else np.inf
    return float((base - 1) / (base + 1)) if np.isfinite(base) else 1.0


def representatives(keys: NDArray[np.int32], scale: int) -> NDArray[np.float64]:
    """Return one value per bucket: the one with the smallest relative error to everything in the bucket."""
    index = np.where(keys < ZERO_KEY, NEGATIVE_BASE - keys, keys).astype(np.float64)
    with np.errstate(over="ignore"):
        lower = np.exp2(index * 2.0**-scale)
        magnitude = lower * (1 + relative_error(scale))  # lower * 2b/(b+1)
    return np.where(keys == ZERO_KEY, 0.0, np.where(keys < ZERO_KEY, -magnitude, magnitude))


def quantiles(
    keys: NDArray[np.int32],
    counts: NDArray[np.int64],
    probabilities: Sequence[float],
    *,
    scale: int = SCALE,
    minimum: float = np.nan,
    maximum: float = np.nan,
) -> NDArray[np.float64]:
    """Return the nearest-rank quantiles of a histogram: the value of rank ``ceil(p * n)``.

    Parameters
    ----------
    keys, counts : ndarray of shape (n_buckets,)
        The buckets in ascending order of key, each key once, with their counts.
    probabilities : sequence of float
        Each from 0 to 1.
    scale : int
        The scale of ``keys``.
    minimum, maximum : float
        Exact bounds of the data, in its unit; no answer lies outside them. NaN where unknown.

    Returns
    -------
    ndarray of shape (n_probabilities,)
        In the unit of the data, each within ``relative_error(scale)`` of the true value of that rank. All NaN for
        an empty histogram.

    Raises
    ------
    InvalidInputError
        If a probability is not in 0 to 1.
    """
    wanted = np.asarray(probabilities, dtype=np.float64)
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise InvalidInputError(f"probabilities {list(probabilities)} are not all in 0 to 1")
    reached = np.cumsum(counts)
    if len(reached) == 0 or reached[-1] <= 0:
        return np.full(wanted.shape, np.nan)
    # p * n may come out a hair above the whole number that it is (0.07 * 100): that must not skip a rank
    ranks = np.maximum(np.ceil(np.nextafter(wanted * reached[-1], 0)), 1)
    values = representatives(keys[np.searchsorted(reached, ranks)], scale)
    return np.fmin(np.fmax(values, minimum), maximum)
