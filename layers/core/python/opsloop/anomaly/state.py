"""What the detector remembers between runs: a row per series, in columns, and the anomalies that go on.

``OAM1``, then zlib of: length of the head (uint32), the head (JSON), the columns as they lie in memory.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly.model import Anomaly
from opsloop.anomaly.record import from_record, record
from opsloop.anomaly.series import Key
from opsloop.anomaly.step import fresh
from opsloop.dataclass import dataclass, field
from opsloop.errors import InvalidInputError

MAGIC = b"OAM1"
_LEVEL = 1  # most of it are random digits: level 6 takes four times as long for 3 %
_STORED_TYPES = {"|u1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8", "|b1", "|i1", "<u2", "<u4"}

Columns = dict[str, NDArray[Any]]

OWN: Mapping[str, tuple[str, int]] = {
    "born": ("<i4", 0),
    "heard": ("<i4", 0),
    "high_hits": ("|u1", 0),
    "low_hits": ("|u1", 0),
    "calm": ("|u1", 0),
    "steady": ("<f4", 0),
    "steps": ("<i4", 0),
}
"""Columns of every row, whatever the mathematics: first and last minute with a value; which of the last buckets were
hits, as bits; calm buckets since the last hit; of silence how steadily the service was heard, and over how many."""


@dataclass
class Memory:
    """What is remembered. Buckets before minute ``judged_to`` are judged, those before ``told_from`` without telling.

    Row ``i`` of every column in ``own`` and ``maths`` is of ``keys[i]``. ``open`` has the anomalies that go on.
    """

    judged_to: int
    told_from: int
    keys: list[Key] = field(default_factory=list)
    own: Columns = field(default_factory=lambda: fresh_columns(0))
    maths: Columns = field(default_factory=lambda: fresh(0))
    open: dict[Key, Anomaly] = field(default_factory=dict)

    def grow(self, keys: Sequence[Key], minute: int) -> None:
        """Add a row for each of ``keys``, born at ``minute``."""
        added = fresh_columns(len(keys))
        added["born"][:] = minute
        added["heard"][:] = minute
        self.own = _joined(self.own, added)
        self.maths = _joined(self.maths, fresh(len(keys)))
        self.keys = [*self.keys, *keys]

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Forget the rows for which ``is_kept`` is false."""
        self.own = {name: column[is_kept] for name, column in self.own.items()}
        self.maths = {name: column[is_kept] for name, column in self.maths.items()}
        self.keys = [key for key, kept in zip(self.keys, is_kept.tolist(), strict=True) if kept]


def fresh_columns(rows: int) -> Columns:
    """Return our own columns of ``rows`` new rows."""
    return {name: np.full(rows, value, dtype=kind) for name, (kind, value) in OWN.items()}


def encode(memory: Memory) -> bytes:
    """Return ``memory`` as bytes, the same for equal memories."""
    columns = [("own", memory.own), ("maths", memory.maths)]
    described = [
        [group, name, column.dtype.str, list(column.shape)] for group, each in columns for name, column in each.items()
    ]
    head = {
        "judged_to": memory.judged_to,
        "told_from": memory.told_from,
        "keys": _by_service(memory.keys),
        "columns": described,
        "open": [[list(key), record(memory.open[key])] for key in sorted(memory.open)],
    }
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    parts = [np.ascontiguousarray(column).tobytes() for _, each in columns for column in each.values()]
    return MAGIC + zlib.compress(b"".join([struct.pack("<I", len(text)), text, *parts]), _LEVEL)


def decode(body: bytes) -> Memory:
    """Return the memory that ``encode`` made ``body`` from; raise ``InvalidInputError`` for anything else."""
    if body[:4] != MAGIC:
        raise InvalidInputError(f"anomaly state: starts with {body[:4]!r}, not {MAGIC!r}")
    try:
        plain = zlib.decompress(body[4:])
        (length,) = struct.unpack_from("<I", plain)
        head = json.loads(plain[4 : 4 + length].decode("utf-8", "surrogatepass"))
        groups: dict[str, Columns] = {"own": {}, "maths": {}}
        at = 4 + length
        for group, name, kind, shape in head["columns"]:
            column = _column(plain, at, kind, shape)
            groups[group][name] = column
            at += column.nbytes
        return Memory(
            head["judged_to"],
            head["told_from"],
            [Key(service, *rest) for service, each in head["keys"] for rest in each],
            {**fresh_columns(0), **groups["own"]},
            {**fresh(0), **groups["maths"]},
            {Key(*key): from_record(content) for key, content in head["open"]},
        )
    except (zlib.error, struct.error, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"anomaly state: {error}") from None


def _column(plain: bytes, at: int, kind: str, shape: Sequence[int]) -> NDArray[Any]:
    if kind not in _STORED_TYPES:
        raise ValueError(f"a column has the unknown type {kind!r}")
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(plain, dtype=kind, count=count, offset=at).reshape(shape).copy()


def _by_service(keys: Iterable[Key]) -> list[tuple[str, list[list[str]]]]:
    """Return the keys in their order, runs of one service together."""
    runs: list[tuple[str, list[list[str]]]] = []
    for service, *rest in keys:
        if not runs or runs[-1][0] != service:
            runs.append((service, []))
        runs[-1][1].append(rest)
    return runs


def _joined(there: Columns, added: Columns) -> Columns:
    if not there:
        return added
    return {name: np.concatenate([column, added[name]]) for name, column in there.items()}
