"""An aggregate as bytes, compact and the same for equal aggregates, and back.

``OLA1``, then zlib of: length of the head (uint32), the head (JSON: series and columns with their types), the columns.
The columns ``since`` and ``at``, the two of ``times``, are there only where cells are states of cumulative streams.
Integer columns are stored in the narrowest type that holds them; all numbers are little-endian. Bucket keys are stored
as the first of each cell (``bucket_first``) and the steps from each to the next (``bucket_step``), mostly bytes.
"""

import json
import struct
import zlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opsloop.errors import InvalidInputError
from opsloop.telemetry.aggregate import Aggregate
from opsloop.telemetry.model import Series

MAGIC = b"OLA1"
MAX_DECODED_BYTES = 256 << 20
_COLUMNS = {
    "series_index": np.int32,
    "minute": np.int64,
    "count": np.int64,
    "errors": np.int64,
    "total": np.float64,
    "minimum": np.float64,
    "maximum": np.float64,
    "scale": np.int8,
    "bucket_start": np.int64,
    "bucket_key": np.int32,
    "bucket_count": np.int64,
}
_KEYS = {"bucket_first": np.int32, "bucket_step": np.int32}
_TIMES = ("since", "at")
_LEVEL = 4  # a tenth of a percent larger than at level 6, in half the time
_STORED_TYPES = {"i1", "<i2", "<i4", "<i8", "<f8"}
_SERIES_FOLLOW, _COLUMNS_FOLLOW = b'{"series":', b',"columns":'


def encode(aggregate: Aggregate) -> bytes:
    """Return ``aggregate`` as bytes; equal canonical aggregates give equal bytes."""
    columns = {name: _narrow(column) for name, column in _columns(aggregate).items()}
    if aggregate.times is not None:
        columns |= {name: _narrow(aggregate.times[:, place]) for place, name in enumerate(_TIMES)}
    head = {
        "series": [
            [one.service, one.metric, one.kind, one.operation, one.unit, one.attributes, one.bounds]
            for one in aggregate.series
        ],
        "columns": [[name, column.dtype.str.lstrip("|"), len(column)] for name, column in columns.items()],
    }
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    body = b"".join([struct.pack("<I", len(text)), text, *(column.tobytes() for column in columns.values())])
    return MAGIC + zlib.compress(body, _LEVEL)


def decode(body: bytes) -> Aggregate:
    """Return the aggregate that ``encode`` made ``body`` from; raise ``InvalidInputError`` for anything else."""
    if body[:4] != MAGIC:
        raise InvalidInputError(f"aggregate: starts with {body[:4]!r}, not {MAGIC!r}")
    try:
        plain = inflated(body[4:])
        (length,) = struct.unpack_from("<I", plain)
        series, columns = _read_head(plain[4 : 4 + length])
        aggregate = Aggregate(series=series, **_read_columns(columns, plain, 4 + length))
        _check(aggregate)
    except (zlib.error, struct.error, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InvalidInputError(f"aggregate: {error}") from None
    return aggregate


def inflated(body: bytes) -> bytes:
    """Return what was compressed; raise ``ValueError`` or ``zlib.error`` if it is cut short, or a bomb."""
    inflater = zlib.decompressobj()
    plain = inflater.decompress(body, MAX_DECODED_BYTES)
    if not inflater.eof:
        raise ValueError(f"cut short, or more than {MAX_DECODED_BYTES} bytes")
    return plain


def _columns(aggregate: Aggregate) -> dict[str, NDArray[Any]]:
    """Return the columns as they are stored, but for their types."""
    columns: dict[str, NDArray[Any]] = {name: getattr(aggregate, name) for name in _COLUMNS if name != "bucket_key"}
    start, key = aggregate.bucket_start, aggregate.bucket_key
    first_bucket = start[:-1][np.diff(start) > 0]
    step = np.diff(key, prepend=np.int32(0))
    step[first_bucket] = 0
    first = np.zeros(len(aggregate), dtype=np.int32)
    first[np.diff(start) > 0] = key[first_bucket]
    return columns | {"bucket_first": first, "bucket_step": step}


def _with_keys(columns: dict[str, Any]) -> dict[str, Any]:
    """Return ``columns`` with bucket keys instead of their steps; bodies of older versions have keys."""
    if "bucket_key" in columns:
        return columns
    first, step, start = columns.pop("bucket_first"), columns.pop("bucket_step"), columns["bucket_start"]
    if len(first) != len(start) - 1 or (len(start) and int(start[-1]) != len(step)):
        raise ValueError("bucket keys do not fit their cells")
    reached = np.cumsum(step)
    size = np.diff(start)
    before = np.zeros(len(first), dtype=np.int64)
    before[size > 0] = reached[start[:-1][size > 0]]
    return columns | {"bucket_key": (reached + np.repeat(first - before, size)).astype(np.int32)}


def _narrow(column: NDArray[Any]) -> NDArray[Any]:
    if column.dtype.kind == "f":
        return column.astype("<f8")
    low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    for kind in ("i1", "<i2", "<i4"):
        bounds = np.iinfo(kind)
        if bounds.min <= low and high <= bounds.max:
            return column.astype(kind)
    return column.astype("<i8")


def _read_columns(described: list[Any], plain: bytes, at: int) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, kind, length in described:
        if kind not in _STORED_TYPES:
            raise ValueError(f"column {name!r} has the unknown type {kind!r}")
        column = np.frombuffer(plain, dtype=kind, count=length, offset=at)
        at += column.nbytes
        columns[name] = column.astype(np.int64 if name in _TIMES else _KEYS.get(name) or _COLUMNS[name])
    if _TIMES[0] in columns:
        columns["times"] = np.stack([columns.pop(name) for name in _TIMES], axis=1)
    return _with_keys(columns)


def _read_head(text: bytes) -> tuple[tuple[Series, ...], list[Any]]:
    """Return the series and the description of the columns, which comes last."""
    start, _, columns = text.rpartition(_COLUMNS_FOLLOW)
    if not start.startswith(_SERIES_FOLLOW):
        raise ValueError("it does not begin with its series")
    return _read_series(start.removeprefix(_SERIES_FOLLOW)), json.loads(columns[:-1])


@lru_cache(maxsize=8)
def _read_series(text: bytes) -> tuple[Series, ...]:
    """Return the series; what a service sends is minute after minute the same, and need not be read each time."""
    return tuple(_series(item) for item in json.loads(text.decode("utf-8", "surrogatepass")))


def _series(item: list[Any]) -> Series:
    service, metric, kind, operation, unit, attributes, bounds = item
    return Series(service, metric, kind, operation, unit, tuple((k, v) for k, v in attributes), tuple(bounds))


def _check(aggregate: Aggregate) -> None:
    n = len(aggregate.minute)
    for name in ("series_index", "count", "errors", "total", "minimum", "maximum", "scale"):
        if len(getattr(aggregate, name)) != n:
            raise ValueError(f"column {name} is not of length {n}")
    if aggregate.times is not None and len(aggregate.times) != n:
        raise ValueError(f"times are not of length {n}")
    start = aggregate.bucket_start
    ends = (int(start[0]), int(start[-1])) if len(start) == n + 1 else None
    if ends != (0, len(aggregate.bucket_key)) or len(aggregate.bucket_count) != ends[1] or (np.diff(start) < 0).any():
        raise ValueError("buckets do not fit their cells")
    if n and not (aggregate.series_index.min() >= 0 and aggregate.series_index.max() < len(aggregate.series)):
        raise ValueError("a cell names a series that is not there")
