"""A large OTLP request -> several, each a valid request that fits one record.

Cut at the boundaries of resources, scopes, metrics and items; every part repeats the resource and scope (and for
points the metric) around its items. The same body gives the same parts, so that a re-send is known by its
fingerprints. An item is a span, a log record, or a data point; points of one metric may go to several parts.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from opsloop.dataclass import dataclass
from opsloop.errors import PermanentError, TooLargeError
from opsloop.telemetry.item import fault_of
from opsloop.telemetry.otlp_json import varint
from opsloop.telemetry.otlp_schema import LEN, Signal
from opsloop.telemetry.wire import scan

# Field numbers to follow from a request down to its items: resource, scope, item (for metrics: metric, data, point).
LEVELS: dict[Signal, tuple[tuple[int, ...], ...]] = {
    "traces": ((1,), (2,), (2,)),
    "metrics": ((1,), (2,), (2,), (5, 7, 9, 10, 11), (1,)),
    "logs": ((1,), (2,), (2,)),
}
MAX_MESSAGES = 500_000  # items, and resources, scopes and metrics around them; each costs 4 us and 150 bytes
_FRAME_BYTES = 6  # at most, of a container: one byte of tag, five of length


@dataclass(frozen=True, slots=True)
class Part:
    """One request that holds ``items`` items. ``is_oversize``: one thing that cannot be cut, above the limit."""

    protobuf: bytes
    items: int
    is_oversize: bool = False


@dataclass(frozen=True, slots=True)
class Division:
    """The parts of a request in order; and what was refused, as requests of their own, with reasons and counts."""

    parts: tuple[Part, ...]
    refused: tuple[Part, ...]
    reasons: Counter[str]

    @property
    def items(self) -> int:
        """How many items were accepted."""
        return sum(part.items for part in self.parts)


class Container(NamedTuple):
    """A message around items: its tag, what it holds besides them, and the containers around it."""

    tag: int
    header: bytes
    parent: "Container | None"
    header_bytes: int  # of it and of all around it, frames included


class Leaf(NamedTuple):
    """An item with its tag and length, or a whole container whose header is too large to be repeated."""

    data: bytes
    parent: Container | None
    items: int
    fault: str


def divide(request: bytes, signal: Signal, max_bytes: int) -> Division:
    """Return ``request`` (valid, see ``wire.validate``) as parts of at most ``max_bytes`` each.

    Items that OTLP's data model calls invalid are refused. A container whose headers alone take more than half of
    ``max_bytes`` is not cut: repeating them would multiply the data. Containers without items are left out.

    Raises ``TooLargeError`` above ``MAX_MESSAGES`` items and containers.
    """
    good: list[Leaf] = []
    bad: list[Leaf] = []
    for leaf in _Walk(request, signal, max_bytes // 2).leaves(0, len(request), 0, None):
        (bad if leaf.fault else good).append(leaf)
    if not bad and len(request) <= max_bytes:
        items = sum(leaf.items for leaf in good)
        return Division((Part(request, items),) if items else (), (), Counter())
    reasons: Counter[str] = Counter()
    for leaf in bad:
        reasons[leaf.fault] += leaf.items
    return Division(tuple(_pack(good, max_bytes)), tuple(_pack(bad, max_bytes)), reasons)


def pieces(request: bytes, signal: Signal, max_bytes: int) -> tuple[bytes, ...]:
    """Return ``request`` as requests of about ``max_bytes`` that count together what it counts.

    Nothing is refused: one that is malformed, or has too many items to be cut, is returned whole.
    """
    try:
        leaves = list(_Walk(request, signal, max_bytes // 2, is_checked=False).leaves(0, len(request), 0, None))
    except PermanentError:
        return (request,)
    return tuple(part.protobuf for part in _pack(leaves, max_bytes))


class _Walk:
    """The way through one request, down to its items, of which invalid ones are found if ``is_checked``."""

    def __init__(self, data: bytes, signal: Signal, most_header: int, *, is_checked: bool = True) -> None:
        self._data, self._signal, self._most_header = data, signal, most_header
        self._is_checked = is_checked
        self._messages = 0

    def leaves(self, at: int, end: int, level: int, parent: Container | None) -> Iterator[Leaf]:
        """Yield what lies between two positions and is not to be cut."""
        data, levels = self._data, LEVELS[self._signal]
        is_last = level == len(levels) - 1
        for number, wire, start, value, stop in scan(data, at, end):
            if number not in levels[level] or wire != LEN:
                continue
            self._count()
            if is_last:
                fault = fault_of(data, value, stop, self._signal) if self._is_checked else ""
                yield Leaf(data[start:stop], parent, 1, fault)
                continue
            container = _open(data, number, value, stop, levels[level + 1], parent)
            inner = self.leaves(value, stop, level + 1, container)
            if container.header_bytes <= self._most_header:
                yield from inner
            elif items := sum(leaf.items for leaf in inner):
                yield Leaf(data[start:stop], parent, items, "")

    def _count(self) -> None:
        self._messages += 1
        if self._messages > MAX_MESSAGES:
            raise TooLargeError(f"body has more than {MAX_MESSAGES} items and groups of items: send smaller batches")


def _open(
    data: bytes, number: int, at: int, end: int, children: tuple[int, ...], parent: Container | None
) -> Container:
    header = b"".join(
        data[start:stop] for found, wire, start, _, stop in scan(data, at, end) if found not in children or wire != LEN
    )
    around = parent.header_bytes if parent else 0
    return Container(number << 3 | LEN, header, parent, around + len(header) + _FRAME_BYTES)


def _pack(leaves: list[Leaf], max_bytes: int) -> Iterator[Part]:
    """Fill one part after the other, in order."""
    part: list[Leaf] = []
    size = 0
    for leaf in leaves:
        cost = len(leaf.data) + _new_header_bytes(leaf.parent, part[-1].parent if part else None)
        if part and size + cost > max_bytes:
            yield join(part, max_bytes)
            part, size = [], 0
            cost = len(leaf.data) + _new_header_bytes(leaf.parent, None)
        part.append(leaf)
        size += cost
    if part:
        yield join(part, max_bytes)


def _path(container: Container | None) -> list[Container]:
    """Return the containers from the outermost to ``container``."""
    path: list[Container] = []
    while container is not None:
        path.append(container)
        container = container.parent
    return path[::-1]


def _new_header_bytes(wanted: Container | None, current: Container | None) -> int:
    """Return at most how many bytes it takes to open ``wanted`` where ``current`` is open."""
    if wanted is None or wanted is current:
        return 0
    shared = current
    inside = {id(container) for container in _path(wanted)}
    while shared is not None and id(shared) not in inside:
        shared = shared.parent
    return wanted.header_bytes - (shared.header_bytes if shared else 0)


def join(leaves: list[Leaf], max_bytes: int) -> Part:
    """Return the request that holds ``leaves``, each inside its containers."""
    root: list[bytes] = []
    stack: list[tuple[Container, list[bytes]]] = []

    def close(depth: int) -> None:
        while len(stack) > depth:
            container, chunks = stack.pop()
            body = b"".join((container.header, *chunks))
            (stack[-1][1] if stack else root).append(varint(container.tag) + varint(len(body)) + body)

    for leaf in leaves:
        path = _path(leaf.parent)
        shared = 0
        while shared < len(stack) and shared < len(path) and stack[shared][0] is path[shared]:
            shared += 1
        close(shared)
        stack.extend((container, []) for container in path[shared:])
        (stack[-1][1] if stack else root).append(leaf.data)
    close(0)
    request = b"".join(root)
    return Part(request, sum(leaf.items for leaf in leaves), is_oversize=len(request) > max_bytes)
