"""What the three OTLP requests share: requests hold resources, these hold scopes, these hold items with attributes."""

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog, Service
from opsloop.dataclass import dataclass
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.columns import I64, LEN, VARINT, Bits, Buffer, Fields, Ints
from opsloop.telemetry.exemplar import Exemplar
from opsloop.telemetry.grouping import combine
from opsloop.telemetry.model import Series
from opsloop.telemetry.semconv import names_of, new_name
from opsloop.telemetry.trace_hash import Spans
from opsloop.telemetry.values import Values
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
_KEY_TAG, _VALUE_TAG, _ONE_BYTE, _LONG_KEY = 0x0A, 0x12, 0x80, 255
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
        return Messages(fields.begin, fields.end, self.record.take(fields.owner), self.resource.take(fields.owner))


class Decoded(NamedTuple):
    """Items of one signal. ``cells``: one cell each, in no order, ``cells.minute`` not set yet; or their values.

    ``record`` is the position of each item's request, ``time_ns`` its time since the epoch. ``dropped`` counts per
    request the items that hold no number that could be counted. ``exemplars`` come with the hour of their own time;
    each names the position of its request. ``spans``: where these lie, if they are spans.
    """

    cells: Aggregate | Values
    record: Ints
    time_ns: Bits
    dropped: Ints
    exemplars: tuple[tuple[int, Exemplar], ...] = ()
    spans: Spans | None = None


class Requests:
    """Several OTLP requests of one signal, read together. ``is_bad`` tells which of them turned out malformed."""

    def __init__(self, bodies: Sequence[bytes], catalog: Catalog) -> None:
        self.buffer = Buffer(*bodies)
        ends = np.cumsum([len(body) for body in bodies], dtype=np.int64)
        begins = ends - np.array([len(body) for body in bodies], dtype=np.int64)
        self.is_bad = np.zeros(len(bodies), dtype=bool)
        self._catalog = catalog
        self._requests = Messages(begins, ends, np.arange(len(bodies)), np.zeros(len(bodies), dtype=np.int64))
        self._known: dict[str, Service] = {}
        self.services: list[str] = []
        self._resources: list[dict[str, str]] = []
        self._resource_kind: Ints = np.empty(0, dtype=np.int64)
        self.resource_bytes: list[bytes] = []

    def service(self, name: str) -> Service:
        """Return what the catalog says of a service."""
        if name not in self._known:
            self._known[name] = self._catalog.service(name)
        return self._known[name]

    def items(self) -> Messages:
        """Return the spans, metrics or log records of all requests; ``resource`` numbers ``self.services``."""
        groups = self._requests.of(self.scan(self._requests).of(1, LEN))
        found = self.scan(groups)
        self._read_resources(*found.ranges(_RESOURCE, len(groups)), groups.record)
        groups = Messages(groups.begin, groups.end, groups.record, self._resource_kind)
        scopes = groups.of(found.of(_SCOPES, LEN))
        return scopes.of(self.scan(scopes).of(_ITEMS, LEN))

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

    def pairs(self, items: Messages, attributes: Fields) -> "Pairs":
        """Return the key-value pairs of ``items`` that lie in their fields ``attributes``."""
        return Pairs(self, items, attributes)

    def dimension_names(self) -> list[str]:
        """Return the attributes that the catalog allows for any of the services, by their new names, sorted."""
        return sorted({new_name(name) for service in set(self.services) for name in self.service(service).dimensions})

    def dimensions(self, items: Messages, pairs: "Pairs") -> tuple[Ints, list[tuple[tuple[str, str], ...]]]:
        """Return for each item the number of its dimensions, and the dimensions by number, sorted by name.

        They are what the catalog allows for the item's service: the item's own attributes, else its resource's.
        """
        names = self.dimension_names()
        columns, texts = pairs.columns(names, len(items))
        columns, texts = self.inherited(items, names, columns, texts)
        if not columns:
            return np.zeros(len(items), dtype=np.int64), [()]
        codes, rows = combine(columns)
        return codes, [named(names, [int(column[row]) for column in columns], texts) for row in rows.tolist()]

    def inherited(
        self, items: Messages, names: Sequence[str], columns: Sequence[Ints], texts: list[str]
    ) -> tuple[list[Ints], list[str]]:
        """Return ``columns``, one per name, with resources' attributes where items have none and -1 where none may be.

        ``texts`` are the attributes by the numbers in the columns; they are returned with some more.
        """
        numbers = {text: number for number, text in enumerate(texts)}
        allowed = [{new_name(name) for name in self.service(service).dimensions} for service in self.services]
        filled = []
        for name, ids in zip(names, columns, strict=True):
            found = [next((r[one] for one in names_of(name) if one in r), None) for r in self._resources]
            fallback = [-1 if text is None else numbers.setdefault(text, len(numbers)) for text in found]
            if len(items) and max(fallback) >= 0:
                ids = np.where(ids < 0, np.array(fallback).take(items.resource), ids)
            may = np.array([name in one for one in allowed], dtype=bool)
            if len(items) and not may.all():
                ids = np.where(may.take(items.resource), ids, -1)
            filled.append(ids)
        return filled, list(numbers)

    def per_service(self, items: Messages, value: Callable[[Service], int]) -> Ints:
        """Return for each item a number that the catalog says of its service."""
        return np.array([value(self.service(name)) for name in self.services], dtype=np.int64).take(items.resource)

    def service_numbers(self, items: Messages) -> tuple[Ints, list[str]]:
        """Return for each item the number of its service, and the services: several resources may be of one."""
        names = list(dict.fromkeys(self.services))
        number = {name: at for at, name in enumerate(names)}
        return np.array([number[name] for name in self.services], dtype=np.int64).take(items.resource), names

    def _read_resources(self, begin: Ints, end: Ints, record: Ints) -> None:
        """Read each distinct resource once: a sender repeats its own in every request."""
        self._resource_kind, self.resource_bytes = self.buffer.distinct(begin, end)
        for kind, content in enumerate(self.resource_bytes):
            attributes = resource_attributes(content)
            if attributes is None:
                self.is_bad[record[self._resource_kind == kind]] = True
            self._resources.append(attributes or {})
            self.services.append(service_name(attributes or {}))


