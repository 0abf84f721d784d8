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

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from opsloop.telemetry.fields import I32 as I32
from opsloop.telemetry.fields import I64 as I64
from opsloop.telemetry.fields import LEN as LEN
from opsloop.telemetry.fields import VARINT as VARINT
from opsloop.telemetry.fields import Bits as Bits
from opsloop.telemetry.fields import Fields as Fields
from opsloop.telemetry.fields import Ints as Ints
from opsloop.telemetry.fields import Steps
from opsloop.telemetry.grouping import representatives

MAX_FIELDS = 1 << 20
"""More fields than this in one scan, or packed numbers in one look, are a bomb: 8 MB of honest telemetry has a third
of it, and each takes up to 64 bytes."""

_FEW = 12  # below this many cursors a step of numpy costs more than walking
_LONG_LIST, _FEW_LISTS = 24, 120  # messages of more fields than that are lists, which are walked ten times as fast
_PADDING = 400  # a look-up may begin some 260 bytes past the end (a key's length is believed), and reads 128 bytes
_WORD_ENDS = np.uint64(0x8080808080808080)
_MAX_LENGTH = np.uint64(1 << 40)
_LONG = 1 << 42  # more than a buffer holds


def _sizes() -> Ints:
    """Return the size of a field by its first two bytes, low byte first; ``_LONG`` where these do not tell it.

    They do where the field's number is below 16, and its length or varint below 128.
    """
    sizes = np.full((256, 256), _LONG, dtype=np.int64)  # by second byte, then first
    second = np.arange(128)
    for number in range(1, 16):
        sizes[:128, number << 3 | VARINT] = 2
        sizes[:128, number << 3 | LEN] = 2 + second
        sizes[:, number << 3 | I64] = 9
        sizes[:, number << 3 | I32] = 5
    return sizes.ravel()


_SIZES = _sizes()


