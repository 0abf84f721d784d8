"""Items of a JSON record, transcoded one by one: those that cannot be are refused, together and as they came."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from opsloop.errors import PermanentError
from opsloop.telemetry.fault import INVALID_ITEM
from opsloop.telemetry.formats.otlp_writer import Groups
from opsloop.telemetry.reading import Refusal
from opsloop.telemetry.salvage import summary


def transcode_each(
    items: Sequence[Any], add: Callable[[Any], None], groups: Groups, name: str
) -> tuple[bytes, tuple[Refusal, ...]]:
    """Return the request that ``add`` gathers in ``groups``, and the items that it raises ``PermanentError`` for.

    The refused ones are one JSON document per line, which is a record too: they can be fixed and replayed.
    """
    bad: list[Any] = []
    reasons: list[str] = []
    for place, item in enumerate(items):
        try:
            add(item)
        except PermanentError as error:
            bad.append(item)
            reasons.append(f"{name} {place}: {error}")
    return groups.request(), refuse(bad, reasons)


def refuse(bad: Sequence[Any], reasons: Sequence[str]) -> tuple[Refusal, ...]:
    """Return the refusal of items as a record of their own, one JSON document per line; none if there are none."""
    if not bad:
        return ()
    lines = [json.dumps(item, separators=(",", ":")).encode("utf-8", "surrogatepass") for item in bad]
    return (Refusal(b"\n".join(lines), summary(reasons), INVALID_ITEM),)