class Pairs:
    """Key-value pairs of items, and where their keys and values lie.

    A pair as exporters write it is a key and a value, each of less than 128 bytes: four bytes tell that it is one. Only
    the others are taken apart.
    """

    def __init__(self, requests: Requests, items: Messages, attributes: Fields) -> None:
        self._buffer = buffer = requests.buffer
        self.owner = attributes.owner
        begin, end = attributes.begin, attributes.end
        key_size = buffer.bytes[1:].take(begin)
        value_at = begin + key_size
        value_at += 2
        value_size = buffer.bytes[1:].take(value_at)
        is_usual = (buffer.bytes.take(begin) == _KEY_TAG) & (buffer.bytes.take(value_at) == _VALUE_TAG)
        is_usual &= (key_size | value_size) < _ONE_BYTE
        value_at += 2
        is_usual &= value_at + value_size == end
        self._key_begin, self._key_size = begin + 2, key_size
        self._value_begin, self._value_end = value_at, end
        if not is_usual.all():
            self._take_apart(requests, items, begin, np.flatnonzero(~is_usual))

    def find(self, key: str) -> Ints:
        """Return the pairs with that key, in their order."""
        name = key.encode()
        if not 0 < len(name) < _LONG_KEY:
            return np.empty(0, dtype=np.int64)
        rows = np.flatnonzero(self._key_size == len(name))
        is_it: NDArray[np.bool_] = self._buffer.texts(len(name))[self._key_begin.take(rows)] == name
        return rows[is_it]

    def text(self, key: str, items: int) -> tuple[Ints, list[str]]:
        """Return for each item the number of its text under ``key`` (-1: none, or a list or bytes), and the texts."""
        (ids,), texts = self._columns([[self.find(key)]], items)
        return ids, texts

    def columns(self, names: Sequence[str], items: int) -> tuple[list[Ints], list[str]]:
        """Return per attribute, given by its new name, the number of each item's text (-1: none), and the texts.

        An attribute is found under its old names as well; the new one wins. Lists and bytes have no text.
        """
        return self._columns([[self.find(one) for one in names_of(name)] for name in names], items)

    def _columns(self, found: list[list[Ints]], items: int) -> tuple[list[Ints], list[str]]:
        """Return for each group of pairs, the preferred ones first, each item's text; and the texts."""
        every = [rows for group in found for rows in group if len(rows)]
        if not every:
            return [np.full(items, -1, dtype=np.int64) for _ in found], []
        rows = np.concatenate(every)
        numbers, contents = self._buffer.distinct(self._value_begin.take(rows), self._value_end.take(rows))
        texts: dict[str, int] = {}
        of_content = [
            -1 if (text := any_value_text(one)) is None else texts.setdefault(text, len(texts)) for one in contents
        ]
        numbers = np.array(of_content, dtype=np.int64).take(numbers)
        column_of = iter(np.split(numbers, np.cumsum([len(rows) for rows in every])[:-1]))
        columns = []
        for group in found:
            ids = np.full(items, -1, dtype=np.int64)
            parts = [(rows, next(column_of)) for rows in group if len(rows)]
            for rows, column in reversed(parts):
                if column.min() < 0:
                    rows, column = rows[column >= 0], column[column >= 0]
                ids[self.owner.take(rows)] = column
            columns.append(ids)
        return columns, list(texts)

    def _take_apart(self, requests: Requests, items: Messages, begin: Ints, rows: Ints) -> None:
        owner = self.owner[rows]
        some = Messages(begin[rows], self._value_end[rows], items.record[owner], items.resource[owner])
        fields = requests.scan(some)
        begin, end = fields.ranges(_KEY, len(rows))
        self._key_begin[rows], self._key_size[rows] = begin, np.minimum(end - begin, _LONG_KEY)
        self._value_begin[rows], ends = fields.ranges(_VALUE, len(rows))
        self._value_end = self._value_end.copy()
        self._value_end[rows] = ends


def named(names: Sequence[str], ids: Sequence[int], texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of name and text for the numbers that are no -1."""
    return tuple((name, texts[number]) for name, number in zip(names, ids, strict=True) if number >= 0)


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