class Buffer:
    """Bytes that hold protobuf messages: ``size`` of them, and zeros after these so that no look-up ends outside."""

    def __init__(self, *parts: bytes) -> None:
        self.data = b"".join((*parts, bytes(_PADDING)))
        self.size = len(self.data) - _PADDING
        self.bytes: NDArray[np.uint8] = np.frombuffer(self.data, dtype=np.uint8)
        self._after = self.bytes[1:]

    def texts(self, size: int) -> NDArray[np.bytes_]:
        """Return the ``size`` bytes from every position on: a look-up costs the same for 2 and for 64 of them."""
        return np.ndarray((len(self.data) - size + 1,), dtype=f"S{size}", buffer=self.data, strides=(1,))

    def words(self, at: Ints, number: int = 1) -> Bits:
        """Return the 64-bit words at each position; with ``number`` above 1, so many from there on, one row each."""
        blocks: NDArray[np.void] = np.ndarray(
            (len(self.data) - 8 * number + 1,), dtype=f"V{8 * number}", buffer=self.data, strides=(1,)
        )
        words = blocks[at].view("<u8")
        return words if number == 1 else words.reshape(-1, number)

    def varints(self, at: Ints) -> Bits:
        """Return the varint at each position, which is known to be a whole one."""
        first = self.bytes.take(at)
        if len(first) and first.max() > 0x7F:
            return self._varint(at)[0]
        return first.astype(np.uint64)

    def scan(self, begin: Ints, end: Ints, wanted: Iterable[int] | None = None) -> tuple[Fields, NDArray[np.bool_]]:
        """Return the fields of many messages, and which of these are malformed.

        Parameters
        ----------
        begin, end : ndarray of shape (n_messages,)
            Where each message lies; within the buffer.
        wanted : iterable of int, optional
            Field numbers to return; all of them unless given. The others are still checked.

        Returns
        -------
        fields : Fields
            ``owner`` counts the messages from 0.
        is_bad : ndarray of bool, shape (n_messages,)
            Messages that break off, name the field number 0, hold groups, or exceed ``MAX_FIELDS`` together.
        """
        is_bad = np.zeros(len(begin), dtype=bool)
        steps = Steps()
        owner = np.flatnonzero(begin < end)
        cursor, limit = begin.take(owner), end.take(owner)
        turn, is_list = 0, False
        while len(owner) >= (_FEW if turn < _LONG_LIST else _FEW_LISTS) and steps.seen <= MAX_FIELDS:
            turn += 1
            low = self.bytes.take(cursor)
            second = self._after.take(cursor)
            if is_list and (found := self._list_items(cursor, limit, low, second)):
                tag, at, after, least = found
            else:
                code = second.astype(np.uint16)
                code <<= 8
                code |= low
                tag, at, after = low, cursor, cursor + _SIZES.take(code)
                least = int((limit - after).min())
                is_list = least < 0
            if least < 0:  # fields that two bytes do not describe, or that reach too far
                rows = np.flatnonzero(limit < after)
                tag, at = low.astype(np.int64), cursor.copy()
                tag[rows], at[rows], after[rows], is_whole = self._fields(cursor[rows], limit[rows])
                if not is_whole.all():
                    is_bad[owner[rows[~is_whole]]] = True
                    kept = np.ones(len(owner), dtype=bool)
                    kept[rows[~is_whole]] = False
                    owner, tag, at, after, limit = owner[kept], tag[kept], at[kept], after[kept], limit[kept]
            steps.add(owner, tag, at, after)
            cursor = after
            if least <= 0:
                more = np.flatnonzero(after < limit)
                owner, cursor, limit = owner.take(more), after.take(more), limit.take(more)
        for one, first, stop in zip(owner.tolist(), cursor.tolist(), limit.tolist(), strict=True):
            is_bad[one] = not self._walk(one, first, stop, steps)
        fields = Fields(self, steps.parts())
        return (fields if wanted is None or not len(fields) else fields.only(wanted)), is_bad

    def _list_items(
        self, cursor: Ints, limit: Ints, low: NDArray[np.uint8], second: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], Ints, Ints, int] | None:
        """Return tag, ``at``, end, and the least room after these, if all are of one field and two-byte lengths."""
        third = self.bytes[2:].take(cursor)
        tag = int(low[0])
        if not (_IS_LEN[tag] and low.min() == low.max() and second.min() > 0x7F and third.max() < 0x80):
            return None
        after = third.astype(np.int64)
        after <<= 7
        after += second
        after += cursor
        after += 3 - 0x80
        least = int((limit - after).min())
        return (low, cursor + 1, after, least) if least >= 0 else None

    def is_equal(self, begin: Ints, end: Ints, text: bytes) -> NDArray[np.bool_]:
        """Return for each range of bytes whether it is exactly ``text``."""
        answer: NDArray[np.bool_] = end - begin == len(text)
        if text:
            rows = np.flatnonzero(answer)
            answer[rows] = self.texts(len(text))[begin[rows]] == text  # trailing zeros do not count, but lengths do
        return answer

    def distinct(self, begin: Ints, end: Ints) -> tuple[Ints, list[bytes]]:
        """Return for each range the number of its content, and the contents by number."""
        length = end - begin
        ids = np.empty(len(begin), dtype=np.int64)
        contents: list[bytes] = []
        low = -1
        for words, high in _BLOCKS:
            rows = np.flatnonzero((length > low) & (length <= high))
            low = high
            if not len(rows):
                continue
            is_all = len(rows) == len(begin)
            at, size = (begin, length) if is_all else (begin.take(rows), length.take(rows))
            first, number = representatives(self._blocks(at, size, words))
            ids[rows] = number + len(contents)
            contents += [self.data[a : a + n] for a, n in zip(at[first].tolist(), size[first].tolist(), strict=True)]
        rest = np.flatnonzero(length > low)
        numbers: dict[bytes, int] = {}
        for row, first_byte, last in zip(rest.tolist(), begin[rest].tolist(), end[rest].tolist(), strict=True):
            ids[row] = numbers.setdefault(self.data[first_byte:last], len(numbers)) + len(contents)
        return ids, contents + list(numbers)

    def _blocks(self, at: Ints, size: Ints, words: int) -> Bits:
        """Return each range as so many words, the length in the last one's highest byte: equal if the ranges are."""
        block = self.words(at, words)
        block &= _MASKS[words].take(size, axis=0)
        top = size.view(np.uint64) << np.uint64(56)
        if words == 1:
            block |= top
        else:
            block[:, -1] |= top
        return block

    def packed_words(self, begin: Ints, end: Ints) -> tuple[Ints, Bits]:
        """Return the 64-bit numbers packed in each range, and for each the range that it comes from.

        A remainder of less than eight bytes is left out.
        """
        place, offset = _spread((end - begin) // 8)
        return place, self.words(begin[place] + 8 * offset)

    def packed_varints(self, begin: Ints, end: Ints) -> tuple[Ints, Bits, NDArray[np.bool_]]:
        """Return the varints packed in each range, for each the range that it comes from, and which ranges are bad."""
        is_bad = np.cumsum(end - begin) > MAX_FIELDS
        place, offset = _spread(np.where(is_bad, 0, end - begin))
        at = begin[place] + offset
        byte = self.bytes.take(at)
        if not len(byte) or byte.max() < 0x80:
            return place, byte.astype(np.uint64), is_bad
        is_last_byte = byte < 0x80
        starts = np.flatnonzero((offset == 0) | np.concatenate([[True], is_last_byte[:-1]]))
        value, size = self._varint(at[starts])
        place = place[starts]
        is_bad[place[(size == 0) | (at[starts] + size > end[place])]] = True
        return place, value, is_bad

    def _fields(self, cursor: Ints, limit: Ints) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
        """Return tag, ``at`` and end of the next field of each message, and whether it is whole."""
        low = self.bytes.take(cursor)
        second, third = (self.bytes.take(cursor + place).astype(np.int64) for place in (1, 2))
        end = cursor + 3 + (second & 0x7F) + (third << 7)
        is_list_item = _IS_LEN.take(low) & (second > 0x7F) & (third < 0x80) & (end <= limit)
        if is_list_item.all():  # of 128 bytes to 16 KB
            return low.astype(np.int64), cursor + 1, end, is_list_item
        end = cursor + 2 + _FIXED_SIZE.take(low & 7)
        is_wide = _IS_WIDE.take(low) & (second < 0x80) & (second > 0) & (end <= limit)
        if is_wide.all():  # fixed-width fields of two-byte tags, as a span's flags
            return (low & 0x7F) | second << 7, cursor + 1, end, is_wide
        tag, tag_size = self._varint(cursor)
        at = np.minimum(cursor + tag_size, self.size)  # a cut tag: look no further than the padding
        wire = (tag & np.uint64(7)).astype(np.int64)
        number = tag >> np.uint64(3)
        value, size = self._varint(at)
        is_whole = (tag_size > 0) & (number > 0) & (number < 1 << 29) & _POSSIBLE[wire]
        is_len, is_fixed = wire == LEN, (wire == I64) | (wire == I32)
        is_whole &= is_fixed | (size > 0)
        is_whole &= ~is_len | (value < _MAX_LENGTH)
        content = at + np.where(is_len, size, 0)
        length = np.where(is_len, np.minimum(value, _MAX_LENGTH).astype(np.int64), _FIXED_SIZE[wire])
        end = content + np.where(wire == VARINT, size, length)
        is_whole &= end <= limit
        return (tag & np.uint64(0xFFFFFFFF)).view(np.int64), content - 1 - is_len, end, is_whole

    def _varint(self, at: Ints) -> tuple[Bits, Ints]:
        """Return the varint at each position and its size in bytes, 0 if it is longer than allowed."""
        word = self.words(at)
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
        rest = self.words(at + 8)
        ninth, tenth = rest & np.uint64(0xFF), (rest >> np.uint64(8)) & np.uint64(0xFF)
        is_nine = ninth < 0x80
        value = _squeeze(word) | ((ninth & np.uint64(0x7F)) << np.uint64(56))
        value = np.where(is_nine, value, value | ((tenth & np.uint64(1)) << np.uint64(63)))
        return value, np.where(is_nine, 9, np.where(tenth < 2, 10, 0)).astype(np.int64)

    def _walk(self, owner: int, at: int, limit: int, steps: "Steps") -> bool:
        """Note the fields of one message; return whether it is whole and has no more of them than are allowed."""
        data = self.data
        while at < limit and steps.seen < MAX_FIELDS:
            first = at
            at = self._run(owner, at, limit, steps)
            if at > limit:
                return False
            if at > first:
                continue
            tag, at = _read_varint(data, at, limit)
            wire, number = tag & 7, tag >> 3
            begin = end = at
            if wire == VARINT:
                _, end = _read_varint(data, at, limit)
            elif wire == LEN:
                length, begin = _read_varint(data, at, limit)
                end = begin + length
            elif wire in (I64, I32):
                end = at + int(_FIXED_SIZE[wire])
            else:
                return False
            if end > limit or begin > limit or not 0 < number < 1 << 29:
                return False
            steps.add_one(owner, tag, begin - (2 if wire == LEN else 1), end)
            at = end
        return at >= limit

    def _run(self, owner: int, at: int, limit: int, steps: "Steps") -> int:
        """Note a run of length-delimited fields of one number below 16, as a list of items is; return where it ends.

        Where it ends after ``limit`` nothing was noted: the message is malformed.
        """
        data = self.data
        tag = data[at]
        starts: list[int] = []
        if not (8 <= tag < 0x80 and tag & 7 == LEN):
            return at
        for _ in range(MAX_FIELDS - steps.seen):
            if at >= limit or data[at] != tag:
                break
            size = data[at + 1]
            if size < 0x80:
                starts.append(at)
                at += 2 + size
            elif (high := data[at + 2]) < 0x80:
                starts.append(at)
                at += 3 + (size & 0x7F) + (high << 7)
            else:
                break
        if starts and at <= limit:
            begin = np.array(starts, dtype=np.int64)
            end = np.append(begin[1:], at)
            is_long = self._after.take(begin) > 0x7F
            steps.add(np.full(len(begin), owner), np.full(len(begin), tag), begin + is_long, end)
        return at


_POSSIBLE = np.array([wire in (VARINT, I64, LEN, I32) for wire in range(8)])
_FIXED_SIZE = np.array([{I64: 8, I32: 4}.get(wire, 0) for wire in range(8)])
_IS_WIDE = np.array([tag > 0x7F and tag & 7 in (I64, I32) for tag in range(256)])
_IS_LEN = np.array([0 < tag >> 3 < 16 and tag & 7 == LEN for tag in range(256)])
_BLOCKS = ((1, 7), (4, 31), (16, 127))
"""Words that hold ranges of up to so many bytes, and their length."""
_FILLED = np.array([(1 << (8 * size)) - 1 for size in range(9)], dtype=np.uint64)
_MASKS = {
    words: _FILLED[np.clip(np.arange(high + 1)[:, None] - 8 * np.arange(words), 0, 8)].squeeze()
    for words, high in _BLOCKS
}
"""By number of words and of bytes: the bits of the words that these bytes fill."""


def signed(bits: Bits) -> Ints:
    """Return raw bits as two's complement numbers (int64, sfixed64)."""
    return bits.view(np.int64)


def zigzag(bits: Bits) -> Ints:
    """Return the sint32 and sint64 numbers that raw varints stand for."""
    return (bits >> np.uint64(1)).view(np.int64) ^ -(bits & np.uint64(1)).view(np.int64)


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
