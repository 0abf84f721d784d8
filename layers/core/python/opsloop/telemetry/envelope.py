"""What the three OTLP requests share: requests hold resources, these hold scopes, these hold items with attributes."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.columns import I64, LEN, VARINT, Bits, Buffer, Fields, Ints
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.grouping import combine
from opsloop.telemetry.model import Series
from opsloop.telemetry.wire import WireError, read_varint, scan

UNKNOWN_SERVICE = "unknown_service"
SERVICE_NAMES = (
    "service.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
    "k8s.pod.name",
    "faas.name",
    "container.name",
    "host.name",
    "k8s.node.name",
    "k8s.cluster.name",
)
"""Resource attributes that may name a service, the best first: what runs before where it runs."""

MAX_NAME_CHARACTERS = 200
_RESOURCE, _SCOPES, _ITEMS = 1, 2, 2
_KEY, _VALUE = 1, 2
_ANY_STRING, _ANY_BOOL, _ANY_INT, _ANY_DOUBLE = 1, 2, 3, 4


@dataclass(frozen=True)
class Messages:
    """Messages of one kind, with the request (record) and the resource that each belongs to."""

    begin: Ints
    end: Ints
    record: Ints
    resource: Ints

    def __len__(self) -> int:
        return len(self.begin)

    def of(self, fields: Fields) -> "Messages":
        """Return the messages that lie in ``fields`` of these messages."""
        return Messages(fields.begin, fields.end, self.record[fields.owner], self.resource[fields.owner])


class Decoded(NamedTuple):
    """Items of one signal, one cell each in ``cells``, in no order; ``cells.minute`` is not set yet.

    ``record`` is the position of each item's request, ``time_ns`` its time since the epoch. ``dropped`` counts per
    request the items that hold no number that could be counted. ``exemplars`` come with the hour of their own time;
    each names the position of its request.
    """

    cells: Aggregate
    record: Ints
    time_ns: Bits
    dropped: Ints
    exemplars: tuple[tuple[int, Exemplar], ...] = ()


class Requests:
    """Several OTLP requests of one signal, read together. ``is_bad`` tells which of them turned out malformed."""

    def __init__(self, bodies: Sequence[bytes], catalog: Catalog) -> None:
        self.buffer = Buffer(*bodies)
        ends = np.cumsum([len(body) for body in bodies], dtype=np.int64)
        begins = ends - np.array([len(body) for body in bodies], dtype=np.int64)
        self.is_bad = np.zeros(len(bodies), dtype=bool)
        self._catalog = catalog
        self._requests = Messages(begins, ends, np.arange(len(bodies)), np.zeros(len(bodies), dtype=np.int64))
        self.services: list[str] = []
        self._resources: list[dict[str, str]] = []
        self._resource_kind: Ints = np.empty(0, dtype=np.int64)
        self.resource_bytes: list[bytes] = []

    def items(self) -> Messages:
        """Return the spans, metrics or log records of all requests; ``resource`` numbers ``self.services``."""
        groups = self._requests.of(self.scan(self._requests).of(1, LEN))
        found = self.scan(groups, (_RESOURCE, _SCOPES))
        self._read_resources(*found.ranges(_RESOURCE, len(groups)), groups.record)
        groups = Messages(groups.begin, groups.end, groups.record, self._resource_kind)
        scopes = groups.of(found.of(_SCOPES, LEN))
        return scopes.of(self.scan(scopes, (_ITEMS,)).of(_ITEMS, LEN))

    def scan(self, messages: Messages, wanted: Iterable[int] | None = None) -> Fields:
        """Return the fields of ``messages``, and note the requests in which one is malformed."""
        fields, is_bad = self.buffer.scan(messages.begin, messages.end, wanted)
        if is_bad.any():
            self.is_bad[messages.record[is_bad]] = True
        return fields

    def names(self, begin: Ints, end: Ints) -> tuple[Ints, list[str]]:
        """Return for each range the number of the name in it, and the names."""
        ids, contents = self.buffer.distinct(begin, end)
        return ids, [name_of(content) for content in contents]

    def pairs(self, attributes: Messages, owner: Ints) -> "Pairs":
        """Return the key-value pairs ``attributes``, each of the item ``owner``."""
        fields = self.scan(attributes, (_KEY, _VALUE))
        n = len(attributes)
        return Pairs(self, owner, attributes.record, *fields.ranges(_KEY, n), *fields.ranges(_VALUE, n))

    def dimensions(self, items: Messages, pairs: "Pairs") -> tuple[Ints, list[tuple[tuple[str, str], ...]]]:
        """Return for each item the number of its dimensions, and the dimensions by number, sorted by name.

        They are what the catalog allows for the item's service: the item's own attributes, else its resource's.
        """
        allowed = [self._catalog.service(service).dimensions for service in self.services]
        columns, texts = [], []
        keys = sorted({key for keys in allowed for key in keys})
        for key in keys:
            ids, values = pairs.text(key, len(items))
            inherited = [resource.get(key) for resource in self._resources]
            values = [*values, *(value or "" for value in inherited)]
            own = len(values) - len(inherited)
            fallback = np.array([own + i if value is not None else -1 for i, value in enumerate(inherited)])
            may = np.array([key in keys for keys in allowed], dtype=bool)
            if len(items):
                ids = np.where(ids < 0, fallback[items.resource], ids)
                ids = np.where(may[items.resource], ids, -1)
            columns.append(ids)
            texts.append(values)
        if not columns:
            return np.zeros(len(items), dtype=np.int64), [()]
        codes, rows = combine(columns)
        return codes, [
            tuple((key, text[ids[row]]) for key, ids, text in zip(keys, columns, texts, strict=True) if ids[row] >= 0)
            for row in rows.tolist()
        ]

    def _read_resources(self, begin: Ints, end: Ints, record: Ints) -> None:
        """Read each distinct resource once: a sender repeats its own in every request."""
        self._resource_kind, self.resource_bytes = self.buffer.distinct(begin, end)
        for kind, content in enumerate(self.resource_bytes):
            attributes = resource_attributes(content)
            if attributes is None:
                self.is_bad[record[self._resource_kind == kind]] = True
            self._resources.append(attributes or {})
            self.services.append(service_name(attributes or {}))


@dataclass(frozen=True)
class Pairs:
    """Key-value pairs of items, and where their keys and values lie."""

    _requests: Requests
    owner: Ints
    record: Ints
    key_begin: Ints
    key_end: Ints
    value_begin: Ints
    value_end: Ints

    def text(self, key: str, items: int) -> tuple[Ints, list[str]]:
        """Return for each item the number of its text under ``key`` (-1: none, or a list or bytes), and the texts."""
        buffer = self._requests.buffer
        rows = np.flatnonzero(buffer.is_equal(self.key_begin, self.key_end, key.encode()))
        ids = np.full(items, -1, dtype=np.int64)
        numbers, contents = buffer.distinct(self.value_begin[rows], self.value_end[rows])
        values = [any_value_text(content) for content in contents]
        has_text = np.array([value is not None for value in values], dtype=bool)
        chosen = has_text[numbers] if len(numbers) else np.zeros(0, dtype=bool)
        ids[self.owner[rows[chosen]]] = numbers[chosen]
        return ids, [value or "" for value in values]


def series_of(columns: Sequence[Ints]) -> tuple[Ints, list[tuple[int, ...]]]:
    """Return for each item the number of its combination of ``columns``, and the combinations."""
    codes, rows = combine(columns)
    return codes, [tuple(int(column[row]) for column in columns) for row in rows.tolist()]


def cells_of(series: list[Series], index: Ints, **columns: NDArray) -> Aggregate:  # type: ignore[type-arg]
    """Return the aggregate with one cell per item, not merged, its minutes not set."""
    return Aggregate(
        series=tuple(series),
        series_index=index.astype(np.int32),
        minute=np.zeros(len(index), dtype=np.int64),
        **columns,
    )


def name_of(content: bytes) -> str:
    """Return a name as text; one of more than ``MAX_NAME_CHARACTERS`` is cut, and told apart by a hash."""
    text = content.decode("utf-8", "replace")
    if len(text) <= MAX_NAME_CHARACTERS:
        return text
    return f"{text[:MAX_NAME_CHARACTERS]}~{blake2b(content, digest_size=4).hexdigest()}"


def service_name(attributes: dict[str, str]) -> str:
    """Return the name under which a resource with these attributes is counted."""
    return next((attributes[key] for key in SERVICE_NAMES if attributes.get(key)), UNKNOWN_SERVICE)


@lru_cache(maxsize=4096)
def resource_attributes(content: bytes) -> dict[str, str] | None:
    """Return the scalar attributes of one Resource message as text; None if it is malformed."""
    attributes: dict[str, str] = {}
    try:
        for number, wire, _, begin, end in scan(content, 0, len(content)):
            if (number, wire) != (1, LEN):
                continue
            pair = {part: content[first:last] for part, _, _, first, last in scan(content, begin, end)}
            text = _any_value(pair.get(_VALUE, b""))
            if text is not None:
                attributes[name_of(pair.get(_KEY, b""))] = text
    except WireError:
        return None
    return attributes


def any_value_text(content: bytes) -> str | None:
    """Return a scalar AnyValue as text: true and false, numbers in decimal; None for all else."""
    try:
        return _any_value(content)
    except WireError:
        return None


def _any_value(content: bytes) -> str | None:
    text: str | None = None
    for number, wire, _, begin, end in scan(content, 0, len(content)):
        if (number, wire) == (_ANY_STRING, LEN):
            text = name_of(content[begin:end])
        elif (number, wire) == (_ANY_BOOL, VARINT):
            text = "true" if read_varint(content, begin, end)[0] else "false"
        elif (number, wire) == (_ANY_INT, VARINT):
            bits = read_varint(content, begin, end)[0]
            text = str(bits - (1 << 64) if bits >> 63 else bits)
        elif (number, wire) == (_ANY_DOUBLE, I64):
            text = repr(struct.unpack_from("<d", content, begin)[0])
        else:
            text = None
    return text
