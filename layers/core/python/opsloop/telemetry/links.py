"""Spans of a sample of traces, as far as they tell who called whom, in columns; packed they go with a segment.

Whether a trace is in the sample follows from its id alone, so that of a call both ends are in it or neither, whatever
batch, shard or service they come by [1]_. The hash of the id begins with so many zero bits (``zeros``); a sample of
level L has the traces with L of them and more, one in 2^L. A call of which one end was kept at level a and the other at
b was found with the probability 2^-max(a, b), so it stands for 2^max(a, b) calls: an estimate without bias, and exact
at level 0.

References
----------
.. [1] OpenTelemetry, *TraceState: Probability Sampling*: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
"""

import json
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError
from opsloop.telemetry.encoding import inflated
from opsloop.telemetry.model import SPAN_KINDS

Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]

MAGIC = b"OLL1"
HASH_BITS = 53  # what a float64 holds exactly, which tells the zeros
ID_BYTES = 6  # of a span: a million of them among as many share one by chance once in 300 hours
MAX_PACKED_BYTES = 300_000  # of an item, which ends at 400 KB
STEPS_PER_OCTAVE = 64
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_COLUMNS = (("zeros", "u1"), ("level", "u1"), ("name", "<i4"), ("peer", "<i4"), ("minute", "<i4"), ("step", "<i2"))

Name = tuple[str, str, str]
"""Service, kind of span, operation."""
Peer = tuple[str, str]
"""What a span says it calls: kind of node, and its name."""


@dataclass(frozen=True)
class Links:
    """Sampled spans. ``names`` and ``peers`` are numbered in the columns; ``peer`` -1 is none.

    ``span`` and ``parent`` are 48-bit hashes of trace and span id, ``parent`` 0 for none. ``minute`` is since the
    epoch; ``step`` the duration as 64 times its base-2 logarithm in ns. ``level`` is the level at which each was kept,
    and ``highest`` the greatest at which anything was, also if nothing is left of that.
    """

    highest: int
    names: tuple[Name, ...]
    peers: tuple[Peer, ...]
    span: Bits
    parent: Bits
    zeros: Ints
    level: Ints
    name: Ints
    peer: Ints
    minute: Ints
    step: Ints
    is_error: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.span)


def steps_of(duration_ns: NDArray[np.float64]) -> Ints:
    """Return durations as steps; the error is 0.55 % at most. What is shorter than 1 ns counts as that."""
    steps: Ints = np.rint(np.log2(np.maximum(duration_ns, 1.0)) * STEPS_PER_OCTAVE).astype(np.int64)
    return steps


def milliseconds(step: Ints) -> NDArray[np.float64]:
    """Return the durations that steps stand for."""
    ns: NDArray[np.float64] = np.exp2(step / STEPS_PER_OCTAVE)
    return ns / 1e6


def none(highest: int = 0) -> Links:
    """Return a sample without spans."""
    bits, ints = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    return Links(highest, (), (), bits, bits, ints, ints, ints, ints, ints, ints, np.empty(0, dtype=bool))


def select(links: Links, wanted: NDArray[np.bool_]) -> Links:
    """Return the spans for which ``wanted`` is true, with the names and peers that these have."""
    rows = np.flatnonzero(wanted)
    name_of, name = np.unique(links.name[rows], return_inverse=True)
    used_peers = np.unique(links.peer[rows])
    used_peers = used_peers[used_peers >= 0]
    peer = np.where(links.peer[rows] < 0, -1, np.searchsorted(used_peers, links.peer[rows]))
    columns = {key: getattr(links, key)[rows] for key in ("span", "parent", "zeros", "level", "minute", "step")}
    return Links(
        highest=links.highest,
        names=tuple(links.names[one] for one in name_of.tolist()),
        peers=tuple(links.peers[one] for one in used_peers.tolist()),
        name=name.reshape(-1),
        peer=peer,
        is_error=links.is_error[rows],
        **columns,
    )


def thin(links: Links, level: int) -> Links:
    """Return the part of the sample that is one of ``level`` as well."""
    if not (links.level < level).any():
        return replace(links, highest=max(links.highest, level))
    kept = select(links, (links.level >= level) | (links.zeros >= level))
    return replace(kept, level=np.maximum(kept.level, level), highest=max(links.highest, level))


