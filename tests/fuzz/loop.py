"""Fuzzing without coverage: seeds changed by ``mutate`` until the time is over. Needs no package beyond the tests'."""

import hashlib
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import seeds
from tests.fuzz.target import HANG_S, Finding, check, guarded


@dataclass
class Findings:
    """The smallest input for each place of fault; saved to ``folder`` where one is given."""

    folder: Path | None = None
    by_place: dict[str, bytes] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def add(self, finding: Finding, data: bytes) -> bool:
        """Keep ``data`` if it is the first, or the smallest, of its fault; return whether the fault is new."""
        known = self.by_place.get(finding.place)
        if known is not None and len(known) <= len(data):
            return False
        self.by_place[finding.place], self.details[finding.place] = data, str(finding)
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(finding.place.encode()).hexdigest()[:12]
            (self.folder / f"{name}.bin").write_bytes(data)
            (self.folder / f"{name}.txt").write_text(f"{finding}\n", encoding="utf-8")
        return known is None


def run_one(data: bytes, findings: Findings, hang_s: int = HANG_S) -> bool:
    """Check one input; return whether it shows a fault not seen yet."""
    try:
        with guarded(hang_s):
            check(data)
    except Finding as finding:
        return findings.add(finding, data)
    return False


def run(seconds: float, findings: Findings, *, seed: int, first: Iterable[bytes] = ()) -> int:
    """Check ``first``, then changed seeds for ``seconds``; return how many inputs there were."""
    dice = random.Random(seed)
    known = seeds()
    done = 0
    for data in first:
        run_one(data, findings)
        done += 1
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run_one(mutate(dice.choice(known), dice, known), findings)
        done += 1
    return done
