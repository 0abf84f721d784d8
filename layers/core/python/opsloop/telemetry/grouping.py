"""Equal rows of columns, numbered, without sorting: by a hash table that numpy fills in one stroke.

Every row writes its number into the slot of its hash; who reads back another row's number compares itself with that
one. Rows whose slot was taken by an unequal row try again with another hash. So nothing rests on the hash but speed.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]

_ROUNDS = 8
_DENSE = 1 << 16
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F]
    + [(0xE7037ED1A0B428DB + 0x8EBC6AF09C88C6E3 * number) % (1 << 64) | 1 for number in range(12)],
    dtype=np.uint64,
)


def representatives(rows: Bits) -> tuple[Ints, Ints]:
    """Return one row's position for each distinct row, and for each row the number of the one that it equals.

    ``rows`` has shape (n,) or (n, columns).
    """
    n = len(rows)
    place = _same_slot(rows, 0)
    is_equal = rows == rows.take(place, axis=0)
    if is_equal.ndim > 1:
        is_equal = _all(is_equal)
    if not is_equal.all():
        place = _again(rows, place, np.flatnonzero(~is_equal))
    first = np.flatnonzero(place == np.arange(n))
    number = np.empty(n, dtype=np.int64)
    number[first] = np.arange(len(first))
    return first, number.take(place)


def _again(rows: Bits, found: Ints, left: Ints) -> Ints:
    """Return ``found`` with the equals of the rows ``left``, whose slots were taken by others."""
    for turn in range(1, _ROUNDS):
        part = rows[left]
        place = _same_slot(part, turn)
        is_equal = part == part.take(place, axis=0)
        if is_equal.ndim > 1:
            is_equal = _all(is_equal)
        found[left] = left.take(place)
        left = left[~is_equal]
        if not len(left):
            return found
    first: dict[bytes, int] = {}
    for row in left.tolist():
        found[row] = first.setdefault(rows[row].tobytes(), row)
    return found


def combine(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Return for each row the number of its combination of values, and for each combination a row that has it.

    Values are -1 or more.
    """
    code, size = columns[0] + 1, int(columns[0].max(initial=-1)) + 2
    for column in columns[1:]:
        width = int(column.max(initial=-1)) + 2
        if size * width >= 1 << 62:
            code = representatives(code.view(np.uint64))[1]
            size = int(code.max(initial=0)) + 1
        code = code * width
        code += column
        code += 1
        size *= width
    if size <= _DENSE:
        return _dense(code, size)
    first, number = representatives(code.view(np.uint64))
    return number, first


def _dense(code: Ints, size: int) -> tuple[Ints, Ints]:
    row = np.full(size, -1, dtype=np.int64)
    row[code] = np.arange(len(code))
    used = np.flatnonzero(row >= 0)
    number = np.empty(size, dtype=np.int64)
    number[used] = np.arange(len(used))
    return number.take(code), row.take(used)


def _same_slot(rows: Bits, turn: int) -> Ints:
    """Return for each row the position of a row with the same slot, which is itself for one row per slot."""
    n = len(rows)
    if rows.ndim == 1:
        code = rows * _MULTIPLIERS[turn]
    else:
        code = rows @ np.resize(np.roll(_MULTIPLIERS, -turn), rows.shape[1])
    code ^= code >> np.uint64(29)
    code *= _MULTIPLIERS[(turn + 1) % len(_MULTIPLIERS)]
    bits = max(n.bit_length() + 1, 8)
    slot = (code >> np.uint64(64 - bits)).view(np.int64)
    row = np.empty(1 << bits, dtype=np.int64)
    row[slot[::-1]] = np.arange(n)[::-1]  # the first of a slot is written last
    same: Ints = row.take(slot)
    return same


def _all(is_equal: NDArray[np.bool_]) -> NDArray[np.bool_]:
    answer: NDArray[np.bool_] = is_equal[:, 0].copy()
    for column in range(1, is_equal.shape[1]):
        answer &= is_equal[:, column]
    return answer
