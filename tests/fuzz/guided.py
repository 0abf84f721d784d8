"""Fuzzing guided by coverage, with atheris: what reaches new lines of our code is kept and changed further.

Runs in an environment of its own (see ``__main__``). Half of the changes are ours, which keep lengths and layers
right; half are libFuzzer's. Faults are collected, and do not end the run.
"""

import random
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["opsloop"]):
    from tests.fuzz.loop import Findings, run_one

from tests.fuzz.mutate import MAX_SIZE, mutate
from tests.fuzz.seeds import seeds

_ODDS = 0.5
_HANG_S = 60  # code that notes what it covers takes several times as long
_SAY_EVERY_S = 60
_QUICK_S = 0.3


def _is_quick(data: bytes, findings: Findings) -> bool:
    """Whether an input leaves time for others; the slow ones are bombs, which ``make test`` replays."""
    started = time.process_time()
    run_one(data, findings, _HANG_S)
    return time.process_time() - started < _QUICK_S


def main(seconds: int, corpus: Path, crashes: Path) -> None:
    """Fuzz for ``seconds``."""
    findings = Findings(crashes)
    known = [data for data in seeds() if _is_quick(data, findings)]
    corpus.mkdir(parents=True, exist_ok=True)
    for old in corpus.glob("seed-*"):
        old.unlink()
    for place, data in enumerate(known):
        (corpus / f"seed-{place:03}").write_bytes(data)
    done, said_s = 0, time.monotonic()

    def one_input(data: bytes) -> None:
        nonlocal done, said_s
        done += 1
        if run_one(data, findings, _HANG_S):
            print(f"FOUND {findings.details[next(reversed(findings.details))][:300]}", flush=True)
        if time.monotonic() - said_s >= _SAY_EVERY_S:
            said_s += _SAY_EVERY_S
            print(f"{done} inputs, {len(findings.details)} findings", flush=True)

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        dice = random.Random(seed)
        if dice.random() < _ODDS:
            return mutate(data, dice, known)[:max_size]
        return bytes(atheris.Mutate(data, max_size))

    limits = [f"-max_total_time={seconds}", f"-max_len={MAX_SIZE}", "-timeout=120", "-rss_limit_mb=1024"]
    quiet = ["-verbosity=0", "-report_slow_units=60", f"-artifact_prefix={crashes}/"]
    atheris.Setup([sys.argv[0], *limits, *quiet, str(corpus)], one_input, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
