"""What lies in the detector's item, as bytes: readers of one part need not know the others."""

import json
import zlib
from collections.abc import Mapping

from opsloop.dataclass import dataclass

Unknown = Mapping[str, Mapping[str, str]]
"""Service -> measure (``saturation <metric>`` where there are several) -> why it cannot be judged."""


@dataclass(frozen=True)
class Standing:
    """Buckets before minute ``judged_to`` are judged; ``unknown`` says what could not be in the last one."""

    judged_to: int
    unknown: Unknown


@dataclass(frozen=True)
class Saved:
    """One version. ``judged_to``: buckets before this minute are judged."""

    version: int
    memory: bytes
    outbox: bytes
    open_ids: bytes
    unknown: bytes
    judged_to: int


def pack(content: object) -> bytes:
    """Return JSON content as bytes."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def unpack_unknown(body: bytes) -> Unknown:
    """Return what cannot be judged, and why."""
    content: Unknown = json.loads(zlib.decompress(body).decode("utf-8", "surrogatepass"))
    return content
