"""What requests hold beside numbers: resources, scopes, attributes, times. For people who look at a file.

The walk is one message after the other, and keeps what it has seen where a message breaks off: it explains what
ingest counts, it does not count.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from opsloop.dataclass import dataclass, field
from opsloop.telemetry.envelope import any_value_text, name_of, resource_attributes, service_name
from opsloop.telemetry.otlp_schema import I64, LEN, MESSAGES, REQUESTS, Message
from opsloop.telemetry.payload import Payload
from opsloop.telemetry.wire import WireError, scan

_TIMES = {
    "Span": ("start_time_unix_nano",),
    "LogRecord": ("time_unix_nano", "observed_time_unix_nano"),
    "NumberDataPoint": ("time_unix_nano",),
    "HistogramDataPoint": ("time_unix_nano",),
    "ExponentialHistogramDataPoint": ("time_unix_nano",),
    "SummaryDataPoint": ("time_unix_nano",),
}
"""The items, and the fields that tell the time of each: the first that is set counts."""
_CONTAINERS = frozenset(
    f"{kind}{signal}" for kind in ("Resource", "Scope") for signal in ("Spans", "Metrics", "Logs")
) | {"Metric", "Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"}

Attributes = tuple[tuple[str, str], ...]


@dataclass
class Census:
    """How many items there are of each resource, scope and so on; ``attributes`` by service and key of the item.

    ``times_ns`` are those of the items, where they have one.
    """

    resources: Counter[Attributes] = field(default_factory=Counter)
    scopes: Counter[tuple[str, str]] = field(default_factory=Counter)
    attributes: Counter[tuple[str, str]] = field(default_factory=Counter)
    times_ns: list[int] = field(default_factory=list)

    @property
    def items(self) -> int:
        """Return how many items there are."""
        return self.scopes.total()

    def keys(self, service: str) -> list[str]:
        """Return the names of the attributes that items of ``service`` have, or their resources, sorted."""
        own = {key for name, key in self.attributes if name == service}
        around = {key for one in self.resources if service_name(dict(one)) == service for key, _ in one}
        return sorted(own | around)


@dataclass(frozen=True)
class _Around:
    """What stands around an item."""

    resource: Attributes = ()
    scope: tuple[str, str] = ("", "")


def take_census(payloads: Iterable[Payload]) -> Census:
    """Return what the requests hold."""
    census = Census()
    for payload in payloads:
        _walk(payload.protobuf, 0, len(payload.protobuf), REQUESTS[payload.signal], _Around(), census)
    return census


def _walk(data: bytes, at: int, end: int, message: Message, around: _Around, census: Census) -> None:
    if message.name in _TIMES:
        _note_item(data, at, end, message, around, census)
        return
    inner: list[tuple[int, int, Message]] = []
    for number, wire, value, stop in _fields(data, at, end):
        known = message.fields.get(number)
        if known is None or wire != LEN:
            continue
        if known.message == "Resource":
            around = _Around(tuple(sorted((resource_attributes(data[value:stop]) or {}).items())), around.scope)
        elif known.message == "InstrumentationScope":
            texts = {n: name_of(data[v:s]) for n, w, v, s in _fields(data, value, stop) if w == LEN}
            around = _Around(around.resource, (texts.get(1, ""), texts.get(2, "")))
        elif known.message in _CONTAINERS or known.message in _TIMES:
            inner.append((value, stop, MESSAGES[known.message]))
    for value, stop, below in inner:
        _walk(data, value, stop, below, around, census)


def _note_item(data: bytes, at: int, end: int, message: Message, around: _Around, census: Census) -> None:
    census.resources[around.resource] += 1
    census.scopes[around.scope] += 1
    service = service_name(dict(around.resource))
    times: dict[str, int] = {}
    for number, wire, value, stop in _fields(data, at, end):
        known = message.fields.get(number)
        if known is None:
            continue
        if known.name == "attributes" and wire == LEN:
            pair = {n: data[v:s] for n, _, v, s in _fields(data, value, stop)}
            if any_value_text(pair.get(2, b"")) is not None:
                census.attributes[service, name_of(pair.get(1, b""))] += 1
        elif wire == I64 and known.name in _TIMES[message.name]:
            times[known.name] = int.from_bytes(data[value:stop], "little")
    census.times_ns += next(([times[name]] for name in _TIMES[message.name] if times.get(name)), [])


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, begin and end of the fields up to the first that cannot be read."""
    with suppress(WireError):
        for number, wire, _, value, stop in scan(data, at, end):
            yield number, wire, value, stop
