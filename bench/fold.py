"""``telemetry_fold``, 2,000 series x 50 minutes into the block of one hour: ``python -m bench.fold [--json FILE]``.

CPU time from the segments' bodies, as the log keeps them, to the encoded block. "an hour at once" is 50 segments of a
minute each, as after an outage of the fold; "minute by minute" is the sum of 50 folds of one segment into the block.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from opsloop.telemetry.aggregate import from_points
from opsloop.telemetry.encoding import decode, encode
from opsloop.telemetry.fold import Folding
from opsloop.telemetry.model import Block, Series
from opsloop.telemetry.segment import Committed, Share, decode_body, encode_body

SERIES, MINUTES, VALUES = 2_000, 50, 5
HOUR = 29_728_800
SERVICE, LOG = "shop", "log#stream#1#shardId-000000000000"
MARK_S = 1.0


def bodies() -> list[bytes]:
    """Return the bodies of one segment per minute, in each of which every series has some spans."""
    chance = np.random.default_rng(1)
    series = [
        Series(SERVICE, "span.duration", "server", f"GET /route-{number % 50}/{{id}}", "ns", (("pod", f"{number}"),))
        for number in range(SERIES)
    ]
    index = np.repeat(np.arange(SERIES), VALUES)
    made = []
    for minute in range(MINUTES):
        values = np.ceil(chance.lognormal(17, 1, len(index)))
        cells = from_points(series, index, np.full(len(index), HOUR + minute), values)
        made.append(encode_body(cells, (Share(SERVICE, HOUR, SERIES, len(index)),)))
    return made


def folded(parts: list[bytes], first: int, body: bytes | None, block: Block | None) -> tuple[Block, bytes]:
    """Return the block with ``parts``, the segments from number ``first`` on, and its body as it is stored."""
    segments = []
    for number, part in enumerate(parts, first):
        cells, shares, exemplars = decode_body(part)
        segments.append(Committed(LOG, f"{number:056}", f"{number + 1:056}", cells, shares, 0.0, exemplars))
    if block is not None and body is not None:
        decode(body)  # a run reads the block anew
    made = Folding(LOG, segments).fold_into(block, (SERVICE, HOUR), SERIES)
    if made is None:
        raise AssertionError("nothing was folded")
    return made, encode(made.cells)


def main(arguments: list[str] | None = None) -> None:
    """Fold in both ways, compare the blocks, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    parts = bodies()
    started = time.process_time()
    _, expected = folded(parts, 0, None, None)
    at_once_s = time.process_time() - started
    started = time.process_time()
    block, body = folded(parts[:1], 0, None, None)
    for number in range(1, MINUTES):
        block, body = folded(parts[number : number + 1], number, body, block)
    stepwise_s = time.process_time() - started
    if body != expected:
        raise AssertionError("the two ways give different blocks")
    rows = [
        {"case": "an hour at once", "cpu_s": round(at_once_s, 3), "mark_s": MARK_S},
        {"case": "minute by minute, per minute", "cpu_s": round(stepwise_s / MINUTES, 3), "mark_s": MARK_S},
    ]
    for row in rows:
        print(f"{row['case']:30} {row['cpu_s']:6.3f} s   mark {MARK_S:.0f} s")
    print(f"{SERIES:,} series x {MINUTES} minutes x {VALUES} values; block of {len(expected) / 1e6:.1f} MB")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
