"""A protobuf request with a fault in it -> its good items, and a request of their own that holds the others.

An item is a span, a log record or a data point. It is kept if it is right by the schema, and the headers of the
scope and resource (and metric) around it are. What is refused keeps its bytes as they came, inside its envelope, so
that somebody can fix and replay it. A request that is cut off keeps the whole items before the cut; of metrics, the
whole metrics: whether points are deltas stands after them.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from opsloop.errors import PermanentError, TooLargeError
from opsloop.telemetry.fault import MALFORMED, TRUNCATED, kind_of
from opsloop.telemetry.otlp_schema import LEN, MESSAGES, REQUESTS, Message, Signal
from opsloop.telemetry.reading import Refusal
from opsloop.telemetry.split import LEVELS, MAX_MESSAGES, Container, Leaf, join
from opsloop.telemetry.wire import WireError, check_message, read_varint, scan

_IN_RESOURCE, _IN_SCOPE = 1, 2  # levels: what lies inside a resource, and inside a scope
MAX_REASONS = 3  # that a refusal tells in full; the others are counted

_Field = tuple[int, int, int, int, int]  # as ``wire.scan`` yields them


def salvage(request: bytes, signal: Signal) -> tuple[bytes, tuple[Refusal, ...]]:
    """Return the good part of a protobuf request that did not parse, and what is refused of it, with reasons.

    The good part is a valid request, empty if nothing can be saved; a refused part keeps its bytes as they came.
    """
    walk = _Walk(request, signal)
    try:
        walk.take(0, len(request), REQUESTS[signal], 0, None, "")
    except PermanentError as error:
        return b"", (Refusal(request, str(error), kind_of(error)),)
    if not walk.bad and walk.is_cut_off and walk.good:
        walk.refuse(b"", walk.good[-1].parent, f"request is cut off between two items, at byte {len(request)}")
    if not walk.bad:
        reason = f"not a {signal} request: a message breaks off, or holds groups or too many fields"
        return b"", (Refusal(request, reason, MALFORMED),)
    refused = join(walk.bad, len(request)).protobuf
    good = join(walk.good, len(request)).protobuf if walk.good else b""
    kind = TRUNCATED if walk.is_cut_off else MALFORMED
    return good, (Refusal(refused if good else request, summary(walk.reasons), kind),)


def summary(reasons: Sequence[str]) -> str:
    """Return the first of ``reasons``, and how many more there are."""
    text = "; ".join(reasons[:MAX_REASONS])
    return text if len(reasons) <= MAX_REASONS else f"{text}; and {len(reasons) - MAX_REASONS} more"


class _Walk:
    """The way through one request: good and bad leaves in order, and what is wrong with the bad ones."""

    def __init__(self, data: bytes, signal: Signal) -> None:
        self._data, self._levels = data, LEVELS[signal]
        self._messages = 0
        self.good: list[Leaf] = []
        self.bad: list[Leaf] = []
        self.reasons: list[str] = []
        self.is_cut_off = False

    def take(self, at: int, end: int, message: Message, level: int, parent: Container | None, path: str) -> None:
        """Take in what lies between two positions: the inside of a container called ``message``."""
        children, cut, fault = self._fields(at, end, level)
        if fault is not None and (level > _IN_SCOPE or (level == _IN_RESOURCE and parent and not parent.header)):
            # what tells whose the items are, or what points mean, may be in the part that is lost
            children, cut = [], at
        for place, (number, _, start, value, stop) in enumerate(children):
            self._count()
            field = message.fields[number]
            step = f"{path}.{field.name}" if path else field.name
            step = f"{step}[{place}]" if field.repeated else step
            self._take_child(start, value, stop, MESSAGES[field.message], level, parent, step)
        if fault is not None:
            self.is_cut_off = self.is_cut_off or end == len(self._data)
            self.refuse(self._data[cut:end], parent, f"{path}: {fault.reason}" if path else fault.reason)

    def _take_child(
        self, start: int, value: int, stop: int, message: Message, level: int, parent: Container | None, path: str
    ) -> None:
        data = self._data
        try:
            if level == len(self._levels) - 1:
                check_message(data, value, stop, message.name)
                self.good.append(Leaf(data[start:stop], parent, 1, ""))
                return
            header = self._header(value, stop, message, self._levels[level + 1])
        except WireError as error:
            self.refuse(data[start:stop], parent, f"{path}.{error}" if error.path else f"{path}: {error}")
            return
        tag, _ = read_varint(data, start, value)
        self.take(value, stop, message, level + 1, Container(tag, header, parent, 0), path)

    def _fields(self, at: int, end: int, level: int) -> tuple[list[_Field], int, WireError | None]:
        """Return the children of a container, where it stops to be readable, and why.

        In a request that is cut off, the last child may go on beyond the end: what there is of it is a child too.
        """
        children: list[_Field] = []
        cut = at
        try:
            for field in scan(self._data, at, end):
                if field[0] in self._levels[level] and field[1] == LEN:
                    children.append(field)
                cut = field[4]
        except WireError as error:
            partial = self._partial(cut, end, level)
            if partial is None:
                return children, cut, error
            self.is_cut_off = True
            return [*children, partial], end, None
        return children, end, None

    def _partial(self, at: int, end: int, level: int) -> _Field | None:
        """Return the container that starts at ``at`` and reaches beyond the end of the whole request."""
        if end != len(self._data) or level >= _IN_SCOPE:
            return None
        try:
            tag, value = read_varint(self._data, at, end)
            _, value = read_varint(self._data, value, end)
        except WireError:
            return None
        if tag & 7 != LEN or tag >> 3 not in self._levels[level]:
            return None
        return tag >> 3, LEN, at, value, end

    def _header(self, at: int, end: int, message: Message, children: tuple[int, ...]) -> bytes:
        """Return the fields of a container that are not its children; raise ``WireError`` if one is wrong."""
        parts = []
        for number, wire, start, _, stop in self._readable(at, end):
            if number not in children or wire != LEN:
                check_message(self._data, start, stop, message.name)
                parts.append(self._data[start:stop])
        return b"".join(parts)

    def _readable(self, at: int, end: int) -> Iterator[_Field]:
        """Yield the fields of a container up to where it breaks off: what follows is refused with its children."""
        with suppress(WireError):
            yield from scan(self._data, at, end)

    def refuse(self, data: bytes, parent: Container | None, reason: str) -> None:
        """Take in bytes that cannot be read, inside ``parent``."""
        self.bad.append(Leaf(data, parent, 1, reason))
        self.reasons.append(reason)

    def _count(self) -> None:
        self._messages += 1
        if self._messages > MAX_MESSAGES:
            raise TooLargeError(f"request has more than {MAX_MESSAGES} items and groups of items: send smaller batches")
