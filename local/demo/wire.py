"""Many spans of one shape as OTLP bytes at once: a template is copied, and ids and times are written into it.

A protobuf object per span takes 10 us, and history has millions. Fields that differ have a fixed width here: ids, and
times as fixed64; everything else is the same for all spans of one shape.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

Bytes = NDArray[np.uint8]
Ids = NDArray[np.uint64]

_TRACE, _SPAN, _PARENT = bytes(range(1, 17)), bytes(range(33, 41)), bytes(range(65, 73))
SPAN_FORM = "<u8"  # who keeps only the first bytes of an id still tells two of them apart
_START, _END = 0x0102030405060708, 0x1112131415161718  # not zero, which protobuf would leave out


def attribute(key: str, value: str | int) -> KeyValue:
    """Return an attribute, text or whole number."""
    told = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
    return KeyValue(key=key, value=told)


class Shape:
    """All spans of one name, kind, status and attributes; of ``has_parent`` the parent's id is told too."""

    def __init__(
        self, name: str, kind: int, attributes: Mapping[str, str | int], *, is_error: bool, has_parent: bool
    ) -> None:
        span = Span(
            trace_id=_TRACE,
            span_id=_SPAN,
            parent_span_id=_PARENT if has_parent else b"",
            name=name,
            kind=kind,  # type: ignore[arg-type]  # protobuf's enums are numbers
            start_time_unix_nano=_START,
            end_time_unix_nano=_END,
            attributes=[attribute(key, value) for key, value in attributes.items()],
            status=Status(code=Status.STATUS_CODE_ERROR) if is_error else None,
        )
        scope = ScopeSpans(spans=[span]).SerializeToString()
        self._template = np.frombuffer(scope, dtype=np.uint8)
        self._places = {
            "trace": scope.index(_TRACE),
            "span": scope.index(_SPAN),
            "parent": scope.index(_PARENT) if has_parent else -1,
            "start": scope.index(_START.to_bytes(8, "little")),
            "end": scope.index(_END.to_bytes(8, "little")),
        }

    def spans(self, trace: Ids, span: Ids, parent: Ids, start_ns: Ids, end_ns: Ids) -> bytes:
        """Return the spans as fields of a ``ScopeSpans``; each argument has shape (n_spans,).

        The number of a trace fills the last 8 bytes of its id, the first ones are fixed.
        """
        rows = np.tile(self._template, (len(trace), 1))
        place = self._places["trace"]
        rows[:, place : place + 8] = np.frombuffer(b"opsloop\0", dtype=np.uint8)
        self._write(rows, place + 8, trace, ">u8")
        self._write(rows, self._places["span"], span, SPAN_FORM)
        if self._places["parent"] >= 0:
            self._write(rows, self._places["parent"], parent, SPAN_FORM)
        self._write(rows, self._places["start"], start_ns, "<u8")
        self._write(rows, self._places["end"], end_ns, "<u8")
        return rows.tobytes()

    @staticmethod
    def _write(rows: Bytes, place: int, values: Ids, form: str) -> None:
        rows[:, place : place + 8] = values.astype(form).view(np.uint8).reshape(-1, 8)


def traces_request(resource: Resource, spans: bytes) -> bytes:
    """Return the ``ExportTraceServiceRequest`` of one resource with ``spans`` that ``Shape.spans`` made."""
    scope = ScopeSpans(scope=InstrumentationScope(name="shop", version="1.0.0")).SerializeToString() + spans
    head = ResourceSpans(resource=resource).SerializeToString()
    of_resource = head + _field(2, scope)
    return _field(ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER, of_resource)


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
