"""An OTLP JSON request with faults in it -> its good items in protobuf, and the others as JSON of their own."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from opsloop.telemetry.fault import MALFORMED
from opsloop.telemetry.otlp_json import JsonError, encode_message, varint
from opsloop.telemetry.otlp_schema import LEN, MESSAGES, REQUESTS, Message, Signal
from opsloop.telemetry.reading import Refusal, Transcoded
from opsloop.telemetry.salvage import summary

MAX_FAULTS = 10_000  # of a request, until what comes after them is refused without a look

# The fields to follow from a request down to its items.
_LEVELS: dict[Signal, tuple[tuple[str, ...], ...]] = {
    "traces": (("resource_spans",), ("scope_spans",), ("spans",)),
    "metrics": (
        ("resource_metrics",),
        ("scope_metrics",),
        ("metrics",),
        ("gauge", "sum", "histogram", "exponential_histogram", "summary"),
        ("data_points",),
    ),
    "logs": (("resource_logs",), ("scope_logs",), ("log_records",)),
}


class _Parts(NamedTuple):
    """A message's good part in protobuf and its bad part in JSON; None where there is none."""

    good: bytes | None
    bad: Any


def encode_good_part(document: Mapping[str, Any], signal: Signal) -> Transcoded:
    """Return what of ``document``, which ``otlp_json.encode`` refuses, can be read: item by item.

    An item is a span, a log record or a data point. What is around it has to be right too: a scope with a fault is
    refused with all its items.
    """
    reasons: list[str] = []
    good, bad = _parts(dict(document), REQUESTS[signal], _LEVELS[signal], "", reasons)
    if bad is None:
        return Transcoded(signal, good or b"")
    data = json.dumps(bad, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Transcoded(signal, good or b"", (Refusal(data, summary(reasons), MALFORMED),))


def _parts(value: Any, message: Message, levels: tuple[tuple[str, ...], ...], path: str, reasons: list[str]) -> _Parts:
    try:
        return _Parts(encode_message(value, message.name), None)
    except JsonError as error:
        fault = error
    if levels and isinstance(value, dict):
        children = {name: item for name, item in value.items() if _is_child(message, name, levels[0], item)}
        header = {name: item for name, item in value.items() if name not in children}
        try:
            found = encode_message(header, message.name)
        except JsonError as error:
            fault = error
        else:
            return _divide(header, found, children, message, levels, path, reasons)
    reasons.append(f"{path}.{fault}" if path and fault.path else f"{path}: {fault}" if path else str(fault))
    return _Parts(None, value)


def _is_child(message: Message, name: str, wanted: tuple[str, ...], item: Any) -> bool:
    field = message.by_json_name.get(name)
    if field is None or field.name not in wanted:
        return False
    return isinstance(item, list if field.repeated else dict)


def _divide(
    header: dict[str, Any],
    found: bytes,
    children: dict[str, Any],
    message: Message,
    levels: tuple[tuple[str, ...], ...],
    path: str,
    reasons: list[str],
) -> _Parts:
    """Return the parts of a message whose header is right: of each child what is right of it."""
    kept, refused = [found], dict(header)
    for name, item in children.items():
        field = message.by_json_name[name]
        step = f"{path}.{name}" if path else name
        bad = []
        for i, one in enumerate(item if field.repeated else [item]):
            if len(reasons) >= MAX_FAULTS:  # a million zeros are no million spans: the rest is refused unread
                bad.append(one)
                continue
            place = f"{step}[{i}]" if field.repeated else step
            parts = _parts(one, MESSAGES[field.message], levels[1:], place, reasons)
            if parts.good is not None:
                kept.append(varint(field.number << 3 | LEN) + varint(len(parts.good)) + parts.good)
            if parts.bad is not None:
                bad.append(parts.bad)
        if bad:
            refused[name] = bad if field.repeated else bad[0]
    return _Parts(b"".join(kept) if len(kept) > 1 else None, refused)
