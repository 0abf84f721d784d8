"""Records of one shard -> the segment that extends its log. Pure: all that is known, time included, comes in."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.catalog import Catalog
from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR, NS_PER_MINUTE
from opsloop.dataclass import dataclass, field, replace
from opsloop.telemetry.aggregate import Aggregate, merge, select
from opsloop.telemetry.columns import Bits, Ints
from opsloop.telemetry.envelope import Decoded
from opsloop.telemetry.exemplar import Exemplar, keep_one_each
from opsloop.telemetry.fault import UNEXPECTED
from opsloop.telemetry.grouping import combine
from opsloop.telemetry.limit import limit_series
from opsloop.telemetry.link_sample import sample
from opsloop.telemetry.links import pack
from opsloop.telemetry.logs import read_logs
from opsloop.telemetry.metrics import read_metrics
from opsloop.telemetry.otlp_schema import SIGNALS, Signal
from opsloop.telemetry.payload import Payload, Refusal, read_record
from opsloop.telemetry.segment import Segment, Share, StreamRecord, Unreadable
from opsloop.telemetry.shard_log import ShardLog
from opsloop.telemetry.span_exemplars import slowest
from opsloop.telemetry.spans import read_spans
from opsloop.telemetry.trace_hash import Spans
from opsloop.telemetry.values import Values, aggregate, joined

MAX_AGE_DAYS = 7
MAX_AHEAD_MINUTES = 10
CHUNK_RECORDS = 1024  # a chunk costs some 3 ms of steps, however small it is
CHUNK_BYTES = 8 << 20
PIECE_BYTES = 4 << 20  # a request above that is read in pieces: as columns it takes four times its size
EPOCH_DAY = date(1970, 1, 1)
_NEVER = 1 << 62

_READERS: dict[Signal, Callable[[Sequence[bytes], Catalog], tuple[list[Decoded], NDArray[np.bool_]]]] = {
    "traces": read_spans,
    "metrics": read_metrics,
    "logs": read_logs,
}


class _Part(NamedTuple):
    """One request, and the number of the record that holds it."""

    record: int
    payload: Payload


class _Timed(NamedTuple):
    """Values with their minutes, their own times, and where they lie if they are spans."""

    values: Values
    minute: Ints
    time_ns: Bits
    spans: Spans | None


@dataclass(frozen=True)
class _Rules:
    """What ``plan`` was told."""

    catalog: Catalog
    max_bytes: int
    max_age_minutes: int


@dataclass
class _Tally:
    """What is gathered while the requests are read. ``lineage``: service, minute and record of items, in parts."""

    services: dict[str, int] = field(default_factory=dict)
    lineage: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)
    parts: list[Aggregate] = field(default_factory=list)
    spans: list[_Timed] = field(default_factory=list)
    counted: list[_Timed] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    logs: list[tuple[int, bytes]] = field(default_factory=list)  # number of the record, good part of the request
    clamped: int = 0
    dropped: int = 0

    def refuse(self, record: StreamRecord, refused: Sequence[Refusal]) -> None:
        self.unreadable += [Unreadable(record, one.data, one.reason, one.kind) for one in refused]


def plan(
    records: Sequence[StreamRecord],
    log: ShardLog,
    catalog: Catalog,
    *,
    max_bytes: int,
    max_age_days: int = MAX_AGE_DAYS,
) -> Segment | None:
    """Return the segment that ``records``, in order of sequence, add to ``log``; None if it has all of them.

    A record at or below the tip is skipped; a request that was taken in within the window is a duplicate; what cannot
    be understood is listed as unreadable, and adds nothing. Items more than ``max_age_days`` older than their record's
    arrival are counted in the minute of arrival, unless the catalog opened a window for them (``backfill_from``), and
    so are those more than 10 minutes ahead. ``max_bytes`` bounds a record after inflation.
    """
    fresh = [record for record in records if record.sequence > log.tip]
    if not fresh:
        return None
    tally, rules = _Tally(), _Rules(catalog, max_bytes, max_age_days * MINUTES_PER_DAY)
    parts, fingerprints, duplicates = _parts(fresh, log, max_bytes, tally)
    for signal, chunk in _chunks(parts):
        _read(signal, chunk, fresh, rules, tally)
    tally.unreadable.sort(key=lambda one: one.record.sequence)
    tally.logs.sort(key=itemgetter(0))  # what was salvaged came last
    arrivals = [record.arrival_s for record in fresh]
    shares = _shares(tally)
    cells, exemplars, links = _result(tally, catalog)
    return Segment(
        start=log.tip,
        end=fresh[-1].sequence,
        cells=cells,
        shares=shares,
        records=len(fresh),
        items=sum(share.items for share in shares),
        duplicates=duplicates,
        clamped=tally.clamped,
        dropped=tally.dropped,
        fingerprints=tuple(fingerprints),
        unreadable=tuple(tally.unreadable),
        first_arrival_s=min(arrivals),
        last_arrival_s=max(arrivals),
        exemplars=exemplars,
        links=links,
        log_requests=tuple((arrivals[number], request) for number, request in tally.logs),
    )


def _result(tally: _Tally, catalog: Catalog) -> tuple[Aggregate, tuple[Exemplar, ...], bytes]:
    """Return the cells of everything, no more series than allowed, exemplars of those that are left, and the links."""
    wholes = [merge(tally.parts)] if tally.parts else []
    exemplars, links = tally.exemplars, b""
    for timed in (tally.spans, tally.counted):
        if timed:
            values, minute = joined([one.values for one in timed]), np.concatenate([one.minute for one in timed])
            wholes.append(aggregate(values, minute))
            time_ns = np.concatenate([one.time_ns for one in timed])
            places = [one.spans for one in timed if one.spans]
            exemplars += slowest(values, minute, time_ns, places)
            sampled = sample(values, minute, places)
            links = pack(sampled) if sampled is not None else links
    cells = wholes[0] if len(wholes) == 1 else merge(wholes)
    limited = limit_series(cells, lambda service: catalog.service(service).series_limit)
    if limited is not cells:
        left = set(limited.series)
        exemplars = [one for one in exemplars if one.series in left]
    return limited, keep_one_each(exemplars), links


def _parts(
    records: Sequence[StreamRecord], log: ShardLog, max_bytes: int, tally: _Tally
) -> tuple[list[_Part], list[int], int]:
    """Return the requests without duplicates, all fingerprints, and how many duplicates there were."""
    parts: list[_Part] = []
    taken_in: dict[int, float] = {}
    duplicates = 0
    for number, record in enumerate(records):
        try:
            reading = read_record(record.data, record.partition_key, max_bytes=max_bytes)
        except Exception as error:  # noqa: BLE001 - the boundary to strangers' bytes: none may hold up its shard
            tally.refuse(record, [_unexpected(record.data, error)])
            continue
        tally.refuse(record, reading.refused)
        for payload in reading.payloads:
            mark = payload.fingerprint
            if log.is_repetition(taken_in.get(mark), record.arrival_s) or log.is_duplicate(mark, record.arrival_s):
                duplicates += 1
                continue
            if log.window_s > 0:
                taken_in[mark] = record.arrival_s
            parts += [_Part(number, one) for one in _pieces(payload)]
    return parts, list(taken_in), duplicates


def _pieces(payload: Payload) -> Sequence[Payload]:
    if len(payload.protobuf) <= PIECE_BYTES:
        return (payload,)
    from opsloop.telemetry.split import pieces  # rare: records are a megabyte, compressed

    return [replace(payload, protobuf=one) for one in pieces(payload.protobuf, payload.signal, PIECE_BYTES)]


def _chunks(parts: Sequence[_Part]) -> Iterator[tuple[Signal, list[_Part]]]:
    """Yield the requests to be read together: of one signal, few enough and small enough."""
    for signal in SIGNALS:
        chunk: list[_Part] = []
        size = 0
        for part in parts:
            if part.payload.signal != signal:
                continue
            if chunk and (len(chunk) == CHUNK_RECORDS or size + len(part.payload.protobuf) > CHUNK_BYTES):
                yield signal, chunk
                chunk, size = [], 0
            chunk.append(part)
            size += len(part.payload.protobuf)
        if chunk:
            yield signal, chunk


def _read(signal: Signal, parts: list[_Part], records: Sequence[StreamRecord], rules: _Rules, tally: _Tally) -> None:
    try:
        decoded, is_bad = _READERS[signal]([part.payload.protobuf for part in parts], rules.catalog)
    except Exception as error:  # noqa: BLE001 - the boundary to strangers' bytes: set aside the one at fault only
        if len(parts) == 1:
            tally.refuse(records[parts[0].record], [_unexpected(parts[0].payload.protobuf, error)])
            return
        for part in parts:
            _read(signal, [part], records, rules, tally)
        return
    arrival = np.array([int(records[part.record].arrival_s) // 60 for part in parts], dtype=np.int64)
    numbers = np.array([part.record for part in parts])
    for one in decoded:
        _add(one, numbers, arrival, is_bad, rules, tally)
    if signal == "logs":
        pairs = zip(parts, is_bad.tolist(), strict=True)
        tally.logs += [(part.record, part.payload.protobuf) for part, is_not_good in pairs if not is_not_good]
    for place in np.flatnonzero(is_bad).tolist():
        _save(signal, parts[place], records, rules, tally)


def _save(signal: Signal, part: _Part, records: Sequence[StreamRecord], rules: _Rules, tally: _Tally) -> None:
    """Take the good part of a request that has a fault, and refuse the rest."""
    from opsloop.telemetry.salvage import salvage  # with the whole schema of OTLP: not for a batch without faults

    good, refused = salvage(part.payload.protobuf, signal)
    tally.refuse(records[part.record], refused)
    if good:
        _read(signal, [part._replace(payload=replace(part.payload, protobuf=good))], records, rules, tally)


def _unexpected(data: bytes, error: Exception) -> Refusal:
    return Refusal(data, f"unexpected {type(error).__name__}: {error}", UNEXPECTED)


def _add(one: Decoded, numbers: Ints, arrival: Ints, is_bad: NDArray[np.bool_], rules: _Rules, tally: _Tally) -> None:
    if is_bad.any():
        one = _without(one, is_bad)
    cells = one.cells
    minute, clamped = _minutes(one, arrival.take(one.record), rules)
    tally.clamped += clamped
    tally.dropped += int(one.dropped[~is_bad].sum())
    tally.exemplars += [exemplar for record, exemplar in one.exemplars if not is_bad[record]]
    if isinstance(cells, Values):
        of_signal = tally.counted if cells.value is None else tally.spans
        of_signal.append(_Timed(cells, minute, one.time_ns, one.spans))
    else:
        tally.parts.append(replace(cells, minute=minute))
    number = tally.services
    of_series = [number.setdefault(series.service, len(number)) for series in cells.series]
    service = np.array(of_series, dtype=np.int64).take(cells.series_index)
    tally.lineage.append((service, minute, numbers.take(one.record)))


def _without(one: Decoded, is_bad: NDArray[np.bool_]) -> Decoded:
    """Return the items of the good requests only."""
    kept = ~is_bad[one.record]
    cells = one.cells.only(kept) if isinstance(one.cells, Values) else select(one.cells, kept)
    spans = one.spans and one.spans.only(kept)
    return one._replace(cells=cells, record=one.record[kept], time_ns=one.time_ns[kept], spans=spans)


def _minutes(one: Decoded, arrival: Ints, rules: _Rules) -> tuple[Ints, int]:
    """Return the minute of each item, that of its arrival where its own time cannot be right, and how often so."""
    minute = (one.time_ns // np.uint64(NS_PER_MINUTE)).view(np.int64)
    is_off = minute < arrival - rules.max_age_minutes
    if is_off.any():
        opened = np.array([backfill_minute(rules.catalog, series.service) for series in one.cells.series])
        is_off &= minute < opened.take(one.cells.series_index)
    is_off |= minute > arrival + MAX_AHEAD_MINUTES
    clamped = int(np.count_nonzero(is_off))
    return (np.where(is_off, arrival, minute) if clamped else minute), clamped


def backfill_minute(catalog: Catalog, service: str) -> int:
    """Return the minute from which on the service's telemetry keeps its own time, however old it is."""
    day = catalog.service(service).backfill_from
    return (date.fromisoformat(day) - EPOCH_DAY).days * MINUTES_PER_DAY if day else _NEVER


def _shares(tally: _Tally) -> tuple[Share, ...]:
    """Return how many records and items each service and hour has."""
    if not tally.lineage:
        return ()
    service, minute, record = (np.concatenate(column) for column in zip(*tally.lineage, strict=True))
    if not len(service):
        return ()
    hour = minute // MINUTES_PER_HOUR
    codes, rows = combine((service, hour - int(hour.min()), record))
    items = np.bincount(codes)
    names = list(tally.services)
    totals: dict[tuple[str, int], list[int]] = {}
    for place, at, count in zip(service[rows].tolist(), hour[rows].tolist(), items.tolist(), strict=True):
        total = totals.setdefault((names[place], at * MINUTES_PER_HOUR), [0, 0])
        total[0] += 1
        total[1] += count
    return tuple(sorted(Share(name, at, *total) for (name, at), total in totals.items()))
