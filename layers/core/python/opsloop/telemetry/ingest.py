"""Records of one shard -> the segment that extends its log. Pure: all that is known, time included, comes in."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR, NS_PER_MINUTE
from opsloop.errors import PermanentError
from opsloop.telemetry.aggregate import Aggregate, merge, select
from opsloop.telemetry.columns import Bits, Ints, combine
from opsloop.telemetry.envelope import Decoded
from opsloop.telemetry.limit import limit_series
from opsloop.telemetry.logs import read_logs
from opsloop.telemetry.metrics import read_metrics
from opsloop.telemetry.otlp_schema import SIGNALS, Signal
from opsloop.telemetry.payload import Payload, read_payload
from opsloop.telemetry.segment import Segment, Share, StreamRecord, Unreadable
from opsloop.telemetry.shard_log import ShardLog
from opsloop.telemetry.spans import read_spans
from opsloop.telemetry.wire import validate

MAX_AGE_MINUTES = 7 * MINUTES_PER_DAY
MAX_AHEAD_MINUTES = 10
CHUNK_RECORDS = 256  # larger temporaries leave the processor's cache: 1.4 to 1.7 times slower
CHUNK_BYTES = 8 << 20

_READERS: dict[Signal, Callable[[Sequence[bytes], Catalog], tuple[list[Decoded], NDArray[np.bool_]]]] = {
    "traces": read_spans,
    "metrics": read_metrics,
    "logs": read_logs,
}


@dataclass
class _Tally:
    """What is gathered while the records are read. ``items`` counts per service, hour and record."""

    parts: list[Aggregate]
    items: Counter[tuple[str, int, int]]
    unreadable: list[Unreadable]
    clamped: int = 0
    dropped: int = 0


def plan(records: Sequence[StreamRecord], log: ShardLog, catalog: Catalog, *, max_bytes: int) -> Segment | None:
    """Return the segment that ``records``, in order of sequence, add to ``log``; None if it has all of them.

    A record at or below the tip is skipped; one that was taken in within the window is a duplicate; one that cannot be
    understood is listed as unreadable, whole, and adds nothing. Items more than 7 days older than their record's
    arrival, or more than 10 minutes ahead of it, are counted in the minute of arrival. ``max_bytes`` bounds a record
    after inflation.
    """
    fresh = [record for record in records if record.sequence > log.tip]
    if not fresh:
        return None
    payloads, fingerprints, unreadable = _payloads(fresh, log, max_bytes)
    tally = _Tally([], Counter(), unreadable)
    for signal, numbers in _chunks(payloads):
        _read(signal, numbers, payloads, fresh, catalog, tally)
    tally.unreadable.sort(key=lambda one: one.record.sequence)
    arrivals = [record.arrival_s for record in fresh]
    return Segment(
        start=log.tip,
        end=fresh[-1].sequence,
        cells=limit_series(merge(tally.parts), lambda service: catalog.service(service).series_limit),
        shares=_shares(tally.items),
        records=len(fresh),
        items=sum(tally.items.values()),
        duplicates=len(fresh) - len(payloads) - len(unreadable),
        clamped=tally.clamped,
        dropped=tally.dropped,
        fingerprints=tuple(fingerprints),
        unreadable=tuple(tally.unreadable),
        first_arrival_s=min(arrivals),
        last_arrival_s=max(arrivals),
    )


def _payloads(
    records: Sequence[StreamRecord], log: ShardLog, max_bytes: int
) -> tuple[dict[int, Payload], list[int], list[Unreadable]]:
    """Return the payloads by number of their record, without duplicates; all fingerprints; and what is none."""
    payloads: dict[int, Payload] = {}
    taken_in: dict[int, None] = {}
    unreadable = []
    for number, record in enumerate(records):
        try:
            payload = read_payload(record.data, record.partition_key, max_bytes=max_bytes)
        except PermanentError as error:
            unreadable.append(Unreadable(record, str(error)))
            continue
        except Exception as error:  # noqa: BLE001 - the boundary to strangers' bytes: none may hold up its shard
            unreadable.append(Unreadable(record, f"unexpected {type(error).__name__}: {error}"))
            continue
        mark = payload.fingerprint
        if mark not in taken_in and not log.is_duplicate(mark, record.arrival_s):
            taken_in[mark] = None
            payloads[number] = payload
    return payloads, list(taken_in), unreadable


def _chunks(payloads: dict[int, Payload]) -> Iterator[tuple[Signal, list[int]]]:
    """Yield the numbers of records to be read together: of one signal, few enough and small enough."""
    for signal in SIGNALS:
        chunk: list[int] = []
        size = 0
        for number, payload in payloads.items():
            if payload.signal != signal:
                continue
            if chunk and (len(chunk) == CHUNK_RECORDS or size + len(payload.protobuf) > CHUNK_BYTES):
                yield signal, chunk
                chunk, size = [], 0
            chunk.append(number)
            size += len(payload.protobuf)
        if chunk:
            yield signal, chunk


def _read(
    signal: Signal,
    numbers: list[int],
    payloads: dict[int, Payload],
    records: Sequence[StreamRecord],
    catalog: Catalog,
    tally: _Tally,
) -> None:
    try:
        decoded, is_bad = _READERS[signal]([payloads[number].protobuf for number in numbers], catalog)
    except Exception as error:  # noqa: BLE001 - the boundary to strangers' bytes: set aside the one at fault only
        if len(numbers) == 1:
            reason = f"unexpected {type(error).__name__}: {error}"
            tally.unreadable.append(Unreadable(records[numbers[0]], reason))
            return
        for number in numbers:
            _read(signal, [number], payloads, records, catalog, tally)
        return
    for place in np.flatnonzero(is_bad).tolist():
        payload = payloads[numbers[place]]
        tally.unreadable.append(Unreadable(records[numbers[place]], _fault(payload)))
    arrival = np.array([int(records[number].arrival_s) // 60 for number in numbers], dtype=np.int64)
    for one in decoded:
        _add(one, np.array(numbers), arrival, ~is_bad, tally)


def _add(one: Decoded, numbers: Ints, arrival: Ints, is_good: NDArray[np.bool_], tally: _Tally) -> None:
    minute, is_clamped = _minutes(one.time_ns, arrival[one.record])
    kept = is_good[one.record]
    cells = select(replace(one.cells, minute=minute), kept)
    tally.parts.append(merge([cells]))
    tally.clamped += int((is_clamped & kept).sum())
    tally.dropped += int(one.dropped[is_good].sum())
    if not len(cells):
        return
    services = [series.service for series in cells.series]
    number_of = {service: number for number, service in enumerate(dict.fromkeys(services))}
    service = np.array([number_of[name] for name in services])[cells.series_index]
    hour = cells.minute - cells.minute % MINUTES_PER_HOUR
    record = numbers[one.record[kept]]
    codes, rows = combine((record, (hour - hour.min()) // MINUTES_PER_HOUR, service))
    names = list(number_of)
    for row, items in zip(rows.tolist(), np.bincount(codes).tolist(), strict=True):
        tally.items[names[service[row]], int(hour[row]), int(record[row])] += items


def _minutes(time_ns: Bits, arrival: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the minute of each item, that of its arrival where its own time cannot be right."""
    minute = (time_ns // np.uint64(NS_PER_MINUTE)).astype(np.int64)
    is_off = (minute < arrival - MAX_AGE_MINUTES) | (minute > arrival + MAX_AHEAD_MINUTES)
    return np.where(is_off, arrival, minute), is_off


def _fault(payload: Payload) -> str:
    """Return why a request is malformed, with the place, from the strict check that reads it field by field."""
    try:
        validate(payload.protobuf, payload.signal)
    except PermanentError as error:
        return str(error)
    return f"not a {payload.signal} request: a message breaks off, or holds groups or too many fields"


def _shares(items: Counter[tuple[str, int, int]]) -> tuple[Share, ...]:
    totals: dict[tuple[str, int], list[int]] = {}
    for (service, hour, _), count in items.items():
        total = totals.setdefault((service, hour), [0, 0])
        total[0] += 1
        total[1] += count
    return tuple(sorted(Share(service, hour, *total) for (service, hour), total in totals.items()))
