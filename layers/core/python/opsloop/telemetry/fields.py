"""The fields of many protobuf messages, as columns, in the parts in which ``columns`` finds them."""

from array import array
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from opsloop.telemetry.columns import Buffer

Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]

VARINT, I64, LEN, I32 = 0, 1, 2, 5


class Fields:
    """Fields of many messages. ``owner``: which message. ``tag``: the number, and in three bits the wire type.

    A field ends at ``end``, and its content begins two bytes after ``at`` if it is length-delimited, else one byte.
    Fields of one owner are in their order. They are kept in the parts in which they were found: a step over messages
    of one layout finds the same field in all of them, and whoever asks for it gets that part as it is.
    """

    def __init__(self, buffer: "Buffer", parts: list["Part"]) -> None:
        self.buffer = buffer
        self._parts = parts

    def __len__(self) -> int:
        return sum(len(part.at) for part in self._parts)

    @cached_property
    def _whole(self) -> "Part":
        """All parts as one."""
        parts = self._parts
        if len(parts) == 1:
            return parts[0]
        if not parts:
            none = np.empty(0, dtype=np.int64)
            return Part(none, none, none, none, None)
        owner, at, end = (np.concatenate([part[place] for part in parts]) for place in (0, 2, 3))
        if len({part.common for part in parts}) == 1 and parts[0].common is not None:
            return Part(owner, np.full(len(at), parts[0].common), at, end, parts[0].common)
        return Part(owner, np.concatenate([part.tag for part in parts]).astype(np.int64), at, end, None)

    @property
    def owner(self) -> Ints:
        """The message of each."""
        return self._whole.owner

    @property
    def at(self) -> Ints:
        """The place before the content of each."""
        return self._whole.at

    @property
    def end(self) -> Ints:
        """Where each ends."""
        return self._whole.end

    @property
    def number(self) -> Ints:
        """The field number of each."""
        return self._whole.tag.astype(np.int64) >> 3

    @property
    def wire(self) -> Ints:
        """The wire type of each."""
        return self._whole.tag.astype(np.int64) & 7

    @cached_property
    def begin(self) -> Ints:
        """Where the content of each begins."""
        if (common := self._whole.common) is not None:
            return self.at + (2 if common & 7 == LEN else 1)
        begin: Ints = self.at + ((self._whole.tag & 7) == LEN)
        begin += 1
        return begin

    @property
    def value(self) -> Bits:
        """The values of varints and fixed-width fields, as raw bits; 0 for all else."""
        if (common := self._whole.common) is not None:
            return self._values(self.at, common & 7)
        value = np.zeros(len(self), dtype=np.uint64)
        for wire in (VARINT, I64, I32):
            rows = np.flatnonzero(self.wire == wire)
            value[rows] = self._values(self.at[rows], wire)
        return value

    def _values(self, at: Ints, wire: int) -> Bits:
        if wire == VARINT:
            return self.buffer.varints(at + 1)
        if wire == LEN:
            return np.zeros(len(at), dtype=np.uint64)
        words = self.buffer.words(at + 1)
        return words & np.uint64(0xFFFFFFFF) if wire == I32 else words

    def of(self, number: int, wire: int) -> "Fields":
        """Return the fields of that number and wire type; with another wire type a number means nothing."""
        tag = number << 3 | wire
        found = []
        for part in self._parts:
            if part.common is None:
                rows = np.flatnonzero(part.tag == tag)
                if len(rows):
                    found.append(Part(part.owner.take(rows), part.tag, part.at.take(rows), part.end.take(rows), tag))
            elif part.common == tag:
                found.append(part)
        return Fields(self.buffer, found)

    def only(self, numbers: Iterable[int]) -> "Fields":
        """Return the fields of these numbers."""
        is_wanted = np.logical_or.reduce([self.number == number for number in numbers])
        whole, rows = self._whole, np.flatnonzero(is_wanted)
        part = Part(whole.owner[rows], whole.tag[rows], whole.at[rows], whole.end[rows], whole.common)
        return Fields(self.buffer, [part])

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


class Part(NamedTuple):
    """Fields that were found together; ``common`` is the tag of all of them, if they have one, and ``tag`` is not."""

    owner: Ints
    tag: NDArray[np.integer]
    at: Ints
    end: Ints
    common: int | None


class Steps:
    """Fields while they are found, in parts."""

    def __init__(self) -> None:
        self.seen = 0
        self._parts: list[Part] = []
        self._rows = array("q")  # a fifth of what tuples take

    def add(self, owner: Ints, tag: NDArray[np.integer], at: Ints, end: Ints) -> None:
        """Note fields that were found together."""
        if not len(owner):
            return
        self._flush()
        least = int(tag.min())
        self._parts.append(Part(owner, tag, at, end, least if least == tag.max() else None))
        self.seen += len(owner)

    def add_one(self, owner: int, tag: int, at: int, end: int) -> None:
        """Note one field."""
        self._rows.extend((owner, tag, at, end))
        self.seen += 1

    def parts(self) -> list[Part]:
        """Return everything noted, in order."""
        self._flush()
        return self._parts

    def _flush(self) -> None:
        if self._rows:
            owner, tag, at, end = np.frombuffer(self._rows, dtype=np.int64).reshape(-1, 4).T.copy()
            self._rows = array("q")
            self._parts.append(Part(owner, tag, at, end, None))
