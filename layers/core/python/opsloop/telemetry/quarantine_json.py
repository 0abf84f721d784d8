"""What the API tells of quarantined objects."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from opsloop.clock import format_time, time_of
from opsloop.telemetry.claim import Claim
from opsloop.telemetry.quarantined import Quarantined, State
from opsloop.telemetry.replay import Reread, Result, services_of

PREVIEW_BYTES = 4_096
PARTS_TOLD = 50
_OUTCOMES = {Result.REPLAYED: "readable", Result.PARTLY_REPLAYED: "partly_readable"}


def describe(found: Quarantined, claim: Claim | None) -> dict[str, Any]:
    """Return what is known of an object without its bytes."""
    facts = found.facts
    position = {"log": facts.get("log"), "sequence": facts.get("sequence"), "partition_key": facts.get("key")}
    return {
        "key": found.key,
        "source": found.listed.source,
        "kind": found.kind,
        "reason": found.reason,
        "arrived_at": format_time(found.arrived_at),
        "set_aside_at": format_time(found.listed.set_aside_at),
        "size_bytes": found.listed.size_bytes,
        "part": facts.get("part", "whole"),
        "part_of": facts.get("part-of"),
        "signal": facts.get("signal"),
        "content_type": facts.get("content-type") or None,
        "content_encoding": facts.get("content-encoding") or None,
        "correlation_id": facts.get("correlation-id"),
        "position": position if facts.get("log") else None,
        "state": State.REPLAYED if claim else State.OPEN,
        "replayed_at": format_time(datetime.fromtimestamp(claim.at_s, UTC)) if claim else None,
        "replayed_items": claim.items if claim else None,
        "replayed_by": claim.by if claim else None,
    }


def counts(found: Iterable[Quarantined], *, is_complete: bool) -> dict[str, Any]:
    """Return how many objects there are, by kind and by source; not complete where not all were looked at."""
    by_kind, by_source = Counter[str](), Counter[str]()
    for one in found:
        by_kind[one.kind] += 1
        by_source[one.listed.source] += 1
    return {
        "objects": by_kind.total(),
        "by_kind": dict(sorted(by_kind.items())),
        "by_source": dict(sorted(by_source.items())),
        "is_complete": is_complete,
    }


def preview(data: bytes) -> dict[str, Any]:
    """Return the first bytes, as hexadecimal digits and as text in which a dot stands for what cannot be shown."""
    first = data[:PREVIEW_BYTES]
    text = first.decode("utf-8", "replace")
    shown = "".join(letter if letter.isprintable() or letter in "\n\t" else "." for letter in text)
    return {"bytes": len(first), "hex": first.hex(), "text": shown}


def reading(read: Reread, form: str, signals: list[str]) -> dict[str, Any]:
    """Return what our reader makes of an object today."""
    segment = read.segment
    minutes = segment.cells.minute
    return {
        "outcome": _OUTCOMES.get(read.result, read.result.value.removeprefix("still_")),
        "form": form,
        "signals": signals,
        "items": segment.items,
        "services": services_of(segment),
        "first_minute": format_time(time_of(int(minutes.min()))) if len(minutes) else None,
        "last_minute": format_time(time_of(int(minutes.max()))) if len(minutes) else None,
        "clamped": segment.clamped,
        "dropped": segment.dropped,
        "refused": [
            {"kind": one.kind, "reason": one.reason, "size_bytes": len(one.data)} for one in read.refused[:PARTS_TOLD]
        ],
        "refused_parts": len(read.refused),
        "reason": read.reason,
    }
