"""What one slice of a backtest hands to the next: how far it is, and per catalog what is remembered and was called.

``OBT1``, then the length of the head (uint32), the head (JSON), and the memories one after the other.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

from opsloop.anomaly.model import Anomaly
from opsloop.anomaly.record import from_record, record
from opsloop.anomaly.state import Memory
from opsloop.anomaly.state import decode as decode_memory
from opsloop.anomaly.state import encode as encode_memory
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

MAGIC = b"OBT1"


@dataclass(frozen=True)
class Trial:
    """One catalog's: what its detector remembers, and the anomalies that it would have told, by id."""

    memory: Memory
    found: Mapping[str, Anomaly]


@dataclass(frozen=True)
class Carried:
    """Buckets before minute ``at`` are judged, of those before ``end_minute`` in all. ``unknown`` is what could not be
    judged when the time in question began; None as long as it has not. ``begun_at``: where the first slice began."""

    at: int
    end_minute: int
    unknown: list[dict[str, str]] | None
    trials: Mapping[str, Trial]
    begun_at: int = 0

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left to be judged."""
        return self.at >= self.end_minute


def encode(carried: Carried, question: str) -> bytes:
    """Return ``carried`` as bytes; ``question`` names what was asked."""
    memories = {name: encode_memory(trial.memory) for name, trial in carried.trials.items()}
    head = {
        "question": question,
        "at": carried.at,
        "end_minute": carried.end_minute,
        "unknown": carried.unknown,
        "begun_at": carried.begun_at,
        "sizes": {name: len(body) for name, body in memories.items()},
        "found": {name: [record(one) for one in trial.found.values()] for name, trial in carried.trials.items()},
    }
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, *memories.values()])


def decode(body: bytes, question: str) -> Carried:
    """Return what ``encode`` wrote for ``question``; raise ``InvalidInputError`` for anything else."""
    if body[:4] != MAGIC:
        raise InvalidInputError("continuation: it is not of a backtest")
    try:
        (length,) = struct.unpack_from("<I", body, 4)
        head = json.loads(body[8 : 8 + length].decode("utf-8", "surrogatepass"))
        if head["question"] != question:
            raise InvalidInputError("continuation: it was given for another question; begin again without it")
        return _carried(head, body, 8 + length)
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"continuation: {error}") from None


def _carried(head: dict[str, Any], body: bytes, at: int) -> Carried:
    trials = {}
    for name, size in head["sizes"].items():
        found = {one["anomaly_id"]: from_record(one) for one in head["found"][name]}
        trials[name] = Trial(decode_memory(body[at : at + size]), found)
        at += size
    return Carried(head["at"], head["end_minute"], head["unknown"], trials, head["begun_at"])
