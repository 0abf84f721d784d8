"""OTLP messages for tests, by a second method: opentelemetry-proto and protobuf's own parsers."""

import base64
import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
EVENTS = Path(__file__).resolve().parents[3] / "events" / "telemetry_receive"
_HEX = {"traceId", "spanId", "parentSpanId"}
_TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: _TEXT,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=9),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(float("nan")),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
}


def captured(signal: str) -> bytes:
    """Return the body of the protobuf sample event of ``signal``."""
    return base64.b64decode(json.loads((EVENTS / f"{signal}_protobuf.json").read_text())["body"])


@st.composite
def messages(draw: st.DrawFn, signal: str) -> Message:
    """Draw an export request of ``signal`` with any of its fields set."""
    message: Message = REQUESTS[signal]()
    _fill(draw, message, 9)
    return message


def _fill(draw: st.DrawFn, message: Message, depth: int) -> None:
    descriptor: Descriptor = message.DESCRIPTOR
    fields = [field for field in descriptor.fields if depth > 1 or field.message_type is None]
    if len(fields) > 4:
        fields = draw(st.lists(st.sampled_from(fields), max_size=5, unique_by=lambda field: field.number))
    for field in fields:
        if field.containing_oneof and message.WhichOneof(field.containing_oneof.name):
            continue
        count = draw(st.integers(0, 2)) if field.is_repeated else draw(st.integers(0, 1))
        for _ in range(count):
            _set(draw, message, field, depth)


def _set(draw: st.DrawFn, message: Message, field: FieldDescriptor, depth: int) -> None:
    if field.message_type is not None:
        place = getattr(message, field.name)
        target = place.add() if field.is_repeated else place
        target.SetInParent()
        _fill(draw, target, depth - 1)
        return
    if field.enum_type is not None:
        value: Any = draw(st.sampled_from([number.number for number in field.enum_type.values]))
    else:
        value = draw(_SCALARS[field.type])
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def to_otlp_dict(message: Message, *, names: bool = False) -> dict[str, Any]:
    """Return ``message`` as OTLP JSON by protobuf's own mapping, with ids in hex; enums as numbers or ``names``."""
    document = json_format.MessageToDict(message, use_integers_for_enums=not names)
    _hex_ids(document)
    return document


def _hex_ids(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _hex_ids(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _HEX:
                value[name] = base64.b64decode(item).hex()
            else:
                _hex_ids(item)


def canonical(signal: str, data: bytes) -> bytes:
    """Return ``data``, parsed and written again by protobuf, so that equal messages are equal bytes."""
    message = REQUESTS[signal].FromString(data)
    message.DiscardUnknownFields()
    written: bytes = message.SerializeToString(deterministic=True)
    return written


def items(signal: str, data: bytes) -> list[tuple[bytes, ...]]:
    """Return each item with all that stands around it (resource, scope, metric without points), in order."""
    request = REQUESTS[signal].FromString(data)
    found: list[tuple[bytes, ...]] = []
    for resource in getattr(request, {"traces": "resource_spans"}.get(signal, f"resource_{signal}")):
        inner = {"traces": "scope_spans"}.get(signal, f"scope_{signal}")
        for scope in getattr(resource, inner):
            around = (_without(resource, inner), _without(scope, _ITEMS[signal]))
            for item in getattr(scope, _ITEMS[signal]):
                if signal != "metrics":
                    found.append((*around, item.SerializeToString(deterministic=True)))
                    continue
                kind = item.WhichOneof("data")
                points = getattr(item, kind).data_points if kind else ()
                bare = type(item).FromString(item.SerializeToString())
                if kind:
                    getattr(bare, kind).ClearField("data_points")
                header = bare.SerializeToString(deterministic=True)
                found += [(*around, header, point.SerializeToString(deterministic=True)) for point in points]
    return found


_ITEMS = {"traces": "spans", "metrics": "metrics", "logs": "log_records"}


def _without(message: Message, field: str) -> bytes:
    bare = type(message).FromString(message.SerializeToString())
    bare.ClearField(field)
    return bare.SerializeToString(deterministic=True)
