"""Which stream each cumulative point belongs to: what one sender counts under one set of attributes.

A stream is named by a hash of its resource and attributes. Its start is no part of the name: it stands in each state,
so a process that starts anew, or a summary per minute, makes no new series. Nor is the attribute that tells replicas
apart: their streams have equal names, of which a reader counts one.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from opsloop.telemetry.columns import Fields, Ints
from opsloop.telemetry.envelope import Messages, Requests
from opsloop.telemetry.wire import WireError, scan

MAX_REMEMBERED = 20_000
_remembered: dict[tuple[bytes, bytes], str] = {}  # the same streams come again every few seconds
_KEY, _ATTRIBUTES, _LEN = 1, 1, 2


def streams_of(
    requests: Requests, points: Messages, attributes: Fields, rows: Ints, replica_keys: Sequence[str]
) -> tuple[Ints, list[str]]:
    """Return for each point the number of its stream, -1 for those not in ``rows``, and the streams' names.

    ``replica_keys`` names, for each resource, the attribute that is left out, or is empty.
    """
    ids = np.full(len(points), -1, dtype=np.int64)
    if not len(rows):
        return ids, []
    data, texts = requests.buffer.data, _Attributes(requests.buffer.data, attributes)
    begin, end, is_run = _runs(attributes, len(points))
    places = [
        blake2b(content + b"\0" + key.encode(), digest_size=16).digest()
        for content, key in zip(requests.resource_bytes, replica_keys, strict=True)
    ]
    numbers: dict[str, int] = {}
    known: dict[tuple[bytes, bytes], int] = {}
    columns = (rows, points.resource[rows], begin[rows], end[rows], is_run[rows])
    found = []
    for row, resource, first, last, is_whole in zip(*(column.tolist() for column in columns), strict=True):
        place = places[resource], data[first:last] if is_whole else texts.joined(row)
        number = known.get(place)
        if number is None:
            name = _remembered.get(place)
            if name is None:
                key = replica_keys[resource].encode()
                name = _name(_without(requests.resource_bytes[resource], key), texts.of(row), key)
                _remember(place, name)
            number = known[place] = numbers.setdefault(name, len(numbers))
        found.append(number)
    ids[rows] = found
    return ids, list(numbers)


class _Attributes:
    """The attributes of single points, found only when they are asked for."""

    def __init__(self, data: bytes, fields: Fields) -> None:
        self._data, self._fields = data, fields
        self._order: Ints | None = None

    def of(self, row: int) -> list[bytes]:
        """Return the attributes of one point, as they were sent."""
        if self._order is None:
            self._order = np.argsort(self._fields.owner, kind="stable")
            self._owner = self._fields.owner[self._order]
        first, last = np.searchsorted(self._owner, (row, row + 1)).tolist()
        rows = self._order[first:last]
        ranges = zip(self._fields.begin[rows].tolist(), self._fields.end[rows].tolist(), strict=True)
        return [self._data[begin:end] for begin, end in ranges]

    def joined(self, row: int) -> bytes:
        """Return the attributes of one point in one piece, each with its length."""
        return _joined(self.of(row))


def _runs(attributes: Fields, points: int) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Return where each point's attributes begin, with their tag, and end, and whether nothing else lies between."""
    begin, end, first_head = (np.zeros(points, dtype=np.int64) for _ in range(3))
    length = attributes.end - attributes.begin
    head = 2 + np.searchsorted(1 << np.arange(7, 42, 7), length, side="right")  # one byte of tag, and the length
    backwards = slice(None, None, -1)  # of several assignments the last one stays: so the first attribute's
    begin[attributes.owner[backwards]] = attributes.begin[backwards]
    first_head[attributes.owner[backwards]] = head[backwards]
    end[attributes.owner] = attributes.end
    size = np.bincount(attributes.owner, weights=length + head, minlength=points).astype(np.int64)
    begin -= first_head
    return begin, end, end - begin == size


def _remember(place: tuple[bytes, bytes], name: str) -> None:
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    _remembered[place] = name


def _name(resource: bytes, attributes: list[bytes], replica_key: bytes) -> str:
    own = [one for one in attributes if not replica_key or _key(one) != replica_key]
    return blake2b(_joined([resource, *sorted(own)]), digest_size=8).hexdigest()


def _joined(parts: list[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _without(resource: bytes, replica_key: bytes) -> bytes:
    """Return the attributes of a Resource message but that one; the whole message if none is to be left out."""
    if not replica_key:
        return resource
    try:
        ranges = [
            (begin, end)
            for number, wire, _, begin, end in scan(resource, 0, len(resource))
            if (number, wire) == (_ATTRIBUTES, _LEN)
        ]
    except WireError:
        return resource  # its request is refused elsewhere
    parts = [resource[begin:end] for begin, end in ranges]
    return _joined([part for part in parts if _key(part) != replica_key])


def _key(attribute: bytes) -> bytes:
    try:
        parts = {number: attribute[begin:end] for number, _, _, begin, end in scan(attribute, 0, len(attribute))}
    except WireError:
        return b""
    return parts.get(_KEY, b"")
