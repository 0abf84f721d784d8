"""An anomaly's id and stored form, and what people said of it."""

import json
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from opsloop.anomaly.model import Anomaly, Direction, Part, Severity, State
from opsloop.clock import minute_of, time_of
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

VERDICTS = ("useful", "noise")
_ID = re.compile(r"\d{8}T\d{4}-[0-9a-f]{16}")
_STAMP = "%Y%m%dT%H%M"


@dataclass(frozen=True)
class Feedback:
    """What ``by`` said of an anomaly at minute ``at_minute``: one of ``VERDICTS``, and a note or nothing."""

    anomaly_id: str
    verdict: str
    by: str
    note: str
    at_minute: int


@dataclass(frozen=True)
class AnomalyPage:
    """Some anomalies, newest first, and the position after which the next page begins, empty at the end."""

    anomalies: tuple[Anomaly, ...]
    next: str


def anomaly_id(key: tuple[str, ...], first_minute: int) -> str:
    """Return the id of the anomaly of series ``key`` that began in the bucket of ``first_minute``.

    ``20261121T1205-4f3a9c1e2b7d4f60``: the same whoever finds it how often, and ids sort by time.
    """
    digest = sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{time_of(first_minute).strftime(_STAMP)}-{digest}"


def begun_at(identity: str) -> int | None:
    """Return the minute at which the anomaly of that id began; None for what is no id."""
    if not _ID.fullmatch(identity):
        return None
    try:
        return minute_of(datetime.strptime(identity[:13], _STAMP).replace(tzinfo=UTC))
    except ValueError:
        return None


def packed(anomaly: Anomaly) -> bytes:
    """Return ``anomaly`` as bytes."""
    text = json.dumps(record(anomaly), separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def unpacked(body: bytes) -> Anomaly:
    """Return the anomaly that ``packed`` wrote; raise ``InvalidInputError`` for anything else."""
    try:
        return from_record(json.loads(zlib.decompress(body).decode("utf-8", "surrogatepass")))
    except (zlib.error, ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(f"anomaly: {error}") from None


def record(anomaly: Anomaly) -> dict[str, Any]:
    """Return ``anomaly`` as a JSON object, its minutes as numbers."""
    return {
        **vars(anomaly),
        "votes": dict(anomaly.votes),
        "contributing": [dict(one) for one in anomaly.contributing],
        "effects": list(anomaly.effects),
    }


def from_record(content: Mapping[str, Any]) -> Anomaly:
    """Return the anomaly that ``record`` wrote."""
    return Anomaly(
        **{
            **content,
            "direction": Direction(content["direction"]),
            "state": State(content["state"]),
            "severity": Severity(content["severity"]),
            "part": Part(content["part"]),
            "contributing": tuple(content["contributing"]),
            "effects": tuple(content["effects"]),
        }
    )
