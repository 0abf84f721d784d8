"""Single measurements, and things that are only counted -> cells, by one sort of whole numbers.

Where the values are whole numbers, a cell, a value and an error fit into 64 bits together. Sorted, the cells stand one
after the other, each with its smallest value first, its largest last, and its histogram's buckets in between.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass
from opsloop.histogram import SCALE, bucket_keys
from opsloop.telemetry.aggregate import Aggregate, empty, from_points, in_order
from opsloop.telemetry.grouping import combine
from opsloop.telemetry.model import Series

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Values:
    """One measurement each, of ``series[series_index]``. ``value`` is None for things that are only counted."""

    series: tuple[Series, ...]
    series_index: Ints
    value: NDArray[np.float64] | None
    is_error: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.series_index)

    def only(self, is_wanted: NDArray[np.bool_]) -> "Values":
        """Return those for which ``is_wanted`` is true."""
        value = None if self.value is None else self.value[is_wanted]
        return Values(self.series, self.series_index[is_wanted], value, self.is_error[is_wanted])


def joined(parts: Sequence[Values]) -> Values:
    """Return all ``parts`` as one, each series once, in order. Either all have values or none has."""
    series = in_order({one for part in parts for one in part.series})
    number = {one: at for at, one in enumerate(series)}
    index = [np.array([number[one] for one in part.series], dtype=np.int64).take(part.series_index) for part in parts]
    values = [part.value for part in parts if part.value is not None]
    return Values(
        tuple(series),
        np.concatenate(index),
        np.concatenate(values) if values else None,
        np.concatenate([part.is_error for part in parts]),
    )


def aggregate(values: Values, minute: Ints) -> Aggregate:
    """Return the canonical aggregate of what ``joined`` returned; ``minute`` is that of each measurement."""
    if not len(values):
        return empty()
    if values.value is None:
        return _counted(values, minute)
    first = int(minute.min())
    span = int(minute.max()) - first + 1
    cell_bits = (len(values.series) * span).bit_length()
    greatest = float(values.value.max())
    value_bits = int(greatest).bit_length() if np.isfinite(greatest) else 64
    if cell_bits + value_bits > 62 or values.value.min() < 0 or (values.value != np.floor(values.value)).any():
        return from_points(values.series, values.series_index, minute, values.value, errors=values.is_error)
    together = values.series_index * span
    together += minute - first
    together <<= value_bits
    together |= values.value.astype(np.int64)
    together <<= 1
    together |= values.is_error
    together.sort()
    return _cells(values.series, together, value_bits, span, first)


def _cells(series: tuple[Series, ...], together: Ints, value_bits: int, span: int, first_minute: int) -> Aggregate:
    cell = together >> (value_bits + 1)
    value = ((together >> 1) & ((1 << value_bits) - 1)).astype(np.float64)
    key = bucket_keys(value)
    is_new_cell = _changes(cell)
    is_new_bucket = is_new_cell | _changes(key)
    first, bucket = np.flatnonzero(is_new_cell), np.flatnonzero(is_new_bucket)
    last = np.append(first[1:], len(cell))
    index, minute = np.divmod(cell[first], span)
    used, place = np.unique(index, return_inverse=True)
    return Aggregate(
        series=tuple(series[i] for i in used.tolist()),
        series_index=place.astype(np.int32),
        minute=minute + first_minute,
        count=last - first,
        errors=np.add.reduceat(together & 1, first),
        total=np.add.reduceat(value, first),
        minimum=value[first],
        maximum=value[last - 1],
        scale=np.full(len(first), SCALE, dtype=np.int8),
        bucket_start=np.append(np.searchsorted(bucket, first), len(bucket)),
        bucket_key=key[bucket],
        bucket_count=np.diff(bucket, append=len(cell)),
    )


def _counted(values: Values, minute: Ints) -> Aggregate:
    first = int(minute.min())
    codes, rows = combine((values.series_index, minute - first))
    order = np.lexsort((minute[rows], values.series_index[rows]))
    used, place = np.unique(values.series_index[rows][order], return_inverse=True)
    n = len(rows)
    return Aggregate(
        series=tuple(values.series[i] for i in used.tolist()),
        series_index=place.astype(np.int32),
        minute=minute[rows][order],
        count=np.bincount(codes, minlength=n)[order],
        errors=np.bincount(codes[values.is_error], minlength=n)[order],
        total=np.zeros(n),
        minimum=np.full(n, np.nan),
        maximum=np.full(n, np.nan),
        scale=np.full(n, SCALE, dtype=np.int8),
        bucket_start=np.zeros(n + 1, dtype=np.int64),
        bucket_key=np.empty(0, dtype=np.int32),
        bucket_count=np.empty(0, dtype=np.int64),
    )


def _changes(column: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return for each row whether it differs from the one before; the first does."""
    changes = np.empty(len(column), dtype=bool)
    changes[0] = True
    np.not_equal(column[1:], column[:-1], out=changes[1:])
    return changes