def joined(parts: Iterable[Links]) -> Links:
    """Return all spans of ``parts`` as one sample."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    names: dict[Name, int] = {}
    peers: dict[Peer, int] = {}
    if not parts:
        return none()
    name = [_renumbered(one.name, [names.setdefault(each, len(names)) for each in one.names]) for one in parts]
    peer = [_renumbered(one.peer, [peers.setdefault(each, len(peers)) for each in one.peers]) for one in parts]
    columns = {
        key: np.concatenate([getattr(one, key) for one in parts])
        for key in ("span", "parent", "zeros", "level", "minute", "step", "is_error")
    }
    return Links(
        highest=max(one.highest for one in parts),
        names=tuple(names),
        peers=tuple(peers),
        name=np.concatenate(name),
        peer=np.concatenate(peer),
        **columns,
    )


def pack(links: Links) -> bytes:
    """Return ``links`` as bytes, thinned to what fits into an item; no spans, of whatever level, are few bytes."""
    while len(packed := _packed(links)) > MAX_PACKED_BYTES:
        links = thin(links, int(links.level.min()) + 1)
    return packed


def unpack(packed: bytes) -> Links:
    """Return what ``pack`` wrote; raise ``InvalidInputError`` for anything else."""
    if packed[:4] != MAGIC:
        raise InvalidInputError(f"links: start with {packed[:4]!r}, not {MAGIC!r}")
    try:
        count, size = struct.unpack_from("<II", packed, 4)
        plain = inflated(packed[12 : 12 + size])
        (length,) = struct.unpack_from("<I", plain)
        highest, names, peers, services, operations = json.loads(plain[4 : 4 + length].decode("utf-8", "surrogatepass"))
        columns: dict[str, Ints] = {}
        at = 4 + length
        for key, kind in _COLUMNS:
            column = np.frombuffer(plain, dtype=kind, count=count, offset=at)
            at += column.nbytes
            columns[key] = column.astype(np.int64)
        ids = packed[12 + size :]
        links = Links(
            highest=int(highest),
            names=tuple((services[a], SPAN_KINDS[b], operations[c]) for a, b, c in names),
            peers=tuple((kind, name) for kind, name in peers),
            span=_ids(ids[: count * ID_BYTES], count),
            parent=_ids(ids[count * ID_BYTES :], count),
            is_error=np.frombuffer(plain, dtype=np.bool_, count=count, offset=at),
            **columns,
        )
        _check(links)
    except (zlib.error, struct.error, ValueError, TypeError, IndexError, RecursionError) as error:
        raise InvalidInputError(f"links: {error}") from None
    return links


def _renumbered(column: Ints, numbers: Sequence[int]) -> Ints:
    return np.array([*numbers, -1], dtype=np.int64)[column]  # -1, none, is the last


def _packed(links: Links) -> bytes:
    services: dict[str, int] = {}
    operations: dict[str, int] = {}
    names = [
        (services.setdefault(a, len(services)), SPAN_KINDS.index(kind), operations.setdefault(b, len(operations)))
        for a, kind, b in links.names
    ]
    head = _JSON.encode([links.highest, names, links.peers, list(services), list(operations)])
    text = head.encode("utf-8", "surrogatepass")
    columns = [getattr(links, key).astype(kind).tobytes() for key, kind in _COLUMNS]
    plain = b"".join((struct.pack("<I", len(text)), text, *columns, links.is_error.tobytes()))
    small = zlib.compress(plain, 1)
    ids = [np.ascontiguousarray(one).view(np.uint8).reshape(-1, 8)[:, :ID_BYTES] for one in (links.span, links.parent)]
    return b"".join((MAGIC, struct.pack("<II", len(links), len(small)), small, *(one.tobytes() for one in ids)))


def _ids(data: bytes, count: int) -> Bits:
    wide = np.zeros((count, 8), dtype=np.uint8)
    wide[:, :ID_BYTES] = np.frombuffer(data, dtype=np.uint8).reshape(count, ID_BYTES)
    return wide.view("<u8").reshape(-1)


def _check(links: Links) -> None:
    for column, least, end in ((links.name, 0, len(links.names)), (links.peer, -1, len(links.peers))):
        if len(column) and not (column.min() >= least and column.max() < end):
            raise ValueError("a span names something that is not there")
