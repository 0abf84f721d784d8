"""One run of ``anomaly_detect`` over 10,000 series: ``python -m bench.anomaly_run [--json FILE]``.

CPU time of one invocation as it comes every five minutes: what is remembered is read, the blocks of this hour and of
the hour before are decoded, their series measured, one bucket of all series judged, and what is remembered written.
"One by one" is the same mathematics with one call per series, timed on a part of them.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from opsloop.anomaly.hour import Hours
from opsloop.anomaly.scan import Scan
from opsloop.anomaly.state import Memory, decode, encode
from opsloop.anomaly.step import step
from opsloop.catalog import Catalog, Service
from opsloop.log.model import PatternHour
from opsloop.telemetry.aggregate import Aggregate, from_points
from opsloop.telemetry.encoding import decode as decode_block
from opsloop.telemetry.encoding import encode as encode_block
from opsloop.telemetry.model import SPAN_DURATION, Block, SeenService, Series

SERVICES, OPERATIONS, PER_MINUTE = 192, 16, 12
HISTORY_H, BUCKET = 20, 5
BODIES = 64
START = 29_919_840
MARK_S = 5.0
ONE_BY_ONE = 500
CATALOG = Catalog({}, Service("", 2, "", "", "test", (), 2_000, 0.05))


class Stored:
    """Blocks as they are stored: each read decodes."""

    def __init__(self) -> None:
        chance = np.random.default_rng(1)
        self._bodies = [encode_block(_hour(chance)) for _ in range(BODIES)]

    def read(self, service: str, first_hour: int, last_hour: int) -> list[Block]:
        """Return the blocks of ``service``, moved to its hours."""
        found = []
        for hour in range(first_hour, last_hour + 1, 60):
            which = np.random.default_rng([hour, int(service)]).integers(BODIES)  # no two services alike
            cells = decode_block(self._bodies[which])
            found.append(Block(service, hour, _moved(cells, hour), {}, ()))
        return found


class NoPatterns:
    """Services without logs."""

    def hours(self, _service: str, _first_hour: int, _last_hour: int) -> list[PatternHour]:
        """Return nothing."""
        return []


def _hour(chance: np.random.Generator) -> Aggregate:
    series = [Series("", SPAN_DURATION, "server", f"GET /route-{number}", "ns") for number in range(OPERATIONS)]
    index = np.repeat(np.arange(OPERATIONS), 60 * PER_MINUTE)
    minute = np.tile(np.repeat(np.arange(60), PER_MINUTE), OPERATIONS)
    values = np.ceil(chance.lognormal(17, 0.6, len(index)))
    return from_points(series, index, minute, values, errors=chance.random(len(index)) < 0.01)


def _moved(cells: Aggregate, hour: int) -> Aggregate:
    return Aggregate(**{**vars(cells), "minute": cells.minute + hour})


def learned(stored: Stored, services: list[SeenService], end: int) -> Memory:
    """Return what is remembered of the hours before ``end``."""
    scan = Scan(Memory(START, START), CATALOG, (), lambda _first, _last: ())
    hours = Hours(stored, NoPatterns(), services, end)
    for hour in range(START, end, 60):
        scan.step(hours.hour(hour), end, partial_from=end)
    return scan.memory


def main(arguments: list[str] | None = None) -> None:
    """Time one run, and the judging of some series one by one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    end = START + HISTORY_H * 60
    services = [SeenService(str(number), START, end + 60) for number in range(SERVICES)]
    stored = Stored()
    body = encode(learned(stored, services, end))
    started = time.process_time()
    memory = decode(body)
    scan = Scan(memory, CATALOG, (), lambda _first, _last: ())
    read = time.process_time()
    hour = Hours(stored, NoPatterns(), services, end + BUCKET).hour(end)
    judged = time.process_time()
    scan.step(hour, end + BUCKET, partial_from=end + BUCKET)
    written = time.process_time()
    encoded = encode(memory)
    finished = time.process_time()
    series = len(memory.keys)
    rows, values = np.arange(series), np.full(series, 100.0)
    at_once_s = _timed(memory, rows, values, (end + BUCKET) * 60)
    single_s = sum(
        _timed(memory, rows[row : row + 1], values[row : row + 1], (end + 2 * BUCKET) * 60) for row in range(ONE_BY_ONE)
    )
    result = {
        "series": series,
        "cpu_s": round(finished - started, 2),
        "mark_s": MARK_S,
        "memory_read_s": round(read - started, 2),
        "blocks_decoded_s": round(judged - read, 2),
        "measured_and_judged_s": round(written - judged, 2),
        "memory_written_s": round(finished - written, 2),
        "ratio_to_one_by_one": round(single_s / ONE_BY_ONE * series / at_once_s),
        "bytes_per_series": round(len(encoded) / series),
    }
    for name, value in result.items():
        print(f"{name:24} {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _timed(memory: Memory, rows: np.ndarray, values: np.ndarray, second: int) -> float:
    started = time.process_time()
    step(memory.maths, rows, second, values)
    return time.process_time() - started


if __name__ == "__main__":
    main()
