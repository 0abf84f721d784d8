"""Protobuf messages as columns: one cursor per message, all advanced together ("lockstep"), in numpy.

A batch holds thousands of messages of few fields each. Walking them one after the other costs Python some 4 us per
message; here each step reads the next field of every message at once. The buffer is seen as 64-bit words that start at
every byte, so a cursor's next eight bytes are one look-up, and a varint is decoded by masks and shifts. A few messages
with very many fields (a scope with 10,000 spans) would make many narrow steps: they are walked one by one instead.
Why not protobuf: docs/adr/0011-columnar-decoder.md.

Anything may be in the bytes. Every length is checked against the end of its message before it is used; a message that
does not parse is reported, with the fields before its fault, and disturbs no other.
Format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]

VARINT, I64, LEN, I32 = 0, 1, 2, 5
MAX_FIELDS = 1 << 22
"""More fields than this in one scan are a bomb: 8 MB of honest telemetry has a tenth of it."""

_FEW = 12  # below this many cursors a step of numpy costs more than walking
_PADDING = 40  # a look-up may begin up to two varints past the end, and reads 16 bytes
_WORD_ENDS = np.uint64(0x8080808080808080)
_MAX_LENGTH = np.uint64(1 << 40)


@dataclass(frozen=True)
class Fields:
    """Fields of many messages. ``owner``: which message. ``value``: of varints and fixed-width fields, as raw bits.

    ``begin`` to ``end`` is the content of a length-delimited field. Fields of one owner are in their order.
    """

    owner: Ints
    number: Ints
    wire: Ints
    value: Bits
    begin: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.owner)

    def of(self, number: int, wire: int) -> "Fields":
        """Return the fields of that number and wire type; with another wire type a number means nothing."""
        return self.take(np.flatnonzero((self.number == number) & (self.wire == wire)))

    def take(self, rows: Ints) -> "Fields":
        """Return the fields at ``rows``."""
        return Fields(
            self.owner[rows], self.number[rows], self.wire[rows], self.value[rows], self.begin[rows], self.end[rows]
        )

    def values(self, number: int, wire: int, owners: int) -> Bits:
        """Return the raw value of one field for each of ``owners`` messages: the last one given, 0 without any."""
        found = self.of(number, wire)
        column = np.zeros(owners, dtype=np.uint64)
        column[found.owner] = found.value  # on repetition the last assignment stays, as protobuf wants
        return column

    def ranges(self, number: int, owners: int) -> tuple[Ints, Ints]:
        """Return begin and end of one length-delimited field per message: of the last one, empty without any."""
        found = self.of(number, LEN)
        begin, end = np.zeros(owners, dtype=np.int64), np.zeros(owners, dtype=np.int64)
        begin[found.owner], end[found.owner] = found.begin, found.end
        return begin, end


class Buffer:
    """Bytes that hold protobuf messages."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        padded = data + bytes(_PADDING)
        self._words: Bits = np.ndarray((len(data) + _PADDING - 8,), dtype="<u8", buffer=padded, strides=(1,))

    def scan(self, begin: Ints, end: Ints, wanted: Iterable[int] | None = None) -> tuple[Fields, NDArray[np.bool_]]:
        """Return the fields of many messages, and which of these are malformed.

        Parameters
        ----------
        begin, end : ndarray of shape (n_messages,)
            Where each message lies; within the buffer.
        wanted : iterable of int, optional
            Field numbers below 64 to return; all of them unless given. The others are still checked.

        Returns
        -------
        fields : Fields
            ``owner`` counts the messages from 0.
        is_bad : ndarray of bool, shape (n_messages,)
            Messages that break off, name the field number 0, hold groups, or exceed ``MAX_FIELDS`` together.
        """
        is_bad = np.zeros(len(begin), dtype=bool)
        is_wanted = None if wanted is None else _table(wanted)
        steps: list[Fields] = []
        owner = np.flatnonzero(begin < end)
        cursor, limit = begin[owner], end[owner]
        seen = 0
        while len(owner) >= _FEW and seen <= MAX_FIELDS:
            fields, is_whole = self._step(owner, cursor, limit)
            seen += len(owner)
            if not is_whole.all():
                is_bad[owner[~is_whole]] = True
                fields, owner, limit = fields.take(np.flatnonzero(is_whole)), owner[is_whole], limit[is_whole]
            cursor = fields.end
            steps.append(_only(fields, is_wanted))
            more = np.flatnonzero(cursor < limit)
            if len(more) < len(owner):
                owner, cursor, limit = owner[more], cursor[more], limit[more]
        for one, at, stop in zip(owner.tolist(), cursor.tolist(), limit.tolist(), strict=True):
            fields, is_whole_message = self._walk(one, at, stop, max(MAX_FIELDS - seen, 0))
            seen += len(fields)
            is_bad[one] = not is_whole_message
            steps.append(_only(fields, is_wanted))
        return _joined(steps), is_bad

    def is_equal(self, begin: Ints, end: Ints, text: bytes) -> NDArray[np.bool_]:
        """Return for each range of bytes whether it is exactly ``text``."""
        rows = np.flatnonzero(end - begin == len(text))
        for at in range(0, len(text), 8):
            part = text[at : at + 8]
            mask = np.uint64((1 << (8 * len(part))) - 1)
            word = np.uint64(int.from_bytes(part, "little"))
            rows = rows[(self._words[begin[rows] + at] & mask) == word]
        answer = np.zeros(len(begin), dtype=bool)
        answer[rows] = True
        return answer

    def distinct(self, begin: Ints, end: Ints) -> tuple[Ints, list[bytes]]:
        """Return for each range the number of its content, and the contents by number, in order of appearance."""
        numbers: dict[bytes, int] = {}
        data = self.data
        ids = [
            numbers.setdefault(data[first:last], len(numbers))
            for first, last in zip(begin.tolist(), end.tolist(), strict=True)
        ]
        return np.array(ids, dtype=np.int64), list(numbers)

    def packed_words(self, begin: Ints, end: Ints) -> tuple[Ints, Bits]:
        """Return the 64-bit numbers packed in each range, and for each the range that it comes from.

        A remainder of less than eight bytes is left out.
        """
        place, offset = _spread((end - begin) // 8)
        return place, self._words[begin[place] + 8 * offset]

    def packed_varints(self, begin: Ints, end: Ints) -> tuple[Ints, Bits, NDArray[np.bool_]]:
        """Return the varints packed in each range, for each the range that it comes from, and which ranges are bad."""
        place, offset = _spread(end - begin)
        at = begin[place] + offset
        is_last_byte = (self._words[at] & np.uint64(0x80)) == 0
        starts = np.flatnonzero((offset == 0) | np.concatenate([[True], is_last_byte[:-1]])[: len(at)])
        value, size = self._varint(at[starts])
        place = place[starts]
        is_bad = np.zeros(len(begin), dtype=bool)
        is_bad[place[(size == 0) | (at[starts] + size > end[place])]] = True
        return place, value, is_bad

    def _step(self, owner: Ints, cursor: Ints, limit: Ints) -> tuple[Fields, NDArray[np.bool_]]:
        """Return the next field of each message, and whether it is whole; ``end`` of the field is the next cursor."""
        tag, tag_size = self._varint(cursor)
        at = cursor + tag_size
        wire = (tag & np.uint64(7)).astype(np.int64)
        number = (tag >> np.uint64(3)).astype(np.int64)
        at = np.minimum(at, len(self.data))  # a cut tag: look no further than the padding
        value, size = self._varint(at)
        is_whole = (tag_size > 0) & (number > 0) & (number < 1 << 29) & _POSSIBLE[wire]
        is_len, is_fixed = wire == LEN, (wire == I64) | (wire == I32)
        is_whole &= is_fixed | (size > 0)
        is_whole &= ~is_len | (value < _MAX_LENGTH)
        begin = at + np.where(is_fixed, 0, size)
        length = np.where(is_len, np.minimum(value, _MAX_LENGTH).astype(np.int64), _FIXED_SIZE[wire])
        end = begin + length
        is_whole &= end <= limit
        if is_fixed.any():
            word = self._words[at]
            word = np.where(wire == I32, word & np.uint64(0xFFFFFFFF), word)
            value = np.where(is_fixed, word, value)
        return Fields(owner, number, wire, value, begin, end), is_whole

    def _varint(self, at: Ints) -> tuple[Bits, Ints]:
        """Return the varint at each position and its size in bytes, 0 if it is longer than allowed."""
        word = self._words[at]
        if not (word & np.uint64(0x80)).any():
            return word & np.uint64(0x7F), np.ones(len(at), dtype=np.int64)
        stops = ~word & _WORD_ENDS
        lowest = stops & (~stops + np.uint64(1))
        mask = lowest ^ (lowest - np.uint64(1))  # all bits up to the one that ends the varint; all 64 if none does
        size = np.bitwise_count(mask).astype(np.int64) >> 3
        value = _squeeze(word & mask)
        long = np.flatnonzero(stops == 0)
        if len(long):
            value[long], size[long] = self._long_varint(word[long], at[long])
        return value, size

    def _long_varint(self, word: Bits, at: Ints) -> tuple[Bits, Ints]:
        """Return varints of nine or ten bytes: negative numbers, and times that somebody wrote as varints."""
        rest = self._words[at + 8]
        ninth, tenth = rest & np.uint64(0xFF), (rest >> np.uint64(8)) & np.uint64(0xFF)
        is_nine = ninth < 0x80
        value = _squeeze(word) | ((ninth & np.uint64(0x7F)) << np.uint64(56))
        value = np.where(is_nine, value, value | ((tenth & np.uint64(1)) << np.uint64(63)))
        return value, np.where(is_nine, 9, np.where(tenth < 2, 10, 0)).astype(np.int64)

    def _walk(self, owner: int, at: int, limit: int, allowed: int) -> tuple[Fields, bool]:
        """Return the fields of one message, and whether it is whole and has no more than ``allowed`` of them."""
        data, rows = self.data, _Rows()
        while at < limit and len(rows.number) < allowed:
            tag, at = _read_varint(data, at, limit)
            wire, number = tag & 7, tag >> 3
            value = 0
            if wire == VARINT:
                value, begin = _read_varint(data, at, limit)
                end = begin
            elif wire == LEN:
                length, begin = _read_varint(data, at, limit)
                end = begin + length
            elif wire in (I64, I32):
                begin, end = at, at + int(_FIXED_SIZE[wire])
                value = int.from_bytes(data[begin:end], "little")
            else:
                return rows.fields(owner), False
            if end > limit or begin > limit or not 0 < number < 1 << 29:
                return rows.fields(owner), False
            rows.add(number, wire, value, begin, end)
            at = end
        return rows.fields(owner), at >= limit


class _Rows:
    """Fields of one message while it is walked."""

    def __init__(self) -> None:
        self.number: list[int] = []
        self.wire: list[int] = []
        self.value: list[int] = []
        self.begin: list[int] = []
        self.end: list[int] = []

    def add(self, number: int, wire: int, value: int, begin: int, end: int) -> None:
        self.number.append(number)
        self.wire.append(wire)
        self.value.append(value)
        self.begin.append(begin)
        self.end.append(end)

    def fields(self, owner: int) -> Fields:
        return Fields(
            np.full(len(self.number), owner, dtype=np.int64),
            np.array(self.number, dtype=np.int64),
            np.array(self.wire, dtype=np.int64),
            np.array(self.value, dtype=np.uint64),
            np.array(self.begin, dtype=np.int64),
            np.array(self.end, dtype=np.int64),
        )


_POSSIBLE = np.array([wire in (VARINT, I64, LEN, I32) for wire in range(8)])
_FIXED_SIZE = np.array([{I64: 8, I32: 4}.get(wire, 0) for wire in range(8)])


def signed(bits: Bits) -> Ints:
    """Return raw bits as two's complement numbers (int64, sfixed64)."""
    return bits.view(np.int64)


def zigzag(bits: Bits) -> Ints:
    """Return the sint32 and sint64 numbers that raw varints stand for."""
    return (bits >> np.uint64(1)).view(np.int64) ^ -(bits & np.uint64(1)).view(np.int64)


def combine(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Return for each row the number of its combination of values, and for each combination a row that has it.

    Values are -1 or more.
    """
    codes = columns[0]
    for column in columns[1:]:
        wide = codes * (int(column.max(initial=0)) + 2) + column + 1
        _, codes = np.unique(wide, return_inverse=True)
    _, rows, codes = np.unique(codes, return_index=True, return_inverse=True)
    return codes, rows


def _spread(lengths: Ints) -> tuple[Ints, Ints]:
    """Return for ``lengths[i]`` rows each the ``i``, and the row's position among its own."""
    place = np.repeat(np.arange(len(lengths)), lengths)
    return place, np.arange(len(place)) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _squeeze(word: Bits) -> Bits:
    """Return the 56 bits that eight varint bytes carry: seven bits from each, closed up in three rounds."""
    word = word & np.uint64(0x7F7F7F7F7F7F7F7F)
    word = (word & np.uint64(0x007F007F007F007F)) | ((word & np.uint64(0x7F007F007F007F00)) >> np.uint64(1))
    word = (word & np.uint64(0x00003FFF00003FFF)) | ((word & np.uint64(0x3FFF00003FFF0000)) >> np.uint64(2))
    return (word & np.uint64(0x0FFFFFFF)) | ((word & np.uint64(0x0FFFFFFF00000000)) >> np.uint64(4))


def _read_varint(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Return the varint at ``at`` and the position after it; a position past ``limit`` says that it is malformed."""
    value = shift = 0
    while at < limit and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value, at) if value < 1 << 64 else (0, limit + 1)
        shift += 7
    return 0, limit + 1


def _table(wanted: Iterable[int]) -> NDArray[np.bool_]:
    table = np.zeros(65, dtype=bool)  # 64 stands for every number above
    table[list(wanted)] = True
    return table


def _only(fields: Fields, is_wanted: NDArray[np.bool_] | None) -> Fields:
    if is_wanted is None or not len(fields):
        return fields
    chosen = is_wanted[np.minimum(fields.number, 64)]
    return fields if chosen.all() else fields.take(np.flatnonzero(chosen))


def _joined(steps: list[Fields]) -> Fields:
    if not steps:
        none = np.empty(0, dtype=np.int64)
        return Fields(none, none, none, none.astype(np.uint64), none, none)
    names = ("owner", "number", "wire", "value", "begin", "end")
    return Fields(*(np.concatenate([getattr(step, name) for step in steps]) for name in names))
