"""``python -m tests.fuzz.memory``: check records in an address space that ends 64 MB above what they may inflate to.

What goes over it meets a ``MemoryError``, which is a finding like any other. ``greedy`` as an argument checks the
check: it holds as much as is forbidden.
"""

import ctypes
import gc
import gzip
import random
import resource
import sys
from pathlib import Path

from tests.fuzz import target
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import SAMPLES, corpus, samples, seeds
from tests.fuzz.target import Finding, check, check_once

MAX_BYTES = 16 << 20
"""What a record may inflate to in production."""
ALLOWED_BYTES = (64 << 20) + MAX_BYTES
CHANGED = 300


def main() -> None:
    """Exit with 1 and say where, if a record needs more."""
    target.MAX_BYTES = MAX_BYTES
    records = [path.read_bytes() for path in corpus()]
    dice, known = random.Random(64), seeds()
    records += [mutate(dice.choice(known), dice, known) for _ in range(CHANGED)]
    work = [*((data, check) for data in records), *((data, check_once) for data in large_records())]
    for data in samples():  # what is loaded once, and stays, is not a record's
        check(data)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else a record may use what was freed before it, unseen
    limit = _address_space() + ALLOWED_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if sys.argv[1:] == ["greedy"]:
        bytearray(ALLOWED_BYTES + (1 << 20))
    for data, read in work:
        try:
            read(data)
        except Finding as finding:
            print(f"{data[:40]!r} ... of {len(data)} bytes: {finding}")
            sys.exit(1)


def large_records() -> list[bytes]:
    """Return records that inflate to almost all they may: spans, and JSON that is dear as Python objects."""
    spans = (SAMPLES[0] / "shop-traces-0.pb").read_bytes()
    json_bytes = MAX_BYTES // 4
    plain = [
        spans * ((MAX_BYTES - 4096) // len(spans)),
        b'{"resourceSpans":[' + b'{"a":0},' * (json_bytes // 26) + b"{}]}",
        b'{"resourceSpans":[' + b'"ab",' * (json_bytes // 26) + b"0]}",
        b'{"resourceSpans":[' + b"0," * (MAX_BYTES // 2 - 4096) + b"0]}",
    ]
    return [gzip.compress(one, 1, mtime=0) for one in plain]


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
