"""Ingest against the obvious implementation, in one process: ``python -m bench.ingest [--events DIR] [--json FILE]``.

Measured from the bytes of a Kinesis event to the finished body of a segment, as CPU time of one core, the two by turns.
The ratio is what carries over to another machine; the rates are this machine's, whose speed in a plain Python loop
stands beside them. Both have to find the same, else the run fails at its end. ``--events``: each file of a directory is
a case, an event as Lambda delivers it; the obvious one reads plain and gzipped protobuf, and knows no states of
cumulative streams. The peak memory is that of a fresh process over one event.
"""

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from pybase64 import b64decode

from bench.events import CASES, make_event
from opsloop.catalog import Catalog, Service
from opsloop.runtime.allocator import keep_freed_memory
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import Segment, StreamRecord, decode_body, encode_body
from opsloop.telemetry.shard_log import ShardLog, padded

ROUNDS = 7
MAX_INFLATED_BYTES = 64 << 20
DIMENSIONS = ("http.request.method", "http.route")
CATALOG = Catalog({}, Service("", 4, "", "", "", DIMENSIONS, 2_000, 0.05, is_declared=False))


@dataclass(frozen=True)
class Row:
    """One case: events are spans, log records or data points."""

    case: str
    events_per_s: float
    obvious_events_per_s: float
    ratio: float


def ingest(event: bytes) -> tuple[Segment, bytes]:
    """Return the segment of a Kinesis event, and its body as it is stored."""
    records = [
        StreamRecord(
            padded(record["kinesis"]["sequenceNumber"]),
            record["kinesis"]["partitionKey"],
            b64decode(record["kinesis"]["data"], validate=True),
            float(record["kinesis"]["approximateArrivalTimestamp"]),
        )
        for record in json.loads(event)["Records"]
    ]
    segment = plan(records, ShardLog("bench", 900), CATALOG, max_bytes=MAX_INFLATED_BYTES)
    if segment is None:
        raise AssertionError("a fresh log took in nothing")
    return segment, encode_body(segment.cells, segment.shares, segment.exemplars)


def check_equal(case: str, event: bytes) -> None:
    """Raise unless both find the same in the event: exactly, sums to rounding."""
    from bench import obvious

    found, body = obvious.ingest(event, CATALOG)
    segment, our_body = ingest(event)
    ours = (segment.items, segment.duplicates, segment.clamped, segment.dropped, len(segment.unreadable))
    theirs = (found.items, found.duplicates, found.clamped, found.dropped, 0)
    if ours != theirs:
        raise AssertionError(f"{case}: items, duplicates, clamped, dropped, unreadable: {ours}, obvious {theirs}")
    if our_body != body:  # sums of fractions depend on their order
        (cells, *rest), (their_cells, *their_rest) = decode_body(our_body), decode_body(body)
        same = rest == their_rest and cells.series == their_cells.series and len(cells) == len(their_cells)
        for column in fields(cells)[1:]:
            one, other = getattr(cells, column.name), getattr(their_cells, column.name)
            tolerance = 1e-12 if column.name == "total" else 0.0
            if one is None or other is None or not same:
                same = same and one is other
            else:
                same = one.shape == other.shape and np.allclose(one, other, tolerance, 0.0, equal_nan=True)
        if not same:
            raise AssertionError(f"{case}: the bodies of the segments differ")


def measure(case: str, event: bytes) -> Row:
    """Return the rates of one case, and the median of the ratios of rounds next to each other."""
    from bench import obvious

    items = ingest(event)[0].items
    gc.collect()
    gc.freeze()  # what is there already is neither's garbage
    pairs = [(steady_s(lambda: ingest(event)), steady_s(lambda: obvious.ingest(event, CATALOG))) for _ in range(ROUNDS)]
    ours, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(slow / fast for fast, slow in pairs)
    return Row(case, round(items / ours), round(items / plain), round(ratio, 2))


def steady_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds of ``work`` once it has run: a function does nothing else between two batches."""
    gc.collect()
    work()
    return cpu_s(work)


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds that ``work`` takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def loop_per_s() -> float:
    """Return how many steps of a plain Python loop this machine does per second."""

    def loop() -> None:
        total = 0
        for number in range(1_000_000):
            total += number & 7

    return 1_000_000 / statistics.median(cpu_s(loop) for _ in range(5))


def peak_mb(event: bytes) -> float:
    """Return the peak memory of a fresh process that takes in ``event`` twice."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(event)
        file.flush()
        command = [sys.executable, "-m", "bench.ingest", "--peak-of", file.name]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _print_peak(path: Path) -> None:
    event = path.read_bytes()
    for _ in range(2):
        ingest(event)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _events(directory: Path | None) -> Iterator[tuple[str, bytes]]:
    if directory is None:
        yield from ((case.name, make_event(case)) for case in CASES)
    else:
        yield from ((path.stem, path.read_bytes()) for path in sorted(directory.glob("*.json")))


def main(arguments: list[str] | None = None) -> None:
    """Compare results, then time both and print rates and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=main.__doc__)
    parser.add_argument("--events", type=Path, metavar="DIR", help="directory of event files instead of our own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON, too")
    parser.add_argument("--peak-of", type=Path, metavar="FILE", help="print only the peak memory in MB over one event")
    options = parser.parse_args(arguments)
    keep_freed_memory()  # as telemetry_ingest does
    if options.peak_of:
        _print_peak(options.peak_of)
        return
    loop = loop_per_s()
    print(f"machine: {loop:,.0f} steps/s of a plain Python loop; medians of {ROUNDS} rounds\n")
    print("| case | MB | items/s | obvious items/s | ratio | peak MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    rows, differences = [], []
    for name, event in _events(options.events):
        try:
            check_equal(name, event)
        except AssertionError as difference:
            differences.append(str(difference))
        except Exception as error:  # noqa: BLE001 - the boundary to strangers' events, of any form
            differences.append(f"{name}: {type(error).__name__}: {error}")
            continue
        row = measure(name, event)
        rows.append(row)
        rates = f"{row.events_per_s:,.0f} | {row.obvious_events_per_s:,.0f} | {row.ratio:.1f}"
        print(f"| {name} | {len(event) / 1e6:.1f} | {rates} | {peak_mb(event):.0f} |", flush=True)
    if options.json:
        document = {"rows": [asdict(row) for row in rows], "machine": {"loop_per_s": round(loop)}}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if differences:
        sys.exit("not the same result, so no comparison: " + "; ".join(differences))


if __name__ == "__main__":
    main()
