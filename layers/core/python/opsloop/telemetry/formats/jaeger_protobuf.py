"""A Jaeger span (model.proto, ``jaeger.api_v2.Span``) -> an OTLP trace request of one span.

The collector's Kinesis exporter writes one bare span per record. Rules: OpenTelemetry specification, "OpenTelemetry to
Jaeger Transformation", read backwards; layout: jaegertracing/jaeger-idl, proto/api_v2/model.proto.

* process.service_name and its tags are the resource; the tag ``hostname`` is ``host.name``.
* tags ``span.kind``, ``error``, ``otel.status_code``, ``otel.status_description``, ``w3c.tracestate`` and
  ``otel.scope.*`` become what they were made of. ``error`` = true counts before ``otel.status_code``.
* The first CHILD_OF reference within the trace is the parent; the others are links.
* A log is an event named by its field ``event``.
"""

from collections.abc import Sequence
from typing import Any

from opsloop.errors import InvalidInputError
from opsloop.telemetry.fault import INVALID_ITEM, UnreadableError
from opsloop.telemetry.formats.otlp_writer import Groups, attributes, embed, fixed64, number, text
from opsloop.telemetry.formats.proto import Value, table
from opsloop.telemetry.reading import Transcoded
from opsloop.telemetry.wire import WireError

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_TABLE = table(
    {
        "Span": """
            1 trace_id bytes
            2 span_id bytes
            3 operation_name string
            4 references SpanRef*
            5 flags uint
            6 start_time Time
            7 duration Time
            8 tags KeyValue*
            9 logs Log*
            10 process Process""",
        "SpanRef": "1 trace_id bytes\n 2 span_id bytes\n 3 ref_type int",
        "Time": "1 seconds int\n 2 nanos int",
        "Log": "1 timestamp Time\n 2 fields KeyValue*",
        "Process": "1 service_name string\n 2 tags KeyValue*",
        "KeyValue": """
            1 key string
            2 type int
            3 v_str string
            4 v_bool bool
            5 v_int64 int
            6 v_float64 double
            7 v_binary bytes""",
    }
)
_VALUES: dict[int, tuple[str, object]] = {
    0: ("v_str", ""),
    1: ("v_bool", False),
    2: ("v_int64", 0),
    3: ("v_float64", 0.0),
    4: ("v_binary", b""),
}
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
STATUS_OK, STATUS_ERROR = 1, 2
_CHILD_OF = 0
_NS = 1_000_000_000


def transcode(data: bytes) -> Transcoded:
    """Return the trace request of one Jaeger span.

    Raises ``InvalidInputError`` if ``data`` is not a span with its ids, its start and its process.
    """
    try:
        span = _TABLE.read(data, 0, len(data), "Span")
    except WireError as error:
        raise InvalidInputError(f"no Jaeger span: {error}") from None
    if len(span.get("trace_id", b"")) != TRACE_ID_BYTES or len(span.get("span_id", b"")) != SPAN_ID_BYTES:
        raise InvalidInputError("no Jaeger span: its ids are not 16 and 8 bytes long")
    if "start_time" not in span or ("operation_name" not in span and "process" not in span):
        raise InvalidInputError("no Jaeger span: it has no start, or neither a name nor a process")
    if not any(span["trace_id"]) or not any(span["span_id"]):
        raise UnreadableError("Jaeger span whose trace_id or span_id is zero", INVALID_ITEM)
    tags = _tags(span.get("tags", ()))
    scope = text(1, str(tags.pop("otel.scope.name", tags.pop("otel.library.name", ""))))
    scope += text(2, str(tags.pop("otel.scope.version", tags.pop("otel.library.version", ""))))
    groups = Groups()
    groups.add(_resource(span.get("process", {})), scope, _span(span, tags))
    return Transcoded("traces", groups.request())


def _resource(process: Value) -> bytes:
    pairs = _tags(process.get("tags", ()))
    if "hostname" in pairs and "host.name" not in pairs:
        pairs["host.name"] = pairs.pop("hostname")
    name = process.get("service_name", "")
    return attributes(1, [*([("service.name", name)] if name else []), *pairs.items()])


def _span(span: Value, tags: dict[str, Any]) -> bytes:
    start = _nanoseconds(span["start_time"])
    parent = _parent(span)
    kind = KINDS.get(str(tags.pop("span.kind", "")).lower(), 0)
    status = _status(tags)
    references = [one for one in span.get("references", ()) if one is not parent]
    return b"".join(
        (
            embed(1, span["trace_id"]),
            embed(2, span["span_id"]),
            text(3, str(tags.pop("w3c.tracestate", ""))),
            embed(4, parent["span_id"]) if parent else b"",
            text(5, span.get("operation_name", "")),
            number(6, kind),
            fixed64(7, start),
            fixed64(8, start + max(0, _nanoseconds(span.get("duration", {})))),
            attributes(9, tags.items()),
            *(embed(11, _event(log)) for log in span.get("logs", ())),
            *(embed(13, _link(one)) for one in references),
            status,
        )
    )


def _parent(span: Value) -> Value | None:
    for one in span.get("references", ()):
        is_same_trace = one.get("trace_id") == span["trace_id"]
        if one.get("ref_type", _CHILD_OF) == _CHILD_OF and is_same_trace and any(one.get("span_id", b"")):
            found: Value = one
            return found
    return None


def _status(tags: dict[str, Any]) -> bytes:
    """Return the status field of a span, and take its tags away."""
    code = {"OK": STATUS_OK, "ERROR": STATUS_ERROR}.get(str(tags.pop("otel.status_code", "")).upper(), 0)
    message = str(tags.pop("otel.status_description", ""))
    if tags.get("error") is True or str(tags.get("error", "")).lower() == "true":
        del tags["error"]
        code = STATUS_ERROR
    return embed(15, text(2, message) + number(3, code)) if code else b""


def _event(log: Value) -> bytes:
    fields = _tags(log.get("fields", ()))
    name = str(fields.pop("event", fields.pop("message", "")))
    return fixed64(1, _nanoseconds(log.get("timestamp", {}))) + text(2, name) + attributes(3, fields.items())


def _link(reference: Value) -> bytes:
    kind = "child_of" if reference.get("ref_type", _CHILD_OF) == _CHILD_OF else "follows_from"
    ids = embed(1, reference.get("trace_id", b"")) + embed(2, reference.get("span_id", b""))
    return ids + attributes(4, [("opentracing.ref_type", kind)])


def _tags(pairs: Sequence[Value]) -> dict[str, Any]:
    """Return tags by name with values of their own types; the last of a name counts."""
    found = {}
    for pair in pairs:
        field, default = _VALUES.get(pair.get("type", 0), ("v_str", ""))
        found[pair.get("key", "")] = pair.get(field, default)
    return found


def _nanoseconds(time: Value) -> int:
    """Return a protobuf Timestamp or Duration in nanoseconds; a time before 1970 is 0, as OTLP has none."""
    return int(max(0, time.get("seconds", 0) * _NS + time.get("nanos", 0)))
